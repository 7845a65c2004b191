// SPDX-License-Identifier: Apache-2.0
// What the parts of ha-execd share. main.c puts them together; exec_server.c has the connections,
// exec_call.c the way of a call, exec_queue.c those under way, exec_child.c what runs in a child,
// exec_watch.c the streams, exec_announce.c what this node tells the others, exec_history.c what
// was changed by whom, exec_metrics.c the figures, exec_usage.c those that rrddata shows,
// exec_notify.c the notifications.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "api/call/call.h"
#include "api/call/router.h"
#include "api/exec/exec_request.h"
#include "api/exec/exec_view.h"
#include "common/base/macros.h"
#include "common/host/daemon.h"
#include "common/port/clock.h"

struct announcer;
struct call_queue;
struct cluster_client;
struct event;
struct event_output;
struct event_sink;
struct exec_connection;
struct exec_server;
struct exec_totals;
struct history_writer;
struct json;
struct loop;
struct notifier;
struct task_registry;
struct task_spec;
struct usage_book;
struct watch_list;

enum {
    EXEC_CHILDREN_MAX = 16,          // calls in children at once; more wait
    EXEC_CHILDREN_ANONYMOUS_MAX = 4, // of those that nobody has logged in for
    EXEC_WAITING_MAX = 256,          // calls that wait for a child
    EXEC_WAITING_ANONYMOUS_MAX = 64,
    EXEC_CALL_TIMEOUT_MS = 60 * 1000,
    EXEC_REFUSAL_DELAY_MS = 3000, // of failures to log in
    EXEC_REFUSED_MAX = 4096,      // that wait for it
    EXEC_IN_FLIGHT_MAX = 1024,    // calls of one connection; then it is not read
    EXEC_WATCHES_MAX = 512,
    EXEC_API_PORT = 8006,
};

struct execd {
    struct arena *arena;
    struct daemon_setup setup;
    struct clock clock;
    struct loop *loop;
    struct event_output *output;
    struct event_sink *events;
    struct cluster_client *client;
    struct exec_view view;
    struct call_host host; // of calls in the daemon
    struct router *router;
    struct task_registry *tasks;
    struct exec_server *server;
    struct call_queue *calls;
    struct watch_list *watches;
    struct announcer *announcer;
    struct history_writer *history;
    struct exec_totals *totals;
    struct usage_book *usage;
    struct notifier *notifier;
    bool stopping; // nothing that lasts is begun any more
};

// Brings the view, and what calls see of it, up to date.
void execd_refresh(struct execd *daemon);
// Who asks. IDENTITY_KNOWN fills *ret in the arena. Brings the view up to date.
enum identity_result execd_identify(struct execd *daemon, struct arena *arena,
                                    const struct credentials *credentials, enum method_verb verb,
                                    struct caller *ret) WARN_UNUSED;
// An event about a change that somebody made: to the log, and to the history.
void execd_tell(struct execd *daemon, const struct event *event);

// ---- exec_server.c

struct exec_server_spec {
    struct execd *daemon;
    const char *path;
    const char *group; // whose processes may connect beside root's; NULL: none
};
int exec_server_new(const struct exec_server_spec *spec, struct exec_server **ret,
                    struct error *err) WARN_UNUSED;
void exec_server_free(struct exec_server *server);
// No new connections any more.
void exec_server_close(struct exec_server *server);
// One that does not read is cut. *connection is valid until the end of the turn.
void exec_connection_send(struct exec_connection *connection, const struct json *message);
// False: what was sent last is still on its way.
bool exec_connection_is_clear(const struct exec_connection *connection) WARN_UNUSED;
// One request more, or one less, is under way.
void exec_connection_begin(struct exec_connection *connection);
void exec_connection_finish(struct exec_connection *connection);

// ---- exec_call.c and exec_queue.c

struct call_queue *call_queue_new(struct execd *daemon) WARN_UNUSED;
void call_queue_free(struct call_queue *queue);
// Takes a call over; its answer goes to the connection, now or later. The arena becomes the call's.
void call_queue_take(struct call_queue *queue, struct exec_connection *connection,
                     struct arena *arena, const struct exec_request *request);
// The connection is gone: what was asked goes on, nobody hears of it.
void call_queue_forget(struct call_queue *queue, const struct exec_connection *connection);
// How many are in children or wait for one.
size_t call_queue_busy(const struct call_queue *queue) WARN_UNUSED;
// Answers a failure to log in, after the delay; `bare`: with no body.
void call_queue_refuse(struct call_queue *queue, struct exec_connection *connection, int64_t id,
                       const char *words);
// The data of a GET as this caller would get it; NULL: there is none for him. For streams.
struct json *call_queue_look(struct execd *daemon, struct arena *arena, const char *path,
                             const struct caller *caller) WARN_UNUSED;
// A task that runs in the daemon; answers the call.
void exec_task_start(struct call *call, const struct task_spec *spec);

// ---- exec_metrics.c

// Counts what was added to the history.
void execd_count(struct execd *daemon);
// Answers the request for metrics.
void call_queue_metrics(struct call_queue *queue, struct exec_connection *connection,
                        struct arena *arena, const struct exec_request *request);

// ---- exec_usage.c

// Notes what this node and its guests use; to be called every USAGE_SAMPLE_S.
void execd_sample(struct execd *daemon);

// ---- exec_child.c: what call_queue_take() does elsewhere

// A process_main: runs the handler of `userdata`, a struct exec_work *, and writes events and the
// answer, each one line of JSON.
struct exec_work {
    struct call *call; // checked, and not answered
    const char *node;
    int64_t stale_s;
};
int exec_child_run(void *userdata, int output_fd);

// ---- exec_watch.c

struct watch_list *watch_list_new(struct execd *daemon) WARN_UNUSED;
void watch_list_free(struct watch_list *list);
void watch_list_add(struct watch_list *list, struct exec_connection *connection,
                    const struct exec_request *request);
void watch_list_remove(struct watch_list *list, const struct exec_connection *connection,
                       int64_t id);
void watch_list_forget(struct watch_list *list, const struct exec_connection *connection);
// Something may have changed.
void watch_list_wake(struct watch_list *list);

// ---- exec_announce.c

struct announcer *announcer_new(struct execd *daemon) WARN_UNUSED;
void announcer_free(struct announcer *announcer);
// Looks whether the store says what it should, and has it written when it does not.
void announcer_wake(struct announcer *announcer);
// Which certificate ha-apid uses; port 0: the usual one.
void announcer_set_certificate(struct announcer *announcer, const char *fingerprint, int64_t port);

// ---- exec_history.c

struct history_writer *history_writer_new(struct execd *daemon) WARN_UNUSED;
void history_writer_free(struct history_writer *writer);
// Keeps the event, of level notice or worse, in the history, soon. Without quorum it waits; the
// oldest go when too many do.
void history_writer_add(struct history_writer *writer, const struct event *event);
// The store may have changed.
void history_writer_wake(struct history_writer *writer);
bool history_writer_is_busy(const struct history_writer *writer) WARN_UNUSED;

// ---- exec_notify.c

// Sends notifications while this node is the master's (docs/notifications.md).
struct notifier *notifier_new(struct execd *daemon) WARN_UNUSED;
void notifier_free(struct notifier *notifier);
// The store may have changed.
void notifier_wake(struct notifier *notifier);
