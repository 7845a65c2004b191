// SPDX-License-Identifier: Apache-2.0
// INV-10: nodes that come and go, each absence shorter than the tolerance, are never fenced, by no
// master, with renewals of the lease and its loss in between; and one that stays away longer is.
#include <inttypes.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/prng.h"
#include "common/model/store_keys.h"
#include "tests/lib/crm_builders.h"
#include "tests/lib/fixture.h"

enum { SEEDS = 300, STEPS = 120, NODES = 5 };

struct flapping {
    struct cluster *cluster;
    struct prng prng;
    int64_t away_since_ms[NODES]; // 0: it is there
    uint64_t seed;
};

static int64_t flapping_pick(struct flapping *flapping, int64_t limit)
{
    return (int64_t)prng_below(&flapping->prng, (uint64_t)limit);
}

static void flapping_check(const struct flapping *flapping, const char *when)
{
    map_each (entry, &flapping->cluster->documents.slots) {
        const struct crm_slot *slot = entry->value;
        if (slot->record != NULL && slot->record->state == SVC_STATE_FENCE) {
            fail_msg("seed %" PRIu64 ", %s: %s is fenced", flapping->seed, when, slot->sid);
        }
    }
    for (int i = 0; i < NODES; i++) {
        const char *node = arena_printf(flapping->cluster->arena, "node%d", i + 1);
        if (cluster_node_state(flapping->cluster, node) == NODE_STATE_FENCE) {
            fail_msg("seed %" PRIu64 ", %s: %s is fenced", flapping->seed, when, node);
        }
    }
}

// Whoever would be away too long at the end of the step is back before.
static void flapping_move(struct flapping *flapping, int64_t step_ms)
{
    struct cluster *cluster = flapping->cluster;
    for (int i = 1; i < NODES; i++) { // node1 is the one that decides
        const char *node = arena_printf(cluster->arena, "node%d", i + 1);
        int64_t since_ms = flapping->away_since_ms[i];
        int64_t end_ms = cluster->input.now_ms + step_ms;
        bool must = since_ms > 0 && end_ms - since_ms >= cluster->timing.fence_delay_ms;
        if (must || (since_ms > 0 && flapping_pick(flapping, 2) == 0)) {
            flapping->away_since_ms[i] = 0;
            cluster_set_online(cluster, node, true);
        } else if (since_ms == 0 && flapping_pick(flapping, 3) == 0) {
            flapping->away_since_ms[i] = cluster->input.now_ms;
            cluster_set_online(cluster, node, false);
        }
    }
}

static void flapping_step(struct flapping *flapping)
{
    struct cluster *cluster = flapping->cluster;
    int64_t step_ms = 1 + flapping_pick(flapping, cluster->timing.fence_delay_ms - 1);
    flapping_move(flapping, step_ms);
    // Mastership comes and goes as well.
    int64_t lease = flapping_pick(flapping, 8);
    cluster_lease(cluster, LEASE_MANAGER,
                  lease == 0   ? LEASE_BUSY
                  : lease == 1 ? LEASE_ACQUIRED
                               : LEASE_RENEWED);
    cluster->write_fails = flapping_pick(flapping, 10) == 0;
    cluster_round(cluster);
    flapping_check(flapping, "at the moment of a change");
    cluster_pass_ms(cluster, step_ms);
    cluster_round(cluster);
    flapping_check(flapping, "before the next change");
}

static void flapping_run(struct arena *arena, uint64_t seed, enum timing_profile profile)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_new(arena, profile, NODES);
    struct flapping flapping = {.cluster = cluster, .seed = seed};
    prng_init(&flapping.prng, seed);
    cluster_settle_nodes(cluster);
    for (int i = 0; i < NODES; i++) {
        (void)cluster_service(cluster, arena_printf(arena, "ct:%d00", i + 1), SVC_STATE_STARTED,
                              arena_printf(arena, "node%d", i + 1), REQUEST_STATE_STARTED);
    }
    for (int i = 0; i < STEPS; i++) {
        flapping_step(&flapping);
    }
    // The test can fail: the same world fences a node that stays away.
    cluster_lease(cluster, LEASE_MANAGER, LEASE_RENEWED);
    cluster->write_fails = false;
    for (int i = 1; i < NODES; i++) {
        cluster_set_online(cluster, arena_printf(arena, "node%d", i + 1), true);
    }
    cluster_round(cluster);
    cluster_lease(cluster, LEASE_MANAGER, LEASE_ACQUIRED);
    cluster_round(cluster);
    cluster_lease(cluster, LEASE_MANAGER, LEASE_RENEWED);
    const struct service *record = cluster_record(cluster, "ct:300");
    const char *victim = record->node;
    if (strcmp(victim, "node1") == 0) {
        return; // all has been moved to where this master is
    }
    cluster_set_online(cluster, victim, false);
    cluster_round(cluster);
    cluster_pass_ms(cluster, cluster->timing.fence_delay_ms);
    cluster_round(cluster);
    if (cluster_node_state(cluster, victim) != NODE_STATE_FENCE) {
        fail_msg("seed %" PRIu64 ": a node that stays away is not fenced", seed);
    }
}

static void flapping_inside_the_tolerance_fences_nobody(void **state)
{
    (void)state;
    static const enum timing_profile profiles[] = {TIMING_PROFILE_FAST, TIMING_PROFILE_BALANCED,
                                                   TIMING_PROFILE_PATIENT};
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct arena *arena CLEANUP(arena_freep) = arena_new();
        flapping_run(arena, seed, profiles[seed % ARRAY_SIZE(profiles)]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flapping_inside_the_tolerance_fences_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
