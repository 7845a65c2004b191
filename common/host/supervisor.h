// SPDX-License-Identifier: Apache-2.0
// A companion (companion.h) that is kept running: started, listened to, and started anew some time
// after it has ended or could not be started. What it does and says is its owner's business, and so
// is noticing that it hangs.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"
#include "common/host/companion.h"

struct loop;
struct supervisor;

// What it points to is borrowed. None of the callbacks may free the supervisor.
struct supervisor_spec {
    struct loop *loop;
    const char *name; // as companion_start()
    companion_main main;
    void *main_userdata; // as it is when the process starts, each time
    int64_t restart_ms;  // from its end to its next start
    // What it says: frames (ipc.h), or bytes as they come, which return false when they can be no
    // word of it: then it is ended. With neither it says nothing, and anything is its end.
    void (*frame)(void *userdata, const char *frame, size_t size_bytes);
    bool (*bytes)(void *userdata, const char *bytes, size_t size_bytes);
    void (*begun)(void *userdata); // it runs, and can be sent frames; NULL: none
    void (*ended)(void *userdata); // it does not run, or could not be started; NULL: none
    void *userdata;
};

// Starts nothing yet. The specification is copied.
struct supervisor *supervisor_new(const struct supervisor_spec *spec) WARN_UNUSED;
// Ends the process, without `ended`.
void supervisor_free(struct supervisor *supervisor);
// Starts it for the first time: once.
void supervisor_start(struct supervisor *supervisor);
bool supervisor_is_running(const struct supervisor *supervisor) WARN_UNUSED;
// Ends it if it runs, and starts it anew after restart_ms.
void supervisor_restart(struct supervisor *supervisor);
// Only with `frame`. A frame for a process that does not run is lost, and one for a process that
// does not read may be: who needs an answer sets a limit to its wait.
void supervisor_send(struct supervisor *supervisor, const void *bytes, size_t size_bytes);
