// SPDX-License-Identifier: Apache-2.0
// A node becomes a member of a new cluster, and what is the same when it joins one. Files are
// written in an order that leaves a node at any crash either alone as before or a proper member:
// corosync.conf is the last.
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/command_line.h"
#include "cli/ha_cluster.h"
#include "cli/ha_cluster_membership.h"
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

int membership_need_none(struct arena *arena, struct error *err)
{
    if (geteuid() != 0) {
        return error_set(err, -EACCES, "only root may do this");
    }
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

int membership_start(struct cli *cli, const struct membership_files *files, struct error *err)
{
    int r = write_files(cli->arena, files, err);
    if (r < 0) {
        return r;
    }
    restart_clusterd(cli);
    if (service_manager_is_systemd()) {
        r = service_manager_enable("corosync.service", err);
        if (r < 0) {
            return error_prefix(err, "this node is configured, but corosync does not start");
        }
    }
    return wait_for_membership(cli, err);
}

int membership_check_links(struct cli *cli, const struct ha_cluster_links *links)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < links->count; i++) {
        if (!network_is_local(links->addresses[i])) {
            r = cli_reject(cli, arena_printf(cli->arena, "link%zu", i),
                           "'%s' is not an address of this machine", links->addresses[i]);
        }
    }
    return r;
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
    return r == 0 ? membership_check_links(cli, ret) : r;
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
    int r = membership_need_none(cli->arena, err);
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
    r = membership_start(cli, &files, err);
    if (r == 0) {
        cli_printf(cli, "cluster '%s' created, node '%s' at %s is its first member\n",
                   cli_text(cli, "name"), node, links.addresses[0]);
    }
    return r;
}
