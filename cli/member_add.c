// SPDX-License-Identifier: Apache-2.0
// Room for a node is an entry in corosync.conf without a vote.
#include "cli/member_add.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "cli/cluster_call.h"
#include "cli/conf_change.h"
#include "cli/join_string.h"
#include "cli/session.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/strbuf.h"
#include "common/host/cluster_client.h"
#include "common/host/config.h"
#include "common/host/file.h"
#include "common/host/paths.h"
#include "common/model/store_keys.h"
#include "common/port/store.h"
#include "ha_config.h"

// More has not been tried at length, and slower networks are known to break rings.
enum { NODES_USUAL = 32, LATENCY_USUAL_US = 5000 };

static bool are_same(const char *const *a, const char *const *b)
{
    bool same = true;
    for (size_t i = 0; same && i < COROSYNC_LINKS_MAX; i++) {
        same = (a[i] == NULL) == (b[i] == NULL) && (a[i] == NULL || strcmp(a[i], b[i]) == 0);
    }
    return same;
}

// A node that is in the configuration and was never seen has not joined: it gets the same again.
static int waiting_check(struct arena *arena, const struct session *session,
                         const struct corosync_conf *conf, const struct member_add_spec *spec,
                         bool *ret_again, struct error *err)
{
    const struct corosync_node *known = corosync_conf_find_node(conf, spec->node);
    const char *key = arena_printf(arena, "%s%s", STORE_PREFIX_LIVE_COROSYNC, spec->node);
    struct session_value seen = {0};
    bool waiting =
        known != NULL && session_read(arena, session, key, &seen, NULL) == 0 && seen.text == NULL;
    bool same = waiting && are_same((const char *const *)known->addresses, spec->addresses);
    if (waiting && !same) {
        return error_set(err, -EEXIST,
                         "node '%s' was added with the address %s and has not come: join with the "
                         "same addresses, or take it out with 'ha-cluster delete-node %s' first",
                         spec->node, known->addresses[0], spec->node);
    }
    *ret_again = same;
    return 0;
}

static void check_versions(struct arena *arena, const struct session *session,
                           struct json *warnings)
{
    struct store_entries entries;
    if (store_read(session->store, STORE_PREFIX_NODE_VERSION, 0, arena, &entries, NULL) < 0) {
        return; // what cannot be read is no reason to refuse
    }
    for (size_t i = 0; i < entries.count; i++) {
        const struct store_entry *entry = &entries.entries[i];
        if (entry->value != NULL && strcmp(entry->value, HA_VERSION) != 0) {
            conf_change_warn(
                arena, warnings, "node '%s' runs version %s, this one %s: finish the upgrade first",
                entry->key + strlen(STORE_PREFIX_NODE_VERSION), entry->value, HA_VERSION);
        }
    }
}

static void check_limits(struct arena *arena, const struct session *session,
                         const struct corosync_conf *conf, struct json *warnings)
{
    size_t count;
    struct json *status;
    const struct corosync_node *nodes = corosync_conf_nodes(conf, &count);
    (void)nodes; // only how many
    if (count > NODES_USUAL) {
        conf_change_warn(arena, warnings,
                         "the cluster has %zu nodes now: more than %d are not recommended", count,
                         NODES_USUAL);
    }
    check_versions(arena, session, warnings);
    // The measurement is for a warning only.
    if (ha_cluster_call(arena, session->client, "status", NULL, &status, NULL) < 0) {
        return;
    }
    const struct json *links = json_find(status, "links");
    for (size_t i = 0; links != NULL && links->type == JSON_TYPE_ARRAY && i < links->count; i++) {
        int64_t latency_us = 0;
        int64_t link = 0;
        const char *node = json_find_string(links->items[i], "node");
        bool read =
            json_get_int_if(links->items[i], "latency_us", 0, INT64_MAX, &latency_us, NULL) == 0 &&
            json_get_int_if(links->items[i], "link", 0, INT64_MAX, &link, NULL) == 0;
        if (read && node != NULL && latency_us > LATENCY_USUAL_US) {
            conf_change_warn(arena, warnings,
                             "node '%s' answers on link %lld after %.1f ms: more than %d ms is not "
                             "recommended",
                             node, (long long)link, (double)latency_us / 1000,
                             LATENCY_USUAL_US / 1000);
        }
    }
}

static int check_id(const struct corosync_conf *conf, const struct member_add_spec *spec,
                    struct error *err)
{
    const struct corosync_node *node = corosync_conf_find_node(conf, spec->node);
    if (spec->id != 0 && node != NULL && node->id != spec->id) {
        return error_set(err, -EINVAL, "node '%s' gets the id %" PRIu32 ", the lowest that is free",
                         spec->node, node->id);
    }
    return 0;
}

static int join_make(struct arena *arena, const struct corosync_conf *conf, const char *node,
                     struct join_string *ret, struct error *err)
{
    char *key;
    size_t key_size;
    struct config config;
    int r = file_read(arena, PATH_COROSYNC_AUTHKEY, JOIN_AUTHKEY_MAX, &key, &key_size, err);
    if (r == 0) {
        r = config_load(arena, &config, err);
    }
    if (r < 0) {
        return r;
    }
    *ret = (struct join_string){
        .version = HA_VERSION,
        .cluster = corosync_conf_cluster_name(conf),
        .node = node,
        .profile = timing_profile_to_string(config.profile),
        .corosync_conf = corosync_conf_format(arena, conf),
        .authkey = key,
        .authkey_size_bytes = key_size,
    };
    return 0;
}

int member_add(struct arena *arena, const struct session *session,
               const struct member_add_spec *spec, struct json *warnings, struct join_string *ret,
               struct error *err)
{
    struct conf_change change;
    int r = conf_change_begin(arena, session, &change, err);
    if (r < 0) {
        return r;
    }
    if (change.forced) {
        return error_set(err, -EBUSY,
                         "fewer votes are expected than the nodes have, by an operator's word: "
                         "bring the absent nodes back, or take them out with 'ha-cluster "
                         "delete-node' first");
    }
    bool again = false;
    r = waiting_check(arena, session, change.conf, spec, &again, err);
    if (r == 0 && !again) {
        r = corosync_conf_add_node(change.conf, spec->node, spec->addresses, err);
    }
    if (r == 0) {
        r = check_id(change.conf, spec, err);
    }
    if (r == 0) {
        check_limits(arena, session, change.conf, warnings);
    }
    if (r == 0 && !again) {
        r = conf_change_commit(arena, session, &change, "ha-cluster add-node", err);
    }
    return r < 0 ? r : join_make(arena, change.conf, spec->node, ret, err);
}
