// SPDX-License-Identifier: Apache-2.0
// The daemon's side of the process that asks Corosync: keeps it running, and the last reading. One
// that does not answer is ended: it would hold up every gain of quorum.
#include "cluster/corosync/figures.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/corosync/figures_reader.h"
#include "common/base/alloc.h"
#include "common/base/error.h"
#include "common/host/host_clock.h"
#include "common/host/loop.h"
#include "common/host/supervisor.h"

enum {
    RESTART_MS = 500,
    // Corosync waits up to 30 s for a quorum device, unless it is configured otherwise.
    SILENT_MS = 60 * 1000,
};

struct figures {
    struct figures_callbacks callbacks;
    struct clock clock;
    uint32_t self;
    struct supervisor *supervisor;
    struct loop_source *silent;
    uint64_t asked, answered; // numbers of requests
    unsigned orders;          // without outcome yet
    struct figures_answer answer;
    struct figures_node frames[REPLICA_MEMBERS_MAX];
    struct transport_node nodes[REPLICA_MEMBERS_MAX]; // pointing into the frames
};

static void process_ended(void *userdata)
{
    struct figures *figures = userdata;
    loop_timer_clear(figures->silent);
    if (figures->orders > 0) {
        figures->orders = 0;
        figures->callbacks.refused(figures->callbacks.userdata, FIGURES_RELOAD,
                                   "the process that asks Corosync ended before it answered");
    }
}

// A process that does not read is noticed by what it does not answer.
static void question_send(struct figures *figures, const struct figures_question *question)
{
    supervisor_send(figures->supervisor, question, sizeof(*question));
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

static void answer_take(void *userdata, const char *frame, size_t size_bytes)
{
    struct figures *figures = userdata;
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

static void silent_due(void *userdata)
{
    struct figures *figures = userdata;
    supervisor_restart(figures->supervisor);
}

// ---- Begin and end.

static void process_begun(void *userdata)
{
    struct figures *figures = userdata;
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
    figures->self = self;
    host_clock_init(&figures->clock);
    figures->silent = loop_add_timer(loop, silent_due, figures);
    figures->supervisor = supervisor_new(&(struct supervisor_spec){
        .loop = loop,
        .name = "ha-clusterd-fig",
        .main = figures_reader_main,
        .main_userdata = &figures->self,
        .restart_ms = RESTART_MS,
        .frame = answer_take,
        .begun = process_begun,
        .ended = process_ended,
        .userdata = figures,
    });
    supervisor_start(figures->supervisor);
    return figures;
}

void figures_free(struct figures *figures)
{
    if (figures == NULL) {
        return;
    }
    supervisor_free(figures->supervisor);
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
    if (!supervisor_is_running(figures->supervisor)) {
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
