// SPDX-License-Identifier: Apache-2.0
// The live fence port with a real ha-clusterd and small scripts as agents: orders run beside each
// other, their results are what the devices said, secrets come from the store; and the trials that
// the master makes.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/strbuf.h"
#include "common/host/cluster_client.h"
#include "common/host/fence_trial.h"
#include "common/host/file.h"
#include "common/host/loop.h"
#include "common/model/event.h"
#include "common/model/fence_config.h"
#include "common/model/store_keys.h"
#include "common/port/event_sink.h"
#include "common/port/fence.h"
#include "common/port/store.h"
#include "crm/host_fence.h"
#include "tests/lib/clusterd_fixture.h"
#include "tests/lib/test.h"

enum { TURNS_MAX = 2000 };

struct fixture {
    struct clusterd_fixture *clusterd;
    struct arena *arena;
    char *folder; // of agents
    struct loop *loop;
    struct cluster_client *client;
    struct host_fence *fence;
    struct event_sink sink; // its place tells the fixture
    struct strbuf events;
    int results;
    struct fence_results collected;
};

static struct fixture *the_fixture(struct event_sink *sink)
{
    return (struct fixture *)(void *)((char *)sink - offsetof(struct fixture, sink));
}

static void sink_emit(struct event_sink *sink, const struct event *event)
{
    struct fixture *f = the_fixture(sink);
    const char *reason = event_find(event, "reason");
    strbuf_appendf(&f->events, "%s %s %s %s %s\n", event->name, event_level_to_string(event->level),
                   event_find(event, "device"), event_find(event, "result"),
                   reason != NULL ? reason : "-");
}

static const struct event_sink_ops sink_ops = {.emit = sink_emit};

static void on_result(void *userdata)
{
    ((struct fixture *)userdata)->results++;
}

static void on_changed(void *userdata)
{
    (void)userdata; // the tests look by themselves
}

static int setup(void **state)
{
    static const char *const prefixes[] = {"config/", NULL};
    void *clusterd = NULL;
    assert_int_equal(clusterd_fixture_setup(&clusterd), 0);
    struct arena *arena = arena_new();
    struct fixture *f = arena_new_of(arena, struct fixture);
    f->clusterd = clusterd;
    f->arena = arena;
    f->folder = arena_strdup(arena, "/tmp/host-fence.XXXXXX");
    f->sink.ops = &sink_ops;
    assert_non_null(mkdtemp(f->folder));
    assert_int_equal(setenv("HA_MANAGER_FENCE_DIR", f->folder, 1), 0);
    assert_int_equal(loop_new(&f->loop, NULL), 0);
    f->client = cluster_client_new(f->loop, "n1", prefixes, on_changed, f);
    f->fence = host_fence_new(f->loop, f->client, on_result, f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    void *clusterd = f->clusterd;
    static const char *const files[] = {"fence_test", "fence_hang", "seen"};
    host_fence_free(f->fence);
    cluster_client_free(f->client);
    loop_free(f->loop);
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        (void)unlink(arena_printf(f->arena, "%s/%s", f->folder, files[i]));
    }
    (void)rmdir(f->folder);
    strbuf_done(&f->events);
    arena_free(f->arena);
    return clusterd_fixture_teardown(&clusterd);
}

static void agent_is(struct fixture *f, const char *agent, const char *script)
{
    const char *text = arena_printf(f->arena, "#!/bin/sh\nD=%s\n%s\n", f->folder, script);
    const char *path = arena_printf(f->arena, "%s/%s", f->folder, agent);
    assert_int_equal(file_replace(path, text, strlen(text), 0755, NULL), 0);
}

#define SWITCHES                                                                                   \
    "read line; [ $line = action=off ] && { cat >$D/seen; echo switched; exit 0; }; echo is off; exit 2"

static const struct fence_device *device_of(struct fixture *f, const char *name, const char *agent)
{
    struct fence_device *device = fence_device_new(f->arena, name);
    device->agent = agent;
    device->timeout_s = 1;
    map_put(&device->nodes, "n2", arena_strdup(f->arena, "p2"));
    map_put(&device->nodes, "n3", NULL);
    return device;
}

// Collects until that many results have come.
static void results_wait(struct fixture *f, int count)
{
    for (int i = 0; i < TURNS_MAX && f->results < count; i++) {
        assert_int_equal(loop_step(f->loop, NULL), 0);
    }
    assert_int_equal(f->results, count);
    fence_collect(host_fence_port(f->fence), f->arena, &f->collected);
}

