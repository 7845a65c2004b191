// SPDX-License-Identifier: Apache-2.0
// The transport over Corosync: keeps a connection open, queues what Corosync cannot take yet, and
// tells the daemon each configuration where it stands in the order of messages. A quorum that is
// gained counts only with votes that were asked for after it was told (correlation.h).
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/corosync/corosync_link.h"
#include "cluster/corosync/correlation.h"
#include "cluster/corosync/figures.h"
#include "cluster/corosync/knet_links.h"
#include "cluster/transport.h"
#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/host/host_clock.h"
#include "common/host/loop.h"
#include "common/model/event.h"
#include "common/port/event_sink.h"

enum {
    RECONNECT_MS = 200,
    DEVICE_LOOK_MS = 1000,
    LOOK_MS = 5000,
    RESEND_MS = 5, // Corosync's buffers are full or it synchronises: milliseconds mostly
};

struct corosync_message {
    struct corosync_message *next;
    size_t size_bytes;
    unsigned char bytes[];
};

struct corosync {
    struct transport base;
    struct transport_callbacks callbacks;
    struct loop *loop;
    struct event_sink *events;
    struct clock clock;
    uint32_t self;

    struct corosync_link *link; // NULL: Corosync is not reachable
    struct loop_source *reconnect, *resend, *look;
    bool joined; // asked to join the group, and not refused
    bool told_unreachable;

    struct figures *figures;
    uint64_t asked, answered; // of figures
    uint64_t opening;         // the connection is opened when that was answered; 0: not so

    struct correlation correlation;
    struct figures_votes votes;
    uint32_t token_ms, consensus_ms;
    uint64_t config_version;
    uint32_t online[REPLICA_MEMBERS_MAX];
    size_t online_count;
    struct arena *nodes_arena;
    struct transport_nodes nodes; // with online and member filled in

    struct corosync_message *first, *last;
    size_t queued_bytes;
    struct knet_links *knet;
};

static void corosync_event(struct corosync *corosync, enum event_level level, const char *name,
                           const char *reason)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct event *event = event_new(arena, level, name);
    event_emit(corosync->events, event_text(arena, event, "reason", reason));
}

// ---- Sending.

static void queue_clear(struct corosync *corosync)
{
    while (corosync->first != NULL) {
        struct corosync_message *next = corosync->first->next;
        free(corosync->first);
        corosync->first = next;
    }
    corosync->last = NULL;
    corosync->queued_bytes = 0;
}

// Sends what Corosync takes, in order. What goes wrong for good shows in the next dispatch too,
// where the connection is given up.
static void queue_send(struct corosync *corosync)
{
    while (corosync->first != NULL) {
        struct corosync_message *message = corosync->first;
        if (corosync_link_send(corosync->link, message->bytes, message->size_bytes) < 0) {
            loop_timer_set(corosync->resend, clock_now_ms(&corosync->clock) + RESEND_MS);
            return;
        }
        corosync->first = message->next;
        corosync->queued_bytes -= message->size_bytes;
        free(message);
    }
    corosync->last = NULL;
}

static void corosync_send(struct transport *transport, const void *bytes, size_t size_bytes)
{
    struct corosync *corosync = (struct corosync *)transport;
    if (corosync->link == NULL || !corosync->joined) {
        return; // in no configuration with anyone: nobody could get it
    }
    struct corosync_message *message = alloc_zero(sizeof(*message) + size_bytes);
    message->size_bytes = size_bytes;
    memcpy(message->bytes, bytes, size_bytes);
    bool was_empty = corosync->first == NULL;
    if (was_empty) {
        corosync->first = message;
    } else {
        corosync->last->next = message;
    }
    corosync->last = message;
    corosync->queued_bytes += size_bytes;
    if (was_empty) {
        queue_send(corosync);
    }
}

static void group_join(struct corosync *corosync)
{
    int r = corosync_link_join(corosync->link);
    if (r == 0) {
        corosync->joined = true;
    } else {
        loop_timer_set(corosync->resend, clock_now_ms(&corosync->clock) + RESEND_MS);
    }
}

static void resend_due(void *userdata)
{
    struct corosync *corosync = userdata;
    if (corosync->link == NULL) {
        return;
    }
    if (!corosync->joined) {
        group_join(corosync);
    }
    if (corosync->joined) {
        queue_send(corosync);
    }
}

// ---- Telling.

