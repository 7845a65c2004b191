// SPDX-License-Identifier: Apache-2.0
// Tasks: work that goes on after its call has been answered, with a UPID, a log and an end. Each is
// a program of ours in a process of its own; its output is the log, its exit status the end. Logs
// are files on the node, /var/log/ha-manager/tasks; the list of a node's tasks is in the store
// below live/task/<node>, and the ended ones of a node in its file `index` (task_files.h).
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"

struct arena;
struct error;

struct task_spec {
    const char *type;        // "vzstart"
    const char *id;          // "100", or ""
    const char *const *argv; // NULL-terminated; the program's name without folder is one of ours
    const char *input;       // its standard input, for secrets; or NULL
    const char *address;     // from where it is asked for, as the daemon knows; NULL: it does not
    // Instead of argv, and in METHOD_KIND_WORK only: what is to be done before the call is answered
    // (setting a request, say); what it writes to log_fd is the log.
    // 0, or -errno with words that become "TASK ERROR: …".
    int (*run)(void *userdata, int log_fd, struct error *err);
    void *userdata;
};
