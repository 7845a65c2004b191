// SPDX-License-Identifier: Apache-2.0
// Checks and transactions of changes to rules.
#include "cli/rule_edit.h"

#include <errno.h>
#include <string.h>

#include "cli/cluster_view.h"
#include "cli/rule_conflicts.h"
#include "cli/session.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/parse.h"
#include "common/base/strbuf.h"
#include "common/model/rules_check.h"
#include "common/model/store_keys.h"
#include "common/port/store.h"

void rule_request_init(struct arena *arena, struct rule_request *ret)
{
    *ret = (struct rule_request){0};
    map_init_arena(&ret->set, arena);
}

static void rule_book_check(struct arena *arena, const struct cluster_view *view,
                            const struct rule_set *set, struct map *ret)
{
    struct map nodes;
    map_init_arena(&nodes, arena);
    for (size_t i = 0; i < view->members.count; i++) {
        map_put(&nodes, view->members.members[i].node, arena);
    }
    rules_check(arena, set, &nodes, ret);
}

int rule_book_read(struct arena *arena, const struct session *session,
                   const struct cluster_view *view, struct rule_book *ret, struct error *err)
{
    struct session_value value;
    struct rule_book book = {0};
    int r = session_read(arena, session, STORE_KEY_RULES, &value, err);
    if (r < 0) {
        return r;
    }
    rule_set_init(arena, &book.set);
    if (value.text != NULL) {
        r = rule_set_parse(arena, value.text, value.size_bytes, &book.set, err);
    }
    if (r < 0) {
        return error_prefix(err, "rules");
    }
    book.version = value.version;
    rule_book_check(arena, view, &book.set, &book.problems);
    *ret = book;
    return 0;
}

static struct json *rule_book_errors(struct arena *arena, const struct rule_problems *problems)
{
    struct json *errors = json_new_object(arena);
    struct json *texts = json_new_array(arena);
    for (size_t i = 0; i < problems->count; i++) {
        json_append(texts, json_new_string(arena, problems->reasons[i]));
    }
    json_put(errors, "resources", texts);
    return errors;
}

struct json *rule_book_row(struct arena *arena, const struct rule_book *book,
                           const struct rule *rule)
{
    const struct rule_problems *problems = map_find(&book->problems, rule->id);
    struct json *row = json_new_object(arena);
    json_put_string(row, "rule", rule->id);
    json_put_string(row, "type", rule_type_to_string(rule->type));
    json_put_string(row, "resources", rule_resources_to_text(arena, &rule->resources));
    json_put_string(row, "comment", rule->comment);
    json_put_int(row, "order", rule->order);
    json_put_string(row, "digest", book->set.digest);
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
        json_put(row, "errors", rule_book_errors(arena, problems));
    }
    return row;
}

int rule_book_wants(struct arena *arena, const struct cluster_view *view, const struct rule *rule,
                    const char *type, const char *resource, struct error *err)
{
    const char *sid = NULL;
    if (type != NULL && strcmp(type, rule_type_to_string(rule->type)) != 0) {
        return 0;
    }
    if (resource == NULL) {
        return 1;
    }
    int r = cluster_view_resolve(arena, view, resource, &sid, err);
    return r < 0 ? r : map_has(&rule->resources, sid);
}

// ---- Changes.

struct rule_edit {
    struct arena *arena;
    const struct session *session;
    const struct cluster_view *view;
    struct rule_book book; // its problems are those before the change
};

// Opens for a change: with quorum, and only when nothing would be lost by writing.
static int rule_edit_open(struct rule_edit *edit, struct error *err)
{
    struct session_value groups;
    int r = rule_book_read(edit->arena, edit->session, edit->view, &edit->book, err);
    if (r == 0) {
        r = session_need_quorum(edit->session, err);
    }
    if (r == 0) {
        r = session_read(edit->arena, edit->session, STORE_KEY_GROUPS, &groups, err);
    }
    if (r < 0) {
        return r;
    }
    if (groups.text != NULL && groups.size_bytes > 0) {
        return error_set(err, -EBUSY, "groups are in use: rules can be changed once they are gone");
    }
    if (edit->book.set.warnings_count > 0) {
        return error_set(err, -EINVAL,
                         "rules: %s: the rest cannot be changed before this is repaired",
                         edit->book.set.warnings[0]);
    }
    return 0;
}

static int rule_edit_write(const struct rule_edit *edit, struct error *err)
{
    struct strbuf text CLEANUP(strbuf_done) = {0};
    rule_set_format(&edit->book.set, &text);
    struct store_op op = {.key = STORE_KEY_RULES,
                          .value = strbuf_text(&text),
                          .size_bytes = text.size_bytes,
                          .expect = edit->book.version};
    return session_write(edit->session, "the rules", &op, 1, err);
}

// "100,ct:101" with numbers replaced by service ids; each must be under HA.
static int rule_edit_resolve(const struct rule_edit *edit, const char *text, const char **ret,
                             struct error *err)
{
    struct strbuf list CLEANUP(strbuf_done) = {0};
    struct parse_words words = parse_list(edit->arena, text);
    for (size_t i = 0; i < words.count; i++) {
        const char *sid = NULL;
        int r = cluster_view_resolve(edit->arena, edit->view, words.words[i], &sid, err);
        if (r < 0) {
            return r;
        }
        if (!map_has(&edit->view->resources, sid)) {
            return error_set(err, -ENOENT, "resource '%s' is not under HA", sid);
        }
        strbuf_appendf(&list, "%s%s", i > 0 ? "," : "", sid);
    }
    *ret = arena_strdup(edit->arena, strbuf_text(&list));
    return 0;
}

