// SPDX-License-Identifier: Apache-2.0
// One function for each kind of fault. Times are drawn around the lease time of the profile, since
// there is where things begin to matter: shorter, about as long, longer.
#include "sim/swarm/campaign_faults.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/parse.h"
#include "common/base/strbuf.h"
#include "sim/swarm/campaign_draw.h"

int64_t draw_pick_ms(struct draw *draw, int64_t min_ms, int64_t max_ms)
{
    return min_ms + (int64_t)prng_below(&draw->prng, (uint64_t)(max_ms - min_ms + 1));
}

static bool draw_chance(struct draw *draw, uint64_t one_of)
{
    return prng_below(&draw->prng, one_of) == 0;
}

// A duration that matters: shorter than the lease, about the lease, or longer.
static int64_t draw_duration_ms(struct draw *draw)
{
    int64_t lease_ms = draw->timing.lease_ms;
    switch (prng_below(&draw->prng, 4)) {
    case 0:
        return draw_pick_ms(draw, 10, lease_ms / 4);
    case 1:
        return draw_pick_ms(draw, lease_ms / 4, lease_ms);
    case 2:
        return draw_pick_ms(draw, lease_ms, lease_ms * 3 / 2);
    default:
        return draw_pick_ms(draw, lease_ms * 3 / 2, 3 * lease_ms);
    }
}

PRINTF_LIKE(3, 4)
static void draw_step(struct draw *draw, int64_t after_ms, const char *format, ...)
{
    va_list args;
    if (draw->steps_count == DRAW_STEPS_MAX) {
        return;
    }
    va_start(args, format);
    int64_t at_ms = draw->begin_ms + after_ms;
    draw->steps[draw->steps_count] = (struct draw_step){
        .at_ms = at_ms,
        .order = draw->steps_count,
        .text = arena_vprintf(draw->arena, format, args),
    };
    va_end(args);
    draw->steps_count++;
    draw->end_ms = at_ms > draw->end_ms ? at_ms : draw->end_ms;
}

static int draw_node(struct draw *draw)
{
    return 1 + (int)prng_below(&draw->prng, (uint64_t)draw->cluster.nodes);
}

// Services exist, or the caller draws none.
static int64_t draw_sid(struct draw *draw)
{
    return CAMPAIGN_FIRST_ID + (int64_t)prng_below(&draw->prng, (uint64_t)draw->cluster.services);
}

static const char *draw_seconds(struct draw *draw, int64_t ms)
{
    return arena_printf(draw->arena, "%" PRId64 ".%03d", ms / 1000, (int)(ms % 1000));
}

// --- power, network, pauses ----------------------------------------------------------------------

static void fault_power(struct draw *draw)
{
    int node = draw_node(draw);
    draw_step(draw, 0, "power-off node%d", node);
    if (!draw_chance(draw, 3)) {
        draw_step(draw, draw_duration_ms(draw), "power-on node%d", node);
    }
}

static void fault_power_many(struct draw *draw)
{
    for (int i = 1; i <= draw->cluster.nodes; i++) {
        if (!draw_chance(draw, 4)) {
            int64_t off_ms = draw_pick_ms(draw, 0, draw_chance(draw, 2) ? 0 : 3000);
            draw_step(draw, off_ms, "power-off node%d", i);
            draw_step(draw, off_ms + draw_duration_ms(draw), "power-on node%d", i);
        }
    }
}

static void fault_reboot(struct draw *draw)
{
    draw_step(draw, 0, "reboot node%d", draw_node(draw));
    draw_step(draw, draw_duration_ms(draw), "heal");
}

static void fault_cut(struct draw *draw)
{
    int node = draw_node(draw);
    draw_step(draw, 0, "cut node%d", node);
    draw_step(draw, draw_duration_ms(draw), "mend node%d", node);
}

static void fault_one_way(struct draw *draw)
{
    int node = draw_node(draw);
    draw_step(draw, 0, "cut node%d %s", node, draw_chance(draw, 2) ? "in" : "out");
    draw_step(draw, draw_duration_ms(draw), "mend node%d", node);
}

