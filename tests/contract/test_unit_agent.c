// SPDX-License-Identifier: Apache-2.0
// What is the unit agent's own: its calls of the service manager, against one of the tests' on a
// real bus, with real processes. In a machine of its own (in_node.sh).
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/host/unit_bus.h"
#include "common/model/guest.h"
#include "common/port/agent.h"
#include "lrm/agents/agent_context.h"
#include "lrm/agents/service_agent.h"
#include "lrm/agents/unit.h"
#include "tests/contract/fake_service_manager.h"
#include "tests/lib/agent_verbs.h"
#include "tests/lib/fixture.h"

#define TEST_FOLDER  "/run/unit-agent-test"
#define TEST_MANAGER TEST_FOLDER "/manager"

struct fixture {
    struct arena *arena;
    struct agent *agent;
    struct guest *guest;
    struct error err;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->arena = arena_new();
    f->agent = unit_agent_new(&(struct agent_context){.node = "node1"});
    f->guest = guest_new(f->arena, "unit:" FAKE_UNIT, "node1");
    fake_service_manager_behave(TEST_MANAGER, "");
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    fake_service_manager_behave(TEST_MANAGER, "");
    int r = f->agent->ops->kill(f->agent, f->guest->sid, 5000, &f->err);
    service_agent_free(f->agent);
    arena_free(f->arena);
    free(f);
    return r;
}

static int start(struct fixture *f)
{
    return f->agent->ops->start(f->agent, f->guest, &f->err);
}

static void enabled_unit_is_refused_with_the_remedy(void **state)
{
    struct fixture *f = *state;
    fake_service_manager_behave(TEST_MANAGER, "enabled");
    fixture_fails(f, unit_agent_validate(f->guest, "node1", true, &f->err), -EPERM,
                  "unit 'one.service' is enabled on node 'node1', so it would start there by "
                  "itself: run 'systemctl disable one.service' there");
    assert_int_equal(start(f), -EPERM);
    assert_false(agent_verbs_is_running(f->agent, f->guest));
}

static void unit_that_cannot_be_started_is_refused(void **state)
{
    struct fixture *f = *state;
    fake_service_manager_behave(TEST_MANAGER, "masked");
    fixture_fails(f, unit_agent_validate(f->guest, "node1", true, &f->err), -EPERM,
                  "unit 'one.service' is masked on node 'node1': run 'systemctl unmask "
                  "one.service'");
    struct guest *other = guest_new(f->arena, "unit:two.service", "node1");
    fixture_fails(f, unit_agent_validate(other, "node1", true, &f->err), -ENOENT,
                  "unit 'two.service' does not exist on node 'node1'");
    fixture_ok(f, f->agent->ops->stop(f->agent, other, 5, &f->err)); // and does not run
    fixture_ok(f, f->agent->ops->kill(f->agent, other->sid, 1000, &f->err));
}

static void failed_job_is_a_failed_start(void **state)
{
    struct fixture *f = *state;
    fake_service_manager_behave(TEST_MANAGER, "dead");
    fixture_fails(f, start(f), -EIO,
                  "cannot start 'unit:one.service': its start ended as 'failed', and it is failed "
                  "(failed), result resources");
    assert_false(agent_verbs_is_running(f->agent, f->guest));
}

static void process_that_ends_at_once_is_seen(void **state)
{
    struct fixture *f = *state;
    fake_service_manager_behave(TEST_MANAGER, "fail");
    int r = start(f);
    for (int i = 0; r == 0 && i < 500 && agent_verbs_is_running(f->agent, f->guest); i++) {
        (void)usleep(10000); // the service manager calls a process started that has just begun
    }
    assert_false(agent_verbs_is_running(f->agent, f->guest));
    assert_int_equal(f->agent->ops->health(f->agent, f->guest, &f->err), -EIO);
    assert_non_null(strstr(f->err.text, "result exit-code, status"));
}

