// SPDX-License-Identifier: Apache-2.0
// Asking the master to move a service: what ha-manager and ha-guest have in common.
#pragma once

#include "common/base/macros.h"
#include "common/model/command.h"

struct cli;
struct error;

// Of the parameters "sid" and "node"; COMMAND_KIND_MIGRATE or COMMAND_KIND_RELOCATE. Prints which
// services move along. -EBUSY: others on that node keep it away, and then the master refuses it.
int move_request(struct cli *cli, enum command_kind kind, struct error *err) WARN_UNUSED;
