// SPDX-License-Identifier: Apache-2.0
// A node becomes a member: of a new cluster (create), or of one that made room for it (join). Files
// are written in an order that leaves a node at any crash either alone as before or a proper
// member: corosync.conf is the last.
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/command_line.h"
#include "cli/ha_cluster.h"
#include "cli/join_string.h"
#include "cli/session.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/host/cluster_client.h"
#include "common/host/file.h"
#include "common/host/host_clock.h"
#include "common/host/machine.h"
#include "common/host/network.h"
#include "common/host/paths.h"
#include "common/host/random.h"
#include "common/host/service_manager.h"
#include "common/model/store_keys.h"
#include "common/port/clock.h"
#include "common/port/store.h"
#include "ha_config.h"

enum {
    AUTHKEY_BYTES = 256, // as corosync-keygen(8) makes it
    AUTHKEY_MODE = 0400,
    CONF_MODE = 0644,
    FOLDER_MODE = 0755,
    CONFIG_FILE_MAX = 64 * 1024,
    WAIT_STEP_MS = 200,
    WAIT_MS = 60 * 1000,
    TELL_EVERY_MS = 5000,
};

static int need_root(struct error *err)
{
    if (geteuid() != 0) {
        return error_set(err, -EACCES, "only root may do this");
    }
    return 0;
}

