// SPDX-License-Identifier: Apache-2.0
// Reading and parsing what the store has. What is made of it is decided by the commands.
#include "cli/cluster_view.h"

#include <errno.h>
#include <string.h>

#include "cli/group_view.h"
#include "cli/session.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/model/guest.h"
#include "common/model/lrm_status.h"
#include "common/model/manager_status.h"
#include "common/model/resources.h"
#include "common/model/rules.h"
#include "common/model/service.h"
#include "common/model/sid.h"
#include "common/model/store_keys.h"
#include "common/port/store.h"

enum { VIEW_PROBLEMS_MAX = 100 };

struct view_reader {
    struct arena *arena;
    const struct session *session;
    struct cluster_view *view;
};

// Parses one document and puts it into the view; `name` is its key without the prefix.
typedef int (*view_parse)(struct view_reader *reader, const char *name,
                          const struct store_entry *entry, struct error *err);

static void view_problem(struct view_reader *reader, const char *key, const struct error *err)
{
    struct cluster_view *view = reader->view;
    if (view->problems_count < VIEW_PROBLEMS_MAX) {
        view->problems[view->problems_count++] =
            arena_printf(reader->arena, "cannot read '%s': %s", key, err->text);
    }
}

static int view_read(struct view_reader *reader, const char *prefix, view_parse parse,
                     struct error *err)
{
    struct store_entries entries;
    int r = store_read(reader->session->store, prefix, 0, reader->arena, &entries, err);
    if (r < 0) {
        return r;
    }
    for (size_t i = 0; i < entries.count; i++) {
        const struct store_entry *entry = &entries.entries[i];
        struct error problem = {0};
        if (entry->value != NULL &&
            parse(reader, entry->key + strlen(prefix), entry, &problem) < 0) {
            view_problem(reader, entry->key, &problem);
        }
    }
    return 0;
}

static int view_parse_resource(struct view_reader *reader, const char *name,
                               const struct store_entry *entry, struct error *err)
{
    struct resource *resource = NULL;
    int r = resource_parse(reader->arena, entry->value, &resource, err);
    if (r == 0) {
        map_put(&reader->view->resources, name, resource);
        map_put(&reader->view->texts, name, arena_strdup(reader->arena, entry->value));
    }
    return r;
}

static int view_parse_service(struct view_reader *reader, const char *name,
                              const struct store_entry *entry, struct error *err)
{
    struct service *service = NULL;
    int r = service_parse(reader->arena, name, entry->value, entry->size_bytes, &service, err);
    if (r == 0) {
        map_put(&reader->view->services, name, service);
    }
    return r;
}

static int view_parse_guest(struct view_reader *reader, const char *name,
                            const struct store_entry *entry, struct error *err)
{
    struct guest *guest = NULL;
    int r = guest_parse(reader->arena, entry->value, entry->size_bytes, &guest, err);
    if (r == 0) {
        map_put(&reader->view->guests, name, guest);
    }
    return r;
}

static int view_parse_lrm(struct view_reader *reader, const char *name,
                          const struct store_entry *entry, struct error *err)
{
    struct lrm_status *status = NULL;
    int r = lrm_status_parse(reader->arena, entry->value, entry->size_bytes, &status, err);
    if (r == 0) {
        map_put(&reader->view->lrms, name, status);
    }
    return r;
}

// After the statuses. What an LRM without one said is not shown.
static int view_parse_result(struct view_reader *reader, const char *name,
                             const struct store_entry *entry, struct error *err)
{
    struct lrm_result *result = NULL;
    int r = lrm_result_parse(reader->arena, entry->value, entry->size_bytes, &result, err);
    if (r < 0) {
        return r;
    }
    const char *node = arena_printf(reader->arena, "%.*s", (int)strcspn(name, "/"), name);
    struct lrm_status *status = map_find(&reader->view->lrms, node);
    if (status != NULL) {
        map_put(&status->results, result->uid, result);
    }
    return 0;
}

static int view_parse_manager(struct view_reader *reader, const char *name,
                              const struct store_entry *entry, struct error *err)
{
    struct manager_status *status = NULL;
    int r = manager_status_parse(reader->arena, entry->value, entry->size_bytes, &status, err);
    (void)name;
    if (r == 0) {
        reader->view->manager = status;
    }
    return r;
}

static int view_parse_master(struct view_reader *reader, const char *name,
                             const struct store_entry *entry, struct error *err)
{
    struct json *json = NULL;
    const char *node = NULL;
    int64_t timestamp_s = 0;
    (void)name;
    int r = json_parse(reader->arena, entry->value, entry->size_bytes, &json, err);
    if (r == 0) {
        r = json_get_string(json, "node", &node, err);
    }
    if (r == 0) {
        r = json_get_int(json, "timestamp", 0, INT64_MAX, &timestamp_s, err);
    }
    if (r == 0) {
        reader->view->master = node;
        reader->view->has_master_timestamp = true;
        reader->view->master_timestamp_s = timestamp_s;
    }
    return r;
}