static void fault_split(struct draw *draw)
{
    struct strbuf nodes CLEANUP(strbuf_done) = {0};
    int64_t left = 12; // words that a step may have
    for (int i = 1; i <= draw->cluster.nodes && left > 0; i++) {
        if (draw_chance(draw, 2)) {
            strbuf_appendf(&nodes, " node%d", i);
            left--;
        }
    }
    if (nodes.size_bytes > 0) {
        draw_step(draw, 0, "split%s", strbuf_text(&nodes));
        draw_step(draw, draw_duration_ms(draw), "heal");
    }
}

static void fault_outage(struct draw *draw)
{
    for (int i = 1; i <= draw->cluster.nodes; i++) {
        draw_step(draw, draw_pick_ms(draw, 0, 100), "cut node%d", i);
    }
    draw_step(draw, 100 + draw_duration_ms(draw), "heal");
}

static void fault_flap(struct draw *draw)
{
    int node = draw_node(draw);
    int64_t times = draw_pick_ms(draw, 2, 8);
    int64_t period_ms = draw_pick_ms(draw, 20, 2 * draw->timing.token_ms);
    for (int64_t i = 0; i < times; i++) {
        draw_step(draw, 2 * i * period_ms, "cut node%d", node);
        draw_step(draw, (2 * i + 1) * period_ms, "mend node%d", node);
    }
}

static void fault_loss(struct draw *draw)
{
    draw_step(draw, 0, "loss %d", 1 + (int)prng_below(&draw->prng, draw_chance(draw, 4) ? 40 : 10));
    draw_step(draw, draw_duration_ms(draw), "loss 0");
}

static void fault_pause(struct draw *draw)
{
    int64_t ms = draw_duration_ms(draw);
    draw_step(draw, 0, "pause node%d %s", draw_node(draw), draw_seconds(draw, ms));
    draw_step(draw, ms, "heal");
}

// Cut off while it stands still: what it goes on with is not true any more.
static void fault_asleep(struct draw *draw)
{
    int node = draw_node(draw);
    int64_t ms = draw_pick_ms(draw, draw->timing.token_ms, 2 * draw->timing.lease_ms);
    draw_step(draw, 0, "pause node%d %s", node, draw_seconds(draw, ms));
    draw_step(draw, draw_pick_ms(draw, 0, ms), "cut node%d", node);
    draw_step(draw, ms + draw_duration_ms(draw), "mend node%d", node);
}

// All are off, and one comes later than the others.
static void fault_latecomer(struct draw *draw)
{
    int late = draw_node(draw);
    int64_t off_ms = draw_pick_ms(draw, 4, 10) * draw->timing.token_ms;
    for (int i = 1; i <= draw->cluster.nodes; i++) {
        int64_t back_ms = off_ms + draw_pick_ms(draw, 0, 1000);
        draw_step(draw, draw_pick_ms(draw, 0, 100), "power-off node%d", i);
        draw_step(draw, back_ms + (i == late ? draw_duration_ms(draw) : 0), "power-on node%d", i);
    }
}

// --- daemons, disks, clocks ----------------------------------------------------------------------

static const char *const draw_daemons[] = {"corosync", "clusterd", "crm", "lrm", "watchdogd"};

static const char *draw_daemon(struct draw *draw)
{
    return draw_daemons[prng_below(&draw->prng, ARRAY_SIZE(draw_daemons))];
}

static void fault_kill(struct draw *draw)
{
    int node = draw_node(draw);
    const char *daemon = draw_daemon(draw);
    int64_t times = draw_chance(draw, 4) ? 3 : 1;
    for (int64_t i = 0; i < times; i++) {
        draw_step(draw, i * draw_pick_ms(draw, 100, 1500), "kill node%d %s", node, daemon);
    }
}

static void fault_guards(struct draw *draw)
{
    int node = draw_node(draw);
    draw_step(draw, 0, "kill node%d watchdogd", node);
    draw_step(draw, draw_pick_ms(draw, 0, 300), "kill node%d lrm", node);
    if (draw_chance(draw, 2)) { // and what they guard against happens at the same time
        draw_step(draw, draw_pick_ms(draw, 0, 300), "cut node%d", node);
        draw_step(draw, 300 + draw_duration_ms(draw), "mend node%d", node);
    }
}

