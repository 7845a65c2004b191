// SPDX-License-Identifier: Apache-2.0
// All calls of the API. Each file here has the table of one part of the paths, and what its calls
// do; a new file is a declaration here and a row in endpoints.c.
#pragma once

#include <stddef.h>

#include "api/call/method.h"

extern const struct method_table endpoints_access;       // /access: tickets, realms, passwords
extern const struct method_table endpoints_access_users; // /access/users, tokens, groups
extern const struct method_table endpoints_access_roles; // /access/roles, acl
extern const struct method_table endpoints_tasks;        // /nodes/{node}/tasks, /cluster/tasks
extern const struct method_table endpoints_version;      // /version and the like
extern const struct method_table endpoints_cluster;      // /cluster/status, resources, nextid
extern const struct method_table endpoints_options;      // /cluster/options
extern const struct method_table endpoints_config;       // /cluster/config: nodes, totem
extern const struct method_table endpoints_join;         // /cluster/config: create, join
extern const struct method_table endpoints_resources;    // /cluster/ha/resources
extern const struct method_table endpoints_rules;        // /cluster/ha/rules
extern const struct method_table endpoints_groups;       // /cluster/ha/groups, a view of the rules
extern const struct method_table endpoints_ha_status;    // /cluster/ha/status, maintenance
extern const struct method_table endpoints_cluster_log;  // /cluster/ha/history, /cluster/log
extern const struct method_table endpoints_ha_answers;   // what-if, why
extern const struct method_table endpoints_ha_facts;     // /cluster/ha/leases, timing, fence
extern const struct method_table endpoints_nodes;        // /nodes, /nodes/{node}/status
extern const struct method_table endpoints_guests;       // /nodes/{node}/lxc and qemu
extern const struct method_table endpoints_usage;        // …/rrddata
extern const struct method_table endpoints_guest_power;  // …/status/start and so on, migrate
extern const struct method_table endpoints_storage;      // /storage, /nodes/{node}/storage

// NULL-terminated.
extern const struct method_table *const endpoints_all[];
