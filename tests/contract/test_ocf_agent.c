// SPDX-License-Identifier: Apache-2.0
// What is the ocf agent's own: what resource agents are told, their codes, times and output, and
// those that misbehave. In a machine of its own (in_node.sh).
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
#include "common/host/file.h"
#include "common/model/guest.h"
#include "common/model/ocf_metadata.h"
#include "common/port/agent.h"
#include "lrm/agents/agent_context.h"
#include "lrm/agents/ocf.h"
#include "lrm/agents/ocf_definition.h"
#include "lrm/agents/service_agent.h"
#include "tests/contract/ocf_test_agent.h"
#include "tests/lib/fake_store.h"
#include "tests/lib/fixture.h"

#define TEST_FOLDER "/run/ocf-agent-test"
#define TEST_PID    TEST_FOLDER "/db1.pid"

struct fixture {
    struct arena *arena;
    struct fake_store *store;
    struct agent *agent;
    struct guest *guest;
    struct error err;
};

static void set(struct fixture *f, const char *key, const char *value)
{
    map_put(&f->guest->config, key, arena_strdup(f->arena, value));
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->arena = arena_new();
    f->store = fake_store_new();
    f->agent = ocf_agent_new(&(struct agent_context){
        .node = "node1", .store = fake_store_port(f->store), .lease_term = 7});
    f->guest = guest_new(f->arena, "ocf:db1", "node1");
    set(f, "agent", "test:daemon");
    set(f, "param.pidfile", TEST_PID);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    (void)unlink(TEST_PID ".sick");
    set(f, "param.mode", "");
    int r = f->agent->ops->kill(f->agent, "ocf:db1", 5000, &f->err);
    if (r < 0) {
        // A note that says "fail-stop" is honoured, of course.
        (void)unlink(TEST_FOLDER "/run/ocf/db1.json");
        r = f->agent->ops->kill(f->agent, "ocf:db1", 5000, &f->err);
    }
    (void)unlink(TEST_PID);
    service_agent_free(f->agent);
    fake_store_free(f->store);
    arena_free(f->arena);
    free(f);
    return r;
}

static int start(struct fixture *f)
{
    return f->agent->ops->start(f->agent, f->guest, &f->err);
}

static int stop(struct fixture *f, int64_t timeout_s)
{
    return f->agent->ops->stop(f->agent, f->guest, timeout_s, &f->err);
}

static int health(struct fixture *f)
{
    return f->agent->ops->health(f->agent, f->guest, &f->err);
}

static bool is_running(struct fixture *f)
{
    bool running = false;
    fixture_ok(f, f->agent->ops->check(f->agent, f->guest, &running, &f->err));
    return running;
}

static const char *read_text(struct fixture *f, const char *path)
{
    char *text = NULL;
    size_t size = 0;
    fixture_ok(f, file_read(f->arena, path, 1024 * 1024, &text, &size, &f->err));
    return text;
}

static void assert_has_line(const char *text, const char *line)
{
    size_t length = strlen(line);
    for (const char *at = strstr(text, line); at != NULL; at = strstr(at + 1, line)) {
        if ((at == text || at[-1] == '\n') && at[length] == '\n') {
            return;
        }
    }
    fail_msg("no line '%s' in:\n%s", line, text);
}

static void agent_is_told_what_the_standard_says(void **state)
{
    struct fixture *f = *state;
    set(f, "param.trace", TEST_FOLDER "/trace");
    fixture_ok(f, start(f));
    const char *text = read_text(f, TEST_FOLDER "/trace.start");
    static const char *const lines[] = {
        "OCF_ROOT=" TEST_FOLDER "/ocf",
        "OCF_RA_VERSION_MAJOR=1",
        "OCF_RESOURCE_INSTANCE=db1",
        "OCF_RESOURCE_TYPE=daemon",
        "OCF_RESOURCE_PROVIDER=test",
        "OCF_RESKEY_pidfile=" TEST_PID,
        "OCF_RESKEY_CRM_meta_name=start",
        "OCF_RESKEY_CRM_meta_timeout=30000", // as its metadata says
        "OCF_RESKEY_CRM_meta_interval=0",
        "OCF_RESKEY_CRM_meta_on_node=node1",
        "OCF_EXIT_REASON_PREFIX=ocf-exit-reason:",
        "HOME=/root",
    };
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
        assert_has_line(text, lines[i]);
    }
    assert_null(strstr(text, "HA_MANAGER")); // nothing of ours
    assert_true(is_running(f));
    text = read_text(f, TEST_FOLDER "/trace.monitor");
    assert_has_line(text, "OCF_RESKEY_CRM_meta_interval=10000");
    assert_has_line(text, "OCF_RESKEY_CRM_meta_timeout=40000");
    assert_has_line(text, "OCF_CHECK_LEVEL=0");
    fixture_ok(f, stop(f, 0));
    text = read_text(f, TEST_FOLDER "/trace.stop");
    assert_has_line(text, "OCF_RESKEY_CRM_meta_timeout=20000"); // 5 s is less than is sane
}

