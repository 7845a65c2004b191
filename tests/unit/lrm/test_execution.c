// SPDX-License-Identifier: Apache-2.0
// Every verb over a fake agent: what is done, what is told, which code comes out.
#include <errno.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/strbuf.h"
#include "common/model/event.h"
#include "common/model/guest.h"
#include "common/model/probe.h"
#include "common/port/agent.h"
#include "common/port/event_sink.h"
#include "common/port/store.h"
#include "common/port/workers.h"
#include "lrm/execution.h"
#include "tests/lib/fake_store.h"
#include "tests/lib/fixture.h"

// One world for a job: an agent, a store and a list of what happened.
struct bench {
    struct agent agent; // first
    struct event_sink sink;
    struct arena *arena;
    struct fake_store *store;
    struct strbuf log; // verbs and events, in order
    bool running;
    int check_fails_after; // the n-th check fails; 0: none
    int checks;
    bool sick, sick_for_ever;
    int ping; // what its inside answers
    int64_t limit_ms;
    bool start_fails, start_lies, stop_fails, stop_lies, move_fails, move_lies;
    int64_t timeout_s;
    struct execution_notes notes;
};

static struct bench *bench_of_sink(struct event_sink *sink)
{
    return (struct bench *)((char *)sink - offsetof(struct bench, sink));
}

static void bench_log(struct bench *bench, const char *word)
{
    strbuf_appendf(&bench->log, "%s%s", bench->log.size_bytes > 0 ? " " : "", word);
}

static void bench_emit(struct event_sink *sink, const struct event *event)
{
    struct bench *bench = bench_of_sink(sink);
    bench_log(bench, arena_printf(bench->arena, "+%s", event->name));
}

static int bench_check(struct agent *agent, const struct guest *guest, bool *ret_running,
                       struct error *err)
{
    struct bench *bench = (struct bench *)agent;
    assert_string_equal(guest->sid, "ct:100");
    if (++bench->checks == bench->check_fails_after) {
        return error_set(err, -EIO, "cannot look");
    }
    *ret_running = bench->running;
    return 0;
}

static int bench_start(struct agent *agent, const struct guest *guest, struct error *err)
{
    struct bench *bench = (struct bench *)agent;
    (void)guest;
    bench_log(bench, "start");
    if (bench->start_fails) {
        return error_set(err, -EBUSY, "does not want to");
    }
    bench->running = !bench->start_lies;
    bench->sick = bench->sick_for_ever;
    return 0;
}

static int bench_health(struct agent *agent, const struct guest *guest, struct error *err)
{
    struct bench *bench = (struct bench *)agent;
    (void)guest;
    agent->output = bench->sick ? "cough\ncough" : NULL;
    return bench->sick ? error_set(err, -EIO, "it has a cold") : 0;
}

static int bench_probe(struct arena *arena, const struct probe *probe, const char *sid,
                       int64_t timeout_ms, struct error *err)
{
    (void)arena;
    assert_int_equal(probe->kind, PROBE_TCP);
    assert_string_equal(sid, "ct:100");
    assert_int_equal(timeout_ms, 7000);
    return probe->port == 81 ? error_set(err, -ECONNREFUSED, "nobody there") : 0;
}

static int bench_ping(struct agent *agent, const struct guest *guest, int64_t timeout_ms,
                      struct error *err)
{
    struct bench *bench = (struct bench *)agent;
    assert_string_equal(guest->sid, "ct:100");
    assert_int_equal(timeout_ms, 7000);
    return bench->ping < 0 ? error_set(err, bench->ping, "not a word") : 0;
}

static int64_t bench_limit_ms(struct agent *agent, const struct guest *guest)
{
    (void)agent;
    assert_string_equal(guest->sid, "ct:100");
    return 4711;
}

static void bench_limit(void *userdata, int64_t limit_ms)
{
    ((struct bench *)userdata)->limit_ms = limit_ms;
}

