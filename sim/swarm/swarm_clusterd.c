// SPDX-License-Identifier: Apache-2.0
// The daemon: the engine on simulated ports, and what the server does with a request.
#include "sim/swarm/swarm_clusterd.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/engine_rules.h"
#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/prng.h"
#include "common/model/store_keys.h"
#include "common/model/timing.h"
#include "sim/swarm/swarm_clock.h"
#include "sim/swarm/swarm_clusterd_internal.h"
#include "sim/swarm/swarm_disk.h"
#include "sim/swarm/swarm_net.h"

enum { CALL_US_MIN = 20, CALL_US_MAX = 300 };

static int64_t now_us(const struct swarm_clusterd *clusterd)
{
    return swarm_queue_now_us(clusterd->spec.queue);
}

// ---- Answers.

static void call_remove(struct swarm_clusterd *clusterd, struct swarm_call *call)
{
    struct swarm_call **at = &clusterd->calls;
    while (*at != call) {
        at = &(*at)->next;
    }
    *at = call->next;
    call->next = NULL;
    call->clusterd = NULL;
}

static void call_answer(struct swarm_clusterd *clusterd, struct swarm_call *call)
{
    call_remove(clusterd, call);
    if (call->client != NULL) {
        swarm_client_answer(call->client, call);
    } else {
        swarm_call_free(call);
    }
}

static void call_refuse(struct swarm_clusterd *clusterd, struct swarm_call *call, int code,
                        const char *words)
{
    ignore_result(error_set(&call->refusal, code, "%s", words)); // it is kept in the call
    call_answer(clusterd, call);
}

static void call_busy(struct swarm_clusterd *clusterd, struct swarm_call *call, int64_t in_ms)
{
    call->is_busy = true;
    call->retry_in_ms = in_ms;
    if (call->client != NULL) {
        map_put(&call->client->waits, call->lease, call->client); // any value: it is a set
    }
    call_answer(clusterd, call);
}

// ---- Requests.

static void acquire_run(struct swarm_clusterd *clusterd, struct swarm_call *call)
{
    struct lease_way way;
    int64_t in_ms = 0;
    if (!engine_is_quorate(clusterd->engine)) {
        call_refuse(clusterd, call, -EHOSTDOWN, "no quorum");
    } else if (!engine_lease_way(clusterd->engine, call->lease, &way, &in_ms)) {
        call_busy(clusterd, call, in_ms);
    } else {
        call->origin = way.origin;
        call->number = engine_reserve(clusterd->engine);
        engine_request(clusterd->engine, call->number, &way.request);
    }
}

static void release_run(struct swarm_clusterd *clusterd, struct swarm_call *call)
{
    const struct replica_request request = {
        .kind = REPLICA_REQUEST_LEASE_RELEASE,
        .lease = call->lease,
        .owner = clusterd->spec.name,
        .term = call->term,
    };
    call->number = engine_reserve(clusterd->engine);
    engine_request(clusterd->engine, call->number, &request);
}

static void txn_run(struct swarm_clusterd *clusterd, struct swarm_call *call)
{
    int r = engine_check_txn(clusterd->engine, &call->request, &call->refusal);
    if (r < 0) {
        call_answer(clusterd, call);
        return;
    }
    call->number = engine_reserve(clusterd->engine);
    engine_request(clusterd->engine, call->number, &call->request);
}

static void arrive_due(void *userdata)
{
    struct swarm_call *call = userdata;
    struct swarm_clusterd *clusterd = call->clusterd;
    engine_wake(clusterd->engine);
    switch (call->kind) {
    case SWARM_CALL_HELLO:
        call_answer(clusterd, call);
        break;
    case SWARM_CALL_TXN:
        txn_run(clusterd, call);
        break;
    case SWARM_CALL_ACQUIRE:
        acquire_run(clusterd, call);
        break;
    case SWARM_CALL_RELEASE:
        release_run(clusterd, call);
        break;
    }
    engine_turn(clusterd->engine);
}

void swarm_clusterd_take(struct swarm_clusterd *clusterd, struct swarm_call *call)
{
    struct swarm_client *client = call->client;
    struct prng *prng = clusterd->spec.prng;
    int64_t at_us =
        now_us(clusterd) + CALL_US_MIN + (int64_t)prng_below(prng, CALL_US_MAX - CALL_US_MIN);
    client->sent_us = at_us > client->sent_us ? at_us : client->sent_us;
    call->clusterd = clusterd;
    call->next = clusterd->calls;
    clusterd->calls = call;
    swarm_timer_init(&call->timer, clusterd->spec.queue, clusterd->spec.gate, arrive_due, call);
    swarm_timer_set(&call->timer, client->sent_us);
}

// ---- From the engine.

