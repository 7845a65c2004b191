// SPDX-License-Identifier: Apache-2.0
#include "sim/swarm/swarm_watchdog.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/parse.h"
#include "common/base/strbuf.h"
#include "common/model/event.h"
#include "sim/swarm/swarm_fiber.h"
#include "sim/swarm/swarm_host.h"
#include "watchdog/device.h"
#include "watchdog/feeder.h"

enum { ASK_WAIT_MS = 250 }; // HOST_WATCHDOG_WAIT_MS

// --- The device.

struct swarm_device {
    struct device device; // first
    struct swarm_node *node;
    struct swarm_timer timer; // of its countdown
    bool is_expired;
};

static struct swarm_device *device_of(struct device *device)
{
    return (struct swarm_device *)device;
}

static int device_feed(struct device *port, struct error *err)
{
    (void)err; // never fails
    struct swarm_device *device = device_of(port);
    struct swarm_node *node = device->node;
    if (port->independent && node->reset_why == NULL) {
        int64_t at_ms = swarm_clock_now_ms(&node->clock) + port->timeout_ms;
        swarm_timer_set(&device->timer, swarm_clock_true_us(&node->clock, at_ms));
    }
    return 0;
}

static int device_disarm(struct device *port, bool *ret_counting, struct error *err)
{
    (void)err; // never fails
    swarm_timer_stop(&device_of(port)->timer);
    *ret_counting = false;
    return 0;
}

static void device_expire(struct device *port)
{
    device_of(port)->is_expired = true; // of hardware: it is not fed any more, and runs out
    if (!port->independent) {
        swarm_node_reset(device_of(port)->node);
    }
}

static void device_overdue(struct device *port)
{
    swarm_node_reset(device_of(port)->node);
}

static void device_ran_out(void *userdata)
{
    struct swarm_device *device = userdata;
    swarm_node_reset(device->node);
}

struct swarm_device *swarm_device_new(struct swarm_node *node, bool is_hardware)
{
    static const struct device_ops ops = {.arm = device_feed,
                                          .feed = device_feed,
                                          .disarm = device_disarm,
                                          .expire = device_expire,
                                          .overdue = device_overdue};
    struct swarm_device *device = alloc_zero(sizeof(*device));
    device->device = (struct device){.ops = &ops,
                                     .name = is_hardware ? "/dev/watchdog" : "soft",
                                     .independent = is_hardware,
                                     .timeout_ms = node->world->timing.watchdog_ms};
    device->node = node;
    swarm_timer_init(&device->timer, node->world->queue, NULL, device_ran_out, device);
    return device;
}

void swarm_device_free(struct swarm_device *device)
{
    swarm_timer_stop(&device->timer);
    free(device);
}

bool swarm_device_is_expired(const struct swarm_device *device)
{
    return device->is_expired;
}

void swarm_device_cut_power(struct swarm_device *device)
{
    device->is_expired = false;
    swarm_timer_stop(&device->timer);
}

// --- ha-watchdogd.

struct message {
    struct message *next;
    struct swarm_watchdog_client *client; // NULL: nobody waits for an answer
    char *line;
};

struct swarm_watchdogd {
    struct swarm_node *node;
    uint64_t life; // no two on a node have the same
    struct feeder *feeder;
    struct feeder_keeper keeper;
    struct swarm_timer timer; // of the feeder
    char name[FEEDER_CLIENT_NAME_MAX + 1];
    struct message *first, **last; // came while the process was held
    struct swarm_timer arrival;
};

struct swarm_watchdog_client {
    struct watchdog port; // first
    struct swarm_node *node;
    struct event_sink *events;
    struct swarm_fiber *fiber;
    uint64_t server;     // the life of ha-watchdogd to which it is connected; 0: none
    int64_t deadline_ms; // the last one taken; 0: not armed
    struct swarm_timer overdue;
    struct message *asked; // waits for its answer
    bool is_answered;
    struct strbuf answer;
};