static void failed_start_gives_reason_and_output_and_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    set(f, "param.mode", "fail-start");
    fixture_fails(f, start(f), -EINVAL,
                  "cannot start 'ocf:db1': start of 'test:daemon' failed: not configured (6): told "
                  "to fail");
    assert_string_equal(f->agent->output, "first line\nsecond line");
    assert_false(is_running(f));
    assert_null(f->agent->output); // of the verb before
    assert_int_equal(ocf_agent_init_pid("ocf:db1"), 0);
}

static void hanging_start_is_killed(void **state)
{
    struct fixture *f = *state;
    set(f, "param.mode", "hang-start");
    set(f, "timeout.start", "1");
    time_t before = time(NULL);
    fixture_fails(f, start(f), -ETIMEDOUT,
                  "cannot start 'ocf:db1': start of 'test:daemon' failed: it took too long");
    assert_true(time(NULL) - before < 10);
    assert_false(is_running(f));
    assert_int_equal(ocf_agent_init_pid("ocf:db1"), 0);
}

static void failing_stop_is_no_proof(void **state)
{
    struct fixture *f = *state;
    set(f, "param.mode", "fail-stop");
    fixture_ok(f, start(f));
    fixture_fails(f, stop(f, 10), -EIO,
                  "cannot stop 'ocf:db1': stop of 'test:daemon' failed: error (1): cannot let go");
    assert_string_equal(f->agent->output, "cannot let go");
    fixture_fails(f, f->agent->ops->kill(f->agent, "ocf:db1", 2000, &f->err), -EIO,
                  "cannot kill 'ocf:db1': stop of 'test:daemon' failed: error (1): cannot let go");
}

static void hanging_stop_is_no_proof_and_ends_in_time(void **state)
{
    struct fixture *f = *state;
    set(f, "param.mode", "hang-stop");
    fixture_ok(f, start(f));
    time_t before = time(NULL);
    fixture_fails(f, f->agent->ops->kill(f->agent, "ocf:db1", 1000, &f->err), -ETIMEDOUT,
                  "cannot kill 'ocf:db1': stop of 'test:daemon' failed: it took too long");
    assert_true(time(NULL) - before < 4);
    assert_int_equal(ocf_agent_init_pid("ocf:db1"), 0); // its process is gone nevertheless
}

static void sick_service_runs_but_does_not_work(void **state)
{
    struct fixture *f = *state;
    fixture_ok(f, start(f));
    fixture_ok(f, health(f));
    fixture_ok(f, file_replace(TEST_PID ".sick", "", 0, 0644, &f->err));
    assert_true(is_running(f));
    fixture_fails(f, health(f), -EIO, "monitor of 'test:daemon': error (1): it has a fever");
    fixture_ok(f, stop(f, 10)); // which heals it
    assert_false(is_running(f));
}

static void started_when_sick_is_stopped_first(void **state)
{
    struct fixture *f = *state;
    fixture_ok(f, start(f));
    pid_t before = ocf_agent_init_pid("ocf:db1");
    fixture_ok(f, file_replace(TEST_PID ".sick", "", 0, 0644, &f->err));
    fixture_ok(f, start(f));
    fixture_ok(f, health(f));
    assert_int_not_equal(ocf_agent_init_pid("ocf:db1"), before);
}

static void processes_left_behind_are_seen_and_ended(void **state)
{
    struct fixture *f = *state;
    set(f, "param.mode", "helper");
    fixture_ok(f, start(f));
    const char *pid = read_text(f, TEST_PID);
    assert_int_equal(kill((pid_t)strtol(pid, NULL, 10), SIGKILL), 0);
    for (int i = 0; i < 500 && health(f) == 0; i++) {
        (void)usleep(10000);
    }
    assert_true(is_running(f));
    assert_int_equal(health(f), -EIO);
    assert_non_null(strstr(f->err.text, "not running (7), but processes of it are left"));
    fixture_ok(f, stop(f, 10));
    assert_int_equal(ocf_agent_init_pid("ocf:db1"), 0);
}

static void stopped_as_it_was_started_after_a_change_of_its_definition(void **state)
{
    struct fixture *f = *state;
    fixture_ok(f, start(f));
    set(f, "param.pidfile", TEST_FOLDER "/other.pid");
    assert_true(is_running(f));
    fixture_ok(f, stop(f, 10));
    assert_int_equal(access(TEST_PID, F_OK), -1);
    fixture_ok(f, start(f));
    assert_int_equal(access(TEST_FOLDER "/other.pid", F_OK), 0);
    fixture_ok(f, stop(f, 10));
}

// Somebody may start it by hand: it is kept, and can be ended without a store.
static void started_by_hand_is_taken_over(void **state)
{
    struct fixture *f = *state;
    fixture_ok(f, start(f));
    assert_int_equal(unlink(TEST_FOLDER "/run/ocf/db1.json"), 0);
    assert_true(is_running(f));
    fixture_ok(f, f->agent->ops->kill(f->agent, "ocf:db1", 3000, &f->err));
    assert_false(is_running(f));
    assert_int_equal(access(TEST_PID, F_OK), -1);
}

