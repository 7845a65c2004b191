// SPDX-License-Identifier: Apache-2.0
// ha-manager rules: list, config, add, set, remove.
#include <errno.h>
#include <string.h>

#include "cli/cluster_view.h"
#include "cli/command_line.h"
#include "cli/manager_tool.h"
#include "cli/rule_conflicts.h"
#include "cli/tool_context.h"
#include "common/base/arena.h"
#include "common/base/digest.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/parse.h"
#include "common/base/strbuf.h"
#include "common/model/resources.h"
#include "common/model/rules.h"
#include "common/model/rules_check.h"
#include "common/model/store_keys.h"
#include "common/port/store.h"

static const char *const rules_options[] = {"comment", "disable",  "strict",
                                            "nodes",   "affinity", "resources"};

struct rules_edit {
    struct tool_context context;
    struct rule_set set;
    uint64_t version;    // STORE_ABSENT: there is no file yet
    struct map problems; // as they are before a change
};

static void rules_close(struct rules_edit *edit)
{
    tool_context_close(&edit->context);
}

static int rules_open(struct cli *cli, struct rules_edit *edit, struct error *err)
{
    struct session_value value;
    int r = tool_context_open(cli, &edit->context, err);
    if (r == 0) {
        r = session_read(cli->arena, &edit->context.session, STORE_KEY_RULES, &value, err);
    }
    if (r < 0) {
        return r;
    }
    edit->version = value.version;
    rule_set_init(cli->arena, &edit->set);
    if (value.text == NULL) {
        return 0;
    }
    r = rule_set_parse(cli->arena, value.text, value.size_bytes, &edit->set, err);
    return r < 0 ? error_prefix(err, "rules") : 0;
}

static void rules_find_problems(struct cli *cli, const struct rules_edit *edit, struct map *ret)
{
    const struct member_list *members = &edit->context.view.members;
    struct map nodes;
    map_init_arena(&nodes, cli->arena);
    for (size_t i = 0; i < members->count; i++) {
        map_put(&nodes, members->members[i].node, cli);
    }
    rules_check(cli->arena, &edit->set, &nodes, ret);
}

// Opens for a change: with quorum, and only when nothing would be lost by writing.
static int rules_open_edit(struct cli *cli, struct rules_edit *edit, struct error *err)
{
    struct session_value groups;
    int r = rules_open(cli, edit, err);
    if (r == 0) {
        r = session_need_quorum(&edit->context.session, err);
    }
    if (r == 0) {
        r = session_read(cli->arena, &edit->context.session, STORE_KEY_GROUPS, &groups, err);
    }
    if (r < 0) {
        return r;
    }
    if (groups.text != NULL && groups.size_bytes > 0) {
        return error_set(err, -EBUSY, "groups are in use: rules can be changed once they are gone");
    }
    if (edit->set.warnings_count > 0) {
        return error_set(err, -EINVAL,
                         "rules: %s: the rest cannot be changed before this is repaired",
                         edit->set.warnings[0]);
    }
    rules_find_problems(cli, edit, &edit->problems);
    return 0;
}

static int rules_write(const struct rules_edit *edit, struct error *err)
{
    struct strbuf text CLEANUP(strbuf_done) = {0};
    rule_set_format(&edit->set, &text);
    struct store_op op = {.key = STORE_KEY_RULES,
                          .value = strbuf_text(&text),
                          .size_bytes = text.size_bytes,
                          .expect = edit->version};
    return session_write(&edit->context.session, "the rules", &op, 1, err);
}

static struct json *rules_errors(struct arena *arena, const struct rule_problems *problems)
{
    struct json *errors = json_new_object(arena);
    struct json *texts = json_new_array(arena);
    for (size_t i = 0; i < problems->count; i++) {
        json_append(texts, json_new_string(arena, problems->reasons[i]));
    }
    json_put(errors, "resources", texts);
    return errors;
}

