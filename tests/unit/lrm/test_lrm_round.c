// SPDX-License-Identifier: Apache-2.0
// The LRM's round over fake ports: what it reads, writes and tells, and what it makes of ports that
// fail.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/strbuf.h"
#include "common/model/event.h"
#include "common/model/lrm_status.h"
#include "common/model/timing.h"
#include "common/port/clock.h"
#include "common/port/event_sink.h"
#include "common/port/lease.h"
#include "common/port/membership.h"
#include "common/port/watchdog.h"
#include "common/port/workers.h"
#include "lrm/round.h"
#include "tests/lib/fake_store.h"
#include "tests/lib/fixture.h"

struct ports {
    struct clock clock; // first
    struct lease lease;
    struct membership membership;
    struct watchdog watchdog;
    struct workers workers;
    struct event_sink sink;
    struct arena *arena;
    struct fake_store *store;
    struct lrm_round *round;
    struct timing timing;
    int64_t now_ms;
    int lease_answer;
    int spawn_answer;
    int arm_answer;
    bool quorate;
    int64_t deadline_ms;
    int note_answer;
    int disarm_answer;
    enum workers_killed kill_result, killed;
    struct job_result ended; // the last job spawned
    bool has_ended;
    struct strbuf log;
};

#define ports_of(member, pointer)                                                                  \
    ((struct ports *)((char *)(pointer)-offsetof(struct ports, member)))

static void ports_log(struct ports *ports, const char *word)
{
    strbuf_appendf(&ports->log, "%s%s", ports->log.size_bytes > 0 ? " " : "", word);
}

static int64_t fake_now(struct clock *clock)
{
    return ports_of(clock, clock)->now_ms;
}

static int fake_acquire(struct lease *lease, const char *name, struct lease_grant *ret,
                        struct error *err)
{
    struct ports *ports = ports_of(lease, lease);
    assert_string_equal(name, "ha_agent_alpha_lock");
    *ret = (struct lease_grant){.term = 1,
                                .authority_until_ms = ports->now_ms + ports->timing.authority_ms};
    return ports->lease_answer < 0 ? error_set(err, ports->lease_answer, "away")
                                   : ports->lease_answer;
}

static int fake_release(struct lease *lease, const char *name, struct error *err)
{
    (void)name;
    (void)err;
    ports_log(ports_of(lease, lease), "release");
    return 0;
}

static int fake_members(struct membership *membership, struct arena *arena, struct member_list *ret,
                        struct error *err)
{
    (void)arena;
    (void)err;
    *ret = (struct member_list){.quorate = ports_of(membership, membership)->quorate};
    return 0;
}

static int fake_arm(struct watchdog *watchdog, int64_t deadline_ms, struct error *err)
{
    struct ports *ports = ports_of(watchdog, watchdog);
    ports->deadline_ms = deadline_ms;
    return ports->arm_answer < 0 ? error_set(err, ports->arm_answer, "away") : 0;
}

static int fake_disarm(struct watchdog *watchdog, struct error *err)
{
    struct ports *ports = ports_of(watchdog, watchdog);
    ports_log(ports, "disarm");
    return ports->disarm_answer < 0 ? error_set(err, ports->disarm_answer, "away") : 0;
}

static int fake_spawn(struct workers *workers, const struct job *job, struct error *err)
{
    struct ports *ports = ports_of(workers, workers);
    ports_log(ports, arena_printf(ports->arena, "spawn(%s)", job->sid));
    if (ports->spawn_answer < 0) {
        return error_set(err, ports->spawn_answer, "one is running");
    }
    ports->ended = (struct job_result){.sid = arena_strdup(ports->arena, job->sid),
                                       .uid = arena_strdup(ports->arena, job->uid),
                                       .state = job->state};
    ports->has_ended = true;
    return 0;
}

static void fake_collect(struct workers *workers, struct arena *arena, struct job_results *ret)
{
    struct ports *ports = ports_of(workers, workers);
    struct job_result *results = arena_array_of(arena, struct job_result, 1);
    results[0] = ports->ended;
    *ret = (struct job_results){results, ports->has_ended ? 1 : 0};
    ports->has_ended = false;
}

