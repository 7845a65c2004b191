// SPDX-License-Identifier: Apache-2.0
// What the agents of all types are made of: the port, and what they work with. Used by the agents'
// files only.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/macros.h"
#include "common/port/agent.h"
#include "lrm/agents/agent_context.h"
#include "lrm/agents/service_task.h"

struct service_agent {
    struct agent agent; // first, so that the port's pointer is ours
    char *node;
    char *output; // what the port shows of it
    // As in the context (agent_context.h).
    struct store *store;
    struct event_sink *events;
    uint64_t lease_term;
    int64_t stop_timeout_s;
    int (*is_gone)(void *userdata, const char *node, bool *ret, struct error *err);
    void *is_gone_userdata;
};

// The agent for one worker process or tool. Never NULL. What the context points to is borrowed, but
// for the node's name.
struct agent *service_agent_new(const struct agent_ops *ops,
                                const struct agent_context *context) WARN_UNUSED;
void service_agent_free(struct agent *agent);
void service_agent_freep(struct agent **agent);
// The last lines that a verb has printed, kept for the port; NULL: none, as each verb begins.
void service_agent_set_output(struct service_agent *agent, const char *text);
// What changes the service's place to the target, as the last step of a move.
struct service_move service_agent_move(const struct service_agent *agent, const char *sid,
                                       const char *target) WARN_UNUSED;
