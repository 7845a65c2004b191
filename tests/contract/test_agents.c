// SPDX-License-Identifier: Apache-2.0
// The contract of the agent port, the same tests for each type of service on the real thing. Runs
// in a machine of its own (in_node.sh), where services may be started, killed and counted.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/strbuf.h"
#include "common/host/paths.h"
#include "common/model/guest.h"
#include "common/port/agent.h"
#include "common/port/store.h"
#include "lrm/agents/agent_context.h"
#include "lrm/agents/agents.h"
#include "tests/contract/agent_subject.h"
#include "tests/lib/agent_verbs.h"
#include "tests/lib/fake_store.h"
#include "tests/lib/fixture.h"

enum { TEST_TERM = 7, TEST_GRACE_S = 10, TEST_KILL_MS = 3000 };

#define TEST_LEASE "ha_agent_node1_lock"

struct fixture {
    const struct agent_subject *subject;
    const struct agent_type *type;
    struct arena *arena;
    struct fake_store *store;
    struct agent *agent;
    struct guest *guest;
    struct error err;
};

static struct agent *open_agent(const struct fixture *f, struct store *store, uint64_t term)
{
    const struct agent_context context = {
        .node = "node1", .store = store, .lease_term = term, .stop_timeout_s = TEST_GRACE_S};
    return f->type->open(&context);
}

static struct guest *make_guest(struct fixture *f, const char *node)
{
    struct guest *guest = guest_new(f->arena, f->subject->sid, node);
    f->subject->define(f->arena, guest);
    return guest;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->subject = *state;
    f->type = agents_find_of(f->subject->sid);
    f->arena = arena_new();
    f->store = fake_store_new();
    f->agent = open_agent(f, fake_store_port(f->store), TEST_TERM);
    f->guest = make_guest(f, "node1");
    fake_store_put(f->store, arena_printf(f->arena, "guest/%s", f->subject->sid),
                   guest_format(f->arena, f->guest));
    fake_store_hold(f->store, TEST_LEASE, "node1", TEST_TERM);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    int r = f->agent->ops->stop(f->agent, f->guest, 0, &f->err);
    if (r < 0) {
        print_error("%s\n", f->err.text);
    }
    f->type->close(f->agent);
    fake_store_free(f->store);
    arena_free(f->arena);
    free(f);
    return r;
}

static pid_t init_pid(struct fixture *f)
{
    return f->type->init_pid != NULL ? f->type->init_pid(f->subject->sid) : 0;
}

static void assert_nothing_left(struct fixture *f)
{
    assert_false(agent_verbs_is_running(f->agent, f->guest));
    assert_false(f->subject->is_left(f->arena));
    assert_int_equal(init_pid(f), 0);
}

static int take_lock(struct fixture *f)
{
    int fd = open(arena_printf(f->arena, "%s/%s.lock", paths_run_dir(), f->subject->sid),
                  O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
    return fd;
}

static void never_started_does_not_run(void **state)
{
    struct fixture *f = *state;
    assert_nothing_left(f);
}

static void started_runs_and_works(void **state)
{
    struct fixture *f = *state;
    agent_verbs_start(f->agent, f->guest);
    assert_true(agent_verbs_is_running(f->agent, f->guest));
    assert_true(f->subject->is_left(f->arena));
    assert_true(!f->subject->has_process || init_pid(f) > 0);
    if (f->agent->ops->health != NULL) {
        fixture_ok(f, f->agent->ops->health(f->agent, f->guest, &f->err));
    }
}

// It would stay taken for ever if something of the service kept the descriptor.
static void started_keeps_no_lock(void **state)
{
    struct fixture *f = *state;
    agent_verbs_start(f->agent, f->guest);
    assert_int_equal(close(take_lock(f)), 0);
}

static void running_start_changes_nothing(void **state)
{
    struct fixture *f = *state;
    agent_verbs_start(f->agent, f->guest);
    pid_t before = init_pid(f);
    agent_verbs_start(f->agent, f->guest);
    assert_int_equal(init_pid(f), before);
    assert_true(agent_verbs_is_running(f->agent, f->guest));
}

static void stop_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    agent_verbs_start(f->agent, f->guest);
    fixture_ok(f, f->agent->ops->stop(f->agent, f->guest, TEST_GRACE_S, &f->err));
    assert_nothing_left(f);
}