static void fake_kill(struct workers *workers, const struct workers_guests *guests,
                      int64_t until_ms)
{
    struct ports *ports = ports_of(workers, workers);
    ports_log(ports, arena_printf(ports->arena, "kill(%s %zu %lld)", guests->sids[0], guests->count,
                                  (long long)(until_ms - ports->now_ms)));
    ports->killed = ports->kill_result;
}

static enum workers_killed fake_look(struct workers *workers, struct arena *arena,
                                     const char **ret_reason)
{
    *ret_reason = arena_strdup(arena, "as the test wants");
    return ports_of(workers, workers)->killed;
}

static int fake_note(struct workers *workers, const struct workers_guests *guests, uint64_t term,
                     struct error *err)
{
    (void)term;
    (void)term;
    struct ports *ports = ports_of(workers, workers);
    ports_log(ports, arena_printf(ports->arena, "note(%zu)", guests->count));
    return ports->note_answer < 0 ? error_set(err, ports->note_answer, "the disk is full") : 0;
}

static void fake_emit(struct event_sink *sink, const struct event *event)
{
    struct ports *ports = ports_of(sink, sink);
    ports_log(ports, arena_printf(ports->arena, "+%s", event->name));
}

static int ports_setup(void **state)
{
    static const struct clock_ops clock_ops = {fake_now, fake_now};
    static const struct lease_ops lease_ops = {fake_acquire, fake_release};
    static const struct membership_ops membership_ops = {fake_members};
    static const struct watchdog_ops watchdog_ops = {fake_arm, fake_disarm};
    static const struct workers_ops workers_ops = {fake_spawn, fake_collect, fake_kill, fake_look,
                                                   fake_note};
    static const struct event_sink_ops sink_ops = {fake_emit};
    struct ports *ports = alloc_zero(sizeof(*ports));
    *ports = (struct ports){.clock = {&clock_ops},
                            .lease = {&lease_ops},
                            .membership = {&membership_ops},
                            .watchdog = {&watchdog_ops},
                            .workers = {&workers_ops},
                            .sink = {&sink_ops},
                            .now_ms = 1000000,
                            .lease_answer = LEASE_RENEWED,
                            .quorate = true};
    ports->arena = arena_new();
    ports->store = fake_store_new();
    timing_get(TIMING_PROFILE_BALANCED, &ports->timing);
    const struct lrm_ports lrm = {.clock = &ports->clock,
                                  .store = fake_store_port(ports->store),
                                  .lease = &ports->lease,
                                  .membership = &ports->membership,
                                  .watchdog = &ports->watchdog,
                                  .workers = &ports->workers,
                                  .events = &ports->sink};
    ports->round = lrm_round_new("alpha", &ports->timing, 4, &lrm);
    *state = ports;
    return 0;
}

static int ports_teardown(void **state)
{
    struct ports *ports = *state;
    lrm_round_free(ports->round);
    fake_store_free(ports->store);
    arena_free(ports->arena);
    strbuf_done(&ports->log);
    free(ports);
    return 0;
}

static const char *ports_run(struct ports *ports, int64_t after_ms, struct lrm_round_result *ret)
{
    struct lrm_round_result result;
    ports->now_ms += after_ms;
    strbuf_clear(&ports->log);
    lrm_round_run(ports->round, &result);
    if (ret != NULL) {
        *ret = result;
    }
    return strbuf_text(&ports->log);
}

static struct lrm_status *ports_status(struct ports *ports)
{
    const char *text = fake_store_get(ports->store, "live/lrm/alpha");
    struct lrm_status *status = NULL;
    assert_non_null(text);
    assert_int_equal(lrm_status_parse(ports->arena, text, strlen(text), &status, NULL), 0);
    return status;
}

// NULL: it said nothing of the service.
static const struct lrm_result *ports_result(struct ports *ports, const char *sid)
{
    const char *text =
        fake_store_get(ports->store, arena_printf(ports->arena, "live/result/alpha/%s", sid));
    struct lrm_result *result = NULL;
    if (text != NULL) {
        assert_int_equal(lrm_result_parse(ports->arena, text, strlen(text), &result, NULL), 0);
        assert_string_equal(result->sid, sid);
    }
    return result;
}

static const char record[] = "{\"state\":\"started\",\"node\":\"alpha\",\"uid\":\"u1\"}";