static void store_put(struct fixture *f, const char *key, const char *value)
{
    struct cluster_client *client CLEANUP(cluster_client_freep) = NULL;
    struct error err = {0};
    const struct store_op op = {
        .key = key, .value = value, .size_bytes = strlen(value), .expect = STORE_ANY};
    const struct store_txn txn = {.ops = &op, .count = 1};
    (void)f;
    assert_int_equal(cluster_client_connect(&client, &err), 0);
    if (store_commit(cluster_client_store(client), &txn, NULL, &err) < 0) {
        fail_msg("%s", err.text);
    }
}

static void order_is_carried_out_with_its_secrets(void **state)
{
    struct fixture *f = *state;
    agent_is(f, "fence_test", SWITCHES);
    store_put(f, STORE_PREFIX_FENCE_SECRET "d1", "password=hunter2\n");
    store_put(f, STORE_PREFIX_FENCE_SECRET "d11", "password=wrong\n");
    assert_int_equal(
        fence_start(host_fence_port(f->fence), device_of(f, "d1", "fence_test"), "n2", NULL), 0);
    results_wait(f, 1);
    assert_int_equal(f->collected.count, 1);
    const struct fence_result *result = &f->collected.results[0];
    assert_string_equal(result->device, "d1");
    assert_string_equal(result->node, "n2");
    assert_int_equal(result->verdict, FENCE_VERDICT_OFF);
    assert_string_equal(result->evidence, "switched; is off");
    char *seen = NULL;
    size_t size;
    const char *path = arena_printf(f->arena, "%s/seen", f->folder);
    assert_int_equal(file_read(f->arena, path, 4096, &seen, &size, NULL), 0);
    assert_string_equal(seen, "password=hunter2\nnodename=n2\nplug=p2\nport=p2\n");
    fence_collect(host_fence_port(f->fence), f->arena, &f->collected);
    assert_int_equal(f->collected.count, 0);
}

static void device_that_hangs_delays_no_other(void **state)
{
    struct fixture *f = *state;
    struct error err = {0};
    struct fence *port = host_fence_port(f->fence);
    agent_is(f, "fence_hang", "sleep 1000");
    agent_is(f, "fence_test", SWITCHES);
    const struct fence_device *hang = device_of(f, "hang", "fence_hang");
    assert_int_equal(fence_start(port, hang, "n2", NULL), 0);
    assert_int_equal(fence_start(port, hang, "n2", &err), -EEXIST);
    assert_int_equal(fence_start(port, hang, "n3", NULL), 0); // another order
    assert_int_equal(fence_start(port, device_of(f, "d1", "fence_test"), "n2", NULL), 0);
    results_wait(f, 1);
    assert_string_equal(f->collected.results[0].device, "d1");
    assert_int_equal(f->collected.results[0].verdict, FENCE_VERDICT_OFF);
    results_wait(f, 3);
    assert_int_equal(f->collected.count, 2);
    assert_int_equal(f->collected.results[0].verdict, FENCE_VERDICT_FAILED);
    assert_non_null(strstr(f->collected.results[0].evidence, "did not end its 'off' in time"));
    assert_true(f->collected.results[0].took_ms >= 1000);
    assert_int_equal(fence_start(port, hang, "n2", NULL), 0); // it may be tried again
}

static void device_that_fails_or_lies_proves_nothing(void **state)
{
    static const char *const rows[] = {
        "exit 1",
        "exit 2",
        "read line; [ $line = action=off ] && exit 0; exit 0",
        "kill -9 $PPID",
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        agent_is(f, "fence_test", rows[i]);
        assert_int_equal(
            fence_start(host_fence_port(f->fence), device_of(f, "d1", "fence_test"), "n2", NULL),
            0);
        results_wait(f, (int)i + 1);
        if (f->collected.results[0].verdict != FENCE_VERDICT_FAILED) {
            fail_msg("row '%s'", rows[i]);
        }
    }
}

static void without_its_agent_or_its_store_an_order_fails(void **state)
{
    struct fixture *f = *state;
    struct fence *port = host_fence_port(f->fence);
    assert_int_equal(fence_start(port, device_of(f, "d1", "fence_none"), "n2", NULL), 0);
    results_wait(f, 1);
    assert_int_equal(f->collected.results[0].verdict, FENCE_VERDICT_FAILED);
    assert_non_null(strstr(f->collected.results[0].evidence, "no fence agent 'fence_none'"));
    agent_is(f, "fence_test", SWITCHES);
    clusterd_fixture_kill(f->clusterd);
    assert_int_equal(fence_start(port, device_of(f, "d1", "fence_test"), "n2", NULL), 0);
    results_wait(f, 2);
    assert_int_equal(f->collected.results[0].verdict, FENCE_VERDICT_FAILED);
    assert_non_null(strstr(f->collected.results[0].evidence, "ha-clusterd is not running"));
}

