// SPDX-License-Identifier: Apache-2.0
// Joining replica, transport and disk. An input to the replica returns effects; they are carried
// out here, in their order and before the next input.
#include "cluster/engine.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/disk_watch.h"
#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/map.h"
#include "common/base/planted.h"
#include "common/model/event.h"
#include "common/model/store_keys.h"
#include "common/port/clock.h"
#include "common/port/event_sink.h"
#include "common/port/store.h"

enum {
    // A change of the ring is told in two steps some milliseconds apart, first without quorum. Only
    // a loss that lasts is one.
    SETTLE_MS = 150,
    RESYNC_MS = 3000,
};

struct engine {
    struct engine_spec spec; // its strings are ours
    struct arena *arena;     // of what lives as long as the engine
    struct arena *scratch;   // of one input and its effects
    struct replica *replica;
    struct transport *transport;
    uint64_t requests; // numbers given
    bool busy;         // in an input or its effects
    bool dirty;        // the replica got something since the last flush
    bool broken;       // the disk cannot be written any more: the process is ending

    struct replica_configuration configuration; // the last one
    struct replica_member members[REPLICA_MEMBERS_MAX];

    // INV-3 on wake-up: after a gap of the own clock nothing is called quorate before a write of
    // our own was committed since. Until then whatever Corosync says may be of the past.
    int64_t awake_ms;
    bool doubt;
    uint64_t probe; // the write that will end the doubt; 0: none on its way
    int64_t doubts; // counted

    // What was told last.
    bool told_quorate;
    uint64_t told_epoch;
    int64_t lost_ms; // when quorum was lost and it is not told yet; 0: not so
    bool members_changed;
    struct map told_online; // names of nodes
    int64_t served_ms;      // when the store was serving last
    int64_t no_quorum_ms;   // since when there is none, as it is told; 0: there is one

    struct disk_watch *disk;
    enum { ASIDE_NONE, ASIDE_KEPT, ASIDE_FAILED } aside; // of an effect, to be told the replica
};

static void effects_run(struct engine *engine, const struct replica_effects *effects);

// ---- Inputs. Each runs its effects before it returns.

static struct arena *input_begin(struct engine *engine)
{
    assert(!engine->busy); // effects are carried out in order: no input from within them
    engine->busy = true;
    engine->dirty = true;
    return engine->scratch;
}

static void input_end(struct engine *engine, const struct replica_effects *effects)
{
    effects_run(engine, effects);
    arena_clear(engine->scratch);
    engine->busy = false;
}

static void on_configured(void *userdata, const struct replica_configuration *configuration)
{
    struct engine *engine = userdata;
    engine_wake(engine);
    struct replica_effects effects = {0};
    struct arena *arena = input_begin(engine);
    assert(configuration->count <= REPLICA_MEMBERS_MAX);
    memcpy(engine->members, configuration->members,
           configuration->count * sizeof(*configuration->members));
    engine->configuration = *configuration;
    engine->configuration.members = engine->members;
    engine->members_changed = true;
    replica_configure(engine->replica, engine_now_ms(engine), configuration, arena, &effects);
    input_end(engine, &effects);
}

static void on_delivered(void *userdata, uint32_t sender, const void *bytes, size_t size_bytes)
{
    struct engine *engine = userdata;
    engine_wake(engine);
    struct replica_effects effects = {0};
    struct arena *arena = input_begin(engine);
    replica_deliver(engine->replica, engine_now_ms(engine), sender, bytes, size_bytes, arena,
                    &effects);
    input_end(engine, &effects);
}

static void on_turned(void *userdata)
{
    engine_turn(userdata);
}

static void on_transport_changed(void *userdata)
{
    struct engine *engine = userdata;
    engine->members_changed = true;
    engine_turn(engine);
}

static void on_persisted(void *userdata, uint64_t batch)
{
    struct engine *engine = userdata;
    engine_wake(engine);
    disk_watch_persisted(engine->disk, batch);
    struct replica_effects effects = {0};
    struct arena *arena = input_begin(engine);
    replica_persisted(engine->replica, engine_now_ms(engine), batch, arena, &effects);
    input_end(engine, &effects);
    engine_turn(engine);
}

