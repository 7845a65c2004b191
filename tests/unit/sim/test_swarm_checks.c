// SPDX-License-Identifier: Apache-2.0
// Each check of a swarm is shown a stream made by hand: one that it must let pass, and one at which
// it must fire. The world is a table here.
#include <inttypes.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/map.h"
#include "common/model/event.h"
#include "sim/swarm/campaign.h"
#include "sim/swarm/swarm_checks.h"
#include "sim/swarm/swarm_world.h"
#include "tests/lib/fixture.h"

enum { NODES = 3, SECOND = 1000000 };

struct value {
    const char *text;
    uint64_t version;
};

// What the checks may look at.
struct swarm_world {
    int64_t now_us;
    bool is_off[NODES], is_paused[NODES], is_silent[NODES], is_quorate[NODES];
    uint64_t sums[NODES], versions[NODES];
    struct map values; // key → struct value *, the same on all nodes
    bool is_settled, is_stopped;
};

struct stage {
    struct arena *arena;
    struct swarm_world world;
    struct swarm_checks *checks;
    struct swarm_observer observer;
    uint64_t version;
};

int64_t swarm_world_now_us(const struct swarm_world *world)
{
    return world->now_us;
}

void swarm_world_stop(struct swarm_world *world)
{
    world->is_stopped = true;
}

size_t swarm_world_nodes(const struct swarm_world *world)
{
    (void)world;
    return NODES;
}

const char *swarm_world_node_name(const struct swarm_world *world, size_t node)
{
    static const char *const names[NODES] = {"node1", "node2", "node3"};
    (void)world;
    return names[node];
}

bool swarm_world_is_on(const struct swarm_world *world, size_t node)
{
    return !world->is_off[node];
}

bool swarm_world_is_paused(const struct swarm_world *world, size_t node)
{
    return world->is_paused[node];
}

bool swarm_world_is_quorate(const struct swarm_world *world, size_t node)
{
    return world->is_quorate[node];
}

bool swarm_world_is_serving(const struct swarm_world *world, size_t node)
{
    return !world->is_silent[node];
}

bool swarm_world_is_settled(const struct swarm_world *world)
{
    return world->is_settled;
}

uint64_t swarm_world_checksum(const struct swarm_world *world, size_t node, uint64_t *ret_version)
{
    *ret_version = world->versions[node];
    return world->sums[node];
}

const char *swarm_world_peek(const struct swarm_world *world, size_t node, const char *key,
                             uint64_t *ret_version)
{
    const struct value *value = map_find(&world->values, key);
    (void)node;
    if (value == NULL) {
        return NULL;
    }
    *ret_version = value->version;
    return value->text;
}

// --- the stage -----------------------------------------------------------------------------------

static void stage_open(struct stage *stage, struct arena *arena,
                       const struct campaign_cluster *cluster)
{
    *stage = (struct stage){.arena = arena, .world = {.now_us = 100 * SECOND}};
    map_init_arena(&stage->world.values, arena);
    stage->checks = swarm_checks_new(cluster);
    stage->observer = swarm_checks_observer(stage->checks, NULL);
    swarm_checks_set_world(stage->checks, &stage->world);
    for (size_t i = 0; i < NODES; i++) {
        stage->observer.power(stage->observer.userdata, 0, i, true, NULL);
    }
    stage->world.is_settled = true;
    assert_int_equal(swarm_checks_settled(stage->checks), SWARM_OUTCOME_CLEAN);
    stage->world.is_settled = false;
}

static const struct campaign_cluster usual = {
    .nodes = NODES, .services = 2, .profile = TIMING_PROFILE_FAST};

static void pass(struct stage *stage, int64_t us)
{
    stage->world.now_us += us;
    stage->observer.after(stage->observer.userdata, stage->world.now_us);
}

static void guest(struct stage *stage, size_t node, const char *sid, bool runs)
{
    stage->observer.guest(stage->observer.userdata, stage->world.now_us, node, sid, runs);
}

static void power(struct stage *stage, size_t node, bool is_on, const char *why)
{
    stage->world.is_off[node] = !is_on;
    stage->observer.power(stage->observer.userdata, stage->world.now_us, node, is_on, why);
}

static void authority(struct stage *stage, size_t node, const char *lease, uint64_t term,
                      int64_t for_us)
{
    stage->observer.authority(stage->observer.userdata, stage->world.now_us, node, lease, term,
                              stage->world.now_us + for_us);
}