static void new_round_object_tells_its_first_state(void **state)
{
    struct ports *ports = *state;
    assert_string_equal(strbuf_text(&ports->log), "+daemon-state");
    assert_int_equal(lrm_round_state(ports->round), LRM_STATE_WAIT_FOR_AGENT_LOCK);
}

static void record_is_carried_out_and_its_result_written(void **state)
{
    struct ports *ports = *state;
    fake_store_put(ports->store, "service/ct:100", record);
    assert_string_equal(ports_run(ports, 0, NULL), "note(1) +daemon-state spawn(ct:100)");
    assert_int_equal(ports->deadline_ms, ports->now_ms + ports->timing.authority_ms);
    assert_int_equal(lrm_round_state(ports->round), LRM_STATE_ACTIVE);
    const struct lrm_status *status = ports_status(ports);
    assert_int_equal(status->state, LRM_STATE_ACTIVE);
    assert_int_equal(status->timestamp_s, ports->now_ms / 1000);
    assert_int_equal(status->results.count, 0); // no document holds those of all services
    const struct lrm_result *result = ports_result(ports, "ct:100");
    assert_non_null(result);
    assert_string_equal(result->uid, "u1");
    assert_int_equal(result->exit_code, LRM_CODE_SUCCESS);
    assert_int_equal(fake_store_version(ports->store, "live/result/alpha/ct:100"),
                     fake_store_version(ports->store, "live/lrm/alpha"));
}

static void status_is_written_again_when_it_changed_or_is_due_only(void **state)
{
    struct ports *ports = *state;
    (void)ports_run(ports, 0, NULL);
    uint64_t commits = fake_store_commits(ports->store);
    for (int i = 0; i < 9; i++) {
        (void)ports_run(ports, 1000, NULL);
    }
    assert_int_equal(fake_store_commits(ports->store), commits);
    (void)ports_run(ports, 1000, NULL);
    assert_int_equal(fake_store_commits(ports->store), commits + 1);
    fake_store_put(ports->store, "service/ct:100", record);
    (void)ports_run(ports, 1, NULL);
    assert_int_equal(fake_store_commits(ports->store), commits + 2);
}

static void status_whose_fate_is_unknown_is_written_again(void **state)
{
    struct ports *ports = *state;
    (void)ports_run(ports, 0, NULL);
    uint64_t commits = fake_store_commits(ports->store);
    fake_store_fail(ports->store, 0, 0, -ETIMEDOUT);
    assert_string_equal(ports_run(ports, 10000, NULL), "+port-failed");
    fake_store_fail(ports->store, 0, 0, 0);
    assert_string_equal(ports_run(ports, 1, NULL), "+port-works-again");
    assert_int_equal(fake_store_commits(ports->store), commits + 1);
}

static void status_is_written_anew_after_the_store_was_away(void **state)
{
    struct ports *ports = *state;
    (void)ports_run(ports, 0, NULL);
    fake_store_fail(ports->store, -ENOTCONN, 0, -ENOTCONN);
    (void)ports_run(ports, 1, NULL);
    fake_store_fail(ports->store, 0, 0, 0);
    fake_store_put(ports->store, "live/lrm/alpha", NULL);
    (void)ports_run(ports, 1, NULL);
    assert_non_null(fake_store_get(ports->store, "live/lrm/alpha"));
}

static void result_of_an_earlier_process_is_gone_with_the_first_status(void **state)
{
    struct ports *ports = *state;
    fake_store_put(ports->store, "live/result/alpha/ct:100",
                   "{\"exit_code\":0,\"sid\":\"ct:100\",\"state\":\"started\",\"uid\":\"u0\"}");
    fake_store_put(ports->store, "live/result/alphabet/ct:100", "of another");
    (void)ports_run(ports, 0, NULL);
    assert_null(ports_result(ports, "ct:100"));
    assert_int_equal(fake_store_version(ports->store, "live/result/alpha/ct:100"),
                     fake_store_version(ports->store, "live/lrm/alpha"));
    assert_string_equal(fake_store_get(ports->store, "live/result/alphabet/ct:100"), "of another");
}

