// SPDX-License-Identifier: Apache-2.0
// Which addresses this machine has.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/base/macros.h"

struct arena;
struct error;

// Whether the text is a numeric IPv4 or IPv6 address.
bool network_is_address(const char *text) WARN_UNUSED;
// Whether one of this machine's interfaces has the numeric address.
bool network_is_local(const char *address) WARN_UNUSED;
// The first address, in the order of the interfaces, of an interface that is up and not the
// loopback; IPv4 before IPv6, link-local ones never. In the arena. -EADDRNOTAVAIL when there is
// none.
int network_first_address(struct arena *arena, char **ret_address, struct error *err) WARN_UNUSED;
// All addresses of interfaces that are up, the loopback's too, link-local ones never, in the order
// of the interfaces. In the arena.
int network_addresses(struct arena *arena, const char *const **ret_addresses, size_t *ret_count,
                      struct error *err) WARN_UNUSED;