static void put(struct stage *stage, const char *key, const char *text)
{
    struct value *value = arena_new_of(stage->arena, struct value);
    value->text = text;
    value->version = ++stage->version;
    map_put(&stage->world.values, key, value);
}

static void commit(struct stage *stage, size_t node)
{
    stage->version++;
    for (size_t i = 0; i < NODES; i++) {
        stage->world.versions[i] = stage->version;
        stage->world.sums[i] = stage->version * 7;
    }
    stage->observer.committed(stage->observer.userdata, stage->world.now_us, node, 0,
                              stage->version);
}

// Name, then key and text in turn; a text that is a number becomes one where the check wants it.
static void event(struct stage *stage, const char *at, const char *const *fields)
{
    struct event *made = event_new(stage->arena, EVENT_LEVEL_NOTICE, fields[0]);
    for (size_t i = 1; fields[i] != NULL; i += 2) {
        if (fields[i + 1][0] >= '0' && fields[i + 1][0] <= '9') {
            (void)event_int(made, fields[i], fields[i + 1][0] - '0');
        } else {
            (void)event_text(stage->arena, made, fields[i], fields[i + 1]);
        }
    }
    stage->observer.event(stage->observer.userdata, stage->world.now_us, at, made);
}

#define EVENT(stage, at, ...) event(stage, at, (const char *const[]){__VA_ARGS__, NULL})

static void step(struct stage *stage, const char *text)
{
    struct campaign *campaign = NULL;
    const char *whole = arena_printf(
        stage->arena, "cluster nodes 3 services 2 profile fast seed 1\n0 %s\n1 settle\n", text);
    assert_int_equal(campaign_parse(stage->arena, whole, &campaign, NULL), 0);
    swarm_checks_note_step(stage->checks, &campaign->steps[0]);
}

static void require(struct stage *stage, const char *words)
{
    const char *violation = swarm_checks_violation(stage->checks);
    if (words == NULL) {
        assert_string_equal(violation != NULL ? violation : "", "");
        assert_false(stage->world.is_stopped);
    } else {
        assert_non_null(violation);
        if (strstr(violation, words) == NULL) {
            fail_msg("'%s' does not say '%s'", violation, words);
        }
        assert_true(stage->world.is_stopped);
    }
}

static void stage_close(struct stage *stage, const char *words)
{
    require(stage, words);
    swarm_checks_free(stage->checks);
}

static const char resource[] = "ct: 100\n";
#define RECORD(node) "{\"state\":\"started\",\"node\":\"" node "\",\"uid\":\"u\",\"running\":1}"

// --- INV-1 ---------------------------------------------------------------------------------------

static void guest_that_moves_is_no_double_run(void **state)
{
    struct stage stage;
    stage_open(&stage, *state, &usual);
    guest(&stage, 0, "ct:100", true);
    guest(&stage, 1, "ct:101", true);
    guest(&stage, 0, "ct:100", false);
    guest(&stage, 1, "ct:100", true);
    stage_close(&stage, NULL);
}

static void guest_on_two_nodes_is_found(void **state)
{
    struct stage stage;
    stage_open(&stage, *state, &usual);
    guest(&stage, 0, "ct:100", true);
    guest(&stage, 2, "ct:100", true);
    stage_close(&stage, "INV-1: ct:100 runs on node1 and on node3");
}

static void guest_on_a_paused_node_counts_only_when_the_node_goes_on_with_it(void **state)
{
    struct stage stage;
    stage_open(&stage, *state, &usual);
    guest(&stage, 0, "ct:100", true);
    stage.world.is_paused[0] = true;
    pass(&stage, SECOND);
    guest(&stage, 2, "ct:100", true);
    pass(&stage, SECOND);
    require(&stage, NULL);
    stage.world.is_paused[0] = false;
    pass(&stage, 1);
    require(&stage, NULL); // its watchdog has an instant
    pass(&stage, SECOND);
    stage_close(&stage, "INV-1: ct:100 runs on node1 and on node3");
}

// --- INV-2, 4, 5 ---------------------------------------------------------------------------------

static void lease_taken_while_its_node_has_authority_is_found(void **state)
{
    struct stage stage;
    stage_open(&stage, *state, &usual);
    authority(&stage, 0, "ha_agent_node1_lock", 5, 3 * SECOND);
    pass(&stage, 2 * SECOND);
    authority(&stage, 1, "ha_agent_node1_lock", 6, 3 * SECOND);
    stage_close(&stage,
                "INV-2: node2 holds the lease of node1, whose authority goes on for 1000 ms");
}

