// SPDX-License-Identifier: Apache-2.0
// This node's requests, from the call to the one answer each gets. A request that was not delivered
// in its session has not taken effect anywhere and is sent again; one whose fate cannot be known is
// answered so.
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/replica/mutation.h"
#include "cluster/replica/replica_internal.h"
#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/model/store_keys.h"

enum {
    REQUEST_TIMEOUT_MS = 30000,
    WAITING_MAX_BYTES = 4 * REPLICA_TXN_MAX,
    // Of transactions on their way: what is sent behind them must not wait long for the ring.
    WINDOW_BYTES = 4 * MESSAGE_PART_MAX,
    URGENT_WINDOW_BYTES = 2 * WINDOW_BYTES, // of those and leases: when the ring takes nothing
};

enum request_state {
    REQUEST_QUEUED,    // not sent, or certainly dropped
    REQUEST_SENT,      // on its way
    REQUEST_DELIVERED, // decided; the answer waits for the commit
};

struct request {
    uint64_t id, sequence;
    enum replica_request_kind kind;
    enum replica_stream stream;
    enum request_state state;
    bool was_sent;
    uint32_t next_part; // SENT: how much of it; all but the last one are whole parts
    int64_t since_ms;
    struct strbuf bytes;
    // A refusal, and what it follows from:
    int code;
    const char *reason;
    enum replica_stream cause;
    uint64_t cause_version;
};

static void answer(const struct turn *turn, uint64_t id, const struct replica_answer *what)
{
    struct replica_effect *effect = effect_add(turn, REPLICA_EFFECT_ANSWER);
    effect->request_id = id;
    effect->answer = *what;
}

static void request_free(struct request *request)
{
    strbuf_done(&request->bytes);
    free(request);
}

