// SPDX-License-Identifier: Apache-2.0
// Groups as text and structs, and as rules.
#include "common/model/groups.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/parse.h"
#include "common/base/strbuf.h"
#include "common/model/rules.h"
#include "common/model/section_config.h"
#include "common/model/sid.h"

static int group_set_flag(const char *key, const char *value, bool *ret_flag, struct error *err)
{
    bool flag = true; // a key without value is true
    if (value[0] != '\0' && parse_bool(value, &flag) < 0) {
        return error_set(err, -EINVAL, "key '%s': expected 0 or 1, not '%s'", key, value);
    }
    *ret_flag = flag;
    return 0;
}

static int group_set_option(struct arena *arena, struct group *group, const char *key,
                            const char *value, struct error *err)
{
    if (strcmp(key, "comment") == 0) {
        const char *comment = section_comment_decode(arena, value);
        if (strlen(comment) > RULE_COMMENT_MAX) {
            return error_set(err, -EINVAL, "key 'comment': longer than %d bytes", RULE_COMMENT_MAX);
        }
        group->comment = comment[0] != '\0' ? comment : NULL;
        return 0;
    }
    if (strcmp(key, "nodes") == 0) {
        return rule_nodes_parse(arena, value, &group->nodes, err);
    }
    if (strcmp(key, "restricted") == 0) {
        return group_set_flag(key, value, &group->restricted, err);
    }
    if (strcmp(key, "nofailback") == 0) {
        return group_set_flag(key, value, &group->nofailback, err);
    }
    return error_set(err, -EINVAL,
                     "unknown key '%s': allowed are comment, nodes, nofailback, restricted", key);
}

static void group_set_warn(struct arena *arena, struct group_set *set, size_t line,
                           const char *text)
{
    set->warnings[set->warnings_count++] = arena_printf(arena, "line %zu: %s", line, text);
}

static void group_set_read_section(struct arena *arena, struct group_set *set,
                                   const struct section *section)
{
    struct error err = {0};
    if (strcmp(section->type, "group") != 0) {
        group_set_warn(arena, set, section->line,
                       arena_printf(arena, "unknown type '%s': allowed is group", section->type));
        return;
    }
    if (config_id_check(section->id, &err) < 0) {
        group_set_warn(arena, set, section->line, err.text);
        return;
    }
    if (map_has(&set->groups, section->id)) {
        group_set_warn(arena, set, section->line,
                       arena_printf(arena, "duplicate group '%s'", section->id));
        return;
    }
    struct group *group = arena_new_of(arena, struct group);
    group->id = section->id;
    map_init_arena(&group->nodes, arena);
    for (size_t i = 0; i < section->count; i++) {
        const struct section_property *property = &section->properties[i];
        if (group_set_option(arena, group, property->key, property->value, &err) < 0) {
            group_set_warn(arena, set, property->line, err.text);
        }
    }
    if (group->nodes.count == 0) {
        group_set_warn(arena, set, section->line,
                       arena_printf(arena, "group '%s': key 'nodes' is missing", group->id));
        return;
    }
    group->order = (int64_t)set->groups.count + 1;
    map_put(&set->groups, group->id, group);
}

int group_set_parse(struct arena *arena, const char *text, size_t size_bytes,
                    struct group_set *ret_set, struct error *err)
{
    struct section_file file;
    int r = section_file_parse(arena, text, size_bytes, &file, err);
    if (r < 0) {
        return r;
    }
    struct group_set set = {.digest = file.digest};
    map_init_arena(&set.groups, arena);
    size_t warnings_max;
    set.warnings = section_file_warnings(arena, &file, &warnings_max);
    set.warnings_count = file.warnings_count;
    for (size_t i = 0; i < file.count; i++) {
        group_set_read_section(arena, &set, &file.sections[i]);
    }
    assert(set.warnings_count <= warnings_max);
    *ret_set = set;
    return 0;
}

static int group_compare_order(const void *left, const void *right)
{
    const struct group *a = *(struct group *const *)left;
    const struct group *b = *(struct group *const *)right;
    if (a->order != b->order) {
        return a->order < b->order ? -1 : 1;
    }
    return strcmp(a->id, b->id);
}

// In the arena; `groups.count` many.
static struct group **group_set_in_order(struct arena *arena, const struct group_set *set)
{
    struct group **groups = arena_array_of(arena, struct group *, set->groups.count);
    size_t count = 0;
    map_each (e, &set->groups) {
        groups[count++] = e->value;
    }
    qsort(groups, count, sizeof(groups[0]), group_compare_order);
    return groups;
}

void group_set_format(const struct group_set *set, struct strbuf *out)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct group **groups = group_set_in_order(arena, set);
    for (size_t i = 0; i < set->groups.count; i++) {
        const struct group *group = groups[i];
        section_format_begin(out, "group", group->id);
        if (group->comment != NULL) {
            section_format_property(out, "comment", section_comment_encode(arena, group->comment));
        }
        section_format_property(out, "nodes", rule_nodes_to_text(arena, &group->nodes));
        if (group->nofailback) {
            section_format_property(out, "nofailback", "1");
        }
        if (group->restricted) {
            section_format_property(out, "restricted", "1");
        }
        section_format_end(out);
    }
}

static struct rule *group_to_rule(struct arena *arena, const struct group *group,
                                  const struct map *members)
{
    const char *id = arena_printf(arena, "ha-group-%s", group->id);
    struct rule *rule = rule_new(arena, id, RULE_TYPE_NODE_AFFINITY);
    map_each (e, members) {
        if (e->value != NULL && strcmp(e->value, group->id) == 0) {
            rule_add_resource(rule, e->key);
        }
    }
    map_each (e, &group->nodes) {
        const struct rule_node *node = e->value;
        rule_add_node(arena, rule, e->key, node->priority);
    }
    rule->strict = group->restricted;
    rule->has_strict = group->restricted;
    rule->comment = group->comment != NULL ? arena_strdup(arena, group->comment)
                                           : arena_printf(arena, "made from group '%s'", group->id);
    return rule;
}

void group_set_add_rules(const struct group_set *set, const struct map *members,
                         struct rule_set *rules)
{
    struct arena *scratch CLEANUP(arena_freep) = arena_new();
    struct group **groups = group_set_in_order(scratch, set);
    int64_t order = 0;
    map_each (e, &rules->rules) {
        const struct rule *rule = e->value;
        order = rule->order > order ? rule->order : order;
    }
    for (size_t i = 0; i < set->groups.count; i++) {
        struct rule *rule = group_to_rule(rules->arena, groups[i], members);
        if (rule->resources.count > 0) {
            rule->order = ++order;
            map_put(&rules->rules, rule->id, rule);
        }
    }
}
