// SPDX-License-Identifier: Apache-2.0
// The workers port with real processes and an agent of the test's own: results and events come
// back, a service never has two workers (INV-1), what dies is told, and the end of a guest that ran
// is noticed.
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/strbuf.h"
#include "common/host/file.h"
#include "common/host/host_clock.h"
#include "common/host/loop.h"
#include "common/model/event.h"
#include "common/model/timing.h"
#include "common/port/agent.h"
#include "common/port/clock.h"
#include "common/port/event_sink.h"
#include "lrm/host_workers.h"
#include "lrm/service_note.h"
#include "tests/lib/fake_store.h"
#include "tests/lib/test.h"

struct world {
    struct loop *loop;
    struct clock clock;
    struct timing timing;
    struct event_sink sink;
    struct strbuf events; // "name sid" each, with '|'
    struct strbuf exits;
    struct fake_store *store;
    struct host_workers *workers;
    struct workers *port;
    struct arena *arena;
    int wakes;
    char *group_prefix;
    char *note_path; // or NULL
};

struct fake_agent {
    struct agent agent; // first
    bool running;
};

// The worker is a copy of the test's process, which alone writes here: before it forks.
static pid_t guest_pid;
static struct store *worker_store;
static uint64_t worker_term;

static int fake_check(struct agent *agent, const struct guest *guest, bool *ret_running,
                      struct error *err)
{
    (void)guest;
    (void)err;
    *ret_running = ((struct fake_agent *)agent)->running;
    return 0;
}

static int fake_start(struct agent *agent, const struct guest *guest, struct error *err)
{
    (void)guest;
    (void)err;
    ((struct fake_agent *)agent)->running = true;
    return 0;
}

static int broken_start(struct agent *agent, const struct guest *guest, struct error *err)
{
    (void)agent;
    (void)guest;
    return error_set(err, -EIO, "no space left in the box");
}

static int deadly_start(struct agent *agent, const struct guest *guest, struct error *err)
{
    (void)agent;
    (void)guest;
    (void)err;
    (void)kill(getpid(), SIGKILL);
    return 0;
}

static int endless_start(struct agent *agent, const struct guest *guest, struct error *err)
{
    (void)agent;
    (void)guest;
    (void)err;
    while (pause() < 0) {
    }
    return 0;
}

static int fake_stop(struct agent *agent, const struct guest *guest, int64_t timeout_s,
                     struct error *err)
{
    (void)guest;
    (void)timeout_s;
    (void)err;
    ((struct fake_agent *)agent)->running = false;
    return 0;
}

// "ct:108" cannot be killed, "ct:9…" takes for ever.
static int fake_kill(struct agent *agent, const char *sid, int64_t timeout_ms, struct error *err)
{
    (void)agent;
    while (strncmp(sid, "ct:9", 4) == 0 && pause() < 0) {
    }
    return strcmp(sid, "ct:108") == 0
               ? error_set(err, -EBUSY, "it clings to life for %d ms", timeout_ms > 0 ? 1 : 0)
               : 0;
}

static int fake_move(struct agent *agent, const struct guest *guest, const char *target,
                     bool online, struct error *err)
{
    (void)agent;
    (void)guest;
    (void)target;
    (void)online;
    return error_set(err, -EPERM, "moved under term %llu", (unsigned long long)worker_term);
}

static struct agent *open_agent(const struct host_worker_context *context, const char *type)
{
    static struct agent_ops ops = {
        .check = fake_check, .stop = fake_stop, .kill = fake_kill, .move = fake_move};
    static struct fake_agent agent;
    if (strcmp(type, "ct") != 0) {
        return NULL;
    }
    worker_term = context->lease_term;
    ops.start = fake_start;
    agent.agent.ops = &ops;
    return &agent.agent;
}

static struct agent *open_broken(const struct host_worker_context *context, const char *type)
{
    static struct agent_ops ops = {
        .check = fake_check, .start = broken_start, .stop = fake_stop, .move = fake_move};
    static struct fake_agent agent = {.agent = {.ops = &ops}};
    (void)context;
    (void)type;
    return &agent.agent;
}

static struct agent *open_deadly(const struct host_worker_context *context, const char *type)
{
    static struct agent_ops ops = {
        .check = fake_check, .start = deadly_start, .stop = fake_stop, .move = fake_move};
    static struct fake_agent agent = {.agent = {.ops = &ops}};
    (void)context;
    (void)type;
    return &agent.agent;
}

// One that knows that it never takes longer than a moment.
static int64_t short_limit_ms(struct agent *agent, const struct guest *guest)
{
    (void)agent;
    (void)guest;
    return 200;
}