static int bench_stop(struct agent *agent, const struct guest *guest, int64_t timeout_s,
                      struct error *err)
{
    struct bench *bench = (struct bench *)agent;
    (void)guest;
    bench_log(bench, "stop");
    bench->timeout_s = timeout_s;
    if (bench->stop_fails) {
        return error_set(err, -EIO, "hangs on");
    }
    bench->running = bench->stop_lies;
    return 0;
}

static void bench_place(struct bench *bench, const char *node)
{
    struct guest *guest = guest_new(bench->arena, "ct:100", node);
    fake_store_put(bench->store, "guest/ct:100", guest_format(bench->arena, guest));
}

static int bench_move(struct agent *agent, const struct guest *guest, const char *target,
                      bool online, struct error *err)
{
    struct bench *bench = (struct bench *)agent;
    (void)guest;
    bench_log(bench, online ? "move(online)" : "move");
    if (bench->move_fails) {
        return error_set(err, -EIO, "no way");
    }
    if (!bench->move_lies) {
        bench_place(bench, target);
        bench->running = false;
    }
    return 0;
}

static int bench_kill(struct agent *agent, const char *sid, int64_t timeout_ms, struct error *err)
{
    struct bench *bench = (struct bench *)agent;
    assert_string_equal(sid, "ct:100");
    bench_log(bench, "kill");
    bench->timeout_s = timeout_ms / 1000;
    return bench->stop_fails ? error_set(err, -EIO, "hangs on") : 0;
}

static struct agent *bench_agent_for(void *userdata, const char *type)
{
    struct bench *bench = userdata;
    return strcmp(type, "ct") == 0 ? &bench->agent : NULL;
}

static void bench_init(struct bench *bench)
{
    static const struct agent_ops agent_ops = {.check = bench_check,
                                               .health = bench_health,
                                               .ping = bench_ping,
                                               .limit_ms = bench_limit_ms,
                                               .start = bench_start,
                                               .stop = bench_stop,
                                               .kill = bench_kill,
                                               .move = bench_move};
    static const struct event_sink_ops sink_ops = {bench_emit};
    *bench = (struct bench){.agent = {.ops = &agent_ops}, .sink = {&sink_ops}};
    bench->arena = arena_new();
    bench->store = fake_store_new();
    bench_place(bench, "alpha");
    // A neighbour whose key begins alike.
    struct guest *other = guest_new(bench->arena, "ct:1000", "beta");
    fake_store_put(bench->store, "guest/ct:1000", guest_format(bench->arena, other));
}

static void bench_done(struct bench *bench)
{
    strbuf_done(&bench->log);
    fake_store_free(bench->store);
    arena_free(bench->arena);
}

static enum lrm_code bench_run(struct bench *bench, struct job job, bool accept_moved,
                               const char **ret_reason)
{
    const struct execution_ports ports = {.store = fake_store_port(bench->store),
                                          .events = &bench->sink,
                                          .accept_moved = accept_moved,
                                          .notes = &bench->notes,
                                          .probe = bench_probe,
                                          .limit = bench_limit,
                                          .agent_for = bench_agent_for,
                                          .userdata = bench};
    job.sid = job.sid != NULL ? job.sid : "ct:100";
    job.uid = "u";
    return execution_run(bench->arena, "alpha", &job, &ports, ret_reason);
}

static void away(struct bench *b)
{
    bench_place(b, "beta");
}

static void gone(struct bench *b)
{
    fake_store_put(b->store, "guest/ct:100", NULL);
}

static void broken(struct bench *b)
{
    fake_store_put(b->store, "guest/ct:100", "{");
}

static void running(struct bench *b)
{
    b->running = true;
}

static void sick(struct bench *b)
{
    b->running = true;
    b->sick = true;
}

static void sick_for_ever(struct bench *b)
{
    sick(b);
    b->sick_for_ever = true;
}

