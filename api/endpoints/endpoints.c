// SPDX-License-Identifier: Apache-2.0
// The list of all tables.
#include "api/endpoints/endpoints.h"

const struct method_table *const endpoints_all[] = {
    &endpoints_access,       &endpoints_access_users,
    &endpoints_access_roles, &endpoints_tasks,
    &endpoints_version,      &endpoints_cluster,
    &endpoints_config,       &endpoints_join,
    &endpoints_options,      &endpoints_resources,
    &endpoints_rules,        &endpoints_groups,
    &endpoints_ha_status,    &endpoints_ha_answers,
    &endpoints_ha_facts,     &endpoints_cluster_log,
    &endpoints_nodes,        &endpoints_guests,
    &endpoints_usage,        &endpoints_guest_power,
    &endpoints_storage,      NULL,
};
