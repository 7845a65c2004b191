// SPDX-License-Identifier: Apache-2.0
// Receivers of live moves in real processes, with an agent of the test's own: which offers are
// taken, what comes of them is told, and that nothing of a guest is received any more once there is
// a job for it, or everything is killed (INV-1, INV-5).
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/strbuf.h"
#include "common/host/host_clock.h"
#include "common/host/loop.h"
#include "common/model/event.h"
#include "common/model/timing.h"
#include "common/port/agent.h"
#include "common/port/clock.h"
#include "common/port/event_sink.h"
#include "lrm/host_workers.h"
#include "tests/lib/fake_store.h"
#include "tests/lib/test.h"

#define OFFER(target, id) "{\"target\":\"" target "\",\"id\":\"" id "\"}"

enum { TEST_TERM = 7, TRIES = 500, TRY_MS = 10 };

struct world {
    struct loop *loop;
    struct clock clock;
    struct timing timing;
    struct event_sink sink;
    struct strbuf events; // "name sid reason" each, with '|'
    struct fake_store *store;
    struct host_workers *workers;
    struct arena *arena;
    int wakes;
    bool may;
};

static struct store *worker_store; // what a worker gets, which is a copy of this process
static uint64_t worker_term;

static int fake_receive(struct agent *agent, const char *sid, struct error *err)
{
    (void)agent;
    while (strcmp(sid, "vm:200") == 0 && pause() < 0) { // for ever
    }
    return error_set(err, -ECANCELED, "not %s, under term %llu", sid,
                     (unsigned long long)worker_term);
}

static int fake_check(struct agent *agent, const struct guest *guest, bool *ret_running,
                      struct error *err)
{
    (void)agent;
    (void)guest;
    (void)err;
    *ret_running = true;
    return 0;
}

static int fake_kill(struct agent *agent, const char *sid, int64_t timeout_ms, struct error *err)
{
    (void)agent;
    (void)sid;
    (void)timeout_ms;
    (void)err;
    return 0;
}

static struct agent *open_agent(const struct host_worker_context *context, const char *type)
{
    static const struct agent_ops ops = {
        .check = fake_check, .kill = fake_kill, .receive = fake_receive};
    static struct agent agent = {.ops = &ops};
    worker_term = context->lease_term;
    return strcmp(type, "vm") == 0 ? &agent : NULL;
}

static int open_store(struct store **ret, struct error *err)
{
    (void)err;
    *ret = worker_store;
    return 0;
}

static void on_event(struct event_sink *sink, const struct event *event)
{
    struct world *w = (struct world *)(void *)((char *)sink - offsetof(struct world, sink));
    const char *sid = event_find(event, "sid");
    const char *reason = event_find(event, "reason");
    strbuf_appendf(&w->events, "%s %s %s|", event->name, sid != NULL ? sid : "-",
                   reason != NULL ? reason : "-");
}

static void on_ended(void *userdata)
{
    ((struct world *)userdata)->wakes++;
}

static void on_exit_of_guest(void *userdata, const char *sid)
{
    (void)userdata;
    (void)sid;
}

static int setup(void **state)
{
    static const struct event_sink_ops sink_ops = {.emit = on_event};
    struct world *w = calloc(1, sizeof(*w));
    struct error err = {0};
    assert_non_null(w);
    assert_int_equal(loop_new(&w->loop, &err), 0);
    host_clock_init(&w->clock);
    timing_get(TIMING_PROFILE_BALANCED, &w->timing);
    w->sink.ops = &sink_ops;
    w->arena = arena_new();
    w->store = fake_store_new();
    w->may = true;
    worker_store = fake_store_port(w->store);
    fake_store_put(w->store, "guest/vm:200",
                   "{\"sid\":\"vm:200\",\"node\":\"node1\",\"config\":{}}");
    const struct host_workers_spec spec = {
        .node = "node1",
        .timing = &w->timing,
        .loop = w->loop,
        .clock = &w->clock,
        .events = &w->sink,
        .agents = {.open = open_agent},
        .open_store = open_store,
        .group_prefix = arena_printf(w->arena, "ha-test-%d.", (int)getpid()),
        .ended = on_ended,
        .guest_exited = on_exit_of_guest,
        .userdata = w,
    };
    w->workers = host_workers_new(&spec);
    host_workers_set_term(w->workers, TEST_TERM);
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
    arena_free(w->arena);
    free(w);
    return 0;
}

static bool may_receive(void *userdata, const char *sid)
{
    (void)sid;
    return ((struct world *)userdata)->may;
}