static void sick_from_the_start(struct bench *b)
{
    b->sick_for_ever = true;
}

static void sick_and_unstoppable(struct bench *b)
{
    sick(b);
    b->stop_fails = true;
}

static void sick_without_quorum(struct bench *b)
{
    sick(b);
    fake_store_fail(b->store, -EHOSTDOWN, 0, 0);
}

static void unsure(struct bench *b)
{
    b->check_fails_after = 1;
}

static void unsure_after(struct bench *b)
{
    b->check_fails_after = 2;
}

static void running_unsure_after(struct bench *b)
{
    b->running = true;
    b->check_fails_after = 2;
}

static void start_fails(struct bench *b)
{
    b->start_fails = true;
}

static void start_lies(struct bench *b)
{
    b->start_lies = true;
}

static void stop_fails(struct bench *b)
{
    b->running = true;
    b->stop_fails = true;
}

static void stop_lies(struct bench *b)
{
    b->running = true;
    b->stop_lies = true;
}

static void move_fails(struct bench *b)
{
    b->move_fails = true;
}

static void move_lies(struct bench *b)
{
    b->move_lies = true;
}

static void away_and_running(struct bench *b)
{
    bench_place(b, "beta");
    b->running = true;
}

static int bench_receive(struct agent *agent, const char *sid, struct error *err)
{
    (void)agent;
    return error_set(err, -ENOTSUP, "nothing comes here: '%s'", sid);
}

// A live move gave it away, and the worker died before it had ended the rest of it.
static void given_away_and_there(struct bench *b)
{
    static const struct agent_ops ops = {
        .check = bench_check, .kill = bench_kill, .receive = bench_receive};
    b->agent.ops = &ops;
    away_and_running(b);
}

static void no_quorum(struct bench *b)
{
    fake_store_fail(b->store, -EHOSTDOWN, 0, 0);
}

static void no_quorum_running(struct bench *b)
{
    b->running = true;
    no_quorum(b);
}

static void unreadable(struct bench *b)
{
    fake_store_fail(b->store, 0, -EIO, 0);
}

struct row {
    const char *name;
    void (*world)(struct bench *bench);
    enum svc_state state;
    const char *target;
    bool accept_moved;
    enum lrm_code code;
    const char *log;
};

