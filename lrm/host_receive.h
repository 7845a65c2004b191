// SPDX-License-Identifier: Apache-2.0
// The workers that receive guests which other nodes move here live. They are no jobs of the LRM's
// core: the master has ordered the move from the other node, and what comes of it here is decided
// by the guest's record (docs/guests.md). A job for the same guest ends its receiver first.
//
// INV-5: a receiver is begun only while this node may start guests and has noted that this one may
// come, so that whatever ends this node's guests ends it too: it runs in the group in which a
// worker for the guest would.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/macros.h"

struct host_receive;
struct host_workers_spec;
struct store;

// The specification of the workers; borrowed.
struct host_receive *host_receive_new(const struct host_workers_spec *spec) WARN_UNUSED;
// Kills those that still run.
void host_receive_free(struct host_receive *receive);
// Looks what is offered to this node, and begins what may be begun; each offer once. `may` says
// whether a guest may come now.
void host_receive_look(struct host_receive *receive, struct store *store, uint64_t lease_term,
                       bool (*may)(void *userdata, const char *sid), void *userdata);
// Kills the guest's receiver, if there is one; of all guests when the sid is NULL.
void host_receive_end(struct host_receive *receive, const char *sid);
