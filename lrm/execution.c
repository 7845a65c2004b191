// SPDX-License-Identifier: Apache-2.0
// What a job does, verb by verb. Which jobs there are, and what their codes mean, is decided
// elsewhere.
//
// INV-2: a guest is started only after the store, freshly read, said that its place is this node,
// and after a check said that it does not run here. What cannot be proved (no quorum, a check that
// fails) is an error, never a start.
#include "lrm/execution.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/model/event.h"
#include "common/model/guest.h"
#include "common/model/probe.h"
#include "common/model/resources.h"
#include "common/model/sid.h"
#include "common/model/store_keys.h"
#include "common/port/agent.h"
#include "common/port/event_sink.h"
#include "common/port/store.h"
#include "common/port/workers.h"

enum {
    EXECUTION_STOP_TIMEOUT_S = 60,
    // Of a machine in which nobody answers: it will hardly hear that it shall end.
    EXECUTION_STOP_SILENT_S = 20,
    EXECUTION_KILL_TIMEOUT_MS = 10000,
};

struct execution {
    struct arena *arena;
    const char *node;
    const struct job *job;
    const struct execution_ports *ports;
    struct agent *agent;
    struct guest *guest; // as last read; NULL: there is none
    bool fresh;          // what was read is the newest of the quorate cluster
    bool silent;         // nobody in there answers
    const char *reason;
    struct execution_notes notes;
};

static void execution_tell(const struct execution *x, enum event_level level, const char *name,
                           const char *reason)
{
    struct event *event = event_new(x->arena, level, name);
    event_text(x->arena, event, "sid", x->job->sid);
    event_text(x->arena, event, "reason", reason);
    event_emit(x->ports->events, event);
}

// The same of a verb that failed, with what it printed.
static void execution_tell_failed(struct execution *x, enum event_level level, const char *name,
                                  const char *reason)
{
    struct event *event = event_new(x->arena, level, name);
    const char *output = arena_strdup(x->arena, x->agent->output);
    event_text(x->arena, event, "sid", x->job->sid);
    event_text(x->arena, event, "reason", reason);
    event_text(x->arena, event, "output", output);
    event_emit(x->ports->events, event);
    if (output != NULL) {
        x->notes.output = output;
    }
}

static void execution_explain(struct execution *x, const char *reason)
{
    x->reason = arena_strdup(x->arena, reason);
}

// Reads the guest's definition and place. 0 also when there is none. Without quorum the place may
// be an old one: good enough for a check and a stop.
static int execution_read_guest(struct execution *x, struct error *err)
{
    const struct store_entry *entry = NULL;
    const char *key = arena_printf(x->arena, "%s%s", STORE_PREFIX_GUEST, x->job->sid);
    x->fresh = store_refresh(x->ports->store, err) == 0;
    x->guest = NULL;
    int r = store_read_key(x->ports->store, key, x->arena, &entry, err);
    return r < 0 || entry == NULL
               ? r
               : guest_parse(x->arena, entry->value, entry->size_bytes, &x->guest, err);
}

static enum lrm_code execution_start(struct execution *x)
{
    struct error err = {0};
    bool running = false;
    execution_tell(x, EVENT_LEVEL_INFO, "start", NULL);
    const char *output = NULL;
    int r = x->fresh
                ? 0
                : error_set(&err, -EHOSTDOWN, "no quorum, so the guest's place is not certain");
    if (r == 0) {
        r = x->agent->ops->start(x->agent, x->guest, &err);
        output = arena_strdup(x->arena, x->agent->output);
        struct error check_err = {0};
        if (x->agent->ops->check(x->agent, x->guest, &running, &check_err) < 0) {
            running = false;
            r = r < 0 ? r : error_set(&err, check_err.code, "%s", check_err.text);
        }
    }
    // What came up and does not work has not started: the next try stops it first.
    if (r == 0 && running && x->agent->ops->health != NULL) {
        r = x->agent->ops->health(x->agent, x->guest, &err);
        running = r == 0;
    }
    if (running) {
        execution_tell(x, EVENT_LEVEL_INFO, "started", NULL);
        return LRM_CODE_SUCCESS;
    }
    if (r == 0) {
        (void)error_set(&err, -EIO, "it was started, but does not run");
    }
    execution_explain(x, err.text);
    x->agent->output = output != NULL ? output : x->agent->output;
    execution_tell_failed(x, EVENT_LEVEL_WARNING, "start-failed", x->reason);
    return LRM_CODE_ERROR;
}

