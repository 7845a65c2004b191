// SPDX-License-Identifier: Apache-2.0
// What the boot of a node may have brought up: a service that belongs to another node, since its
// unit is enabled here or somebody's script starts it. Looked for once, when the LRM begins, among
// the services whose types can start by themselves; what runs and works is stopped (INV-1).
#pragma once

#include "common/base/macros.h"

struct agent;
struct arena;
struct error;
struct event_sink;
struct store;

struct stray_guard_spec {
    const char *node; // this one
    struct store *store;
    struct event_sink *events;
    // The agent for the type, or NULL when services of it cannot start by themselves.
    struct agent *(*agent_for)(void *userdata, const char *type);
    void *userdata;
};

// Looks through all services and stops strays. 0, or -EHOSTDOWN and the like when the places that
// are known may be old: then nothing was done.
int stray_guard_run(struct arena *arena, const struct stray_guard_spec *spec,
                    struct error *err) WARN_UNUSED;
