// SPDX-License-Identifier: Apache-2.0
// Turning the older groups into rules for good, once the whole cluster is ready for it. Internal to
// crm/core.
#pragma once

struct master_round;

void group_migration_process(struct master_round *round);