static void after_a_delay_the_node_must_still_be_condemned(void **state)
{
    struct fixture *f = *state;
    struct fence *port = host_fence_port(f->fence);
    struct fence_device *device = fence_device_copy(f->arena, device_of(f, "d1", "fence_test"));
    device->delay_s = 1;
    agent_is(f, "fence_test", SWITCHES);
    store_put(f, STORE_KEY_MANAGER_STATUS,
              "{\"node_status\":{\"n2\":\"online\",\"n3\":\"fence\"}}");
    assert_int_equal(fence_start(port, device, "n2", NULL), 0);
    results_wait(f, 1);
    assert_int_equal(f->collected.results[0].verdict, FENCE_VERDICT_FAILED);
    assert_non_null(strstr(f->collected.results[0].evidence, "was not to be fenced any more"));
    assert_int_equal(fence_start(port, device, "n3", NULL), 0);
    results_wait(f, 2);
    assert_int_equal(f->collected.results[0].verdict, FENCE_VERDICT_OFF);
    assert_true(f->collected.results[0].took_ms >= 1000);
}

static void orders_end_with_the_port(void **state)
{
    struct fixture *f = *state;
    agent_is(f, "fence_hang", "echo $$ >$D/seen; exec sleep 1000");
    assert_int_equal(
        fence_start(host_fence_port(f->fence), device_of(f, "d1", "fence_hang"), "n2", NULL), 0);
    host_fence_free(f->fence);
    f->fence = NULL;
    assert_int_equal(f->results, 0);
}

// --- Trials. ---

#define CONFIG(interval, nodes)                                                                    \
    "options: fencing\n\tself_test_interval_s " interval                                           \
    "\n\ndevice: d1\n\tagent fence_test\n\tnodes " nodes                                           \
    "\n\ndevice: d2\n\tagent fence_test\n\tnodes n2\n\tdisabled 1\n"

static const char *trials_wait(struct fixture *f, const char *wanted)
{
    for (int i = 0; i < TURNS_MAX && strstr(strbuf_text(&f->events), wanted) == NULL; i++) {
        host_fence_self_test(f->fence, &f->sink, true);
        assert_int_equal(loop_step(f->loop, NULL), 0);
    }
    return strbuf_text(&f->events);
}

static bool record_of(struct fixture *f, const char *device, struct fence_record *record)
{
    struct cluster_client *client CLEANUP(cluster_client_freep) = NULL;
    bool known = false;
    assert_int_equal(cluster_client_connect(&client, NULL), 0);
    assert_int_equal(
        fence_record_read(cluster_client_store(client), f->arena, device, record, &known, NULL), 0);
    return known;
}

static void master_tries_the_devices(void **state)
{
    struct fixture *f = *state;
    struct fence_record record;
    agent_is(f, "fence_test", "exit 0");
    store_put(f, STORE_KEY_FENCE, CONFIG("3600", "n2"));
    assert_string_equal(trials_wait(f, "\n"), "fence-self-test info d1 passed -\n");
    // The record is written after the event was told.
    for (int i = 0; i < TURNS_MAX && !record_of(f, "d1", &record); i++) {
        (void)usleep(1000);
    }
    assert_true(record_of(f, "d1", &record));
    assert_true(record.passed);
    assert_string_equal(record.by, "n1");
    assert_false(record_of(f, "d2", &record)); // disabled
}

static void trial_that_fails_is_a_warning(void **state)
{
    struct fixture *f = *state;
    agent_is(f, "fence_test", "echo dead; exit 1");
    store_put(f, STORE_KEY_FENCE, CONFIG("3600", "n2"));
    assert_string_equal(
        trials_wait(f, "\n"),
        "fence-self-test warning d1 failed agent 'fence_test' failed its 'monitor' with status 1: "
        "dead\n");
}

static void device_that_says_off_of_a_member_fails_its_trial(void **state)
{
    struct fixture *f = *state;
    agent_is(f, "fence_test", "read line; [ $line = action=status ] && exit 2; exit 0");
    store_put(f, STORE_KEY_FENCE, CONFIG("3600", "n1"));
    assert_string_equal(
        trials_wait(f, "\n"),
        "fence-self-test warning d1 failed it says that node 'n1' is off, but the node is a member of "
        "the cluster: wrong plug, or the device cannot be trusted\n");
}

#define fence_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        fence_test(order_is_carried_out_with_its_secrets),
        fence_test(device_that_hangs_delays_no_other),
        fence_test(device_that_fails_or_lies_proves_nothing),
        fence_test(without_its_agent_or_its_store_an_order_fails),
        fence_test(after_a_delay_the_node_must_still_be_condemned),
        fence_test(orders_end_with_the_port),
        fence_test(master_tries_the_devices),
        fence_test(trial_that_fails_is_a_warning),
        fence_test(device_that_says_off_of_a_member_fails_its_trial),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