static enum lrm_code execution_stop(struct execution *x)
{
    struct error err = {0};
    bool running = true;
    int64_t timeout_s = x->job->timeout_s;
    if (timeout_s == SERVICE_TIMEOUT_NONE) {
        timeout_s = EXECUTION_STOP_TIMEOUT_S;
    }
    if (x->silent && timeout_s > EXECUTION_STOP_SILENT_S) {
        timeout_s = EXECUTION_STOP_SILENT_S;
    }
    struct event *event = event_new(x->arena, EVENT_LEVEL_INFO, "stop");
    event_text(x->arena, event, "sid", x->job->sid);
    event_int(event, "timeout", timeout_s);
    event_emit(x->ports->events, event);
    int r = x->agent->ops->stop(x->agent, x->guest, timeout_s, &err);
    const char *output = arena_strdup(x->arena, x->agent->output);
    struct error check_err = {0};
    if (x->agent->ops->check(x->agent, x->guest, &running, &check_err) < 0) {
        running = true; // not proved, so it counts as running
        r = r < 0 ? r : error_set(&err, check_err.code, "%s", check_err.text);
    }
    if (!running) {
        execution_tell(x, EVENT_LEVEL_INFO, "stopped", NULL);
        return LRM_CODE_SUCCESS;
    }
    if (r == 0) {
        (void)error_set(&err, -EBUSY, "it was stopped, but still runs");
    }
    execution_explain(x, err.text);
    x->agent->output = output != NULL ? output : x->agent->output;
    execution_tell_failed(x, EVENT_LEVEL_ERROR, "stop-failed", x->reason);
    return LRM_CODE_ERROR;
}

static enum lrm_code execution_move_failed(struct execution *x, const char *reason)
{
    execution_explain(x, reason);
    execution_tell_failed(x, EVENT_LEVEL_ERROR, "move-failed", x->reason);
    return LRM_CODE_ERROR;
}

static enum lrm_code execution_move(struct execution *x, bool running)
{
    struct error err = {0};
    if (x->job->target == NULL) {
        (void)execution_move_failed(x, "the order to move names no target");
        return LRM_CODE_FAILED_TO_RUN;
    }
    if (strcmp(x->job->target, x->guest->node) == 0) {
        return LRM_CODE_SUCCESS;
    }
    if (x->job->state == SVC_STATE_REQUEST_START_BALANCE && running) {
        execution_tell(x, EVENT_LEVEL_INFO, "move-ignored", "it runs already");
        return LRM_CODE_IGNORED;
    }
    if (!x->fresh) {
        return execution_move_failed(x, "no quorum, so the guest's place is not certain");
    }
    bool online = x->job->state == SVC_STATE_MIGRATE;
    if (x->agent->ops->move(x->agent, x->guest, x->job->target, online, &err) < 0) {
        return execution_move_failed(x, err.text);
    }
    if (execution_read_guest(x, &err) < 0) {
        return execution_move_failed(x, err.text);
    }
    if (x->guest != NULL && strcmp(x->guest->node, x->node) == 0) {
        return execution_move_failed(x, "it was moved, but its place is still here");
    }
    return LRM_CODE_SUCCESS;
}

static bool execution_is_move(enum svc_state state)
{
    return state == SVC_STATE_MIGRATE || state == SVC_STATE_RELOCATE ||
           state == SVC_STATE_REQUEST_START_BALANCE;
}

