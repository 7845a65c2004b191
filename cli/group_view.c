// SPDX-License-Identifier: Apache-2.0
// Groups seen in rules, and changes of them carried over to rules.
#include "cli/group_view.h"

#include <errno.h>
#include <string.h>

#include "cli/cluster_view.h"
#include "cli/session.h"
#include "common/base/arena.h"
#include "common/base/digest.h"
#include "common/base/error.h"
#include "common/base/parse.h"
#include "common/base/strbuf.h"
#include "common/model/resources.h"
#include "common/model/store_keys.h"

// ---- Reading.

static const char *group_name_of(const char *rule)
{
    size_t length = strlen(GROUP_VIEW_RULE_PREFIX);
    return strncmp(rule, GROUP_VIEW_RULE_PREFIX, length) == 0 ? rule + length : rule;
}

struct rule *group_view_rule(struct arena *arena, const struct group_view *groups, const char *id)
{
    struct rule *rule =
        map_find(&groups->rules.rules, arena_printf(arena, GROUP_VIEW_RULE_PREFIX "%s", id));
    if (rule == NULL) {
        rule = map_find(&groups->rules.rules, id);
    }
    return rule != NULL && rule->type == RULE_TYPE_NODE_AFFINITY ? rule : NULL;
}

// Its members all stay where they are.
static bool group_is_nofailback(const struct cluster_view *view, const struct rule *rule)
{
    map_each (e, &rule->resources) {
        const struct resource *resource = map_find(&view->resources, e->key);
        if (resource != NULL && resource->failback) {
            return false;
        }
    }
    return true;
}

static struct group *group_of_rule(struct arena *arena, const struct cluster_view *view,
                                   const struct rule *rule)
{
    struct group *group = arena_new_of(arena, struct group);
    group->id = group_name_of(rule->id);
    group->order = rule->order;
    group->comment = rule->comment;
    group->restricted = rule->strict;
    group->nofailback = group_is_nofailback(view, rule);
    group->nodes = rule_copy(arena, rule)->nodes;
    return group;
}

static int group_view_texts(struct arena *arena, const struct session *session,
                            struct group_view *view, const char **ret_digest, struct error *err)
{
    struct session_value defined;
    struct session_value rules;
    int r = session_read(arena, session, STORE_KEY_GROUP_VIEW, &defined, err);
    if (r == 0) {
        r = session_read(arena, session, STORE_KEY_RULES, &rules, err);
    }
    if (r < 0) {
        return r;
    }
    const char *text = defined.text != NULL ? defined.text : "";
    r = group_set_parse(arena, text, strlen(text), &view->defined, err);
    if (r < 0) {
        return error_prefix(err, "groups");
    }
    rule_set_init(arena, &view->rules);
    if (rules.text != NULL) {
        r = rule_set_parse(arena, rules.text, rules.size_bytes, &view->rules, err);
    }
    if (r < 0) {
        return error_prefix(err, "rules");
    }
    view->defined_version = defined.version;
    view->rules_version = rules.version;
    const char *all = arena_printf(arena, "%s%s", text, rules.text != NULL ? rules.text : "");
    *ret_digest = digest_sha1_hex(arena, all, strlen(all));
    return 0;
}

int group_view_read(struct arena *arena, const struct session *session,
                    const struct cluster_view *view, struct group_view *ret, struct error *err)
{
    struct group_view groups = {0};
    const char *digest = NULL;
    int r = group_view_texts(arena, session, &groups, &digest, err);
    if (r == 0) {
        r = group_set_parse(arena, "", 0, &groups.groups, err);
    }
    if (r < 0) {
        return r;
    }
    groups.groups.digest = digest;
    map_each (e, &groups.defined.groups) {
        map_put(&groups.groups.groups, e->key, e->value);
    }
    map_each (e, &groups.rules.rules) {
        const struct rule *rule = e->value;
        if (rule->type == RULE_TYPE_NODE_AFFINITY) {
            struct group *group = group_of_rule(arena, view, rule);
            map_put(&groups.groups.groups, group->id, group);
        }
    }
    *ret = groups;
    return 0;
}

// ---- Writing.

struct group_view_edit {
    struct arena *arena;
    const struct session *session;
    const struct cluster_view *view;
    struct group_view groups;
    bool rules_changed, defined_changed;
};

// With quorum, and only when nothing would be lost by writing.
static int group_view_open(struct group_view_edit *edit, struct error *err)
{
    int r = session_need_quorum(edit->session, err);
    if (r == 0) {
        r = group_view_read(edit->arena, edit->session, edit->view, &edit->groups, err);
    }
    if (r == 0 && edit->groups.rules.warnings_count > 0) {
        return error_set(err, -EINVAL,
                         "rules: %s: the rest cannot be changed before this is repaired",
                         edit->groups.rules.warnings[0]);
    }
    return r;
}

static struct store_op group_view_op(const struct group_view_edit *edit, const char *key,
                                     const struct strbuf *text, uint64_t expect)
{
    return (struct store_op){.key = key,
                             .value = arena_strdup(edit->arena, strbuf_text(text)),
                             .size_bytes = text->size_bytes,
                             .expect = expect};
}

