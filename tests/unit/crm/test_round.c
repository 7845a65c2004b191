// SPDX-License-Identifier: Apache-2.0
// The driver over fake ports: what is written and when, what a failed or unknown write leads to,
// corrupt documents, commands that take effect once, and that an idle master writes nothing to
// disk.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/model/lrm_status.h"
#include "common/model/service.h"
#include "common/model/store_keys.h"
#include "tests/lib/crm_fakes.h"
#include "tests/lib/fixture.h"

static int fakes_setup_of(void **state, enum timing_profile profile)
{
    struct crm_fakes *fakes = alloc_zero(sizeof(*fakes));
    crm_fakes_init(fakes, profile, 3);
    crm_fakes_add(fakes, "ct:100", "node1", "started");
    crm_fakes_add(fakes, "ct:300", "node3", "started");
    *state = fakes;
    return 0;
}

static int fakes_setup(void **state)
{
    return fakes_setup_of(state, TIMING_PROFILE_BALANCED);
}

static int fakes_teardown(void **state)
{
    crm_fakes_done(*state);
    free(*state);
    return 0;
}

#define fakes_test(function) cmocka_unit_test_setup_teardown(function, fakes_setup, fakes_teardown)

static bool record_has(const struct crm_fakes *fakes, const char *sid, const char *text)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    const char *value =
        fake_store_get(fakes->store, arena_printf(arena, STORE_PREFIX_SERVICE "%s", sid));
    return value != NULL && strstr(value, text) != NULL;
}

static void first_round_writes_status_and_records_at_once(void **state)
{
    struct crm_fakes *fakes = *state;
    crm_fakes_round(fakes, 0);
    assert_int_equal(crm_round_state(fakes->round), CRM_STATE_MASTER);
    assert_true(record_has(fakes, "ct:100", "\"state\":\"started\""));
    assert_true(record_has(fakes, "ct:300", "\"node\":\"node3\""));
    // All of it in one transaction.
    assert_int_equal(fake_store_version(fakes->store, STORE_KEY_MANAGER_STATUS),
                     fake_store_version(fakes->store, "service/ct:100"));
    assert_non_null(strstr(fake_store_get(fakes->store, STORE_KEY_MANAGER_STATUS), "\"term\":1"));
    assert_non_null(fake_store_get(fakes->store, STORE_KEY_LIVE_MASTER));
}

static void idle_master_writes_nothing_durable(void **state)
{
    struct crm_fakes *fakes = *state;
    crm_fakes_round(fakes, 0);
    crm_fakes_round(fakes, 500);
    uint64_t status = fake_store_version(fakes->store, STORE_KEY_MANAGER_STATUS);
    for (int i = 0; i < 100; i++) {
        crm_fakes_round(fakes, 500);
        assert_false(crm_fakes_told(fakes, "commit "));
    }
    assert_int_equal(fake_store_version(fakes->store, STORE_KEY_MANAGER_STATUS), status);
    // It says that it lives, now and then.
    assert_true(fake_store_version(fakes->store, STORE_KEY_LIVE_MASTER) > status);
}

// What node1's LRM says, as it writes it: keys sorted, the time last.
static void put_lrm1(struct crm_fakes *fakes, const char *mode, const char *results, int time_s)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    fake_store_put(fakes->store, "live/lrm/node1",
                   arena_printf(arena,
                                "{\"mode\":\"%s\",\"results\":{%s},\"state\":\"active\","
                                "\"timestamp\":%d}",
                                mode, results, time_s));
}

static void lrm_that_repeats_itself_is_heard_when_it_says_something_new(void **state)
{
    struct crm_fakes *fakes = *state;
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    crm_fakes_round(fakes, 0);
    const char *uid = strstr(fake_store_get(fakes->store, "service/ct:100"), "\"uid\":\"") + 7;
    const char *results =
        arena_printf(arena, "\"%.*s\":{\"exit_code\":0,\"sid\":\"ct:100\",\"state\":\"started\"}",
                     (int)strcspn(uid, "\""), uid);
    put_lrm1(fakes, "active", "", 9);
    crm_fakes_round(fakes, 10);
    put_lrm1(fakes, "active", "", 10);
    crm_fakes_round(fakes, 10);
    assert_false(record_has(fakes, "ct:100", "\"running\""));
    put_lrm1(fakes, "active", results, 10);
    crm_fakes_round(fakes, 10);
    assert_true(record_has(fakes, "ct:100", "\"running\""));
    put_lrm1(fakes, "active", results, 11);
    crm_fakes_round(fakes, 10);
    assert_true(record_has(fakes, "ct:100", "\"state\":\"started\""));
    put_lrm1(fakes, "restart", results, 11);
    crm_fakes_round(fakes, 10);
    assert_true(record_has(fakes, "ct:100", "\"state\":\"freeze\""));
}