static bool exists(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

// The package of Corosync brings an example, which is no cluster's.
static bool is_example(struct arena *arena)
{
    char *text;
    size_t size;
    struct corosync_conf *conf;
    return file_read(arena, PATH_COROSYNC_CONF, COROSYNC_CONF_SIZE_MAX, &text, &size, NULL) == 0 &&
           corosync_conf_parse(arena, PATH_COROSYNC_CONF, text, size, &conf, NULL) == 0 &&
           corosync_conf_is_example(conf);
}

static int need_no_cluster(struct arena *arena, struct error *err)
{
    if (exists(PATH_COROSYNC_CONF) && !is_example(arena)) {
        return error_set(err, -EEXIST, "this node is in a cluster already: '%s' exists",
                         PATH_COROSYNC_CONF);
    }
    return 0;
}

int ha_cluster_write_profile(struct arena *arena, const char *profile, struct error *err)
{
    char *text = arena_strdup(arena, "");
    size_t size;
    if (exists(PATH_CONFIG_FILE)) {
        int r = file_read(arena, PATH_CONFIG_FILE, CONFIG_FILE_MAX, &text, &size, err);
        if (r < 0) {
            return r;
        }
    }
    struct strbuf out CLEANUP(strbuf_done) = {0};
    for (char *line = text; line != NULL && *line != '\0';) {
        char *end = strchr(line, '\n');
        if (end != NULL) {
            *end++ = '\0';
        }
        struct parse_words words = parse_fields(arena, line);
        if (words.count == 0 || strcmp(words.words[0], "profile") != 0) {
            strbuf_appendf(&out, "%s\n", line);
        }
        line = end;
    }
    strbuf_appendf(&out, "profile %s\n", profile);
    int r = file_make_directory("/etc/ha-manager", FOLDER_MODE, err);
    if (r == 0) {
        r = file_install(PATH_CONFIG_FILE, strbuf_text(&out), out.size_bytes, CONF_MODE, err);
    }
    return r;
}

struct membership_files {
    const char *profile;
    const char *authkey;
    size_t authkey_size_bytes;
    const char *corosync_conf;
};

static int write_files(struct arena *arena, const struct membership_files *files, struct error *err)
{
    int r = ha_cluster_write_profile(arena, files->profile, err);
    if (r == 0) {
        r = file_make_directory("/etc/corosync", FOLDER_MODE, err);
    }
    if (r == 0) {
        r = file_install(PATH_COROSYNC_AUTHKEY, files->authkey, files->authkey_size_bytes,
                         AUTHKEY_MODE, err);
    }
    if (r == 0) {
        r = file_install(PATH_COROSYNC_CONF, files->corosync_conf, strlen(files->corosync_conf),
                         CONF_MODE, err);
    }
    return r;
}

// Whether ha-clusterd answers as a member of a quorate cluster.
static bool is_member(struct arena *arena)
{
    struct cluster_client *client CLEANUP(cluster_client_freep) = NULL;
    struct json *answer;
    struct json *request = json_new_object(arena);
    json_put_string(request, "op", "status");
    if (cluster_client_connect(&client, NULL) < 0 ||
        cluster_client_call(client, arena, request, WAIT_MS, &answer, NULL) < 0) {
        return false;
    }
    const char *mode = json_find_string(answer, "mode");
    bool quorate = false;
    int64_t votes = 0; // a node that joins gets its vote when it has come
    return mode != NULL && strcmp(mode, "cluster") == 0 &&
           json_get_bool_if(answer, "quorate", &quorate, NULL) == 0 && quorate &&
           json_get_int_if(answer, "votes", 0, INT64_MAX, &votes, NULL) == 0 && votes > 0;
}

static int wait_for_membership(struct cli *cli, struct error *err)
{
    struct clock clock;
    host_clock_init(&clock);
    int64_t start = clock_now_ms(&clock);
    int64_t told = start;
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    for (;;) { // bounded by WAIT_MS
        arena_clear(arena);
        if (is_member(arena)) {
            return 0;
        }
        int64_t now = clock_now_ms(&clock);
        if (now - start > WAIT_MS) {
            return error_set(err, -ETIMEDOUT,
                             "this node is configured, but no quorum within %d s: are corosync and "
                             "ha-clusterd running, and do the other nodes answer?",
                             WAIT_MS / 1000);
        }
        if (now - told >= TELL_EVERY_MS) {
            told = now;
            cli_printf(cli, "waiting for quorum, %lld s …\n", (long long)(now - start) / 1000);
            cli_flush(cli);
        }
        host_sleep_ms(WAIT_STEP_MS);
    }
}

// The running ha-clusterd starts anew and finds corosync.conf. Not running is fine: it will.
static void restart_clusterd(struct cli *cli)
{
    struct cluster_client *client CLEANUP(cluster_client_freep) = NULL;
    struct json *answer;
    if (cluster_client_connect(&client, NULL) == 0) {
        // It may end before it answers; whether it is back is seen by what follows.
        ignore_result(ha_cluster_call(cli->arena, client, "restart", NULL, &answer, NULL));
    }
}

static int start_member(struct cli *cli, struct error *err)
{
    restart_clusterd(cli);
    if (service_manager_is_systemd()) {
        int r = service_manager_enable("corosync.service", err);
        if (r < 0) {
            return error_prefix(err, "this node is configured, but corosync does not start");
        }
    }
    return wait_for_membership(cli, err);
}

static int find_links(struct cli *cli, struct ha_cluster_links *ret, struct error *err)
{
    int r = ha_cluster_links(cli, NULL, ret);
    if (r == 0 && ret->count == 0) {
        char *first;
        r = network_first_address(cli->arena, &first, err);
        if (r < 0) {
            return r;
        }
        r = ha_cluster_links(cli, first, ret);
    }
    for (size_t i = 0; r == 0 && i < ret->count; i++) {
        if (!network_is_local(ret->addresses[i])) {
            r = cli_reject(cli, arena_printf(cli->arena, "link%zu", i),
                           "'%s' is not an address of this machine", ret->addresses[i]);
        }
    }
    return r;
}

static int make_conf(struct cli *cli, const char *node, const struct ha_cluster_links *links,
                     enum timing_profile profile, char **ret_text, struct error *err)
{
    struct timing timing;
    timing_get(profile, &timing);
    struct corosync_conf *conf;
    int r = corosync_conf_new(cli->arena, cli_text(cli, "name"), timing.token_ms, &conf, err);
    if (r < 0) {
        return cli_reject(cli, "name", "%s", err->text);
    }
    r = corosync_conf_add_node(conf, node, links->addresses, err);
    if (r == 0) {
        *ret_text = corosync_conf_format(cli->arena, conf);
    }
    return r;
}

int ha_cluster_create(struct cli *cli, struct error *err)
{
    struct ha_cluster_links links = {0};
    char *node = NULL;
    char *conf = NULL;
    char key[AUTHKEY_BYTES];
    enum timing_profile profile = TIMING_PROFILE_BALANCED;
    int r = need_root(err);
    if (r == 0) {
        r = need_no_cluster(cli->arena, err);
    }
    if (r == 0) {
        r = machine_node_name(cli->arena, &node, err);
    }
    if (r == 0) {
        r = find_links(cli, &links, err);
    }
    if (r == 0) {
        r = timing_profile_from_string(cli_text(cli, "profile"), &profile);
    }
    if (r == 0) {
        r = make_conf(cli, node, &links, profile, &conf, err);
    }
    if (r == 0) {
        r = random_bytes(key, sizeof(key), err);
    }
    if (r < 0) {
        return r;
    }
    const struct membership_files files = {
        .profile = timing_profile_to_string(profile),
        .authkey = key,
        .authkey_size_bytes = sizeof(key),
        .corosync_conf = conf,
    };
    r = write_files(cli->arena, &files, err);
    if (r == 0) {
        r = start_member(cli, err);
    }
    if (r == 0) {
        cli_printf(cli, "cluster '%s' created, node '%s' at %s is its first member\n",
                   cli_text(cli, "name"), node, links.addresses[0]);
    }
    return r;
}

// --- join
// -----------------------------------------------------------------------------------------

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

int ha_cluster_join(struct cli *cli, struct error *err)
{
    struct join_string join;
    int r = need_root(err);
    if (r == 0) {
        r = need_no_cluster(cli->arena, err);
    }
    if (r == 0) {
        r = join_string_parse(cli->arena, cli_text(cli, "string"), &join, err);
    }
    if (r == 0) {
        r = check_join(cli->arena, &join, err);
    }
    if (r == 0 && !cli_bool(cli, "force")) {
        r = check_no_guests(cli, err);
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
    r = write_files(cli->arena, &files, err);
    if (r == 0) {
        r = start_member(cli, err);
    }
    if (r == 0) {
        cli_printf(cli, "node '%s' is a member of cluster '%s'\n", join.node, join.cluster);
    }
    return r;
}
