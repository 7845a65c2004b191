// SPDX-License-Identifier: Apache-2.0
// The way of a configuration through the store to all members.
#include "cli/conf_change.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include "cli/cluster_call.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/strbuf.h"
#include "common/host/cluster_client.h"
#include "common/host/file.h"
#include "common/host/host_clock.h"
#include "common/host/paths.h"
#include "common/model/store_keys.h"
#include "common/port/clock.h"
#include "common/port/membership.h"
#include "common/port/store.h"

enum { WAIT_STEP_MS = 50, WAIT_MS = 15 * 1000, KEEP_MS = 5000 };

int conf_change_read(struct arena *arena, struct corosync_conf **ret, struct error *err)
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

static int wait_written(struct arena *out, const struct session *session, int64_t version,
                        const char *command, struct error *err)
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
                             "was activated: look at its ha-clusterd's log, then run '%s' again",
                             arena_strdup(out, missing), WAIT_MS / 1000, command);
        }
        host_sleep_ms(WAIT_STEP_MS);
    }
}

// Corosync takes its time, and refuses what it does not like in its own log only.
static int wait_running(const struct session *session, int64_t version, struct error *err)
{
    struct clock clock;
    host_clock_init(&clock);
    int64_t end = clock_now_ms(&clock) + WAIT_MS;
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    for (;;) { // bounded by WAIT_MS
        arena_clear(arena);
        struct json *status;
        int64_t running = 0;
        int r = ha_cluster_call(arena, session->client, "status", NULL, &status, err);
        if (r == 0) {
            r = json_get_int_if(status, "config_version", 0, INT64_MAX, &running, err);
        }
        if (r < 0 || running >= version) {
            return r;
        }
        if (clock_now_ms(&clock) > end) {
            return error_set(err, -ETIMEDOUT,
                             "Corosync runs with config_version %lld, not %lld, after %d s: look "
                             "at its log, and at that of ha-clusterd",
                             (long long)running, (long long)version, WAIT_MS / 1000);
        }
        host_sleep_ms(WAIT_STEP_MS);
    }
}

static int quorum_read(struct arena *arena, const struct session *session,
                       struct conf_change *change, struct error *err)
{
    struct json *status;
    int r = ha_cluster_call(arena, session->client, "status", NULL, &status, err);
    if (r == 0) {
        r = json_get_bool_if(status, "forced", &change->forced, err);
    }
    if (r == 0) {
        r = json_get_int_if(status, "total_votes", 0, INT32_MAX, &change->present_votes, err);
    }
    return r;
}

// What was decided about the absent nodes when the quorum was forced holds still: nothing is looked
// at again. Soon, since leases run out meanwhile.
static int quorum_keep(struct arena *arena, const struct session *session, int64_t votes,
                       struct error *err)
{
    struct clock clock;
    host_clock_init(&clock);
    int64_t end_ms = clock_now_ms(&clock) + KEEP_MS;
    for (;;) { // bounded by KEEP_MS
        struct json *status;
        struct json *answer;
        int64_t expected = 0;
        int r = ha_cluster_call(arena, session->client, "status", NULL, &status, err);
        if (r == 0) {
            r = json_get_int_if(status, "expected_votes", 0, INT32_MAX, &expected, err);
        }
        if (r < 0 || expected == votes || clock_now_ms(&clock) > end_ms) {
            return r;
        }
        struct json *request = json_new_object(arena);
        json_put_int(request, "votes", votes);
        json_put_bool(request, "force", true);
        r = ha_cluster_call(arena, session->client, "expected", request, &answer, err);
        if (r < 0 && clock_now_ms(&clock) > end_ms) {
            return error_prefix(err,
                                "the configuration is changed, but the expected votes cannot be "
                                "set to %lld again",
                                (long long)votes);
        }
        error_clear(err);
        host_sleep_ms(WAIT_STEP_MS);
    }
}

int conf_change_begin(struct arena *arena, const struct session *session, struct conf_change *ret,
                      struct error *err)
{
    struct conf_change change = {0};
    int r = conf_change_read(arena, &change.conf, err);
    if (r == 0) {
        r = session_need_quorum(session, err);
    }
    if (r == 0) {
        r = session_read(arena, session, STORE_KEY_COROSYNC, &change.stored, err);
    }
    if (r == 0) {
        r = check_newest(arena, &change.stored, change.conf, err);
    }
    if (r == 0) {
        r = quorum_read(arena, session, &change, err);
    }
    if (r == 0) {
        *ret = change;
    }
    return r;
}

int conf_change_commit(struct arena *arena, const struct session *session,
                       struct conf_change *change, const char *command, struct error *err)
{
    const char *text = corosync_conf_format(arena, change->conf);
    const struct store_op op = {
        .key = STORE_KEY_COROSYNC,
        .value = text,
        .size_bytes = strlen(text),
        .expect = change->stored.version,
    };
    int r = session_write(session, "the cluster's corosync.conf", &op, 1, err);
    if (r == 0) {
        r = wait_written(arena, session, corosync_conf_version(change->conf), command, err);
    }
    struct json *answer;
    if (r == 0) {
        r = ha_cluster_call(arena, session->client, "reload", NULL, &answer, err);
        if (r == 0) {
            r = wait_running(session, corosync_conf_version(change->conf), err);
        }
        r = r < 0 ? error_prefix(err, "the configuration is written, but cannot be activated") : 0;
    }
    return r == 0 && change->forced ? quorum_keep(arena, session, change->present_votes, err) : r;
}

void conf_change_warn(struct arena *arena, struct json *warnings, const char *format, ...)
{
    struct strbuf text CLEANUP(strbuf_done) = {0};
    va_list arguments;
    va_start(arguments, format);
    strbuf_vappendf(&text, format, arguments);
    va_end(arguments);
    json_append(warnings, json_new_string(arena, strbuf_text(&text)));
}
