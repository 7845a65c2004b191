// SPDX-License-Identifier: Apache-2.0
// A service of the simulated world as an operator sees it: its configuration and its guest, in the
// store.
#pragma once

#include "common/base/macros.h"

struct arena;
struct error;
struct guest;
struct resource;
struct sim_sizes;
struct sim_world;

// vm:<number>, ct:<number>, or fa:<3 to 6 digits>.
int sim_service_check_sid(const char *sid, struct error *err) WARN_UNUSED;
// -ENOENT when there is no such service.
int sim_service_get(const struct sim_world *world, struct arena *arena, const char *sid,
                    struct resource **ret_resource, struct guest **ret_guest,
                    struct error *err) WARN_UNUSED;
// Writes both.
void sim_service_put(struct sim_world *world, const struct resource *resource,
                     const struct guest *guest);
// Removes the configuration, the guest and its sizes. What runs goes on.
void sim_service_remove(struct sim_world *world, const char *sid);
// The sizes for changing; made with the usual values when there are none.
struct sim_sizes *sim_service_sizes(struct sim_world *world, const char *sid) WARN_UNUSED;
