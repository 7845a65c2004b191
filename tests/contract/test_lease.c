// SPDX-License-Identifier: Apache-2.0
// The lease port over a real ha-clusterd, with short times: authority only by committed renewals,
// counted from before they were sent, and gone when its time is over whatever happens.
#include <errno.h>
#include <poll.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/host/cluster_client.h"
#include "common/host/host_clock.h"
#include "common/host/loop.h"
#include "common/model/timing.h"
#include "common/port/lease.h"
#include "common/port/store.h"
#include "tests/lib/clusterd_fixture.h"
#include "tests/lib/test.h"

enum { AUTHORITY_MS = 400, RENEW_MS = 50, LEASE_MS = 700, STEP_MS = 5, PATIENCE_MS = 5000 };

struct holder {
    struct loop *loop;
    struct clock clock;
    struct cluster_client *client;
    struct lease *lease;
};

static void nothing(void *userdata)
{
    (void)userdata; // the tests ask by themselves
}

static void holder_open(struct holder *holder, struct clusterd_fixture *fixture)
{
    static const char *const prefixes[] = {"t/", NULL};
    struct error err = {0};
    clusterd_fixture_kill(fixture);
    fixture->timing->authority_ms = AUTHORITY_MS;
    fixture->timing->renew_ms = RENEW_MS;
    fixture->timing->lease_ms = LEASE_MS;
    clusterd_fixture_start(fixture);
    host_clock_init(&holder->clock);
    assert_int_equal(loop_new(&holder->loop, &err), 0);
    holder->client = cluster_client_new(holder->loop, "n1", prefixes, nothing, NULL);
    holder->lease = cluster_client_lease(holder->client);
}

static void holder_close(struct holder *holder)
{
    cluster_client_free(holder->client);
    loop_free(holder->loop);
}

// One round of a daemon: what came in is looked at, then the lease is asked for.
static int round_run(struct holder *holder, const char *name, struct lease_grant *ret)
{
    (void)poll(NULL, 0, STEP_MS); // to let time pass
    int r = store_refresh(cluster_client_store(holder->client), NULL);
    assert_true(r == 0 || r == -ENOTCONN || r == -EHOSTDOWN);
    r = lease_acquire(holder->lease, name, ret, NULL);
    int64_t now_ms = clock_now_ms(&holder->clock);
    if (r == LEASE_ACQUIRED || r == LEASE_RENEWED) {
        assert_true(ret->authority_until_ms <= now_ms + AUTHORITY_MS);
        assert_true(ret->authority_until_ms > now_ms - STEP_MS);
        assert_true(ret->term > 0);
    }
    return r;
}

static int round_until(struct holder *holder, const char *name, int wanted, struct lease_grant *ret)
{
    int64_t end_ms = clock_now_ms(&holder->clock) + PATIENCE_MS;
    int r;
    do {
        r = round_run(holder, name, ret);
    } while (r != wanted && clock_now_ms(&holder->clock) < end_ms);
    return r;
}

static void lease_asked_for_is_acquired_once_then_renewed(void **state)
{
    struct holder holder;
    struct lease_grant grant = {0};
    holder_open(&holder, *state);
    assert_int_equal(round_until(&holder, "ha_agent_n1_lock", LEASE_ACQUIRED, &grant),
                     LEASE_ACQUIRED);
    int64_t first_ms = grant.authority_until_ms;
    uint64_t term = grant.term;
    int64_t end_ms = clock_now_ms(&holder.clock) + 3 * AUTHORITY_MS;
    while (clock_now_ms(&holder.clock) < end_ms) {
        assert_int_equal(round_run(&holder, "ha_agent_n1_lock", &grant), LEASE_RENEWED);
        assert_int_equal(grant.term, term);
    }
    assert_true(grant.authority_until_ms > first_ms + AUTHORITY_MS);
    holder_close(&holder);
}

