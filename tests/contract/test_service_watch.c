// SPDX-License-Identifier: Apache-2.0
// The ends of units as the service manager tells them, over a real bus, heard by the process beside
// ha-lrm. In a machine of its own (in_node.sh).
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/host/host_clock.h"
#include "common/host/loop.h"
#include "common/host/unit_bus.h"
#include "common/model/guest.h"
#include "common/port/agent.h"
#include "common/port/clock.h"
#include "lrm/agents/agent_context.h"
#include "lrm/agents/service_agent.h"
#include "lrm/agents/unit.h"
#include "lrm/service_watch.h"
#include "tests/contract/fake_service_manager.h"
#include "tests/lib/test.h"

#define TEST_FOLDER  "/run/service-watch-test"
#define TEST_MANAGER TEST_FOLDER "/manager"

enum { TURN_MS = 200, TURNS_MAX = 100 };

struct fixture {
    struct arena *arena;
    struct agent *agent;
    struct guest *guest;
    struct loop *loop;
    struct clock clock;
    struct loop_source *timer;
    struct service_watch *watch;
    void (*end)(struct fixture *f); // how it comes to its end
    int turns;
    int told;
};

static bool has_units(const void *userdata, const char *type)
{
    (void)userdata;
    return strcmp(type, "unit") == 0;
}

static void ended(void *userdata, const char *sid)
{
    struct fixture *f = userdata;
    assert_string_equal(sid, "unit:" FAKE_UNIT);
    f->told++;
    loop_quit(f->loop, 0);
}

// It is started and ended, until that is told: when the watch begins to hear is not known.
static void turn(void *userdata)
{
    struct fixture *f = userdata;
    bool running = false;
    struct error err = {0};
    assert_true(f->turns++ < TURNS_MAX);
    assert_int_equal(f->agent->ops->check(f->agent, f->guest, &running, &err), 0);
    if (running) {
        f->end(f);
    } else {
        assert_int_equal(f->agent->ops->start(f->agent, f->guest, &err), 0);
    }
    loop_timer_set(f->timer, clock_now_ms(&f->clock) + TURN_MS);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->arena = arena_new();
    f->agent = unit_agent_new(&(struct agent_context){.node = "node1"});
    f->guest = guest_new(f->arena, "unit:" FAKE_UNIT, "node1");
    host_clock_init(&f->clock);
    assert_int_equal(loop_new(&f->loop, NULL), 0);
    f->timer = loop_add_timer(f->loop, turn, f);
    f->watch = service_watch_new(
        &(struct service_watch_spec){.loop = f->loop, .ended = ended, .userdata = f});
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    int r = f->agent->ops->kill(f->agent, f->guest->sid, 5000, NULL);
    service_watch_free(f->watch);
    loop_source_free(f->timer);
    loop_free(f->loop);
    service_agent_free(f->agent);
    arena_free(f->arena);
    free(f);
    return r;
}

static void wait_until_told(struct fixture *f)
{
    loop_timer_set(f->timer, clock_now_ms(&f->clock));
    assert_int_equal(loop_run(f->loop, NULL), 0);
    assert_int_equal(f->told, 1);
}

static void die(struct fixture *f)
{
    pid_t pid = unit_agent_init_pid(f->guest->sid);
    assert_true(pid > 0);
    assert_int_equal(kill(pid, SIGKILL), 0);
}

static void stop(struct fixture *f)
{
    struct unit_bus *bus CLEANUP(unit_bus_freep) = NULL;
    const char *result = NULL;
    assert_int_equal(unit_bus_open(&bus, 5000, NULL), 0);
    assert_int_equal(unit_bus_run(bus, f->arena, FAKE_UNIT, UNIT_JOB_STOP, 5000, &result, NULL), 0);
}

static void unit_that_dies_is_told(void **state)
{
    struct fixture *f = *state;
    f->end = die;
    service_watch_look(f->watch, has_units, f);
    wait_until_told(f);
}

static void unit_that_somebody_stops_is_told(void **state)
{
    struct fixture *f = *state;
    f->end = stop;
    service_watch_look(f->watch, has_units, f);
    service_watch_look(f->watch, has_units, f); // once more changes nothing
    wait_until_told(f);
}

int main(void)
{
    struct error err = {0};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(unit_that_dies_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(unit_that_somebody_stops_is_told, setup, teardown),
    };
    if (setenv("HA_MANAGER_RUN_DIR", TEST_FOLDER "/run", 1) < 0 || mkdir(TEST_FOLDER, 0755) < 0 ||
        fake_service_manager_start(TEST_MANAGER, &err) < 0) {
        (void)printf("1..0 # SKIP %s\n", err.text);
        return 0;
    }
    return cmocka_run_group_tests_name("service_watch", tests, NULL, NULL);
}
