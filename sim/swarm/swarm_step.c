// SPDX-License-Identifier: Apache-2.0
// The steps of a campaign, and the end of all faults.
#include <errno.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/parse.h"
#include "sim/swarm/swarm_clusterd.h"
#include "sim/swarm/swarm_disk.h"
#include "sim/swarm/swarm_guest.h"
#include "sim/swarm/swarm_host.h"
#include "sim/swarm/swarm_net.h"

enum {
    DISK_USUAL_MS_MAX = 8,
    REINSTALL_S_MIN = 3, // until it boots again
    REINSTALL_S_MAX = 10,
    SECONDS_MAX_MS = 24 * 3600 * 1000,
};

struct step_run {
    struct swarm_world *world;
    const struct campaign_step *step;
    struct swarm_node *node;   // of the first word, or NULL
    struct swarm_guest *guest; // likewise
};

typedef int (*step_do)(struct step_run *run, struct error *err);

static const char *word(const struct step_run *run, size_t index)
{
    return index < run->step->count ? run->step->words[index] : "";
}

static bool word_is(const struct step_run *run, size_t index, const char *text)
{
    return strcmp(word(run, index), text) == 0;
}

static int word_us(const struct step_run *run, size_t index, int64_t *ret_us, struct error *err)
{
    int64_t ms = 0;
    if (campaign_parse_seconds(word(run, index), SECONDS_MAX_MS, &ms) < 0) {
        return error_set(err, -EINVAL, "'%s' is no number of seconds", word(run, index));
    }
    *ret_us = ms * SWARM_MS;
    return 0;
}

static int word_number(const struct step_run *run, size_t index, int64_t min, int64_t max,
                       int64_t *ret, struct error *err)
{
    return parse_int64(word(run, index), min, max, ret) == 0
               ? 0
               : error_set(err, -EINVAL, "'%s' is no number in range", word(run, index));
}

static int64_t reinstall_us(struct swarm_world *world)
{
    return swarm_random(world, REINSTALL_S_MIN * SWARM_S, REINSTALL_S_MAX * SWARM_S);
}

// --- Power.

static int do_power_off(struct step_run *run, struct error *err)
{
    (void)err; // never fails
    swarm_timer_stop(&run->node->boot);
    swarm_node_cut_power(run->node, "campaign");
    return 0;
}

static int do_power_on(struct step_run *run, struct error *err)
{
    (void)err; // never fails
    swarm_node_power_on(run->node);
    return 0;
}

static int do_reboot(struct step_run *run, struct error *err)
{
    (void)err; // never fails
    swarm_node_stop(run->node, true);
    return 0;
}

static int do_disk_lost(struct step_run *run, struct error *err)
{
    (void)err; // never fails
    struct swarm_node *node = run->node;
    bool was_on = node->is_on;
    swarm_node_cut_power(node, "campaign");
    swarm_disk_wipe(node->disk);
    if (was_on) {
        swarm_node_boot_after(node, reinstall_us(run->world));
    }
    return 0;
}

static int do_node_join(struct step_run *run, struct error *err)
{
    (void)err; // never fails
    struct swarm_node *node = run->node;
    if (node == NULL) {
        node = swarm_node_new(run->world, word(run, 1));
    } else if (node->is_on) {
        return 0;
    }
    swarm_node_leave(node);
    node->is_joining = true;
    swarm_node_boot_after(node, reinstall_us(run->world));
    return 0;
}

static int do_node_leave(struct step_run *run, struct error *err)
{
    (void)err; // never fails
    if (run->node->is_on) {
        swarm_node_stop(run->node, false);
    } else {
        swarm_node_leave_soon(run->node);
    }
    return 0;
}

// --- Network.

// Each node has a cable of its own: mending one does not mend what another one's lacks.
static void paths_update(struct swarm_world *world)
{
    for (size_t i = 0; i < world->count; i++) {
        for (size_t k = 0; k < world->count; k++) {
            const struct swarm_node *from = world->nodes[i];
            const struct swarm_node *to = world->nodes[k];
            if (i != k && from->is_configured && to->is_configured) {
                bool is_open = !from->no_out && !to->no_in && from->is_apart == to->is_apart;
                swarm_net_set_path(world->net, from->place, to->place, is_open);
            }
        }
    }
}

static int do_cut(struct step_run *run, struct error *err)
{
    (void)err; // never fails
    run->node->no_in = run->node->no_in || !word_is(run, 2, "out");
    run->node->no_out = run->node->no_out || !word_is(run, 2, "in");
    paths_update(run->world);
    return 0;
}

static int do_mend(struct step_run *run, struct error *err)
{
    (void)err; // never fails
    run->node->no_in = run->node->no_out = false;
    paths_update(run->world);
    return 0;
}

static bool is_named(const struct step_run *run, const struct swarm_node *node)
{
    for (size_t i = 1; i < run->step->count; i++) {
        if (word_is(run, i, node->name)) {
            return true;
        }
    }
    return false;
}

