// SPDX-License-Identifier: Apache-2.0
// The service manager (systemd) over D-Bus: states of units, jobs that are waited for, signals to
// processes. Over its private socket, which works without a D-Bus daemon, else over the system bus.
// For worker processes and tools: calls block.
// Source: org.freedesktop.systemd1(5).
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/macros.h"

struct arena;
struct error;
struct unit_bus;

// What the service manager says of a unit. Texts are never NULL.
struct unit_state {
    const char *load;          // loaded, not-found, masked, bad-setting, error
    const char *active;        // active, reloading, inactive, failed, activating, deactivating
    const char *sub;           // running, exited, auto-restart, dead, …
    const char *file;          // enabled, disabled, static, masked, …; "" for what has no file
    const char *result;        // of its last run: success, exit-code, signal, timeout, …
    const char *control_group; // "/system.slice/nginx.service"; "" when it has none now
    const char *slice;         // "system.slice"
    pid_t main_pid;            // 0: none
    int64_t exit_status;       // of its last main process
    int64_t start_timeout_ms;  // INT64_MAX: none
    int64_t stop_timeout_ms;
    bool has_job; // one is queued or running
};

enum unit_job { UNIT_JOB_START, UNIT_JOB_STOP };

// `call_ms`: how long an answer may take. -ENOTSUP: no service manager runs this machine; -EIO: it
// does not answer.
int unit_bus_open(struct unit_bus **ret, int64_t call_ms, struct error *err) WARN_UNUSED;
void unit_bus_free(struct unit_bus *bus);
void unit_bus_freep(struct unit_bus **bus);

// The unit's state; one that does not exist is "not-found" and inactive.
int unit_bus_get(struct unit_bus *bus, struct arena *arena, const char *unit,
                 struct unit_state *ret, struct error *err) WARN_UNUSED;
// Gives the job and waits for its end. Returns 0 with the job's result in the arena: done, failed,
// canceled, timeout, dependency, skipped. -ETIMEDOUT: it is still under way.
int unit_bus_run(struct unit_bus *bus, struct arena *arena, const char *unit, enum unit_job job,
                 int64_t timeout_ms, const char **ret_result, struct error *err) WARN_UNUSED;
// A signal to all processes of the unit; 0 also when it has none.
int unit_bus_kill(struct unit_bus *bus, const char *unit, int signo, struct error *err) WARN_UNUSED;
// Forgets that it failed, and how often it was started.
int unit_bus_reset_failed(struct unit_bus *bus, const char *unit, struct error *err) WARN_UNUSED;
// Waits until something of a unit changed, or the time is over.
void unit_bus_wait(struct unit_bus *bus, int64_t timeout_ms);

// Tells of each unit that has ended, inactive or failed, at once. Returns 0 when something comes
// over the other descriptor, or its other side is closed; -errno when the service manager is gone:
// what ends then is not told.
int unit_bus_watch(struct unit_bus *bus, int until_fd,
                   void (*ended)(void *userdata, const char *unit), void *userdata,
                   struct error *err) WARN_UNUSED;

// The last lines the unit wrote to the journal, at most `lines` of them; "" when there are none.
const char *unit_journal_tail(struct arena *arena, const char *unit, size_t lines) WARN_UNUSED;
