// SPDX-License-Identifier: Apache-2.0
// Rules as text and as structs.
#include "common/model/rules.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/parse.h"
#include "common/base/strbuf.h"
#include "common/model/section_config.h"
#include "common/model/sid.h"

ENUM_TABLE(rule_type, RULE_TYPE_MAX, [RULE_TYPE_NODE_AFFINITY] = "node-affinity",
           [RULE_TYPE_RESOURCE_AFFINITY] = "resource-affinity");

ENUM_TABLE(rule_affinity, RULE_AFFINITY_MAX, [RULE_AFFINITY_POSITIVE] = "positive",
           [RULE_AFFINITY_NEGATIVE] = "negative");

enum rule_key {
    RULE_KEY_COMMENT,
    RULE_KEY_DISABLE,
    RULE_KEY_RESOURCES,
    RULE_KEY_NODES,
    RULE_KEY_STRICT,
    RULE_KEY_AFFINITY,
    RULE_KEY_MAX
};
ENUM_TABLE_DECLARE(rule_key);
ENUM_TABLE(rule_key, RULE_KEY_MAX, [RULE_KEY_COMMENT] = "comment", [RULE_KEY_DISABLE] = "disable",
           [RULE_KEY_RESOURCES] = "resources", [RULE_KEY_NODES] = "nodes",
           [RULE_KEY_STRICT] = "strict", [RULE_KEY_AFFINITY] = "affinity");

// What an error says is allowed, by type of rule.
static const char *const rule_keys_allowed[RULE_TYPE_MAX] = {
    [RULE_TYPE_NODE_AFFINITY] = "comment, disable, resources, nodes, strict",
    [RULE_TYPE_RESOURCE_AFFINITY] = "comment, disable, resources, affinity",
};

struct rule *rule_new(struct arena *arena, const char *id, enum rule_type type)
{
    struct rule *rule = arena_new_of(arena, struct rule);
    rule->id = arena_strdup(arena, id);
    rule->type = type;
    rule->affinity = RULE_AFFINITY_MAX; // not given yet
    map_init_arena(&rule->resources, arena);
    map_init_arena(&rule->nodes, arena);
    return rule;
}

struct rule *rule_copy(struct arena *arena, const struct rule *rule)
{
    struct rule *copy = arena_new_of(arena, struct rule);
    *copy = *rule;
    copy->id = arena_strdup(arena, rule->id);
    copy->comment = arena_strdup(arena, rule->comment);
    map_init_arena(&copy->resources, arena);
    map_init_arena(&copy->nodes, arena);
    map_each (e, &rule->resources) {
        rule_add_resource(copy, e->key);
    }
    map_each (e, &rule->nodes) {
        const struct rule_node *node = e->value;
        rule_add_node(arena, copy, e->key, node->priority);
    }
    return copy;
}

void rule_add_resource(struct rule *rule, const char *sid)
{
    map_put(&rule->resources, sid, rule);
}

void rule_add_node(struct arena *arena, struct rule *rule, const char *node, int64_t priority)
{
    struct rule_node *entry = arena_new_of(arena, struct rule_node);
    entry->priority = priority;
    map_put(&rule->nodes, node, entry);
}

bool rule_is_active(const struct rule *rule, enum rule_type type)
{
    return !rule->disabled && rule->type == type;
}

bool rule_is_affinity(const struct rule *rule, enum rule_affinity affinity)
{
    return rule_is_active(rule, RULE_TYPE_RESOURCE_AFFINITY) && rule->affinity == affinity;
}

int rule_nodes_parse(struct arena *arena, const char *text, struct map *ret_nodes,
                     struct error *err)
{
    struct parse_words words = parse_list(arena, text);
    struct map nodes;
    map_init_arena(&nodes, arena);
    for (size_t i = 0; i < words.count; i++) {
        char *name = arena_strdup(arena, words.words[i]);
        struct rule_node *node = arena_new_of(arena, struct rule_node);
        char *colon = strchr(name, ':');
        if (colon != NULL) {
            *colon = '\0';
        }
        if ((colon != NULL && parse_int64(colon + 1, 0, RULE_PRIORITY_MAX, &node->priority) < 0) ||
            node_name_check(name, NULL) < 0) {
            return error_set(err, -EINVAL,
                             "key 'nodes': invalid entry '%s': expected <node>[:<priority>]",
                             words.words[i]);
        }
        map_put(&nodes, name, node);
    }
    if (nodes.count == 0) {
        return error_set(err, -EINVAL, "key 'nodes': expected at least one node");
    }
    *ret_nodes = nodes;
    return 0;
}

static int rule_set_resources(struct arena *arena, struct rule *rule, const char *value,
                              struct error *err)
{
    struct parse_words words = parse_list(arena, value);
    if (words.count == 0) {
        return error_set(err, -EINVAL, "key 'resources': expected at least one service id");
    }
    for (size_t i = 0; i < words.count; i++) {
        if (sid_check(words.words[i], err) < 0) {
            return error_prefix(err, "key 'resources'");
        }
    }
    map_init_arena(&rule->resources, arena);
    for (size_t i = 0; i < words.count; i++) {
        rule_add_resource(rule, words.words[i]);
    }
    return 0;
}