static int do_split(struct step_run *run, struct error *err)
{
    (void)err; // never fails
    for (size_t i = 0; i < run->world->count; i++) {
        run->world->nodes[i]->is_apart = is_named(run, run->world->nodes[i]);
    }
    paths_update(run->world);
    return 0;
}

static int do_heal(struct step_run *run, struct error *err)
{
    (void)err; // never fails
    for (size_t i = 0; i < run->world->count; i++) {
        struct swarm_node *node = run->world->nodes[i];
        node->no_in = node->no_out = node->is_apart = false;
    }
    paths_update(run->world);
    swarm_net_set_loss(run->world->net, 0);
    return 0;
}

static int do_loss(struct step_run *run, struct error *err)
{
    int64_t percent = 0;
    int r = word_number(run, 1, 0, 100, &percent, err);
    if (r == 0) {
        swarm_net_set_loss(run->world->net, percent);
    }
    return r;
}

// --- Processes and clocks.

static int do_pause(struct step_run *run, struct error *err)
{
    int64_t us = 0;
    int r = word_us(run, 2, &us, err);
    if (r == 0) {
        swarm_node_pause(run->node, us);
    }
    return r;
}

static struct swarm_process *process_find(struct step_run *run, struct error *err)
{
    for (size_t i = 0; i < SWARM_PROCESS_MAX; i++) {
        if (word_is(run, 2, swarm_process_name((enum swarm_process_kind)i))) {
            return &run->node->processes[i];
        }
    }
    (void)error_set(err, -EINVAL, "there is no daemon '%s'", word(run, 2));
    return NULL;
}

static int do_hold(struct step_run *run, struct error *err)
{
    int64_t us = 0;
    struct swarm_process *process = process_find(run, err);
    if (process == NULL) {
        return -EINVAL;
    }
    int r = word_us(run, 3, &us, err);
    if (r == 0) {
        swarm_process_hold(process, us);
    }
    return r;
}

static int do_kill(struct step_run *run, struct error *err)
{
    struct swarm_process *process = process_find(run, err);
    if (process == NULL) {
        return -EINVAL;
    }
    swarm_process_kill(process);
    return 0;
}

static int do_wall_clock(struct step_run *run, struct error *err)
{
    int64_t seconds = 0;
    int r = word_number(run, 2, -INT32_MAX, INT32_MAX, &seconds, err);
    if (r == 0) {
        run->node->clock.wall_offset_s += seconds;
    }
    return r;
}

static int do_expected(struct step_run *run, struct error *err)
{
    int64_t votes = 0;
    struct error refusal = {0};
    int r = word_number(run, 2, 1, SWARM_NODES_MAX, &votes, err);
    if (r == 0 && run->node->clusterd != NULL) {
        // A refusal is an answer like any other.
        ignore_result(swarm_clusterd_expect(run->node->clusterd, (uint32_t)votes,
                                            word_is(run, 3, "force"), &refusal));
    }
    return r;
}

// --- Disks, guests, devices.

static int do_disk_full(struct step_run *run, struct error *err)
{
    (void)err; // never fails
    swarm_disk_set_full(run->node->disk, word_is(run, 2, "on"));
    return 0;
}

static int do_blind(struct step_run *run, struct error *err)
{
    (void)err; // never fails
    run->node->is_blind = word_is(run, 2, "on");
    return 0;
}

static int do_blind_lrm(struct step_run *run, struct error *err)
{
    (void)err; // never fails
    run->node->lrm_is_blind = word_is(run, 2, "on");
    return 0;
}

static int do_disk_slow(struct step_run *run, struct error *err)
{
    int64_t ms = 0;
    int r = word_number(run, 2, 0, SECONDS_MAX_MS, &ms, err);
    if (r == 0) {
        swarm_disk_set_speed(run->node->disk, ms > 0 ? ms : 1, ms + DISK_USUAL_MS_MAX);
    }
    return r;
}

static int do_kill_guest(struct step_run *run, struct error *err)
{
    (void)err; // never fails
    for (size_t i = 0; i < run->world->count; i++) {
        swarm_guest_crash(run->world->nodes[i], run->guest->sid);
    }
    return 0;
}

static int do_hang_guest(struct step_run *run, struct error *err)
{
    (void)err; // never fails
    run->guest->hangs = word_is(run, 2, "on");
    return 0;
}

static int do_start_fails(struct step_run *run, struct error *err)
{
    return word_number(run, 2, 0, INT32_MAX, &run->guest->failing_starts, err);
}

static int do_start_slow(struct step_run *run, struct error *err)
{
    return word_us(run, 2, &run->guest->start_us, err);
}

static int do_stop_slow(struct step_run *run, struct error *err)
{
    return word_us(run, 2, &run->guest->stop_us, err);
}

static int do_fence_device(struct step_run *run, struct error *err)
{
    static const char *const names[] = {[SWARM_SWITCH_WORKS] = "works",
                                        [SWARM_SWITCH_FAILS] = "fails",
                                        [SWARM_SWITCH_HANGS] = "hangs",
                                        [SWARM_SWITCH_LIES] = "lies"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (word_is(run, 2, names[i])) {
            run->node->power_switch = (enum swarm_switch)i;
            return 0;
        }
    }
    return error_set(err, -EINVAL, "a device works, fails, hangs or lies, not '%s'", word(run, 2));
}