uint64_t engine_reserve(struct engine *engine)
{
    return ++engine->requests;
}

void engine_request(struct engine *engine, uint64_t number, const struct replica_request *request)
{
    struct replica_effects effects = {0};
    struct arena *arena = input_begin(engine);
    replica_request(engine->replica, engine_now_ms(engine), number, request, arena, &effects);
    input_end(engine, &effects);
}

// ---- Effects.

static void answer_take(struct engine *engine, const struct replica_effect *effect)
{
    if (disk_watch_answered(engine->disk, effect->request_id)) {
        return;
    }
    if (effect->request_id != engine->probe) {
        engine->spec.callbacks.answered(engine->spec.callbacks.userdata, effect->request_id,
                                        &effect->answer);
        return;
    }
    engine->probe = 0;
    if (effect->answer.code == 0 && engine->doubt) {
        engine->doubt = false;
    }
}

// What another history is about to replace is kept in a file first. It takes as long as the disk
// takes, while this node serves nobody anyway.
static void aside_keep(struct engine *engine, const struct replica_effect *effect)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct engine_disk *disk = engine->spec.ports.disk;
    struct error err = {0};
    const char *kept = NULL;
    int r = disk->ops->set_aside(disk, effect, arena, &kept, &err);
    engine->aside = r == 0 ? ASIDE_KEPT : ASIDE_FAILED;
    if (r == 0) {
        event_emit(engine->spec.events, event_text(arena, effect->aside, "kept_as", kept));
        return;
    }
    struct event *event = event_new(arena, EVENT_LEVEL_ERROR, "store-set-aside-failed");
    event_emit(engine->spec.events, event_text(arena, event, "reason", err.text));
}

// Tells the replica, once the call that asked for it is over.
static void aside_tell(struct engine *engine)
{
    if (engine->aside == ASIDE_NONE) {
        return;
    }
    bool is_kept = engine->aside == ASIDE_KEPT;
    struct replica_effects effects = {0};
    struct arena *arena = input_begin(engine);
    engine->aside = ASIDE_NONE;
    replica_was_set_aside(engine->replica, engine_now_ms(engine), is_kept, arena, &effects);
    input_end(engine, &effects);
}

static void effect_run(struct engine *engine, const struct replica_effect *effect)
{
    struct engine_disk *disk = engine->spec.ports.disk;
    switch (effect->kind) {
    case REPLICA_EFFECT_MULTICAST:
        engine->transport->ops->send(engine->transport, effect->bytes, effect->size_bytes);
        break;
    case REPLICA_EFFECT_PERSIST:
        disk_watch_written(engine->disk, effect->batch, disk->ops->write(disk, effect));
        break;
    case REPLICA_EFFECT_ANSWER:
        answer_take(engine, effect);
        break;
    case REPLICA_EFFECT_NOTIFY:
        engine->spec.callbacks.changed(engine->spec.callbacks.userdata, effect->rows,
                                       effect->rows_count);
        break;
    case REPLICA_EFFECT_EVENT:
        event_emit(engine->spec.events, effect->event);
        break;
    case REPLICA_EFFECT_SET_ASIDE:
        aside_keep(engine, effect);
        break;
    case REPLICA_EFFECT_MAX:
        assert(false);
        break;
    }
}

static void effects_run(struct engine *engine, const struct replica_effects *effects)
{
    for (size_t i = 0; i < effects->count; i++) {
        effect_run(engine, &effects->effects[i]);
    }
}

// ---- Doubt after a gap.

