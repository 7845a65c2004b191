// SPDX-License-Identifier: Apache-2.0
// Troubles of the daemon around its rounds: leases that are not answered, terms that change,
// documents that cannot be read, members that do not fit.
#include <string.h>

#include "common/base/arena.h"
#include "common/model/store_keys.h"
#include "tests/lib/crm_builders.h"
#include "tests/lib/fixture.h"

static struct cluster *cluster_with_service(struct arena *arena, enum timing_profile profile)
{
    struct cluster *cluster = cluster_new(arena, profile, 3);
    cluster_settle_nodes(cluster);
    (void)cluster_service(cluster, "ct:100", SVC_STATE_STARTED, "node1", REQUEST_STATE_STARTED);
    return cluster;
}

// Calls the core once more with the answers that a driver could give it by mistake.
static void answer_wrongly(struct cluster *cluster, const struct crm_lease_answer *answers,
                           size_t count)
{
    cluster->output = (struct crm_output){0};
    cluster->input.answers = NULL;
    cluster->input.answers_count = 0;
    crm_step(cluster->crm, &cluster->input, &cluster->output);
    assert_true(cluster->output.again); // it asked for the lease
    cluster->output = (struct crm_output){0};
    cluster->input.answers = answers;
    cluster->input.answers_count = count;
    crm_step(cluster->crm, &cluster->input, &cluster->output);
}

// INV-4: what is no answer about the manager lease is no grant.
static void lease_that_is_not_answered_is_not_held(void **state)
{
    static const struct crm_lease_answer other = {.lease = "ha_agent_node1_lock",
                                                  .answer = LEASE_RENEWED};
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_with_service(*state, TIMING_PROFILE_BALANCED);
    answer_wrongly(cluster, NULL, 0);
    assert_int_equal(crm_state_get(cluster->crm), CRM_STATE_SLAVE);
    answer_wrongly(cluster, &other, 1);
    assert_int_equal(crm_state_get(cluster->crm), CRM_STATE_SLAVE);
    cluster_round(cluster);
    assert_int_equal(crm_state_get(cluster->crm), CRM_STATE_MASTER);
    answer_wrongly(cluster, NULL, 0);
    assert_int_equal(crm_state_get(cluster->crm), CRM_STATE_WAIT_FOR_QUORUM);
    assert_false(cluster->output.write.wanted);
}

// A new term while it is master: it was away for so long that others could have been.
static void master_with_a_new_term_begins_anew(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_with_service(*state, TIMING_PROFILE_BALANCED);
    cluster_become_master(cluster);
    cluster_lease(cluster, LEASE_MANAGER, LEASE_ACQUIRED);
    cluster->term++;
    cluster_round(cluster);
    assert_int_equal(crm_state_get(cluster->crm), CRM_STATE_MASTER);
    assert_int_equal(cluster_events_count(cluster, "lock-acquired"), 1);
    assert_int_equal(cluster->calls, 3); // asked, granted and read again, decided
}

static void unreadable_documents_are_told_once_where_rounds_follow_changes(void **state)
{
    static const struct {
        const char *name;
        enum timing_profile profile;
        size_t told; // in the second round
    } profiles[] = {{"classic", TIMING_PROFILE_CLASSIC, 1},
                    {"balanced", TIMING_PROFILE_BALANCED, 0}};
    for (size_t i = 0; i < ARRAY_SIZE(profiles); i++) {
        struct cluster *cluster CLEANUP(cluster_freep) =
            cluster_with_service(*state, profiles[i].profile);
        cluster->documents.readable = false;
        cluster->documents.reason = "broken";
        cluster_round(cluster);
        fixture_row(profiles[i].name,
                    cluster_events_count(cluster, "manager-status-unreadable") == 1);
        cluster_round(cluster);
        fixture_row(profiles[i].name,
                    cluster_events_count(cluster, "manager-status-unreadable") == profiles[i].told);
    }
}

static void command_finds_a_master_where_the_last_one_is_not_known(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) = cluster_new(*state, TIMING_PROFILE_CLASSIC, 3);
    cluster->status->master_node = "node9"; // and no state of it is stored
    cluster_command(cluster, "c1", "arm-ha");
    cluster_round(cluster);
    assert_int_equal(crm_state_get(cluster->crm), CRM_STATE_MASTER);
}