// The documents that have changed.
static size_t group_view_documents(const struct group_view_edit *edit,
                                   struct store_op ops[GROUP_VIEW_OPS_MAX])
{
    size_t count = 0;
    if (edit->rules_changed) {
        struct strbuf text CLEANUP(strbuf_done) = {0};
        rule_set_format(&edit->groups.rules, &text);
        ops[count++] = group_view_op(edit, STORE_KEY_RULES, &text, edit->groups.rules_version);
    }
    if (edit->defined_changed) {
        struct strbuf text CLEANUP(strbuf_done) = {0};
        group_set_format(&edit->groups.defined, &text);
        ops[count++] =
            group_view_op(edit, STORE_KEY_GROUP_VIEW, &text, edit->groups.defined_version);
    }
    return count;
}

static int64_t group_view_next_order(const struct map *rules)
{
    int64_t last = 0;
    map_each (e, rules) {
        const struct rule *rule = e->value;
        last = rule->order > last ? rule->order : last;
    }
    return last + 1;
}

// What the group says of its rule.
static void group_view_to_rule(const struct group_view_edit *edit, const struct group *group,
                               struct rule *rule)
{
    map_init_arena(&rule->nodes, edit->arena);
    map_each (e, &group->nodes) {
        const struct rule_node *node = e->value;
        rule_add_node(edit->arena, rule, e->key, node->priority);
    }
    rule->strict = group->restricted;
    rule->has_strict = group->restricted;
    rule->comment = group->comment;
}

static void group_view_define(struct group_view_edit *edit, struct group *group)
{
    const struct group *old = map_find(&edit->groups.defined.groups, group->id);
    int64_t last = 0;
    map_each (e, &edit->groups.defined.groups) {
        const struct group *other = e->value;
        last = other->order > last ? other->order : last;
    }
    group->order = old != NULL ? old->order : last + 1;
    map_put(&edit->groups.defined.groups, group->id, group);
    edit->defined_changed = true;
}

// The members' own option is where this is kept.
static int group_view_set_failback(const struct group_view_edit *edit, const struct rule *rule,
                                   bool failback, struct store_op *ops, size_t *count,
                                   struct error *err)
{
    map_each (e, &rule->resources) {
        struct session_value value;
        struct resource *resource = NULL;
        struct strbuf text CLEANUP(strbuf_done) = {0};
        const char *key = arena_printf(edit->arena, STORE_PREFIX_RESOURCE "%s", e->key);
        int r = session_read(edit->arena, edit->session, key, &value, err);
        if (r < 0) {
            return r;
        }
        if (value.text == NULL || resource_parse(edit->arena, value.text, &resource, NULL) < 0 ||
            resource->failback == failback) {
            continue;
        }
        resource->failback = failback;
        resource->has_failback = true;
        resource_format(resource, &text);
        ops[(*count)++] = group_view_op(edit, key, &text, value.version);
    }
    return 0;
}

static struct group *group_copy(struct arena *arena, const struct group *group)
{
    struct group *copy = arena_new_of(arena, struct group);
    *copy = *group;
    map_init_arena(&copy->nodes, arena);
    map_each (e, &group->nodes) {
        map_put(&copy->nodes, e->key, e->value);
    }
    return copy;
}

int group_view_add(struct arena *arena, const struct session *session,
                   const struct cluster_view *view, const char *id,
                   const struct group_request *request, struct error *err)
{
    struct group_view_edit edit = {.arena = arena, .session = session, .view = view};
    struct store_op ops[GROUP_VIEW_OPS_MAX];
    int r = group_view_open(&edit, err);
    if (r < 0) {
        return r;
    }
    if (map_has(&edit.groups.groups.groups, id)) {
        return error_set(err, -EEXIST, "group '%s' exists already", id);
    }
    struct group *group = arena_new_of(arena, struct group);
    group->id = arena_strdup(arena, id);
    map_init_arena(&group->nodes, arena);
    r = group_apply(arena, session, group, request, err);
    if (r < 0) {
        return r;
    }
    group_view_define(&edit, group);
    size_t count = group_view_documents(&edit, ops);
    return session_write(session, "the groups", ops, count, err);
}

int group_view_change(struct arena *arena, const struct session *session,
                      const struct cluster_view *view, const char *id,
                      const struct group_request *request, struct error *err)
{
    struct group_view_edit edit = {.arena = arena, .session = session, .view = view};
    int r = group_view_open(&edit, err);
    if (r < 0) {
        return r;
    }
    const struct group *old = map_find(&edit.groups.groups.groups, id);
    if (old == NULL) {
        return error_set(err, -ENOENT, "group '%s' does not exist", id);
    }
    if (request->digest != NULL && strcmp(request->digest, edit.groups.groups.digest) != 0) {
        return error_set(err, -ESTALE,
                         "the groups were changed since their digest was read: try again");
    }
    struct group *group = group_copy(arena, old);
    r = group_unset(arena, group, request, err);
    if (r == 0) {
        r = group_apply(arena, session, group, request, err);
    }
    if (r < 0) {
        return r;
    }
    struct rule *rule = group_view_rule(arena, &edit.groups, id);
    size_t members = rule != NULL ? rule->resources.count : 0;
    struct store_op *ops = arena_array_of(arena, struct store_op, members + GROUP_VIEW_OPS_MAX);
    size_t count = 0;
    if (rule != NULL) {
        group_view_to_rule(&edit, group, rule);
        edit.rules_changed = true;
    }
    if (rule == NULL || map_has(&edit.groups.defined.groups, id)) {
        group_view_define(&edit, group);
    }
    if (rule != NULL && group->nofailback != old->nofailback) {
        r = group_view_set_failback(&edit, rule, !group->nofailback, ops, &count, err);
    }
    count += group_view_documents(&edit, ops + count);
    return r < 0 ? r : session_write(session, "the groups", ops, count, err);
}