static const char *uid_of(struct crm_fakes *fakes, struct arena *arena, const char *sid)
{
    struct service *record;
    const char *text =
        fake_store_get(fakes->store, arena_printf(arena, STORE_PREFIX_SERVICE "%s", sid));
    assert_int_equal(service_parse(arena, sid, text, strlen(text), &record, NULL), 0);
    return record->uid;
}

static void put_result(struct crm_fakes *fakes, const char *node, const char *sid, const char *uid,
                       int code)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    const struct lrm_result result = {
        .uid = uid, .sid = sid, .state = SVC_STATE_STARTED, .exit_code = code};
    fake_store_put(fakes->store, arena_printf(arena, STORE_PREFIX_RESULT "%s/%s", node, sid),
                   lrm_result_format(arena, &result));
}

static void result_of_the_own_node_and_task_counts_only(void **state)
{
    struct crm_fakes *fakes = *state;
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    crm_fakes_round(fakes, 0);
    const char *uid = uid_of(fakes, arena, "ct:100");
    put_result(fakes, "node1", "ct:100", uid, 0);
    crm_fakes_round(fakes, 10);
    assert_false(record_has(fakes, "ct:100", "\"running\"")); // it has not said what it is
    put_lrm1(fakes, "active", "", 9);
    put_result(fakes, "node1", "ct:100", "of-before", 0);
    put_result(fakes, "node2", "ct:100", uid, 0);
    crm_fakes_round(fakes, 10);
    assert_false(record_has(fakes, "ct:100", "\"running\""));
    put_result(fakes, "node1", "ct:100", uid, 0);
    crm_fakes_round(fakes, 10);
    assert_true(record_has(fakes, "ct:100", "\"running\""));
}

// It may come before the record that it speaks of can be read, and stay when it is gone.
static void result_is_kept_apart_from_what_else_there_is_of_a_service(void **state)
{
    struct crm_fakes *fakes = *state;
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    put_lrm1(fakes, "active", "", 9);
    put_result(fakes, "node1", "ct:999", "u1", 0);
    put_result(fakes, "node0", "ct:999", "u1", 0);
    put_result(fakes, "node1", "ct:100", "u1", 0);
    crm_fakes_round(fakes, 0);
    fake_store_put(fakes->store, "live/result/node0/ct:999", NULL);
    fake_store_put(fakes->store, "live/result/node1/ct:999", NULL);
    fake_store_put(fakes->store, "live/result/node1/ct:998", NULL);
    fake_store_put(fakes->store, "live/result/node1/ct:100", NULL);
    fake_store_put(fakes->store, "live/result/node2", "another key");
    crm_fakes_round(fakes, 10);
    assert_false(crm_fakes_told(fakes, "document-corrupt"));
    put_result(fakes, "node1", "ct:100", uid_of(fakes, arena, "ct:100"), 0);
    put_result(fakes, "node1", "ct:500", "u5", 0);
    crm_fakes_round(fakes, 10);
    assert_true(record_has(fakes, "ct:100", "\"running\""));
    fake_store_put(fakes->store, "service/ct:500",
                   "{\"state\":\"started\",\"node\":\"node1\",\"uid\":\"u5\"}");
    crm_fakes_add(fakes, "ct:500", "node1", "started");
    crm_fakes_round(fakes, 10);
    assert_true(record_has(fakes, "ct:500", "\"running\""));
}

static void result_that_cannot_be_read_is_named_once_and_changes_nothing(void **state)
{
    struct crm_fakes *fakes = *state;
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    put_lrm1(fakes, "active", "", 9);
    crm_fakes_round(fakes, 0);
    put_result(fakes, "node1", "ct:100", uid_of(fakes, arena, "ct:100"), 0);
    crm_fakes_round(fakes, 10);
    static const char *const rows[] = {
        "nonsense",
        "{\"exit_code\":1,\"sid\":\"ct:101\",\"state\":\"started\",\"uid\":\"u\"}",
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        fake_store_put(fakes->store, "live/result/node1/ct:100", rows[i]);
        crm_fakes_round(fakes, 10);
        fixture_row(rows[i],
                    crm_fakes_told(fakes, "document-corrupt: key=live/result/node1/ct:100"));
        fixture_row(rows[i], record_has(fakes, "ct:100", "\"running\""));
        crm_fakes_round(fakes, 10);
        fixture_row(rows[i], !crm_fakes_told(fakes, "document-corrupt"));
    }
}

static void put_command(struct crm_fakes *fakes, const char *id, const char *text)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    fake_store_put(fakes->store, arena_printf(arena, STORE_PREFIX_COMMAND "%s", id),
                   arena_printf(arena, "{\"id\":\"%s\",\"text\":\"%s\"}", id, text));
}