static void lease_taken_before_the_watchdog_would_have_made_sure_is_found(void **state)
{
    struct stage stage;
    stage_open(&stage, *state, &usual);
    authority(&stage, 0, "ha_agent_node1_lock", 5, 3 * SECOND);
    pass(&stage, 4 * SECOND);
    authority(&stage, 1, "ha_agent_node1_lock", 6, 3 * SECOND);
    stage_close(&stage, "INV-2: node2 holds the lease of node1, whose watchdog could be");
}

static void lease_taken_after_it_ended_or_was_given_back_is_right(void **state)
{
    struct stage stage;
    stage_open(&stage, *state, &usual);
    authority(&stage, 0, "ha_agent_node1_lock", 5, 3 * SECOND);
    authority(&stage, 2, "ha_agent_node3_lock", 6, 3 * SECOND);
    authority(&stage, 2, "ha_agent_node3_lock", 0, 0);
    authority(&stage, 1, "ha_agent_node3_lock", 7, 3 * SECOND);
    pass(&stage, 6 * SECOND);
    authority(&stage, 1, "ha_agent_node1_lock", 8, 3 * SECOND);
    stage_close(&stage, NULL);
}

static void node_that_acts_while_the_master_holds_its_lease_is_found(void **state)
{
    struct stage stage;
    stage_open(&stage, *state, &usual);
    authority(&stage, 1, "ha_agent_node1_lock", 6, 3 * SECOND);
    pass(&stage, SECOND);
    authority(&stage, 0, "ha_agent_node1_lock", 7, 3 * SECOND);
    stage_close(&stage, "INV-2: node1 has its lease while node2 still holds it");
}

static void two_managers_of_one_term_are_found(void **state)
{
    struct stage stage;
    stage_open(&stage, *state, &usual);
    authority(&stage, 0, "ha_manager_lock", 5, 3 * SECOND);
    authority(&stage, 1, "ha_manager_lock", 6, 3 * SECOND); // another term: allowed
    require(&stage, NULL);
    authority(&stage, 2, "ha_manager_lock", 6, 3 * SECOND);
    stage_close(&stage, "INV-4: node2 and node3 both hold the manager's lease in term 6");
}

static void blind_master_that_keeps_its_lease_is_found(void **state)
{
    struct stage stage;
    stage_open(&stage, *state, &usual);
    struct timing timing;
    timing_get(usual.profile, &timing);
    step(&stage, "blind node1 on");
    pass(&stage, timing.lease_ms * 1000);
    authority(&stage, 0, "ha_manager_lock", 5, 3 * SECOND);
    require(&stage, NULL);
    pass(&stage, (timing.lease_ms + timing.renew_ms) * 1000 + 1);
    authority(&stage, 1, "ha_manager_lock", 6, 3 * SECOND); // this one can read
    require(&stage, NULL);
    authority(&stage, 0, "ha_manager_lock", 7, 3 * SECOND);
    stage_close(&stage, "INV-14: node1 keeps the manager's lease, and can read nothing since");
}

static void guest_that_outlives_authority_and_watchdog_is_found(void **state)
{
    struct stage stage;
    stage_open(&stage, *state, &usual);
    put(&stage, "resource/ct:100", resource);
    put(&stage, "service/ct:100", RECORD("node1"));
    commit(&stage, 0);
    authority(&stage, 0, "ha_agent_node1_lock", 5, 3350000);
    guest(&stage, 0, "ct:100", true);
    pass(&stage, 3350000 + 2100000); // A + 2·H + q
    require(&stage, NULL);
    pass(&stage, 600000); // R, and what clocks may be off
    stage_close(&stage, "INV-5: ct:100 still runs on node1");
}

static void guest_that_is_not_under_ha_may_go_on(void **state)
{
    struct stage stage;
    stage_open(&stage, *state, &usual);
    put(&stage, "resource/ct:100", "ct: 100\n\tstate ignored\n");
    put(&stage, "service/ct:100", RECORD("node1"));
    commit(&stage, 0);
    authority(&stage, 0, "ha_agent_node1_lock", 5, 3350000);
    guest(&stage, 0, "ct:100", true);
    pass(&stage, 20 * SECOND);
    stage_close(&stage, NULL);
}

// --- INV-3, 4, 7, 15: what is committed ----------------------------------------------------------

