// SPDX-License-Identifier: Apache-2.0
// A whole simulated cluster: it boots, elects a master and starts its services, and a node's end
// moves them; each runs once.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/parse.h"
#include "common/base/strbuf.h"
#include "common/model/event.h"
#include "sim/swarm/swarm_world.h"
#include "tests/lib/test.h"

enum { NODES_MAX = 16, TEXT_MAX = 64, SECOND = 1000 * 1000 };

struct watcher {
    size_t running[NODES_MAX]; // guests of each node
    size_t doubles;            // moments at which a guest came up while it ran elsewhere
    struct swarm_world *world;
    struct strbuf log;
    bool prints;
};

static void on_event(void *userdata, int64_t true_us, const char *at, const struct event *event)
{
    struct watcher *watcher = userdata;
    if (watcher->prints) {
        struct strbuf text CLEANUP(strbuf_done) = {0};
        event_format_text(event, &text);
        fprintf(stderr, "%12.6f %s: %s\n", (double)true_us / SECOND, at, strbuf_text(&text));
    }
    strbuf_appendf(&watcher->log, "%" PRId64 " %s ", true_us, at);
    event_format_text(event, &watcher->log);
    strbuf_append(&watcher->log, "\n");
}

static void on_guest(void *userdata, int64_t true_us, size_t node, const char *sid, bool runs)
{
    struct watcher *watcher = userdata;
    watcher->running[node] += runs ? 1 : 0;
    watcher->running[node] -= runs ? 0 : 1;
    for (size_t i = 0; runs && i < swarm_world_nodes(watcher->world); i++) {
        // One that stands still runs nothing.
        bool other = i != node && !swarm_world_is_paused(watcher->world, i);
        watcher->doubles += other && swarm_world_guest_runs(watcher->world, i, sid) ? 1 : 0;
    }
    if (watcher->prints) {
        fprintf(stderr, "%12.6f guest %s %s on node%zu\n", (double)true_us / SECOND, sid,
                runs ? "up" : "down", node + 1);
    }
    strbuf_appendf(&watcher->log, "%" PRId64 " %s %d on %zu\n", true_us, sid, runs, node);
}

static void on_power(void *userdata, int64_t true_us, size_t node, bool is_on, const char *why)
{
    struct watcher *watcher = userdata;
    if (watcher->prints) {
        fprintf(stderr, "%12.6f power of node%zu: %s %s\n", (double)true_us / SECOND, node + 1,
                is_on ? "on" : "off", why != NULL ? why : "");
    }
    strbuf_appendf(&watcher->log, "%" PRId64 " power %zu %d\n", true_us, node, is_on);
}

static struct campaign_cluster cluster_of(int64_t nodes, int64_t services, uint64_t seed)
{
    return (struct campaign_cluster){.seed = seed,
                                     .nodes = nodes,
                                     .services = services,
                                     .profile = TIMING_PROFILE_FAST,
                                     .drift_ppm_max = 500};
}

static struct swarm_world *world_start(struct watcher *watcher,
                                       const struct campaign_cluster *cluster)
{
    const struct swarm_observer observer = {
        .event = on_event, .guest = on_guest, .power = on_power, .userdata = watcher};
    *watcher = (struct watcher){.prints = getenv("SWARM_VERBOSE") != NULL};
    watcher->world = swarm_world_start(cluster, &observer);
    return watcher->world;
}

static bool settle(struct swarm_world *world, int64_t within_s)
{
    int64_t until_us = swarm_world_now_us(world) + within_s * SECOND;
    while (swarm_world_now_us(world) < until_us) {
        if (!swarm_world_run(world, swarm_world_now_us(world) + SECOND / 5)) {
            return false;
        }
        if (swarm_world_is_settled(world)) {
            return true;
        }
    }
    return false;
}

static void step(struct swarm_world *world, const char *text)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct campaign_step step = {0};
    struct error err = {0};
    struct parse_words words = parse_fields(arena, text);
    for (size_t i = 0; i < words.count; i++) {
        step.words[step.count++] = words.words[i];
    }
    int r = swarm_world_do(world, &step, &err);
    if (r < 0) {
        fail_msg("%s: %s", text, err.text);
    }
}

static void run_for(struct swarm_world *world, int64_t ms)
{
    assert_true(swarm_world_run(world, swarm_world_now_us(world) + ms * 1000));
}

static void watcher_done(struct watcher *watcher)
{
    swarm_world_end(watcher->world);
    strbuf_done(&watcher->log);
}

static void cluster_boots_services_run_once(void **state)
{
    (void)state;
    struct watcher watcher;
    const struct campaign_cluster cluster = cluster_of(3, 2, 1);
    struct swarm_world *world = world_start(&watcher, &cluster);
    assert_true(settle(world, 60));
    assert_int_equal(watcher.running[0] + watcher.running[1] + watcher.running[2], 2);
    assert_int_equal(watcher.doubles, 0);
    watcher_done(&watcher);
}