static void authority_runs_out_without_the_daemon(void **state)
{
    struct clusterd_fixture *fixture = *state;
    struct holder holder;
    struct lease_grant grant = {0};
    holder_open(&holder, fixture);
    assert_int_equal(round_until(&holder, "ha_manager_lock", LEASE_ACQUIRED, &grant),
                     LEASE_ACQUIRED);
    assert_int_equal(round_until(&holder, "ha_manager_lock", LEASE_RENEWED, &grant), LEASE_RENEWED);
    clusterd_fixture_kill(fixture);
    int64_t killed_ms = clock_now_ms(&holder.clock);
    int64_t until_ms = grant.authority_until_ms;
    int r;
    while ((r = round_run(&holder, "ha_manager_lock", &grant)) == LEASE_RENEWED) {
        until_ms = grant.authority_until_ms;
        assert_true(until_ms <= killed_ms + AUTHORITY_MS);
    }
    assert_int_equal(r, -ENOTCONN);
    assert_true(clock_now_ms(&holder.clock) >= until_ms);
    holder_close(&holder);
}

static void released_lease_is_gone_and_comes_back_with_a_greater_term(void **state)
{
    struct holder holder;
    struct lease_grant grant = {0};
    holder_open(&holder, *state);
    assert_int_equal(lease_release(holder.lease, "ha_agent_n1_lock", NULL), -ENOENT);
    assert_int_equal(round_until(&holder, "ha_agent_n1_lock", LEASE_ACQUIRED, &grant),
                     LEASE_ACQUIRED);
    uint64_t term = grant.term;
    assert_int_equal(lease_release(holder.lease, "ha_agent_n1_lock", NULL), 0);
    assert_int_equal(lease_release(holder.lease, "ha_agent_n1_lock", NULL), -ENOENT);
    assert_int_equal(round_until(&holder, "ha_agent_n1_lock", LEASE_ACQUIRED, &grant),
                     LEASE_ACQUIRED);
    assert_true(grant.term > term);
    holder_close(&holder);
}

// After a start nothing is known of a lease that another node might hold.
static void unknown_lease_is_busy_for_the_lease_time(void **state)
{
    struct holder holder;
    struct lease_grant grant = {0};
    holder_open(&holder, *state);
    int64_t start_ms = clock_now_ms(&holder.clock);
    assert_int_equal(round_until(&holder, "ha_agent_n2_lock", LEASE_BUSY, &grant), LEASE_BUSY);
    assert_int_equal(grant.authority_until_ms, 0);
    assert_int_equal(round_until(&holder, "ha_agent_n2_lock", LEASE_ACQUIRED, &grant),
                     LEASE_ACQUIRED);
    // The daemon was started a little before.
    assert_true(clock_now_ms(&holder.clock) - start_ms > LEASE_MS / 2);
    holder_close(&holder);
}

static void lease_of_a_daemon_with_other_times_is_refused(void **state)
{
    struct holder holder;
    struct lease_grant grant = {0};
    holder_open(&holder, *state);
    cluster_client_expect_profile(holder.client, "fast"); // the fixture's
    assert_int_equal(round_until(&holder, "ha_agent_n1_lock", LEASE_ACQUIRED, &grant),
                     LEASE_ACQUIRED);
    assert_false(cluster_client_is_outdated(holder.client));
    cluster_client_expect_profile(holder.client, "patient");
    assert_true(cluster_client_is_outdated(holder.client));
    assert_int_equal(round_until(&holder, "ha_agent_n1_lock", -EPERM, &grant), -EPERM);
    assert_true(clock_now_ms(&holder.clock) >= grant.authority_until_ms);
    holder_close(&holder);
}

