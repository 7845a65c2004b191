// SPDX-License-Identifier: Apache-2.0
// INV-14: when one node loses its power and nothing else is wrong, what ran there runs elsewhere
// within the time that the timing promises, master or not. Anything else that happens calls the
// watch off: then the end of the round judges.
#include <string.h>

#include "sim/swarm/swarm_checks_internal.h"

enum {
    RECOVERY_START_MS = 2500, // of one batch of starts
    RECOVERY_BATCH = 4,       // workers of one node
};

void check_recovery_cancel(struct swarm_checks *checks)
{
    checks->recover_by_us = INT64_MAX;
    map_clear(&checks->lost);
}

// Whether the service is to run, as far as was committed, and nothing ties it to that node.
static bool recovery_is_due(const struct swarm_checks *checks, const char *sid)
{
    int64_t since_us = 0;
    const struct swarm_record *record = swarm_records_find(checks->records, sid);
    return record != NULL && record->resource != NULL && record->service != NULL &&
           record->resource->state == REQUEST_STATE_STARTED &&
           record->service->state == SVC_STATE_STARTED && record->service->running &&
           !map_has(&checks->errors, sid) &&
           swarm_records_affinity(checks->records, &since_us) == NULL;
}

void check_recovery_begin(struct swarm_checks *checks, int64_t true_us, size_t node)
{
    const struct timing *timing = &checks->timing;
    const struct manager_status *status = swarm_records_status(checks->records);
    check_recovery_cancel(checks);
    if (!swarm_truth_is_single_loss(checks->truth, node) || status == NULL ||
        status->disarm != DISARM_MODE_NONE) {
        return;
    }
    map_each (e, &checks->guests) {
        const struct check_guest *guest = e->value;
        if (guest->runs[node] && recovery_is_due(checks, e->key)) {
            map_put(&checks->lost, e->key, checks);
        }
    }
    if (checks->lost.count > 0) {
        int64_t batches = 1 + (int64_t)(checks->lost.count / RECOVERY_BATCH);
        // A renewal that was on its way is delivered when the ring has changed, and counts from
        // then.
        int64_t bound_ms = timing_worst_failover_ms(timing) + timing_detection_ms(timing) +
                           batches * RECOVERY_START_MS;
        checks->recover_by_us =
            true_us + bound_ms * CHECK_US * (1000 + TIMING_RHO_PER_MILLE) / 1000;
    }
}

void check_recovery(struct swarm_checks *checks, int64_t true_us)
{
    if (true_us < checks->recover_by_us) {
        return;
    }
    map_each (e, &checks->lost) {
        const struct check_guest *guest = map_find(&checks->guests, e->key);
        const struct swarm_record *record = swarm_records_find(checks->records, e->key);
        bool is_wanted = record != NULL && record->resource != NULL &&
                         record->resource->state == REQUEST_STATE_STARTED;
        if (is_wanted && (guest == NULL || guest->running == 0)) {
            check_violate(checks, true_us,
                          "INV-14: %s lost its node and does not run again, all else being well",
                          e->key);
        }
    }
    check_recovery_cancel(checks);
}