// The LRM of a node that is cut off is killed: the next one can ask nobody what runs here.
static void fault_orphan(struct draw *draw)
{
    int node = draw_node(draw);
    draw_step(draw, 0, "cut node%d", node);
    draw_step(draw, draw_pick_ms(draw, 0, draw->timing.authority_ms), "kill node%d lrm", node);
    draw_step(draw, draw->timing.authority_ms + draw_duration_ms(draw), "mend node%d", node);
}

static void fault_hold(struct draw *draw)
{
    int64_t ms = draw_duration_ms(draw);
    int node = draw_node(draw);
    draw_step(draw, 0, "hold node%d %s %s", node, draw_daemon(draw), draw_seconds(draw, ms));
    draw_step(draw, ms, "heal");
}

// A daemon stands still until its lease is about to end, and meanwhile its node is cut off: what
// was answered before it stood still comes late, and what it does next it decides by what was true
// before.
static void fault_late(struct draw *draw)
{
    static const char *const daemons[] = {"lrm", "clusterd", "crm"};
    int node = draw_node(draw);
    int64_t authority_ms = draw->timing.authority_ms;
    int64_t ms = draw_pick_ms(draw, authority_ms / 2, authority_ms);
    draw_step(draw, 0, "hold node%d %s %s", node,
              daemons[prng_below(&draw->prng, ARRAY_SIZE(daemons))], draw_seconds(draw, ms));
    draw_step(draw, draw_pick_ms(draw, 0, 2 * draw->timing.renew_ms), "cut node%d", node);
    int64_t back_ms = ms + draw_duration_ms(draw);
    if (draw_chance(draw, 2)) { // before the daemon goes on
        back_ms = draw_pick_ms(draw, ms / 2, ms);
    }
    draw_step(draw, back_ms, "mend node%d", node);
}

// One node is cut off, and of the others all forget what they did not write down.
static void fault_amnesia(struct draw *draw)
{
    int node = draw_node(draw);
    int64_t at_ms = draw_pick_ms(draw, 0, 2 * draw->timing.token_ms);
    draw_step(draw, 0, "cut node%d", node);
    for (int i = 1; i <= draw->cluster.nodes; i++) {
        if (i != node) {
            draw_step(draw, at_ms, "kill node%d clusterd", i);
        }
    }
    draw_step(draw, draw_duration_ms(draw), "mend node%d", node);
}

static void fault_disk(struct draw *draw)
{
    int node = draw_node(draw);
    if (draw_chance(draw, 2)) {
        draw_step(draw, 0, "disk-full node%d on", node);
        draw_step(draw, draw_duration_ms(draw), "disk-full node%d off", node);
    } else {
        draw_step(draw, 0, "disk-slow node%d %d", node, (int)draw_pick_ms(draw, 50, 5000));
        draw_step(draw, draw_duration_ms(draw), "disk-slow node%d 0", node);
    }
    if (draw_chance(draw, 3)) {
        draw_step(draw, draw_pick_ms(draw, 0, 1000), "kill node%d clusterd", node);
    }
}

// The CRM of a node can read nothing, which matters when it is the master's; and somebody waits for
// a master who can.
static void fault_blind(struct draw *draw)
{
    int node = draw_node(draw);
    draw_step(draw, 0, "blind node%d on", node);
    if (draw->cluster.services > 0 && draw_chance(draw, 2)) {
        draw_step(draw, draw_pick_ms(draw, 0, 2000), "relocate ct:%" PRId64 " node%d",
                  draw_sid(draw), draw_node(draw));
    }
    draw_step(draw, draw_duration_ms(draw), "blind node%d off", node);
}

// The LRM of a node can read nothing, mostly a new one that would have to; for long enough that it
// is taken for one that is not there.
static void fault_blind_lrm(struct draw *draw)
{
    int node = draw_node(draw);
    draw_step(draw, 0, "blind-lrm node%d on", node);
    if (draw_chance(draw, 4)) {
        draw_step(draw, 0, "power-off node%d", node);
        draw_step(draw, draw_pick_ms(draw, 10, 20000), "power-on node%d", node);
    } else if (!draw_chance(draw, 4)) {
        draw_step(draw, draw_pick_ms(draw, 0, 5000), "kill node%d lrm", node);
    }
    if (draw_chance(draw, 2)) {
        draw_step(draw, draw_pick_ms(draw, 0, 90000), "blind-lrm node%d on", draw_node(draw));
    }
    draw_step(draw, draw_pick_ms(draw, 100, 120000), "blind-lrm node%d off", node);
}

