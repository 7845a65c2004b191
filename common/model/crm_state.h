// SPDX-License-Identifier: Apache-2.0
// States of the CRM daemon.
#pragma once

#include "common/base/enum_table.h"

enum crm_state {
    CRM_STATE_STARTUP,
    CRM_STATE_WAIT_FOR_QUORUM,
    CRM_STATE_SLAVE,
    CRM_STATE_MASTER,
    CRM_STATE_LOST_MANAGER_LOCK,
    CRM_STATE_MAX
};
ENUM_TABLE_DECLARE(crm_state);