static struct json *rules_row(struct arena *arena, const struct rule_set *set,
                              const struct rule *rule, const struct rule_problems *problems)
{
    struct json *row = json_new_object(arena);
    json_put_string(row, "rule", rule->id);
    json_put_string(row, "type", rule_type_to_string(rule->type));
    json_put_string(row, "resources", rule_resources_to_text(arena, &rule->resources));
    json_put_string(row, "comment", rule->comment);
    json_put_int(row, "enabled", rule->disabled ? 0 : 1);
    json_put_int(row, "order", rule->order);
    json_put_string(row, "digest", set->digest);
    json_put_string(row, "state", problems != NULL ? "ignored (conflicts)" : "in use");
    if (rule->disabled) {
        json_put_int(row, "disable", 1);
    }
    if (rule->type == RULE_TYPE_NODE_AFFINITY) {
        json_put_string(row, "nodes", rule_nodes_to_text(arena, &rule->nodes));
        if (rule->has_strict) {
            json_put_int(row, "strict", rule->strict ? 1 : 0);
        }
    } else {
        json_put_string(row, "affinity", rule_affinity_to_string(rule->affinity));
    }
    if (problems != NULL) {
        json_put(row, "errors", rules_errors(arena, problems));
    }
    return row;
}

// Whether the rule is one of those asked for.
static int rules_is_wanted(struct cli *cli, const struct rules_edit *edit, const struct rule *rule,
                           struct error *err)
{
    const char *type = cli_text(cli, "type");
    const char *sid = NULL;
    if (type != NULL && strcmp(type, rule_type_to_string(rule->type)) != 0) {
        return 0;
    }
    if (cli_text(cli, "resource") == NULL) {
        return 1;
    }
    int r =
        cluster_view_resolve(cli->arena, &edit->context.view, cli_text(cli, "resource"), &sid, err);
    return r < 0 ? r : map_has(&rule->resources, sid);
}

static int rules_show(struct cli *cli, const struct output_column *columns, size_t columns_count,
                      struct error *err)
{
    struct rules_edit edit CLEANUP(rules_close) = {0};
    struct json *rows = json_new_array(cli->arena);
    struct map problems;
    int r = rules_open(cli, &edit, err);
    if (r < 0) {
        return r;
    }
    for (size_t i = 0; i < edit.set.warnings_count; i++) {
        cli_warn(cli, "rules: %s", edit.set.warnings[i]);
    }
    rules_find_problems(cli, &edit, &problems);
    struct rule **rules = rule_set_in_order(cli->arena, &edit.set);
    for (size_t i = 0; i < edit.set.rules.count; i++) {
        r = rules_is_wanted(cli, &edit, rules[i], err);
        if (r < 0) {
            return r;
        }
        if (r > 0) {
            json_append(rows, rules_row(cli->arena, &edit.set, rules[i],
                                        map_find(&problems, rules[i]->id)));
        }
    }
    output_list(&cli->output, rows, columns, columns_count, &cli->out);
    return 0;
}

int manager_rules_list(struct cli *cli, struct error *err)
{
    static const struct output_column columns[] = {{.key = "rule"}};
    return rules_show(cli, columns, ARRAY_SIZE(columns), err);
}

int manager_rules_config(struct cli *cli, struct error *err)
{
    static const struct output_column columns[] = {{.key = "enabled"},   {.key = "state"},
                                                   {.key = "rule"},      {.key = "type"},
                                                   {.key = "resources"}, {.key = "comment"}};
    return rules_show(cli, columns, ARRAY_SIZE(columns), err);
}

// "100,ct:101" with numbers replaced by service ids; each must be under HA.
static int rules_resolve_resources(struct cli *cli, const struct rules_edit *edit, const char *text,
                                   const char **ret, struct error *err)
{
    struct strbuf list CLEANUP(strbuf_done) = {0};
    struct parse_words words = parse_list(cli->arena, text);
    for (size_t i = 0; i < words.count; i++) {
        const char *sid = NULL;
        int r = cluster_view_resolve(cli->arena, &edit->context.view, words.words[i], &sid, err);
        if (r < 0) {
            return r;
        }
        if (!map_has(&edit->context.view.resources, sid)) {
            return error_set(err, -ENOENT, "resource '%s' is not under HA", sid);
        }
        strbuf_appendf(&list, "%s%s", i > 0 ? "," : "", sid);
    }
    *ret = arena_strdup(cli->arena, strbuf_text(&list));
    return 0;
}

