// SPDX-License-Identifier: Apache-2.0
// What is the container agent's own, on real containers; test_agents.c has what all agents must
// keep. Runs in a machine of its own (in_node.sh), where this test may start, kill and count as it
// likes.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/guest_template.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/strbuf.h"
#include "common/host/file.h"
#include "common/host/paths.h"
#include "common/model/guest.h"
#include "common/port/agent.h"
#include "common/port/store.h"
#include "lrm/agents/agent_context.h"
#include "lrm/agents/ct.h"
#include "lrm/agents/ct_cgroup.h"
#include "lrm/agents/service_agent.h"
#include "tests/lib/agent_verbs.h"
#include "tests/lib/fake_store.h"
#include "tests/lib/fixture.h"

#define TEST_FOLDER "/run/ct-agent-test"
#define TEST_ROOTFS TEST_FOLDER "/rootfs"
#define TEST_LEASE  "ha_agent_node1_lock"

enum { TEST_TERM = 7 };

struct fixture {
    struct arena *arena;
    struct fake_store *store;
    struct agent *agent;
    struct guest *guest;
    struct error err;
};

static void fixture_store_guest(struct fixture *f)
{
    fake_store_put(f->store, "guest/ct:100", guest_format(f->arena, f->guest));
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->arena = arena_new();
    f->store = fake_store_new();
    f->agent = ct_agent_new(&(struct agent_context){.node = "node1",
                                                    .store = fake_store_port(f->store),
                                                    .lease_term = TEST_TERM,
                                                    .stop_timeout_s = 5});
    f->guest = guest_new(f->arena, "ct:100", "node1");
    map_put(&f->guest->config, "rootfs", arena_strdup(f->arena, TEST_ROOTFS));
    map_put(&f->guest->config, "halt-signal", arena_strdup(f->arena, "SIGUSR1"));
    map_put(&f->guest->config, "hostname", arena_strdup(f->arena, "web"));
    map_put(&f->guest->config, "memory", arena_strdup(f->arena, "64"));
    map_put(&f->guest->config, "cores", arena_strdup(f->arena, "1"));
    fixture_store_guest(f);
    fake_store_hold(f->store, TEST_LEASE, "node1", TEST_TERM);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    int r = f->agent->ops->stop(f->agent, f->guest, 0, NULL);
    service_agent_free(f->agent);
    fake_store_free(f->store);
    arena_free(f->arena);
    free(f);
    return r;
}

static void scan(struct fixture *f, enum ct_cgroup_kind kind, struct ct_cgroup_scan *ret)
{
    struct ct_cgroup_places places;
    fixture_ok(f, ct_cgroup_find(f->arena, &places, &f->err));
    fixture_ok(f, ct_cgroup_scan(f->arena, &places, kind, "100", ret, &f->err));
}

static void assert_nothing_left(struct fixture *f)
{
    struct ct_cgroup_scan found;
    scan(f, CT_CGROUP_PAYLOAD, &found);
    assert_false(found.populated);
    assert_int_equal(found.folders_count, 0);
    scan(f, CT_CGROUP_MONITOR, &found);
    assert_false(found.populated);
    assert_int_equal(found.folders_count, 0);
    assert_int_equal(ct_agent_init_pid("ct:100"), 0);
}

static const char *read_text(struct fixture *f, const char *path)
{
    char *text = NULL;
    size_t size = 0;
    fixture_ok(f, file_read(f->arena, path, 1024 * 1024, &text, &size, &f->err));
    return text;
}

static void ct_started_runs_with_its_settings(void **state)
{
    struct fixture *f = *state;
    agent_verbs_start(f->agent, f->guest);
    assert_true(agent_verbs_is_running(f->agent, f->guest));
    pid_t init = ct_agent_init_pid("ct:100");
    assert_true(init > 0);
    const char *cgroup = read_text(f, arena_printf(f->arena, "/proc/%d/cgroup", init));
    assert_non_null(strstr(cgroup, ":/lxc.payload.100\n"));
    const char *oom = read_text(f, arena_printf(f->arena, "/proc/%d/oom_score_adj", init));
    assert_string_equal(oom, "0\n");
}

