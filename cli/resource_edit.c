// SPDX-License-Identifier: Apache-2.0
// Checks and transactions of changes to resources.
#include "cli/resource_edit.h"

#include <errno.h>
#include <string.h>

#include "cli/cluster_view.h"
#include "cli/group_edit.h"
#include "cli/rule_conflicts.h"
#include "cli/session.h"
#include "common/base/arena.h"
#include "common/base/digest.h"
#include "common/base/error.h"
#include "common/base/parse.h"
#include "common/base/strbuf.h"
#include "common/model/guest.h"
#include "common/model/manager_status.h"
#include "common/model/resources.h"
#include "common/model/rules.h"
#include "common/model/rules_check.h"
#include "common/model/service.h"
#include "common/model/sid.h"
#include "common/model/store_keys.h"
#include "common/port/store.h"

void resource_request_init(struct arena *arena, struct resource_request *ret)
{
    *ret = (struct resource_request){0};
    map_init_arena(&ret->set, arena);
}

static const char *resource_key(struct arena *arena, const char *sid)
{
    return arena_printf(arena, STORE_PREFIX_RESOURCE "%s", sid);
}

static const char *resource_words(struct arena *arena, const char *sid)
{
    return arena_printf(arena, "resource '%s'", sid);
}

static int resource_write(struct arena *arena, const struct session *session,
                          const struct resource *resource, uint64_t expect, struct error *err)
{
    struct strbuf text CLEANUP(strbuf_done) = {0};
    resource_format(resource, &text);
    struct store_op op = {.key = resource_key(arena, resource->sid),
                          .value = strbuf_text(&text),
                          .size_bytes = text.size_bytes,
                          .expect = expect};
    return session_write(session, resource_words(arena, resource->sid), &op, 1, err);
}

