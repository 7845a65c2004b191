// SPDX-License-Identifier: Apache-2.0
// Reading and writing guests' documents, and what keeps two of our tools from working on the same
// guest at once.
#pragma once

#include <stdint.h>

#include "common/base/macros.h"

struct cli;
struct error;
struct guest;
struct tool_context;

// The guest as it is now, for a change of it; -ENOENT.
int guest_record_read(struct cli *cli, const struct tool_context *context, const char *sid,
                      struct guest **ret, uint64_t *ret_version, struct error *err) WARN_UNUSED;
// Writes it if it has this version; `ret_version` may be NULL.
int guest_record_write(struct cli *cli, const struct tool_context *context,
                       const struct guest *guest, uint64_t expect, struct error *err) WARN_UNUSED;
// -EEXIST when a guest of any type has the number, since every tool accepts the bare number;
// -EINVAL: there are no guests of this type.
int guest_record_check_free(struct cli *cli, const struct tool_context *context, const char *sid,
                            struct error *err) WARN_UNUSED;

// On this node one tool at a time changes what becomes of a guest (starts it, gives it away, copies
// it): a descriptor to be closed, or -EBUSY. What the LRM does is kept apart by the service's own
// lock.
int guest_record_lock(struct cli *cli, const char *sid, struct error *err) WARN_UNUSED;
void guest_record_unlock(int *fd);