static int rule_set_comment(struct arena *arena, struct rule *rule, const char *value,
                            struct error *err)
{
    if (strlen(value) > RULE_COMMENT_MAX) {
        return error_set(err, -EINVAL, "key 'comment': longer than %d bytes", RULE_COMMENT_MAX);
    }
    rule->comment = value[0] != '\0' ? arena_strdup(arena, value) : NULL;
    return 0;
}

static int rule_set_strict(struct rule *rule, const char *value, struct error *err)
{
    bool strict = true; // a key without value is true
    if (value[0] != '\0' && parse_bool(value, &strict) < 0) {
        return error_set(err, -EINVAL, "key 'strict': expected 0 or 1, not '%s'", value);
    }
    rule->strict = strict;
    rule->has_strict = true;
    return 0;
}

static int rule_find_key(const struct rule *rule, const char *key, enum rule_key *ret_key,
                         struct error *err)
{
    enum rule_key which = RULE_KEY_MAX;
    bool known = rule_key_from_string(key, &which) == 0;
    bool is_node_key = which == RULE_KEY_NODES || which == RULE_KEY_STRICT;
    bool is_resource_key = which == RULE_KEY_AFFINITY;
    if (!known || (is_node_key && rule->type != RULE_TYPE_NODE_AFFINITY) ||
        (is_resource_key && rule->type != RULE_TYPE_RESOURCE_AFFINITY)) {
        return error_set(err, -EINVAL, "unknown key '%s': allowed are %s", key,
                         rule_keys_allowed[rule->type]);
    }
    *ret_key = which;
    return 0;
}

int rule_set_option(struct arena *arena, struct rule *rule, const char *key, const char *value,
                    struct error *err)
{
    enum rule_key which = RULE_KEY_MAX;
    int r = rule_find_key(rule, key, &which, err);
    if (r < 0) {
        return r;
    }
    switch (which) {
    case RULE_KEY_COMMENT:
        return rule_set_comment(arena, rule, value, err);
    case RULE_KEY_DISABLE:
        rule->disabled = true;
        return 0;
    case RULE_KEY_RESOURCES:
        return rule_set_resources(arena, rule, value, err);
    case RULE_KEY_NODES:
        return rule_nodes_parse(arena, value, &rule->nodes, err);
    case RULE_KEY_STRICT:
        return rule_set_strict(rule, value, err);
    case RULE_KEY_AFFINITY:
        if (rule_affinity_from_string(value, &rule->affinity) < 0) {
            return error_set(err, -EINVAL,
                             "key 'affinity': expected positive or negative, not '%s'", value);
        }
        return 0;
    case RULE_KEY_MAX:
        break;
    }
    abort();
}

int rule_unset_option(struct rule *rule, const char *key, struct error *err)
{
    enum rule_key which = RULE_KEY_MAX;
    int r = rule_find_key(rule, key, &which, err);
    if (r < 0) {
        return r;
    }
    switch (which) {
    case RULE_KEY_COMMENT:
        rule->comment = NULL;
        return 0;
    case RULE_KEY_DISABLE:
        rule->disabled = false;
        return 0;
    case RULE_KEY_STRICT:
        rule->strict = false;
        rule->has_strict = false;
        return 0;
    case RULE_KEY_RESOURCES:
    case RULE_KEY_NODES:
    case RULE_KEY_AFFINITY:
        return error_set(err, -EINVAL, "key '%s' cannot be deleted from a rule", key);
    case RULE_KEY_MAX:
        break;
    }
    abort();
}

int rule_check_complete(const struct rule *rule, struct error *err)
{
    const char *missing = NULL;
    if (rule->resources.count == 0) {
        missing = "resources";
    } else if (rule->type == RULE_TYPE_NODE_AFFINITY && rule->nodes.count == 0) {
        missing = "nodes";
    } else if (rule->type == RULE_TYPE_RESOURCE_AFFINITY && rule->affinity == RULE_AFFINITY_MAX) {
        missing = "affinity";
    }
    if (missing != NULL) {
        return error_set(err, -EINVAL, "rule '%s': key '%s' is missing", rule->id, missing);
    }
    return 0;
}

void rule_set_init(struct arena *arena, struct rule_set *ret_set)
{
    *ret_set = (struct rule_set){.arena = arena};
    map_init_arena(&ret_set->rules, arena);
}

static void rule_set_warn(struct rule_set *set, size_t line, const char *text)
{
    set->warnings[set->warnings_count++] = arena_printf(set->arena, "line %zu: %s", line, text);
}