static void nodes_mark(struct corosync *corosync)
{
    struct transport_node *nodes = (struct transport_node *)(uintptr_t)corosync->nodes.nodes;
    for (size_t i = 0; i < corosync->nodes.count; i++) {
        nodes[i].online = false;
        nodes[i].member = false;
        for (size_t k = 0; k < corosync->online_count; k++) {
            nodes[i].online = nodes[i].online || corosync->online[k] == nodes[i].id;
        }
        for (size_t k = 0; k < corosync->correlation.members_count; k++) {
            nodes[i].member = nodes[i].member || corosync->correlation.members[k].id == nodes[i].id;
        }
    }
}

static void configuration_tell(struct corosync *corosync)
{
    struct replica_member members[REPLICA_MEMBERS_MAX];
    struct replica_configuration configuration;
    nodes_mark(corosync);
    if (correlation_get(&corosync->correlation, &corosync->nodes, members, &configuration)) {
        corosync->callbacks.configured(corosync->callbacks.userdata, &configuration);
    }
}

static void nodes_copy(struct corosync *corosync, const struct transport_nodes *nodes)
{
    struct arena *arena = arena_new();
    struct transport_node *copy = arena_array_of(arena, struct transport_node, nodes->count);
    for (size_t i = 0; i < nodes->count; i++) {
        copy[i] = nodes->nodes[i];
        copy[i].name = arena_strdup(arena, nodes->nodes[i].name);
        copy[i].address = arena_strdup(arena, nodes->nodes[i].address);
    }
    arena_free(corosync->nodes_arena);
    corosync->nodes_arena = arena;
    corosync->nodes = (struct transport_nodes){.nodes = copy, .count = nodes->count};
}

static void votes_take(struct corosync *corosync, const struct figures_reading *reading)
{
    const struct figures_votes *votes = &reading->votes;
    struct correlation_votes told = {
        .quorum = votes->quorum,
        .expected = votes->highest_expected,
        .device = votes->device_votes,
        .cast = votes->device_cast,
    };
    correlation_time_device(&told, reading->token_ms, reading->device_timeout_ms);
    corosync->votes = *votes;
    correlation_take_votes(&corosync->correlation, reading->request, &told);
}

static void ask(struct corosync *corosync)
{
    corosync->asked = figures_ask(corosync->figures);
}

// ---- The callbacks of the connection.

static void on_group(void *userdata, const struct correlation_member *members, size_t count,
                     bool ring_follows)
{
    struct corosync *corosync = userdata;
    correlation_group(&corosync->correlation, members, count, ring_follows);
    configuration_tell(corosync);
}

static void on_ring(void *userdata, struct correlation_ring ring)
{
    struct corosync *corosync = userdata;
    correlation_ring(&corosync->correlation, ring);
    configuration_tell(corosync);
}

static void on_delivered(void *userdata, uint32_t sender, const void *bytes, size_t size_bytes)
{
    struct corosync *corosync = userdata;
    corosync->callbacks.delivered(corosync->callbacks.userdata, sender, bytes, size_bytes);
}

static void on_quorum(void *userdata, struct correlation_ring ring, bool quorate)
{
    struct corosync *corosync = userdata;
    ask(corosync);
    correlation_quorum(&corosync->correlation, ring, quorate, corosync->asked);
    configuration_tell(corosync);
}

static void on_nodes(void *userdata, const uint32_t *online, size_t count)
{
    struct corosync *corosync = userdata;
    corosync->online_count = count < REPLICA_MEMBERS_MAX ? count : REPLICA_MEMBERS_MAX;
    memcpy(corosync->online, online, corosync->online_count * sizeof(*online));
    nodes_mark(corosync);
    corosync->callbacks.changed(corosync->callbacks.userdata);
}

static void on_turned(void *userdata)
{
    struct corosync *corosync = userdata;
    corosync->callbacks.turned(corosync->callbacks.userdata);
    if (corosync->joined) {
        queue_send(corosync);
    }
}

static void on_lost(void *userdata, const char *why)
{
    struct corosync *corosync = userdata;
    corosync_link_free(corosync->link);
    corosync->link = NULL;
    corosync->joined = false;
    corosync->online_count = 0;
    corosync->votes = (struct figures_votes){0};
    loop_timer_clear(corosync->resend);
    queue_clear(corosync);
    correlation_init(&corosync->correlation, corosync->self);
    corosync_event(corosync, EVENT_LEVEL_ERROR, "corosync-lost", why);
    configuration_tell(corosync);
    corosync->callbacks.turned(corosync->callbacks.userdata);
    corosync->callbacks.changed(corosync->callbacks.userdata);
    loop_timer_set(corosync->reconnect, clock_now_ms(&corosync->clock) + RECONNECT_MS);
}