static int view_parse_options(struct view_reader *reader, const char *name,
                              const struct store_entry *entry, struct error *err)
{
    (void)name;
    return options_parse(reader->arena, entry->value, &reader->view->options, err);
}

// What cannot be read of the rules is told where rules are shown.
static int view_parse_rules(struct view_reader *reader, const char *name,
                            const struct store_entry *entry, struct error *err)
{
    struct rule_set set;
    size_t length = strlen(GROUP_VIEW_RULE_PREFIX);
    (void)name;
    int r = rule_set_parse(reader->arena, entry->value, entry->size_bytes, &set, err);
    for (size_t i = 0; r == 0 && i < set.rules.count; i++) {
        const struct rule *rule = set.rules.entries[i].value;
        if (rule->type != RULE_TYPE_NODE_AFFINITY ||
            strncmp(rule->id, GROUP_VIEW_RULE_PREFIX, length) != 0) {
            continue;
        }
        map_each (e, &rule->resources) {
            map_put(&reader->view->groups, e->key, arena_strdup(reader->arena, rule->id + length));
        }
    }
    return r;
}

int cluster_view_read(struct arena *arena, const struct session *session, struct cluster_view *ret,
                      struct error *err)
{
    static const struct {
        const char *prefix;
        view_parse parse;
    } parts[] = {
        {STORE_PREFIX_RESOURCE, view_parse_resource},
        {STORE_PREFIX_SERVICE, view_parse_service},
        {STORE_PREFIX_GUEST, view_parse_guest},
        {STORE_PREFIX_LRM, view_parse_lrm},
        {STORE_PREFIX_RESULT, view_parse_result},
        {STORE_KEY_MANAGER_STATUS, view_parse_manager},
        {STORE_KEY_LIVE_MASTER, view_parse_master},
        {STORE_KEY_DATACENTER, view_parse_options},
        {STORE_KEY_RULES, view_parse_rules},
    };
    struct cluster_view *view = arena_new_of(arena, struct cluster_view);
    struct view_reader reader = {.arena = arena, .session = session, .view = view};
    view->node = session->node;
    view->manager = manager_status_new(arena);
    view->problems = arena_array_of(arena, const char *, VIEW_PROBLEMS_MAX);
    options_init(&view->options);
    map_init_arena(&view->resources, arena);
    map_init_arena(&view->texts, arena);
    map_init_arena(&view->services, arena);
    map_init_arena(&view->guests, arena);
    map_init_arena(&view->groups, arena);
    map_init_arena(&view->lrms, arena);
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        int r = view_read(&reader, parts[i].prefix, parts[i].parse, err);
        if (r < 0) {
            return r;
        }
    }
    int r = membership_get(session->membership, arena, &view->members, err);
    if (r < 0) {
        return r;
    }
    if (view->master == NULL) {
        view->master = view->manager->master_node;
    }
    *ret = *view;
    return 0;
}

bool cluster_view_manages(const struct cluster_view *view, const char *sid)
{
    const struct resource *resource = map_find(&view->resources, sid);
    return resource != NULL && resource->state != REQUEST_STATE_IGNORED &&
           view->manager->disarm != DISARM_MODE_IGNORE;
}

static bool view_is_number(const char *typed)
{
    return typed[0] >= '1' && typed[0] <= '9' && typed[1] != '\0' &&
           strspn(typed, "0123456789") == strlen(typed);
}

int cluster_view_check_sid(const char *typed, struct error *err)
{
    return view_is_number(typed) ? 0 : sid_check(typed, err);
}

int cluster_view_resolve(struct arena *arena, const struct cluster_view *view, const char *typed,
                         const char **ret_sid, struct error *err)
{
    static const char *const types[] = {"ct", "vm"};
    int r = cluster_view_check_sid(typed, err);
    if (r < 0) {
        return r;
    }
    if (!view_is_number(typed)) {
        *ret_sid = arena_strdup(arena, typed);
        return 0;
    }
    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        const char *sid = arena_printf(arena, "%s:%s", types[i], typed);
        // A resource whose guest is gone can still be named, so that it can be removed.
        if (map_has(&view->guests, sid) || map_has(&view->resources, sid)) {
            *ret_sid = sid;
            return 0;
        }
    }
    return error_set(err, -ENOENT, "no guest has the number %s", typed);
}