static void hard_stop_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    agent_verbs_start(f->agent, f->guest);
    fixture_ok(f, f->agent->ops->stop(f->agent, f->guest, 0, &f->err));
    assert_nothing_left(f);
}

static void stop_of_a_stopped_one_is_fine(void **state)
{
    struct fixture *f = *state;
    fixture_ok(f, f->agent->ops->stop(f->agent, f->guest, TEST_GRACE_S, &f->err));
    assert_nothing_left(f);
}

static void ended_by_itself_is_seen_and_starts_again(void **state)
{
    struct fixture *f = *state;
    agent_verbs_start(f->agent, f->guest);
    f->subject->end(f->arena);
    for (int i = 0; i < 500 && agent_verbs_is_running(f->agent, f->guest); i++) {
        (void)usleep(10000);
    }
    assert_false(agent_verbs_is_running(f->agent, f->guest));
    agent_verbs_start(f->agent, f->guest);
    assert_true(agent_verbs_is_running(f->agent, f->guest));
}

static void kill_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    agent_verbs_start(f->agent, f->guest);
    fixture_ok(f, f->agent->ops->kill(f->agent, f->subject->sid, TEST_KILL_MS, &f->err));
    assert_nothing_left(f);
    fixture_ok(f, f->agent->ops->kill(f->agent, f->subject->sid, TEST_KILL_MS, &f->err));
    agent_verbs_start(f->agent, f->guest);
    assert_true(agent_verbs_is_running(f->agent, f->guest));
}

static void kill_needs_no_store(void **state)
{
    struct fixture *f = *state;
    agent_verbs_start(f->agent, f->guest);
    struct agent *alone = open_agent(f, NULL, 0);
    fixture_ok(f, alone->ops->kill(alone, f->subject->sid, TEST_KILL_MS, &f->err));
    f->type->close(alone);
    assert_nothing_left(f);
}

static void kill_of_one_that_was_never_here_is_fine(void **state)
{
    struct fixture *f = *state;
    fixture_ok(f, f->agent->ops->kill(f->agent, f->subject->sid, TEST_KILL_MS, &f->err));
    assert_nothing_left(f);
}

// Somebody may be starting it: killed, but not proven to stay so, and told in time.
static void kill_while_another_process_has_its_lock_is_no_proof(void **state)
{
    struct fixture *f = *state;
    agent_verbs_start(f->agent, f->guest);
    int fd = take_lock(f);
    fixture_refuses(f, f->agent->ops->kill(f->agent, f->subject->sid, 100, &f->err), -EBUSY,
                    "cannot kill");
    assert_int_equal(close(fd), 0);
    fixture_ok(f, f->agent->ops->kill(f->agent, f->subject->sid, TEST_KILL_MS, &f->err));
    assert_nothing_left(f);
}

static void hard_stop_while_another_process_has_its_lock_is_no_proof(void **state)
{
    struct fixture *f = *state;
    agent_verbs_start(f->agent, f->guest);
    int fd = take_lock(f);
    fixture_refuses(f, f->agent->ops->stop(f->agent, f->guest, 0, &f->err), -EBUSY, "cannot stop");
    assert_int_equal(close(fd), 0);
}

static void refused_start_says_why_and_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    struct guest *guest = make_guest(f, "node2");
    fixture_refuses(f, f->agent->ops->start(f->agent, guest, &f->err), -EXDEV,
                    "it belongs to node 'node2', this is 'node1'");
    guest = make_guest(f, "node1");
    guest->lock = "backup";
    fixture_refuses(f, f->agent->ops->start(f->agent, guest, &f->err), -EBUSY,
                    "it is locked: backup");
    guest = make_guest(f, "node1");
    map_put(&guest->config, "colour", arena_strdup(f->arena, "red"));
    fixture_refuses(f, f->agent->ops->start(f->agent, guest, &f->err), -EINVAL,
                    "unknown key 'colour'");
    assert_nothing_left(f);
}

static const char *stored_node(struct fixture *f)
{
    struct guest *guest = NULL;
    const char *text =
        fake_store_get(f->store, arena_printf(f->arena, "guest/%s", f->subject->sid));
    fixture_ok(f, guest_parse(f->arena, text, strlen(text), &guest, &f->err));
    return guest->node;
}

