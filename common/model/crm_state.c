// SPDX-License-Identifier: Apache-2.0
// Spelling of the CRM's states.
#include "common/model/crm_state.h"

ENUM_TABLE(crm_state, CRM_STATE_MAX, [CRM_STATE_STARTUP] = "startup",
           [CRM_STATE_WAIT_FOR_QUORUM] = "wait_for_quorum", [CRM_STATE_SLAVE] = "slave",
           [CRM_STATE_MASTER] = "master", [CRM_STATE_LOST_MANAGER_LOCK] = "lost_manager_lock");