static struct agent *open_hanging(const struct host_worker_context *context, const char *type)
{
    static struct agent_ops ops = {.check = fake_check,
                                   .limit_ms = short_limit_ms,
                                   .start = endless_start,
                                   .stop = fake_stop,
                                   .kill = fake_kill,
                                   .move = fake_move};
    static struct fake_agent agent = {.agent = {.ops = &ops}};
    (void)context;
    (void)type;
    return &agent.agent;
}

static int chatty_start(struct agent *agent, const struct guest *guest, struct error *err)
{
    (void)guest;
    agent->output = "one\ntwo";
    return error_set(err, -EIO, "it gave up");
}

static struct agent *open_chatty(const struct host_worker_context *context, const char *type)
{
    static struct agent_ops ops = {.check = fake_check,
                                   .start = chatty_start,
                                   .stop = fake_stop,
                                   .kill = fake_kill,
                                   .move = fake_move};
    static struct fake_agent agent = {.agent = {.ops = &ops}};
    (void)context;
    (void)type;
    return &agent.agent;
}

static struct agent *open_endless(const struct host_worker_context *context, const char *type)
{
    static struct agent_ops ops = {.check = fake_check,
                                   .start = endless_start,
                                   .stop = fake_stop,
                                   .kill = fake_kill,
                                   .move = fake_move};
    static struct fake_agent agent = {.agent = {.ops = &ops}};
    (void)context;
    (void)type;
    return &agent.agent;
}

static pid_t find_init_pid(const char *sid)
{
    (void)sid;
    return guest_pid;
}

static int open_store(struct store **ret, struct error *err)
{
    if (worker_store == NULL) {
        return error_set(err, -ENOENT, "ha-clusterd is not running");
    }
    *ret = worker_store;
    return 0;
}

static void on_event(struct event_sink *sink, const struct event *event)
{
    struct world *w = (struct world *)(void *)((char *)sink - offsetof(struct world, sink));
    const char *sid = event_find(event, "sid");
    strbuf_appendf(&w->events, "%s %s|", event->name, sid != NULL ? sid : "-");
}

static const struct event_sink_ops sink_ops = {.emit = on_event};

static void on_ended(void *userdata)
{
    struct world *w = userdata;
    w->wakes++;
}

static void on_exit_of_guest(void *userdata, const char *sid)
{
    struct world *w = userdata;
    strbuf_append(&w->exits, sid);
}

static void workers_open(struct world *w,
                         struct agent *(*open)(const struct host_worker_context *, const char *))
{
    host_workers_free(w->workers);
    struct host_workers_spec spec = {
        .node = "node1",
        .timing = &w->timing,
        .loop = w->loop,
        .clock = &w->clock,
        .events = &w->sink,
        .agents = {.open = open, .init_pid = find_init_pid},
        .open_store = open_store,
        .group_prefix = w->group_prefix,
        .note_path = w->note_path,
        .boot_id = "boot-1",
        .ended = on_ended,
        .guest_exited = on_exit_of_guest,
        .userdata = w,
    };
    w->workers = host_workers_new(&spec);
    w->port = host_workers_port(w->workers);
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    struct error err = {0};
    assert_non_null(w);
    assert_int_equal(loop_new(&w->loop, &err), 0);
    host_clock_init(&w->clock);
    timing_get(TIMING_PROFILE_BALANCED, &w->timing);
    w->sink.ops = &sink_ops;
    w->arena = arena_new();
    w->store = fake_store_new();
    fake_store_put(w->store, "guest/ct:100",
                   "{\"sid\":\"ct:100\",\"node\":\"node1\",\"config\":{}}");
    worker_store = fake_store_port(w->store);
    guest_pid = 0;
    // Other tests may run beside this one.
    w->group_prefix = arena_printf(w->arena, "ha-test-%d.", (int)getpid());
    workers_open(w, open_agent);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    host_workers_free(w->workers);
    fake_store_free(w->store);
    loop_free(w->loop);
    strbuf_done(&w->events);
    strbuf_done(&w->exits);
    arena_free(w->arena);
    free(w);
    return 0;
}

static void spawn(struct world *w, enum svc_state what)
{
    struct job job = {.sid = "ct:100",
                      .uid = "u1",
                      .state = what,
                      .target = "node2",
                      .timeout_s = SERVICE_TIMEOUT_NONE};
    struct error err = {0};
    assert_int_equal(workers_spawn(w->port, &job, &err), 0);
}

