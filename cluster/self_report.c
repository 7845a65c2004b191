// SPDX-License-Identifier: Apache-2.0
// Publishing the version, answering inquiries, judging the times.
#include "cluster/self_report.h"

#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "cluster/engine.h"
#include "cluster/node_facts.h"
#include "cluster/server.h"
#include "cluster/storage_probe.h"
#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/host/host_clock.h"
#include "common/host/loop.h"
#include "common/host/machine.h"
#include "common/host/paths.h"
#include "common/model/event.h"
#include "common/model/store_keys.h"
#include "common/port/clock.h"
#include "common/port/event_sink.h"
#include "common/port/store.h"
#include "ha_config.h"

enum {
    LOOK_MS = 10 * 1000, // the watchdog's file and the links have no notification
    MIB = 1024 * 1024,
};

struct self_report {
    struct self_report_spec spec;
    struct clock clock;
    struct storage_probe *probe;
    int64_t look_ms; // when to look next
    uint64_t write;  // the request under way; 0: none
    char *unsafe;    // told last; NULL: safe
    // The inquiry, as noted when it was committed here.
    char *inquiry; // NULL: none, or answered
    bool probed;   // its storages
    int64_t wall_s;
    uint64_t checksum;
};

struct self_report *self_report_new(const struct self_report_spec *spec)
{
    struct self_report *report = alloc_zero(sizeof(*report));
    report->spec = *spec;
    host_clock_init(&report->clock);
    report->probe = storage_probe_new(spec->loop);
    return report;
}

void self_report_free(struct self_report *report)
{
    if (report != NULL) {
        storage_probe_free(report->probe);
        free(report->unsafe);
        free(report->inquiry);
        free(report);
    }
}

void self_report_look(struct self_report *report)
{
    report->look_ms = 0;
}

bool self_report_answered(struct self_report *report, uint64_t request)
{
    if (request == 0 || request != report->write) {
        return false;
    }
    report->write = 0;
    report->look_ms = 0;
    return true;
}

// ---- Inquiries.

static void inquiry_take(struct self_report *report, const char *id)
{
    free(report->inquiry);
    report->inquiry = alloc_strdup(id);
    report->probed = false;
    report->wall_s = clock_wall_s(&report->clock);
    report->checksum = replica_checksum(engine_replica(report->spec.engine));
}

void self_report_changed(struct self_report *report, const struct replica_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rows[i].key, STORE_KEY_LIVE_INQUIRY) == 0 && rows[i].value != NULL &&
            (report->inquiry == NULL || strcmp(report->inquiry, rows[i].value) != 0)) {
            inquiry_take(report, rows[i].value);
        }
    }
}

static void storages_read(struct self_report *report, struct arena *arena,
                          const struct replica_row **ret_rows, size_t *ret_count)
{
    replica_read(engine_replica(report->spec.engine), STORE_PREFIX_STORAGE, 0, arena, ret_rows,
                 ret_count);
}

static void disk_put(struct json *json)
{
    struct statvfs st;
    if (statvfs(paths_state_dir(), &st) == 0) {
        json_put_int(json, "disk_free_mib", (int64_t)(st.f_bavail * st.f_frsize / MIB));
        json_put_int(json, "disk_total_mib", (int64_t)(st.f_blocks * st.f_frsize / MIB));
    }
}

static void daemons_put(const struct self_report *report, struct json *json)
{
    static const char *const programs[] = {"ha-crm", "ha-lrm"};
    struct json *daemons = json_new_object(json->arena);
    for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
        json_put_bool(daemons, programs[i], server_has_client(report->spec.server, programs[i]));
    }
    json_put(json, "daemons", daemons);
}

