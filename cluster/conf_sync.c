// SPDX-License-Identifier: Apache-2.0
// Distribution of corosync.conf. A configuration that only some nodes have would change the votes
// of all, so that it is written everywhere before anyone has Corosync read it.
#include "cluster/conf_sync.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/engine.h"
#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/host/file.h"
#include "common/host/paths.h"
#include "common/model/corosync_conf.h"
#include "common/model/event.h"
#include "common/model/store_keys.h"
#include "common/port/event_sink.h"
#include "common/port/store.h"

enum {
    LOOK_MS = 1000,
    RELOAD_AFTER_MS =
        3000, // who changes the configuration has Corosync read it; this is for the rest
    CONF_MODE = 0644,
};

struct conf_sync {
    struct engine *engine;
    bool requested;
    int64_t look_ms; // when to look next
    int64_t
        lagging_ms;  // since when Corosync runs with an older version than all have; 0: it does not
    uint64_t report; // the request under way; 0: none
    uint64_t admission; // likewise
    int64_t reload_ms;  // not before, by the first node
    int64_t failed;     // the version that could not be written and was told of
    bool has_device;    // the file has a quorum device
};

struct conf_sync *conf_sync_new(struct engine *engine)
{
    struct conf_sync *sync = alloc_zero(sizeof(*sync));
    sync->engine = engine;
    return sync;
}

void conf_sync_free(struct conf_sync *sync)
{
    free(sync);
}

void conf_sync_request(struct conf_sync *sync)
{
    sync->requested = true;
}

static void sync_event(struct conf_sync *sync, enum event_level level, const char *name,
                       int64_t version, const char *reason)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct event *event = event_new(arena, level, name);
    event_int(event, "version", version);
    event_emit(engine_events(sync->engine), event_text(arena, event, "reason", reason));
}

static const char *store_value(struct conf_sync *sync, struct arena *arena, const char *key,
                               size_t *ret_bytes)
{
    const struct replica_row *rows;
    size_t count;
    replica_read(engine_replica(sync->engine), key, 0, arena, &rows, &count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rows[i].key, key) == 0 && rows[i].value != NULL) {
            *ret_bytes = rows[i].size_bytes;
            return arena_memdup(arena, rows[i].value, rows[i].size_bytes);
        }
    }
    return NULL;
}

// The version of the file; −1 when there is none that can be read.
static int64_t file_version(struct conf_sync *sync, struct arena *arena)
{
    struct corosync_device device;
    char *text;
    size_t size_bytes;
    struct corosync_conf *conf;
    if (file_read(arena, PATH_COROSYNC_CONF, COROSYNC_CONF_SIZE_MAX, &text, &size_bytes, NULL) <
            0 ||
        corosync_conf_parse(arena, PATH_COROSYNC_CONF, text, size_bytes, &conf, NULL) < 0) {
        return -1;
    }
    sync->has_device = corosync_conf_device(conf, &device);
    return corosync_conf_version(conf);
}

bool conf_sync_has_device(const struct conf_sync *sync)
{
    return sync->has_device;
}

// Writes the store's configuration when it is newer. Returns the version of the file then.
static int64_t file_update(struct conf_sync *sync, struct arena *arena)
{
    int64_t version = file_version(sync, arena);
    size_t size_bytes = 0;
    const char *text = store_value(sync, arena, STORE_KEY_COROSYNC, &size_bytes);
    struct corosync_conf *conf;
    struct error err = {0};
    if (text == NULL) {
        return version;
    }
    int r = corosync_conf_parse(arena, STORE_KEY_COROSYNC, text, size_bytes, &conf, &err);
    int64_t wanted = r == 0 ? corosync_conf_version(conf) : 0;
    if (r == 0 && wanted <= version) {
        return version;
    }
    if (r == 0 && corosync_conf_find_node(conf, engine_node(sync->engine)) == NULL) {
        r = error_set(&err, -ENOENT, "it has no node '%s'", engine_node(sync->engine));
    }
    if (r == 0) {
        r = file_install(PATH_COROSYNC_CONF, text, size_bytes, CONF_MODE, &err);
    }
    if (r < 0) {
        if (sync->failed != wanted) {
            sync_event(sync, EVENT_LEVEL_ERROR, "corosync-conf-failed", wanted, err.text);
        }
        sync->failed = wanted;
        return version;
    }
    sync->failed = 0;
    sync->requested = true; // and look at what it is now
    sync_event(sync, EVENT_LEVEL_NOTICE, "corosync-conf-written", wanted, NULL);
    return wanted;
}

static const char *report_key(struct arena *arena, const char *node)
{
    return arena_printf(arena, "%s%s", STORE_PREFIX_LIVE_COROSYNC, node);
}

// What a node says of itself; −1: nothing.
static int64_t reported_version(struct conf_sync *sync, struct arena *arena, const char *node)
{
    size_t size_bytes = 0;
    const char *text = store_value(sync, arena, report_key(arena, node), &size_bytes);
    struct json *json;
    int64_t version = -1;
    if (text != NULL && json_parse(arena, text, size_bytes, &json, NULL) == 0) {
        // Absent or nonsense: as good as nothing.
        ignore_result(json_get_int_if(json, "config_version", 0, INT64_MAX, &version, NULL));
    }
    return version;
}

