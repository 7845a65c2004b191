// SPDX-License-Identifier: Apache-2.0
// A member makes room for a new node: the new corosync.conf goes through the store to all members,
// each writes it to its disk and says so, and only when all online ones have it Corosync reads it.
// (A configuration that only some have would change the votes of all.)
#include <errno.h>
#include <stdbool.h>
#include <string.h>

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
#include "common/host/paths.h"
#include "common/model/store_keys.h"
#include "common/port/clock.h"
#include "common/port/membership.h"
#include "common/port/store.h"
#include "ha_config.h"

enum { WAIT_STEP_MS = 50, WAIT_MS = 15 * 1000 };

static int read_conf(struct arena *arena, struct corosync_conf **ret, struct error *err)
{
    char *text;
    size_t size;
    int r = file_read(arena, PATH_COROSYNC_CONF, COROSYNC_CONF_SIZE_MAX, &text, &size, err);
    if (r == -ENOENT) {
        return error_set(err, r, "this node is in no cluster: use 'ha-cluster create' first");
    }
    return r < 0 ? r : corosync_conf_parse(arena, PATH_COROSYNC_CONF, text, size, ret, err);
}

// A configuration in the store that is newer than the file has not arrived here yet.
static int check_newest(struct arena *arena, const struct session_value *stored,
                        const struct corosync_conf *conf, struct error *err)
{
    struct corosync_conf *newest;
    if (stored->text == NULL) {
        return 0;
    }
    int r = corosync_conf_parse(arena, STORE_KEY_COROSYNC, stored->text, stored->size_bytes,
                                &newest, err);
    if (r == 0 && corosync_conf_version(newest) > corosync_conf_version(conf)) {
        r = error_set(err, -EAGAIN,
                      "'%s' has config_version %lld, the cluster is at %lld: try again in a "
                      "moment, and look at ha-clusterd's log if that does not help",
                      PATH_COROSYNC_CONF, (long long)corosync_conf_version(conf),
                      (long long)corosync_conf_version(newest));
    }
    return r;
}

// The first online node that has not written the version yet; NULL when all have.
static int find_missing(struct arena *arena, const struct session *session, int64_t version,
                        const char **ret_node, struct error *err)
{
    struct member_list members;
    int r = membership_get(session->membership, arena, &members, err);
    const char *missing = NULL;
    for (size_t i = 0; r == 0 && missing == NULL && i < members.count; i++) {
        const char *node = members.members[i].node;
        struct session_value value;
        const char *key = arena_printf(arena, "%s%s", STORE_PREFIX_LIVE_COROSYNC, node);
        struct json *said;
        int64_t has = 0;
        if (!members.members[i].online) {
            continue;
        }
        r = session_read(arena, session, key, &value, err);
        bool understood = r == 0 && value.text != NULL &&
                          json_parse(arena, value.text, value.size_bytes, &said, NULL) == 0 &&
                          json_get_int(said, "config_version", 0, INT64_MAX, &has, NULL) == 0;
        if (!understood || has < version) {
            missing = arena_strdup(arena, node);
        }
    }
    if (r == 0) {
        *ret_node = missing;
    }
    return r;
}

static int wait_written(struct cli *cli, const struct session *session, int64_t version,
                        struct error *err)
{
    struct clock clock;
    host_clock_init(&clock);
    int64_t end = clock_now_ms(&clock) + WAIT_MS;
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    for (;;) { // bounded by WAIT_MS
        arena_clear(arena);
        const char *missing = NULL;
        int r = find_missing(arena, session, version, &missing, err);
        if (r < 0 || missing == NULL) {
            return r;
        }
        if (clock_now_ms(&clock) > end) {
            return error_set(err, -ETIMEDOUT,
                             "node '%s' did not write the new corosync.conf within %d s; nothing "
                             "was activated: look at its ha-clusterd's log, then run 'ha-cluster "
                             "add-node' again",
                             arena_strdup(cli->arena, missing), WAIT_MS / 1000);
        }
        host_sleep_ms(WAIT_STEP_MS);
    }
}

static int distribute(struct cli *cli, const struct session *session,
                      const struct session_value *stored, const struct corosync_conf *conf,
                      const char *text, struct error *err)
{
    const struct store_op op = {
        .key = STORE_KEY_COROSYNC,
        .value = text,
        .size_bytes = strlen(text),
        .expect = stored->version,
    };
    int r = session_write(session, "the cluster's corosync.conf", &op, 1, err);
    if (r == 0) {
        r = wait_written(cli, session, corosync_conf_version(conf), err);
    }
    struct json *answer;
    if (r == 0) {
        r = ha_cluster_call(cli->arena, session->client, "reload", NULL, &answer, err);
        r = r < 0 ? error_prefix(err, "the configuration is written, but cannot be activated") : 0;
    }
    return r;
}

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

static int add_node(struct cli *cli, const struct session *session, struct error *err)
{
    struct ha_cluster_links links;
    struct corosync_conf *conf;
    struct session_value stored;
    const char *node = cli_text(cli, "node");
    int r = read_conf(cli->arena, &conf, err);
    if (r == 0) {
        r = ha_cluster_links(cli, cli_text(cli, "address"), &links);
    }
    if (r == 0) {
        r = session_need_quorum(session, err);
    }
    if (r == 0) {
        r = session_read(cli->arena, session, STORE_KEY_COROSYNC, &stored, err);
    }
    if (r == 0) {
        r = check_newest(cli->arena, &stored, conf, err);
    }
    if (r < 0) {
        return r;
    }
    bool again = is_waiting(conf, node, &links, session, cli->arena);
    if (!again) {
        r = corosync_conf_add_node(conf, node, links.addresses, err);
    }
    const char *text = corosync_conf_format(cli->arena, conf);
    if (r == 0 && !again) {
        r = distribute(cli, session, &stored, conf, text, err);
    }
    return r < 0 ? r : print_join_string(cli, conf, text, err);
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