static void command_is_carried_out_answered_and_removed(void **state)
{
    struct crm_fakes *fakes = *state;
    crm_fakes_round(fakes, 0);
    put_command(fakes, "a", "relocate ct:100 node2");
    put_command(fakes, "b", "relocate ct:999 node2");
    crm_fakes_round(fakes, 10);
    assert_true(record_has(fakes, "ct:100", "\"target\":\"node2\""));
    assert_null(fake_store_get(fakes->store, "command/a"));
    assert_null(fake_store_get(fakes->store, "command/b"));
    assert_string_equal(fake_store_get(fakes->store, "live/answer/a"), "{\"result\":\"ok\"}");
    assert_string_equal(fake_store_get(fakes->store, "live/answer/b"),
                        "{\"reason\":\"no service 'ct:999'\",\"result\":\"refused\"}");
    // Answers do not pile up.
    crm_fakes_round(fakes, 601 * 1000);
    crm_fakes_round(fakes, 10);
    assert_null(fake_store_get(fakes->store, "live/answer/a"));
}

static void commands_are_taken_in_the_order_they_were_given(void **state)
{
    struct crm_fakes *fakes = *state;
    crm_fakes_round(fakes, 0);
    put_command(fakes, "z", "relocate ct:100 node2");
    put_command(fakes, "a", "relocate ct:100 node3");
    crm_fakes_round(fakes, 10);
    assert_true(record_has(fakes, "ct:100", "\"target\":\"node3\""));
}

// INV-6: the write took effect, but nobody said so. The command is gone with it and does not come
// twice.
static void command_is_consumed_once_although_the_outcome_was_unknown(void **state)
{
    struct crm_fakes *fakes = *state;
    crm_fakes_round(fakes, 0);
    put_command(fakes, "a", "relocate ct:100 node2");
    fakes->commit_unknown = true;
    crm_fakes_round(fakes, 10);
    fakes->commit_unknown = false;
    assert_true(crm_fakes_told(fakes, "commit-failed"));
    assert_false(crm_fakes_told(fakes, "service-state")); // not told, since not known
    const char *uid = strstr(fake_store_get(fakes->store, "service/ct:100"), "uid");
    char *before CLEANUP(alloc_freep) = alloc_strdup(uid);
    crm_fakes_round(fakes, 10);
    assert_false(crm_fakes_told(fakes, "commit"));
    assert_string_equal(strstr(fake_store_get(fakes->store, "service/ct:100"), "uid"), before);
}

// An operator took it back in the last moment: it does not take effect.
static void command_that_was_taken_back_meanwhile_is_not_carried_out(void **state)
{
    struct crm_fakes *fakes = *state;
    crm_fakes_round(fakes, 0);
    put_command(fakes, "a", "relocate ct:100 node2");
    fakes->intruder_key = "command/a";
    crm_fakes_round(fakes, 10);
    assert_true(crm_fakes_told(fakes, "commit-failed"));
    crm_fakes_round(fakes, 200);
    assert_false(record_has(fakes, "ct:100", "relocate"));
    assert_null(fake_store_get(fakes->store, "live/answer/a"));
}

// The same when it did not take effect: then it does now.
static void command_is_carried_out_after_a_write_that_was_lost(void **state)
{
    struct crm_fakes *fakes = *state;
    crm_fakes_round(fakes, 0);
    put_command(fakes, "a", "relocate ct:100 node2");
    fakes->commit_lost = true;
    crm_fakes_round(fakes, 10);
    fakes->commit_lost = false;
    assert_non_null(fake_store_get(fakes->store, "command/a"));
    assert_true(fakes->result.next_wake_ms <= fakes->now_ms + 200); // tries again soon
    crm_fakes_round(fakes, 200);
    assert_true(record_has(fakes, "ct:100", "\"target\":\"node2\""));
    assert_null(fake_store_get(fakes->store, "command/a"));
}

// INV-4: another master's write came in between; nothing of this one's goes through, and it reads
// anew.
static void write_on_an_older_state_is_refused(void **state)
{
    struct crm_fakes *fakes = *state;
    crm_fakes_round(fakes, 0);
    char *status CLEANUP(alloc_freep) =
        alloc_strdup(fake_store_get(fakes->store, STORE_KEY_MANAGER_STATUS));
    put_command(fakes, "a", "relocate ct:100 node2");
    fakes->intruder_key = STORE_KEY_MANAGER_STATUS;
    fakes->intruder_value = status;
    crm_fakes_round(fakes, 10);
    assert_true(crm_fakes_told(fakes, "commit-failed"));
    assert_false(record_has(fakes, "ct:100", "relocate"));
    assert_non_null(fake_store_get(fakes->store, "command/a"));
    crm_fakes_round(fakes, 200);
    assert_true(record_has(fakes, "ct:100", "\"target\":\"node2\""));
}