void engine_wake(struct engine *engine)
{
    int64_t now_ms = engine_now_ms(engine);
    int64_t gap_ms = now_ms - engine->awake_ms;
    engine->awake_ms = now_ms;
    if (gap_ms < engine->spec.token_ms || engine_is_standalone(engine)) {
        return;
    }
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct event *event = event_new(arena, EVENT_LEVEL_WARNING, "clock-gap");
    event_emit(engine->spec.events, event_int(event, "gap_ms", gap_ms));
    // A probe that is on its way was sent before the gap and proves nothing: its answer will be
    // nobody's.
    engine->probe = 0;
    engine->doubt = !planted_is(PLANTED_DOUBT_SKIPPED);
    engine->doubts++;
    if (engine->no_quorum_ms == 0) {
        engine->no_quorum_ms = now_ms;
    }
    engine->members_changed = true;
}

// A write that is committed now proves that a quorum answers us in the present epoch.
static void probe_send(struct engine *engine)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    const char *value = arena_printf(arena, "%lld", (long long)engine->doubts);
    struct replica_op op = {
        .key = arena_printf(arena, "%sprobe/%s", STORE_PREFIX_VOLATILE, engine->spec.node),
        .value = value,
        .size_bytes = strlen(value),
        .expect = STORE_ANY,
    };
    struct replica_request request = {.kind = REPLICA_REQUEST_TXN, .ops = &op, .ops_count = 1};
    engine->probe = engine_reserve(engine);
    engine_request(engine, engine->probe, &request);
}

// ---- Membership as it is told.

// Quorate is a node that could write. One that is only just synchronising with the others shows an
// old or empty store; one that was serving before is as good as quorate for some seconds.
static bool quorate_now(struct engine *engine)
{
    enum replica_mode mode = replica_mode(engine->replica);
    int64_t now_ms = engine_now_ms(engine);
    if (mode == REPLICA_MODE_SERVING) {
        engine->served_ms = now_ms;
    }
    bool resyncs = mode == REPLICA_MODE_SYNCING && engine->told_quorate &&
                   now_ms - engine->served_ms < RESYNC_MS;
    return (mode == REPLICA_MODE_SERVING || resyncs) && !engine->doubt;
}

static void quorum_event(struct engine *engine, const char *name, enum event_level level)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    event_emit(engine->spec.events, event_new(arena, level, name));
}

// True when the change of quorum is to be told now.
static bool quorum_settle(struct engine *engine, bool quorate)
{
    if (!engine->told_quorate || quorate || engine->doubt) {
        engine->lost_ms = 0;
        return true;
    }
    int64_t now_ms = engine_now_ms(engine);
    if (engine->lost_ms == 0) {
        engine->lost_ms = now_ms;
    }
    return now_ms - engine->lost_ms >= SETTLE_MS;
}

// One event for each node that came or went since the last time.
static void members_event(struct engine *engine)
{
    if (!engine->told_quorate) {
        return; // who is in a part that may not decide is no news
    }
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct transport_nodes nodes = engine->transport->ops->nodes(engine->transport);
    for (size_t i = 0; i < nodes.count; i++) {
        const char *name = nodes.nodes[i].name;
        bool online = nodes.nodes[i].member;
        if (online == map_has(&engine->told_online, name)) {
            continue;
        }
        const char *what = online ? "member-joined" : "member-left";
        struct event *event = event_new(arena, EVENT_LEVEL_NOTICE, what);
        event_emit(engine->spec.events, event_text(arena, event, "node", name));
        if (online) {
            map_put(&engine->told_online, name, engine); // any value: it is a set
        } else {
            (void)map_remove(&engine->told_online, name);
        }
    }
}

static void membership_tell(struct engine *engine)
{
    bool quorate = quorate_now(engine);
    uint64_t epoch = replica_epoch(engine->replica);
    if (!quorum_settle(engine, quorate)) {
        return;
    }
    if (quorate == engine->told_quorate && epoch == engine->told_epoch &&
        !engine->members_changed) {
        return;
    }
    if (quorate != engine->told_quorate) {
        quorum_event(engine, quorate ? "quorum-regained" : "quorum-lost",
                     quorate ? EVENT_LEVEL_NOTICE : EVENT_LEVEL_ERROR);
    }
    engine->told_quorate = quorate;
    engine->told_epoch = epoch;
    if (engine_is_quorate(engine)) {
        engine->no_quorum_ms = 0;
    } else if (engine->no_quorum_ms == 0) {
        engine->no_quorum_ms = engine_now_ms(engine);
    }
    engine->lost_ms = 0;
    engine->members_changed = false;
    members_event(engine);
    engine->spec.callbacks.membership(engine->spec.callbacks.userdata);
}

