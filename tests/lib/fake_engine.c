// SPDX-License-Identifier: Apache-2.0
// The replica's messages come back to it at once, and all it writes is on the disk at once.
#include "tests/lib/fake_engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/engine.h"
#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/strbuf.h"
#include "common/model/event.h"
#include "common/port/event_sink.h"
#include "common/port/store.h"
#include "tests/lib/test.h"

enum {
    NODES_MAX = 8,
    QUEUE_MAX = 64,
    EVENTS_MAX = 64,
    LEASE_MS = 1000,
    TICK_MS = 100,
    START_TICKS = 100,
    START_MS = 1000000,
};

struct engine {
    struct arena *arena;
    struct transport transport; // what engine_transport() gives
    struct event_sink sink;
    struct replica *replica;
    struct transport_node nodes[NODES_MAX];
    size_t count;
    bool quorate, first;
    int64_t now_ms;
    int refuse;
    struct strbuf messages[QUEUE_MAX]; // on their way
    size_t messages_count;
    uint64_t batch; // to be told as persisted; 0: none
    struct {
        uint64_t request;
        int code;
    } answers[QUEUE_MAX];
    size_t answers_count, answers_read;
    uint64_t number; // the last that was given
    size_t requests; // made, without the test's own
    const struct event *events[EVENTS_MAX];
    size_t events_count;
    int64_t running;
    int reload_result;
    size_t reloads;
};

// ---- The replica alone.

static void effects_take(struct engine *engine, const struct replica_effects *effects)
{
    for (size_t i = 0; i < effects->count; i++) {
        const struct replica_effect *effect = &effects->effects[i];
        if (effect->kind == REPLICA_EFFECT_MULTICAST) {
            assert_true(engine->messages_count < QUEUE_MAX);
            strbuf_append_bytes(&engine->messages[engine->messages_count++], effect->bytes,
                                effect->size_bytes);
        } else if (effect->kind == REPLICA_EFFECT_PERSIST) {
            engine->batch = effect->batch;
        } else if (effect->kind == REPLICA_EFFECT_ANSWER) {
            assert_true(engine->answers_count < QUEUE_MAX);
            engine->answers[engine->answers_count].request = effect->request_id;
            engine->answers[engine->answers_count++].code = effect->answer.code;
        }
    }
}

static void messages_deliver(struct engine *engine, struct arena *arena)
{
    while (engine->messages_count > 0) {
        struct replica_effects effects = {0};
        struct strbuf message = engine->messages[0];
        engine->messages_count--;
        memmove(engine->messages, engine->messages + 1,
                engine->messages_count * sizeof(*engine->messages));
        engine->messages[engine->messages_count] = (struct strbuf){0};
        replica_deliver(engine->replica, engine->now_ms, 1, message.text, message.size_bytes, arena,
                        &effects);
        effects_take(engine, &effects);
        strbuf_done(&message);
    }
}

static void engine_settle(struct engine *engine)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    do {
        messages_deliver(engine, arena);
        struct replica_effects flushed = {0};
        replica_flush(engine->replica, engine->now_ms, arena, &flushed);
        effects_take(engine, &flushed);
        if (engine->batch != 0) {
            struct replica_effects persisted = {0};
            uint64_t batch = engine->batch;
            engine->batch = 0;
            replica_persisted(engine->replica, engine->now_ms, batch, arena, &persisted);
            effects_take(engine, &persisted);
        }
    } while (engine->messages_count > 0 || engine->batch != 0);
}

static void time_pass(struct engine *engine)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct replica_effects effects = {0};
    engine->now_ms += TICK_MS;
    replica_tick(engine->replica, engine->now_ms, arena, &effects);
    effects_take(engine, &effects);
    engine_settle(engine);
}

static void replica_begin(struct engine *engine)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    static const struct replica_member self = {.id = 1, .votes = 1};
    const struct replica_configuration configuration = {
        .ring = 1,
        .members = &self,
        .count = 1,
        .quorate = true,
        .quorum_votes = 1,
        .expected_votes = 1,
    };
    struct replica_effects effects = {0};
    engine->replica = replica_new(1, 1, LEASE_MS);
    replica_load(engine->replica, 0, 0, NULL, 0);
    replica_configure(engine->replica, engine->now_ms, &configuration, arena, &effects);
    effects_take(engine, &effects);
    engine_settle(engine);
    for (int i = 0; i < START_TICKS && replica_mode(engine->replica) != REPLICA_MODE_SERVING; i++) {
        time_pass(engine);
    }
    assert_int_equal(replica_mode(engine->replica), REPLICA_MODE_SERVING);
}