static void write_without_the_lease_is_refused_by_the_store(void **state)
{
    struct crm_fakes *fakes = *state;
    crm_fakes_round(fakes, 0);
    put_command(fakes, "a", "relocate ct:100 node2");
    fakes->manager_held = true; // it believes so, but the store knows a newer term
    fakes->manager_term = 1;
    crm_fakes_round(fakes, 10);
    put_command(fakes, "b", "relocate ct:300 node2");
    struct lease_grant grant;
    struct error *none = NULL;
    assert_int_equal(lease_acquire(&fakes->lease, LEASE_MANAGER, &grant, none), LEASE_RENEWED);
    fake_store_hold(fakes->store, LEASE_MANAGER, "node2", 2);
    fake_store_fail(fakes->store, 0, 0, -EPERM);
    crm_fakes_round(fakes, 10);
    fake_store_fail(fakes->store, 0, 0, 0);
    assert_true(crm_fakes_told(fakes, "commit-failed"));
    assert_false(record_has(fakes, "ct:300", "relocate"));
    assert_null(fake_store_get(fakes->store, "live/answer/b"));
}

static void stop_command_edits_only_the_state_of_the_resource(void **state)
{
    struct crm_fakes *fakes = *state;
    crm_fakes_round(fakes, 0);
    put_command(fakes, "a", "stop ct:100 30");
    crm_fakes_round(fakes, 10);
    const char *text = fake_store_get(fakes->store, "resource/ct:100");
    assert_non_null(strstr(text, "state stopped"));
    assert_non_null(strstr(text, "comment keep me"));
    assert_true(record_has(fakes, "ct:100", "\"timeout\":30"));
}

// ---- recovery

// Node3's LRM says that it is in this state: "active" is with its lease held and watchdog armed.
static void put_lrm3(struct crm_fakes *fakes, const char *lrm_state)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    fake_store_put(fakes->store, "live/lrm/node3",
                   arena_printf(arena,
                                "{\"state\":\"%s\",\"mode\":\"active\",\"timestamp\":1,"
                                "\"results\":{}}",
                                lrm_state));
}

static void lose_node3(struct crm_fakes *fakes)
{
    crm_fakes_round(fakes, 0);
    put_lrm3(fakes, "active"); // after the record was written
    crm_fakes_round(fakes, 0);
    fakes->members[2].online = false;
    crm_fakes_round(fakes, 10);
    crm_fakes_round(fakes, fakes->timing.fence_delay_ms);
}

static void recovery_moves_guest_and_record_in_one_write_and_gives_the_lease_back(void **state)
{
    struct crm_fakes *fakes = *state;
    lose_node3(fakes);
    assert_true(record_has(fakes, "ct:300", "\"state\":\"fence\""));
    assert_false(crm_fakes_told(fakes, "ask "));
    crm_fakes_round(fakes, 0);
    assert_true(crm_fakes_told(fakes, "ask ha_agent_node3_lock"));
    assert_true(record_has(fakes, "ct:300", "\"state\":\"fence\""));
    map_put(&fakes->agents, "ha_agent_node3_lock", fakes);
    crm_fakes_round(fakes, 10);
    assert_true(record_has(fakes, "ct:300", "\"state\":\"started\""));
    assert_true(record_has(fakes, "ct:300", "\"node\":\"node2\""));
    const char *guest = fake_store_get(fakes->store, "guest/ct:300");
    assert_non_null(strstr(guest, "\"node\":\"node2\""));
    assert_non_null(strstr(guest, "\"cores\":\"2\""));
    assert_int_equal(fake_store_version(fakes->store, "guest/ct:300"),
                     fake_store_version(fakes->store, "service/ct:300"));
    const char *trace = strbuf_text(&fakes->trace);
    const char *commit = strstr(trace, "commit ok");
    const char *release = strstr(trace, "release ha_agent_node3_lock");
    assert_non_null(commit);
    assert_non_null(release);
    assert_true(commit < release);
}

// ---- power switches

static void lose_node3_with_switch(struct crm_fakes *fakes)
{
    fake_store_put(fakes->store, "config/fence",
                   "device: ipmi3\n\tagent fence_test\n\tnodes node3\n\n");
    crm_fakes_round(fakes, 0);
    put_lrm3(fakes, "active"); // after the record was written
    crm_fakes_round(fakes, 0);
    fakes->members[2].online = false;
    crm_fakes_round(fakes, 10);
}

// The order follows the commit of the intent in the next round, which comes at once.
static void switch_is_ordered_after_the_intent_was_written(void **state)
{
    struct crm_fakes *fakes = *state;
    lose_node3_with_switch(fakes);
    assert_true(record_has(fakes, "ct:300", "\"state\":\"fence\""));
    assert_false(crm_fakes_told(fakes, "order "));
    assert_int_equal(fakes->result.next_wake_ms, fakes->now_ms);
    crm_fakes_round(fakes, 0);
    assert_true(crm_fakes_told(fakes, "order ipmi3 node3"));
    assert_true(crm_fakes_told(fakes, "ask ha_agent_node3_lock"));
    fakes->result_next = (struct fence_result){.node = "node3",
                                               .device = "ipmi3",
                                               .verdict = FENCE_VERDICT_OFF,
                                               .evidence = "off",
                                               .took_ms = 77};
    crm_fakes_round(fakes, 77);
    assert_true(crm_fakes_told(fakes, "fence-proof: node=node3 proof=device"));
    assert_true(record_has(fakes, "ct:300", "\"state\":\"started\""));
    const char *status = fake_store_get(fakes->store, STORE_KEY_MANAGER_STATUS);
    assert_non_null(strstr(status, "\"last_fence\":{\"node3\":{\"evidence\":\"ipmi3: off\","
                                   "\"proof\":\"device\"}}"));
}