static void lease_answered(struct swarm_clusterd *clusterd, struct swarm_call *call,
                           const struct replica_answer *answer)
{
    if (answer->code == 0) {
        call->granted_term = answer->term;
        call_answer(clusterd, call);
        return;
    }
    // Someone was first.
    struct lease_way way;
    int64_t in_ms = 0;
    if (engine_is_quorate(clusterd->engine)) {
        ignore_result(engine_lease_way(clusterd->engine, call->lease, &way, &in_ms)); // the time
    }
    call_busy(clusterd, call, in_ms);
}

static void on_answered(void *userdata, uint64_t number, const struct replica_answer *answer)
{
    struct swarm_clusterd *clusterd = userdata;
    struct swarm_call *call = clusterd->calls;
    while (call != NULL && call->number != number) {
        call = call->next;
    }
    if (call == NULL) {
        return;
    }
    bool is_busy = answer->code == -EBUSY || answer->code == -EAGAIN || answer->code == -EPERM;
    if (call->kind == SWARM_CALL_ACQUIRE && (answer->code == 0 || is_busy)) {
        lease_answered(clusterd, call, answer);
    } else if (answer->code < 0) {
        call_refuse(clusterd, call, answer->code,
                    answer->reason != NULL ? answer->reason : "refused");
    } else {
        call->version = answer->version;
        call_answer(clusterd, call);
    }
}

// Durable and volatile rows are committed apart: the sum over the durable ones has a version of its
// own.
static void durable_note(struct swarm_clusterd *clusterd, const struct replica_row *row)
{
    bool is_volatile = strncmp(row->key, STORE_PREFIX_VOLATILE, strlen(STORE_PREFIX_VOLATILE)) == 0;
    if (!is_volatile && row->version > clusterd->durable_version) {
        clusterd->durable_version = row->version;
    }
}

static void on_changed(void *userdata, const struct replica_row *rows, size_t count)
{
    struct swarm_clusterd *clusterd = userdata;
    for (size_t i = 0; i < count; i++) {
        durable_note(clusterd, &rows[i]);
    }
    for (struct swarm_client *c = clusterd->clients; c != NULL; c = c->next) {
        swarm_client_take_rows(c, rows, count);
    }
}

static void on_membership(void *userdata)
{
    struct swarm_clusterd *clusterd = userdata;
    for (struct swarm_client *c = clusterd->clients; c != NULL; c = c->next) {
        swarm_client_take_membership(c);
    }
}

// Tells those who were refused a lease when it can be had.
static void waits_tell(struct swarm_clusterd *clusterd, struct swarm_client *client)
{
    size_t i = 0;
    while (i < client->waits.count && engine_is_quorate(clusterd->engine)) {
        struct lease_way way;
        int64_t in_ms;
        const char *name = client->waits.entries[i].key;
        if (engine_lease_way(clusterd->engine, name, &way, &in_ms)) {
            swarm_client_take_lease(client, name);
            (void)map_remove(&client->waits, name);
        } else {
            i++;
        }
    }
}

static void on_turned(void *userdata)
{
    struct swarm_clusterd *clusterd = userdata;
    for (struct swarm_client *c = clusterd->clients; c != NULL; c = c->next) {
        waits_tell(clusterd, c);
    }
}

static void on_quit(void *userdata)
{
    struct swarm_clusterd *clusterd = userdata;
    swarm_timer_set(&clusterd->ended, now_us(clusterd)); // not from within the engine
}

static void ended_due(void *userdata)
{
    struct swarm_clusterd *clusterd = userdata;
    clusterd->spec.ended(clusterd->spec.userdata);
}

// ---- Life.

static void tick_set(struct swarm_clusterd *clusterd)
{
    const struct swarm_clock *clock = clusterd->spec.clock;
    swarm_timer_set(&clusterd->tick,
                    swarm_clock_true_us(clock, swarm_clock_now_ms(clock) + ENGINE_TICK_MS));
}

static void tick_due(void *userdata)
{
    struct swarm_clusterd *clusterd = userdata;
    tick_set(clusterd);
    engine_tick(clusterd->engine);
}

static int transport_open(void *userdata, const struct transport_callbacks *callbacks,
                          struct transport **ret, struct error *err)
{
    (void)err; // it waits for its Corosync
    const struct swarm_clusterd *clusterd = userdata;
    *ret = swarm_net_open(clusterd->spec.net, clusterd->spec.node, clusterd->spec.gate, callbacks);
    return 0;
}