static struct job_result run_one(struct world *w, enum svc_state what)
{
    struct error err = {0};
    struct job_results results;
    w->wakes = 0;
    spawn(w, what);
    while (w->wakes == 0) {
        assert_int_equal(loop_step(w->loop, &err), 0);
    }
    workers_collect(w->port, w->arena, &results);
    assert_int_equal(results.count, 1);
    assert_string_equal(results.results[0].sid, "ct:100");
    assert_string_equal(results.results[0].uid, "u1");
    assert_int_equal(results.results[0].state, what);
    struct job_result result = results.results[0];
    workers_collect(w->port, w->arena, &results);
    assert_int_equal(results.count, 0); // each once
    return result;
}

static void job_that_succeeds_gives_its_events_and_its_result(void **state)
{
    struct world *w = *state;
    struct job_result result = run_one(w, SVC_STATE_STARTED);
    assert_int_equal(result.exit_code, LRM_CODE_SUCCESS);
    assert_null(result.reason);
    assert_string_equal(strbuf_text(&w->events), "start ct:100|started ct:100|");
}

static void job_that_fails_gives_its_reason(void **state)
{
    struct world *w = *state;
    workers_open(w, open_broken);
    struct job_result result = run_one(w, SVC_STATE_STARTED);
    assert_int_equal(result.exit_code, LRM_CODE_ERROR);
    assert_string_equal(result.reason, "no space left in the box");
}

static void worker_that_is_killed_counts_as_failed_to_run(void **state)
{
    struct world *w = *state;
    workers_open(w, open_deadly);
    struct job_result result = run_one(w, SVC_STATE_STARTED);
    assert_int_equal(result.exit_code, LRM_CODE_FAILED_TO_RUN);
    assert_string_equal(result.reason, "the worker died by signal 9");
    assert_string_equal(strbuf_text(&w->events), "start ct:100|worker-failed ct:100|");
}

// A hang is a failure like any other: it counts as a try.
static void worker_that_hangs_is_killed_and_counts_as_an_error(void **state)
{
    struct world *w = *state;
    workers_open(w, open_hanging);
    struct job_result result = run_one(w, SVC_STATE_STARTED);
    assert_int_equal(result.exit_code, LRM_CODE_ERROR);
    assert_string_equal(result.reason, "the worker was killed after 200 ms");
    assert_string_equal(strbuf_text(&w->events), "start ct:100|worker-failed ct:100|");
}

static void job_that_fails_gives_what_was_printed(void **state)
{
    struct world *w = *state;
    workers_open(w, open_chatty);
    struct job_result result = run_one(w, SVC_STATE_STARTED);
    assert_int_equal(result.exit_code, LRM_CODE_ERROR);
    assert_string_equal(result.reason, "it gave up");
    assert_string_equal(result.output, "one\ntwo");
}

static void worker_without_a_store_counts_as_failed_to_run(void **state)
{
    struct world *w = *state;
    worker_store = NULL;
    struct job_result result = run_one(w, SVC_STATE_STARTED);
    assert_int_equal(result.exit_code, LRM_CODE_FAILED_TO_RUN);
    assert_string_equal(result.reason, "ha-clusterd is not running");
}

static void worker_acts_under_the_term_of_its_start(void **state)
{
    struct world *w = *state;
    host_workers_set_term(w->workers, 42);
    struct job_result result = run_one(w, SVC_STATE_RELOCATE);
    assert_int_equal(result.exit_code, LRM_CODE_ERROR);
    assert_string_equal(result.reason, "moved under term 42");
}

static void second_worker_of_a_service_is_refused(void **state)
{
    struct world *w = *state;
    struct error err = {0};
    workers_open(w, open_endless);
    spawn(w, SVC_STATE_STARTED);
    struct job stop = {.sid = "ct:100", .uid = "u2", .state = SVC_STATE_REQUEST_STOP};
    assert_int_equal(workers_spawn(w->port, &stop, &err), -EEXIST);
    // The end of the LRM's process ends the worker too: freeing waits for it.
    host_workers_free(w->workers);
    w->workers = NULL;
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

// Valgrind's kernel has no descriptors of processes.
static void skip_without_pidfd(void)
{
    int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
    if (fd < 0) {
        skip();
    }
    (void)close(fd);
}

static pid_t guest_start(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); // also when the test fails and jumps away
        while (pause() < 0) {
        }
    }
    assert_true(pid > 0);
    return pid;
}

static void guest_end(void)
{
    (void)kill(guest_pid, SIGKILL);
    (void)waitpid(guest_pid, NULL, 0);
}