static int keeper_load(void *userdata, struct arena *arena, char **ret_text, struct error *err)
{
    const struct swarm_node *node = userdata;
    if (node->watchdogd_state == NULL) {
        return error_set(err, -ENOENT, "there is none");
    }
    *ret_text = arena_strdup(arena, node->watchdogd_state);
    return 0;
}

static int keeper_save(void *userdata, const char *text, size_t size_bytes, struct error *err)
{
    (void)err; // never fails
    struct swarm_node *node = userdata;
    free(node->watchdogd_state);
    node->watchdogd_state = alloc_memdup(text, size_bytes + 1); // with its NUL
    return 0;
}

static void timer_renew(struct swarm_watchdogd *daemon)
{
    int64_t wake_ms = feeder_wake_ms(daemon->feeder);
    if (wake_ms == INT64_MAX) {
        swarm_timer_stop(&daemon->timer);
    } else {
        swarm_timer_set(&daemon->timer, swarm_clock_true_us(&daemon->node->clock, wake_ms));
    }
}

static void timer_fired(void *userdata)
{
    struct swarm_watchdogd *daemon = userdata;
    feeder_check(daemon->feeder);
    timer_renew(daemon);
}

static void message_free(struct message *message)
{
    free(message->line);
    free(message);
}

// What lay in the socket while the process was held, one message a turn.
static void message_arrived(void *userdata)
{
    struct swarm_watchdogd *daemon = userdata;
    struct message *message = daemon->first;
    if (message == NULL) {
        return;
    }
    daemon->first = message->next;
    daemon->last = daemon->first != NULL ? daemon->last : &daemon->first;
    struct strbuf answer CLEANUP(strbuf_done) = {0};
    feeder_check(daemon->feeder);
    feeder_handle(daemon->feeder, daemon->name, message->line, &answer);
    timer_renew(daemon);
    struct swarm_watchdog_client *client = message->client;
    message_free(message);
    if (daemon->first != NULL) {
        swarm_timer_set(&daemon->arrival, swarm_queue_now_us(daemon->node->world->queue));
    }
    if (client != NULL) {
        client->asked = NULL;
        client->is_answered = true;
        strbuf_append(&client->answer, strbuf_text(&answer));
    }
}

struct swarm_watchdogd *swarm_watchdogd_start(struct swarm_node *node)
{
    struct swarm_watchdogd *daemon = alloc_zero(sizeof(*daemon));
    struct swarm_gate *gate = &node->processes[SWARM_PROCESS_WATCHDOGD].gate;
    daemon->node = node;
    daemon->life = ++node->watchdogd_lives;
    daemon->keeper = (struct feeder_keeper){keeper_load, keeper_save, node};
    daemon->last = &daemon->first;
    const struct feeder_ports ports = {.clock = &node->clock.port,
                                       .device = &node->device->device,
                                       .events = &node->watchdogd_sink.port,
                                       .keeper = &daemon->keeper};
    daemon->feeder = feeder_new(&ports, &node->world->timing, "", "this");
    swarm_timer_init(&daemon->timer, node->world->queue, gate, timer_fired, daemon);
    swarm_timer_init(&daemon->arrival, node->world->queue, gate, message_arrived, daemon);
    int r = feeder_start(daemon->feeder, NULL);
    assert(r == 0); // the keeper's text is the feeder's own
    timer_renew(daemon);
    return daemon;
}

void swarm_watchdogd_kill(struct swarm_watchdogd *daemon)
{
    if (daemon == NULL) {
        return;
    }
    swarm_timer_stop(&daemon->timer);
    swarm_timer_stop(&daemon->arrival);
    while (daemon->first != NULL) {
        struct message *message = daemon->first;
        daemon->first = message->next;
        if (message->client != NULL) {
            message->client->asked = NULL;
        }
        message_free(message);
    }
    feeder_free(daemon->feeder);
    free(daemon);
}

bool swarm_watchdogd_is_armed(const struct swarm_watchdogd *daemon)
{
    return feeder_is_armed(daemon->feeder);
}

// --- ha-lrm's side.

