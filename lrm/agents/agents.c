// SPDX-License-Identifier: Apache-2.0
// Type → operations. What they do is the agents' matter.
#include "lrm/agents/agents.h"

#include <stddef.h>
#include <string.h>

#include "lrm/agents/ct.h"
#include "lrm/agents/ct_config.h"
#include "lrm/agents/ct_load.h"
#include "lrm/agents/guest_traffic.h"
#include "lrm/agents/ocf.h"
#include "lrm/agents/ocf_definition.h"
#include "lrm/agents/service_agent.h"
#include "lrm/agents/unit.h"
#include "lrm/agents/vm.h"
#include "lrm/agents/vm_config.h"

// One row a type.
static const struct agent_type agents_types[] = {
    {.name = "ct",
     .open = ct_agent_new,
     .close = service_agent_free,
     .init_pid = ct_agent_init_pid,
     .load = ct_load_read,
     .traffic = guest_traffic_of_container,
     .check_definition = ct_config_check},
    {.name = "ocf",
     .open = ocf_agent_new,
     .close = service_agent_free,
     .init_pid = ocf_agent_init_pid,
     .check_definition = ocf_definition_check,
     .validate = ocf_agent_validate},
    {.name = "unit",
     .open = unit_agent_new,
     .close = service_agent_free,
     .init_pid = unit_agent_init_pid,
     .watch = unit_agent_watch,
     .check_definition = unit_agent_check_definition,
     .validate = unit_agent_validate},
    {.name = "vm",
     .open = vm_agent_new,
     .close = service_agent_free,
     .init_pid = vm_agent_init_pid,
     .load = vm_agent_load,
     .traffic = guest_traffic_of_machine,
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

const struct agent_type *agents_at(size_t position)
{
    return position < ARRAY_SIZE(agents_types) ? &agents_types[position] : NULL;
}

const struct agent_type *agents_find(const char *type)
{
    return agents_search(type, strlen(type));
}

const struct agent_type *agents_find_of(const char *sid)
{
    return agents_search(sid, strcspn(sid, ":"));
}
