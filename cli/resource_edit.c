// SPDX-License-Identifier: Apache-2.0
// Checks and transactions of changes to resources.
#include "cli/resource_edit.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "cli/cluster_view.h"
#include "cli/group_edit.h"
#include "cli/rule_conflicts.h"
#include "cli/service_define.h"
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
    *ret = (struct resource_request){.thorough = true};
    map_init_arena(&ret->set, arena);
    map_init_arena(&ret->define, arena);
}

static const char *resource_key(struct arena *arena, const char *sid)
{
    return arena_printf(arena, STORE_PREFIX_RESOURCE "%s", sid);
}

static const char *resource_guest_key(struct arena *arena, const char *sid)
{
    return arena_printf(arena, STORE_PREFIX_GUEST "%s", sid);
}

static const char *resource_words(struct arena *arena, const char *sid)
{
    return arena_printf(arena, "resource '%s'", sid);
}

// What one change writes: the resource, and a definition that is new or another.
struct resource_write {
    const struct resource *resource;
    uint64_t expect;
    const struct guest *guest; // NULL: it stays as it is
    uint64_t guest_expect;
};

static int resource_write(struct arena *arena, const struct session *session,
                          const struct resource_request *request,
                          const struct resource_write *write, struct error *err)
{
    struct strbuf text CLEANUP(strbuf_done) = {0};
    const char *sid = write->resource->sid;
    resource_format(write->resource, &text);
    struct store_op ops[2 + RESOURCE_REQUEST_EXTRA_MAX] = {{.key = resource_key(arena, sid),
                                                            .value = strbuf_text(&text),
                                                            .size_bytes = text.size_bytes,
                                                            .expect = write->expect}};
    size_t count = 1;
    if (write->guest != NULL) {
        const char *value = guest_format(arena, write->guest);
        ops[count++] = (struct store_op){.key = resource_guest_key(arena, sid),
                                         .value = value,
                                         .size_bytes = strlen(value),
                                         .expect = write->guest_expect};
    }
    assert(request->extra_count <= RESOURCE_REQUEST_EXTRA_MAX);
    for (size_t i = 0; i < request->extra_count; i++) {
        ops[count++] = request->extra[i];
    }
    return session_write(session, resource_words(arena, sid), ops, count, err);
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
    if (strcmp(have, "ct") != 0 && strcmp(have, "vm") != 0 && !service_is_defined_here(sid)) {
        return error_set(err, -EINVAL, "'%s' is of unknown type '%s': known are ct, ocf, unit, vm",
                         sid, have);
    }
    if (!map_has(&view->guests, sid) && !service_is_defined_here(sid)) {
        return error_set(err, -ENOENT, "guest '%s' does not exist", sid);
    }
    return 0;
}