// The guest is elsewhere. For a move that may be what its last worker left.
static enum lrm_code execution_away(struct execution *x)
{
    struct error err = {0};
    bool running = true;
    bool arrived = execution_is_move(x->job->state) && x->job->target != NULL &&
                   strcmp(x->guest->node, x->job->target) == 0;
    // The daemon's own stop, before it ends, asks only that nothing of it runs here.
    bool is_enough = arrived || (x->job->uid == NULL && x->job->state == SVC_STATE_REQUEST_STOP);
    bool known = x->ports->accept_moved && is_enough &&
                 x->agent->ops->check(x->agent, x->guest, &running, &err) == 0;
    // A live move gives the guest away before it has ended what is left of it here.
    if (known && running && x->agent->ops->receive != NULL &&
        x->agent->ops->kill(x->agent, x->job->sid, EXECUTION_KILL_TIMEOUT_MS, &err) == 0) {
        running = false;
    }
    if (known && !running) {
        return LRM_CODE_SUCCESS;
    }
    execution_explain(
        x, arena_printf(x->arena, "its place is node '%s', not this one", x->guest->node));
    execution_tell(x, EVENT_LEVEL_ERROR, "wrong-node", x->reason);
    return LRM_CODE_WRONG_NODE;
}

static enum lrm_code execution_restart(struct execution *x, const char *reason)
{
    execution_tell_failed(x, EVENT_LEVEL_WARNING, "unhealthy", reason);
    enum lrm_code code = execution_stop(x);
    code = code == LRM_CODE_SUCCESS ? execution_start(x) : code;
    x->notes.restarted = code == LRM_CODE_SUCCESS;
    x->notes.probe_words = NULL; // it was another one that did not answer
    return code;
}

// The service's options, or NULL.
static const struct resource *execution_read_resource(struct execution *x)
{
    const struct store_entry *entry = NULL;
    struct resource *resource = NULL;
    const char *key = arena_printf(x->arena, "%s%s", STORE_PREFIX_RESOURCE, x->job->sid);
    if (x->ports->probe == NULL ||
        store_read_key(x->ports->store, key, x->arena, &entry, NULL) < 0 || entry == NULL ||
        resource_parse(x->arena, entry->value, &resource, NULL) < 0) {
        return NULL; // whoever wrote it was told what is wrong with it
    }
    return resource;
}

// What is asked inside is asked by the service's own agent. -ENOTSUP: it cannot be asked; -EAGAIN:
// not yet.
static int execution_ask(struct execution *x, const struct resource *resource,
                         const struct probe *probe, struct error *err)
{
    int64_t timeout_ms = resource->probe_timeout_s * 1000;
    if (probe->kind != PROBE_AGENT) {
        return x->ports->probe(x->arena, probe, x->job->sid, timeout_ms, err);
    }
    return x->agent->ops->ping != NULL
               ? x->agent->ops->ping(x->agent, x->guest, timeout_ms, err)
               : error_set(err, -ENOTSUP, "services of this type have no agent inside");
}

static enum lrm_code execution_probe(struct execution *x)
{
    const struct resource *resource = execution_read_resource(x);
    struct error err = {0};
    struct probe probe;
    if (resource == NULL || resource->probe == NULL ||
        probe_parse(x->arena, resource->probe, &probe, NULL) < 0) {
        return LRM_CODE_SUCCESS;
    }
    int r = execution_ask(x, resource, &probe, &err);
    if (r == 0) {
        x->notes.probe = JOB_PROBE_GOOD;
        return LRM_CODE_SUCCESS;
    }
    x->notes.probe_words = arena_strdup(x->arena, err.text);
    // That nobody can be asked, or not yet, says nothing of the service: a restart would not help.
    if (probe.kind == PROBE_AGENT && (r == -ENOTSUP || r == -EAGAIN)) {
        return LRM_CODE_SUCCESS;
    }
    x->silent = probe.kind == PROBE_AGENT;
    if (x->job->heal) {
        return execution_restart(x, arena_printf(x->arena, "its probe failed: %s", err.text));
    }
    x->notes.probe = JOB_PROBE_BAD;
    execution_tell(x, EVENT_LEVEL_WARNING, "probe-failed", err.text);
    return LRM_CODE_SUCCESS;
}

// It runs. When it does not work it is stopped and started again, unless the place is not certain:
// then it could not be started.
static enum lrm_code execution_keep(struct execution *x)
{
    struct error err = {0};
    if (!x->fresh) {
        return LRM_CODE_SUCCESS;
    }
    if (x->agent->ops->health != NULL && x->agent->ops->health(x->agent, x->guest, &err) < 0) {
        return execution_restart(x, err.text);
    }
    return execution_probe(x);
}