// ---- Its transport and events.

static struct engine *engine_of(const struct transport *transport)
{
    char *bytes = (char *)(uintptr_t)transport;
    return (struct engine *)(void *)(bytes - offsetof(struct engine, transport));
}

static int64_t fake_config_version(const struct transport *transport)
{
    return engine_of(transport)->running;
}

static int fake_reload(struct transport *transport, struct error *err)
{
    struct engine *engine = engine_of(transport);
    engine->reloads++;
    return engine->reload_result < 0 ? error_set(err, engine->reload_result, "no") : 0;
}

static const struct transport_ops fake_transport_ops = {
    .config_version = fake_config_version,
    .reload = fake_reload,
};

static void fake_emit(struct event_sink *sink, const struct event *event)
{
    char *bytes = (char *)sink;
    struct engine *engine = (struct engine *)(void *)(bytes - offsetof(struct engine, sink));
    struct event *copy = event_new(engine->arena, event->level, event->name);
    for (size_t i = 0; i < event->fields_count; i++) {
        const struct event_field *field = &event->fields[i];
        if (field->type == EVENT_FIELD_TEXT) {
            event_text(engine->arena, copy, field->key, field->text);
        } else {
            event_int(copy, field->key, field->integer);
        }
    }
    assert_true(engine->events_count < EVENTS_MAX);
    engine->events[engine->events_count++] = copy;
}

static const struct event_sink_ops fake_sink_ops = {.emit = fake_emit};

// ---- What the test sets and asks.

struct engine *fake_engine_new(const char *const *nodes, size_t count)
{
    struct engine *engine = alloc_zero(sizeof(*engine));
    assert_true(count > 0 && count <= NODES_MAX);
    engine->arena = arena_new();
    engine->transport.ops = &fake_transport_ops;
    engine->sink.ops = &fake_sink_ops;
    engine->quorate = true;
    engine->first = true;
    engine->now_ms = START_MS;
    engine->running = -1;
    engine->count = count;
    for (size_t i = 0; i < count; i++) {
        engine->nodes[i] = (struct transport_node){
            .id = (uint32_t)i + 1,
            .name = nodes[i],
            .address = "",
            .votes = 1,
            .online = true,
            .member = true,
        };
    }
    replica_begin(engine);
    return engine;
}

void fake_engine_free(struct engine *engine)
{
    replica_free(engine->replica);
    arena_free(engine->arena);
    free(engine);
}

void fake_engine_advance(struct engine *engine, int64_t ms)
{
    for (int64_t i = 0; i < ms; i += TICK_MS) {
        time_pass(engine);
    }
}

static struct transport_node *node_find(struct engine *engine, const char *name)
{
    for (size_t i = 0; i < engine->count; i++) {
        if (strcmp(engine->nodes[i].name, name) == 0) {
            return &engine->nodes[i];
        }
    }
    fail_msg("no node '%s'", name);
    return NULL;
}

void fake_engine_set_online(struct engine *engine, const char *node, bool online)
{
    node_find(engine, node)->member = online;
}

void fake_engine_set_votes(struct engine *engine, const char *node, uint32_t votes)
{
    node_find(engine, node)->votes = votes;
}

void fake_engine_set_quorate(struct engine *engine, bool quorate)
{
    engine->quorate = quorate;
}

void fake_engine_set_first(struct engine *engine, bool first)
{
    engine->first = first;
}

void fake_engine_refuse(struct engine *engine, int code)
{
    engine->refuse = code;
}