static void watchdog_that_fails_is_told_once_and_starts_nothing(void **state)
{
    struct ports *ports = *state;
    ports->arm_answer = -ENOTCONN;
    fake_store_put(ports->store, "service/ct:100", record);
    assert_string_equal(ports_run(ports, 0, NULL), "+watchdog-failed note(1)");
    assert_string_equal(ports_run(ports, 1, NULL), "");
    ports->arm_answer = 0;
    assert_string_equal(ports_run(ports, 1, NULL), "+daemon-state spawn(ct:100)");
}

static void record_that_cannot_be_parsed_leaves_the_old_one_in_force(void **state)
{
    struct ports *ports = *state;
    fake_store_put(ports->store, "service/ct:100", record);
    (void)ports_run(ports, 0, NULL);
    fake_store_put(ports->store, "service/ct:100", "{\"state\":\"dancing\"}");
    assert_string_equal(ports_run(ports, 1, NULL), "+document-unreadable");
    assert_int_equal(lrm_round_state(ports->round), LRM_STATE_ACTIVE);
    assert_string_equal(ports_run(ports, 1, NULL), "");
}

static void record_that_is_deleted_is_forgotten(void **state)
{
    struct ports *ports = *state;
    fake_store_put(ports->store, "service/ct:100", record);
    (void)ports_run(ports, 0, NULL);
    fake_store_put(ports->store, "service/ct:100", NULL);
    fake_store_put(ports->store, "service/ct:101",
                   "{\"state\":\"stopped\",\"node\":\"alpha\",\"uid\":\"u2\"}");
    (void)ports_run(ports, 1, NULL);
    (void)ports_run(ports, 1, NULL);
    assert_null(ports_result(ports, "ct:100"));
    assert_string_equal(ports_result(ports, "ct:101")->uid, "u2");
}

static void manager_status_that_cannot_be_parsed_stops_new_jobs(void **state)
{
    struct ports *ports = *state;
    fake_store_put(ports->store, "manager/status", "{");
    fake_store_put(ports->store, "service/ct:100", record);
    assert_string_equal(ports_run(ports, 0, NULL),
                        "+document-unreadable +manager-status-unreadable");
    fake_store_put(ports->store, "manager/status", "{}");
    assert_string_equal(ports_run(ports, 1, NULL), "note(1) +daemon-state spawn(ct:100)");
}

static void job_that_cannot_begin_has_failed_to_run(void **state)
{
    struct ports *ports = *state;
    ports->spawn_answer = -EEXIST;
    fake_store_put(ports->store, "service/ct:100", record);
    assert_string_equal(ports_run(ports, 0, NULL),
                        "note(1) +daemon-state spawn(ct:100) +worker-failed");
    assert_null(ports_result(ports, "ct:100")); // it is tried again first
    const struct lrm_result *result = NULL;
    for (int64_t i = 0; result == NULL; i++) {
        assert_true(i < 100);
        (void)ports_run(ports, 1000, NULL);
        result = ports_result(ports, "ct:100");
    }
    assert_int_equal(result->exit_code, LRM_CODE_FAILED_TO_RUN);
    assert_string_equal(result->reason, "one is running");
}

static void lease_that_fails_is_told_once_and_so_is_its_return(void **state)
{
    struct ports *ports = *state;
    ports->lease_answer = -ENOTCONN;
    fake_store_put(ports->store, "service/ct:100", record);
    assert_string_equal(ports_run(ports, 0, NULL), "+port-failed");
    assert_string_equal(ports_run(ports, 1, NULL), "");
    ports->lease_answer = LEASE_ACQUIRED;
    assert_string_equal(ports_run(ports, 1, NULL),
                        "+port-works-again +lock-acquired note(1) +daemon-state "
                        "spawn(ct:100)");
}

static void shutdown_before_the_first_round_knows_the_policy(void **state)
{
    struct ports *ports = *state;
    fake_store_put(ports->store, "config/datacenter", "ha: shutdown_policy=migrate\n");
    lrm_round_request_shutdown(ports->round, LRM_SHUTDOWN_POWEROFF);
    assert_int_equal(ports_status(ports)->mode, LRM_MODE_MAINTENANCE);
    struct lrm_round_result result;
    (void)ports_run(ports, 0, &result);
    assert_true(result.exit);
}

static void guest_exit_is_told_and_looked_after(void **state)
{
    struct ports *ports = *state;
    fake_store_put(ports->store, "service/ct:100", record);
    (void)ports_run(ports, 0, NULL);
    (void)ports_run(ports, 1, NULL); // takes the result
    lrm_round_note_guest_exit(ports->round, "ct:100");
    assert_string_equal(strbuf_text(&ports->log), "+guest-exit");
    assert_string_equal(ports_run(ports, 1, NULL), "spawn(ct:100)");
}