static const struct row rows[] = {
    {"start: runs already", running, SVC_STATE_STARTED, NULL, false, LRM_CODE_SUCCESS, ""},
    {"start: runs and does not work", sick, SVC_STATE_STARTED, NULL, false, LRM_CODE_SUCCESS,
     "+unhealthy +stop stop +stopped +start start +started"},
    {"start: never works", sick_for_ever, SVC_STATE_STARTED, NULL, false, LRM_CODE_ERROR,
     "+unhealthy +stop stop +stopped +start start +start-failed"},
    {"start: comes up and does not work", sick_from_the_start, SVC_STATE_STARTED, NULL, false,
     LRM_CODE_ERROR, "+start start +start-failed"},
    {"start: does not work, cannot be stopped", sick_and_unstoppable, SVC_STATE_STARTED, NULL,
     false, LRM_CODE_ERROR, "+unhealthy +stop stop +stop-failed"},
    {"start: does not work, could not be started", sick_without_quorum, SVC_STATE_STARTED, NULL,
     false, LRM_CODE_SUCCESS, ""},
    {"start: works", NULL, SVC_STATE_STARTED, NULL, false, LRM_CODE_SUCCESS,
     "+start start +started"},
    {"start: fails", start_fails, SVC_STATE_STARTED, NULL, false, LRM_CODE_ERROR,
     "+start start +start-failed"},
    {"start: claims to have worked", start_lies, SVC_STATE_STARTED, NULL, false, LRM_CODE_ERROR,
     "+start start +start-failed"},
    {"start: not proved afterwards", unsure_after, SVC_STATE_STARTED, NULL, false, LRM_CODE_ERROR,
     "+start start +start-failed"},
    {"start: cannot be told whether it runs", unsure, SVC_STATE_STARTED, NULL, false,
     LRM_CODE_ERROR, "+start-failed"},
    {"start: place not certain", no_quorum, SVC_STATE_STARTED, NULL, false, LRM_CODE_ERROR,
     "+start +start-failed"},
    {"start: elsewhere", away, SVC_STATE_STARTED, NULL, true, LRM_CODE_WRONG_NODE, "+wrong-node"},
    {"start: no such guest", gone, SVC_STATE_STARTED, NULL, false, LRM_CODE_UNKNOWN_SERVICE, ""},
    {"start: broken definition", broken, SVC_STATE_STARTED, NULL, false, LRM_CODE_FAILED_TO_RUN,
     ""},
    {"start: store away", unreadable, SVC_STATE_STARTED, NULL, false, LRM_CODE_FAILED_TO_RUN, ""},
    {"stop: does not run", NULL, SVC_STATE_REQUEST_STOP, NULL, false, LRM_CODE_SUCCESS, ""},
    {"stop: works", running, SVC_STATE_REQUEST_STOP, NULL, false, LRM_CODE_SUCCESS,
     "+stop stop +stopped"},
    {"stop: fails", stop_fails, SVC_STATE_REQUEST_STOP, NULL, false, LRM_CODE_ERROR,
     "+stop stop +stop-failed"},
    {"stop: claims to have worked", stop_lies, SVC_STATE_REQUEST_STOP, NULL, false, LRM_CODE_ERROR,
     "+stop stop +stop-failed"},
    {"stop: not proved afterwards", running_unsure_after, SVC_STATE_REQUEST_STOP, NULL, false,
     LRM_CODE_ERROR, "+stop stop +stop-failed"},
    {"stop: cannot be told whether it runs", unsure, SVC_STATE_REQUEST_STOP, NULL, false,
     LRM_CODE_SUCCESS, "+stop stop +stopped"},
    {"stop: without quorum", no_quorum_running, SVC_STATE_REQUEST_STOP, NULL, false,
     LRM_CODE_SUCCESS, "+stop stop +stopped"},
    {"stopped: runs", running, SVC_STATE_STOPPED, NULL, false, LRM_CODE_SUCCESS,
     "+stop stop +stopped"},
    {"migrate: live", running, SVC_STATE_MIGRATE, "beta", false, LRM_CODE_SUCCESS, "move(online)"},
    {"relocate: offline", running, SVC_STATE_RELOCATE, "beta", false, LRM_CODE_SUCCESS, "move"},
    {"relocate: fails", move_fails, SVC_STATE_RELOCATE, "beta", false, LRM_CODE_ERROR,
     "move +move-failed"},
    {"relocate: place is still here", move_lies, SVC_STATE_RELOCATE, "beta", false, LRM_CODE_ERROR,
     "move +move-failed"},
    {"relocate: no target", NULL, SVC_STATE_RELOCATE, NULL, false, LRM_CODE_FAILED_TO_RUN,
     "+move-failed"},
    {"relocate: to here", NULL, SVC_STATE_RELOCATE, "alpha", false, LRM_CODE_SUCCESS, ""},
    {"relocate: place not certain", no_quorum, SVC_STATE_RELOCATE, "beta", false, LRM_CODE_ERROR,
     "+move-failed"},
    {"relocate: cannot be told whether it runs", unsure, SVC_STATE_RELOCATE, "beta", false,
     LRM_CODE_ERROR, "+move-failed"},
    {"relocate: arrived, as the reference answers", away, SVC_STATE_RELOCATE, "beta", false,
     LRM_CODE_WRONG_NODE, "+wrong-node"},
    {"relocate: arrived, by a worker that died", away, SVC_STATE_RELOCATE, "beta", true,
     LRM_CODE_SUCCESS, ""},
    {"relocate: arrived, but runs here", away_and_running, SVC_STATE_RELOCATE, "beta", true,
     LRM_CODE_WRONG_NODE, "+wrong-node"},
    {"migrate: given away, its rest is here", given_away_and_there, SVC_STATE_MIGRATE, "beta", true,
     LRM_CODE_SUCCESS, "kill"},
    {"migrate: given to another, its rest is here", given_away_and_there, SVC_STATE_MIGRATE,
     "gamma", true, LRM_CODE_WRONG_NODE, "+wrong-node"},
    {"relocate: arrived elsewhere", away, SVC_STATE_RELOCATE, "gamma", true, LRM_CODE_WRONG_NODE,
     "+wrong-node"},
    {"balance: stopped guest", NULL, SVC_STATE_REQUEST_START_BALANCE, "beta", false,
     LRM_CODE_SUCCESS, "move"},
    {"balance: runs already", running, SVC_STATE_REQUEST_START_BALANCE, "beta", false,
     LRM_CODE_IGNORED, "+move-ignored"},
    {"error", running, SVC_STATE_ERROR, NULL, false, LRM_CODE_SUCCESS, "+service-in-error"},
    {"no job for the state", NULL, SVC_STATE_FREEZE, NULL, false, LRM_CODE_UNKNOWN_COMMAND, ""},
};

