// SPDX-License-Identifier: Apache-2.0
// Out of corosync.conf first; then what the others keep of the node is removed.
#include "cli/member_remove.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "cli/cluster_call.h"
#include "cli/conf_change.h"
#include "cli/session.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/parse.h"
#include "common/base/strbuf.h"
#include "common/host/cluster_client.h"
#include "common/host/host_clock.h"
#include "common/model/store_keys.h"
#include "common/port/clock.h"
#include "common/port/store.h"

enum { FORGET_MS = 10 * 1000, STEP_MS = 100 };

static int check_off(struct arena *arena, const struct session *session, const char *node,
                     struct error *err)
{
    struct json *answer;
    int r = ha_cluster_call(arena, session->client, "membership", NULL, &answer, err);
    const struct json *members = r == 0 ? json_find(answer, "members") : NULL;
    for (size_t i = 0; members != NULL && i < members->count; i++) {
        const struct json *member = members->items[i];
        const char *name = json_find_string(member, "node");
        bool online = false;
        bool corosync = false;
        if (name == NULL || strcmp(name, node) != 0) {
            continue;
        }
        r = json_get_bool_if(member, "online", &online, err);
        if (r == 0) {
            r = json_get_bool_if(member, "corosync", &corosync, err);
        }
        if (r == 0 && (online || corosync)) {
            r = error_set(err, -EBUSY,
                          "node '%s' is online: move its services away ('ha-manager crm-command "
                          "node-maintenance enable %s'), then switch it off",
                          node, node);
        }
    }
    return r;
}

// INV-2: while the node's lease may be in force its services may run.
static int check_lease(struct arena *arena, const struct session *session, const char *node,
                       struct error *err)
{
    struct json *answer;
    const char *wanted = arena_printf(arena, LEASE_AGENT_FORMAT, node);
    int r = ha_cluster_call(arena, session->client, "leases", NULL, &answer, err);
    const struct json *leases = r == 0 ? json_find(answer, "leases") : NULL;
    for (size_t i = 0; leases != NULL && i < leases->count; i++) {
        const struct json *lease = leases->items[i];
        const char *name = json_find_string(lease, "name");
        const char *owner = json_find_string(lease, "owner");
        bool unknown = false;
        int64_t wait_ms = 0;
        if (name == NULL || strcmp(name, wanted) != 0) {
            continue;
        }
        r = json_get_bool_if(lease, "unknown", &unknown, err);
        if (r == 0) {
            r = json_get_int_if(lease, "breakable_in_ms", 0, INT64_MAX, &wait_ms, err);
        }
        bool is_own = unknown || (owner != NULL && strcmp(owner, node) == 0);
        if (r == 0 && is_own && wait_ms > 0) {
            r = error_set(err, -EBUSY,
                          "node '%s' may still be running services under its lease: try again in "
                          "%lld s",
                          node, (long long)(wait_ms + 999) / 1000);
        }
    }
    return r;
}

// Appends the ids of those documents below the prefix whose "node" is this one.
static int find_placed(struct arena *arena, const struct session *session, const char *prefix,
                       const char *node, struct strbuf *out, struct error *err)
{
    struct store_entries entries;
    int r = store_read(session->store, prefix, 0, arena, &entries, err);
    for (size_t i = 0; r == 0 && i < entries.count; i++) {
        const struct store_entry *entry = &entries.entries[i];
        struct json *json;
        // A document that cannot be read is told of by those who work with it.
        bool read = entry->value != NULL &&
                    json_parse(arena, entry->value, entry->size_bytes, &json, NULL) == 0;
        const char *place = read ? json_find_string(json, "node") : NULL;
        if (place != NULL && strcmp(place, node) == 0) {
            strbuf_appendf(out, "%s%s", out->size_bytes > 0 ? ", " : "",
                           entry->key + strlen(prefix));
        }
    }
    return r;
}

static int check_empty(struct arena *arena, const struct session *session, const char *node,
                       bool force, struct json *warnings, struct error *err)
{
    struct strbuf services CLEANUP(strbuf_done) = {0};
    struct strbuf guests CLEANUP(strbuf_done) = {0};
    int r = find_placed(arena, session, STORE_PREFIX_SERVICE, node, &services, err);
    if (r == 0) {
        r = find_placed(arena, session, STORE_PREFIX_GUEST, node, &guests, err);
    }
    if (r < 0 || (services.size_bytes == 0 && guests.size_bytes == 0)) {
        return r;
    }
    const char *what = services.size_bytes > 0 ? strbuf_text(&services) : strbuf_text(&guests);
    if (!force) {
        return error_set(err, -EBUSY,
                         "node '%s' still has %s %s: wait until they are recovered, or relocate "
                         "them; --force gives them up as they are",
                         node, services.size_bytes > 0 ? "the services" : "the guests", what);
    }
    conf_change_warn(arena, warnings, "still recorded on node '%s': %s", node, what);
    return 0;
}