struct swarm_clusterd *swarm_clusterd_start(const struct swarm_clusterd_spec *spec)
{
    struct swarm_clusterd *clusterd = alloc_zero(sizeof(*clusterd));
    clusterd->spec = *spec;
    clusterd->scratch = arena_new();
    clusterd->peek = alloc_zero(sizeof(*clusterd->peek));
    clusterd->peek->arena = arena_new();
    swarm_timer_init(&clusterd->tick, spec->queue, spec->gate, tick_due, clusterd);
    swarm_timer_init(&clusterd->ended, spec->queue, spec->gate, ended_due, clusterd);
    const struct engine_spec engine_spec = {
        .ports =
            {
                .clock = &spec->clock->port,
                .disk = swarm_disk_port(spec->disk, spec->gate),
                .open_transport = transport_open,
                .quit = on_quit,
                .userdata = clusterd,
            },
        .events = spec->events,
        .node = spec->name,
        .database = "store.db",
        .id = (uint32_t)spec->node + 1,
        .boot_id = prng_next(spec->prng),
        .lease_ms = spec->timing->lease_ms,
        .token_ms = spec->timing->token_ms,
        .callbacks =
            {
                .answered = on_answered,
                .changed = on_changed,
                .membership = on_membership,
                .turned = on_turned,
                .userdata = clusterd,
            },
    };
    struct error err = {0};
    int r = engine_open(&engine_spec, &clusterd->engine, &err);
    assert(r == 0); // simulated ports always open
    clusterd->durable_version = replica_version(engine_replica(clusterd->engine));
    tick_set(clusterd);
    return clusterd;
}

void swarm_clusterd_kill(struct swarm_clusterd *clusterd)
{
    if (clusterd == NULL) {
        return;
    }
    while (clusterd->clients != NULL) {
        swarm_clusterd_remove_client(clusterd, clusterd->clients);
    }
    while (clusterd->calls != NULL) {
        call_answer(clusterd, clusterd->calls); // to nobody
    }
    swarm_timer_stop(&clusterd->tick);
    swarm_timer_stop(&clusterd->ended);
    engine_close(clusterd->engine);
    arena_free(clusterd->scratch);
    arena_free(clusterd->peek->arena);
    free(clusterd->peek);
    free(clusterd);
}

void swarm_clusterd_add_client(struct swarm_clusterd *clusterd, struct swarm_client *client)
{
    client->next = clusterd->clients;
    clusterd->clients = client;
}

static void calls_cut(struct swarm_clusterd *clusterd, const struct swarm_client *client)
{
    struct swarm_call *next;
    for (struct swarm_call *call = clusterd->calls; call != NULL; call = next) {
        next = call->next;
        if (call->client == client && call->kind == SWARM_CALL_TXN) {
            swarm_timer_stop(&call->timer);
            call_refuse(clusterd, call, -ETIMEDOUT,
                        "ha-clusterd closed the connection before it answered");
        }
    }
    for (struct swarm_call *call = clusterd->calls; call != NULL; call = call->next) {
        call->client = call->client == client ? NULL : call->client;
    }
}

void swarm_clusterd_remove_client(struct swarm_clusterd *clusterd, struct swarm_client *client)
{
    for (struct swarm_client **at = &clusterd->clients; *at != NULL; at = &(*at)->next) {
        if (*at == client) {
            *at = client->next;
            break;
        }
    }
    client->next = NULL;
    map_clear(&client->waits);
    swarm_client_cut(client);
    calls_cut(clusterd, client);
}

int swarm_clusterd_expect(struct swarm_clusterd *clusterd, uint32_t votes, bool force,
                          struct error *err)
{
    const struct expected_wish wish = {.votes = votes, .force = force};
    int64_t wait_ms = 0;
    engine_wake(clusterd->engine);
    int r = engine_expect(clusterd->engine, &wish, &wait_ms, err);
    engine_turn(clusterd->engine);
    return r;
}

// ---- For the observer.

const char *swarm_clusterd_peek(const struct swarm_clusterd *clusterd, const char *key,
                                uint64_t *ret_version)
{
    const struct replica_row *rows;
    size_t count;
    struct arena *arena = clusterd->peek->arena;
    uint64_t at = swarm_queue_count(clusterd->spec.queue);
    if (clusterd->peek->at != at) {
        arena_clear(arena);
        clusterd->peek->at = at;
    }
    replica_read(engine_replica(clusterd->engine), key, 0, arena, &rows, &count);
    if (count == 0 || strcmp(rows[0].key, key) != 0 || rows[0].value == NULL) {
        return NULL;
    }
    if (ret_version != NULL) {
        *ret_version = rows[0].version;
    }
    return arena_memdup(arena, rows[0].value, rows[0].size_bytes);
}

bool swarm_clusterd_is_quorate(const struct swarm_clusterd *clusterd)
{
    return engine_is_quorate(clusterd->engine);
}

bool swarm_clusterd_is_serving(const struct swarm_clusterd *clusterd)
{
    return replica_mode(engine_replica(clusterd->engine)) == REPLICA_MODE_SERVING;
}

uint64_t swarm_clusterd_checksum(const struct swarm_clusterd *clusterd, uint64_t *ret_version)
{
    *ret_version = clusterd->durable_version;
    return replica_checksum(engine_replica(clusterd->engine));
}