static void answer_from_a_node_that_is_cut_off_is_found(void **state)
{
    struct stage stage;
    stage_open(&stage, *state, &usual);
    step(&stage, "cut node1");
    pass(&stage, 2 * SECOND);
    commit(&stage, 0); // an answer that was under way
    require(&stage, NULL);
    pass(&stage, 10 * SECOND);
    commit(&stage, 1);
    require(&stage, NULL);
    commit(&stage, 0);
    stage_close(&stage, "INV-3: node1 answered a write");
}

static void answer_after_the_cable_is_back_is_right(void **state)
{
    struct stage stage;
    stage_open(&stage, *state, &usual);
    step(&stage, "cut node1");
    pass(&stage, 20 * SECOND);
    step(&stage, "mend node1");
    commit(&stage, 0);
    stage_close(&stage, NULL);
}

static void woken_node_that_calls_itself_quorate_is_found(void **state)
{
    struct stage stage;
    stage_open(&stage, *state, &usual);
    stage.world.is_quorate[0] = stage.world.is_paused[0] = true;
    step(&stage, "pause node1 10");
    pass(&stage, 5 * SECOND);
    step(&stage, "cut node1");
    pass(&stage, 5 * SECOND);
    stage.world.is_paused[0] = false;
    pass(&stage, 1);
    require(&stage, NULL); // not at once
    pass(&stage, SECOND / 5);
    stage_close(&stage, "INV-3: node1 says that it is quorate, and has been cut off");
}

static void woken_node_among_the_others_is_quorate_by_right(void **state)
{
    struct stage stage;
    stage_open(&stage, *state, &usual);
    stage.world.is_quorate[0] = stage.world.is_paused[0] = true;
    step(&stage, "pause node1 10");
    pass(&stage, 10 * SECOND);
    stage.world.is_paused[0] = false;
    pass(&stage, 1);
    pass(&stage, SECOND / 5);
    stage_close(&stage, NULL);
}

static void document_of_an_earlier_term_is_found(void **state)
{
    struct stage stage;
    stage_open(&stage, *state, &usual);
    put(&stage, "manager/status", "{\"master_node\":\"node1\",\"term\":7}");
    commit(&stage, 0);
    put(&stage, "manager/status", "{\"master_node\":\"node2\",\"term\":8}");
    commit(&stage, 0);
    require(&stage, NULL);
    put(&stage, "manager/status", "{\"master_node\":\"node1\",\"term\":7}");
    commit(&stage, 0);
    stage_close(&stage, "INV-4: manager/status of term 7 was written after one of term 8");
}

static void two_masters_in_documents_of_one_term_are_found(void **state)
{
    struct stage stage;
    stage_open(&stage, *state, &usual);
    put(&stage, "manager/status", "{\"master_node\":\"node1\",\"term\":7}");
    commit(&stage, 0);
    put(&stage, "manager/status", "{\"master_node\":\"node2\",\"term\":7}");
    commit(&stage, 0);
    stage_close(&stage, "INV-4: node1 and node2 are both masters of term 7");
}

static void document_that_does_not_parse_is_found(void **state)
{
    struct stage stage;
    stage_open(&stage, *state, &usual);
    put(&stage, "service/ct:101", "{\"state\":\"happy\"}");
    commit(&stage, 0);
    stage_close(&stage, "INV-15: a document that was accepted does not parse: service/ct:101");
}

static void other_rows_at_one_version_are_found(void **state)
{
    struct stage stage;
    stage_open(&stage, *state, &usual);
    commit(&stage, 0);
    stage.world.sums[1]++;
    stage.world.is_settled = true;
    assert_int_equal(swarm_checks_settled(stage.checks), SWARM_OUTCOME_INVARIANT);
    stage_close(&stage, "INV-7: at version 1 node2 has other rows");
}

static void version_that_goes_back_is_found(void **state)
{
    struct stage stage;
    stage_open(&stage, *state, &usual);
    commit(&stage, 0);
    commit(&stage, 0);
    stage.world.versions[2] = 1;
    stage.world.is_settled = true;
    assert_int_equal(swarm_checks_settled(stage.checks), SWARM_OUTCOME_INVARIANT);
    stage_close(&stage, "INV-7: node3 stands at version 1, committed was 2");
}

// --- INV-6, 8, 9, 10, 11: events -----------------------------------------------------------------

static void command_that_takes_effect_twice_is_found(void **state)
{
    struct stage stage;
    stage_open(&stage, *state, &usual);
    EVENT(&stage, "node1/crm", "command", "id", "a", "text", "stop ct:100");
    EVENT(&stage, "node1/crm", "command", "id", "b", "text", "stop ct:100");
    require(&stage, NULL);
    EVENT(&stage, "node2/crm", "command", "id", "a", "text", "stop ct:100");
    stage_close(&stage, "INV-6: the command a (stop ct:100) took effect twice");
}

