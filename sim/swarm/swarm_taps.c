// SPDX-License-Identifier: Apache-2.0
#include "sim/swarm/swarm_taps.h"

#include <errno.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/port/membership.h"
#include "sim/swarm/swarm_clusterd.h"
#include "sim/swarm/swarm_fiber.h"
#include "sim/swarm/swarm_host.h"

enum { CONNECT_WAIT_MS = 2000, CONNECT_LOOK_MS = 2 };

void swarm_client_ignore(void *userdata)
{
    (void)userdata;
}

bool swarm_await_connection(struct swarm_node *node, struct swarm_client *client,
                            struct swarm_fiber *fiber)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    for (int64_t ms = 0; ms < CONNECT_WAIT_MS; ms += CONNECT_LOOK_MS) {
        struct member_list members;
        if (membership_get(swarm_client_membership(client), arena, &members, NULL) != -ENOTCONN) {
            return true;
        }
        if (!swarm_sleep(node->world, &node->gate, fiber, CONNECT_LOOK_MS * SWARM_MS)) {
            return false;
        }
    }
    return false;
}

static bool is_blind(const struct swarm_store_tap *tap)
{
    return tap->is_blind != NULL && *tap->is_blind;
}

static int refuse_blind(struct error *err)
{
    return error_set(err, -EIO, "what ha-clusterd sends cannot be read");
}

static int tap_refresh(struct store *port, struct error *err)
{
    const struct swarm_store_tap *tap = (const struct swarm_store_tap *)port;
    return is_blind(tap) ? refuse_blind(err) : store_refresh(tap->inner, err);
}

static int tap_read(struct store *port, const char *prefix, uint64_t since, struct arena *arena,
                    struct store_entries *ret, struct error *err)
{
    const struct swarm_store_tap *tap = (const struct swarm_store_tap *)port;
    return is_blind(tap) ? refuse_blind(err)
                         : store_read(tap->inner, prefix, since, arena, ret, err);
}

static int tap_commit(struct store *port, const struct store_txn *txn, uint64_t *ret_version,
                      struct error *err)
{
    const struct swarm_store_tap *tap = (const struct swarm_store_tap *)port;
    uint64_t version = 0;
    int r = store_commit(tap->inner, txn, &version, err);
    if (swarm_fiber_is_ended(tap->fiber)) {
        return r; // nobody is there to hear the answer
    }
    swarm_tell_committed(tap->node, r, r == 0 ? version : 0);
    if (r == 0 && ret_version != NULL) {
        *ret_version = version;
    }
    return r;
}

void swarm_store_tap_init(struct swarm_store_tap *tap, struct swarm_node *node, struct store *inner,
                          const struct swarm_fiber *fiber, const bool *is_blind)
{
    static const struct store_ops ops = {
        .refresh = tap_refresh, .read = tap_read, .commit = tap_commit};
    *tap = (struct swarm_store_tap){{&ops}, inner, node, fiber, is_blind};
}

static int tap_acquire(struct lease *port, const char *name, struct lease_grant *ret,
                       struct error *err)
{
    const struct swarm_lease_tap *tap = (const struct swarm_lease_tap *)port;
    int answer = lease_acquire(tap->inner, name, ret, err);
    if (answer == LEASE_ACQUIRED || answer == LEASE_RENEWED) {
        if (tap->term != NULL) {
            *tap->term = ret->term;
        }
        if (!swarm_fiber_is_ended(tap->fiber)) {
            swarm_tell_authority(tap->node, name, ret->term, ret->authority_until_ms);
        }
    }
    return answer;
}

static int tap_release(struct lease *port, const char *name, struct error *err)
{
    const struct swarm_lease_tap *tap = (const struct swarm_lease_tap *)port;
    if (tap->term != NULL) {
        *tap->term = 0;
    }
    int r = lease_release(tap->inner, name, err);
    if (r == 0 && !swarm_fiber_is_ended(tap->fiber)) {
        swarm_tell_authority(tap->node, name, 0, swarm_clock_now_ms(&tap->node->clock));
    }
    return r;
}

void swarm_lease_tap_init(struct swarm_lease_tap *tap, struct swarm_node *node, struct lease *inner,
                          const struct swarm_fiber *fiber, uint64_t *term)
{
    static const struct lease_ops ops = {.acquire = tap_acquire, .release = tap_release};
    *tap = (struct swarm_lease_tap){{&ops}, inner, node, fiber, term};
}