static void moved_is_stopped_and_belongs_to_the_target(void **state)
{
    struct fixture *f = *state;
    agent_verbs_start(f->agent, f->guest);
    fixture_ok(f, f->agent->ops->move(f->agent, f->guest, "node2", false, &f->err));
    assert_nothing_left(f);
    assert_string_equal(stored_node(f), "node2");
}

static void move_without_lease_changes_nothing(void **state)
{
    struct fixture *f = *state;
    struct agent *agent = open_agent(f, fake_store_port(f->store), 0);
    agent_verbs_start(f->agent, f->guest);
    fixture_refuses(f, agent->ops->move(agent, f->guest, "node2", false, &f->err), -EPERM,
                    "does not hold its agent lease");
    f->type->close(agent);
    assert_true(agent_verbs_is_running(f->agent, f->guest));
    assert_string_equal(stored_node(f), "node1");
}

static void move_with_an_old_term_keeps_the_place(void **state)
{
    struct fixture *f = *state;
    fake_store_hold(f->store, TEST_LEASE, "node1", TEST_TERM + 1);
    agent_verbs_start(f->agent, f->guest);
    assert_int_equal(f->agent->ops->move(f->agent, f->guest, "node2", false, &f->err), -EPERM);
    assert_string_equal(stored_node(f), "node1");
}

struct contract {
    const char *name;
    CMUnitTestFunction test;
};

#define CONTRACT(function)                                                                         \
    {                                                                                              \
        .name = #function, .test = function                                                        \
    }

static const struct contract contracts[] = {
    CONTRACT(never_started_does_not_run),
    CONTRACT(started_runs_and_works),
    CONTRACT(started_keeps_no_lock),
    CONTRACT(running_start_changes_nothing),
    CONTRACT(stop_leaves_nothing),
    CONTRACT(hard_stop_leaves_nothing),
    CONTRACT(stop_of_a_stopped_one_is_fine),
    CONTRACT(ended_by_itself_is_seen_and_starts_again),
    CONTRACT(kill_leaves_nothing),
    CONTRACT(kill_needs_no_store),
    CONTRACT(kill_of_one_that_was_never_here_is_fine),
    CONTRACT(kill_while_another_process_has_its_lock_is_no_proof),
    CONTRACT(hard_stop_while_another_process_has_its_lock_is_no_proof),
    CONTRACT(refused_start_says_why_and_leaves_nothing),
    CONTRACT(moved_is_stopped_and_belongs_to_the_target),
    CONTRACT(move_without_lease_changes_nothing),
    CONTRACT(move_with_an_old_term_keeps_the_place),
};

enum { SUBJECTS_MAX = 16 };

static void cannot_run_here(void **state)
{
    (void)state;
    skip();
}

int main(void)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct CMUnitTest tests[SUBJECTS_MAX * ARRAY_SIZE(contracts)];
    size_t count = 0;
    if (setenv("HA_MANAGER_RUN_DIR", SUBJECT_FOLDER "/run", 1) < 0 ||
        setenv("HA_MANAGER_STATE_DIR", SUBJECT_FOLDER "/state", 1) < 0 ||
        mkdir(SUBJECT_FOLDER, 0755) < 0) {
        return 1;
    }
    for (size_t s = 0; agent_subjects[s] != NULL && s < SUBJECTS_MAX; s++) {
        const struct agent_subject *subject = agent_subjects[s];
        const char *why = NULL;
        if (agents_find_of(subject->sid) == NULL || subject->prepare(arena, &why) < 0) {
            tests[count++] =
                (struct CMUnitTest){.name = arena_printf(arena, "%s: %s", subject->name,
                                                         why != NULL ? why : "not in this build"),
                                    .test_func = cannot_run_here};
            continue;
        }
        for (size_t c = 0; c < ARRAY_SIZE(contracts); c++) {
            tests[count++] = (struct CMUnitTest){
                .name = arena_printf(arena, "%s: %s", subject->name, contracts[c].name),
                .test_func = contracts[c].test,
                .setup_func = setup,
                .teardown_func = teardown,
                .initial_state = (void *)(uintptr_t)subject};
        }
    }
    // The number of tests is known only now.
    return _cmocka_run_group_tests("agents", tests, count, NULL, NULL);
}
