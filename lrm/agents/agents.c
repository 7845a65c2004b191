// SPDX-License-Identifier: Apache-2.0
// Type → operations. What they do is the agents' matter.
#include "lrm/agents/agents.h"

#include <stddef.h>
#include <string.h>

#include "lrm/agents/ct.h"
#include "lrm/agents/ct_config.h"
#include "lrm/agents/ct_load.h"
#include "lrm/agents/ocf.h"
#include "lrm/agents/ocf_definition.h"
#include "lrm/agents/unit.h"
#include "lrm/agents/vm.h"
#include "lrm/agents/vm_config.h"

static struct agent *agents_open_ct(const struct agents_context *context)
{
    const struct ct_agent_config config = {
        .node = context->node,
        .store = context->store,
        .lease_term = context->lease_term,
        .stop_timeout_s = context->stop_timeout_s,
        .is_fenced = context->is_fenced,
        .is_fenced_userdata = context->is_fenced_userdata,
    };
    return ct_agent_new(&config);
}

static struct agent *agents_open_ocf(const struct agents_context *context)
{
    const struct ocf_agent_config config = {
        .node = context->node,
        .store = context->store,
        .lease_term = context->lease_term,
        .stop_timeout_s = context->stop_timeout_s,
    };
    return ocf_agent_new(&config);
}

static struct agent *agents_open_vm(const struct agents_context *context)
{
    const struct vm_agent_config config = {
        .node = context->node,
        .store = context->store,
        .events = context->events,
        .lease_term = context->lease_term,
        .stop_timeout_s = context->stop_timeout_s,
    };
    return vm_agent_new(&config);
}

static struct agent *agents_open_unit(const struct agents_context *context)
{
    const struct unit_agent_config config = {
        .node = context->node,
        .store = context->store,
        .lease_term = context->lease_term,
        .stop_timeout_s = context->stop_timeout_s,
    };
    return unit_agent_new(&config);
}

// One row a type.
static const struct agent_type agents_types[] = {
    {.name = "ct",
     .open = agents_open_ct,
     .close = ct_agent_free,
     .init_pid = ct_agent_init_pid,
     .load = ct_load_read,
     .check_definition = ct_config_check},
    {.name = "ocf",
     .open = agents_open_ocf,
     .close = ocf_agent_free,
     .init_pid = ocf_agent_init_pid,
     .check_definition = ocf_definition_check,
     .validate = ocf_agent_validate},
    {.name = "unit",
     .open = agents_open_unit,
     .close = unit_agent_free,
     .init_pid = unit_agent_init_pid,
     .check_definition = unit_agent_check_definition,
     .validate = unit_agent_validate},
    {.name = "vm",
     .open = agents_open_vm,
     .close = vm_agent_free,
     .init_pid = vm_agent_init_pid,
     .load = vm_agent_load,
     .check_definition = vm_config_check},
};

static const struct agent_type *agents_search(const char *type, size_t length)
{
    for (size_t i = 0; i < ARRAY_SIZE(agents_types); i++) {
        const char *name = agents_types[i].name;
        if (strlen(name) == length && memcmp(name, type, length) == 0) {
            return &agents_types[i];
        }
    }
    return NULL;
}

const struct agent_type *agents_find(const char *type)
{
    return agents_search(type, strlen(type));
}

const struct agent_type *agents_find_of(const char *sid)
{
    return agents_search(sid, strcspn(sid, ":"));
}
