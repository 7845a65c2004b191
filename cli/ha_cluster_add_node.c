// SPDX-License-Identifier: Apache-2.0
// A member makes room for a new node, within the limits: one version everywhere, a network that is
// quick enough.
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "cli/command_line.h"
#include "cli/conf_change.h"
#include "cli/ha_cluster.h"
#include "cli/join_string.h"
#include "cli/session.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/host/cluster_client.h"
#include "common/host/file.h"
#include "common/host/paths.h"
#include "common/model/store_keys.h"
#include "common/port/store.h"
#include "ha_config.h"

// More has not been tried at length, and slower networks are known to break rings.
enum { NODES_USUAL = 32, LATENCY_USUAL_US = 5000 };

static int print_join_string(struct cli *cli, const struct corosync_conf *conf, const char *text,
                             struct error *err)
{
    char *key;
    size_t key_size;
    int r = file_read(cli->arena, PATH_COROSYNC_AUTHKEY, JOIN_AUTHKEY_MAX, &key, &key_size, err);
    struct config config;
    if (r == 0) {
        r = config_load(cli->arena, &config, err);
    }
    if (r < 0) {
        return r;
    }
    const struct join_string join = {
        .version = HA_VERSION,
        .cluster = corosync_conf_cluster_name(conf),
        .node = cli_text(cli, "node"),
        .profile = timing_profile_to_string(config.profile),
        .corosync_conf = text,
        .authkey = key,
        .authkey_size_bytes = key_size,
    };
    const char *line = join_string_format(cli->arena, &join);
    if (cli->output.format == OUTPUT_FORMAT_TEXT) {
        cli_printf(cli, "%s\n", line);
    } else {
        struct json *object = json_new_object(cli->arena);
        json_put_string(object, "node", join.node);
        json_put_string(object, "join", line);
        output_document(&cli->output, object, &cli->out);
    }
    return 0;
}

// A node that is in the configuration and was never seen has not joined: the line is printed again.
static bool is_waiting(const struct corosync_conf *conf, const char *node,
                       const struct ha_cluster_links *links, const struct session *session,
                       struct arena *arena)
{
    const struct corosync_node *known = corosync_conf_find_node(conf, node);
    bool same = known != NULL;
    for (size_t i = 0; same && i < COROSYNC_LINKS_MAX; i++) {
        const char *wanted = links->addresses[i];
        same = (known->addresses[i] == NULL) == (wanted == NULL) &&
               (wanted == NULL || strcmp(known->addresses[i], wanted) == 0);
    }
    struct session_value seen;
    const char *key = arena_printf(arena, "%s%s", STORE_PREFIX_LIVE_COROSYNC, node);
    return same && session_read(arena, session, key, &seen, NULL) == 0 && seen.text == NULL;
}

static void check_versions(struct cli *cli, const struct session *session)
{
    struct store_entries entries;
    if (store_read(session->store, STORE_PREFIX_NODE_VERSION, 0, cli->arena, &entries, NULL) < 0) {
        return; // what cannot be read is no reason to refuse
    }
    for (size_t i = 0; i < entries.count; i++) {
        const struct store_entry *entry = &entries.entries[i];
        if (entry->value != NULL && strcmp(entry->value, HA_VERSION) != 0) {
            cli_warn(cli, "node '%s' runs version %s, this one %s: finish the upgrade first",
                     entry->key + strlen(STORE_PREFIX_NODE_VERSION), entry->value, HA_VERSION);
        }
    }
}

static void check_limits(struct cli *cli, const struct session *session,
                         const struct corosync_conf *conf)
{
    size_t count;
    struct json *status;
    const struct corosync_node *nodes = corosync_conf_nodes(conf, &count);
    (void)nodes; // only how many
    if (count > NODES_USUAL) {
        cli_warn(cli, "the cluster has %zu nodes now: more than %d are not recommended", count,
                 NODES_USUAL);
    }
    check_versions(cli, session);
    // The measurement is for a warning only.
    if (ha_cluster_call(cli->arena, session->client, "status", NULL, &status, NULL) < 0) {
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
            cli_warn(cli,
                     "node '%s' answers on link %lld after %.1f ms: more than %d ms is not "
                     "recommended",
                     node, (long long)link, (double)latency_us / 1000, LATENCY_USUAL_US / 1000);
        }
    }
}

static int add_node(struct cli *cli, const struct session *session, struct error *err)
{
    struct ha_cluster_links links;
    struct conf_change change;
    const char *node = cli_text(cli, "node");
    int r = ha_cluster_links(cli, cli_text(cli, "address"), &links);
    if (r == 0) {
        r = conf_change_begin(cli->arena, session, &change, err);
    }
    if (r < 0) {
        return r;
    }
    if (change.forced) {
        return error_set(err, -EBUSY,
                         "fewer votes are expected than the nodes have, by an operator's word: "
                         "bring the absent nodes back, or take them out with 'ha-cluster "
                         "delete-node' first");
    }
    bool again = is_waiting(change.conf, node, &links, session, cli->arena);
    if (!again) {
        r = corosync_conf_add_node(change.conf, node, links.addresses, err);
    }
    if (r == 0) {
        check_limits(cli, session, change.conf);
    }
    if (r == 0 && !again) {
        r = conf_change_commit(cli->arena, session, &change, "ha-cluster add-node", err);
    }
    return r < 0 ? r
                 : print_join_string(cli, change.conf,
                                     corosync_conf_format(cli->arena, change.conf), err);
}

int ha_cluster_add_node(struct cli *cli, struct error *err)
{
    struct session session;
    int r = session_open(cli->arena, &session, err);
    if (r < 0) {
        return r;
    }
    r = add_node(cli, &session, err);
    session_close(&session);
    return r;
}
