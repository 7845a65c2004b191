// SPDX-License-Identifier: Apache-2.0
// What this node tells the others in the store: where its API is and by which certificate it is
// known, and its newest tasks. Both are volatile: whenever the store does not say it (any more), it
// is written again, by a child, since that may take seconds.
#include <stdlib.h>
#include <string.h>

#include "api/exec/execd.h"
#include "api/task/task_list.h"
#include "api/task/task_registry.h"
#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/host/loop.h"
#include "common/host/network.h"
#include "common/host/process.h"
#include "common/model/corosync_conf.h"
#include "common/model/store_keys.h"
#include "common/port/store.h"

enum {
    ANNOUNCE_TASKS_MAX = 50,
    ANNOUNCE_DELAY_MS = 300, // several changes become one write
    ANNOUNCE_RETRY_MS = 3000,
    ANNOUNCE_TIMEOUT_MS = 30 * 1000,
};

struct announcer {
    struct execd *daemon;
    char *fingerprint; // NULL: ha-apid has not told yet
    int64_t port;
    struct loop_source *timer;
    struct process *child;
    struct arena *arena; // of what the child writes
    struct store_op ops[2];
    size_t ops_count;
    bool again;        // something changed while it ran
    int64_t due_at_ms; // of the timer; 0: not set
};

// The address that the others know this node by in Corosync, else its first one.
static const char *own_address(struct execd *daemon, struct arena *arena)
{
    struct session_value value;
    struct corosync_conf *conf;
    char *address;
    const char *node = daemon->setup.node;
    if (session_read(arena, &daemon->view.session, STORE_KEY_COROSYNC, &value, NULL) == 0 &&
        value.text != NULL &&
        corosync_conf_parse(arena, STORE_KEY_COROSYNC, value.text, value.size_bytes, &conf, NULL) ==
            0) {
        const struct corosync_node *own = corosync_conf_find_node(conf, node);
        if (own != NULL && own->addresses[0] != NULL && network_is_address(own->addresses[0])) {
            return own->addresses[0];
        }
    }
    return network_first_address(arena, &address, NULL) == 0 ? address : "127.0.0.1";
}

static char *own_api(struct announcer *announcer, struct arena *arena)
{
    struct json *json = json_new_object(arena);
    json_put_string(json, "address", own_address(announcer->daemon, arena));
    json_put_int(json, "port", announcer->port);
    json_put_string(json, "fingerprint", announcer->fingerprint);
    return json_to_text(arena, json);
}

// Adds a write unless the store says so already.
static void op_add(struct announcer *announcer, const char *prefix, const char *text)
{
    struct session_value value;
    const char *key = arena_printf(announcer->arena, "%s%s", prefix, announcer->daemon->setup.node);
    int r = session_read(announcer->arena, &announcer->daemon->view.session, key, &value, NULL);
    if (r == 0 && (value.text == NULL || strcmp(value.text, text) != 0)) {
        announcer->ops[announcer->ops_count++] = (struct store_op){
            .key = key, .value = text, .size_bytes = strlen(text), .expect = STORE_ANY};
    }
}

static int child_run(void *userdata, int output_fd)
{
    const struct announcer *announcer = userdata;
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct session session;
    (void)output_fd; // it has nothing to say: who wants to know looks into the store
    if (session_open(arena, &session, NULL) < 0) {
        return EXIT_FAILURE;
    }
    int r =
        session_write(&session, "this node's entry", announcer->ops, announcer->ops_count, NULL);
    session_close(&session);
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

// Never later than it was to be: in a busy cluster something changes all the time, above all when a
// node has come back.
static void announce_later(struct announcer *announcer, int64_t delay_ms)
{
    int64_t at_ms = clock_now_ms(&announcer->daemon->clock) + delay_ms;
    if (announcer->due_at_ms == 0 || at_ms < announcer->due_at_ms) {
        announcer->due_at_ms = at_ms;
        loop_timer_set(announcer->timer, at_ms);
    }
}

static void child_ended(void *userdata, const struct process_end *end)
{
    struct announcer *announcer = userdata;
    process_free(announcer->child);
    announcer->child = NULL;
    if (end->wait_status != 0) {
        announce_later(announcer, ANNOUNCE_RETRY_MS);
    } else if (announcer->again) {
        announce_later(announcer, ANNOUNCE_DELAY_MS);
    }
    announcer->again = false;
}

static void announce_now(void *userdata)
{
    struct announcer *announcer = userdata;
    struct execd *daemon = announcer->daemon;
    struct task_entries tasks;
    announcer->due_at_ms = 0;
    if (announcer->child != NULL) {
        announcer->again = true;
        return;
    }
    execd_refresh(daemon);
    if (!daemon->view.readable || !daemon->view.session.quorate) {
        return; // what brings the quorum back wakes us
    }
    arena_clear(announcer->arena);
    announcer->ops_count = 0;
    op_add(announcer, STORE_PREFIX_LIVE_API, own_api(announcer, announcer->arena));
    task_registry_list(daemon->tasks, announcer->arena, &tasks);
    op_add(announcer, STORE_PREFIX_LIVE_TASK,
           task_live_format(announcer->arena, &tasks, ANNOUNCE_TASKS_MAX));
    if (announcer->ops_count == 0) {
        return;
    }
    const struct process_spec spec = {.main = child_run,
                                      .main_userdata = announcer,
                                      .name = "ha-execd-tell",
                                      .timeout_ms = ANNOUNCE_TIMEOUT_MS,
                                      .ended = child_ended,
                                      .userdata = announcer};
    if (process_spawn(daemon->loop, &daemon->clock, &spec, &announcer->child, NULL) < 0) {
        announce_later(announcer, ANNOUNCE_RETRY_MS);
    }
}

struct announcer *announcer_new(struct execd *daemon)
{
    struct announcer *announcer = alloc_zero(sizeof(*announcer));
    announcer->daemon = daemon;
    announcer->port = EXEC_API_PORT;
    announcer->arena = arena_new();
    announcer->timer = loop_add_timer(daemon->loop, announce_now, announcer);
    return announcer;
}

void announcer_free(struct announcer *announcer)
{
    if (announcer == NULL) {
        return;
    }
    process_free(announcer->child);
    loop_source_free(announcer->timer);
    arena_free(announcer->arena);
    free(announcer->fingerprint);
    free(announcer);
}

void announcer_wake(struct announcer *announcer)
{
    announce_later(announcer, ANNOUNCE_DELAY_MS);
}

void announcer_set_certificate(struct announcer *announcer, const char *fingerprint, int64_t port)
{
    free(announcer->fingerprint);
    announcer->fingerprint = alloc_strdup(fingerprint);
    announcer->port = port > 0 ? port : EXEC_API_PORT;
    announcer_wake(announcer);
}