static void guest_that_ends_after_its_start_is_told(void **state)
{
    struct world *w = *state;
    struct error err = {0};
    skip_without_pidfd();
    guest_pid = guest_start();
    assert_int_equal(run_one(w, SVC_STATE_STARTED).exit_code, LRM_CODE_SUCCESS);
    assert_string_equal(strbuf_text(&w->exits), "");
    // Found running again (as after a restart of the LRM) it has one watch, not two.
    assert_int_equal(run_one(w, SVC_STATE_STARTED).exit_code, LRM_CODE_SUCCESS);
    guest_end();
    while (w->exits.size_bytes == 0) {
        assert_int_equal(loop_step(w->loop, &err), 0);
    }
    assert_string_equal(strbuf_text(&w->exits), "ct:100");
}

static void guest_that_is_stopped_by_order_is_not_told(void **state)
{
    struct world *w = *state;
    skip_without_pidfd();
    guest_pid = guest_start();
    assert_int_equal(run_one(w, SVC_STATE_STARTED).exit_code, LRM_CODE_SUCCESS);
    spawn(w, SVC_STATE_REQUEST_STOP);
    guest_end();
    struct error err = {0};
    w->wakes = 0;
    while (w->wakes == 0) {
        assert_int_equal(loop_step(w->loop, &err), 0); // the stop's own end
    }
    assert_string_equal(strbuf_text(&w->exits), "");
}

static enum workers_killed killed(struct world *w, const char **ret_reason)
{
    return workers_look(w->port, w->arena, ret_reason);
}

static enum workers_killed kill_all(struct world *w, const char *const *sids, size_t count,
                                    int64_t timeout_ms, const char **ret_reason)
{
    const struct workers_guests guests = {sids, count};
    struct error err = {0};
    workers_kill(w->port, &guests, clock_now_ms(&w->clock) + timeout_ms);
    while (killed(w, ret_reason) == WORKERS_KILLED_PENDING) {
        assert_int_equal(loop_step(w->loop, &err), 0);
    }
    return killed(w, ret_reason);
}

static void guests_that_are_killed_are_proven_to_be_gone(void **state)
{
    struct world *w = *state;
    static const char *const sids[] = {"ct:100", "ct:101", "vm:1"};
    const char *reason;
    assert_int_equal(killed(w, &reason), WORKERS_KILLED_NONE);
    assert_int_equal(kill_all(w, sids, 3, 10000, &reason), WORKERS_KILLED_PROVEN);
    assert_null(reason);
    assert_int_equal(kill_all(w, NULL, 0, 10000, &reason), WORKERS_KILLED_PROVEN);
    // The next job begins anew.
    (void)run_one(w, SVC_STATE_STARTED);
    assert_int_equal(killed(w, &reason), WORKERS_KILLED_NONE);
}

static void very_many_guests_are_killed(void **state)
{
    struct world *w = *state;
    const char *sids[300];
    const char *reason;
    for (int i = 0; i < 300; i++) {
        sids[i] = arena_printf(w->arena, "ct:%d", 1000 + i);
    }
    assert_int_equal(kill_all(w, sids, 300, 60000, &reason), WORKERS_KILLED_PROVEN);
    sids[299] = "ct:108";
    assert_int_equal(kill_all(w, sids, 300, 60000, &reason), WORKERS_KILLED_FAILED);
}

static void guest_that_is_not_proven_to_be_gone_fails_it_all(void **state)
{
    struct world *w = *state;
    static const char *const sids[] = {"ct:100", "ct:108"};
    const char *reason;
    assert_int_equal(kill_all(w, sids, 2, 10000, &reason), WORKERS_KILLED_FAILED);
    assert_string_equal(reason, "it clings to life for 1 ms");
    assert_int_equal(kill_all(w, sids, 1, 10000, &reason), WORKERS_KILLED_PROVEN); // of now
}

static void guest_that_takes_too_long_fails_it_in_time(void **state)
{
    struct world *w = *state;
    static const char *const sids[] = {"ct:900", "ct:100"};
    const char *reason;
    assert_int_equal(kill_all(w, sids, 2, 50, &reason), WORKERS_KILLED_FAILED);
    assert_string_equal(reason, "it took too long");
}

static void workers_that_run_die_with_all_others_and_have_no_result(void **state)
{
    struct world *w = *state;
    static const char *const sids[] = {"ct:100"};
    const char *reason;
    struct job_results results;
    workers_open(w, open_endless);
    spawn(w, SVC_STATE_STARTED);
    assert_int_equal(kill_all(w, sids, 1, 10000, &reason), WORKERS_KILLED_PROVEN);
    workers_collect(w->port, w->arena, &results);
    assert_int_equal(results.count, 0);
    assert_null(strstr(strbuf_text(&w->events), "worker-failed"));
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); // nobody is left
}