#define ports_test(function) cmocka_unit_test_setup_teardown(function, ports_setup, ports_teardown)

static void lost_lease_kills_tells_the_watchdog_and_keeps_the_lease(void **state)
{
    struct ports *ports = *state;
    fake_store_put(ports->store, "service/ct:100", record);
    (void)ports_run(ports, 0, NULL);
    (void)ports_run(ports, 1, NULL); // collects the result
    ports->lease_answer = -EHOSTDOWN;
    ports->quorate = false;
    ports->kill_result = WORKERS_KILLED_PROVEN;
    int64_t brink_ms = ports->timing.authority_ms - ports->timing.stop_ms;
    int64_t left_ms = ports->timing.stop_ms - ports->timing.granularity_ms;
    assert_string_equal(ports_run(ports, brink_ms, NULL),
                        arena_printf(ports->arena,
                                     "+port-failed +lease-lost +daemon-state kill(ct:100 1 %lld)",
                                     (long long)left_ms));
    ports->disarm_answer = -ENOTCONN;
    assert_string_equal(ports_run(ports, 10, NULL), "disarm +release-failed");
    ports->disarm_answer = 0;
    assert_string_equal(ports_run(ports, 10, NULL), "disarm +fence-stopped");
}

static void goodbye_that_failed_is_said_again_until_the_watchdog_has_it(void **state)
{
    struct ports *ports = *state;
    struct lrm_round_result result;
    fake_store_put(ports->store, "service/ct:100", record);
    (void)ports_run(ports, 0, NULL);
    (void)ports_run(ports, 1, NULL); // collects the result
    fake_store_put(ports->store, "service/ct:100", NULL);
    ports->disarm_answer = -ENOTCONN;
    for (int64_t i = 0; lrm_round_state(ports->round) == LRM_STATE_ACTIVE; i++) {
        assert_true(i < 100);
        (void)ports_run(ports, 500, NULL);
    }
    assert_string_equal(ports_run(ports, 500, &result), "disarm +release-failed");
    assert_true(result.next_wake_ms <= ports->now_ms + ports->timing.renew_ms);
    ports->disarm_answer = 0;
    assert_string_equal(ports_run(ports, 500, NULL), "disarm");
    assert_string_equal(ports_run(ports, 500, NULL), "");
}

static void note_that_fails_is_told_once(void **state)
{
    struct ports *ports = *state;
    fake_store_put(ports->store, "service/ct:100", record);
    ports->note_answer = -ENOSPC;
    assert_string_equal(ports_run(ports, 0, NULL), "note(1) +port-failed +daemon-state");
    assert_string_equal(ports_run(ports, 1, NULL), "note(1)");
    ports->note_answer = 0;
    assert_string_equal(ports_run(ports, 1, NULL), "note(1) +port-works-again spawn(ct:100)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ports_test(new_round_object_tells_its_first_state),
        ports_test(record_is_carried_out_and_its_result_written),
        ports_test(status_is_written_again_when_it_changed_or_is_due_only),
        ports_test(status_whose_fate_is_unknown_is_written_again),
        ports_test(status_is_written_anew_after_the_store_was_away),
        ports_test(result_of_an_earlier_process_is_gone_with_the_first_status),
        ports_test(watchdog_that_fails_is_told_once_and_starts_nothing),
        ports_test(record_that_cannot_be_parsed_leaves_the_old_one_in_force),
        ports_test(record_that_is_deleted_is_forgotten),
        ports_test(manager_status_that_cannot_be_parsed_stops_new_jobs),
        ports_test(job_that_cannot_begin_has_failed_to_run),
        ports_test(lease_that_fails_is_told_once_and_so_is_its_return),
        ports_test(shutdown_before_the_first_round_knows_the_policy),
        ports_test(guest_exit_is_told_and_looked_after),
        ports_test(lost_lease_kills_tells_the_watchdog_and_keeps_the_lease),
        ports_test(goodbye_that_failed_is_said_again_until_the_watchdog_has_it),
        ports_test(note_that_fails_is_told_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