static void order_that_is_not_taken_has_failed(void **state)
{
    struct crm_fakes *fakes = *state;
    lose_node3_with_switch(fakes);
    fakes->fence_answer = -EEXIST;
    crm_fakes_round(fakes, 0);
    assert_true(crm_fakes_told(fakes, "order ipmi3 node3"));
    assert_int_equal(fakes->result.next_wake_ms, fakes->now_ms);
    fakes->fence_answer = 0;
    crm_fakes_round(fakes, 0);
    assert_true(crm_fakes_told(fakes, "fence-device: node=node3 device=ipmi3 level=1 "
                                      "result=failed took_ms=0 evidence=cannot"));
    crm_fakes_round(fakes, 10);
    assert_false(crm_fakes_told(fakes, "fence-device")); // once
    assert_false(crm_fakes_told(fakes, "order "));
    crm_fakes_round(fakes, 2000);
    assert_true(crm_fakes_told(fakes, "order ipmi3 node3"));
}

static void order_is_called_back_when_the_node_is(void **state)
{
    struct crm_fakes *fakes = *state;
    lose_node3_with_switch(fakes);
    crm_fakes_round(fakes, 0);
    fakes->members[2].online = true;
    crm_fakes_round(fakes, 10);
    assert_true(crm_fakes_told(fakes, "cancel node3"));
    crm_fakes_round(fakes, 10);
    assert_false(crm_fakes_told(fakes, "cancel node3"));
}

// Nobody believes in switches that cannot be read; the lease proves the same.
static void devices_that_cannot_be_read_are_none(void **state)
{
    struct crm_fakes *fakes = *state;
    fake_store_put(fakes->store, "config/fence", "device: ipmi3\n\tnonsense 1\n\n");
    crm_fakes_round(fakes, 0);
    assert_true(crm_fakes_told(fakes, "document-corrupt: key=config/fence"));
    put_lrm3(fakes, "active"); // after the record was written
    crm_fakes_round(fakes, 0);
    fakes->members[2].online = false;
    crm_fakes_round(fakes, 10);
    crm_fakes_round(fakes, fakes->timing.fence_delay_ms);
    crm_fakes_round(fakes, 0);
    assert_true(crm_fakes_told(fakes, "ask ha_agent_node3_lock"));
    assert_false(crm_fakes_told(fakes, "order "));
}

static void devices_can_be_taken_away(void **state)
{
    struct crm_fakes *fakes = *state;
    lose_node3_with_switch(fakes);
    fake_store_put(fakes->store, "config/fence", NULL);
    crm_fakes_round(fakes, 0);
    assert_false(crm_fakes_told(fakes, "order "));
    assert_true(crm_fakes_told(fakes, "ask ha_agent_node3_lock"));
}

static void lease_that_is_not_held_needs_no_release(void **state)
{
    struct crm_fakes *fakes = *state;
    lose_node3(fakes);
    crm_fakes_round(fakes, 0);
    map_put(&fakes->agents, "ha_agent_node3_lock", fakes);
    fakes->release_answer = -ENOENT;
    crm_fakes_round(fakes, 10);
    assert_true(crm_fakes_told(fakes, "release ha_agent_node3_lock"));
    assert_false(crm_fakes_told(fakes, "lease-release-failed"));
}

// ---- what a lease does not prove

// INV-2: the guest may have run before it was put under HA, and node3's LRM never took its lease:
// the free lease proves nothing.
static void service_of_a_node_without_a_lease_is_not_recovered(void **state)
{
    struct crm_fakes *fakes = *state;
    put_lrm3(fakes, "wait_for_agent_lock");
    crm_fakes_round(fakes, 0);
    assert_true(record_has(fakes, "ct:300", "\"unguarded\":1"));
    fakes->members[2].online = false;
    map_put(&fakes->agents, "ha_agent_node3_lock", fakes);
    crm_fakes_round(fakes, 10);
    crm_fakes_round(fakes, fakes->timing.fence_delay_ms);
    crm_fakes_round(fakes, 10 * fakes->timing.lease_ms);
    assert_true(record_has(fakes, "ct:300", "\"state\":\"started\""));
    assert_true(record_has(fakes, "ct:300", "\"node\":\"node3\""));
}