static int rules_check_nodes(struct cli *cli, const struct rules_edit *edit,
                             const struct rule *rule, struct error *err)
{
    map_each (e, &rule->nodes) {
        int r = session_check_node(cli->arena, &edit->context.session, e->key, err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

// Sets one option of the rule from the command line.
static int rules_set_one(struct cli *cli, const struct rules_edit *edit, struct rule *rule,
                         const char *option, struct error *err)
{
    const char *value = cli_text(cli, option);
    if (strcmp(option, "disable") == 0) {
        rule->disabled = cli_bool(cli, option);
        return 0;
    }
    if (strcmp(option, "resources") == 0) {
        int r = rules_resolve_resources(cli, edit, value, &value, err);
        if (r < 0) {
            return r;
        }
        map_init_arena(&rule->resources, cli->arena);
    }
    if (strcmp(option, "nodes") == 0) {
        map_init_arena(&rule->nodes, cli->arena);
    }
    return rule_set_option(cli->arena, rule, option, value, err);
}

// Writes the changed set, unless the rule itself, or another one by the change, could not be used.
static int rules_finish(struct cli *cli, const struct rules_edit *edit, const char *id,
                        struct error *err)
{
    struct map problems;
    rules_find_problems(cli, edit, &problems);
    const struct rule_problems *own = map_find(&problems, id);
    if (own != NULL) {
        return error_set(err, -EINVAL, "rule '%s': %s", id, own->reasons[0]);
    }
    int r = cli_bool(cli, "force") ? 0 : rule_conflicts_check(&edit->problems, &problems, id, err);
    return r < 0 ? r : rules_write(edit, err);
}

// Sets all options that were given, then checks the rule by itself and among the others.
static int rules_apply(struct cli *cli, struct rules_edit *edit, struct rule *rule,
                       struct error *err)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(rules_options); i++) {
        if (cli_has(cli, rules_options[i])) {
            r = rules_set_one(cli, edit, rule, rules_options[i], err);
        }
    }
    if (r == 0) {
        r = rule_check_complete(rule, err);
    }
    if (r == 0) {
        r = rules_check_nodes(cli, edit, rule, err);
    }
    if (r < 0) {
        return error_prefix(err, "rule '%s'", rule->id);
    }
    map_put(&edit->set.rules, rule->id, rule);
    return rules_finish(cli, edit, rule->id, err);
}

int manager_rules_add(struct cli *cli, struct error *err)
{
    struct rules_edit edit CLEANUP(rules_close) = {0};
    const char *id = cli_text(cli, "rule");
    enum rule_type type = RULE_TYPE_MAX;
    int64_t last = 0;
    int r = rules_open_edit(cli, &edit, err);
    if (r < 0) {
        return r;
    }
    if (map_has(&edit.set.rules, id)) {
        return error_set(err, -EEXIST, "rule '%s' exists already", id);
    }
    r = rule_type_from_string(cli_text(cli, "type"), &type);
    if (r < 0) {
        return r; // not reached: one of the choices
    }
    map_each (e, &edit.set.rules) {
        const struct rule *rule = e->value;
        last = rule->order > last ? rule->order : last;
    }
    struct rule *rule = rule_new(cli->arena, id, type);
    rule->order = last + 1;
    return rules_apply(cli, &edit, rule, err);
}

int manager_rules_set(struct cli *cli, struct error *err)
{
    struct rules_edit edit CLEANUP(rules_close) = {0};
    const char *id = cli_text(cli, "rule");
    const char *digest = cli_text(cli, "digest");
    int r = rules_open_edit(cli, &edit, err);
    if (r < 0) {
        return r;
    }
    struct rule *rule = map_find(&edit.set.rules, id);
    if (rule == NULL) {
        return error_set(err, -ENOENT, "rule '%s' does not exist", id);
    }
    if (strcmp(cli_text(cli, "type"), rule_type_to_string(rule->type)) != 0) {
        return error_set(err, -EINVAL, "rule '%s' is of type '%s'", id,
                         rule_type_to_string(rule->type));
    }
    if (digest != NULL && strcmp(digest, edit.set.digest) != 0) {
        return error_set(err, -ESTALE,
                         "the rules were changed since their digest was read: try again");
    }
    struct parse_words unset = {0};
    if (cli_text(cli, "delete") != NULL) {
        unset = parse_list(cli->arena, cli_text(cli, "delete"));
    }
    for (size_t i = 0; i < unset.count; i++) {
        r = rule_unset_option(rule, unset.words[i], err);
        if (r < 0) {
            return error_prefix(err, "rule '%s'", id);
        }
    }
    return rules_apply(cli, &edit, rule, err);
}

int manager_rules_remove(struct cli *cli, struct error *err)
{
    struct rules_edit edit CLEANUP(rules_close) = {0};
    int r = rules_open_edit(cli, &edit, err);
    if (r < 0) {
        return r;
    }
    // One that is not there is as removed.
    const char *id = cli_text(cli, "rule");
    return map_remove(&edit.set.rules, id) ? rules_finish(cli, &edit, id, err) : 0;
}