static void place_against_a_strict_rule_is_found(void **state)
{
    struct stage stage;
    stage_open(&stage, *state, &usual);
    put(&stage, "config/rules",
        "node-affinity: home\n\tresources ct:100\n\tnodes node1,node2\n\tstrict 1\n");
    commit(&stage, 0);
    EVENT(&stage, "node1/crm", "move", "sid", "ct:100", "node", "node3");
    require(&stage, NULL); // it may not have read the rule
    pass(&stage, 10 * SECOND);
    EVENT(&stage, "node1/crm", "move", "sid", "ct:101", "node", "node3");
    EVENT(&stage, "node1/crm", "move", "sid", "ct:100", "node", "node2");
    require(&stage, NULL);
    EVENT(&stage, "node1/crm", "recover", "sid", "ct:100", "from", "node1", "to", "node3");
    stage_close(&stage, "INV-8: ct:100 is put on node3, which its strict rule excludes");
}

static void place_beside_one_that_must_be_apart_is_found(void **state)
{
    struct stage stage;
    stage_open(&stage, *state, &usual);
    put(&stage, "config/rules",
        "resource-affinity: apart\n\tresources ct:100,ct:101\n\taffinity negative\n");
    put(&stage, "resource/ct:101", resource);
    put(&stage, "service/ct:101", RECORD("node2"));
    commit(&stage, 0);
    guest(&stage, 1, "ct:101", true);
    pass(&stage, 10 * SECOND);
    EVENT(&stage, "node1/crm", "move", "sid", "ct:100", "node", "node3");
    require(&stage, NULL);
    EVENT(&stage, "node1/crm", "rebalance-on-start", "sid", "ct:100", "node", "node2");
    stage_close(&stage, "INV-8: ct:100 is put on node2 beside ct:101");
}

static void place_on_a_node_in_maintenance_is_found(void **state)
{
    struct stage stage;
    stage_open(&stage, *state, &usual);
    EVENT(&stage, "node1/crm", "node-state", "node", "node2", "to", "maintenance");
    pass(&stage, 10 * SECOND);
    EVENT(&stage, "node1/crm", "move", "sid", "ct:100", "node", "node2");
    stage_close(&stage, "INV-9: ct:100 is put on node2, which is in maintenance");
}

// The master heard nothing of what became of the write with which it ended.
static void place_after_a_maintenance_whose_end_was_not_told_is_right(void **state)
{
    struct stage stage;
    stage_open(&stage, *state, &usual);
    EVENT(&stage, "node1/crm", "node-state", "node", "node2", "to", "maintenance");
    put(&stage, "manager/status",
        "{\"master_node\":\"node1\",\"term\":7,\"node_status\":{\"node2\":\"online\"}}");
    commit(&stage, 0);
    pass(&stage, 10 * SECOND);
    EVENT(&stage, "node1/crm", "move", "sid", "ct:100", "node", "node2");
    stage_close(&stage, NULL);
}

static void act_on_an_ignored_service_is_found(void **state)
{
    struct stage stage;
    stage_open(&stage, *state, &usual);
    put(&stage, "resource/ct:100", "ct: 100\n\tstate ignored\n");
    commit(&stage, 0);
    EVENT(&stage, "node1/lrm", "stop", "sid", "ct:100");
    require(&stage, NULL); // under way
    pass(&stage, 20 * SECOND);
    EVENT(&stage, "node1/lrm", "start", "sid", "ct:100");
    stage_close(&stage, "INV-9: node1/lrm says 'start' of ct:100, which is ignored");
}

static void fencing_while_disarmed_is_found(void **state)
{
    struct stage stage;
    stage_open(&stage, *state, &usual);
    EVENT(&stage, "node1/crm", "disarm-done");
    step(&stage, "power-off node3");
    pass(&stage, 20 * SECOND);
    EVENT(&stage, "node1/crm", "fence-begin", "node", "node3");
    stage_close(&stage, "INV-9: node1/crm says 'fence-begin' while the cluster is disarmed");
}

static void reset_without_need_is_found(void **state)
{
    struct stage stage;
    stage_open(&stage, *state, &usual);
    power(&stage, 2, false, "campaign");
    power(&stage, 2, true, NULL);
    require(&stage, NULL);
    power(&stage, 0, false, "watchdog");
    stage_close(&stage, "INV-10: node1 was reset by its watchdog without need");
}

