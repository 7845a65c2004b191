// SPDX-License-Identifier: Apache-2.0
// Running flags and counters. What the agents do with them is in sim_agent.c.
#include "sim/sim_guest.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/error.h"
#include "common/base/strbuf.h"

// By whose doing a guest runs where it runs. Only the cluster's are counted.
enum sim_run_owner { SIM_RUN_CLUSTER, SIM_RUN_OPERATOR, SIM_RUN_UNGUARDED };

struct sim_run {
    enum sim_run_owner owner;
};

struct sim_count {
    size_t nodes;
};

static void sim_node_runs_free(void *value)
{
    struct map *runs = value;
    map_done(runs);
    free(runs);
}

void sim_guests_init(struct sim_guests *guests)
{
    *guests = (struct sim_guests){0};
    map_init(&guests->nodes, sim_node_runs_free);
    map_init(&guests->counters, free);
    map_init(&guests->counts, free);
}

void sim_guests_done(struct sim_guests *guests)
{
    map_done(&guests->nodes);
    map_done(&guests->counters);
    map_done(&guests->counts);
}

static struct map *sim_guests_node(struct sim_guests *guests, const char *node)
{
    struct map *runs = map_find(&guests->nodes, node);
    if (runs == NULL) {
        runs = alloc_zero(sizeof(*runs));
        map_init(runs, free);
        map_put(&guests->nodes, node, runs);
    }
    return runs;
}

static void sim_guests_count(struct sim_guests *guests, const char *sid, bool more)
{
    struct sim_count *count = map_find(&guests->counts, sid);
    if (count == NULL) {
        count = alloc_zero(sizeof(*count));
        map_put(&guests->counts, sid, count);
    }
    bool was_double = count->nodes > 1;
    assert(more || count->nodes > 0);
    count->nodes += more ? 1 : (size_t)-1;
    bool is_double = count->nodes > 1;
    if (is_double && !was_double) {
        guests->doubles++;
    } else if (was_double && !is_double) {
        guests->doubles--;
    }
}

bool sim_guests_runs(const struct sim_guests *guests, const char *node, const char *sid)
{
    const struct map *runs = map_find(&guests->nodes, node);
    return runs != NULL && map_has(runs, sid);
}

void sim_guests_set(struct sim_guests *guests, const char *node, const char *sid, bool runs)
{
    struct map *map = sim_guests_node(guests, node);
    const struct sim_run *before = map_find(map, sid);
    if (before != NULL && before->owner == SIM_RUN_CLUSTER) {
        sim_guests_count(guests, sid, false);
    }
    if (!runs) {
        (void)map_remove(map, sid); // fine when it did not run
        return;
    }
    struct sim_run *run = alloc_zero(sizeof(*run));
    run->owner = SIM_RUN_CLUSTER;
    map_put(map, sid, run);
    sim_guests_count(guests, sid, true);
}

void sim_guests_clear_node(struct sim_guests *guests, const char *node)
{
    struct map *runs = map_find(&guests->nodes, node);
    if (runs == NULL) {
        return;
    }
    map_each (e, runs) {
        const struct sim_run *run = e->value;
        if (run->owner == SIM_RUN_CLUSTER) {
            sim_guests_count(guests, e->key, false);
        }
    }
    map_clear(runs);
}

void sim_guests_disown(struct sim_guests *guests, const char *sid)
{
    map_each (e, &guests->nodes) {
        struct sim_run *run = map_find(e->value, sid);
        if (run != NULL && run->owner == SIM_RUN_CLUSTER) {
            sim_guests_count(guests, sid, false);
        }
        if (run != NULL) {
            run->owner = SIM_RUN_OPERATOR;
        }
    }
}

void sim_guests_guard_node(struct sim_guests *guests, const char *node, bool guarded)
{
    const enum sim_run_owner from = guarded ? SIM_RUN_UNGUARDED : SIM_RUN_CLUSTER;
    const struct map *runs = map_find(&guests->nodes, node);
    for (size_t i = 0; runs != NULL && i < runs->count; i++) {
        struct sim_run *run = runs->entries[i].value;
        if (run->owner == from) {
            run->owner = guarded ? SIM_RUN_CLUSTER : SIM_RUN_UNGUARDED;
            sim_guests_count(guests, runs->entries[i].key, guarded);
        }
    }
}

const char *sim_guests_find_double(const struct sim_guests *guests)
{
    if (guests->doubles == 0) {
        return NULL;
    }
    map_each (e, &guests->counts) {
        const struct sim_count *count = e->value;
        if (count->nodes > 1) {
            return e->key;
        }
    }
    return NULL;
}

int sim_fa_parse(const char *digits, struct sim_fa *ret, struct error *err)
{
    enum { FA_DIGITS_MIN = 3, FA_DIGITS_MAX = 6 };
    // none, starts, moves, unstoppable, exists, node
    int64_t values[FA_DIGITS_MAX] = {0, 0, 0, 0, 1, 0};
    size_t count = strlen(digits);
    if (count < FA_DIGITS_MIN || count > FA_DIGITS_MAX || strspn(digits, "0123456789") != count) {
        return error_set(err, -EINVAL, "'fa:%s': expected 3 to 6 digits", digits);
    }
    for (size_t i = 0; i < count; i++) {
        values[i] = digits[i] - '0';
    }
    *ret = (struct sim_fa){.failing_starts = values[1],
                           .failing_moves = values[2],
                           .unstoppable = values[3] != 0,
                           .only_node = values[5]};
    return 0;
}

bool sim_fa_attempt(struct sim_guests *guests, const char *what, const char *sid, int64_t failing,
                    const struct sim_fa *fa, const char *node)
{
    struct strbuf text CLEANUP(strbuf_done) = {0};
    strbuf_appendf(&text, "node%d", (int)fa->only_node);
    bool applies = failing > 0 && (fa->only_node == 0 || strcmp(strbuf_text(&text), node) == 0);
    strbuf_clear(&text);
    strbuf_appendf(&text, "%s %s", what, sid);
    int64_t *counter = map_find(&guests->counters, strbuf_text(&text));
    if (counter == NULL) {
        counter = alloc_zero(sizeof(*counter));
        map_put(&guests->counters, strbuf_text(&text), counter);
    }
    if (applies && ++*counter <= failing) {
        return false;
    }
    *counter = 0;
    return true;
}