static void rule_set_read_section(struct arena *arena, struct rule_set *set,
                                  const struct section *section)
{
    enum rule_type type = RULE_TYPE_MAX;
    struct error err = {0};
    if (rule_type_from_string(section->type, &type) < 0) {
        rule_set_warn(set, section->line,
                      arena_printf(arena, "unknown type '%s': allowed are %s, %s", section->type,
                                   rule_type_to_string(RULE_TYPE_NODE_AFFINITY),
                                   rule_type_to_string(RULE_TYPE_RESOURCE_AFFINITY)));
        return;
    }
    if (config_id_check(section->id, &err) < 0) {
        rule_set_warn(set, section->line, err.text);
        return;
    }
    if (map_has(&set->rules, section->id)) {
        rule_set_warn(set, section->line, arena_printf(arena, "duplicate rule '%s'", section->id));
        return;
    }
    struct rule *rule = rule_new(arena, section->id, type);
    for (size_t i = 0; i < section->count; i++) {
        const struct section_property *property = &section->properties[i];
        const char *value = property->value;
        if (strcmp(property->key, "comment") == 0) {
            value = section_comment_decode(arena, value);
        }
        if (rule_set_option(arena, rule, property->key, value, &err) < 0) {
            rule_set_warn(set, property->line, err.text);
        }
    }
    if (rule_check_complete(rule, &err) < 0) {
        rule_set_warn(set, section->line, err.text);
        return;
    }
    rule->order = (int64_t)set->rules.count + 1;
    map_put(&set->rules, rule->id, rule);
}

int rule_set_parse(struct arena *arena, const char *text, size_t size_bytes,
                   struct rule_set *ret_set, struct error *err)
{
    struct section_file file;
    int r = section_file_parse(arena, text, size_bytes, &file, err);
    if (r < 0) {
        return r;
    }
    struct rule_set set;
    rule_set_init(arena, &set);
    set.digest = file.digest;
    size_t warnings_max;
    set.warnings = section_file_warnings(arena, &file, &warnings_max);
    set.warnings_count = file.warnings_count;
    for (size_t i = 0; i < file.count; i++) {
        rule_set_read_section(arena, &set, &file.sections[i]);
    }
    assert(set.warnings_count <= warnings_max);
    *ret_set = set;
    return 0;
}

static int rule_compare_order(const void *left, const void *right)
{
    const struct rule *a = *(struct rule *const *)left;
    const struct rule *b = *(struct rule *const *)right;
    if (a->order != b->order) {
        return a->order < b->order ? -1 : 1;
    }
    return strcmp(a->id, b->id);
}

struct rule **rule_set_in_order(struct arena *arena, const struct rule_set *set)
{
    struct rule **rules = arena_array_of(arena, struct rule *, set->rules.count);
    size_t count = 0;
    map_each (e, &set->rules) {
        rules[count++] = e->value;
    }
    qsort(rules, count, sizeof(rules[0]), rule_compare_order);
    return rules;
}

static void rule_format(struct arena *arena, const struct rule *rule, struct strbuf *out)
{
    section_format_begin(out, rule_type_to_string(rule->type), rule->id);
    if (rule->comment != NULL) {
        section_format_property(out, "comment", section_comment_encode(arena, rule->comment));
    }
    if (rule->disabled) {
        section_format_property(out, "disable", NULL);
    }
    switch (rule->type) {
    case RULE_TYPE_NODE_AFFINITY:
        section_format_property(out, "nodes", rule_nodes_to_text(arena, &rule->nodes));
        section_format_property(out, "resources", rule_resources_to_text(arena, &rule->resources));
        if (rule->has_strict) {
            section_format_property(out, "strict", rule->strict ? "1" : "0");
        }
        break;
    case RULE_TYPE_RESOURCE_AFFINITY:
        section_format_property(out, "affinity", rule_affinity_to_string(rule->affinity));
        section_format_property(out, "resources", rule_resources_to_text(arena, &rule->resources));
        break;
    case RULE_TYPE_MAX:
        abort();
    }
    section_format_end(out);
}

void rule_set_format(const struct rule_set *set, struct strbuf *out)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct rule **rules = rule_set_in_order(arena, set);
    for (size_t i = 0; i < set->rules.count; i++) {
        rule_format(arena, rules[i], out);
    }
}

char *rule_nodes_to_text(struct arena *arena, const struct map *nodes)
{
    struct strbuf text CLEANUP(strbuf_done) = {0};
    map_each (e, nodes) {
        const struct rule_node *node = e->value;
        strbuf_appendf(&text, "%s%s", text.size_bytes > 0 ? "," : "", e->key);
        if (node->priority != 0) {
            strbuf_appendf(&text, ":%" PRId64, node->priority);
        }
    }
    return arena_strdup(arena, strbuf_text(&text));
}

char *rule_resources_to_text(struct arena *arena, const struct map *resources)
{
    struct strbuf text CLEANUP(strbuf_done) = {0};
    map_each (e, resources) {
        strbuf_appendf(&text, "%s%s", text.size_bytes > 0 ? "," : "", e->key);
    }
    return arena_strdup(arena, strbuf_text(&text));
}
