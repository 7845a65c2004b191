// SPDX-License-Identifier: Apache-2.0
// The ids port on the real machine: random UUIDs.
#pragma once

#include "common/port/ids.h"

void host_ids_init(struct ids *ids);