static int resource_apply(struct arena *arena, const struct session *session,
                          const struct resource_request *request, struct resource *resource,
                          struct error *err)
{
    const char *group = map_find(&request->set, "group");
    if (group != NULL) {
        int r = group_check_exists(arena, session, group, err);
        if (r < 0) {
            return r;
        }
    }
    map_each (e, &request->set) {
        int r = resource_set(arena, resource, e->key, e->value, err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int resource_check_guest(struct arena *arena, const struct cluster_view *view,
                                const char *sid, const char *type, struct error *err)
{
    const char *have = sid_type(arena, sid);
    if (type != NULL && strcmp(type, have) != 0) {
        return error_set(err, -EINVAL, "'%s' is not of type '%s'", sid, type);
    }
    if (strcmp(have, "ct") != 0 && strcmp(have, "vm") != 0) {
        return error_set(err, -EINVAL, "'%s' is of unknown type '%s': known are ct, vm", sid, have);
    }
    if (!map_has(&view->guests, sid)) {
        return error_set(err, -ENOENT, "guest '%s' does not exist", sid);
    }
    return 0;
}

// HA takes a guest over only from a node that is there. Whether it runs on one that is not, nobody
// can tell: that node's LRM never held a lease for it, so a free lease would prove nothing and the
// guest could run twice (INV-1).
static int resource_check_place(const struct cluster_view *view, const char *sid, struct error *err)
{
    const struct guest *guest = map_find(&view->guests, sid);
    for (size_t i = 0; guest != NULL && i < view->members.count; i++) {
        if (strcmp(view->members.members[i].node, guest->node) == 0 &&
            view->members.members[i].online) {
            return 0;
        }
    }
    return error_set(err, -EHOSTUNREACH,
                     "guest '%s' is on node '%s', which is not online: whether it runs there is "
                     "not known",
                     sid, guest != NULL ? guest->node : "---");
}

int resource_add(struct arena *arena, const struct session *session,
                 const struct cluster_view *view, const char *typed,
                 const struct resource_request *request, struct error *err)
{
    const char *sid = NULL;
    int r = session_need_quorum(session, err);
    if (r == 0) {
        r = cluster_view_resolve(arena, view, typed, &sid, err);
    }
    if (r == 0) {
        r = resource_check_guest(arena, view, sid, request->type, err);
    }
    if (r < 0) {
        return r;
    }
    if (map_has(&view->resources, sid)) {
        return error_set(err, -EEXIST, "resource '%s' is already under HA", sid);
    }
    r = resource_check_place(view, sid, err);
    if (r < 0) {
        return r;
    }
    struct resource *resource = resource_new(arena, sid);
    r = resource_apply(arena, session, request, resource, err);
    if (r < 0) {
        return r;
    }
    return resource_write(arena, session, resource, STORE_ABSENT, err);
}

// Reads the resource as it is now, with its version.
static int resource_read(struct arena *arena, const struct session *session, const char *sid,
                         struct resource **ret, struct session_value *ret_value, struct error *err)
{
    int r = session_read(arena, session, resource_key(arena, sid), ret_value, err);
    if (r < 0) {
        return r;
    }
    if (ret_value->text == NULL) {
        return error_set(err, -ENOENT, "resource '%s' is not under HA", sid);
    }
    r = resource_parse(arena, ret_value->text, ret, err);
    return r < 0 ? error_prefix(err, "resource '%s'", sid) : 0;
}

static int resource_check_digest(struct arena *arena, const char *sid, const char *wanted,
                                 const struct session_value *value, struct error *err)
{
    if (wanted == NULL ||
        strcmp(wanted, digest_sha1_hex(arena, value->text, value->size_bytes)) == 0) {
        return 0;
    }
    return error_set(err, -ESTALE, "resource '%s' was changed since its digest was read: try again",
                     sid);
}

int resource_change(struct arena *arena, const struct session *session,
                    const struct cluster_view *view, const char *typed,
                    const struct resource_request *request, struct error *err)
{
    struct session_value value;
    struct resource *resource = NULL;
    const char *sid = NULL;
    int r = session_need_quorum(session, err);
    if (r == 0) {
        r = cluster_view_resolve(arena, view, typed, &sid, err);
    }
    if (r == 0) {
        r = resource_read(arena, session, sid, &resource, &value, err);
    }
    if (r == 0) {
        r = resource_check_digest(arena, sid, request->digest, &value, err);
    }
    bool was_ignored = r == 0 && resource->state == REQUEST_STATE_IGNORED;
    struct parse_words unset = {0};
    if (r == 0 && request->unset != NULL) {
        unset = parse_list(arena, request->unset);
    }
    for (size_t i = 0; r == 0 && i < unset.count; i++) {
        if (map_has(&request->set, unset.words[i])) {
            return error_set(err, -EINVAL, "'%s' cannot be set and deleted at once",
                             unset.words[i]);
        }
        r = resource_unset(resource, unset.words[i], err);
    }
    if (r == 0) {
        r = resource_apply(arena, session, request, resource, err);
    }
    if (r < 0) {
        return r;
    }
    if (was_ignored && resource->state != REQUEST_STATE_IGNORED) {
        r = resource_check_place(view, sid, err);
        if (r < 0) {
            return r;
        }
    }
    const struct service *service = map_find(&view->services, sid);
    if (service != NULL && service->state == SVC_STATE_ERROR &&
        resource->state != REQUEST_STATE_DISABLED) {
        return error_set(err, -EBUSY, "service '%s' is in error state: set it to 'disabled' first",
                         sid);
    }
    return resource_write(arena, session, resource, value.version, err);
}

// Problems of the rules, but for those that have no effect with the one resource they have.
static void resource_find_problems(struct arena *arena, const struct cluster_view *view,
                                   const struct rule_set *set, struct map *ret_problems)
{
    struct map nodes;
    map_init_arena(&nodes, arena);
    for (size_t i = 0; i < view->members.count; i++) {
        map_put(&nodes, view->members.members[i].node, arena);
    }
    rules_check(arena, set, &nodes, ret_problems);
    map_each (e, &set->rules) {
        const struct rule *rule = e->value;
        if (rule->type == RULE_TYPE_RESOURCE_AFFINITY && rule->resources.count < 2) {
            (void)map_remove(ret_problems, e->key); // fine when nobody blames it
        }
    }
}

// True when a rule named it.
static bool resource_drop_from_rules(struct arena *arena, struct rule_set *set, const char *sid)
{
    bool changed = false;
    struct rule **rules = rule_set_in_order(arena, set);
    size_t rules_count = set->rules.count;
    for (size_t i = 0; i < rules_count; i++) {
        if (!map_remove(&rules[i]->resources, sid)) {
            continue;
        }
        changed = true;
        if (rules[i]->resources.count == 0) {
            (void)map_remove(&set->rules, rules[i]->id); // it is there
        }
    }
    return changed;
}

// Adds the change of the rules' file to a transaction; leaves *op alone when no rule names the sid.
static int resource_purge_rules(struct arena *arena, const struct session *session,
                                const struct cluster_view *view, const char *sid, bool force,
                                struct store_op *op, size_t *count, struct error *err)
{
    struct session_value value;
    struct rule_set set;
    struct strbuf text CLEANUP(strbuf_done) = {0};
    int r = session_read(arena, session, STORE_KEY_RULES, &value, err);
    if (r < 0 || value.text == NULL) {
        return r;
    }
    r = rule_set_parse(arena, value.text, value.size_bytes, &set, err);
    if (r < 0) {
        return error_prefix(err, "rules");
    }
    // What cannot be read would be lost by writing the rest.
    if (set.warnings_count > 0) {
        return error_set(err, -EINVAL, "rules: %s: repair this, or remove with --purge 0",
                         set.warnings[0]);
    }
    struct map before;
    struct map after;
    resource_find_problems(arena, view, &set, &before);
    if (!resource_drop_from_rules(arena, &set, sid)) {
        return 0;
    }
    resource_find_problems(arena, view, &set, &after);
    if (!force && (r = rule_conflicts_check(&before, &after, "", err)) < 0) {
        return r;
    }
    rule_set_format(&set, &text);
    *op = (struct store_op){.key = STORE_KEY_RULES,
                            .value = arena_strdup(arena, strbuf_text(&text)),
                            .size_bytes = text.size_bytes,
                            .expect = value.version};
    *count += 1;
    return 0;
}

int resource_remove(struct arena *arena, const struct session *session,
                    const struct cluster_view *view, const char *typed, enum resource_purge purge,
                    struct error *err)
{
    struct session_value value;
    struct store_op ops[2];
    size_t count = 1;
    const char *sid = NULL;
    int r = session_need_quorum(session, err);
    if (r == 0) {
        r = cluster_view_resolve(arena, view, typed, &sid, err);
    }
    if (r == 0) {
        r = session_read(arena, session, resource_key(arena, sid), &value, err);
    }
    if (r < 0) {
        return r;
    }
    // One that cannot be parsed can still be removed.
    if (value.text == NULL) {
        return error_set(err, -ENOENT, "resource '%s' is not under HA", sid);
    }
    ops[0] = (struct store_op){.key = resource_key(arena, sid), .expect = value.version};
    if (purge != RESOURCE_PURGE_NO) {
        r = resource_purge_rules(arena, session, view, sid, purge == RESOURCE_PURGE_FORCE, &ops[1],
                                 &count, err);
    }
    if (r < 0) {
        return r;
    }
    return session_write(session, resource_words(arena, sid), ops, count, err);
}

int resource_check_commandable(const struct cluster_view *view, const char *sid, struct error *err)
{
    const struct resource *resource = map_find(&view->resources, sid);
    const struct service *service = map_find(&view->services, sid);
    if (resource == NULL) {
        return error_set(err, -ENOENT, "resource '%s' is not under HA", sid);
    }
    if (!cluster_view_manages(view, sid)) {
        return error_set(err, -EBUSY, "resource '%s' is ignored by HA at present", sid);
    }
    if (service != NULL && service->state == SVC_STATE_ERROR) {
        return error_set(err, -EBUSY, "service '%s' is in error state: set it to 'disabled' first",
                         sid);
    }
    return 0;
}
