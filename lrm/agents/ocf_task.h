// SPDX-License-Identifier: Apache-2.0
// One verb of the ocf agent at work: what is known of the service on this node, the note of what
// was started, and the looks at it. Which verb runs when is decided in ocf.c.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/macros.h"
#include "lrm/agents/ct_cgroup.h"
#include "lrm/agents/ocf_definition.h"
#include "lrm/agents/ocf_run.h"

struct arena;
struct error;
struct guest;

enum ocf_state {
    OCF_STATE_STOPPED = 1, // proven: nothing of it runs here
    OCF_STATE_RUNNING,     // it runs and works
    OCF_STATE_FAILED,      // something of it may run, and it does not work
};

struct ocf_task {
    struct arena *arena;
    const char *node;
    const char *sid;
    bool noted;                       // it was started here
    bool defined;                     // `definition` is known: as it was started, else as it is now
    struct ocf_definition definition; // with times
    const char *program;              // NULL: its agent is not installed here
    struct ct_cgroup_places places;
    const char *payload; // id of the group of all that start has left
    const char *verbs;   // id of the group in which the other verbs run
    int lock_fd;         // -1: not held
    const char *why;     // of OCF_STATE_FAILED
    const char *output;  // the last lines of the verb that failed last, or NULL
};

// `guest` may be NULL: then only what is noted counts.
int ocf_task_begin(struct ocf_task *task, const char *node, const char *sid,
                   const struct guest *guest, struct error *err) WARN_UNUSED;
void ocf_task_end(struct ocf_task *task);
// From now on the definition is the guest's, whatever it was started with.
int ocf_task_define(struct ocf_task *task, const struct guest *guest,
                    struct error *err) WARN_UNUSED;

// Before a start, and when something is found running that was not noted.
int ocf_task_note(struct ocf_task *task, const struct guest *guest, struct error *err) WARN_UNUSED;
void ocf_task_forget(struct ocf_task *task);

// Runs a verb; what verbs other than start leave behind is killed. 0: it ran, whatever its code.
int ocf_task_run(struct ocf_task *task, enum ocf_verb verb, int64_t timeout_ms,
                 struct ocf_run_result *ret, struct error *err) WARN_UNUSED;
// The error of a verb that ran and did not succeed. Returns its code.
int ocf_task_fail(struct ocf_task *task, enum ocf_verb verb, const struct ocf_run_result *result,
                  struct error *err);
// Whether processes of the service are there: in the group of what start left, or in either.
int ocf_task_scan(struct ocf_task *task, bool both, bool *ret_left, struct error *err) WARN_UNUSED;
// Asks the agent's monitor and looks at the group.
int ocf_task_look(struct ocf_task *task, int64_t timeout_ms, enum ocf_state *ret,
                  struct error *err) WARN_UNUSED;

// The metadata of the agent, from a cache as long as the program is the same.
int ocf_task_metadata(struct arena *arena, const struct ocf_definition *definition,
                      const char *program, struct ocf_metadata *ret, struct error *err) WARN_UNUSED;
