// SPDX-License-Identifier: Apache-2.0
#include "sim/swarm/swarm_guest.h"

#include <assert.h>
#include <stdlib.h>

#include "common/base/alloc.h"
#include "sim/swarm/swarm_host.h"

void swarm_run_free(void *value)
{
    struct swarm_run *run = value;
    swarm_timer_stop(&run->timer);
    free(run->sid);
    free(run);
}

static struct swarm_run *run_find(const struct swarm_node *node, const char *sid)
{
    return map_find(&node->runs, sid);
}

bool swarm_guest_is_up(const struct swarm_node *node, const char *sid)
{
    const struct swarm_run *run = run_find(node, sid);
    return run != NULL && run->state == SWARM_RUN_UP;
}

static void run_up(struct swarm_run *run)
{
    run->state = SWARM_RUN_UP;
    swarm_tell_guest(run->node, run->sid, true);
}

// Frees it.
static void run_end(struct swarm_run *run)
{
    struct swarm_node *node = run->node;
    bool was_up = run->state == SWARM_RUN_UP;
    bool had_processes = run->state != SWARM_RUN_STARTING;
    char *sid CLEANUP(alloc_freep) = alloc_strdup(run->sid);
    (void)map_remove(&node->runs, sid); // it was there
    if (was_up) {
        swarm_tell_guest(node, sid, false);
    }
    if (had_processes && node->lrm != NULL) {
        swarm_lrm_note_exit(node->lrm, sid);
    }
}

static void run_due(void *userdata)
{
    struct swarm_run *run = userdata;
    if (run->state == SWARM_RUN_STARTING) {
        run_up(run);
    } else if (swarm_world_guest(run->node->world, run->sid)->hangs) {
        run->is_ending = false;
    } else {
        run_end(run);
    }
}

static struct swarm_run *run_new(struct swarm_node *node, const char *sid,
                                 enum swarm_run_state state)
{
    struct swarm_run *run = alloc_zero(sizeof(*run));
    run->node = node;
    run->sid = alloc_strdup(sid);
    run->state = state;
    swarm_timer_init(&run->timer, node->world->queue, &node->gate, run_due, run);
    map_put(&node->runs, sid, run);
    return run;
}

static void run_set(struct swarm_run *run, int64_t us)
{
    swarm_timer_set(&run->timer, swarm_queue_now_us(run->node->world->queue) + us);
}

void swarm_guest_begin(struct swarm_node *node, const char *sid, int64_t us)
{
    assert(run_find(node, sid) == NULL);
    run_set(run_new(node, sid, SWARM_RUN_STARTING), us);
}

void swarm_guest_ask_to_end(struct swarm_node *node, const char *sid, int64_t us)
{
    struct swarm_run *run = run_find(node, sid);
    if (run != NULL && run->state == SWARM_RUN_UP && !run->is_ending) {
        run->is_ending = true;
        run_set(run, us);
    }
}

bool swarm_guest_kill(struct swarm_node *node, const char *sid)
{
    struct swarm_run *run = run_find(node, sid);
    if (run == NULL) {
        return true;
    }
    if (run->state != SWARM_RUN_STARTING && swarm_world_guest(node->world, sid)->hangs) {
        return false;
    }
    run_end(run);
    return true;
}

void swarm_guest_crash(struct swarm_node *node, const char *sid)
{
    struct swarm_run *run = run_find(node, sid);
    if (run != NULL && run->state == SWARM_RUN_UP) {
        run_end(run);
    }
}

void swarm_guest_sweep(struct swarm_node *node, const char *sid)
{
    struct swarm_run *run = run_find(node, sid);
    if (run != NULL && run->state != SWARM_RUN_UP) {
        run_end(run);
    }
}

void swarm_guests_sweep(struct swarm_node *node)
{
    size_t i = 0;
    while (i < node->runs.count) {
        struct swarm_run *run = node->runs.entries[i].value;
        if (run->state == SWARM_RUN_STARTING) {
            run_end(run); // takes it out of the map
        } else {
            i++;
        }
    }
}

void swarm_guest_still(struct swarm_node *node, const char *sid, bool is_still)
{
    struct swarm_run *run = run_find(node, sid);
    if (run == NULL || run->state == SWARM_RUN_STARTING ||
        is_still == (run->state == SWARM_RUN_STILL)) {
        return;
    }
    if (is_still) {
        run->state = SWARM_RUN_STILL;
        swarm_tell_guest(node, sid, false);
    } else {
        run_up(run);
    }
}

void swarm_guest_receive(struct swarm_node *node, const char *sid)
{
    if (!node->is_on || node->reset_why != NULL || node->is_paused || run_find(node, sid) != NULL ||
        node->lrm == NULL || !swarm_lrm_may_receive(node->lrm, sid)) {
        return; // the other end is gone: its new place starts it
    }
    run_up(run_new(node, sid, SWARM_RUN_STILL));
}

void swarm_guests_cut(struct swarm_node *node)
{
    while (node->runs.count > 0) {
        run_end(node->runs.entries[node->runs.count - 1].value);
    }
}