// Our daemons block signals; what runs in a container must not inherit that.
static void ct_started_blocks_no_signals(void **state)
{
    struct fixture *f = *state;
    struct ct_cgroup_scan found;
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    assert_int_equal(sigprocmask(SIG_SETMASK, &all, &before), 0);
    agent_verbs_start(f->agent, f->guest);
    assert_int_equal(sigprocmask(SIG_SETMASK, &before, NULL), 0);
    pid_t init = ct_agent_init_pid("ct:100");
    size_t others = 0;
    for (int i = 0; i < 200 && others == 0; i++) {
        (void)usleep(10000);
        scan(f, CT_CGROUP_PAYLOAD, &found);
        for (size_t p = 0; p < found.pids_count; p++) {
            const char *path = arena_printf(f->arena, "/proc/%d/status", found.pids[p]);
            const char *status = found.pids[p] != init ? read_text(f, path) : "";
            // Its init blocks some itself; look at what init started and what has become a program.
            others += strstr(status, "Name:\tsleep") != NULL &&
                              strstr(status, "SigBlk:\t0000000000000000") != NULL
                          ? 1
                          : 0;
        }
    }
    assert_int_equal(others, 1);
}

static void ct_running_start_changes_nothing(void **state)
{
    struct fixture *f = *state;
    struct ct_cgroup_scan found;
    agent_verbs_start(f->agent, f->guest);
    pid_t init = ct_agent_init_pid("ct:100");
    agent_verbs_start(f->agent, f->guest);
    assert_int_equal(ct_agent_init_pid("ct:100"), init);
    scan(f, CT_CGROUP_PAYLOAD, &found);
    for (size_t i = 0; i < found.folders_count; i++) {
        assert_null(strstr(found.folders[i], "100-1"));
    }
}

static void ct_stop_graceful_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    agent_verbs_start(f->agent, f->guest);
    const char *marker = TEST_ROOTFS "/stopped";
    (void)unlink(marker);
    const char *script = TEST_ROOTFS "/etc/init.d/S50test";
    const char *text = "#!/bin/sh\n[ $1 = stop ] && echo yes >/stopped\n";
    fixture_ok(f, file_replace(script, text, strlen(text), 0755, &f->err));
    fixture_ok(f, f->agent->ops->stop(f->agent, f->guest, 10, &f->err));
    assert_int_equal(unlink(script), 0);
    assert_false(agent_verbs_is_running(f->agent, f->guest));
    assert_nothing_left(f);
    assert_int_equal(access(marker, F_OK), 0);
}

static void ct_stop_without_answer_is_hard_after_the_time(void **state)
{
    struct fixture *f = *state;
    // Its init does not know this signal as a wish to end.
    map_put(&f->guest->config, "halt-signal", arena_strdup(f->arena, "SIGHUP"));
    agent_verbs_start(f->agent, f->guest);
    time_t before = time(NULL);
    fixture_ok(f, f->agent->ops->stop(f->agent, f->guest, 1, &f->err));
    assert_true(time(NULL) - before < 5);
    assert_nothing_left(f);
}

// Asking is all that a reboot under HA does: what comes of it is the LRM's matter.
static void ct_asked_ends_by_itself_or_not_at_all(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(f->agent->ops->ask(f->agent, f->guest, 1, &f->err), -ESRCH);
    agent_verbs_start(f->agent, f->guest);
    pid_t init = ct_agent_init_pid("ct:100");
    map_put(&f->guest->config, "halt-signal", arena_strdup(f->arena, "SIGHUP"));
    assert_int_equal(f->agent->ops->ask(f->agent, f->guest, 1, &f->err), -ETIMEDOUT);
    assert_string_equal(f->err.text, "'ct:100' has not ended within 1 s, and still runs");
    assert_int_equal(ct_agent_init_pid("ct:100"), init);
    map_put(&f->guest->config, "halt-signal", arena_strdup(f->arena, "SIGUSR1"));
    fixture_ok(f, f->agent->ops->ask(f->agent, f->guest, 10, &f->err));
    assert_int_equal(ct_agent_init_pid("ct:100"), 0);
}