static void agent_that_is_not_installed_runs_nothing(void **state)
{
    struct fixture *f = *state;
    set(f, "agent", "test:none");
    assert_false(is_running(f));
    fixture_ok(f, stop(f, 10));
    assert_int_equal(start(f), -ENOENT);
    assert_non_null(strstr(f->err.text, "agent 'test:none' is not installed on this node"));
}

static void job_may_take_what_its_verbs_may(void **state)
{
    struct fixture *f = *state;
    set(f, "timeout.start", "3600");
    int64_t limit_ms = f->agent->ops->limit_ms(f->agent, f->guest);
    assert_true(limit_ms > 3600 * 1000 && limit_ms < 3600 * 1000 * 2);
}

struct refusal {
    const char *name;
    const char *key;
    const char *value;
    const char *words;
};

static void definition_that_does_not_fit_is_refused_in_one_line(void **state)
{
    struct fixture *f = *state;
    static const struct refusal rows[] = {
        {"unknown parameter", "param.pidfil", "x",
         "agent 'test:daemon': unknown parameter 'pidfil': did you mean 'pidfile'?"},
        {"none similar", "param.colour", "x",
         "agent 'test:daemon': unknown parameter 'colour': the agent has none of a similar name"},
        {"the agent's own word", "param.mode", "wrong",
         "agent 'test:daemon' does not accept this: wrong arguments (2): mode makes no sense"},
        {"agent", "agent", "test:none",
         "agent 'test:none' is not installed on this node: no '" TEST_FOLDER
         "/ocf/resource.d/test/none'"},
        {"agent's name", "agent", "../x",
         "agent: '../x' is no agent's name: expected <provider>:<type> such as heartbeat:pgsql"},
        {"verb", "timeout.begin", "3",
         "timeout.begin: unknown verb 'begin': allowed are start, stop, monitor"},
        {"time", "timeout.start", "3m",
         "timeout.start: '3m': expected whole seconds from 1 to 86400"},
        {"key", "colour", "red",
         "unknown key 'colour': allowed are agent, param.<name>, timeout.<verb>"},
        {"meta", "param.CRM_meta_x", "1",
         "param.CRM_meta_x: 'CRM_meta_x': such names are not for parameters"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct guest *guest = guest_new(f->arena, "ocf:db1", "node1");
        map_each (e, &f->guest->config) {
            map_put(&guest->config, e->key, e->value);
        }
        map_put(&guest->config, rows[i].key, arena_strdup(f->arena, rows[i].value));
        int r = ocf_agent_validate(guest, "node1", true, &f->err);
        if (r >= 0 || strcmp(f->err.text, rows[i].words) != 0) {
            fail_msg("row '%s': %d %s", rows[i].name, r, f->err.text);
        }
    }
    fixture_ok(f, ocf_agent_validate(f->guest, "node1", true, &f->err));
    (void)map_remove(&f->guest->config, "param.pidfile");
    fixture_fails(f, ocf_agent_validate(f->guest, "node1", true, &f->err), -EINVAL,
                  "agent 'test:daemon': missing parameters: 'pidfile' (Where its number is)");
}

// Whatever the machine has installed can be read.
static void metadata_of_an_installed_agent_is_read(void **state)
{
    struct fixture *f = *state;
    struct ocf_metadata metadata;
    if (access("/usr/lib/ocf/resource.d/heartbeat/pgsql", X_OK) < 0) {
        skip();
    }
    fixture_ok(f, ocf_agent_metadata(f->arena, "pgsql", &metadata, &f->err));
    assert_string_equal(metadata.agent, "pgsql");
    assert_true(map_has(&metadata.parameters, "pgdata"));
    assert_int_equal(ocf_metadata_timeout_ms(&metadata, "start"), 120 * 1000);
    assert_int_equal(metadata.monitor_interval_ms, 30 * 1000);
}

int main(void)
{
    struct error err = {0};
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(agent_is_told_what_the_standard_says),
        TEST(failed_start_gives_reason_and_output_and_leaves_nothing),
        TEST(hanging_start_is_killed),
        TEST(failing_stop_is_no_proof),
        TEST(hanging_stop_is_no_proof_and_ends_in_time),
        TEST(sick_service_runs_but_does_not_work),
        TEST(started_when_sick_is_stopped_first),
        TEST(processes_left_behind_are_seen_and_ended),
        TEST(stopped_as_it_was_started_after_a_change_of_its_definition),
        TEST(started_by_hand_is_taken_over),
        TEST(agent_that_is_not_installed_runs_nothing),
        TEST(job_may_take_what_its_verbs_may),
        TEST(definition_that_does_not_fit_is_refused_in_one_line),
        TEST(metadata_of_an_installed_agent_is_read),
    };
    if (setenv("HA_MANAGER_RUN_DIR", TEST_FOLDER "/run", 1) < 0 || mkdir(TEST_FOLDER, 0755) < 0 ||
        ocf_test_agent_make(TEST_FOLDER "/ocf", &err) < 0) {
        (void)printf("1..0 # SKIP %s\n", err.text);
        return 0;
    }
    return cmocka_run_group_tests_name("ocf_agent", tests, NULL, NULL);
}