// Alone in its round: with a second disk lost at once what was written is lost by right.
static void fault_disk_lost(struct draw *draw)
{
    int node = draw_node(draw);
    draw_step(draw, 0, "power-off node%d", node);
    draw_step(draw, 500, "disk-lost node%d", node);
    draw_step(draw, 500 + draw_duration_ms(draw), "power-on node%d", node);
}

static void fault_clock(struct draw *draw)
{
    int seconds = draw_chance(draw, 2) ? 3600 : -3600;
    draw_step(draw, 0, "wall-clock node%d %d", draw_node(draw), seconds);
    draw_step(draw, draw_duration_ms(draw), "heal");
}

// --- guests, devices -----------------------------------------------------------------------------

static void fault_guest(struct draw *draw)
{
    int64_t id = draw_sid(draw);
    switch (prng_below(&draw->prng, 5)) {
    case 0:
        draw_step(draw, 0, "kill-guest ct:%" PRId64, id);
        break;
    case 1:
        draw_step(draw, 0, "hang-guest ct:%" PRId64 " on", id);
        draw_step(draw, draw_duration_ms(draw), "hang-guest ct:%" PRId64 " off", id);
        break;
    case 2:
        draw_step(draw, 0, "start-fails ct:%" PRId64 " %d", id, (int)draw_pick_ms(draw, 1, 4));
        draw_step(draw, 1, "kill-guest ct:%" PRId64, id);
        break;
    case 3:
        draw_step(draw, 0, "start-slow ct:%" PRId64 " %d", id, (int)draw_pick_ms(draw, 1, 20));
        break;
    default:
        draw_step(draw, 0, "stop-slow ct:%" PRId64 " %d", id, (int)draw_pick_ms(draw, 1, 20));
        break;
    }
}

// One that lies breaks the promise by right when its node goes on unseen: so the node is off.
static void fault_device(struct draw *draw)
{
    int node = draw_node(draw);
    static const char *const kinds[] = {"fails", "hangs", "lies"};
    size_t kind = prng_below(&draw->prng, draw->cluster.has_fence_devices ? 3 : 2);
    draw_step(draw, 0, "fence-device node%d %s", node, kinds[kind]);
    if (kind == 2 || draw_chance(draw, 2)) {
        draw_step(draw, 100, "power-off node%d", node);
    } else {
        draw_step(draw, 100, "cut node%d", node);
    }
    draw_step(draw, 100 + draw_duration_ms(draw), "fence-device node%d works", node);
}

// Taken for off though it goes on, and back before it would have stopped by itself: that it runs
// what is another node's is what it has to find out.
static void fault_liar(struct draw *draw)
{
    int node = draw_node(draw);
    int64_t seen_ms = timing_detection_ms(&draw->timing);
    int64_t stops_ms = draw->timing.authority_ms - draw->timing.stop_ms;
    draw_step(draw, 0, "fence-device node%d lies", node);
    draw_step(draw, 100, "cut node%d", node);
    int64_t back_ms = draw_pick_ms(draw, seen_ms, stops_ms > seen_ms ? stops_ms : seen_ms);
    draw_step(draw, 100 + back_ms, "mend node%d", node);
    draw_step(draw, 100 + back_ms + draw_duration_ms(draw), "fence-device node%d works", node);
}

// --- operators -----------------------------------------------------------------------------------

static void fault_move(struct draw *draw)
{
    int64_t times = draw_pick_ms(draw, 1, 4);
    for (int64_t i = 0; i < times; i++) {
        const char *how = draw_chance(draw, 3) ? "relocate" : "migrate";
        int64_t id = draw_sid(draw);
        int node = draw_node(draw);
        draw_step(draw, i * draw_pick_ms(draw, 0, 2000), "%s ct:%" PRId64 " node%d", how, id, node);
    }
}