// A definition that is there already knows where the service may run; a new one must not take its
// place.
static int resource_define(struct arena *arena, const struct session *session,
                           const struct cluster_view *view, const char *sid,
                           const struct resource_request *request, struct guest **ret,
                           struct error *err)
{
    const struct guest *have = map_find(&view->guests, sid);
    if (!service_is_defined_here(sid)) {
        return request->define.count == 0
                   ? 0
                   : error_set(err, -EINVAL, "'%s' is a guest: '%s' is not for it", sid,
                               request->define.entries[0].key);
    }
    if (have == NULL) {
        return service_define(arena, session->node, sid, &request->define, request->thorough, ret,
                              err);
    }
    if (request->define.count > 0) {
        return error_set(err, -EEXIST,
                         "'%s' is defined already, on node '%s': add it without '%s', and change "
                         "it with 'set'",
                         sid, have->node, request->define.entries[0].key);
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
    struct resource_write write = {.expect = STORE_ABSENT, .guest_expect = STORE_ABSENT};
    struct guest *guest = NULL;
    struct resource *resource = resource_new(arena, sid);
    if (map_has(&view->guests, sid)) {
        r = resource_check_place(view, sid, err);
    }
    if (r == 0) {
        r = resource_apply(arena, session, request, resource, err);
    }
    if (r == 0) {
        r = resource_define(arena, session, view, sid, request, &guest, err);
    }
    write.resource = resource;
    write.guest = guest;
    return r < 0 ? r : resource_write(arena, session, request, &write, err);
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

// Changes the definition as it is now, when that is asked for.
static int resource_redefine(struct arena *arena, const struct session *session, const char *sid,
                             const struct resource_request *request,
                             const struct parse_words *unset, struct resource_write *write,
                             struct error *err)
{
    struct session_value value;
    struct guest *guest = NULL;
    bool wanted = request->define.count > 0;
    for (size_t i = 0; i < unset->count; i++) {
        wanted = wanted || service_is_definition_key(unset->words[i]);
    }
    if (!wanted) {
        return 0;
    }
    if (!service_is_defined_here(sid)) {
        return error_set(err, -EINVAL, "'%s' is a guest: it is changed with ha-guest", sid);
    }
    int r = session_read(arena, session, resource_guest_key(arena, sid), &value, err);
    if (r == 0 && value.text == NULL) {
        r = error_set(err, -ENOENT, "'%s' is not defined any more", sid);
    }
    if (r == 0) {
        r = guest_parse(arena, value.text, value.size_bytes, &guest, err);
    }
    if (r == 0) {
        r = service_redefine(arena, session->node, &request->define, unset, request->thorough,
                             guest, err);
    }
    if (r > 0) {
        write->guest = guest;
        write->guest_expect = value.version;
    }
    return r < 0 ? r : 0;
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
        if (map_has(&request->set, unset.words[i]) || map_has(&request->define, unset.words[i])) {
            return error_set(err, -EINVAL, "'%s' cannot be set and deleted at once",
                             unset.words[i]);
        }
        if (!service_is_definition_key(unset.words[i])) {
            r = resource_unset(resource, unset.words[i], err);
        }
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
    struct resource_write write = {.resource = resource, .expect = value.version};
    r = resource_redefine(arena, session, sid, request, &unset, &write, err);
    return r < 0 ? r : resource_write(arena, session, request, &write, err);
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

// Adds the removal of the definition to a transaction. That the resource is still as it was read is
// a condition of the same transaction: a service that is disabled stays stopped.
static int resource_forget(struct arena *arena, const struct session *session,
                           const struct cluster_view *view, const char *sid, struct store_op *op,
                           size_t *count, struct error *err)
{
    const struct resource *resource = map_find(&view->resources, sid);
    const struct service *service = map_find(&view->services, sid);
    struct session_value value;
    if (!service_is_defined_here(sid)) {
        return error_set(err, -EINVAL, "'%s' is a guest: it is destroyed with ha-guest", sid);
    }
    if (resource == NULL || resource->state != REQUEST_STATE_DISABLED || service == NULL ||
        service->state != SVC_STATE_STOPPED) {
        return error_set(err, -EBUSY,
                         "service '%s' is not known to be stopped: set it to 'disabled', and wait "
                         "until it is",
                         sid);
    }
    int r = session_read(arena, session, resource_guest_key(arena, sid), &value, err);
    if (r == 0 && value.text != NULL) {
        *op = (struct store_op){.key = resource_guest_key(arena, sid), .expect = value.version};
        *count += 1;
    }
    return r;
}

static int resource_take_out(struct arena *arena, const struct session *session,
                             const struct cluster_view *view, const char *typed,
                             enum resource_purge purge, bool forget, struct error *err)
{
    struct session_value value;
    struct store_op ops[3];
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
    if (forget) {
        r = resource_forget(arena, session, view, sid, &ops[count], &count, err);
    }
    if (r == 0 && purge != RESOURCE_PURGE_NO) {
        r = resource_purge_rules(arena, session, view, sid, purge == RESOURCE_PURGE_FORCE,
                                 &ops[count], &count, err);
    }
    if (r < 0) {
        return r;
    }
    return session_write(session, resource_words(arena, sid), ops, count, err);
}

int resource_remove(struct arena *arena, const struct session *session,
                    const struct cluster_view *view, const char *typed, enum resource_purge purge,
                    struct error *err)
{
    return resource_take_out(arena, session, view, typed, purge, false, err);
}

int resource_remove_definition(struct arena *arena, const struct session *session,
                               const struct cluster_view *view, const char *typed,
                               enum resource_purge purge, struct error *err)
{
    return resource_take_out(arena, session, view, typed, purge, true, err);
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