static void second_order_waits_for_the_first(void **state)
{
    struct world *w = *state;
    static const char *const sids[] = {"ct:108", "ct:100"};
    const char *reason;
    const struct workers_guests first = {sids, 1};
    workers_kill(w->port, &first, clock_now_ms(&w->clock) + 10000);
    assert_int_equal(kill_all(w, &sids[1], 1, 10000, &reason), WORKERS_KILLED_FAILED);
}

static void what_may_run_is_noted_for_the_next_process(void **state)
{
    struct world *w = *state;
    static const char *const sids[] = {"ct:100", "vm:7"};
    const struct workers_guests guests = {sids, 2};
    struct workers_guests read;
    uint64_t term = 0;
    struct error err = {0};
    assert_int_equal(workers_note(w->port, &guests, 77, &err), 0); // nowhere
    w->note_path = arena_printf(w->arena, "/tmp/ha-test-note-%d", (int)getpid());
    workers_open(w, open_agent);
    assert_int_equal(service_note_read(w->arena, w->note_path, "boot-1", &read, &term, &err),
                     -ENOENT);
    assert_int_equal(workers_note(w->port, &guests, 77, &err), 0);
    assert_int_equal(service_note_read(w->arena, w->note_path, "boot-1", &read, &term, &err), 0);
    assert_int_equal(read.count, 2);
    assert_int_equal(term, 77);
    assert_string_equal(read.sids[0], "ct:100");
    assert_string_equal(read.sids[1], "vm:7");
    assert_int_equal(service_note_read(w->arena, w->note_path, "boot-2", &read, &term, &err),
                     -ENOENT);
    assert_int_equal(unlink(w->note_path), 0);
    w->note_path = arena_printf(w->arena, "/nowhere/ha-test-note-%d", (int)getpid());
    workers_open(w, open_agent);
    assert_true(workers_note(w->port, &guests, 77, &err) < 0);
}

static void note_that_is_not_whole_is_refused(void **state)
{
    struct world *w = *state;
    static const char *const texts[] = {
        "",
        "boot boot-1\n",
        "boot boot-1\nterm 7\nguest ct:100\n",
        "boot boot-1\nguest ct:100\nend\n",
        "boot boot-1\nterm\nend\n",
        "boot boot-1\nterm -1\nend\n",
        "boot boot-1\nterm 7\nterm 7\nend\n",
        "guest ct:100\nend\n",
        "boot boot-1\nterm 7\nguest ct:100 ct:101\nend\n",
        "boot boot-1\nterm 7\nend\nguest ct:100\n",
        "boot boot-1\nterm 7\nend\nend\n",
        "boot boot-1\nterm 7\n\nend\n",
    };
    char *path = arena_printf(w->arena, "/tmp/ha-test-note-%d", (int)getpid());
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        struct workers_guests read;
        uint64_t term = 0;
        struct error err = {0};
        assert_int_equal(file_replace(path, texts[i], strlen(texts[i]), 0600, &err), 0);
        assert_int_equal(service_note_read(w->arena, path, "boot-1", &read, &term, &err), -EBADMSG);
    }
    assert_int_equal(unlink(path), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(job_that_succeeds_gives_its_events_and_its_result),
        TEST(job_that_fails_gives_its_reason),
        TEST(worker_that_is_killed_counts_as_failed_to_run),
        TEST(worker_that_hangs_is_killed_and_counts_as_an_error),
        TEST(job_that_fails_gives_what_was_printed),
        TEST(worker_without_a_store_counts_as_failed_to_run),
        TEST(worker_acts_under_the_term_of_its_start),
        TEST(second_worker_of_a_service_is_refused),
        TEST(guest_that_ends_after_its_start_is_told),
        TEST(guest_that_is_stopped_by_order_is_not_told),
        TEST(guests_that_are_killed_are_proven_to_be_gone),
        TEST(very_many_guests_are_killed),
        TEST(guest_that_is_not_proven_to_be_gone_fails_it_all),
        TEST(guest_that_takes_too_long_fails_it_in_time),
        TEST(workers_that_run_die_with_all_others_and_have_no_result),
        TEST(second_order_waits_for_the_first),
        TEST(what_may_run_is_noted_for_the_next_process),
        TEST(note_that_is_not_whole_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