static enum lrm_code execution_carry_out(struct execution *x)
{
    struct error err = {0};
    bool running = false;
    bool known = x->agent->ops->check(x->agent, x->guest, &running, &err) == 0;
    switch (x->job->state) {
    case SVC_STATE_STARTED:
        if (!known) {
            execution_explain(x, err.text);
            execution_tell_failed(x, EVENT_LEVEL_WARNING, "start-failed", x->reason);
            return LRM_CODE_ERROR;
        }
        return running ? execution_keep(x) : execution_start(x);
    case SVC_STATE_REQUEST_STOP:
    case SVC_STATE_STOPPED:
        return known && !running ? LRM_CODE_SUCCESS : execution_stop(x);
    case SVC_STATE_MIGRATE:
    case SVC_STATE_RELOCATE:
    case SVC_STATE_REQUEST_START_BALANCE:
        return known ? execution_move(x, running) : execution_move_failed(x, err.text);
    case SVC_STATE_REQUEST_START:
    case SVC_STATE_FREEZE:
    case SVC_STATE_FENCE:
    case SVC_STATE_RECOVERY:
    case SVC_STATE_ERROR:
    case SVC_STATE_MAX:
        break;
    }
    execution_explain(x, "no job for this state");
    return LRM_CODE_UNKNOWN_COMMAND;
}

// Whatever runs of it here is another node's: the definition, if there is one, only tells whether
// something was still there.
static enum lrm_code execution_kill(struct execution *x)
{
    struct error err = {0};
    bool running = false;
    bool known = execution_read_guest(x, &err) == 0 && x->guest != NULL &&
                 x->agent->ops->check(x->agent, x->guest, &running, &err) == 0;
    error_clear(&err);
    if (x->agent->ops->kill(x->agent, x->job->sid, x->job->timeout_s * 1000, &err) < 0) {
        execution_explain(x, err.text);
        return LRM_CODE_ERROR;
    }
    if (known && running) {
        execution_tell(x, EVENT_LEVEL_ERROR, "stray-killed", "it belongs to another node");
    }
    return LRM_CODE_SUCCESS;
}

static void execution_set_limit(const struct execution *x)
{
    if (x->ports->limit != NULL && x->agent->ops->limit_ms != NULL && x->guest != NULL) {
        x->ports->limit(x->ports->userdata, x->agent->ops->limit_ms(x->agent, x->guest));
    }
}

enum lrm_code execution_run(struct arena *arena, const char *node, const struct job *job,
                            const struct execution_ports *ports, const char **ret_reason)
{
    struct execution x = {.arena = arena, .node = node, .job = job, .ports = ports};
    struct error err = {0};
    enum lrm_code code = LRM_CODE_SUCCESS;
    x.agent = ports->agent_for(ports->userdata, sid_type(arena, job->sid));
    int r = x.agent != NULL && !job->kill ? execution_read_guest(&x, &err) : 0;
    if (x.agent != NULL && !job->kill && r == 0) {
        execution_set_limit(&x);
    }
    if (job->kill) {
        // Of a type without an agent nothing can run here.
        code = x.agent != NULL ? execution_kill(&x) : LRM_CODE_SUCCESS;
    } else if (x.agent == NULL) {
        execution_explain(&x, "no agent for services of this type");
        code = LRM_CODE_UNKNOWN_TYPE;
    } else if (r < 0) {
        execution_explain(&x, err.text);
        code = LRM_CODE_FAILED_TO_RUN;
    } else if (x.guest == NULL) {
        execution_explain(&x, "there is no such guest");
        code = LRM_CODE_UNKNOWN_SERVICE;
    } else if (job->state == SVC_STATE_ERROR) {
        execution_tell(&x, EVENT_LEVEL_ERROR, "service-in-error",
                       "it is left alone until it is disabled");
    } else if (strcmp(x.guest->node, node) != 0) {
        code = execution_away(&x);
    } else {
        code = execution_carry_out(&x);
    }
    if (ports->notes != NULL) {
        *ports->notes = x.notes;
    }
    *ret_reason = x.reason;
    return code;
}
