// SPDX-License-Identifier: Apache-2.0
// Making and freeing agents.
#include "lrm/agents/service_agent.h"

#include <stdlib.h>

#include "common/base/alloc.h"

struct agent *service_agent_new(const struct agent_ops *ops, const struct agent_context *context)
{
    struct service_agent *agent = alloc_zero(sizeof(*agent));
    agent->agent.ops = ops;
    agent->node = alloc_strdup(context->node);
    agent->store = context->store;
    agent->events = context->events;
    agent->lease_term = context->lease_term;
    agent->stop_timeout_s = context->stop_timeout_s;
    agent->is_gone = context->is_gone;
    agent->is_gone_userdata = context->is_gone_userdata;
    return &agent->agent;
}

void service_agent_free(struct agent *agent)
{
    struct service_agent *self = (struct service_agent *)agent;
    if (self != NULL) {
        free(self->node);
        free(self->output);
        free(self);
    }
}

void service_agent_freep(struct agent **agent)
{
    service_agent_free(*agent);
}

void service_agent_set_output(struct service_agent *agent, const char *text)
{
    char *output = text != NULL ? alloc_strdup(text) : NULL;
    free(agent->output);
    agent->output = output;
    agent->agent.output = output;
}

struct service_move service_agent_move(const struct service_agent *agent, const char *sid,
                                       const char *target)
{
    return (struct service_move){.store = agent->store,
                                 .node = agent->node,
                                 .lease_term = agent->lease_term,
                                 .sid = sid,
                                 .target = target};
}
