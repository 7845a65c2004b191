// SPDX-License-Identifier: Apache-2.0
// Which services are stopped when a node begins, and which are let alone.
#include <errno.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/strbuf.h"
#include "common/model/event.h"
#include "common/model/guest.h"
#include "common/port/agent.h"
#include "common/port/event_sink.h"
#include "lrm/stray_guard.h"
#include "tests/lib/fake_store.h"
#include "tests/lib/fixture.h"

struct bench {
    struct agent agent; // first
    struct event_sink sink;
    struct strbuf log;
    bool running, sick, stubborn;
};

static int bench_check(struct agent *agent, const struct guest *guest, bool *ret_running,
                       struct error *err)
{
    (void)guest;
    (void)err;
    *ret_running = ((struct bench *)agent)->running;
    return 0;
}

static int bench_health(struct agent *agent, const struct guest *guest, struct error *err)
{
    (void)guest;
    return ((struct bench *)agent)->sick ? error_set(err, -EIO, "ill") : 0;
}

static int bench_stop(struct agent *agent, const struct guest *guest, int64_t timeout_s,
                      struct error *err)
{
    struct bench *bench = (struct bench *)agent;
    (void)timeout_s;
    strbuf_appendf(&bench->log, "stop(%s) ", guest->sid);
    return bench->stubborn ? error_set(err, -EBUSY, "it clings") : 0;
}

static struct agent *bench_agent_for(void *userdata, const char *type)
{
    struct bench *bench = userdata;
    return strcmp(type, "unit") == 0 ? &bench->agent : NULL;
}

static void bench_emit(struct event_sink *sink, const struct event *event)
{
    struct bench *bench = (struct bench *)(void *)((char *)sink - offsetof(struct bench, sink));
    strbuf_appendf(&bench->log, "+%s ", event->name);
}

#define GUEST(sid, node) "{\"sid\":\"" sid "\",\"node\":\"" node "\",\"config\":{}}"

static void strays_are_stopped_and_nothing_else(void **state)
{
    static const struct agent_ops ops = {
        .check = bench_check, .health = bench_health, .stop = bench_stop};
    static const struct event_sink_ops sink_ops = {bench_emit};
    static const struct {
        const char *name, *place, *resource, *manager;
        bool running, sick, stubborn;
        int refresh;
        const char *log;
    } rows[] = {
        {"stray", "node2", "unit: a.service\n\n", "{}", true, false, false, 0,
         "stop(unit:a.service) +stray-stopped "},
        {"cannot be stopped", "node2", "unit: a.service\n\n", "{}", true, false, true, 0,
         "stop(unit:a.service) +stray-stays "},
        {"at its place", "node1", "unit: a.service\n\n", "{}", true, false, false, 0, ""},
        {"does not run", "node2", "unit: a.service\n\n", "{}", false, false, false, 0, ""},
        {"does not work", "node2", "unit: a.service\n\n", "{}", true, true, false, 0, ""},
        {"not under HA", "node2", NULL, "{}", true, false, false, 0, ""},
        {"ignored", "node2", "unit: a.service\n\tstate ignored\n\n", "{}", true, false, false, 0,
         ""},
        {"no master yet", "node2", "unit: a.service\n\n", NULL, true, false, false, 0, ""},
        {"places may be old", "node2", "unit: a.service\n\n", "{}", true, false, false, -EHOSTDOWN,
         ""},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct bench bench = {.agent = {.ops = &ops}, .sink = {.ops = &sink_ops}};
        struct fake_store *store = fake_store_new();
        struct error err = {0};
        bench.running = rows[i].running;
        bench.sick = rows[i].sick;
        bench.stubborn = rows[i].stubborn;
        fake_store_put(store, "guest/unit:a.service",
                       strcmp(rows[i].place, "node1") == 0 ? GUEST("unit:a.service", "node1")
                                                           : GUEST("unit:a.service", "node2"));
        fake_store_put(store, "guest/ct:100", GUEST("ct:100", "node2"));
        fake_store_put(store, "resource/unit:a.service", rows[i].resource);
        fake_store_put(store, "resource/ct:100", "ct: 100\n\n");
        fake_store_put(store, "manager/status", rows[i].manager);
        fake_store_fail(store, rows[i].refresh, 0, 0);
        const struct stray_guard_spec spec = {.node = "node1",
                                              .store = fake_store_port(store),
                                              .events = &bench.sink,
                                              .agent_for = bench_agent_for,
                                              .userdata = &bench};
        fixture_row(rows[i].name, stray_guard_run(*state, &spec, &err) == rows[i].refresh);
        if (strcmp(strbuf_text(&bench.log), rows[i].log) != 0) {
            fail_msg("row '%s': '%s'", rows[i].name, strbuf_text(&bench.log));
        }
        strbuf_done(&bench.log);
        fake_store_free(store);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(strays_are_stopped_and_nothing_else),
    };
    return cmocka_run_group_tests_name("stray_guard", tests, NULL, NULL);
}