void engine_membership(struct engine *engine, struct arena *arena, struct engine_membership *ret)
{
    struct transport_nodes nodes = engine->transport->ops->nodes(engine->transport);
    struct engine_member *members = arena_array_of(arena, struct engine_member, nodes.count);
    uint32_t votes = 0;
    for (size_t i = 0; i < nodes.count; i++) {
        members[i].node = &nodes.nodes[i];
        members[i].online = engine_is_quorate(engine) && nodes.nodes[i].member;
        votes += nodes.nodes[i].votes;
    }
    uint32_t expected = engine->configuration.expected_votes;
    *ret = (struct engine_membership){
        .members = members,
        .count = nodes.count,
        .quorate = engine_is_quorate(engine),
        .forced = expected > 0 && expected < votes,
        .epoch = engine->told_epoch,
    };
}

bool engine_is_quorate(const struct engine *engine)
{
    return engine->told_quorate && !engine->doubt;
}

int64_t engine_no_quorum_ms(const struct engine *engine)
{
    return engine->no_quorum_ms;
}

uint32_t engine_quorum_votes(const struct engine *engine)
{
    return replica_threshold_votes(engine->replica);
}

int engine_check_write(struct engine *engine, const struct replica_request *request,
                       struct error *err)
{
    return disk_watch_check(engine->disk, request, err);
}

bool engine_is_first(const struct engine *engine)
{
    return engine->configuration.count > 0 &&
           engine->configuration.members[0].id == engine->spec.id;
}

// ---- The disk.

static void engine_break(struct engine *engine, const char *words)
{
    if (engine->broken) {
        return;
    }
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct event *event = event_new(arena, EVENT_LEVEL_ERROR, "database-failed");
    event_emit(engine->spec.events, event_text(arena, event, "reason", words));
    // What was acknowledged is on the disk; a new start finds out what else is.
    engine->broken = true;
    engine->spec.ports.quit(engine->spec.ports.userdata);
}

static void on_trouble(void *userdata, int code, const char *words)
{
    struct engine *engine = userdata;
    if (code == 0 || code == -ENOSPC) {
        disk_watch_full(engine->disk, code == -ENOSPC);
    } else {
        engine_break(engine, words);
    }
}

static void on_room(void *userdata, bool low)
{
    struct engine *engine = userdata;
    disk_watch_low(engine->disk, low);
}

// ---- Turns.

static void flush_run(struct engine *engine)
{
    struct replica_effects effects = {0};
    struct arena *arena = input_begin(engine);
    replica_flush(engine->replica, engine_now_ms(engine), arena, &effects);
    input_end(engine, &effects);
    engine->dirty = false;
}

void engine_turn(struct engine *engine)
{
    aside_tell(engine);
    if (engine->doubt && engine->probe == 0 &&
        replica_mode(engine->replica) == REPLICA_MODE_SERVING) {
        probe_send(engine);
    }
    if (engine->dirty) {
        flush_run(engine);
    }
    if (disk_watch_is_hopeless(engine->disk)) {
        engine_break(engine, "the disk does not take what is to be written");
    }
    membership_tell(engine);
    disk_watch_turn(engine->disk);
    engine->spec.callbacks.turned(engine->spec.callbacks.userdata);
    if (engine->dirty) {
        flush_run(engine); // what that asked for
    }
}

void engine_tick(struct engine *engine)
{
    engine_wake(engine);
    struct replica_effects effects = {0};
    struct arena *arena = input_begin(engine);
    replica_tick(engine->replica, engine_now_ms(engine), arena, &effects);
    input_end(engine, &effects);
    engine_turn(engine);
}