static void reset_after_a_long_pause_is_right(void **state)
{
    struct stage stage;
    stage_open(&stage, *state, &usual);
    step(&stage, "pause node1 20");
    power(&stage, 0, false, "watchdog");
    require(&stage, NULL);
    stage_close(&stage, NULL);
}

// All was well in between: what was excused before is excused no longer.
static void excuse_ends_with_the_round(void **state)
{
    struct stage stage;
    stage_open(&stage, *state, &usual);
    step(&stage, "pause node1 20");
    pass(&stage, 20 * SECOND);
    stage.world.is_settled = true;
    commit(&stage, 0);
    assert_true(swarm_checks_settle_until_us(stage.checks) > stage.world.now_us);
    assert_int_equal(swarm_checks_settled(stage.checks), SWARM_OUTCOME_CLEAN);
    power(&stage, 0, false, "watchdog");
    stage_close(&stage, "INV-10: node1 was reset");
}

static void lease_loss_by_reset_excuses_a_node_that_is_cut_off(void **state)
{
    struct stage stage;
    struct campaign_cluster cluster = usual;
    cluster.lease_loss_resets = true;
    stage_open(&stage, *state, &cluster);
    step(&stage, "cut node1");
    power(&stage, 0, false, "watchdog");
    require(&stage, NULL);
    power(&stage, 1, false, "watchdog");
    stage_close(&stage, "INV-10: node2 was reset");
}

static void fencing_of_the_healthy_is_found(void **state)
{
    struct stage stage;
    stage_open(&stage, *state, &usual);
    step(&stage, "power-off node3");
    EVENT(&stage, "node1/crm", "fence-begin", "node", "node3");
    require(&stage, NULL);
    EVENT(&stage, "node1/crm", "fence-begin", "node", "node2");
    stage_close(&stage, "INV-10: node2 is to be fenced though nothing is wrong with it");
}

// All were off for ten seconds; node3 has not come yet.
static void outage(struct stage *stage)
{
    for (size_t i = 0; i < NODES; i++) {
        power(stage, i, false, "campaign");
        step(stage, i == 0 ? "power-off node1" : i == 1 ? "power-off node2" : "power-off node3");
    }
    pass(stage, 10 * SECOND);
    power(stage, 0, true, NULL);
    power(stage, 1, true, NULL);
}

static void fencing_of_who_has_had_no_time_to_come_is_found(void **state)
{
    struct stage stage;
    stage_open(&stage, *state, &usual);
    outage(&stage);
    pass(&stage, 5 * SECOND);
    EVENT(&stage, "node1/crm", "fence-begin", "node", "node3");
    stage_close(&stage, "INV-10: node3 is to be fenced, and has not had the time to come");
}

static void fencing_of_who_does_not_come_is_right(void **state)
{
    struct stage stage;
    stage_open(&stage, *state, &usual);
    outage(&stage);
    pass(&stage, 10 * SECOND);
    EVENT(&stage, "node1/crm", "fence-begin", "node", "node3");
    require(&stage, NULL);
    power(&stage, 1, false, "campaign"); // was there: is not waited for
    step(&stage, "power-off node2");
    power(&stage, 2, true, NULL);
    EVENT(&stage, "node1/crm", "fence-begin", "node", "node2");
    stage_close(&stage, NULL);
}

// A power switch that lies breaks the promise by right, until all is well again.
static void guest_of_a_node_that_is_said_to_be_off_may_run_on(void **state)
{
    struct campaign_cluster cluster = usual;
    struct stage stage;
    cluster.has_fence_devices = true;
    stage_open(&stage, *state, &cluster);
    guest(&stage, 0, "ct:100", true);
    step(&stage, "fence-device node1 lies");
    guest(&stage, 1, "ct:100", true);
    require(&stage, NULL);
    guest(&stage, 2, "ct:100", true); // two others never
    stage_close(&stage, "INV-1: ct:100 runs on node2 and on node3");
}

static void too_many_restarts_are_found(void **state)
{
    struct stage stage;
    stage_open(&stage, *state, &usual);
    put(&stage, "resource/ct:100", "ct: 100\n\tmax_restart 2\n");
    commit(&stage, 0);
    pass(&stage, 20 * SECOND);
    EVENT(&stage, "node1/lrm", "start-retry", "sid", "ct:100", "n", "2", "max_restart", "2");
    require(&stage, NULL);
    EVENT(&stage, "node1/lrm", "start-retry", "sid", "ct:100", "n", "3", "max_restart", "9");
    stage_close(&stage, "INV-11: ct:100 is restarted for the 3. time, allowed are 2");
}