static struct json *answer_make(struct self_report *report, struct arena *arena)
{
    struct engine *engine = report->spec.engine;
    struct json *json = json_new_object(arena);
    struct node_facts facts;
    char *host = NULL;
    node_facts_read(engine, report->spec.timing, arena, &facts);
    json_put_string(json, "inquiry", report->inquiry);
    json_put_string(json, "version", HA_VERSION);
    // A name that is none is as wrong as another one.
    if (machine_node_name(arena, &host, NULL) == 0) {
        json_put_string(json, "hostname", host);
    }
    json_put_int(json, "wall_s", report->wall_s);
    json_put_string(json, "checksum",
                    arena_printf(arena, "%016llx", (unsigned long long)report->checksum));
    const struct transport *transport = engine_transport(engine);
    json_put_int(json, "config_version", transport->ops->config_version(transport));
    json_put_bool(json, "qdevice", facts.transport.has_device);
    node_facts_put(&facts, json);
    daemons_put(report, json);
    disk_put(json);
    json_put(json, "storages", storage_probe_results(report->probe, arena));
    return json;
}

static void write_request(struct self_report *report, const char *key, const char *value)
{
    struct replica_op op = {
        .key = key,
        .value = value,
        .size_bytes = strlen(value),
        .expect = STORE_ANY,
    };
    struct replica_request request = {.kind = REPLICA_REQUEST_TXN, .ops = &op, .ops_count = 1};
    report->write = engine_reserve(report->spec.engine);
    engine_request(report->spec.engine, report->write, &request);
}

static void inquiry_turn(struct self_report *report)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    if (!report->probed) {
        const struct replica_row *rows;
        size_t count;
        storages_read(report, arena, &rows, &count);
        storage_probe_start(report->probe, rows, count);
        report->probed = true;
    }
    if (!storage_probe_is_done(report->probe, engine_now_ms(report->spec.engine))) {
        return;
    }
    const char *key =
        arena_printf(arena, "%s%s", STORE_PREFIX_LIVE_CHECK, engine_node(report->spec.engine));
    write_request(report, key, json_to_text(arena, answer_make(report, arena)));
    free(report->inquiry);
    report->inquiry = NULL;
}

// ---- What is looked at without being asked.

static void timing_judge(struct self_report *report)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct node_facts facts;
    node_facts_read(report->spec.engine, report->spec.timing, arena, &facts);
    if ((facts.unsafe == NULL) == (report->unsafe == NULL)) {
        return; // the words have measured numbers in them, which change all the time
    }
    bool safe = facts.unsafe == NULL;
    struct event *event = event_new(arena, safe ? EVENT_LEVEL_NOTICE : EVENT_LEVEL_WARNING,
                                    safe ? "timing-safe" : "timing-unsafe");
    event_emit(engine_events(report->spec.engine),
               event_text(arena, event, "reason", facts.unsafe));
    free(report->unsafe);
    report->unsafe = safe ? NULL : alloc_strdup(facts.unsafe);
}

static void version_publish(struct self_report *report)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    const char *key =
        arena_printf(arena, "%s%s", STORE_PREFIX_NODE_VERSION, engine_node(report->spec.engine));
    const struct replica_row *rows;
    size_t count;
    replica_read(engine_replica(report->spec.engine), key, 0, arena, &rows, &count);
    bool same = false;
    for (size_t i = 0; i < count; i++) {
        same = same || (strcmp(rows[i].key, key) == 0 && rows[i].value != NULL &&
                        strcmp(rows[i].value, HA_VERSION) == 0);
    }
    if (!same) {
        write_request(report, key, HA_VERSION);
    }
}

void self_report_turn(struct self_report *report)
{
    int64_t now_ms = engine_now_ms(report->spec.engine);
    bool quorate = engine_is_quorate(report->spec.engine);
    if (quorate && report->write == 0 && report->inquiry != NULL) {
        inquiry_turn(report);
    }
    if (now_ms < report->look_ms) {
        return;
    }
    report->look_ms = now_ms + LOOK_MS;
    timing_judge(report);
    if (quorate && report->write == 0) {
        version_publish(report);
    }
}