// The LRM's first word on the service ends that, even when its lease is free again at the end.
static void service_that_its_lrm_answered_for_is_recovered(void **state)
{
    struct crm_fakes *fakes = *state;
    put_lrm3(fakes, "wait_for_agent_lock");
    crm_fakes_round(fakes, 0);
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct service *record;
    const char *text = fake_store_get(fakes->store, "service/ct:300");
    assert_int_equal(service_parse(arena, "ct:300", text, strlen(text), &record, NULL), 0);
    fake_store_put(fakes->store, "live/lrm/node3",
                   arena_printf(arena,
                                "{\"state\":\"wait_for_agent_lock\",\"mode\":\"active\","
                                "\"timestamp\":1,\"results\":{\"%s\":{\"sid\":\"ct:300\","
                                "\"state\":\"started\",\"exit_code\":0}}}",
                                record->uid));
    crm_fakes_round(fakes, 10);
    assert_false(record_has(fakes, "ct:300", "unguarded"));
    fakes->members[2].online = false;
    map_put(&fakes->agents, "ha_agent_node3_lock", fakes);
    crm_fakes_round(fakes, 10);
    crm_fakes_round(fakes, fakes->timing.fence_delay_ms);
    crm_fakes_round(fakes, 10);
    assert_true(record_has(fakes, "ct:300", "\"node\":\"node2\""));
    assert_false(record_has(fakes, "ct:300", "unguarded"));
}

// The process stops, or the write fails, between the proof and the write: nothing was carried out.
static void proof_without_write_moves_nothing(void **state)
{
    struct crm_fakes *fakes = *state;
    lose_node3(fakes);
    map_put(&fakes->agents, "ha_agent_node3_lock", fakes);
    fakes->commit_lost = true;
    crm_fakes_round(fakes, 10);
    assert_int_equal(fakes->result.next_wake_ms, fakes->now_ms + 200); // no hot loop
    assert_true(record_has(fakes, "ct:300", "\"state\":\"fence\""));
    assert_non_null(strstr(fake_store_get(fakes->store, "guest/ct:300"), "\"node\":\"node3\""));
    assert_false(crm_fakes_told(fakes, "release "));
    assert_false(crm_fakes_told(fakes, "recover"));
    fakes->commit_lost = false;
    crm_fakes_round(fakes, 200);
    assert_true(record_has(fakes, "ct:300", "\"node\":\"node2\""));
}

// INV-1: a worker's last write, the guest's new place, comes in between the reading and the write.
static void guest_that_moved_meanwhile_is_not_taken(void **state)
{
    struct crm_fakes *fakes = *state;
    lose_node3(fakes);
    map_put(&fakes->agents, "ha_agent_node3_lock", fakes);
    fakes->intruder_key = "guest/ct:300";
    fakes->intruder_value = "{\"sid\":\"ct:300\",\"node\":\"node1\",\"config\":{}}";
    crm_fakes_round(fakes, 10);
    assert_true(crm_fakes_told(fakes, "commit-failed"));
    assert_true(record_has(fakes, "ct:300", "\"state\":\"fence\""));
    crm_fakes_round(fakes, 200);
    assert_true(record_has(fakes, "ct:300", "\"node\":\"node1\"")); // it follows
    assert_non_null(strstr(fake_store_get(fakes->store, "guest/ct:300"), "\"node\":\"node1\""));
}

// ---- documents that cannot be read

static void corrupt_documents_are_named_once_and_block_nobody(void **state)
{
    struct crm_fakes *fakes = *state;
    fake_store_put(fakes->store, "resource/ct:100", "nonsense");
    fake_store_put(fakes->store, "guest/ct:101", "{");
    fake_store_put(fakes->store, "live/lrm/node2", "[]");
    fake_store_put(fakes->store, "config/datacenter", "crs: ha-auto-rebalance=many\n");
    crm_fakes_round(fakes, 0);
    assert_true(crm_fakes_told(fakes, "document-corrupt: key=resource/ct:100"));
    assert_true(crm_fakes_told(fakes, "document-corrupt: key=guest/ct:101"));
    assert_true(crm_fakes_told(fakes, "document-corrupt: key=live/lrm/node2"));
    assert_true(crm_fakes_told(fakes, "document-corrupt: key=config/datacenter"));
    assert_true(record_has(fakes, "ct:300", "started"));
    assert_null(fake_store_get(fakes->store, "service/ct:100"));
    crm_fakes_round(fakes, 10);
    assert_false(crm_fakes_told(fakes, "document-corrupt"));
    crm_fakes_add(fakes, "ct:100", "node1", "started");
    crm_fakes_round(fakes, 10);
    assert_true(record_has(fakes, "ct:100", "started"));
}

// What cannot be read is left alone; the other service of the same node is recovered.
static void corrupt_guest_does_not_keep_others_from_recovery(void **state)
{
    struct crm_fakes *fakes = *state;
    crm_fakes_add(fakes, "ct:301", "node3", "started");
    crm_fakes_round(fakes, 0);
    fake_store_put(fakes->store, "guest/ct:300", "{\"sid\":7}");
    lose_node3(fakes);
    map_put(&fakes->agents, "ha_agent_node3_lock", fakes);
    crm_fakes_round(fakes, 10);
    assert_true(record_has(fakes, "ct:301", "\"node\":\"node2\""));
    assert_true(record_has(fakes, "ct:300", "\"node\":\"node3\""));
    assert_false(crm_fakes_told(fakes, "commit-failed"));
}