static void version_report(struct conf_sync *sync, struct arena *arena, int64_t version)
{
    const char *node = engine_node(sync->engine);
    if (sync->report != 0 || reported_version(sync, arena, node) == version) {
        return;
    }
    struct json *json = json_new_object(arena);
    json_put_int(json, "config_version", version);
    const char *text = json_to_text(arena, json);
    struct replica_op op = {
        .key = report_key(arena, node),
        .value = text,
        .size_bytes = strlen(text),
        .expect = STORE_ANY,
    };
    struct replica_request request = {.kind = REPLICA_REQUEST_TXN, .ops = &op, .ops_count = 1};
    sync->report = engine_reserve(sync->engine);
    engine_request(sync->engine, sync->report, &request);
}

bool conf_sync_answered(struct conf_sync *sync, uint64_t request, int code)
{
    if (request == 0 || (request != sync->report && request != sync->admission)) {
        return false;
    }
    if (request == sync->report) {
        sync->report = 0;
    } else {
        sync->admission = 0;
    }
    sync->requested = sync->requested || code == 0; // others may have waited for it
    return true;
}

static bool all_have(struct conf_sync *sync, struct arena *arena, int64_t version)
{
    struct engine_membership membership;
    engine_membership(sync->engine, arena, &membership);
    for (size_t i = 0; i < membership.count; i++) {
        const struct engine_member *member = &membership.members[i];
        if (member->online && reported_version(sync, arena, member->node->name) < version) {
            return false;
        }
    }
    return membership.quorate;
}

static bool is_online(const struct engine_membership *membership, const char *node)
{
    for (size_t i = 0; i < membership->count; i++) {
        if (strcmp(membership->members[i].node->name, node) == 0) {
            return membership->members[i].online;
        }
    }
    return false;
}

static uint64_t store_version(struct conf_sync *sync, struct arena *arena, const char *key)
{
    const struct replica_row *rows;
    size_t count;
    replica_read(engine_replica(sync->engine), key, 0, arena, &rows, &count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rows[i].key, key) == 0) {
            return rows[i].version;
        }
    }
    return STORE_ABSENT;
}

// The configuration in the file with those nodes admitted that have come; NULL when there are none.
static const char *admitted_text(struct conf_sync *sync, struct arena *arena, int64_t version)
{
    char *text;
    size_t size_bytes;
    struct corosync_conf *conf;
    struct engine_membership membership;
    if (file_read(arena, PATH_COROSYNC_CONF, COROSYNC_CONF_SIZE_MAX, &text, &size_bytes, NULL) <
            0 ||
        corosync_conf_parse(arena, PATH_COROSYNC_CONF, text, size_bytes, &conf, NULL) < 0) {
        return NULL; // was readable just now: the next look will tell
    }
    engine_membership(sync->engine, arena, &membership);
    size_t count;
    const struct corosync_node *nodes = corosync_conf_nodes(conf, &count);
    for (size_t i = 0; i < count; i++) {
        if (nodes[i].joining && is_online(&membership, nodes[i].name)) {
            corosync_conf_admit_node(conf, nodes[i].name);
        }
    }
    return corosync_conf_version(conf) > version ? corosync_conf_format(arena, conf) : NULL;
}

// One of the members gives a node that has come its vote, by the way of any other change of the
// configuration: through the store to all.
static void joining_admit(struct conf_sync *sync, struct arena *arena, int64_t version)
{
    if (!engine_is_first(sync->engine) || sync->admission != 0 || !all_have(sync, arena, version)) {
        return;
    }
    const char *text = admitted_text(sync, arena, version);
    if (text == NULL) {
        return;
    }
    struct replica_op op = {
        .key = STORE_KEY_COROSYNC,
        .value = text,
        .size_bytes = strlen(text),
        .expect = store_version(sync, arena, STORE_KEY_COROSYNC),
    };
    struct replica_request request = {.kind = REPLICA_REQUEST_TXN, .ops = &op, .ops_count = 1};
    sync->admission = engine_reserve(sync->engine);
    engine_request(sync->engine, sync->admission, &request);
}

static void running_update(struct conf_sync *sync, struct arena *arena, int64_t version)
{
    struct transport *transport = engine_transport(sync->engine);
    int64_t running = transport->ops->config_version(transport);
    int64_t now_ms = engine_now_ms(sync->engine);
    if (running < 0 || running >= version || !all_have(sync, arena, version)) {
        sync->lagging_ms = 0;
        return;
    }
    if (sync->lagging_ms == 0) {
        sync->lagging_ms = now_ms;
    }
    bool first = engine_is_first(sync->engine) && now_ms >= sync->reload_ms;
    if (!first && now_ms - sync->lagging_ms < RELOAD_AFTER_MS) {
        return;
    }
    struct error err = {0};
    int r = transport->ops->reload(transport, &err);
    sync_event(sync, r < 0 ? EVENT_LEVEL_ERROR : EVENT_LEVEL_NOTICE,
               r < 0 ? "corosync-reload-failed" : "corosync-reloaded", version,
               r < 0 ? err.text : NULL);
    sync->lagging_ms = now_ms; // not again at once
    sync->reload_ms = now_ms + RELOAD_AFTER_MS;
}

void conf_sync_turn(struct conf_sync *sync)
{
    int64_t now_ms = engine_now_ms(sync->engine);
    if (!sync->requested && now_ms < sync->look_ms) {
        return;
    }
    sync->requested = false;
    sync->look_ms = now_ms + LOOK_MS;
    if (!engine_is_quorate(sync->engine)) {
        return; // what the store says may be old
    }
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    int64_t version = file_update(sync, arena);
    if (version >= 0) {
        version_report(sync, arena, version);
        running_update(sync, arena, version);
        joining_admit(sync, arena, version);
    }
}
