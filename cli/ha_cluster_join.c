// SPDX-License-Identifier: Apache-2.0
// A node joins a cluster: with the line that a member printed for it (add-node), or by the API of a
// member, with that one's join information and the password of its root.
#include <errno.h>
#include <string.h>

#include "cli/command_line.h"
#include "cli/ha_cluster.h"
#include "cli/ha_cluster_membership.h"
#include "cli/join_info.h"
#include "cli/join_string.h"
#include "cli/peer_join.h"
#include "cli/session.h"
#include "cli/terminal.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/host/cluster_client.h"
#include "common/host/file.h"
#include "common/host/machine.h"
#include "common/host/network.h"
#include "common/model/store_keys.h"
#include "common/port/store.h"
#include "ha_config.h"

enum { PASSWORD_MAX = 4096 };

static int check_join(struct arena *arena, const struct join_string *join, struct error *err)
{
    if (strcmp(join->version, HA_VERSION) != 0) {
        return error_set(err, -EINVAL,
                         "the cluster runs version %s, this node %s: install the same version",
                         join->version, HA_VERSION);
    }
    char *node;
    int r = machine_node_name(arena, &node, err);
    if (r < 0) {
        return r;
    }
    if (strcmp(node, join->node) != 0) {
        return error_set(err, -EINVAL,
                         "the line is for node '%s', this node is '%s': use 'ha-cluster add-node "
                         "%s ADDRESS' on a member",
                         join->node, node, node);
    }
    struct corosync_conf *conf;
    r = corosync_conf_parse(arena, "join string", join->corosync_conf, strlen(join->corosync_conf),
                            &conf, err);
    if (r < 0) {
        return r;
    }
    const struct corosync_node *self = corosync_conf_find_node(conf, node);
    if (self == NULL) {
        return error_set(err, -EINVAL, "the join string's configuration has no node '%s'", node);
    }
    for (int link = 0; link < COROSYNC_LINKS_MAX; link++) {
        if (self->addresses[link] != NULL && !network_is_local(self->addresses[link])) {
            return error_set(err, -EADDRNOTAVAIL,
                             "the cluster expects this node at %s, which is not an address of "
                             "this machine",
                             self->addresses[link]);
        }
    }
    enum timing_profile profile;
    if (timing_profile_from_string(join->profile, &profile) < 0) {
        return error_set(err, -EINVAL, "the join string's profile '%s' is not known",
                         join->profile);
    }
    return 0;
}

static int check_no_guests(struct cli *cli, struct error *err)
{
    struct session session;
    int r = session_open(cli->arena, &session, err);
    if (r < 0) {
        return error_prefix(err, "cannot tell whether this node has guests");
    }
    struct store_entries guests;
    r = store_read(session.store, STORE_PREFIX_GUEST, 0, cli->arena, &guests, err);
    if (r == 0 && guests.count > 0) {
        r = error_set(err, -EEXIST,
                      "this node has %zu guest%s (%s%s): move or destroy them, or use --force to "
                      "set their definitions aside",
                      guests.count, guests.count == 1 ? "" : "s",
                      guests.entries[0].key + strlen(STORE_PREFIX_GUEST),
                      guests.count > 1 ? ", …" : "");
    }
    session_close(&session);
    return r;
}

// The store of a node that was alone must not meet the cluster's: its history has nothing to do
// with theirs, and which of two histories wins is decided by their length. ha-clusterd does it,
// since only it can close its database first.
static int set_store_aside(struct cli *cli, struct error *err)
{
    struct cluster_client *client CLEANUP(cluster_client_freep) = NULL;
    struct json *answer;
    int r = cluster_client_connect(&client, err);
    if (r == 0) {
        r = ha_cluster_call(cli->arena, client, "set-aside", NULL, &answer, err);
    }
    if (r < 0) {
        return error_prefix(err, "this node's own store cannot be set aside");
    }
    const char *path = json_find_string(answer, "path");
    if (path != NULL) {
        cli_printf(cli, "this node's own store is set aside as '%s'\n", path);
        cli_flush(cli);
    }
    return 0;
}