static void corrupt_resource_does_not_keep_others_from_commands(void **state)
{
    struct crm_fakes *fakes = *state;
    crm_fakes_round(fakes, 0);
    fake_store_put(fakes->store, "resource/ct:100", "nonsense");
    put_command(fakes, "a", "stop ct:100 0");
    put_command(fakes, "b", "relocate ct:300 node2");
    crm_fakes_round(fakes, 10);
    assert_true(record_has(fakes, "ct:100", "request_stop"));
    assert_true(record_has(fakes, "ct:300", "relocate"));
    assert_string_equal(fake_store_get(fakes->store, "resource/ct:100"), "nonsense");
}

// A new process never saw a good version: what is under HA stays under HA.
static void corrupt_resource_at_start_removes_nothing(void **state)
{
    struct crm_fakes *fakes = *state;
    crm_fakes_round(fakes, 0);
    crm_round_free(fakes->round);
    fakes->round = crm_round_new("node1", &fakes->timing, &fakes->ports);
    fake_store_put(fakes->store, "resource/ct:100", "nonsense");
    crm_fakes_round(fakes, 10);
    assert_true(crm_fakes_told(fakes, "document-corrupt: key=resource/ct:100"));
    assert_false(crm_fakes_told(fakes, "service-removed"));
    assert_true(record_has(fakes, "ct:100", "started"));
}

static void last_good_version_stays_in_use(void **state)
{
    struct crm_fakes *fakes = *state;
    crm_fakes_round(fakes, 0);
    fake_store_put(fakes->store, "resource/ct:100", "nonsense");
    fake_store_put(fakes->store, "service/ct:300", "{\"state\":\"dancing\"}");
    put_command(fakes, "a", "relocate ct:100 node2");
    crm_fakes_round(fakes, 10);
    assert_true(crm_fakes_told(fakes, "document-corrupt: key=resource/ct:100"));
    assert_true(crm_fakes_told(fakes, "document-corrupt: key=service/ct:300"));
    assert_false(crm_fakes_told(fakes, "service-removed"));
    assert_true(record_has(fakes, "ct:100", "relocate"));
}

static void reason_of_an_error_is_kept_until_it_is_tried_again(void **state)
{
    struct crm_fakes *fakes = *state;
    fake_store_put(fakes->store, "resource/ct:100",
                   "ct: 100\n\tretry_interval 60\n\tstate started\n\n");
    fake_store_put(
        fakes->store, "service/ct:100",
        "{\"state\":\"error\",\"node\":\"node1\",\"uid\":\"u\",\"error\":\"the rootfs is "
        "gone\",\"output\":\"no such file\"}");
    fake_store_put(fakes->store, "live/lrm/node1",
                   "{\"state\":\"active\",\"mode\":\"active\",\"timestamp\":1}");
    crm_fakes_round(fakes, 0);
    assert_true(record_has(fakes, "ct:100", "\"retry_at\":"));
    assert_true(record_has(fakes, "ct:100", "\"error\":\"the rootfs is gone\""));
    assert_true(record_has(fakes, "ct:100", "\"output\":\"no such file\""));
    crm_fakes_round(fakes, 60 * 1000);
    assert_true(crm_fakes_told(fakes, "error-retry: sid=ct:100"));
    assert_true(crm_fakes_told(fakes, "reason='the rootfs is gone'"));
    assert_true(record_has(fakes, "ct:100", "\"state\":\"request_stop\""));
}

static void resource_under_a_wrong_key_is_corrupt(void **state)
{
    struct crm_fakes *fakes = *state;
    fake_store_put(fakes->store, "resource/ct:200", "ct: 100\n\tstate started\n\n");
    crm_fakes_round(fakes, 0);
    assert_true(crm_fakes_told(fakes, "document-corrupt: key=resource/ct:200"));
}

static void store_that_cannot_be_read_is_waited_for(void **state)
{
    struct crm_fakes *fakes = *state;
    fake_store_fail(fakes->store, 0, -EIO, 0);
    crm_fakes_round(fakes, 0);
    assert_int_equal(crm_round_state(fakes->round), CRM_STATE_WAIT_FOR_QUORUM);
    assert_true(crm_fakes_told(fakes, "manager-status-unreadable: reason='read fails'"));
    fake_store_fail(fakes->store, 0, 0, 0);
    crm_fakes_round(fakes, 1000);
    assert_int_equal(crm_round_state(fakes->round), CRM_STATE_MASTER);
}

static void removed_documents_are_forgotten(void **state)
{
    struct crm_fakes *fakes = *state;
    crm_fakes_round(fakes, 0);
    fake_store_put(fakes->store, "resource/ct:100", NULL);
    crm_fakes_round(fakes, 10);
    assert_true(crm_fakes_told(fakes, "service-removed: sid=ct:100"));
    assert_null(fake_store_get(fakes->store, "service/ct:100"));
    fake_store_put(fakes->store, "guest/ct:100", NULL);
    crm_fakes_add(fakes, "ct:100", "node2", "started");
    crm_fakes_round(fakes, 10);
    assert_true(record_has(fakes, "ct:100", "\"node\":\"node2\""));
}

