// SPDX-License-Identifier: Apache-2.0
// The one table of agents: which types of services this build knows, and what can be done to each.
// A new agent is one row in agents.c and its files beside it.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/macros.h"

struct agent;
struct agent_context;
struct error;
struct guest;
struct guest_traffic;

struct agent_type {
    const char *name; // the part of a sid before ":"
    // Never NULL.
    struct agent *(*open)(const struct agent_context *context);
    void (*close)(struct agent *agent);
    // The first process of a running service, for watching its end; 0: it does not run here or
    // cannot be watched.
    pid_t (*init_pid)(const char *sid);
    // In a process of its own: writes the ids of services of this type that have ended to the
    // descriptor, a line each, at once and of whatever node they are; until the other side is
    // closed, or the ends cannot be told. The exit status. NULL: init_pid is enough.
    int (*watch)(int fd, void *userdata);
    // What it uses, by its control group; processor time since its start. NULL: not known.
    int (*load)(const char *sid, bool *ret_running, int64_t *ret_cpu_us, int64_t *ret_mem_bytes,
                struct error *err);
    // What it has read, written, received and sent. NULL: not known.
    int (*traffic)(const char *sid, struct guest_traffic *ret, struct error *err);
    // 0, or -EINVAL naming the definition's key and what is allowed. NULL: it has no definition
    // that ha-guest edits.
    int (*check_definition)(const struct guest *guest, struct error *err);
    // The whole check on this node of a service that ha-manager defines: what it needs is there and
    // accepts its settings. `thorough`: its own program is asked, too. NULL: it is a guest, which
    // exists before it is put under HA.
    int (*validate)(const struct guest *guest, const char *node, bool thorough, struct error *err);
};

// One after the other; NULL: there are no more.
const struct agent_type *agents_at(size_t position) WARN_UNUSED;
// NULL: there is no such type.
const struct agent_type *agents_find(const char *type) WARN_UNUSED;
// The same for the type of a service.
const struct agent_type *agents_find_of(const char *sid) WARN_UNUSED;
