// SPDX-License-Identifier: Apache-2.0
// The daemon's side of the process that asks Corosync: keeps it running, and the last reading. One
// that does not answer is ended: it would hold up every gain of quorum.
#include "cluster/corosync/figures.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "cluster/corosync/figures_reader.h"
#include "common/base/alloc.h"
#include "common/base/error.h"
#include "common/host/companion.h"
#include "common/host/host_clock.h"
#include "common/host/ipc.h"
#include "common/host/loop.h"

enum {
    RESTART_MS = 500,
    // Corosync waits up to 30 s for a quorum device, unless it is configured otherwise.
    SILENT_MS = 60 * 1000,
    STOP_MS = 100,
};

struct figures {
    struct figures_callbacks callbacks;
    struct loop *loop;
    struct clock clock;
    uint32_t self;
    struct companion companion;
    struct ipc_stream *stream; // NULL: the process does not run
    struct loop_source *io, *restart, *silent;
    uint64_t asked, answered; // numbers of requests
    unsigned orders;          // without outcome yet
    struct figures_answer answer;
    struct figures_node frames[REPLICA_MEMBERS_MAX];
    struct transport_node nodes[REPLICA_MEMBERS_MAX]; // pointing into the frames
};

static void process_end(struct figures *figures)
{
    if (figures->stream == NULL) {
        return;
    }
    loop_source_free(figures->io);
    ipc_stream_free(figures->stream);
    figures->stream = NULL;
    (void)companion_stop(&figures->companion, STOP_MS); // however it ended
}

static void restart_later(struct figures *figures)
{
    loop_timer_clear(figures->silent);
    loop_timer_set(figures->restart, clock_now_ms(&figures->clock) + RESTART_MS);
}

static void process_lose(struct figures *figures)
{
    process_end(figures);
    restart_later(figures);
    if (figures->orders > 0) {
        figures->orders = 0;
        figures->callbacks.refused(figures->callbacks.userdata, FIGURES_RELOAD,
                                   "the process that asks Corosync ended before it answered");
    }
}

static void question_send(struct figures *figures, const struct figures_question *question)
{
    if (figures->stream != NULL) {
        // A process that does not read is noticed by what it does not answer.
        ignore_result(ipc_stream_send(figures->stream, question, sizeof(*question)));
    }
}

// ---- What it answers.

static bool reading_is_same(const struct figures *figures, const struct figures_answer *answer,
                            const struct figures_node *nodes)
{
    struct figures_answer old = figures->answer;
    old.request = answer->request;
    return memcmp(&old, answer, sizeof(old)) == 0 &&
           memcmp(figures->frames, nodes, answer->nodes_count * sizeof(*nodes)) == 0;
}

static void reading_take(struct figures *figures, const struct figures_answer *answer,
                         const char *nodes, size_t size_bytes)
{
    struct figures_node frames[REPLICA_MEMBERS_MAX];
    assert(answer->nodes_count <= REPLICA_MEMBERS_MAX);
    assert(size_bytes == answer->nodes_count * sizeof(*frames));
    memcpy(frames, nodes, size_bytes);
    bool changed = !reading_is_same(figures, answer, frames);
    figures->answer = *answer;
    memcpy(figures->frames, frames, size_bytes);
    for (size_t i = 0; i < answer->nodes_count; i++) {
        const struct figures_node *frame = &figures->frames[i];
        figures->nodes[i] = (struct transport_node){
            .id = frame->id,
            .votes = frame->votes,
            .name = frame->name,
            .address = frame->address,
        };
    }
    const struct figures_reading reading = {
        .request = answer->request,
        .changed = changed,
        .votes =
            {
                .quorum = answer->quorum,
                .expected = answer->expected,
                .highest_expected = answer->highest_expected,
                .total = answer->total,
                .device_votes = answer->device_votes,
                .device_cast = answer->device_cast,
                .device = answer->device_registered != 0,
            },
        .token_ms = answer->token_ms,
        .consensus_ms = answer->consensus_ms,
        .device_timeout_ms = answer->device_timeout_ms,
        .config_version = answer->config_version,
        .nodes = {.nodes = figures->nodes, .count = answer->nodes_count},
    };
    figures->callbacks.read(figures->callbacks.userdata, &reading);
}