static bool names_node(struct arena *arena, const char *line, const char *node)
{
    struct parse_words words = parse_fields(arena, line);
    if (words.count < 2 || strcmp(words.words[0], "nodes") != 0) {
        return false;
    }
    for (const char *at = words.words[1]; *at != '\0';) {
        size_t length = strcspn(at, ",");
        size_t name = strcspn(at, ":,");
        if (name == strlen(node) && strncmp(at, node, name) == 0) {
            return true;
        }
        at += length + (at[length] == ',' ? 1 : 0);
    }
    return false;
}

// Lines "nodes a,b:2" of rules and groups that name the node stay: what they say is the operator's.
static void tell_rules(struct arena *arena, const struct session *session, const char *node,
                       struct json *warnings)
{
    static const char *const keys[] = {STORE_KEY_RULES, STORE_KEY_GROUPS};
    for (size_t k = 0; k < ARRAY_SIZE(keys); k++) {
        struct session_value value;
        const char *section = "";
        if (session_read(arena, session, keys[k], &value, NULL) < 0 || value.text == NULL) {
            continue;
        }
        for (const char *at = value.text; *at != '\0';) {
            size_t length = strcspn(at, "\n");
            const char *line = arena_printf(arena, "%.*s", (int)length, at);
            at += length + (at[length] == '\n' ? 1 : 0);
            if (line[0] != ' ' && line[0] != '\t') {
                section = line;
                continue;
            }
            if (names_node(arena, line, node)) {
                conf_change_warn(arena, warnings,
                                 "'%s' names node '%s': change it with 'ha-manager'", section,
                                 node);
            }
        }
    }
}

// What the nodes told of themselves; nobody else writes these.
static int forget(struct arena *arena, const struct session *session, const char *node,
                  struct error *err)
{
    static const char *const prefixes[] = {
        STORE_PREFIX_LRM,          STORE_PREFIX_NODE_VERSION, STORE_PREFIX_LIVE_COROSYNC,
        STORE_PREFIX_LIVE_PROFILE, STORE_PREFIX_LIVE_CHECK,   STORE_PREFIX_LOAD,
        STORE_PREFIX_LIVE_NODE,    STORE_PREFIX_LIVE_STORAGE, STORE_PREFIX_LIVE_API,
    };
    const char *results_prefix = arena_printf(arena, STORE_PREFIX_RESULT "%s/", node);
    struct store_entries results = {0};
    int r = store_read(session->store, results_prefix, 0, arena, &results, err);
    if (r < 0) {
        return error_prefix(err, "node '%s' is removed", node);
    }
    size_t count = ARRAY_SIZE(prefixes) + results.count;
    struct store_op *ops = arena_array_of(arena, struct store_op, count);
    for (size_t i = 0; i < count; i++) {
        ops[i] = (struct store_op){
            .key = i < ARRAY_SIZE(prefixes) ? arena_printf(arena, "%s%s", prefixes[i], node)
                                            : results.entries[i - ARRAY_SIZE(prefixes)].key,
            .expect = STORE_ANY,
        };
    }
    // The votes have just changed, and the store agrees on that first. Deleting twice is harmless.
    struct clock clock;
    host_clock_init(&clock);
    int64_t end_ms = clock_now_ms(&clock) + FORGET_MS;
    do {
        error_clear(err);
        r = session_write(session, "what is known of the node", ops, count, err);
        if (r == -EHOSTDOWN || r == -ETIMEDOUT) {
            host_sleep_ms(STEP_MS);
        }
    } while ((r == -EHOSTDOWN || r == -ETIMEDOUT) && clock_now_ms(&clock) < end_ms);
    return r < 0 ? error_prefix(err, "node '%s' is removed", node) : 0;
}

int member_remove(struct arena *arena, const struct session *session, const char *node, bool force,
                  struct json *warnings, struct error *err)
{
    struct conf_change change;
    int r = conf_change_begin(arena, session, &change, err);
    if (r == 0 && strcmp(node, session->node) == 0) {
        size_t count;
        const struct corosync_node *nodes = corosync_conf_nodes(change.conf, &count);
        (void)nodes; // only how many
        r = error_set(err, -EINVAL,
                      count > 1 ? "this is node '%s': run the command on another member while this "
                                  "one is off"
                                : "node '%s' is the last one: 'ha-cluster leave' ends its cluster "
                                  "when it has lost the others",
                      node);
    }
    if (r == 0 && corosync_conf_find_node(change.conf, node) == NULL) {
        r = session_check_node(arena, session, node, err);
        r = r < 0 ? r : error_set(err, -ENOENT, "node '%s' is being removed already", node);
    }
    if (r == 0) {
        r = check_off(arena, session, node, err);
    }
    if (r == 0) {
        r = check_lease(arena, session, node, err);
    }
    if (r == 0) {
        r = check_empty(arena, session, node, force, warnings, err);
    }
    if (r == 0) {
        r = corosync_conf_remove_node(change.conf, node, err);
    }
    if (r == 0) {
        r = conf_change_commit(arena, session, &change, "ha-cluster delete-node", err);
    }
    if (r == 0) {
        tell_rules(arena, session, node, warnings);
        r = forget(arena, session, node, err);
    }
    return r;
}