static void restarts_without_end_are_found_by_counting(void **state)
{
    struct stage stage;
    stage_open(&stage, *state, &usual);
    guest(&stage, 0, "ct:100", true);
    guest(&stage, 0, "ct:100", false);
    put(&stage, "resource/ct:100", "ct: 100\n\tmax_restart 2\n");
    commit(&stage, 0);
    pass(&stage, 20 * SECOND);
    for (int i = 0; i < 2; i++) {
        EVENT(&stage, "node1/lrm", "start-retry", "sid", "ct:100", "n", "1", "max_restart", "2");
    }
    require(&stage, NULL);
    EVENT(&stage, "node1/lrm", "start-retry", "sid", "ct:100", "n", "1", "max_restart", "2");
    stage_close(&stage, "INV-11: ct:100 was restarted 3 times in a row, allowed are 2");
}

static void restarts_on_the_next_node_are_counted_anew(void **state)
{
    struct stage stage;
    stage_open(&stage, *state, &usual);
    guest(&stage, 0, "ct:100", true);
    guest(&stage, 0, "ct:100", false);
    put(&stage, "resource/ct:100", "ct: 100\n\tmax_restart 2\n");
    commit(&stage, 0);
    pass(&stage, 20 * SECOND);
    EVENT(&stage, "node1/lrm", "start-retry", "sid", "ct:100", "n", "1", "max_restart", "2");
    power(&stage, 0, false, "campaign");
    EVENT(&stage, "node2/lrm", "start-retry", "sid", "ct:100", "n", "1", "max_restart", "2");
    EVENT(&stage, "node2/lrm", "start-retry", "sid", "ct:100", "n", "2", "max_restart", "2");
    stage_close(&stage, NULL);
}

static void too_many_relocations_are_found(void **state)
{
    struct stage stage;
    stage_open(&stage, *state, &usual);
    put(&stage, "resource/ct:100", resource);
    commit(&stage, 0);
    pass(&stage, 20 * SECOND);
    put(&stage, "service/ct:100",
        "{\"state\":\"started\",\"node\":\"node1\",\"uid\":\"u\",\"failed_nodes\":"
        "[\"node1\",\"node2\",\"node3\"]}");
    commit(&stage, 0);
    stage_close(&stage, "INV-11: ct:100 failed 3 times and was moved on, allowed are 1");
}

// --- INV-13 --------------------------------------------------------------------------------------

static void service_that_does_not_run_in_the_end_is_named(void **state)
{
    struct stage stage;
    stage_open(&stage, *state, &usual);
    put(&stage, "resource/ct:100", resource);
    put(&stage, "service/ct:100", RECORD("node2"));
    commit(&stage, 0);
    stage.world.is_settled = true;
    assert_false(swarm_checks_is_well(stage.checks));
    guest(&stage, 1, "ct:100", true);
    assert_true(swarm_checks_is_well(stage.checks));
    guest(&stage, 1, "ct:100", false);
    assert_int_equal(swarm_checks_settled(stage.checks), SWARM_OUTCOME_LIVENESS);
    stage_close(&stage, "INV-13: not settled after all faults had ended: ct:100 is to be started, "
                        "its record says started on node2, it runs on no node");
}

static void error_is_an_end_only_for_a_service_with_faults(void **state)
{
    static const char text[] = "{\"state\":\"error\",\"node\":\"node2\",\"uid\":\"u\"}";
    struct stage stage;
    stage_open(&stage, *state, &usual);
    put(&stage, "resource/ct:100", resource);
    put(&stage, "service/ct:100", text);
    commit(&stage, 0);
    stage.world.is_settled = true;
    assert_false(swarm_checks_is_well(stage.checks));
    step(&stage, "start-fails ct:100 4");
    assert_true(swarm_checks_is_well(stage.checks));
    assert_int_equal(swarm_checks_settled(stage.checks), SWARM_OUTCOME_CLEAN);
    stage_close(&stage, NULL);
}

static void node_that_does_not_come_back_is_named(void **state)
{
    struct stage stage;
    stage_open(&stage, *state, &usual);
    commit(&stage, 0);
    stage.world.is_silent[1] = true;
    assert_int_equal(swarm_checks_settled(stage.checks), SWARM_OUTCOME_LIVENESS);
    stage_close(&stage, "INV-13: not settled after all faults had ended: node2 does not serve");
}