// What makes LXC say STOPPED while the container runs.
static void kill_monitor(struct fixture *f)
{
    struct ct_cgroup_places places;
    fixture_ok(f, ct_cgroup_find(f->arena, &places, &f->err));
    fixture_ok(f, ct_cgroup_kill(&places, CT_CGROUP_MONITOR, "100", 5000, &f->err));
}

static void ct_with_dead_monitor_is_seen_and_not_started_twice(void **state)
{
    struct fixture *f = *state;
    struct ct_cgroup_scan before;
    struct ct_cgroup_scan after;
    agent_verbs_start(f->agent, f->guest);
    pid_t init = ct_agent_init_pid("ct:100");
    kill_monitor(f);
    assert_true(agent_verbs_is_running(f->agent, f->guest));
    scan(f, CT_CGROUP_PAYLOAD, &before);
    agent_verbs_start(f->agent, f->guest);
    scan(f, CT_CGROUP_PAYLOAD, &after);
    assert_int_equal(ct_agent_init_pid("ct:100"), init);
    assert_int_equal(after.folders_count, before.folders_count);
}

static void ct_with_dead_monitor_stops(void **state)
{
    struct fixture *f = *state;
    agent_verbs_start(f->agent, f->guest);
    kill_monitor(f);
    fixture_ok(f, f->agent->ops->stop(f->agent, f->guest, 10, &f->err));
    assert_nothing_left(f);
    agent_verbs_start(f->agent, f->guest);
    assert_true(agent_verbs_is_running(f->agent, f->guest));
}

static void ct_frozen_is_killed(void **state)
{
    struct fixture *f = *state;
    struct ct_cgroup_scan found;
    agent_verbs_start(f->agent, f->guest);
    scan(f, CT_CGROUP_PAYLOAD, &found);
    for (size_t i = 0; i < found.folders_count; i++) {
        const char *v1 = arena_printf(f->arena, "%s/freezer.state", found.folders[i]);
        const char *v2 = arena_printf(f->arena, "%s/cgroup.freeze", found.folders[i]);
        if (access(v1, F_OK) == 0) {
            fixture_ok(f, file_write_value(v1, "FROZEN", &f->err));
        } else if (access(v2, F_OK) == 0) {
            fixture_ok(f, file_write_value(v2, "1", &f->err));
        }
    }
    fixture_ok(f, f->agent->ops->stop(f->agent, f->guest, 0, &f->err));
    assert_nothing_left(f);
}

struct refusal {
    const char *name;
    const char *key; // of the definition that is changed, or NULL
    const char *value;
    const char *node;
    const char *lock;
    int code;
    const char *words;
};

static const struct refusal refusals[] = {
    {"missing rootfs", "rootfs", TEST_FOLDER "/none", "node1", NULL, -ENOENT, "/none'"},
    {"no init in it", "init", "/sbin/none", "node1", NULL, -EIO, "cannot start 'ct:100'"},
    {"other node", NULL, NULL, "node2", NULL, -EXDEV, "belongs to node 'node2'"},
    {"locked", NULL, NULL, "node1", "backup", -EBUSY, "is locked: backup"},
    {"bad value", "memory", "lots", "node1", NULL, -EINVAL, "memory: 'lots'"},
    {"unknown key", "colour", "red", "node1", NULL, -EINVAL, "unknown key 'colour'"},
    {"unknown storage", "rootfs", "none:ct-100", "node1", NULL, -ENOENT, "storage 'none'"},
    {"missing mount", "mp0", TEST_FOLDER "/none,mp=/x", "node1", NULL, -ENOENT, "mp0: cannot use"},
    {"mount of a file on a storage", "mp0", "local:file,mp=/x", "node1", NULL, -ENOTDIR,
     "/file' is not a folder"},
    {"no bridge", "net0", "bridge=none0", "node1", NULL, -ENODEV, "there is no bridge 'none0'"},
    {"line break", "hostname", "a\nlxc.hook.start = /bin/x", "node1", NULL, -EINVAL, "one line"},
};