static void fault_state(struct draw *draw)
{
    static const char *const states[] = {"started", "started",  "started",
                                         "stopped", "disabled", "ignored"};
    int64_t times = draw_pick_ms(draw, 1, 4);
    for (int64_t i = 0; i < times; i++) {
        int64_t id = draw_sid(draw);
        const char *state = states[prng_below(&draw->prng, ARRAY_SIZE(states))];
        draw_step(draw, i * draw_pick_ms(draw, 0, 2000), "set ct:%" PRId64 " state %s", id, state);
    }
    if (draw_chance(draw, 3)) {
        draw_step(draw, 0, "stop ct:%" PRId64, draw_sid(draw));
    }
    if (draw_chance(draw, 3)) {
        int64_t id = draw_sid(draw);
        const char *what = draw_chance(draw, 2) ? "max_restart" : "max_relocate";
        draw_step(draw, 0, "set ct:%" PRId64 " %s %d", id, what, (int)draw_pick_ms(draw, 0, 3));
    }
}

// Many writes, and in the middle of them all power or a part of the network is gone: what has been
// answered must be there afterwards.
static void fault_burst(struct draw *draw)
{
    int64_t spacing_ms = draw_pick_ms(draw, 0, 20);
    int64_t at_ms = draw_pick_ms(draw, 0, 10 * spacing_ms + 30);
    for (int64_t i = 0; i < 10; i++) {
        draw_step(draw, i * spacing_ms, "set ct:%" PRId64 " max_restart %d", draw_sid(draw),
                  (int)draw_pick_ms(draw, 0, 3));
    }
    bool all = draw_chance(draw, 2);
    bool power = draw_chance(draw, 2);
    for (int i = 1; i <= draw->cluster.nodes; i++) {
        if (all || draw_chance(draw, 2)) {
            draw_step(draw, at_ms, power ? "power-off node%d" : "cut node%d", i);
        }
    }
    draw_step(draw, at_ms + draw_duration_ms(draw), "heal");
}

static void fault_resource(struct draw *draw)
{
    int64_t id = draw_sid(draw);
    int64_t added = 1000 + (int64_t)prng_below(&draw->prng, 10);
    draw_step(draw, 0, "add ct:%" PRId64, added);
    if (draw_chance(draw, 2)) {
        draw_step(draw, draw_pick_ms(draw, 0, 5000), "remove ct:%" PRId64, added);
    }
    if (draw_chance(draw, 3)) {
        draw_step(draw, draw_pick_ms(draw, 0, 5000), "remove ct:%" PRId64, id);
        draw_step(draw, 5000 + draw_pick_ms(draw, 0, 5000), "add ct:%" PRId64, id);
    }
}

// A guest that runs is put under HA on a node that has nothing else to do, whose LRM stands still;
// and the node is lost before it has heard of it.
static void fault_adopted(struct draw *draw)
{
    enum { IDLE_MS = 8000 }; // by then the node has given its lease back
    int64_t id = draw_sid(draw);
    int node = draw_node(draw);
    int64_t cut_ms = IDLE_MS + draw_pick_ms(draw, 0, 2000);
    int64_t mend_ms = cut_ms + draw_duration_ms(draw);
    draw_step(draw, 0, "remove ct:%" PRId64, id);
    draw_step(draw, IDLE_MS - 100, "hold node%d lrm %s", node,
              draw_seconds(draw, mend_ms - IDLE_MS));
    draw_step(draw, IDLE_MS, "add ct:%" PRId64, id);
    draw_step(draw, cut_ms, "cut node%d", node);
    draw_step(draw, mend_ms, "mend node%d", node);
}