void fake_engine_put(struct engine *engine, const char *key, const char *value)
{
    struct replica_op op = {
        .key = key,
        .value = value,
        .size_bytes = value != NULL ? strlen(value) : 0,
        .expect = STORE_ANY,
    };
    const struct replica_request request = {
        .kind = REPLICA_REQUEST_TXN, .ops = &op, .ops_count = 1};
    int refuse = engine->refuse;
    engine->refuse = 0;
    engine_request(engine, engine_reserve(engine), &request);
    engine->refuse = refuse;
    assert_int_equal(engine->answers[engine->answers_count - 1].code, 0);
    engine->answers_count--; // it was the last one, and is nobody's
    engine->requests--;
}

const char *fake_engine_get(struct engine *engine, struct arena *arena, const char *key)
{
    const struct replica_row *rows;
    size_t count;
    replica_read(engine->replica, key, 0, arena, &rows, &count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rows[i].key, key) == 0 && rows[i].value != NULL) {
            return arena_printf(arena, "%.*s", (int)rows[i].size_bytes, rows[i].value);
        }
    }
    return NULL;
}

bool fake_engine_next_answer(struct engine *engine, uint64_t *ret_request, int *ret_code)
{
    if (engine->answers_read == engine->answers_count) {
        engine->answers_read = 0;
        engine->answers_count = 0;
        return false;
    }
    *ret_request = engine->answers[engine->answers_read].request;
    *ret_code = engine->answers[engine->answers_read++].code;
    return true;
}

size_t fake_engine_requests(const struct engine *engine)
{
    return engine->requests;
}

size_t fake_engine_events(const struct engine *engine, const char *name)
{
    size_t count = 0;
    for (size_t i = 0; i < engine->events_count; i++) {
        count += strcmp(engine->events[i]->name, name) == 0 ? 1 : 0;
    }
    return count;
}

const char *fake_engine_event_text(const struct engine *engine, const char *name, const char *key)
{
    const char *text = NULL;
    for (size_t i = 0; i < engine->events_count; i++) {
        if (strcmp(engine->events[i]->name, name) == 0) {
            text = event_find(engine->events[i], key);
        }
    }
    return text;
}

void fake_engine_set_running(struct engine *engine, int64_t config_version)
{
    engine->running = config_version;
}

void fake_engine_set_reload_result(struct engine *engine, int code)
{
    engine->reload_result = code;
}

size_t fake_engine_reloads(const struct engine *engine)
{
    return engine->reloads;
}

// ---- cluster/engine.h

uint64_t engine_reserve(struct engine *engine)
{
    engine->requests++;
    return ++engine->number;
}

void engine_request(struct engine *engine, uint64_t number, const struct replica_request *request)
{
    if (engine->refuse != 0) {
        assert_true(engine->answers_count < QUEUE_MAX);
        engine->answers[engine->answers_count].request = number;
        engine->answers[engine->answers_count++].code = engine->refuse;
        return;
    }
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct replica_effects effects = {0};
    replica_request(engine->replica, engine->now_ms, number, request, arena, &effects);
    effects_take(engine, &effects);
    engine_settle(engine);
}

void engine_membership(struct engine *engine, struct arena *arena, struct engine_membership *ret)
{
    struct engine_member *members = arena_array_of(arena, struct engine_member, engine->count);
    for (size_t i = 0; i < engine->count; i++) {
        members[i].node = &engine->nodes[i];
        members[i].online = engine->quorate && engine->nodes[i].member;
    }
    *ret = (struct engine_membership){
        .members = members, .count = engine->count, .quorate = engine->quorate, .epoch = 1};
}

bool engine_is_quorate(const struct engine *engine)
{
    return engine->quorate;
}

bool engine_is_first(const struct engine *engine)
{
    return engine->first;
}

uint32_t engine_quorum_votes(const struct engine *engine)
{
    uint32_t votes = 0;
    for (size_t i = 0; i < engine->count; i++) {
        votes += engine->nodes[i].votes;
    }
    return votes / 2 + 1;
}

const char *engine_node(const struct engine *engine)
{
    return engine->nodes[0].name;
}

struct replica *engine_replica(struct engine *engine)
{
    return engine->replica;
}

struct transport *engine_transport(struct engine *engine)
{
    return &engine->transport;
}

int64_t engine_now_ms(struct engine *engine)
{
    return engine->now_ms;
}

struct event_sink *engine_events(struct engine *engine)
{
    return &engine->sink;
}