static int rule_edit_check_nodes(const struct rule_edit *edit, const struct rule *rule,
                                 struct error *err)
{
    map_each (e, &rule->nodes) {
        int r = session_check_node(edit->arena, edit->session, e->key, err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int rule_edit_set(const struct rule_edit *edit, struct rule *rule, const char *option,
                         const char *value, struct error *err)
{
    // In the file the key's presence disables; here its value counts.
    if (strcmp(option, "disable") == 0) {
        return parse_bool(value, &rule->disabled) < 0
                   ? error_set(err, -EINVAL, "'disable': expected 0 or 1, not '%s'", value)
                   : 0;
    }
    if (strcmp(option, "resources") == 0) {
        int r = rule_edit_resolve(edit, value, &value, err);
        if (r < 0) {
            return r;
        }
        map_init_arena(&rule->resources, edit->arena);
    }
    if (strcmp(option, "nodes") == 0) {
        map_init_arena(&rule->nodes, edit->arena);
    }
    return rule_set_option(edit->arena, rule, option, value, err);
}

// Writes the changed set, unless the rule itself, or another one by the change, could not be used.
static int rule_edit_finish(const struct rule_edit *edit, const char *id, bool insist,
                            const struct rule_problems **ret_problems, struct error *err)
{
    struct map problems;
    rule_book_check(edit->arena, edit->view, &edit->book.set, &problems);
    const struct rule_problems *own = map_find(&problems, id);
    if (own != NULL) {
        *ret_problems = own;
        return error_set(err, -EINVAL, "rule '%s': %s", id, own->reasons[0]);
    }
    int r = insist ? 0 : rule_conflicts_check(&edit->book.problems, &problems, id, err);
    return r < 0 ? r : rule_edit_write(edit, err);
}

// Sets all options that were given, then checks the rule by itself and among the others.
static int rule_edit_apply(struct rule_edit *edit, struct rule *rule, struct rule_request *request,
                           struct error *err)
{
    int r = 0;
    map_each (e, &request->set) {
        if (r == 0) {
            r = rule_edit_set(edit, rule, e->key, e->value, err);
        }
    }
    if (r == 0) {
        r = rule_edit_check_nodes(edit, rule, err);
    }
    if (r < 0) {
        return error_prefix(err, "rule '%s'", rule->id);
    }
    r = rule_check_complete(rule, err); // names the rule itself
    if (r < 0) {
        return r;
    }
    map_put(&edit->book.set.rules, rule->id, rule);
    return rule_edit_finish(edit, rule->id, request->insist, &request->problems, err);
}

int rule_add(struct arena *arena, const struct session *session, const struct cluster_view *view,
             const char *id, struct rule_request *request, struct error *err)
{
    struct rule_edit edit = {.arena = arena, .session = session, .view = view};
    enum rule_type type = RULE_TYPE_MAX;
    int64_t last = 0;
    int r = rule_edit_open(&edit, err);
    if (r < 0) {
        return r;
    }
    if (map_has(&edit.book.set.rules, id)) {
        return error_set(err, -EEXIST, "rule '%s' exists already", id);
    }
    if (request->type == NULL || rule_type_from_string(request->type, &type) < 0) {
        return error_set(err, -EINVAL, "rule '%s': 'type' is missing or not known", id);
    }
    map_each (e, &edit.book.set.rules) {
        const struct rule *rule = e->value;
        last = rule->order > last ? rule->order : last;
    }
    struct rule *rule = rule_new(arena, id, type);
    rule->order = last + 1;
    return rule_edit_apply(&edit, rule, request, err);
}

int rule_change(struct arena *arena, const struct session *session, const struct cluster_view *view,
                const char *id, struct rule_request *request, struct error *err)
{
    struct rule_edit edit = {.arena = arena, .session = session, .view = view};
    int r = rule_edit_open(&edit, err);
    if (r < 0) {
        return r;
    }
    struct rule *rule = map_find(&edit.book.set.rules, id);
    if (rule == NULL) {
        return error_set(err, -ENOENT, "rule '%s' does not exist", id);
    }
    if (request->type != NULL && strcmp(request->type, rule_type_to_string(rule->type)) != 0) {
        return error_set(err, -EINVAL, "rule '%s' is of type '%s'", id,
                         rule_type_to_string(rule->type));
    }
    if (request->digest != NULL && strcmp(request->digest, edit.book.set.digest) != 0) {
        return error_set(err, -ESTALE,
                         "the rules were changed since their digest was read: try again");
    }
    struct parse_words unset = {0};
    if (request->unset != NULL) {
        unset = parse_list(arena, request->unset);
    }
    for (size_t i = 0; i < unset.count; i++) {
        r = rule_unset_option(rule, unset.words[i], err);
        if (r < 0) {
            return error_prefix(err, "rule '%s'", id);
        }
    }
    return rule_edit_apply(&edit, rule, request, err);
}

int rule_remove(struct arena *arena, const struct session *session, const struct cluster_view *view,
                const char *id, bool insist, struct error *err)
{
    struct rule_edit edit = {.arena = arena, .session = session, .view = view};
    const struct rule_problems *unused = NULL;
    int r = rule_edit_open(&edit, err);
    if (r < 0) {
        return r;
    }
    return map_remove(&edit.book.set.rules, id) ? rule_edit_finish(&edit, id, insist, &unused, err)
                                                : 0;
}