static void each_row_ends_as_documented(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct bench bench;
        const char *reason = "unset";
        bench_init(&bench);
        if (rows[i].world != NULL) {
            rows[i].world(&bench);
        }
        const struct job job = {
            .state = rows[i].state, .target = rows[i].target, .timeout_s = SERVICE_TIMEOUT_NONE};
        enum lrm_code code = bench_run(&bench, job, rows[i].accept_moved, &reason);
        if (strcmp(strbuf_text(&bench.log), rows[i].log) != 0) {
            fail_msg("row '%s': '%s' instead of '%s'", rows[i].name, strbuf_text(&bench.log),
                     rows[i].log);
        }
        fixture_row(rows[i].name, code == rows[i].code);
        bool explained = code != LRM_CODE_SUCCESS && code != LRM_CODE_IGNORED;
        fixture_row(rows[i].name, (reason != NULL) == explained);
        bench_done(&bench);
    }
}

static void failed_verb_gives_what_it_printed_and_its_time(void **state)
{
    (void)state;
    struct bench bench;
    const char *reason = NULL;
    bench_init(&bench);
    sick_for_ever(&bench);
    const struct job job = {.state = SVC_STATE_STARTED, .timeout_s = SERVICE_TIMEOUT_NONE};
    assert_int_equal(bench_run(&bench, job, false, &reason), LRM_CODE_ERROR);
    assert_string_equal(reason, "it has a cold");
    assert_string_equal(bench.notes.output, "cough\ncough");
    assert_int_equal(bench.limit_ms, 4711);
    bench_done(&bench);
}