// ---- the daemon

static void shutdown_gives_the_lease_back_and_exits(void **state)
{
    struct crm_fakes *fakes = *state;
    crm_fakes_round(fakes, 0);
    crm_round_request_shutdown(fakes->round);
    crm_fakes_round(fakes, 10);
    assert_true(fakes->result.exit);
    assert_true(crm_fakes_told(fakes, "release ha_manager_lock"));
}

static void new_process_takes_over_what_is_stored(void **state)
{
    struct crm_fakes *fakes = *state;
    crm_fakes_round(fakes, 0);
    put_command(fakes, "a", "relocate ct:100 node2");
    crm_fakes_round(fakes, 10);
    crm_round_free(fakes->round);
    fakes->round = crm_round_new("node1", &fakes->timing, &fakes->ports);
    uint64_t version = fake_store_version(fakes->store, "service/ct:100");
    crm_fakes_round(fakes, 10); // the lease is still this node's: renewed, the term is the same
    assert_int_equal(crm_round_state(fakes->round), CRM_STATE_MASTER);
    assert_int_equal(fake_store_version(fakes->store, "service/ct:100"), version);
    assert_false(crm_fakes_told(fakes, "service-state"));
}

static void other_master_is_seen_by_reading_again(void **state)
{
    struct crm_fakes *fakes = *state;
    fakes->manager_answer = LEASE_BUSY;
    crm_fakes_round(fakes, 0);
    assert_int_equal(crm_round_state(fakes->round), CRM_STATE_SLAVE);
    assert_false(crm_fakes_told(fakes, "commit"));
    assert_false(crm_fakes_told(fakes, "volatile"));
    fakes->manager_answer = 0;
    crm_fakes_round(fakes, 500);
    assert_int_equal(crm_round_state(fakes->round), CRM_STATE_MASTER);
    fakes->manager_answer = -EHOSTDOWN;
    fakes->quorate = false;
    crm_fakes_round(fakes, 500);
    assert_int_equal(crm_round_state(fakes->round), CRM_STATE_WAIT_FOR_QUORUM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fakes_test(first_round_writes_status_and_records_at_once),
        fakes_test(idle_master_writes_nothing_durable),
        fakes_test(lrm_that_repeats_itself_is_heard_when_it_says_something_new),
        fakes_test(result_of_the_own_node_and_task_counts_only),
        fakes_test(result_is_kept_apart_from_what_else_there_is_of_a_service),
        fakes_test(result_that_cannot_be_read_is_named_once_and_changes_nothing),
        fakes_test(command_is_carried_out_answered_and_removed),
        fakes_test(commands_are_taken_in_the_order_they_were_given),
        fakes_test(command_is_consumed_once_although_the_outcome_was_unknown),
        fakes_test(command_that_was_taken_back_meanwhile_is_not_carried_out),
        fakes_test(command_is_carried_out_after_a_write_that_was_lost),
        fakes_test(write_on_an_older_state_is_refused),
        fakes_test(write_without_the_lease_is_refused_by_the_store),
        fakes_test(stop_command_edits_only_the_state_of_the_resource),
        fakes_test(recovery_moves_guest_and_record_in_one_write_and_gives_the_lease_back),
        fakes_test(switch_is_ordered_after_the_intent_was_written),
        fakes_test(order_that_is_not_taken_has_failed),
        fakes_test(order_is_called_back_when_the_node_is),
        fakes_test(devices_that_cannot_be_read_are_none),
        fakes_test(devices_can_be_taken_away),
        fakes_test(lease_that_is_not_held_needs_no_release),
        fakes_test(service_of_a_node_without_a_lease_is_not_recovered),
        fakes_test(service_that_its_lrm_answered_for_is_recovered),
        fakes_test(proof_without_write_moves_nothing),
        fakes_test(guest_that_moved_meanwhile_is_not_taken),
        fakes_test(corrupt_documents_are_named_once_and_block_nobody),
        fakes_test(corrupt_guest_does_not_keep_others_from_recovery),
        fakes_test(corrupt_resource_does_not_keep_others_from_commands),
        fakes_test(corrupt_resource_at_start_removes_nothing),
        fakes_test(last_good_version_stays_in_use),
        fakes_test(reason_of_an_error_is_kept_until_it_is_tried_again),
        fakes_test(resource_under_a_wrong_key_is_corrupt),
        fakes_test(store_that_cannot_be_read_is_waited_for),
        fakes_test(removed_documents_are_forgotten),
        fakes_test(shutdown_gives_the_lease_back_and_exits),
        fakes_test(new_process_takes_over_what_is_stored),
        fakes_test(other_master_is_seen_by_reading_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
