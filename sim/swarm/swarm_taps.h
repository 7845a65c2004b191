// SPDX-License-Identifier: Apache-2.0
// Between a daemon and its ports: what the observer is told about transactions and authority, and
// the term of a node's agent lease, which its workers need.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/macros.h"
#include "common/port/lease.h"
#include "common/port/store.h"

struct swarm_client;
struct swarm_fiber;
struct swarm_node;

// For a client that looks by itself.
void swarm_client_ignore(void *userdata);
// What a program does that is to use ha-clusterd now or not at all: waits for its connection.
// False: there is none.
bool swarm_await_connection(struct swarm_node *node, struct swarm_client *client,
                            struct swarm_fiber *fiber) WARN_UNUSED;

struct swarm_store_tap {
    struct store port; // first
    struct store *inner;
    struct swarm_node *node;
    const struct swarm_fiber *fiber; // in which it is used
    const bool *is_blind;            // while true, nothing can be read; NULL: never
};
void swarm_store_tap_init(struct swarm_store_tap *tap, struct swarm_node *node, struct store *inner,
                          const struct swarm_fiber *fiber, const bool *is_blind);

struct swarm_lease_tap {
    struct lease port; // first
    struct lease *inner;
    struct swarm_node *node;
    const struct swarm_fiber *fiber;
    uint64_t *term; // of what is held, 0: nothing; or NULL
};
void swarm_lease_tap_init(struct swarm_lease_tap *tap, struct swarm_node *node, struct lease *inner,
                          const struct swarm_fiber *fiber, uint64_t *term);