static void end_of_a_job_that_is_not_told_is_looked_for(void **state)
{
    struct fixture *f = *state;
    fake_service_manager_behave(TEST_MANAGER, "silent");
    fixture_ok(f, start(f));
    assert_true(agent_verbs_is_running(f->agent, f->guest));
    fixture_ok(f, f->agent->ops->stop(f->agent, f->guest, 10, &f->err));
    assert_false(agent_verbs_is_running(f->agent, f->guest));
}

static void stubborn_unit_is_killed_after_the_time(void **state)
{
    struct fixture *f = *state;
    fake_service_manager_behave(TEST_MANAGER, "stubborn");
    fixture_ok(f, start(f));
    time_t before = time(NULL);
    fixture_ok(f, f->agent->ops->stop(f->agent, f->guest, 1, &f->err));
    assert_true(time(NULL) - before < 8);
    assert_false(agent_verbs_is_running(f->agent, f->guest));
}

// INV-2: inactive is not enough.
static void process_that_stays_counts_as_running_and_is_killed(void **state)
{
    struct fixture *f = *state;
    fake_service_manager_behave(TEST_MANAGER, "leave");
    fixture_ok(f, start(f));
    pid_t pid = unit_agent_init_pid(f->guest->sid);
    assert_true(pid > 0);
    assert_int_equal(kill(pid, SIGKILL), 0);
    for (int i = 0; i < 500 && f->agent->ops->health(f->agent, f->guest, &f->err) == 0; i++) {
        (void)usleep(10000);
    }
    assert_true(agent_verbs_is_running(f->agent, f->guest));
    assert_int_equal(f->agent->ops->health(f->agent, f->guest, &f->err), -EIO);
    assert_non_null(strstr(f->err.text, "and processes of it are left"));
    fixture_ok(f, f->agent->ops->stop(f->agent, f->guest, 5, &f->err));
    assert_false(agent_verbs_is_running(f->agent, f->guest));
}

static void job_may_take_what_its_unit_may(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(f->agent->ops->limit_ms(f->agent, f->guest), (3 * 20 + 60) * 1000);
}

static void journal_that_is_not_there_has_no_lines(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(unit_journal_tail(f->arena, FAKE_UNIT, 10), "");
}

static void without_a_service_manager_nothing_runs(void **state)
{
    struct fixture *f = *state;
    const char *address = arena_strdup(f->arena, getenv("DBUS_SYSTEM_BUS_ADDRESS"));
    assert_int_equal(setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nowhere", 1), 0);
    bool running = agent_verbs_is_running(f->agent, f->guest);
    int killed = f->agent->ops->kill(f->agent, f->guest->sid, 1000, &f->err);
    int started = start(f);
    assert_int_equal(setenv("DBUS_SYSTEM_BUS_ADDRESS", address, 1), 0);
    assert_false(running);
    assert_int_equal(killed, 0);
    assert_int_equal(started, -ENOTSUP);
}

int main(void)
{
    struct error err = {0};
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(enabled_unit_is_refused_with_the_remedy),
        TEST(unit_that_cannot_be_started_is_refused),
        TEST(failed_job_is_a_failed_start),
        TEST(process_that_ends_at_once_is_seen),
        TEST(end_of_a_job_that_is_not_told_is_looked_for),
        TEST(stubborn_unit_is_killed_after_the_time),
        TEST(process_that_stays_counts_as_running_and_is_killed),
        TEST(job_may_take_what_its_unit_may),
        TEST(journal_that_is_not_there_has_no_lines),
        TEST(without_a_service_manager_nothing_runs),
    };
    if (setenv("HA_MANAGER_RUN_DIR", TEST_FOLDER "/run", 1) < 0 || mkdir(TEST_FOLDER, 0755) < 0 ||
        fake_service_manager_start(TEST_MANAGER, &err) < 0) {
        (void)printf("1..0 # SKIP %s\n", err.text);
        return 0;
    }
    return cmocka_run_group_tests_name("unit_agent", tests, NULL, NULL);
}
