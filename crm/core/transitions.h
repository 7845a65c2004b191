// SPDX-License-Identifier: Apache-2.0
// Which moves the state variables of the CRM may make, as data: the tables that transition_move()
// enforces and the rows with their conditions, from which documentation and tests are made.
#pragma once

#include <stddef.h>

#include "common/model/transition.h"

extern const struct transition_table transitions_service;
extern const struct transition_table transitions_node;
extern const struct transition_table transitions_crm;

extern const struct transition_row transitions_service_rows[];
extern const size_t transitions_service_rows_count;
extern const struct transition_row transitions_node_rows[];
extern const size_t transitions_node_rows_count;
extern const struct transition_row transitions_crm_rows[];
extern const size_t transitions_crm_rows_count;