// ---- Begin and end.

static int disk_start(struct engine *engine, struct error *err)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    const struct engine_spec *spec = &engine->spec;
    const struct engine_disk_callbacks callbacks = {
        .persisted = on_persisted,
        .trouble = on_trouble,
        .room = on_room,
        .userdata = engine,
    };
    struct engine_state state;
    int r = spec->ports.disk->ops->open(spec->ports.disk, &callbacks, arena, &state, err);
    if (r < 0) {
        return r;
    }
    engine->replica = replica_new(spec->id, spec->boot_id, spec->lease_ms);
    replica_load(engine->replica, state.epoch, state.last_version, state.rows, state.rows_count);
    return 0;
}

static int transport_start(struct engine *engine, struct error *err)
{
    const struct transport_callbacks callbacks = {
        .configured = on_configured,
        .delivered = on_delivered,
        .turned = on_turned,
        .changed = on_transport_changed,
        .userdata = engine,
    };
    const struct engine_ports *ports = &engine->spec.ports;
    return ports->open_transport(ports->userdata, &callbacks, &engine->transport, err);
}

int engine_open(const struct engine_spec *spec, struct engine **ret, struct error *err)
{
    struct engine *engine = alloc_zero(sizeof(*engine));
    engine->arena = arena_new();
    engine->scratch = arena_new();
    map_init(&engine->told_online, NULL);
    engine->spec = *spec;
    engine->spec.node = arena_strdup(engine->arena, spec->node);
    engine->spec.database = arena_strdup(engine->arena, spec->database);
    engine->awake_ms = engine_now_ms(engine);
    engine->no_quorum_ms = engine->awake_ms;
    engine->disk = disk_watch_new(engine);
    int r = disk_start(engine, err);
    if (r == 0) {
        r = transport_start(engine, err);
    }
    if (r < 0) {
        engine_close(engine);
        return r;
    }
    engine->awake_ms = engine_now_ms(engine);
    *ret = engine;
    return 0;
}

void engine_close(struct engine *engine)
{
    if (engine == NULL) {
        return;
    }
    if (engine->transport != NULL) {
        engine->transport->ops->free(engine->transport);
    }
    engine->spec.ports.disk->ops->close(engine->spec.ports.disk);
    disk_watch_free(engine->disk);
    replica_free(engine->replica);
    map_done(&engine->told_online);
    arena_free(engine->scratch);
    arena_free(engine->arena);
    free(engine);
}

// ---- Asking.

const char *engine_node(const struct engine *engine)
{
    return engine->spec.node;
}

bool engine_is_standalone(const struct engine *engine)
{
    return engine->spec.is_standalone;
}

int64_t engine_lease_ms(const struct engine *engine)
{
    return engine->spec.lease_ms;
}

struct replica *engine_replica(struct engine *engine)
{
    return engine->replica;
}

struct transport *engine_transport(struct engine *engine)
{
    return engine->transport;
}

int64_t engine_now_ms(struct engine *engine)
{
    return clock_now_ms(engine->spec.ports.clock);
}

struct event_sink *engine_events(struct engine *engine)
{
    return engine->spec.events;
}

static const char *mode_text(enum replica_mode mode)
{
    switch (mode) {
    case REPLICA_MODE_NO_QUORUM:
        return "no quorum";
    case REPLICA_MODE_SYNCING:
        return "synchronising";
    case REPLICA_MODE_SERVING:
        return "serving";
    case REPLICA_MODE_MAX:
        break;
    }
    return "unknown";
}

void engine_describe(struct engine *engine, struct json *status)
{
    json_put_string(status, "store", mode_text(replica_mode(engine->replica)));
    json_put_int(status, "store_version", (int64_t)replica_version(engine->replica));
    json_put_string(status, "store_path", engine->spec.database);
    disk_watch_describe(engine->disk, status);
    if (engine->broken) {
        json_put_string(status, "store_trouble", "failed");
    }
    engine->transport->ops->describe(engine->transport, status);
}