static void unreachable_tell(struct corosync *corosync, enum event_level level, const char *why)
{
    if (!corosync->told_unreachable) {
        corosync_event(corosync, level, "corosync-unreachable", why);
    }
    corosync->told_unreachable = true;
    loop_timer_set(corosync->reconnect, clock_now_ms(&corosync->clock) + RECONNECT_MS);
}

// Corosync has answered just now.
static bool link_open(struct corosync *corosync)
{
    const struct corosync_link_callbacks callbacks = {
        .group = on_group,
        .ring = on_ring,
        .delivered = on_delivered,
        .quorum = on_quorum,
        .nodes = on_nodes,
        .turned = on_turned,
        .lost = on_lost,
        .userdata = corosync,
    };
    struct error err = {0};
    corosync->opening = 0;
    int r = corosync_link_open(corosync->loop, corosync->self, &callbacks, &corosync->link, &err);
    if (r < 0) {
        unreachable_tell(corosync, r == -ENOTCONN ? EVENT_LEVEL_NOTICE : EVENT_LEVEL_ERROR,
                         err.text);
        return false;
    }
    corosync->told_unreachable = false;
    return true;
}

static void reconnect_due(void *userdata)
{
    struct corosync *corosync = userdata;
    ask(corosync);
    corosync->opening = corosync->asked;
}

// ---- What Corosync counts and runs with.

static void on_read(void *userdata, const struct figures_reading *reading)
{
    struct corosync *corosync = userdata;
    corosync->answered = reading->request;
    bool opens =
        corosync->link == NULL && corosync->opening != 0 && corosync->answered >= corosync->opening;
    if ((corosync->link == NULL && !opens) || (opens && !link_open(corosync))) {
        return; // what a Corosync says that we are not connected to
    }
    if (opens || reading->changed) {
        nodes_copy(corosync, &reading->nodes);
        knet_links_watch(corosync->knet, &corosync->nodes, corosync->self);
    }
    corosync->token_ms = reading->token_ms;
    corosync->consensus_ms = reading->consensus_ms;
    corosync->config_version = reading->config_version;
    votes_take(corosync, reading);
    if (opens) {
        corosync_event(corosync, EVENT_LEVEL_NOTICE, "corosync-connected", NULL);
        group_join(corosync);
    }
    configuration_tell(corosync);
    on_turned(corosync);
    if (opens || reading->changed) {
        corosync->callbacks.changed(corosync->callbacks.userdata);
    }
}

static void on_failed(void *userdata, uint64_t request, const char *words)
{
    struct corosync *corosync = userdata;
    corosync->answered = request;
    if (corosync->link == NULL) {
        if (corosync->opening != 0 && corosync->answered >= corosync->opening) {
            corosync->opening = 0;
            unreachable_tell(corosync, EVENT_LEVEL_NOTICE, words);
        }
        return;
    }
    loop_timer_set(corosync->look, clock_now_ms(&corosync->clock) + RECONNECT_MS);
}

static void on_refused(void *userdata, enum figures_order order, const char *words)
{
    struct corosync *corosync = userdata;
    corosync_event(corosync, EVENT_LEVEL_ERROR,
                   order == FIGURES_RELOAD ? "corosync-reload-failed" : "expected-votes-refused",
                   words);
}

// A quorum device may give or take its vote while the quorum stays, of which nobody is told.
static void look_due(void *userdata)
{
    struct corosync *corosync = userdata;
    int64_t in_ms = corosync->votes.device_votes > 0 ? DEVICE_LOOK_MS : LOOK_MS;
    loop_timer_set(corosync->look, clock_now_ms(&corosync->clock) + in_ms);
    if (corosync->link == NULL || corosync->asked != corosync->answered) {
        return;
    }
    ask(corosync);
}

// ---- The transport.

static size_t corosync_queued_bytes(const struct transport *transport)
{
    const struct corosync *corosync = (const struct corosync *)transport;
    return corosync->queued_bytes;
}

static struct transport_nodes corosync_nodes(const struct transport *transport)
{
    const struct corosync *corosync = (const struct corosync *)transport;
    return corosync->nodes;
}

static int corosync_set_expected(struct transport *transport, uint32_t votes, struct error *err)
{
    struct corosync *corosync = (struct corosync *)transport;
    if (corosync->link == NULL) {
        return error_set(err, -ENOTCONN, "Corosync is not running");
    }
    // As Corosync would, but it may be long in answering.
    if (votes / 2 + 1 > corosync->votes.total) {
        return error_set(err, -EINVAL, "with %u expected votes those present (%u) are no quorum",
                         votes, corosync->votes.total);
    }
    return figures_order_expected(corosync->figures, votes, err);
}