static void service_that_is_not_recovered_in_time_is_found(void **state)
{
    struct stage stage;
    stage_open(&stage, *state, &usual);
    put(&stage, "manager/status", "{\"master_node\":\"node1\",\"term\":7}");
    put(&stage, "resource/ct:100", resource);
    put(&stage, "service/ct:100", RECORD("node3"));
    commit(&stage, 0);
    guest(&stage, 2, "ct:100", true);
    step(&stage, "power-off node3");
    guest(&stage, 2, "ct:100", false);
    power(&stage, 2, false, "campaign");
    pass(&stage, 10500000); // the worst failover after a change of the ring, and most of its start
    require(&stage, NULL);
    pass(&stage, SECOND); // and the rest
    stage_close(&stage, "INV-14: ct:100 lost its node and does not run again");
}

static void recovery_that_other_faults_hinder_is_not_timed(void **state)
{
    struct stage stage;
    stage_open(&stage, *state, &usual);
    put(&stage, "manager/status", "{\"master_node\":\"node1\",\"term\":7}");
    put(&stage, "resource/ct:100", resource);
    put(&stage, "service/ct:100", RECORD("node3"));
    commit(&stage, 0);
    guest(&stage, 2, "ct:100", true);
    step(&stage, "power-off node3");
    guest(&stage, 2, "ct:100", false);
    power(&stage, 2, false, "campaign");
    pass(&stage, 2 * SECOND);
    step(&stage, "pause node1 1");
    pass(&stage, 20 * SECOND);
    stage_close(&stage, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(guest_that_moves_is_no_double_run),
        fixture_test(guest_on_two_nodes_is_found),
        fixture_test(guest_on_a_paused_node_counts_only_when_the_node_goes_on_with_it),
        fixture_test(lease_taken_while_its_node_has_authority_is_found),
        fixture_test(lease_taken_before_the_watchdog_would_have_made_sure_is_found),
        fixture_test(lease_taken_after_it_ended_or_was_given_back_is_right),
        fixture_test(node_that_acts_while_the_master_holds_its_lease_is_found),
        fixture_test(two_managers_of_one_term_are_found),
        fixture_test(guest_that_outlives_authority_and_watchdog_is_found),
        fixture_test(guest_that_is_not_under_ha_may_go_on),
        fixture_test(answer_from_a_node_that_is_cut_off_is_found),
        fixture_test(answer_after_the_cable_is_back_is_right),
        fixture_test(document_of_an_earlier_term_is_found),
        fixture_test(two_masters_in_documents_of_one_term_are_found),
        fixture_test(document_that_does_not_parse_is_found),
        fixture_test(other_rows_at_one_version_are_found),
        fixture_test(version_that_goes_back_is_found),
        fixture_test(command_that_takes_effect_twice_is_found),
        fixture_test(place_against_a_strict_rule_is_found),
        fixture_test(place_beside_one_that_must_be_apart_is_found),
        fixture_test(place_on_a_node_in_maintenance_is_found),
        fixture_test(place_after_a_maintenance_whose_end_was_not_told_is_right),
        fixture_test(act_on_an_ignored_service_is_found),
        fixture_test(fencing_while_disarmed_is_found),
        fixture_test(reset_without_need_is_found),
        fixture_test(reset_after_a_long_pause_is_right),
        fixture_test(excuse_ends_with_the_round),
        fixture_test(lease_loss_by_reset_excuses_a_node_that_is_cut_off),
        fixture_test(fencing_of_the_healthy_is_found),
        fixture_test(woken_node_that_calls_itself_quorate_is_found),
        fixture_test(woken_node_among_the_others_is_quorate_by_right),
        fixture_test(fencing_of_who_has_had_no_time_to_come_is_found),
        fixture_test(fencing_of_who_does_not_come_is_right),
        fixture_test(guest_of_a_node_that_is_said_to_be_off_may_run_on),
        fixture_test(blind_master_that_keeps_its_lease_is_found),
        fixture_test(too_many_restarts_are_found),
        fixture_test(restarts_without_end_are_found_by_counting),
        fixture_test(restarts_on_the_next_node_are_counted_anew),
        fixture_test(too_many_relocations_are_found),
        fixture_test(service_that_does_not_run_in_the_end_is_named),
        fixture_test(error_is_an_end_only_for_a_service_with_faults),
        fixture_test(node_that_does_not_come_back_is_named),
        fixture_test(service_that_is_not_recovered_in_time_is_found),
        fixture_test(recovery_that_other_faults_hinder_is_not_timed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
