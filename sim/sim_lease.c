// SPDX-License-Identifier: Apache-2.0
// The lease table's rules.
#include "sim/sim_lease.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/error.h"
#include "common/port/lease.h"

static void sim_lease_free(void *value)
{
    struct sim_lease *lease = value;
    free(lease->owner);
    free(lease);
}

void sim_leases_init(struct sim_leases *leases)
{
    *leases = (struct sim_leases){0};
    map_init(&leases->leases, sim_lease_free);
    map_init(&leases->released, NULL);
}

void sim_leases_done(struct sim_leases *leases)
{
    map_done(&leases->leases);
    map_done(&leases->released);
}

static int sim_leases_take(struct sim_leases *leases, const char *name, const char *owner,
                           int64_t now_ms, uint64_t *ret_term)
{
    const struct sim_lease *before = sim_leases_find(leases, name);
    struct sim_lease *lease = alloc_zero(sizeof(*lease));
    if (before != NULL) {
        lease->origin = before->broken ? LEASE_ORIGIN_INHERITED : LEASE_ORIGIN_EXPIRED;
    } else if (map_remove(&leases->released, name)) {
        lease->origin = LEASE_ORIGIN_RELEASED;
    }
    lease->owner = alloc_strdup(owner);
    lease->at_ms = now_ms;
    lease->term = ++leases->terms_given;
    *ret_term = lease->term;
    map_put(&leases->leases, name, lease);
    return LEASE_ACQUIRED;
}

int sim_leases_acquire(struct sim_leases *leases, const char *name, const char *owner,
                       int64_t now_ms, int64_t lease_ms, uint64_t *ret_term, int64_t *ret_until_ms)
{
    struct sim_lease *lease = map_find(&leases->leases, name);
    *ret_until_ms = now_ms + lease_ms;
    if (lease == NULL || lease->broken || now_ms - lease->at_ms > lease_ms) {
        return sim_leases_take(leases, name, owner, now_ms, ret_term);
    }
    *ret_term = lease->term;
    if (strcmp(lease->owner, owner) != 0) {
        *ret_until_ms = lease->at_ms + lease_ms;
        return LEASE_BUSY;
    }
    lease->at_ms = now_ms;
    return LEASE_RENEWED;
}

int sim_leases_release(struct sim_leases *leases, const char *name, const char *owner,
                       int64_t now_ms, int64_t lease_ms, struct error *err)
{
    const struct sim_lease *lease = map_find(&leases->leases, name);
    if (lease == NULL || now_ms - lease->at_ms > lease_ms || strcmp(lease->owner, owner) != 0) {
        return error_set(err, -ENOENT, "the lease '%s' is not held", name);
    }
    (void)map_remove(&leases->leases, name); // it is there
    map_put(&leases->released, name, NULL);
    return 0;
}

bool sim_leases_is_held(const struct sim_leases *leases, const char *name, const char *owner,
                        uint64_t term)
{
    const struct sim_lease *lease = map_find(&leases->leases, name);
    return lease != NULL && !lease->broken && strcmp(lease->owner, owner) == 0 &&
           lease->term == term;
}

void sim_leases_break(struct sim_leases *leases, const char *name)
{
    struct sim_lease *lease = map_find(&leases->leases, name);
    if (lease != NULL) {
        lease->broken = true;
    }
}

const struct sim_lease *sim_leases_find(const struct sim_leases *leases, const char *name)
{
    return map_find(&leases->leases, name);
}