// The node is to be fenced, and a stored state is all that says so: it decides nothing, and the
// states of the others are noted nevertheless.
static void master_on_a_node_that_is_to_be_fenced_decides_nothing(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_with_service(*state, TIMING_PROFILE_CLASSIC);
    (void)cluster_node(cluster, "node1", NODE_STATE_FENCE);
    cluster_slot(cluster, "ct:100")->resource = NULL;
    (void)cluster_resource(cluster, "ct:101", "node2", REQUEST_STATE_STARTED);
    cluster_round(cluster);
    assert_int_equal(cluster_events_count(cluster, "master-seems-offline"), 1);
    assert_non_null(cluster_record(cluster, "ct:100"));
    assert_null(cluster_record(cluster, "ct:101"));
}

static void nothing_to_free_is_fine(void **state)
{
    (void)state;
    crm_free(NULL);
}

// INV-1 and INV-2 look at records only: a resource that has none yet is in nobody's way.
static void fenced_service_elsewhere_does_not_keep_it_from_acting(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_with_service(*state, TIMING_PROFILE_CLASSIC);
    (void)cluster_resource(cluster, "ct:099", "node1", REQUEST_STATE_STARTED);
    (void)cluster_service(cluster, "ct:101", SVC_STATE_FENCE, "node3", REQUEST_STATE_STARTED);
    cluster_round(cluster);
    assert_int_equal(crm_state_get(cluster->crm), CRM_STATE_MASTER);
}

// Its own node is not among the members: its view of the cluster is doubtful.
static void master_that_is_no_member_decides_nothing(void **state)
{
    static const bool named[] = {false, true}; // by a record, so that it is known by name
    for (size_t i = 0; i < ARRAY_SIZE(named); i++) {
        struct cluster *cluster CLEANUP(cluster_freep) =
            cluster_new(*state, TIMING_PROFILE_CLASSIC, 3);
        cluster->input.members.members = &cluster->members[1];
        cluster->input.members.count = 2;
        (void)cluster_service(cluster, "ct:100", SVC_STATE_STARTED, named[i] ? "node1" : "node2",
                              REQUEST_STATE_STOPPED);
        cluster_round(cluster);
        assert_int_equal(cluster_events_count(cluster, "master-seems-offline"), 1);
        assert_string_equal(cluster_moves(cluster, "ct:100"), "");
    }
}

static void service_on_its_way_to_a_node_that_is_not_known_is_taken_in(void **state)
{
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_with_service(*state, TIMING_PROFILE_CLASSIC);
    cluster_service(cluster, "ct:101", SVC_STATE_RELOCATE, "node2", REQUEST_STATE_STARTED)->target =
        "node9";
    cluster_service(cluster, "ct:102", SVC_STATE_STARTED, "node2", REQUEST_STATE_STARTED)->uid =
        NULL; // as another writer may leave it
    cluster_round(cluster);
    assert_string_equal(cluster_moves(cluster, "ct:101"), "");
    assert_string_equal(cluster_moves(cluster, "ct:102"), "");
}

static void removals_of_many_go_on_in_the_next_round(void **state)
{
    enum { MANY = 4500 };
    struct cluster *cluster CLEANUP(cluster_freep) =
        cluster_new(*state, TIMING_PROFILE_BALANCED, 3);
    cluster_settle_nodes(cluster);
    for (int i = 0; i < MANY; i++) {
        const char *sid = arena_printf(*state, "ct:%d", 10000 + i);
        (void)cluster_service(cluster, sid, SVC_STATE_ERROR, "node2", REQUEST_STATE_STARTED);
        cluster_slot(cluster, sid)->resource = NULL;
    }
    cluster_round(cluster);
    assert_int_equal(cluster_events_count(cluster, "service-removed"), 4000);
    cluster_round(cluster);
    assert_int_equal(cluster_events_count(cluster, "service-removed"), MANY - 4000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(lease_that_is_not_answered_is_not_held),
        fixture_test(master_with_a_new_term_begins_anew),
        fixture_test(unreadable_documents_are_told_once_where_rounds_follow_changes),
        fixture_test(command_finds_a_master_where_the_last_one_is_not_known),
        fixture_test(master_on_a_node_that_is_to_be_fenced_decides_nothing),
        fixture_test(nothing_to_free_is_fine),
        fixture_test(fenced_service_elsewhere_does_not_keep_it_from_acting),
        fixture_test(master_that_is_no_member_decides_nothing),
        fixture_test(service_on_its_way_to_a_node_that_is_not_known_is_taken_in),
        fixture_test(removals_of_many_go_on_in_the_next_round),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
