// SPDX-License-Identifier: Apache-2.0
// One call of the API on its way: its parameters as checked, who makes it, what it works with, and
// what becomes of it. Handlers are functions of a call; they answer exactly once, with one of
// call_return(), call_refuse(), call_fault() or call_fail(). One that does nothing of that returns
// null.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/auth/rights.h"
#include "common/base/macros.h"

struct arena;
struct clock;
struct cluster_view;
struct error;
struct event;
struct json;
struct method;
struct rights;
struct session;
struct task_registry;
struct task_spec;
struct usage_book;

enum {
    CALL_STATUS_OK = 200,
    CALL_STATUS_BAD = 400,
    CALL_STATUS_UNAUTHORIZED = 401,
    CALL_STATUS_FORBIDDEN = 403,
    CALL_STATUS_NOT_IN_CLUSTER = 424,
    CALL_STATUS_FAILED = 500, // also: there is no such object
    CALL_STATUS_UNKNOWN = 501,
};

struct caller {
    const char *user;    // "root@pam"; NULL: not logged in
    const char *token;   // its token's id when one was used, or NULL
    const char *label;   // "root@pam" or "root@pam!token": what tasks and events are told of
    const char *address; // from where
};

struct call;

// What a call causes beside its answer; the daemon and its children do it differently.
struct call_host_ops {
    void (*task)(struct call *call, const struct task_spec *spec); // answers the call
    void (*tell)(const struct call *call, struct event *event);
};

// What calls work with. The daemon has one; a child makes its own.
struct call_host {
    const struct call_host_ops *ops;
    const char *node;        // this one
    struct session *session; // may be read in METHOD_KIND_READ, and written in METHOD_KIND_WORK
    const struct cluster_view *view; // as of the beginning of the call
    const struct rights *rights;
    struct clock *clock;
    int64_t stale_s;             // a sign of life older than this is old
    struct task_registry *tasks; // of this node (METHOD_KIND_READ); NULL in a child
    struct usage_book *usage;    // likewise
    void *userdata;              // of the ops
};

struct call {
    struct arena *arena; // for all of the call's memory
    const struct call_host *host;
    const struct method *method;
    const struct json *parameters; // object; types as the rows say
    struct caller caller;
    // The answer:
    int status; // CALL_STATUS_…; 0: none yet
    struct json *data;
    const char *message; // of a refusal; becomes the reason phrase
    struct json *errors; // object: parameter → words; NULL: none
    int64_t total;       // of a paged list; −1: none
};

// A parameter, or the second argument when it was not given. Asking for one that the method's row
// does not have is a programmer's error.
const char *call_string(const struct call *call, const char *name,
                        const char *otherwise) WARN_UNUSED;
int64_t call_int(const struct call *call, const char *name, int64_t otherwise) WARN_UNUSED;
bool call_bool(const struct call *call, const char *name, bool otherwise) WARN_UNUSED;
// Array of strings, or NULL.
const struct json *call_list(const struct call *call, const char *name) WARN_UNUSED;
bool call_has(const struct call *call, const char *name) WARN_UNUSED;

void call_return(struct call *call, struct json *data); // NULL: null
void call_refuse(struct call *call, int status, const char *format, ...) PRINTF_LIKE(3, 4);
// 400 "Parameter verification failed." with these words about one parameter; may be said of
// several.
void call_fault(struct call *call, const char *parameter, const char *format, ...)
    PRINTF_LIKE(3, 4);
// 500 with the words of `err`; its code may mean another status (-EACCES, -EPERM: 403) or words
// that clients know (-EHOSTDOWN: "cluster not ready - no quorum?").
void call_fail(struct call *call, const struct error *err);

bool call_may(const struct call *call, enum privilege privilege, const char *path) WARN_UNUSED;
// The same, and when not: 403 "Permission check failed (path, privilege)".
bool call_need(struct call *call, enum privilege privilege, const char *path) WARN_UNUSED;

// Begins a task on this node and returns its UPID as the answer (api/task/task.h). The
// specification is read before this returns.
void call_task(struct call *call, const struct task_spec *spec);
// Tells what the caller changed: adds "user" and keeps it in the history (docs/events.md).
void call_tell(const struct call *call, struct event *event);