static void ct_refused_start_says_why_and_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
        const struct refusal *row = &refusals[i];
        struct guest *guest = guest_new(f->arena, "ct:100", row->node);
        guest->lock = row->lock;
        map_each (e, &f->guest->config) {
            map_put(&guest->config, e->key, e->value);
        }
        if (row->key != NULL) {
            map_put(&guest->config, row->key, arena_strdup(f->arena, row->value));
        }
        int r = f->agent->ops->start(f->agent, guest, &f->err);
        if (r != row->code || strstr(f->err.text, row->words) == NULL) {
            print_error("%s: %d '%s'\n", row->name, r, f->err.text);
        }
        assert_int_equal(r, row->code);
        assert_non_null(strstr(f->err.text, row->words));
        assert_nothing_left(f);
    }
}

static void ct_kill_ends_one_with_a_dead_monitor(void **state)
{
    struct fixture *f = *state;
    agent_verbs_start(f->agent, f->guest);
    kill_monitor(f);
    fixture_ok(f, f->agent->ops->kill(f->agent, "ct:100", 2000, &f->err));
    assert_nothing_left(f);
}

static const char *stored_node(struct fixture *f)
{
    struct guest *guest = NULL;
    const char *text = fake_store_get(f->store, "guest/ct:100");
    fixture_ok(f, guest_parse(f->arena, text, strlen(text), &guest, &f->err));
    return guest->node;
}

static int move(struct fixture *f)
{
    return f->agent->ops->move(f->agent, f->guest, "node2", false, &f->err);
}

static void ct_on_its_own_storage_is_not_moved(void **state)
{
    struct fixture *f = *state;
    agent_verbs_start(f->agent, f->guest);
    fake_store_put(f->store, "storage/here", "dir: here\n\tpath " TEST_FOLDER "\n\tshared 0\n\n");
    map_put(&f->guest->config, "rootfs", arena_strdup(f->arena, "here:rootfs"));
    assert_int_equal(move(f), -EXDEV);
    assert_true(agent_verbs_is_running(f->agent, f->guest));
    assert_string_equal(stored_node(f), "node1");
}

static void ct_on_a_storage_starts(void **state)
{
    struct fixture *f = *state;
    fake_store_put(f->store, "storage/here", "dir: here\n\tpath " TEST_FOLDER "\n\tshared 1\n\n");
    map_put(&f->guest->config, "rootfs", arena_strdup(f->arena, "here:rootfs"));
    agent_verbs_start(f->agent, f->guest);
    assert_true(agent_verbs_is_running(f->agent, f->guest));
}

int main(void)
{
    struct error err = {0};
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(ct_started_runs_with_its_settings),
        TEST(ct_started_blocks_no_signals),
        TEST(ct_running_start_changes_nothing),
        TEST(ct_stop_graceful_leaves_nothing),
        TEST(ct_stop_without_answer_is_hard_after_the_time),
        TEST(ct_asked_ends_by_itself_or_not_at_all),
        TEST(ct_with_dead_monitor_is_seen_and_not_started_twice),
        TEST(ct_with_dead_monitor_stops),
        TEST(ct_frozen_is_killed),
        TEST(ct_kill_ends_one_with_a_dead_monitor),
        TEST(ct_refused_start_says_why_and_leaves_nothing),
        TEST(ct_on_its_own_storage_is_not_moved),
        TEST(ct_on_a_storage_starts),
    };
    if (setenv("HA_MANAGER_RUN_DIR", TEST_FOLDER "/run", 1) < 0 ||
        setenv("HA_MANAGER_STATE_DIR", TEST_FOLDER "/state", 1) < 0 ||
        mkdir(TEST_FOLDER, 0755) < 0) {
        return 1;
    }
    if (file_make_directory(TEST_FOLDER "/state", 0755, &err) < 0 ||
        file_make_directory(TEST_FOLDER "/state/storage", 0711, &err) < 0 ||
        file_replace(TEST_FOLDER "/state/storage/file", "x", 1, 0600, &err) < 0) {
        (void)printf("Bail out! %s\n", err.text);
        return 1;
    }
    if (guest_template_make(TEST_ROOTFS, &err) < 0) {
        (void)printf("1..0 # SKIP %s\n", err.text);
        return 0;
    }
    return cmocka_run_group_tests_name("ct_agent", tests, NULL, NULL);
}