static int corosync_reload(struct transport *transport, struct error *err)
{
    const struct corosync *corosync = (const struct corosync *)transport;
    if (corosync->link == NULL) {
        return error_set(err, -ENOTCONN, "Corosync is not running");
    }
    return figures_order_reload(corosync->figures, err);
}

static void corosync_facts(const struct transport *transport, struct arena *arena,
                           struct transport_facts *ret)
{
    const struct corosync *corosync = (const struct corosync *)transport;
    struct transport_facts facts = {0};
    if (corosync->link != NULL) {
        facts = (struct transport_facts){
            .quorum_votes = corosync->votes.quorum,
            .expected_votes = corosync->votes.highest_expected,
            .total_votes = corosync->votes.total,
            .has_device = corosync->votes.device,
            .token_ms = corosync->token_ms,
            .consensus_ms = corosync->consensus_ms,
        };
    }
    if (corosync->link != NULL && arena != NULL) {
        knet_links_get(corosync->knet, arena, &corosync->nodes, &facts.links, &facts.links_count);
    }
    *ret = facts;
}

static void corosync_describe(const struct transport *transport, struct json *status)
{
    const struct corosync *corosync = (const struct corosync *)transport;
    json_put_string(status, "corosync", corosync->link != NULL ? "running" : "not running");
    if (corosync->link == NULL) {
        return;
    }
    const struct figures_votes *votes = &corosync->votes;
    const struct correlation_ring *ring = &corosync->correlation.group_ring;
    json_put_int(status, "expected_votes", votes->highest_expected);
    json_put_int(status, "total_votes", votes->total);
    json_put_int(status, "quorum", votes->quorum);
    json_put_int(status, "token_ms", corosync->token_ms);
    json_put_int(status, "consensus_ms", corosync->consensus_ms);
    json_put_bool(status, "qdevice", votes->device);
    json_put_int(status, "config_version", (int64_t)corosync->config_version);
    if (corosync->correlation.ring_known) {
        // As Corosync's own tools print it: the sequence in hexadecimal.
        json_put_string(
            status, "ring",
            arena_printf(status->arena, "%u.%llx", ring->node, (unsigned long long)ring->sequence));
    }
}

static int64_t corosync_config_version(const struct transport *transport)
{
    const struct corosync *corosync = (const struct corosync *)transport;
    return corosync->link != NULL ? (int64_t)corosync->config_version : -1;
}

static void corosync_free(struct transport *transport)
{
    struct corosync *corosync = (struct corosync *)transport;
    corosync_link_free(corosync->link);
    loop_source_free(corosync->reconnect);
    loop_source_free(corosync->resend);
    loop_source_free(corosync->look);
    queue_clear(corosync);
    arena_free(corosync->nodes_arena);
    knet_links_free(corosync->knet);
    figures_free(corosync->figures);
    free(corosync);
}

static const struct transport_ops corosync_ops = {
    .send = corosync_send,
    .queued_bytes = corosync_queued_bytes,
    .nodes = corosync_nodes,
    .set_expected = corosync_set_expected,
    .reload = corosync_reload,
    .facts = corosync_facts,
    .describe = corosync_describe,
    .config_version = corosync_config_version,
    .free = corosync_free,
};

int corosync_new(struct loop *loop, uint32_t self, const struct transport_nodes *nodes,
                 struct event_sink *events, const struct transport_callbacks *callbacks,
                 struct transport **ret, struct error *err)
{
    (void)err; // only a build without Corosync refuses
    struct corosync *corosync = alloc_zero(sizeof(*corosync));
    corosync->base.ops = &corosync_ops;
    corosync->callbacks = *callbacks;
    corosync->loop = loop;
    corosync->events = events;
    corosync->self = self;
    host_clock_init(&corosync->clock);
    correlation_init(&corosync->correlation, self);
    corosync->knet = knet_links_new(loop);
    nodes_copy(corosync, nodes); // what is known before Corosync can be asked
    const struct figures_callbacks figures_callbacks = {
        .read = on_read,
        .failed = on_failed,
        .refused = on_refused,
        .userdata = corosync,
    };
    corosync->figures = figures_new(loop, self, &figures_callbacks);
    corosync->reconnect = loop_add_timer(loop, reconnect_due, corosync);
    corosync->resend = loop_add_timer(loop, resend_due, corosync);
    corosync->look = loop_add_timer(loop, look_due, corosync);
    loop_timer_set(corosync->look, 0);
    loop_timer_set(corosync->reconnect, 0);
    *ret = &corosync->base;
    return 0;
}