static void probe_that_fails_is_told_and_heals_when_that_is_due(void **state)
{
    static const struct {
        const char *name;
        const char *port;
        bool heal;
        enum job_probe probe;
        bool restarted;
        const char *log;
    } probes[] = {
        {"works", "80", true, JOB_PROBE_GOOD, false, ""},
        {"fails", "81", false, JOB_PROBE_BAD, false, "+probe-failed"},
        {"fails too often", "81", true, JOB_PROBE_NONE, true,
         "+unhealthy +stop stop +stopped +start start +started"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(probes); i++) {
        struct bench bench;
        const char *reason = NULL;
        bench_init(&bench);
        bench.running = true;
        const char *resource = arena_printf(
            bench.arena, "ct: 100\n\tprobe tcp:web:%s\n\tprobe_timeout 7\n\n", probes[i].port);
        fake_store_put(bench.store, "resource/ct:100", resource);
        const struct job job = {
            .state = SVC_STATE_STARTED, .timeout_s = SERVICE_TIMEOUT_NONE, .heal = probes[i].heal};
        fixture_row(probes[i].name, bench_run(&bench, job, false, &reason) == LRM_CODE_SUCCESS);
        fixture_row(probes[i].name, strcmp(strbuf_text(&bench.log), probes[i].log) == 0);
        fixture_row(probes[i].name, bench.notes.probe == probes[i].probe);
        fixture_row(probes[i].name, bench.notes.restarted == probes[i].restarted);
        bench_done(&bench);
    }
}

static void agent_inside_that_is_silent_is_a_probe_that_fails(void **state)
{
    static const struct {
        const char *name;
        int ping;
        bool heal;
        enum job_probe probe;
        bool restarted;
        const char *words;
        const char *log;
    } pings[] = {
        {"answers", 0, true, JOB_PROBE_GOOD, false, NULL, ""},
        {"is silent", -ETIMEDOUT, false, JOB_PROBE_BAD, false, "not a word", "+probe-failed"},
        {"is silent too often", -ETIMEDOUT, true, JOB_PROBE_NONE, true, NULL,
         "+unhealthy +stop stop +stopped +start start +started"},
        {"boots", -EAGAIN, true, JOB_PROBE_NONE, false, "not a word", ""},
        {"is not there", -ENOTSUP, true, JOB_PROBE_NONE, false, "not a word", ""},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(pings); i++) {
        struct bench bench;
        const char *reason = NULL;
        bench_init(&bench);
        bench.running = true;
        bench.ping = pings[i].ping;
        // What stands in it of the type is not looked at again.
        fake_store_put(bench.store, "resource/ct:100",
                       "vm: 100\n\tprobe agent\n\tprobe_timeout 7\n\n");
        const struct job job = {
            .state = SVC_STATE_STARTED, .timeout_s = SERVICE_TIMEOUT_NONE, .heal = pings[i].heal};
        fixture_row(pings[i].name, bench_run(&bench, job, false, &reason) == LRM_CODE_SUCCESS);
        fixture_row(pings[i].name, strcmp(strbuf_text(&bench.log), pings[i].log) == 0);
        fixture_row(pings[i].name, bench.notes.probe == pings[i].probe);
        fixture_row(pings[i].name, bench.notes.restarted == pings[i].restarted);
        fixture_row(pings[i].name, !pings[i].restarted || bench.timeout_s == 20);
        const char *words = bench.notes.probe_words;
        fixture_row(pings[i].name, (words == NULL) == (pings[i].words == NULL));
        fixture_row(pings[i].name, words == NULL || strcmp(words, pings[i].words) == 0);
        bench_done(&bench);
    }
}

static void type_without_agent_has_its_own_code(void **state)
{
    (void)state;
    struct bench bench;
    const char *reason = NULL;
    bench_init(&bench);
    const struct job job = {.sid = "xy:100", .state = SVC_STATE_STARTED};
    assert_int_equal(bench_run(&bench, job, false, &reason), LRM_CODE_UNKNOWN_TYPE);
    bench_done(&bench);
}

static void stop_passes_its_timeout_on(void **state)
{
    static const int64_t rows_s[][2] = {{0, 0}, {17, 17}, {SERVICE_TIMEOUT_NONE, 60}};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows_s); i++) {
        struct bench bench;
        const char *reason = NULL;
        bench_init(&bench);
        bench.running = true;
        const struct job job = {.state = SVC_STATE_REQUEST_STOP, .timeout_s = rows_s[i][0]};
        assert_int_equal(bench_run(&bench, job, false, &reason), LRM_CODE_SUCCESS);
        assert_int_equal(bench.timeout_s, rows_s[i][1]);
        bench_done(&bench);
    }
}