static void fault_rule(struct draw *draw)
{
    int64_t number = draw->rules++;
    int64_t a = draw_sid(draw);
    int64_t b = draw_sid(draw);
    bool is_strict = draw_chance(draw, 2);
    int first = draw_node(draw);
    int second = draw_node(draw);
    if (draw_chance(draw, 2)) {
        draw_step(draw, 0,
                  "rule add node-affinity r%" PRId64 " --resources ct:%" PRId64
                  " --nodes node%d:1,node%d --strict %d",
                  number, a, first, second, is_strict ? 1 : 0);
    } else if (a != b) {
        draw_step(draw, 0,
                  "rule add resource-affinity r%" PRId64 " --resources ct:%" PRId64 ",ct:%" PRId64
                  " --affinity %s",
                  number, a, b, draw_chance(draw, 3) ? "positive" : "negative");
    }
    if (draw_chance(draw, 3)) {
        int64_t removed = (int64_t)prng_below(&draw->prng, (uint64_t)draw->rules);
        draw_step(draw, draw_duration_ms(draw), "rule remove r%" PRId64, removed);
    }
}

static void fault_maintenance(struct draw *draw)
{
    int node = draw_node(draw);
    draw_step(draw, 0, "maintenance node%d on", node);
    draw_step(draw, draw_duration_ms(draw), "maintenance node%d off", node);
}

static void fault_disarm(struct draw *draw)
{
    draw_step(draw, 0, "disarm");
    int64_t armed_ms = 2000 + draw_duration_ms(draw);
    draw_step(draw, armed_ms, "arm");
    draw_step(draw, armed_ms + 10000, "arm"); // should the first order have come too late
}

// Alone in its round, as an operator's word about the others is right or refused.
static void fault_expected(struct draw *draw)
{
    int node = draw_node(draw);
    int64_t lease_ms = draw->timing.lease_ms;
    if (draw_chance(draw, 3)) { // nothing is broken
        draw_step(draw, 0, "expected node%d 1", node);
        draw_step(draw, 2000, "heal");
        return;
    }
    if (draw_chance(draw, 2)) { // cut off, while the others are well: must be refused
        draw_step(draw, 0, "cut node%d", node);
        draw_step(draw, draw_pick_ms(draw, 0, lease_ms * 2 / 3), "expected node%d 1", node);
        draw_step(draw, lease_ms, "mend node%d", node);
        return;
    }
    for (int i = 1; i <= draw->cluster.nodes; i++) {
        if (i != node) {
            draw_step(draw, draw_pick_ms(draw, 0, 50), "power-off node%d", i);
        }
    }
    for (int64_t i = 1; i <= 3; i++) {
        draw_step(draw, i * lease_ms, "expected node%d 1", node);
    }
    draw_step(draw, 3 * lease_ms + draw_duration_ms(draw), "heal");
}

// Alone in its round.
static void fault_member(struct draw *draw)
{
    if (draw->joined > 0 && draw_chance(draw, 2)) {
        draw_step(draw, 0, "node-leave node%" PRId64, draw->cluster.nodes + draw->joined);
        draw->joined--;
    } else if (draw->joined < 2) {
        draw->joined++;
        draw_step(draw, 0, "node-join node%" PRId64, draw->cluster.nodes + draw->joined);
    }
    draw_step(draw, draw_duration_ms(draw), "heal");
}

static void fault_reinstall(struct draw *draw)
{
    int node = draw_node(draw);
    draw_step(draw, 0, "node-reinstall node%d", node);
    draw_step(draw, draw_duration_ms(draw), "heal");
}

// --- all of them ---------------------------------------------------------------------------------