static size_t request_position(const struct replica *replica, uint64_t sequence)
{
    size_t low = 0;
    size_t high = replica->requests_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (replica->requests[middle]->sequence < sequence) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static struct request *request_find(const struct replica *replica, uint64_t sequence)
{
    size_t position = request_position(replica, sequence);
    bool is_there =
        position < replica->requests_count && replica->requests[position]->sequence == sequence;
    return is_there ? replica->requests[position] : NULL;
}

// Answers the request and forgets it, so that no other answer can follow.
static void request_answer(struct replica *replica, const struct turn *turn,
                           struct request *request, const struct replica_answer *what)
{
    answer(turn, request->id, what);
    size_t position = request_position(replica, request->sequence);
    assert(replica->requests[position] == request);
    replica->requests_count--;
    replica->requests_bytes -= request->bytes.size_bytes;
    memmove(replica->requests + position, replica->requests + position + 1,
            (replica->requests_count - position) * sizeof(*replica->requests));
    request_free(request);
}

static void request_fail(struct replica *replica, const struct turn *turn, struct request *request,
                         int code, const char *reason)
{
    request_answer(replica, turn, request,
                   &(struct replica_answer){.code = code, .reason = reason});
}

void requests_done(struct replica *replica)
{
    for (size_t i = 0; i < replica->requests_count; i++) {
        request_free(replica->requests[i]);
    }
    free(replica->requests);
    replica->requests = NULL;
    replica->requests_count = 0;
}

// --- asking --------------------------------------------------------------------------------------

// What depends on a clock is decided anew each time the request is sent. NULL, or why it must not
// be.
static const char *request_obstacle(const struct replica *replica, const struct turn *turn,
                                    const struct replica_request *request, bool is_first)
{
    if (request->kind == REPLICA_REQUEST_LEASE_BREAK && !is_first) {
        return "the configuration has changed: look at the lease again";
    }
    if (request->kind != REPLICA_REQUEST_LEASE_ACQUIRE) {
        return NULL;
    }
    const struct leases *leases = &replica->logs[STREAM_VOLATILE].delivered_leases;
    const char *own = arena_printf(turn->arena, LEASE_AGENT_FORMAT, request->owner);
    bool may_be_held = leases_find(leases, request->lease) == NULL &&
                       turn->now_ms - replica->leases_unknown_ms < replica->lease_ms;
    // The holder of a node's agent lease that nobody remembers is that very node, or someone whose
    // acts are guarded by another lease that is not remembered either.
    return may_be_held && strcmp(own, request->lease) != 0
               ? "nobody knows whether the lease is held; wait until the lease time has passed"
               : NULL;
}

static uint32_t request_parts(const struct request *request)
{
    return (uint32_t)((request->bytes.size_bytes + MESSAGE_PART_MAX - 1) / MESSAGE_PART_MAX);
}

static bool request_is_unsent(const struct request *request)
{
    return request->state == REQUEST_QUEUED ||
           (request->state == REQUEST_SENT && request->next_part < request_parts(request));
}

static void request_send_part(struct replica *replica, const struct turn *turn,
                              struct request *request)
{
    size_t offset = (size_t)request->next_part * MESSAGE_PART_MAX;
    size_t left_bytes = request->bytes.size_bytes - offset;
    struct message message = {.kind = MESSAGE_MUTATION};
    message.part = (struct message_part){
        .sequence = request->sequence,
        .part = request->next_part++,
        .parts = request_parts(request),
        .bytes = request->bytes.text + offset,
        .size_bytes = left_bytes < MESSAGE_PART_MAX ? left_bytes : MESSAGE_PART_MAX,
    };
    replica->session.window_bytes += message.part.size_bytes;
    message_send(replica, turn, &message);
}

// Begins to send a queued request, or refuses it. True when it is still there.
static bool request_begin(struct replica *replica, const struct turn *turn, struct request *request)
{
    struct replica_request what;
    int rc = mutation_parse(request->bytes.text, request->bytes.size_bytes, turn->arena, &what);
    assert(rc == 0); // it was checked when it came
    const char *obstacle = request_obstacle(replica, turn, &what, !request->was_sent);
    if (obstacle != NULL) {
        request_fail(replica, turn, request, -EBUSY, obstacle);
        return false;
    }
    request->state = REQUEST_SENT;
    request->was_sent = true;
    request->next_part = 0;
    return true;
}

// Sends what the window has room for. True when the request is still there.
static bool request_send(struct replica *replica, const struct turn *turn, struct request *request)
{
    size_t room_bytes = request->kind == REPLICA_REQUEST_TXN ? WINDOW_BYTES : URGENT_WINDOW_BYTES;
    if (replica->session.window_bytes >= room_bytes) {
        return true;
    }
    if (request->state == REQUEST_QUEUED && !request_begin(replica, turn, request)) {
        return false;
    }
    while (request_is_unsent(request) && replica->session.window_bytes < room_bytes) {
        request_send_part(replica, turn, request);
    }
    return true;
}

static struct request *request_add(struct replica *replica, int64_t now_ms, uint64_t id,
                                   const struct replica_request *what)
{
    if (replica->requests_count == replica->requests_capacity) {
        replica->requests_capacity = 2 * replica->requests_capacity + 16;
        replica->requests =
            alloc_resize(replica->requests, replica->requests_capacity * sizeof(struct request *));
    }
    struct request *request = alloc_zero(sizeof(*request));
    request->id = id;
    request->sequence = ++replica->sequence;
    request->kind = what->kind;
    request->stream = mutation_stream(what);
    request->since_ms = now_ms;
    mutation_format(what, &request->bytes);
    replica->requests[replica->requests_count++] = request;
    replica->requests_bytes += request->bytes.size_bytes;
    return request;
}

static int request_admit(const struct replica *replica, const struct replica_request *request,
                         const char **ret_reason)
{
    enum session_phase phase = replica->session.phase;
    int rc = mutation_check(request, ret_reason);
    if (rc < 0) {
        return rc;
    }
    if (phase == SESSION_NONE && !replica->undecided) {
        *ret_reason = "no quorum"; // INV-3
        return -EHOSTDOWN;
    }
    if (request->kind == REPLICA_REQUEST_LEASE_BREAK && phase != SESSION_SERVING) {
        *ret_reason = "the store is being synchronised: look at the lease again";
        return -EBUSY;
    }
    if (replica->requests_count >= REPLICA_WAITING_MAX ||
        replica->requests_bytes > WAITING_MAX_BYTES) {
        *ret_reason = "too many requests are waiting";
        return request->kind == REPLICA_REQUEST_TXN ? -EAGAIN : -EBUSY;
    }
    return 0;
}

void replica_request(struct replica *replica, int64_t now_ms, uint64_t request_id,
                     const struct replica_request *request, struct arena *arena,
                     struct replica_effects *out)
{
    const struct turn turn = {now_ms, arena, out};
    struct replica_answer refusal = {0};
    refusal.code = request_admit(replica, request, &refusal.reason);
    if (refusal.code < 0) {
        answer(&turn, request_id, &refusal);
        return;
    }
    (void)request_add(replica, now_ms, request_id,
                      request); // is sent, or refused, at once or later
    requests_send(replica, &turn);
}

// A lease may overtake transactions, and nothing else anything: who gives a lease back has written
// under it before.
static bool request_must_wait(const struct request *request, bool is_behind)
{
    bool may_overtake = request->kind == REPLICA_REQUEST_LEASE_ACQUIRE ||
                        request->kind == REPLICA_REQUEST_LEASE_RENEW ||
                        request->kind == REPLICA_REQUEST_LEASE_BREAK;
    return is_behind && !may_overtake;
}

void requests_send(struct replica *replica, const struct turn *turn)
{
    size_t i = 0;
    bool is_behind = false; // something before it is not sent yet
    if (replica->session.phase != SESSION_SERVING) {
        return;
    }
    while (i < replica->requests_count) {
        struct request *request = replica->requests[i];
        if (!request_is_unsent(request) || request_must_wait(request, is_behind)) {
            i++;
        } else if (request_send(replica, turn, request)) {
            is_behind = is_behind || request_is_unsent(request);
            i++;
        }
    }
}

void request_part_delivered(struct replica *replica, size_t size_bytes)
{
    size_t *window_bytes = &replica->session.window_bytes;
    *window_bytes -= size_bytes < *window_bytes ? size_bytes : *window_bytes;
}

// --- hearing of it -------------------------------------------------------------------------------

void request_accepted(struct replica *replica, uint64_t sequence)
{
    struct request *request = request_find(replica, sequence);
    if (request != NULL) {
        request->state = REQUEST_DELIVERED;
    }
}

void request_refused(struct replica *replica, uint64_t sequence, int code, const char *reason,
                     enum replica_stream cause)
{
    struct request *request = request_find(replica, sequence);
    if (request != NULL) {
        request->state = REQUEST_DELIVERED;
        request->code = code;
        request->reason = reason;
        request->cause = cause;
        request->cause_version = replica->logs[cause].last_version;
    }
}

void request_refused_now(struct replica *replica, const struct turn *turn, uint64_t sequence,
                         int code, const char *reason)
{
    struct request *request = request_find(replica, sequence);
    if (request != NULL) {
        request_fail(replica, turn, request, code, reason);
    }
}

void request_committed(struct replica *replica, const struct turn *turn, uint64_t sequence,
                       uint64_t version, uint64_t term)
{
    struct request *request = request_find(replica, sequence);
    if (request != NULL) {
        request_answer(replica, turn, request,
                       &(struct replica_answer){.version = version, .term = term});
    }
}

// This member's new state was delivered, so that all it sent before it has been, or never will be:
// nowhere in this configuration before the old session was left, and nowhere else before the group
// changed. It has not taken effect.
void requests_take_back(struct replica *replica)
{
    for (size_t i = 0; i < replica->requests_count; i++) {
        struct request *request = replica->requests[i];
        if (request->state == REQUEST_SENT) {
            request->state = REQUEST_QUEUED;
        }
    }
}

// Who is refused because of a change must be able to see that change.
void requests_answer_refused(struct replica *replica, const struct turn *turn)
{
    size_t i = 0;
    while (i < replica->requests_count) {
        struct request *request = replica->requests[i];
        const struct log *log = &replica->logs[request->cause];
        bool is_due = request->state == REQUEST_DELIVERED && request->code < 0 && !log->replaced &&
                      (log->entries_count == 0 || log->entries[0].version > request->cause_version);
        if (is_due) {
            request_fail(replica, turn, request, request->code, request->reason);
        } else {
            i++;
        }
    }
}

// --- losing track of it --------------------------------------------------------------------------

static const char *const OUTCOME_UNKNOWN =
    "the configuration has changed, the outcome is not known";

void requests_lose_delivered(struct replica *replica, const struct turn *turn,
                             enum replica_stream stream)
{
    size_t i = 0;
    while (i < replica->requests_count) {
        struct request *request = replica->requests[i];
        bool depends = request->stream == stream || (request->code < 0 && request->cause == stream);
        if (request->state == REQUEST_DELIVERED && depends) {
            request_fail(replica, turn, request, -ETIMEDOUT, OUTCOME_UNKNOWN);
        } else {
            i++;
        }
    }
}

void requests_lose_sent(struct replica *replica, const struct turn *turn)
{
    size_t i = 0;
    while (i < replica->requests_count) {
        struct request *request = replica->requests[i];
        if (request->state == REQUEST_SENT) {
            request_fail(replica, turn, request, -ETIMEDOUT, OUTCOME_UNKNOWN);
        } else {
            i++;
        }
    }
}

void requests_refuse_all(struct replica *replica, const struct turn *turn)
{
    while (replica->requests_count > 0) {
        struct request *request = replica->requests[0];
        bool is_queued = request->state == REQUEST_QUEUED;
        request_fail(replica, turn, request, is_queued ? -EHOSTDOWN : -ETIMEDOUT,
                     is_queued ? "no quorum" : OUTCOME_UNKNOWN);
    }
}

void requests_tick(struct replica *replica, const struct turn *turn)
{
    size_t i = 0;
    while (i < replica->requests_count) {
        struct request *request = replica->requests[i];
        if (turn->now_ms - request->since_ms < REQUEST_TIMEOUT_MS) {
            i++;
            continue;
        }
        bool is_queued = request->state == REQUEST_QUEUED;
        request_fail(replica, turn, request, is_queued ? -EHOSTDOWN : -ETIMEDOUT,
                     is_queued ? "the store could not be synchronised" : OUTCOME_UNKNOWN);
    }
}
