// SPDX-License-Identifier: Apache-2.0
// Processes beside ha-lrm that tell of the ends of services which no process of the kernel stands
// for, or not only: one for each type of service whose agent can (struct agent_type: watch). What
// they miss while they are away, the LRM's looks now and then find.
#pragma once

#include <stdbool.h>

#include "common/base/macros.h"

struct loop;
struct service_watch;

struct service_watch_spec {
    struct loop *loop;
    // A service has ended, maybe one of another node, or one that was told to.
    void (*ended)(void *userdata, const char *sid);
    void *userdata;
};

struct service_watch *service_watch_new(const struct service_watch_spec *spec) WARN_UNUSED;
void service_watch_free(struct service_watch *watch);
// Begins to watch the types of which `has` says that there are services here, and that can be
// watched. Once is enough for each; it goes on until the end.
void service_watch_look(struct service_watch *watch,
                        bool (*has)(const void *userdata, const char *type), const void *userdata);