static int64_t overdue_ms(const struct swarm_watchdog_client *client)
{
    const struct timing *timing = &client->node->world->timing;
    return client->deadline_ms + timing->watchdog_ms + timing->granularity_ms;
}

static void overdue_fired(void *userdata)
{
    struct swarm_watchdog_client *client = userdata;
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct event *event = event_new(arena, EVENT_LEVEL_ERROR, "watchdog-overdue");
    event_text(arena, event, "reason", "the watchdog did not reset this node: resetting it now");
    event_emit(client->events, event);
    swarm_node_reset(client->node);
}

static void deadline_note(struct swarm_watchdog_client *client, int64_t deadline_ms)
{
    if (deadline_ms != 0 && deadline_ms <= client->deadline_ms) {
        return;
    }
    client->deadline_ms = deadline_ms;
    if (deadline_ms == 0) {
        swarm_timer_stop(&client->overdue);
    } else {
        swarm_timer_set(&client->overdue,
                        swarm_clock_true_us(&client->node->clock, overdue_ms(client)));
    }
}

static int connection_lost(struct swarm_watchdog_client *client, const char *what,
                           struct error *err)
{
    client->server = 0;
    return error_set(err, -ENOTCONN, "ha-watchdogd is not reachable: %s", what);
}

static void message_queue(struct swarm_watchdogd *daemon, struct swarm_watchdog_client *client,
                          const char *line)
{
    struct message *message = alloc_zero(sizeof(*message));
    message->client = client;
    message->line = alloc_strdup(line);
    *daemon->last = message;
    daemon->last = &message->next;
    client->asked = message;
    swarm_timer_set(&daemon->arrival, swarm_queue_now_us(daemon->node->world->queue));
}

// Sends a line to a process that does not move. What was sent stays in its socket.
static bool ask_held(struct swarm_watchdog_client *client, const char *line)
{
    struct swarm_world *world = client->node->world;
    int64_t until_us = swarm_queue_now_us(world->queue) + ASK_WAIT_MS * SWARM_MS;
    struct swarm_gate *gate = &client->node->processes[SWARM_PROCESS_LRM].gate;
    message_queue(client->node->watchdogd, client, line);
    client->is_answered = false;
    while (client->asked != NULL && !client->is_answered &&
           swarm_queue_now_us(world->queue) < until_us) {
        if (!swarm_sleep(world, gate, client->fiber, SWARM_MS)) {
            break;
        }
    }
    if (client->asked != NULL) {
        client->asked->client = NULL;
        client->asked = NULL;
    }
    return client->is_answered;
}

static int client_ask(struct swarm_watchdog_client *client, const char *line, struct error *err)
{
    struct swarm_node *node = client->node;
    struct swarm_watchdogd *daemon = node->watchdogd;
    strbuf_clear(&client->answer);
    if (daemon == NULL || daemon->life != client->server) {
        return connection_lost(client, "connection refused", err);
    }
    if (node->processes[SWARM_PROCESS_WATCHDOGD].gate.is_closed || daemon->first != NULL) {
        if (!ask_held(client, line)) {
            return connection_lost(client, "no answer", err);
        }
    } else {
        feeder_check(daemon->feeder);
        feeder_handle(daemon->feeder, daemon->name, line, &client->answer);
        timer_renew(daemon);
    }
    // The reset of a machine leaves nothing that could go on.
    while (node->reset_why != NULL && !swarm_fiber_is_ended(client->fiber)) {
        swarm_fiber_wait(client->fiber);
    }
    const char *answer = strbuf_text(&client->answer);
    if (strncmp(answer, "ok", 2) == 0) {
        return 0;
    }
    bool late =
        strncmp(answer, "error expired", 13) == 0 || strncmp(answer, "error stale", 11) == 0;
    return error_set(err, late ? -ETIME : -EPROTO, "ha-watchdogd: %s", answer);
}