// ---- By a member.

static int password_get(struct cli *cli, char **ret, struct error *err)
{
    const char *path = cli_text(cli, "password-file");
    char *text;
    size_t size;
    if (path == NULL && terminal_is_there()) {
        return terminal_ask(cli->arena, "password of root on the member: ", true, ret, err);
    }
    if (path == NULL || strcmp(path, "-") == 0) {
        path = "/dev/stdin";
    }
    int r = file_read(cli->arena, path, PASSWORD_MAX, &text, &size, err);
    if (r < 0) {
        return error_prefix(err, "password");
    }
    text[strcspn(text, "\r\n")] = '\0';
    *ret = text;
    return text[0] != '\0' ? 0 : error_set(err, -EINVAL, "the password is empty");
}

static int join_by_peer(struct cli *cli, const struct join_info *info, struct join_string *ret,
                        struct error *err)
{
    struct ha_cluster_links links;
    char *password;
    char *node;
    int r = ha_cluster_links(cli, NULL, &links);
    if (r == 0) {
        r = membership_check_links(cli, &links);
    }
    if (r == 0) {
        r = machine_node_name(cli->arena, &node, err);
    }
    if (r == 0) {
        r = password_get(cli, &password, err);
    }
    if (r < 0) {
        return r;
    }
    cli_printf(cli, "asking '%s' to make room for node '%s'\n", info->address, node);
    cli_flush(cli);
    const struct peer_join_spec spec = {.host = info->address,
                                        .fingerprint = info->fingerprint,
                                        .password = password,
                                        .node = node,
                                        .addresses = links.addresses,
                                        .id = cli_int(cli, "nodeid")};
    struct json *warnings = json_new_array(cli->arena);
    r = peer_join(cli->arena, &spec, warnings, ret, err);
    ha_cluster_warn(cli, warnings);
    if (r == 0) {
        cli_printf(cli, "'%s' has made room in cluster '%s'\n", info->address, ret->cluster);
        cli_flush(cli);
    }
    return r;
}

// From the line of add-node, or from a member.
static int join_get(struct cli *cli, struct join_string *ret, struct error *err)
{
    const char *text = cli_text(cli, "string");
    struct join_info info = {.address = cli_text(cli, "host"),
                             .fingerprint = cli_text(cli, "fingerprint")};
    if ((text != NULL) == (info.address != NULL)) {
        return cli_reject(cli, "string", "either it or --host must be given");
    }
    if (info.address != NULL && info.fingerprint == NULL) {
        return cli_reject(cli, "fingerprint", "it must be given with --host");
    }
    int r = text != NULL ? join_info_parse(cli->arena, text, &info, err) : 0;
    if (r == -EINVAL) {
        return join_string_parse(cli->arena, text, ret, err);
    }
    return r < 0 ? r : join_by_peer(cli, &info, ret, err);
}

int ha_cluster_join(struct cli *cli, struct error *err)
{
    struct join_string join;
    int r = membership_need_none(cli->arena, err);
    if (r == 0 && !cli_bool(cli, "force")) {
        r = check_no_guests(cli, err);
    }
    if (r == 0) {
        r = join_get(cli, &join, err);
    }
    if (r == 0) {
        r = check_join(cli->arena, &join, err);
    }
    if (r == 0) {
        r = set_store_aside(cli, err);
    }
    if (r < 0) {
        return r;
    }
    const struct membership_files files = {
        .profile = join.profile,
        .authkey = join.authkey,
        .authkey_size_bytes = join.authkey_size_bytes,
        .corosync_conf = join.corosync_conf,
    };
    r = membership_start(cli, &files, err);
    if (r == 0) {
        cli_printf(cli, "node '%s' is a member of cluster '%s'\n", join.node, join.cluster);
    }
    return r;
}