static const struct draw_fault {
    const char *name;
    void (*add)(struct draw *draw);
    uint64_t weight; // in relation to the others
    bool is_alone;   // in its round
    bool needs_services;
    int64_t nodes_min;
    bool is_extra; // only where it is named: what a seed was found to be stays so
} draw_faults[] = {
    {"power", fault_power, 6, false, false, 1, false},
    {"power-many", fault_power_many, 2, false, false, 1, false},
    {"reboot", fault_reboot, 2, false, false, 1, false},
    {"cut", fault_cut, 5, false, false, 2, false},
    {"one-way", fault_one_way, 3, false, false, 2, false},
    {"split", fault_split, 4, false, false, 2, false},
    {"outage", fault_outage, 2, false, false, 2, false},
    {"flap", fault_flap, 3, false, false, 2, false},
    {"loss", fault_loss, 3, false, false, 2, false},
    {"pause", fault_pause, 6, false, false, 1, false},
    {"asleep", fault_asleep, 2, false, false, 2, false},
    {"latecomer", fault_latecomer, 1, false, false, 3, false},
    {"kill", fault_kill, 6, false, false, 1, false},
    {"guards", fault_guards, 2, false, false, 1, false},
    {"orphan", fault_orphan, 1, false, false, 2, false},
    {"hold", fault_hold, 3, false, false, 1, false},
    {"late", fault_late, 2, false, false, 2, false},
    {"amnesia", fault_amnesia, 1, false, false, 2, false},
    {"disk", fault_disk, 4, false, false, 1, false},
    {"blind", fault_blind, 2, false, false, 2, false},
    {"disk-lost", fault_disk_lost, 1, true, false, 3, false},
    {"clock", fault_clock, 2, false, false, 1, false},
    {"guest", fault_guest, 4, false, true, 1, false},
    {"device", fault_device, 2, false, false, 2, false},
    {"liar", fault_liar, 1, false, false, 2, false},
    {"adopted", fault_adopted, 1, false, true, 2, false},
    {"move", fault_move, 4, false, true, 2, false},
    {"state", fault_state, 4, false, true, 1, false},
    {"burst", fault_burst, 3, false, true, 1, false},
    {"resource", fault_resource, 2, false, true, 1, false},
    {"rule", fault_rule, 3, false, true, 2, false},
    {"maintenance", fault_maintenance, 2, false, false, 2, false},
    {"disarm", fault_disarm, 1, false, false, 1, false},
    {"expected", fault_expected, 2, true, false, 2, false},
    {"member", fault_member, 1, true, false, 1, false},
    {"reinstall", fault_reinstall, 1, true, false, 3, false},
    {"blind-lrm", fault_blind_lrm, 4, false, false, 2, true},
};

void campaign_faults_list(struct strbuf *out)
{
    for (size_t i = 0; i < ARRAY_SIZE(draw_faults); i++) {
        strbuf_appendf(out, "%s%s", i > 0 ? ", " : "", draw_faults[i].name);
    }
}

void campaign_draw_list(struct strbuf *out)
{
    campaign_faults_list(out);
}

int campaign_faults_choose(struct draw *draw, const char *names, struct error *err)
{
    struct parse_words words = {0};
    if (names != NULL) {
        words = parse_list(draw->arena, names);
    }
    for (size_t i = 0; i < words.count; i++) {
        size_t kind = 0;
        while (kind < ARRAY_SIZE(draw_faults) &&
               strcmp(draw_faults[kind].name, words.words[i]) != 0) {
            kind++;
        }
        if (kind == ARRAY_SIZE(draw_faults)) {
            struct strbuf list CLEANUP(strbuf_done) = {0};
            campaign_faults_list(&list);
            return error_set(err, -EINVAL, "there are no faults '%s'; there are %s", words.words[i],
                             strbuf_text(&list));
        }
        draw->is_chosen[kind] = true;
    }
    for (size_t i = 0; i < ARRAY_SIZE(draw_faults) && words.count == 0; i++) {
        draw->is_chosen[i] = !draw_faults[i].is_extra;
    }
    return 0;
}

static uint64_t draw_weight(const struct draw *draw, size_t kind, size_t count)
{
    const struct draw_fault *fault = &draw_faults[kind];
    bool fits = draw->is_chosen[kind] && (!fault->is_alone || count == 1) &&
                (!fault->needs_services || draw->cluster.services > 0) &&
                draw->cluster.nodes >= fault->nodes_min;
    return fits ? fault->weight : 0;
}

bool campaign_faults_add(struct draw *draw, size_t count)
{
    uint64_t total = 0;
    for (size_t i = 0; i < ARRAY_SIZE(draw_faults); i++) {
        total += draw_weight(draw, i, count);
    }
    uint64_t at = prng_below(&draw->prng, total > 0 ? total : 1);
    for (size_t i = 0; i < ARRAY_SIZE(draw_faults); i++) {
        uint64_t weight = draw_weight(draw, i, count);
        if (at < weight) {
            draw_faults[i].add(draw);
            return draw_faults[i].is_alone;
        }
        at -= weight;
    }
    return false;
}