int group_view_remove(struct arena *arena, const struct session *session,
                      const struct cluster_view *view, const char *id, struct error *err)
{
    struct group_view_edit edit = {.arena = arena, .session = session, .view = view};
    struct store_op ops[GROUP_VIEW_OPS_MAX];
    int r = group_view_open(&edit, err);
    if (r < 0) {
        return r;
    }
    const struct rule *rule = group_view_rule(arena, &edit.groups, id);
    if (rule != NULL && rule->resources.count > 0) {
        return error_set(err, -EBUSY, "group '%s' is used by service '%s'", id,
                         rule->resources.entries[0].key);
    }
    if (!map_remove(&edit.groups.defined.groups, id)) {
        return error_set(err, -ENOENT, "group '%s' does not exist", id);
    }
    edit.defined_changed = true;
    size_t count = group_view_documents(&edit, ops);
    return session_write(session, "the groups", ops, count, err);
}

// Takes the resource out of all rules that are groups by their name.
static void group_view_leave(struct group_view_edit *edit, const char *sid)
{
    struct rule **rules = rule_set_in_order(edit->arena, &edit->groups.rules);
    size_t count = edit->groups.rules.rules.count;
    for (size_t i = 0; i < count; i++) {
        struct rule *rule = rules[i];
        if (rule->type != RULE_TYPE_NODE_AFFINITY || group_name_of(rule->id) == rule->id ||
            !map_has(&rule->resources, sid)) {
            continue;
        }
        struct group *group = group_of_rule(edit->arena, edit->view, rule);
        (void)map_remove(&rule->resources, sid); // it is there
        edit->rules_changed = true;
        if (rule->resources.count == 0) { // it stays as a group without members
            group_view_define(edit, group);
            (void)map_remove(&edit->groups.rules.rules, rule->id); // it is there
        }
    }
}

int group_view_assign(struct arena *arena, const struct session *session,
                      const struct cluster_view *view, const char *sid, const char *id,
                      struct group_view_ops *ret, struct error *err)
{
    struct group_view_edit edit = {.arena = arena, .session = session, .view = view};
    struct group_view_ops ops = {0};
    int r = group_view_open(&edit, err);
    if (r < 0) {
        return r;
    }
    const struct group *group = id != NULL ? map_find(&edit.groups.groups.groups, id) : NULL;
    if (id != NULL && group == NULL) {
        return error_set(err, -ENOENT, "group '%s' does not exist", id);
    }
    struct rule *rule = id != NULL ? group_view_rule(arena, &edit.groups, id) : NULL;
    if (rule == NULL || !map_has(&rule->resources, sid)) {
        group_view_leave(&edit, sid);
    }
    if (group != NULL && rule == NULL) {
        const char *name = arena_printf(arena, GROUP_VIEW_RULE_PREFIX "%s", id);
        rule = rule_new(arena, name, RULE_TYPE_NODE_AFFINITY);
        rule->order = group_view_next_order(&edit.groups.rules.rules);
        group_view_to_rule(&edit, group, rule);
        map_put(&edit.groups.rules.rules, name, rule);
    }
    if (rule != NULL && !map_has(&rule->resources, sid)) {
        rule_add_resource(rule, sid);
        edit.rules_changed = true;
    }
    ops.nofailback = group != NULL && group->nofailback;
    ops.count = group_view_documents(&edit, ops.ops);
    *ret = ops;
    return 0;
}

int group_view_keep(struct arena *arena, const struct session *session,
                    const struct cluster_view *view, const char *sid, struct error *err)
{
    struct group_view_edit edit = {.arena = arena, .session = session, .view = view};
    struct store_op ops[GROUP_VIEW_OPS_MAX];
    int r = group_view_open(&edit, err);
    if (r < 0) {
        return r;
    }
    map_each (e, &edit.groups.rules.rules) {
        const struct rule *rule = e->value;
        if (rule->type == RULE_TYPE_NODE_AFFINITY && group_name_of(rule->id) != rule->id &&
            rule->resources.count == 1 && map_has(&rule->resources, sid)) {
            group_view_define(&edit, group_of_rule(arena, view, rule));
        }
    }
    size_t count = group_view_documents(&edit, ops);
    return count > 0 ? session_write(session, "the groups", ops, count, err) : 0;
}
