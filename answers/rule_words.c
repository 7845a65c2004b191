// SPDX-License-Identifier: Apache-2.0
// The rules as the operator wrote them; which of them count is common/model's.
#include "answers/rule_words.h"

#include <stdbool.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/json.h"
#include "common/base/map.h"
#include "common/model/rules.h"
#include "common/model/rules_check.h"
#include "common/model/rules_compile.h"

static const char *rule_words_company(struct arena *arena, const struct rule *rule, const char *sid)
{
    const char *text = "";
    map_each (e, &rule->resources) {
        if (strcmp(e->key, sid) != 0) {
            text = arena_printf(arena, "%s%s%s", text, *text != '\0' ? ", " : "", e->key);
        }
    }
    return *text != '\0' ? text : "nobody else";
}

static const char *rule_words_of(struct arena *arena, const struct rule *rule, const char *sid)
{
    if (rule->type == RULE_TYPE_NODE_AFFINITY) {
        return arena_printf(arena, "rule '%s' %s %s", rule->id,
                            rule->strict ? "allows only" : "prefers",
                            rule_nodes_to_text(arena, &rule->nodes));
    }
    return arena_printf(arena, "rule '%s' keeps it %s %s", rule->id,
                        rule->affinity == RULE_AFFINITY_POSITIVE ? "together with" : "apart from",
                        rule_words_company(arena, rule, sid));
}

struct json *rule_words(struct arena *arena, const char *text, const struct map *nodes,
                        const char *sid)
{
    struct json *list = json_new_array(arena);
    struct rule_set set;
    struct rule_set used;
    struct map problems;
    if (text == NULL || rule_set_parse(arena, text, strlen(text), &set, NULL) < 0) {
        return list;
    }
    map_init_arena(&problems, arena);
    rules_transform(arena, &set, nodes, &used, &problems);
    map_each (e, &set.rules) {
        const struct rule *rule = e->value;
        const struct rule_problems *why = map_find(&problems, e->key);
        if (!map_has(&rule->resources, sid)) {
            continue;
        }
        struct json *row = json_new_object(arena);
        const char *words = rule_words_of(arena, rule, sid);
        if (rule->disabled) {
            words = arena_printf(arena, "%s, but it is disabled", words);
        } else if (why != NULL && why->count > 0) {
            words = arena_printf(arena, "%s, but it is not used: %s", words, why->reasons[0]);
        }
        json_put_string(row, "rule", rule->id);
        json_put_string(row, "type", rule_type_to_string(rule->type));
        json_put_bool(row, "used", !rule->disabled && why == NULL);
        json_put_string(row, "words", words);
        json_append(list, row);
    }
    return list;
}