static void look(struct world *w)
{
    host_workers_receive(w->workers, fake_store_port(w->store), may_receive, w);
}

static void wait_for_end(struct world *w)
{
    struct error err = {0};
    for (int before = w->wakes; w->wakes == before;) {
        assert_int_equal(loop_step(w->loop, &err), 0);
    }
}

// The processes of this test that receive.
static int receivers(struct world *w)
{
    const char *command = arena_printf(w->arena, "pgrep -c -x -P %d ha-receive", (int)getpid());
    FILE *pipe = popen(command, "re");
    int count = -1;
    assert_non_null(pipe);
    assert_int_equal(fscanf(pipe, "%d", &count), 1);
    (void)pclose(pipe); // its status only repeats the number
    return count;
}

// One that was begun has its name a moment later.
static void assert_one_receives(struct world *w)
{
    for (int i = 0; i < TRIES && receivers(w) != 1; i++) {
        (void)poll(NULL, 0, TRY_MS); // to let time pass
    }
    assert_int_equal(receivers(w), 1);
}

static void offer_to_this_node_is_taken_and_its_end_is_told(void **state)
{
    struct world *w = *state;
    fake_store_put(w->store, "live/move/vm:201", OFFER("node1", "a"));
    look(w);
    wait_for_end(w);
    assert_string_equal(strbuf_text(&w->events),
                        "move-not-received vm:201 not vm:201, under term 7|");
}

static void offer_is_taken_once(void **state)
{
    struct world *w = *state;
    fake_store_put(w->store, "live/move/vm:201", OFFER("node1", "a"));
    look(w);
    wait_for_end(w);
    look(w);
    assert_int_equal(receivers(w), 0);
    fake_store_put(w->store, "live/move/vm:201", OFFER("node1", "b"));
    look(w);
    wait_for_end(w); // another offer is another move
}

static void offers_that_are_not_taken_begin_nothing(void **state)
{
    struct world *w = *state;
    fake_store_put(w->store, "live/move/vm:200", OFFER("node2", "a")); // another node's
    fake_store_put(w->store, "live/move/vm:202", "{");
    fake_store_put(w->store, "live/move/nonsense", OFFER("node1", "a"));
    look(w);
    fake_store_put(w->store, "live/move/vm:200", OFFER("node1", "a"));
    w->may = false;
    look(w);
    w->may = true;
    host_workers_set_term(w->workers, 0); // no lease
    look(w);
    assert_int_equal(receivers(w), 0);
}

// It was only too early: the same offer is taken as soon as it may be.
static void offer_that_may_not_be_taken_yet_is_taken_later(void **state)
{
    struct world *w = *state;
    fake_store_put(w->store, "live/move/vm:200", OFFER("node1", "a"));
    w->may = false;
    look(w);
    assert_int_equal(receivers(w), 0);
    w->may = true;
    look(w);
    look(w);
    assert_one_receives(w);
}

static void job_for_the_guest_ends_its_receiver_first(void **state)
{
    struct world *w = *state;
    struct error err = {0};
    const struct job job = {.sid = "vm:200",
                            .uid = "u1",
                            .state = SVC_STATE_STARTED,
                            .timeout_s = SERVICE_TIMEOUT_NONE};
    fake_store_put(w->store, "live/move/vm:200", OFFER("node1", "a"));
    look(w);
    assert_one_receives(w);
    assert_int_equal(workers_spawn(host_workers_port(w->workers), &job, &err), 0);
    assert_int_equal(receivers(w), 0);
    wait_for_end(w);
}

static void kill_of_everything_ends_receivers(void **state)
{
    struct world *w = *state;
    const char *const sids[] = {"vm:200"};
    const struct workers_guests guests = {sids, 1};
    fake_store_put(w->store, "live/move/vm:200", OFFER("node1", "a"));
    look(w);
    assert_one_receives(w);
    workers_kill(host_workers_port(w->workers), &guests, clock_now_ms(&w->clock) + 5000);
    assert_int_equal(receivers(w), 0);
    const char *reason = NULL;
    wait_for_end(w);
    assert_int_equal(workers_look(host_workers_port(w->workers), w->arena, &reason),
                     WORKERS_KILLED_PROVEN);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(offer_to_this_node_is_taken_and_its_end_is_told),
        TEST(offer_is_taken_once),
        TEST(offers_that_are_not_taken_begin_nothing),
        TEST(offer_that_may_not_be_taken_yet_is_taken_later),
        TEST(job_for_the_guest_ends_its_receiver_first),
        TEST(kill_of_everything_ends_receivers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
