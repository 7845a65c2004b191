// SPDX-License-Identifier: Apache-2.0
// What exec_call.c and exec_queue.c share.
#pragma once

#include "api/exec/execd.h"

struct loop_source;
struct process;

enum {
    EXEC_STATUS_BUSY = 503,
    EXEC_STATUS_UNREACHABLE = 595, // another node
};

// A call on its way.
struct exec_call {
    struct exec_call *next;
    struct call_queue *queue;
    struct exec_connection *connection; // NULL: gone
    struct arena *arena;
    int64_t id;
    int64_t began_ms;
    bool anonymous;
    struct call call;
    struct exec_work work;
    struct process *child; // NULL: waits
    // Of a failure to log in:
    bool bare;
    bool late; // it does not count as under way any more
    int64_t due_ms;
};

struct call_queue {
    struct execd *daemon;
    struct exec_call *children; // that run
    size_t running, running_anonymous;
    struct exec_call *waiting; // first comes first
    size_t waiting_count, waiting_anonymous;
    struct exec_call *refused; // likewise, until they are due
    size_t refused_count;
    struct loop_source *timer; // of the first refused one
};

// A call of the connection, counted as under way; it is in the arena, which becomes its own.
struct exec_call *exec_call_new(struct call_queue *queue, struct exec_connection *connection,
                                struct arena *arena, int64_t id) WARN_UNUSED;
// Sends this answer, and frees the call.
void exec_call_send(struct exec_call *call, struct json *answer);
// Answers what the call has become (null when it is nothing yet), a failure to log in after the
// delay, and frees it.
void exec_call_answer(struct exec_call *call);
// Has it carried out by a child, now or when there is room for one.
void exec_call_queue(struct exec_call *call);
