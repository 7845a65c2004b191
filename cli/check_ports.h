// SPDX-License-Identifier: Apache-2.0
// Looks from this node at the ports of Corosync that do not answer: those of nodes that are gone,
// and of links that are down.
#pragma once

#include <stddef.h>

#include "cli/check_rows.h"

// `status` and `members` as in struct check_input. Takes some seconds when there are any. In the
// arena. None when there is no corosync.conf, or one with other ports than the usual ones.
void check_ports_find(struct arena *arena, const struct json *status, const struct json *members,
                      const char *self, const struct check_port **ret_ports, size_t *ret_count);