static int do_operator(struct step_run *run, struct error *err)
{
    return swarm_operator_do(run->world, run->step, err);
}

// --- All steps.

enum step_on { STEP_ON_NOTHING, STEP_ON_NODE, STEP_ON_NEW_NODE, STEP_ON_GUEST };

static const struct step_row {
    const char *verb;
    enum step_on on;
    step_do run;
} step_rows[] = {
    {"power-off", STEP_ON_NODE, do_power_off},
    {"power-on", STEP_ON_NODE, do_power_on},
    {"reboot", STEP_ON_NODE, do_reboot},
    {"cut", STEP_ON_NODE, do_cut},
    {"mend", STEP_ON_NODE, do_mend},
    {"split", STEP_ON_NODE, do_split},
    {"heal", STEP_ON_NOTHING, do_heal},
    {"loss", STEP_ON_NOTHING, do_loss},
    {"pause", STEP_ON_NODE, do_pause},
    {"hold", STEP_ON_NODE, do_hold},
    {"kill", STEP_ON_NODE, do_kill},
    {"kill-guest", STEP_ON_GUEST, do_kill_guest},
    {"hang-guest", STEP_ON_GUEST, do_hang_guest},
    {"start-fails", STEP_ON_GUEST, do_start_fails},
    {"start-slow", STEP_ON_GUEST, do_start_slow},
    {"stop-slow", STEP_ON_GUEST, do_stop_slow},
    {"blind", STEP_ON_NODE, do_blind},
    {"blind-lrm", STEP_ON_NODE, do_blind_lrm},
    {"disk-full", STEP_ON_NODE, do_disk_full},
    {"disk-slow", STEP_ON_NODE, do_disk_slow},
    {"disk-lost", STEP_ON_NODE, do_disk_lost},
    {"wall-clock", STEP_ON_NODE, do_wall_clock},
    {"fence-device", STEP_ON_NODE, do_fence_device},
    {"set", STEP_ON_GUEST, do_operator},
    {"add", STEP_ON_GUEST, do_operator},
    {"remove", STEP_ON_GUEST, do_operator},
    {"migrate", STEP_ON_GUEST, do_operator},
    {"relocate", STEP_ON_GUEST, do_operator},
    {"stop", STEP_ON_GUEST, do_operator},
    {"rule", STEP_ON_NOTHING, do_operator},
    {"maintenance", STEP_ON_NODE, do_operator},
    {"disarm", STEP_ON_NOTHING, do_operator},
    {"arm", STEP_ON_NOTHING, do_operator},
    {"expected", STEP_ON_NODE, do_expected},
    {"node-join", STEP_ON_NEW_NODE, do_node_join},
    {"node-leave", STEP_ON_NODE, do_node_leave},
    {"node-reinstall", STEP_ON_NODE, do_disk_lost},
};

int swarm_world_do(struct swarm_world *world, const struct campaign_step *step, struct error *err)
{
    struct step_run run = {.world = world, .step = step};
    world->is_mended = false;
    for (size_t i = 0; i < ARRAY_SIZE(step_rows); i++) {
        const struct step_row *row = &step_rows[i];
        if (!word_is(&run, 0, row->verb)) {
            continue;
        }
        if (row->on == STEP_ON_NODE || row->on == STEP_ON_NEW_NODE) {
            run.node = swarm_world_find_node(world, word(&run, 1));
            if (run.node == NULL && row->on == STEP_ON_NODE) {
                return error_set(err, -EINVAL, "there is no node '%s'", word(&run, 1));
            }
        }
        if (row->on == STEP_ON_GUEST) {
            run.guest = swarm_world_guest(world, word(&run, 1));
        }
        return row->run(&run, err);
    }
    return error_set(err, -EINVAL, "there is no step '%s'", word(&run, 0));
}

void swarm_world_mend(struct swarm_world *world)
{
    struct step_run run = {.world = world};
    world->is_mended = true;
    ignore_result(do_heal(&run, NULL)); // never fails
    for (size_t i = 0; i < world->count; i++) {
        struct swarm_node *node = world->nodes[i];
        swarm_node_unpause(node);
        for (size_t k = 0; k < SWARM_PROCESS_MAX; k++) {
            swarm_process_release(&node->processes[k]);
        }
        swarm_disk_set_full(node->disk, false);
        swarm_disk_set_speed(node->disk, 1, DISK_USUAL_MS_MAX);
        node->power_switch = SWARM_SWITCH_WORKS;
        node->is_blind = node->lrm_is_blind = false;
        swarm_node_power_on(node);
    }
    map_each (e, &world->guests) {
        struct swarm_guest *guest = e->value;
        guest->hangs = false;
        guest->failing_starts = 0;
        guest->start_us = 0;
        guest->stop_us = 0;
    }
}