static void answer_take(struct figures *figures, const char *frame, size_t size_bytes)
{
    struct figures_answer answer;
    assert(size_bytes >= sizeof(answer));
    memcpy(&answer, frame, sizeof(answer));
    if (answer.kind == ANSWER_OUTCOME) {
        figures->orders -= figures->orders > 0 ? 1 : 0;
        if (answer.words[0] != '\0') {
            figures->callbacks.refused(
                figures->callbacks.userdata,
                answer.order == QUESTION_RELOAD ? FIGURES_RELOAD : FIGURES_EXPECTED, answer.words);
        }
        return;
    }
    figures->answered = answer.request;
    if (figures->answered == figures->asked) {
        loop_timer_clear(figures->silent);
    }
    if (answer.kind == ANSWER_FAILED) {
        figures->callbacks.failed(figures->callbacks.userdata, answer.request, answer.words);
    } else {
        reading_take(figures, &answer, frame + sizeof(answer), size_bytes - sizeof(answer));
    }
}

static void process_ready(void *userdata, uint32_t events)
{
    (void)events;
    struct figures *figures = userdata;
    const char *frame;
    size_t size_bytes;
    int r = ipc_stream_fill(figures->stream);
    while (ipc_stream_next(figures->stream, &frame, &size_bytes, NULL) == 1) {
        answer_take(figures, frame, size_bytes);
    }
    if (r < 0) {
        process_lose(figures);
    }
}

static void silent_due(void *userdata)
{
    struct figures *figures = userdata;
    process_lose(figures);
}

// ---- Begin and end.

static void process_begin(void *userdata)
{
    struct figures *figures = userdata;
    if (companion_start("ha-clusterd-fig", figures_reader_main, &figures->self, &figures->companion,
                        NULL) < 0) {
        restart_later(figures);
        return;
    }
    figures->stream = ipc_stream_new(figures->companion.fd);
    figures->companion.fd = -1; // the stream's now
    figures->io =
        loop_add_io(figures->loop, ipc_stream_fd(figures->stream), EPOLLIN, process_ready, figures);
    if (figures->asked != figures->answered) {
        const struct figures_question question = {.kind = QUESTION_READ, .request = figures->asked};
        question_send(figures, &question);
        loop_timer_set(figures->silent, clock_now_ms(&figures->clock) + SILENT_MS);
    }
}

struct figures *figures_new(struct loop *loop, uint32_t self,
                            const struct figures_callbacks *callbacks)
{
    struct figures *figures = alloc_zero(sizeof(*figures));
    figures->callbacks = *callbacks;
    figures->loop = loop;
    figures->self = self;
    host_clock_init(&figures->clock);
    figures->restart = loop_add_timer(loop, process_begin, figures);
    figures->silent = loop_add_timer(loop, silent_due, figures);
    process_begin(figures);
    return figures;
}

void figures_free(struct figures *figures)
{
    if (figures == NULL) {
        return;
    }
    process_end(figures);
    loop_source_free(figures->restart);
    loop_source_free(figures->silent);
    free(figures);
}

// ---- Asking.

uint64_t figures_ask(struct figures *figures)
{
    if (figures->asked == figures->answered) {
        loop_timer_set(figures->silent, clock_now_ms(&figures->clock) + SILENT_MS);
    }
    const struct figures_question question = {.kind = QUESTION_READ, .request = ++figures->asked};
    question_send(figures, &question);
    return figures->asked;
}

static int order_send(struct figures *figures, const struct figures_question *question,
                      struct error *err)
{
    if (figures->stream == NULL) {
        return error_set(err, -ENOTCONN, "Corosync cannot be asked just now: try again");
    }
    figures->orders++;
    question_send(figures, question);
    return 0;
}

int figures_order_expected(struct figures *figures, uint32_t votes, struct error *err)
{
    const struct figures_question question = {.kind = QUESTION_EXPECTED, .votes = votes};
    return order_send(figures, &question, err);
}

int figures_order_reload(struct figures *figures, struct error *err)
{
    const struct figures_question question = {.kind = QUESTION_RELOAD};
    return order_send(figures, &question, err);
}
