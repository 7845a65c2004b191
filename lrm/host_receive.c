// SPDX-License-Identifier: Apache-2.0
// One process for each guest that is being received.
#include "lrm/host_receive.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/map.h"
#include "common/host/cgroup.h"
#include "common/host/event_forward.h"
#include "common/host/process.h"
#include "common/model/event.h"
#include "common/model/sid.h"
#include "common/model/store_keys.h"
#include "common/port/agent.h"
#include "common/port/event_sink.h"
#include "common/port/store.h"
#include "lrm/host_workers.h"

enum { RECEIVE_OUTPUT_MAX = 64 * 1024 };

struct receiver {
    struct host_receive *receive;
    struct process *process;
};

struct host_receive {
    const struct host_workers_spec *spec;
    struct map running; // sid → struct receiver *
    struct map begun;   // sid → char *: the offer that was begun last
};

// --- In the process. ---

struct work {
    const struct host_workers_spec *spec;
    const char *sid;
    uint64_t lease_term;
};

static int work_receive(const struct work *work, struct arena *arena, struct event_sink *events,
                        struct error *err)
{
    struct store *store = NULL;
    int r = work->spec->open_store(&store, err);
    if (r < 0) {
        return r;
    }
    const struct host_worker_context context = {.node = work->spec->node,
                                                .timing = work->spec->timing,
                                                .store = store,
                                                .events = events,
                                                .lease_term = work->lease_term};
    struct agent *agent = work->spec->agents.open(&context, sid_type(arena, work->sid));
    if (agent == NULL || agent->ops->receive == NULL) {
        return error_set(err, -ENOTSUP, "services of this type cannot be received");
    }
    return agent->ops->receive(agent, work->sid, err);
}

static int work_main(void *userdata, int output_fd)
{
    const struct work *work = userdata;
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct error err = {0};
    struct event_forward events;
    event_forward_init(&events, output_fd);
    if (work_receive(work, arena, &events.sink, &err) == 0) {
        return EXIT_SUCCESS;
    }
    struct event *event = event_new(arena, EVENT_LEVEL_WARNING, "move-not-received");
    event_text(arena, event, "sid", work->sid);
    event_text(arena, event, "reason", err.text);
    event_emit(&events.sink, event);
    return EXIT_FAILURE;
}

// --- In the daemon. ---

static void receiver_free(void *value)
{
    struct receiver *receiver = value;
    process_free(receiver->process);
    free(receiver);
}

static void receiver_line(void *userdata, const char *text, size_t size_bytes)
{
    struct receiver *receiver = userdata;
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct json *line;
    struct event *event;
    if (json_parse(arena, text, size_bytes, &line, NULL) == 0 &&
        event_forward_parse(arena, line, &event, NULL) == 0 && event != NULL) {
        event_emit(receiver->receive->spec->events, event);
    }
}

static void receiver_ended(void *userdata, const struct process_end *end)
{
    struct receiver *receiver = userdata;
    struct host_receive *receive = receiver->receive;
    (void)end; // it has told itself how it went
    for (size_t i = receive->running.count; i > 0; i--) {
        if (receive->running.entries[i - 1].value == receiver) {
            (void)map_remove(&receive->running, receive->running.entries[i - 1].key); // frees it
            break;
        }
    }
    receive->spec->ended(receive->spec->userdata);
}

static void receive_begin(struct host_receive *receive, const char *sid, uint64_t lease_term)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    const struct host_workers_spec *spec = receive->spec;
    struct error err = {0};
    char *group = NULL;
    if (cgroup_make(arena, arena_printf(arena, "%s%s", spec->group_prefix, sid), &group, &err) <
        0) {
        group = NULL; // only its lock guards it then, as with other workers
    }
    struct work work = {.spec = spec, .sid = sid, .lease_term = lease_term};
    struct receiver *receiver = alloc_zero(sizeof(*receiver));
    receiver->receive = receive;
    const struct process_spec process = {.main = work_main,
                                         .main_userdata = &work,
                                         .name = "ha-receive",
                                         .cgroup = group,
                                         .output_max_bytes = RECEIVE_OUTPUT_MAX,
                                         .line = receiver_line,
                                         .ended = receiver_ended,
                                         .userdata = receiver};
    if (process_spawn(spec->loop, spec->clock, &process, &receiver->process, &err) < 0) {
        free(receiver); // the sender waits in vain and says so
        return;
    }
    map_put(&receive->running, sid, receiver);
}

// The id of an offer to this node; NULL: it is none.
static const char *offer_id(struct arena *arena, const struct host_receive *receive,
                            const struct store_entry *entry)
{
    struct json *json = NULL;
    if (entry->value == NULL ||
        json_parse(arena, entry->value, entry->size_bytes, &json, NULL) < 0) {
        return NULL;
    }
    const char *target = json_find_string(json, "target");
    return target != NULL && strcmp(target, receive->spec->node) == 0 ? json_find_string(json, "id")
                                                                      : NULL;
}

void host_receive_look(struct host_receive *receive, struct store *store, uint64_t lease_term,
                       bool (*may)(void *userdata, const char *sid), void *userdata)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct store_entries entries;
    if (lease_term == 0 ||
        store_read(store, STORE_PREFIX_LIVE_MOVE, 0, arena, &entries, NULL) < 0) {
        return;
    }
    for (size_t i = 0; i < entries.count; i++) {
        const char *sid = entries.entries[i].key + strlen(STORE_PREFIX_LIVE_MOVE);
        const char *id = offer_id(arena, receive, &entries.entries[i]);
        const char *before = map_find(&receive->begun, sid);
        if (id == NULL || sid_check(sid, NULL) < 0 || map_has(&receive->running, sid) ||
            (before != NULL && strcmp(before, id) == 0) || !may(userdata, sid)) {
            continue;
        }
        map_put(&receive->begun, sid, alloc_strdup(id));
        receive_begin(receive, sid, lease_term);
    }
}

void host_receive_end(struct host_receive *receive, const char *sid)
{
    if (sid == NULL) {
        map_clear(&receive->running);
    } else {
        (void)map_remove(&receive->running, sid); // there may be none
    }
}

struct host_receive *host_receive_new(const struct host_workers_spec *spec)
{
    struct host_receive *receive = alloc_zero(sizeof(*receive));
    receive->spec = spec;
    map_init(&receive->running, receiver_free);
    map_init(&receive->begun, free);
    return receive;
}

void host_receive_free(struct host_receive *receive)
{
    if (receive == NULL) {
        return;
    }
    map_done(&receive->running);
    map_done(&receive->begun);
    free(receive);
}