// An ha-lrm that ends stops all that is here; what has moved away meanwhile is not here, and must
// not count as one that cannot be stopped: else the node is reset instead of shut down.
static void own_stop_of_a_guest_that_moved_away_is_done_when_nothing_runs_here(void **state)
{
    static const struct {
        bool running, accept_moved;
        const char *uid;
        enum lrm_code code;
    } own_rows[] = {
        {false, true, NULL, LRM_CODE_SUCCESS},
        {true, true, NULL, LRM_CODE_WRONG_NODE},
        {false, true, "u", LRM_CODE_WRONG_NODE},
        {false, false, NULL, LRM_CODE_WRONG_NODE},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(own_rows); i++) {
        struct bench bench;
        bench_init(&bench);
        away(&bench);
        bench.running = own_rows[i].running;
        const struct execution_ports ports = {.store = fake_store_port(bench.store),
                                              .events = &bench.sink,
                                              .accept_moved = own_rows[i].accept_moved,
                                              .agent_for = bench_agent_for,
                                              .userdata = &bench};
        const struct job job = {
            .sid = "ct:100", .uid = own_rows[i].uid, .state = SVC_STATE_REQUEST_STOP};
        const char *reason = NULL;
        enum lrm_code code = execution_run(bench.arena, "alpha", &job, &ports, &reason);
        print_message("# row %zu\n", i);
        assert_int_equal(code, own_rows[i].code);
        bench_done(&bench);
    }
}

static void cannot_be_killed(struct bench *b)
{
    b->running = true;
    b->stop_fails = true;
}

// Wherever its place is, and whether it is known at all.
static void kill_ends_what_is_left_here(void **state)
{
    static const struct {
        const char *name;
        void (*prepare)(struct bench *b);
        const char *log;
        enum lrm_code code;
    } kill_rows[] = {
        {"runs, though elsewhere", away_and_running, "kill +stray-killed", LRM_CODE_SUCCESS},
        {"does not run", away, "kill", LRM_CODE_SUCCESS},
        {"no definition", gone, "kill", LRM_CODE_SUCCESS},
        {"cannot be looked at", unsure, "kill", LRM_CODE_SUCCESS},
        {"unreadable", broken, "kill", LRM_CODE_SUCCESS},
        {"cannot be killed", cannot_be_killed, "kill", LRM_CODE_ERROR}};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(kill_rows); i++) {
        struct bench bench;
        bench_init(&bench);
        kill_rows[i].prepare(&bench);
        const struct job job = {.state = SVC_STATE_REQUEST_STOP, .timeout_s = 9, .kill = true};
        const char *reason = NULL;
        enum lrm_code code = bench_run(&bench, job, true, &reason);
        fixture_row(kill_rows[i].name, code == kill_rows[i].code);
        fixture_row(kill_rows[i].name, strcmp(strbuf_text(&bench.log), kill_rows[i].log) == 0);
        fixture_row(kill_rows[i].name, (reason != NULL) == (code != LRM_CODE_SUCCESS));
        fixture_row(kill_rows[i].name, bench.timeout_s == 9);
        bench_done(&bench);
    }
    struct bench bench;
    bench_init(&bench);
    const char *reason = NULL;
    const struct job job = {.sid = "xy:1", .state = SVC_STATE_REQUEST_STOP, .kill = true};
    assert_int_equal(bench_run(&bench, job, true, &reason), LRM_CODE_SUCCESS);
    bench_done(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_row_ends_as_documented),
        cmocka_unit_test(own_stop_of_a_guest_that_moved_away_is_done_when_nothing_runs_here),
        cmocka_unit_test(type_without_agent_has_its_own_code),
        cmocka_unit_test(failed_verb_gives_what_it_printed_and_its_time),
        cmocka_unit_test(probe_that_fails_is_told_and_heals_when_that_is_due),
        cmocka_unit_test(agent_inside_that_is_silent_is_a_probe_that_fails),
        cmocka_unit_test(stop_passes_its_timeout_on),
        cmocka_unit_test(kill_ends_what_is_left_here),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