static void lease_for_another_node_is_refused(void **state)
{
    struct clusterd_fixture *fixture = *state;
    struct cluster_client *client = NULL;
    struct error err = {0};
    assert_int_equal(cluster_client_connect(&client, &err), 0);
    struct json *request = json_new_object(fixture->arena);
    json_put_string(request, "op", "lease");
    json_put_string(request, "action", "acquire");
    json_put_string(request, "name", "ha_manager_lock");
    json_put_string(request, "owner", "n2");
    struct json *answer = NULL;
    assert_int_equal(cluster_client_call(client, fixture->arena, request, 5000, &answer, &err),
                     -EPERM);
    assert_null(answer);
    struct lease_grant grant;
    assert_int_equal(lease_acquire(cluster_client_lease(client), "ha_manager_lock", &grant, &err),
                     -ENOTSUP);
    cluster_client_free(client);
}

// Whoever takes it next is told that its holder gave it back, and renewals do not change that.
static void origin_of_a_released_lease_is_told(void **state)
{
    struct holder holder;
    struct lease_grant grant = {0};
    holder_open(&holder, *state);
    assert_int_equal(round_until(&holder, "ha_agent_n1_lock", LEASE_ACQUIRED, &grant),
                     LEASE_ACQUIRED);
    assert_int_equal(grant.origin, LEASE_ORIGIN_FORGOTTEN); // it may have been its own
    assert_int_equal(lease_release(holder.lease, "ha_agent_n1_lock", NULL), 0);
    assert_int_equal(round_until(&holder, "ha_agent_n1_lock", LEASE_ACQUIRED, &grant),
                     LEASE_ACQUIRED);
    assert_int_equal(grant.origin, LEASE_ORIGIN_RELEASED);
    int64_t end_ms = clock_now_ms(&holder.clock) + AUTHORITY_MS;
    while (clock_now_ms(&holder.clock) < end_ms) {
        assert_int_equal(round_run(&holder, "ha_agent_n1_lock", &grant), LEASE_RENEWED);
        assert_int_equal(grant.origin, LEASE_ORIGIN_RELEASED);
    }
    holder_close(&holder);
}

// A node's lease that was asked for as a proof, and is not needed any more when it comes, must not
// keep the node from having it.
static void lease_given_back_before_it_came_is_not_kept(void **state)
{
    struct holder holder;
    struct lease_grant grant = {0};
    holder_open(&holder, *state);
    assert_int_equal(round_until(&holder, "ha_manager_lock", LEASE_ACQUIRED, &grant),
                     LEASE_ACQUIRED); // the connection is ready
    assert_int_equal(lease_acquire(holder.lease, "ha_agent_n1_lock", &grant, NULL), LEASE_BUSY);
    assert_int_equal(lease_release(holder.lease, "ha_agent_n1_lock", NULL), -ENOENT);
    // The answer comes in, and the next grant is another one, of a lease that was given back.
    int64_t end_ms = clock_now_ms(&holder.clock) + 5 * STEP_MS;
    while (clock_now_ms(&holder.clock) < end_ms) {
        (void)round_run(&holder, "ha_manager_lock", &grant);
    }
    assert_int_equal(lease_release(holder.lease, "ha_agent_n1_lock", NULL), -ENOENT);
    assert_int_equal(round_until(&holder, "ha_agent_n1_lock", LEASE_ACQUIRED, &grant),
                     LEASE_ACQUIRED);
    assert_int_equal(grant.origin, LEASE_ORIGIN_RELEASED);
    holder_close(&holder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        clusterd_fixture_test(origin_of_a_released_lease_is_told),
        clusterd_fixture_test(lease_given_back_before_it_came_is_not_kept),
        clusterd_fixture_test(lease_asked_for_is_acquired_once_then_renewed),
        clusterd_fixture_test(authority_runs_out_without_the_daemon),
        clusterd_fixture_test(released_lease_is_gone_and_comes_back_with_a_greater_term),
        clusterd_fixture_test(unknown_lease_is_busy_for_the_lease_time),
        clusterd_fixture_test(lease_of_a_daemon_with_other_times_is_refused),
        clusterd_fixture_test(lease_for_another_node_is_refused),
    };
    return cmocka_run_group_tests_name("lease", tests, NULL, NULL);
}
