// SPDX-License-Identifier: Apache-2.0
// What was changed over the API, and by whom, on its way into the history. A child writes it, since
// that may take seconds; what comes meanwhile is written together by the next one. Whether a write
// took effect whose answer got lost is not known: then the entry stands there twice.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "api/exec/execd.h"
#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/host/loop.h"
#include "common/host/process.h"
#include "common/model/event.h"
#include "common/model/store_keys.h"
#include "common/port/history.h"
#include "common/port/store.h"

enum {
    WRITER_PENDING_MAX = HISTORY_BATCH_MAX,
    WRITER_RETRY_MS = 1000,
    WRITER_TIMEOUT_MS = 30 * 1000,
    WRITER_ATTEMPTS_MAX = 20, // then it is given up: the log has it
};

struct pending {
    struct arena *arena;
    struct event *event;
};

struct history_writer {
    struct execd *daemon;
    struct history known;
    uint64_t since;
    struct pending pending[WRITER_PENDING_MAX]; // oldest first
    size_t count;
    size_t writing; // how many of the first the child writes
    unsigned attempts;
    struct process *child;
    struct loop_source *timer;
    struct arena *arena; // of what the child writes
    const struct store_op *ops;
    size_t ops_count;
};

static void pending_drop(struct history_writer *writer, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        arena_free(writer->pending[i].arena);
    }
    writer->count -= count;
    memmove(writer->pending, writer->pending + count, writer->count * sizeof(*writer->pending));
}

static int child_run(void *userdata, int output_fd)
{
    const struct history_writer *writer = userdata;
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct session session;
    (void)output_fd; // its exit status says it all
    if (session_open(arena, &session, NULL) < 0) {
        return EXIT_FAILURE;
    }
    int r = session_write(&session, "the history", writer->ops, writer->ops_count, NULL);
    session_close(&session);
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static void child_ended(void *userdata, const struct process_end *end)
{
    struct history_writer *writer = userdata;
    bool done = WIFEXITED(end->wait_status) && WEXITSTATUS(end->wait_status) == 0;
    process_free(writer->child);
    writer->child = NULL;
    if (done || ++writer->attempts >= WRITER_ATTEMPTS_MAX) {
        pending_drop(writer, writer->writing);
        writer->attempts = 0;
    }
    writer->writing = 0;
    if (writer->count > 0) {
        loop_timer_set(writer->timer,
                       clock_now_ms(&writer->daemon->clock) + (done ? 0 : WRITER_RETRY_MS));
    }
}

static void write_now(void *userdata)
{
    struct history_writer *writer = userdata;
    struct execd *daemon = writer->daemon;
    struct store_entries entries;
    if (writer->count == 0 || writer->child != NULL) {
        return;
    }
    execd_refresh(daemon);
    writer->attempts = daemon->view.session.quorate ? writer->attempts : 0;
    if (!daemon->view.session.quorate) {
        return; // what brings the quorum back wakes us
    }
    arena_clear(writer->arena);
    if (store_read(daemon->view.session.store, STORE_PREFIX_HISTORY, writer->since, writer->arena,
                   &entries, NULL) < 0) {
        writer->attempts = 0;
        return; // the same
    }
    history_update(&writer->known, &entries);
    writer->since = entries.version;
    const struct event **events =
        arena_array_of(writer->arena, const struct event *, writer->count);
    for (size_t i = 0; i < writer->count; i++) {
        events[i] = writer->pending[i].event;
    }
    history_write(
        &writer->known, writer->arena, arena_printf(writer->arena, "%s/execd", daemon->setup.node),
        clock_wall_ms(&daemon->clock), events, writer->count, &writer->ops, &writer->ops_count);
    writer->writing = writer->count;
    const struct process_spec spec = {.main = child_run,
                                      .main_userdata = writer,
                                      .name = "ha-execd-hist",
                                      .timeout_ms = WRITER_TIMEOUT_MS,
                                      .ended = child_ended,
                                      .userdata = writer};
    if (process_spawn(daemon->loop, &daemon->clock, &spec, &writer->child, NULL) < 0) {
        writer->writing = 0;
        loop_timer_set(writer->timer, clock_now_ms(&daemon->clock) + WRITER_RETRY_MS);
    }
}

static struct event *event_copy(struct arena *arena, const struct event *event)
{
    struct event *copy = event_new(arena, event->level, arena_strdup(arena, event->name));
    for (size_t i = 0; i < event->fields_count; i++) {
        const struct event_field *field = &event->fields[i];
        const char *key = arena_strdup(arena, field->key);
        switch (field->type) {
        case EVENT_FIELD_TEXT:
            event_text(arena, copy, key, field->text);
            break;
        case EVENT_FIELD_INT:
            event_int(copy, key, field->integer);
            break;
        }
    }
    return copy;
}

void history_writer_add(struct history_writer *writer, const struct event *event)
{
    if (event->level > EVENT_LEVEL_NOTICE) {
        return;
    }
    if (writer->count == WRITER_PENDING_MAX) {
        if (writer->writing > 0) {
            return; // what is being written cannot go; the log has this one
        }
        pending_drop(writer, 1);
    }
    struct pending *pending = &writer->pending[writer->count++];
    pending->arena = arena_new();
    pending->event = event_copy(pending->arena, event);
    history_writer_wake(writer);
}

void history_writer_wake(struct history_writer *writer)
{
    // A failed write waits for its time.
    if (writer->count > 0 && writer->child == NULL && writer->attempts == 0) {
        loop_timer_set(writer->timer, clock_now_ms(&writer->daemon->clock));
    }
}

bool history_writer_is_busy(const struct history_writer *writer)
{
    return writer->child != NULL;
}

struct history_writer *history_writer_new(struct execd *daemon)
{
    struct history_writer *writer = alloc_zero(sizeof(*writer));
    writer->daemon = daemon;
    writer->arena = arena_new();
    writer->timer = loop_add_timer(daemon->loop, write_now, writer);
    return writer;
}

void history_writer_free(struct history_writer *writer)
{
    if (writer == NULL) {
        return;
    }
    process_free(writer->child);
    pending_drop(writer, writer->count);
    history_done(&writer->known);
    loop_source_free(writer->timer);
    arena_free(writer->arena);
    free(writer);
}