static void node_without_power_services_move(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct watcher watcher;
        const struct campaign_cluster cluster = cluster_of(3, 4, seed);
        struct swarm_world *world = world_start(&watcher, &cluster);
        assert_true(settle(world, 60));
        step(world, "power-off node2");
        assert_true(settle(world, 30));
        assert_int_equal(watcher.running[1], 0);
        assert_int_equal(watcher.running[0] + watcher.running[2], 4);
        assert_int_equal(watcher.doubles, 0);
        swarm_world_mend(world);
        assert_true(settle(world, 60));
        watcher_done(&watcher);
    }
}

// Faults and orders, one after the other, ten seconds apart: at no time runs a service twice, and
// in the end all is well.
static void faults_and_orders_end_well(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "power-off node1, power-on node1",
        "reboot node2",
        "cut node1, mend node1",
        "cut node2 in, mend node2",
        "cut node3 out, heal",
        "split node1 node2, heal",
        "loss 10, loss 0",
        "pause node1 2",
        "pause node2 30",
        "hold node1 corosync 8",
        "hold node1 clusterd 8",
        "hold node2 crm 20",
        "hold node3 lrm 20",
        "hold node1 watchdogd 20",
        "kill node1 corosync, kill node2 corosync",
        "kill node1 clusterd, kill node2 clusterd",
        "kill node1 crm, kill node2 crm, kill node3 crm",
        "kill node1 lrm, kill node2 lrm, kill node3 lrm",
        "kill node1 watchdogd, kill node2 watchdogd",
        "kill-guest ct:100, kill-guest ct:101",
        "hang-guest ct:100 on, stop ct:100, hang-guest ct:100 off, set ct:100 state disabled",
        "start-fails ct:101 2, kill-guest ct:101",
        "start-slow ct:102 5, stop-slow ct:102 8, relocate ct:102 node1",
        "disk-full node1 on, disk-full node1 off",
        "disk-slow node2 300, set ct:100 max_restart 3, disk-slow node2 0",
        "disk-lost node3",
        "blind node1 on, blind node2 on, relocate ct:100 node3, blind node1 off, blind node2 off",
        "wall-clock node1 3600, wall-clock node2 -3600",
        "migrate ct:100 node3, migrate ct:101 node3, migrate ct:102 node3",
        "relocate ct:100 node2, relocate ct:101 node1",
        "stop ct:100, set ct:100 state started",
        "add ct:110, remove ct:110",
        "rule add node-affinity on-one --resources ct:100 --nodes node1 --strict 1, rule remove "
        "on-one",
        "rule add resource-affinity apart --resources ct:100,ct:101 --affinity negative",
        "maintenance node1 on, maintenance node1 off",
        "disarm, arm",
        "power-off node1, expected node2 2",
        "node-join node4, power-off node4",
        "node-leave node3, node-join node3",
        "node-reinstall node2",
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct watcher watcher;
        struct arena *arena CLEANUP(arena_freep) = arena_new();
        const struct campaign_cluster cluster = cluster_of(3, 4, i);
        struct swarm_world *world = world_start(&watcher, &cluster);
        assert_true(settle(world, 60));
        const char *text = rows[i];
        while (*text != '\0') {
            size_t length = strcspn(text, ",");
            while (text[length] == ',' && text[length + 1] != ' ') {
                length += 1 + strcspn(text + length + 1, ",");
            }
            step(world, arena_memdup(arena, text, length));
            text += length + (text[length] == ',' ? 2 : 0);
            run_for(world, 10 * 1000);
        }
        swarm_world_mend(world);
        if (!settle(world, 120)) {
            fail_msg("%s: it does not become well", rows[i]);
        }
        if (watcher.doubles > 0) {
            fail_msg("%s: a service ran twice", rows[i]);
        }
        watcher_done(&watcher);
    }
}

static void same_seed_same_bytes(void **state)
{
    (void)state;
    struct watcher watchers[2];
    for (size_t i = 0; i < 2; i++) {
        const struct campaign_cluster cluster = cluster_of(3, 4, 7);
        struct swarm_world *world = world_start(&watchers[i], &cluster);
        run_for(world, 20 * 1000);
        step(world, "power-off node1");
        step(world, "kill node2 lrm");
        run_for(world, 5 * 1000);
        step(world, "migrate ct:101 node3");
        run_for(world, 20 * 1000);
    }
    assert_true(watchers[0].log.size_bytes > 0);
    assert_string_equal(strbuf_text(&watchers[0].log), strbuf_text(&watchers[1].log));
    watcher_done(&watchers[0]);
    watcher_done(&watchers[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cluster_boots_services_run_once),
        cmocka_unit_test(node_without_power_services_move),
        cmocka_unit_test(faults_and_orders_end_well),
        cmocka_unit_test(same_seed_same_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