static int client_hello(struct swarm_watchdog_client *client, struct error *err)
{
    client->server = client->node->watchdogd != NULL ? client->node->watchdogd->life : 0;
    int r = client_ask(client, "hello ha-lrm", err);
    if (r < 0) {
        client->server = 0;
        return r;
    }
    int64_t deadline_ms;
    const char *answer = strbuf_text(&client->answer);
    if (strncmp(answer, "ok ", 3) == 0 &&
        parse_int64(answer + 3, 0, INT64_MAX, &deadline_ms) == 0) {
        deadline_note(client, deadline_ms);
    }
    return 0;
}

int swarm_watchdog_client_connect(struct swarm_watchdog_client *client, int64_t *ret_deadline_ms,
                                  struct error *err)
{
    if (swarm_fiber_is_ended(client->fiber)) {
        return error_set(err, -ENOTCONN, "killed");
    }
    int r = client->server == 0 ? client_hello(client, err) : 0;
    if (r < 0) {
        return r;
    }
    *ret_deadline_ms = client->deadline_ms;
    return 0;
}

static int client_talk(struct swarm_watchdog_client *client, const char *line, struct error *err)
{
    if (swarm_fiber_is_ended(client->fiber)) {
        return error_set(err, -ENOTCONN, "killed");
    }
    bool was_connected = client->server != 0;
    int r = was_connected ? 0 : client_hello(client, err);
    if (r == 0) {
        r = client_ask(client, line, err);
    }
    if (r == -ENOTCONN && was_connected && !swarm_fiber_is_ended(client->fiber)) {
        r = client_hello(client, err);
        if (r == 0) {
            r = client_ask(client, line, err);
        }
    }
    return r;
}

static int client_arm(struct watchdog *port, int64_t deadline_ms, struct error *err)
{
    struct swarm_watchdog_client *client = (struct swarm_watchdog_client *)port;
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    int r = client_talk(client, arena_printf(arena, "deadline %" PRId64, deadline_ms), err);
    if (r == 0) {
        deadline_note(client, deadline_ms);
    }
    return r;
}

static int client_disarm(struct watchdog *port, struct error *err)
{
    struct swarm_watchdog_client *client = (struct swarm_watchdog_client *)port;
    int r = client_talk(client, "goodbye", err);
    if (r == 0) {
        deadline_note(client, 0);
    }
    return r;
}

struct swarm_watchdog_client *swarm_watchdog_client_new(struct swarm_node *node,
                                                        struct event_sink *events)
{
    static const struct watchdog_ops ops = {.arm = client_arm, .disarm = client_disarm};
    struct swarm_watchdog_client *client = alloc_zero(sizeof(*client));
    client->port.ops = &ops;
    client->node = node;
    client->events = events;
    swarm_timer_init(&client->overdue, node->world->queue, &node->processes[SWARM_PROCESS_LRM].gate,
                     overdue_fired, client);
    return client;
}

void swarm_watchdog_client_free(struct swarm_watchdog_client *client)
{
    struct swarm_watchdogd *daemon = client->node->watchdogd;
    if (daemon != NULL && daemon->life == client->server &&
        !client->node->processes[SWARM_PROCESS_WATCHDOGD].gate.is_closed) {
        feeder_check(daemon->feeder);
        feeder_forget(daemon->feeder, daemon->name);
    }
    swarm_timer_stop(&client->overdue);
    strbuf_done(&client->answer);
    free(client);
}

void swarm_watchdog_client_set_fiber(struct swarm_watchdog_client *client,
                                     struct swarm_fiber *fiber)
{
    client->fiber = fiber;
}

bool swarm_watchdog_client_is_fresh(const struct swarm_watchdog_client *client)
{
    enum { RENEWALS_LATE = 3 };
    const struct timing *timing = &client->node->world->timing;
    int64_t left_ms = client->deadline_ms - swarm_clock_now_ms(&client->node->clock);
    return client->deadline_ms == 0 ||
           left_ms >= timing->authority_ms - RENEWALS_LATE * timing->renew_ms;
}

struct watchdog *swarm_watchdog_client_port(struct swarm_watchdog_client *client)
{
    return &client->port;
}
