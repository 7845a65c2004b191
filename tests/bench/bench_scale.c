// SPDX-License-Identifier: Apache-2.0
// A cluster of any size on virtual time: the rounds of ha-crm on some nodes and of ha-lrm on all of
// them, with their workers, over one simulated store. All services are started, minutes pass, a
// node is lost, then the master. Measures what the rounds cost and what is written; asserts that at
// the end of each part every service runs, on the node of its record and nowhere else. What the
// store itself costs is not in it: messages between nodes, disks, a copy of everything on each.
//
//   bench_scale NODES SERVICES [MANAGERS]    one line of JSON for each part
#include <assert.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/parse.h"
#include "common/model/service.h"
#include "common/model/store_keys.h"
#include "crm/round.h"
#include "lrm/round.h"
#include "sim/sim_command.h"
#include "sim/sim_turn.h"
#include "sim/world.h"

enum {
    SCALE_NODES_MAX = 1000,
    SCALE_SERVICES_MAX = 100 * 1000,
    SCALE_MANAGERS = 3,
    SCALE_PART_MAX_MS = 600 * 1000,
    SCALE_REST_MS = 20 * 1000,   // after a part, until the next one is measured
    SCALE_STEADY_MS = 60 * 1000, // of simulated time
    SCALE_FIRST_ID = 100 * 1000,
};

// What the rounds of one kind of daemon cost.
struct cost {
    uint64_t rounds;
    double cpu_ms, round_cpu_ms_max;
};

struct scale {
    struct sim_world *world;
    struct arena *arena; // of the names
    size_t nodes, services, managers;
    struct cost master, standby, lrm;
    struct sim_traffic durable, passing; // as they were when the part began
    int64_t began_ms;
};

static double cpu_now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now); // exists everywhere
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static double heap_mib(void)
{
    struct mallinfo2 info = mallinfo2();
    return (double)(info.uordblks + info.hblkhd) / 1048576.0;
}

// ---- the loop: from one due thing to the next

static bool scale_is_master(const struct sim_daemon *daemon)
{
    return daemon->crm != NULL && crm_round_state(daemon->crm) == CRM_STATE_MASTER;
}

static void scale_turn(struct scale *scale, struct sim_daemon *daemon)
{
    if (!sim_daemon_exists(daemon) || daemon->next_wake_ms > scale->world->now_ms) {
        return;
    }
    struct cost *cost = daemon->kind == SIM_DAEMON_LRM ? &scale->lrm
                        : scale_is_master(daemon)      ? &scale->master
                                                       : &scale->standby;
    double begin_ms = cpu_now_ms();
    bool exits = sim_daemon_run(daemon);
    double spent_ms = cpu_now_ms() - begin_ms;
    assert(!exits);
    cost->rounds++;
    cost->cpu_ms += spent_ms;
    cost->round_cpu_ms_max = spent_ms > cost->round_cpu_ms_max ? spent_ms : cost->round_cpu_ms_max;
}

static int64_t scale_next_ms(const struct scale *scale)
{
    int64_t next_ms = INT64_MAX;
    map_each (e, &scale->world->nodes) {
        const struct sim_node *node = e->value;
        const struct sim_daemon *const daemons[] = {&node->crm, &node->lrm};
        for (size_t i = 0; i < ARRAY_SIZE(daemons); i++) {
            bool sooner = sim_daemon_exists(daemons[i]) && daemons[i]->next_wake_ms < next_ms;
            next_ms = sooner ? daemons[i]->next_wake_ms : next_ms;
        }
    }
    return next_ms > scale->world->now_ms ? next_ms : scale->world->now_ms;
}

static void scale_instant(struct scale *scale)
{
    struct sim_world *world = scale->world;
    const struct timing *timing = &world->timing;
    struct error err = {0};
    world->now_ms = scale_next_ms(scale);
    map_each (e, &world->nodes) {
        struct sim_node *node = e->value;
        node->crm.clock_ms = world->now_ms;
        node->lrm.clock_ms = world->now_ms;
    }
    int r = sim_turn_check_watchdogs(world, 2 * timing->watchdog_ms + timing->granularity_ms, &err);
    assert(r == 0);
    map_each (e, &world->nodes) {
        struct sim_node *node = e->value;
        scale_turn(scale, &node->crm);
        scale_turn(scale, &node->lrm);
    }
    assert(world->violation == NULL); // INV-1
}

// ---- parts

static bool scale_has_started(const struct scale *scale)
{
    size_t running = 0;
    map_each (e, &scale->world->guests.nodes) {
        const struct map *runs = e->value;
        running += runs->count;
    }
    return running == scale->services;
}

static void scale_check_service(const struct scale *scale, struct arena *arena, size_t i)
{
    const char *sid = arena_printf(arena, "vm:%zu", SCALE_FIRST_ID + i);
    const char *key = arena_printf(arena, STORE_PREFIX_SERVICE "%s", sid);
    const char *text = sim_store_find(&scale->world->store, key);
    struct service *service = NULL;
    struct error err = {0};
    assert(text != NULL);
    int r = service_parse(arena, sid, text, strlen(text), &service, &err);
    assert(r == 0);
    assert(service->state == SVC_STATE_STARTED);
    assert(sim_guests_runs(&scale->world->guests, service->node, sid));
}

static void scale_check(const struct scale *scale)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    for (size_t i = 0; i < scale->services; i++) {
        arena_clear(arena);
        scale_check_service(scale, arena, i);
    }
}

static void scale_begin(struct scale *scale)
{
    scale->master = scale->standby = scale->lrm = (struct cost){0};
    scale->durable = scale->world->durable;
    scale->passing = scale->world->passing;
    scale->durable.bytes_max = scale->world->durable.bytes_max = 0;
    scale->passing.bytes_max = scale->world->passing.bytes_max = 0;
    scale->began_ms = scale->world->now_ms;
}

static void scale_print_cost(const char *name, const struct cost *cost)
{
    (void)printf("\"%s_rounds\":%llu,\"%s_cpu_ms\":%.1f,\"%s_round_max_cpu_ms\":%.2f,", name,
                 (unsigned long long)cost->rounds, name, cost->cpu_ms, name,
                 cost->round_cpu_ms_max);
}

static void scale_print_traffic(const char *name, const struct sim_traffic *before,
                                const struct sim_traffic *now)
{
    (void)printf("\"%s_transactions\":%llu,\"%s_keys\":%llu,\"%s_bytes\":%llu,"
                 "\"%s_bytes_max\":%llu,",
                 name, (unsigned long long)(now->transactions - before->transactions), name,
                 (unsigned long long)(now->keys - before->keys), name,
                 (unsigned long long)(now->bytes - before->bytes), name,
                 (unsigned long long)now->bytes_max);
}

static void scale_end(const struct scale *scale, const char *part)
{
    const struct sim_world *world = scale->world;
    (void)printf("{\"part\":\"%s\",\"nodes\":%zu,\"services\":%zu,\"simulated_ms\":%lld,", part,
                 scale->nodes, scale->services, (long long)(world->now_ms - scale->began_ms));
    scale_print_cost("master", &scale->master);
    scale_print_cost("standby", &scale->standby);
    scale_print_cost("lrm", &scale->lrm);
    scale_print_traffic("durable", &scale->durable, &world->durable);
    scale_print_traffic("volatile", &scale->passing, &world->passing);
    (void)printf("\"heap_mib\":%.0f}\n", heap_mib());
    (void)fflush(stdout); // a line can be seen as soon as it is known
}

static void scale_pass(struct scale *scale, int64_t for_ms)
{
    int64_t until_ms = scale->world->now_ms + for_ms;
    while (scale_next_ms(scale) <= until_ms) {
        scale_instant(scale);
    }
    scale->world->now_ms = until_ms;
}

// Until everything runs; then a rest, so that what follows is not in the next part.
static void scale_run(struct scale *scale, const char *part)
{
    while (!scale_has_started(scale)) {
        scale_instant(scale);
        assert(scale->world->now_ms - scale->began_ms < SCALE_PART_MAX_MS);
    }
    scale_end(scale, part);
    scale_pass(scale, SCALE_REST_MS);
    scale_check(scale);
}

static const struct sim_node *scale_find_master(const struct scale *scale)
{
    map_each (e, &scale->world->nodes) {
        const struct sim_node *node = e->value;
        if (scale_is_master(&node->crm)) {
            return node;
        }
    }
    assert(false); // there is one
    return NULL;
}

static void scale_power_off(struct scale *scale, const char *node)
{
    struct error err = {0};
    int r = sim_command_run(scale->world, "scale", arena_printf(scale->arena, "power %s off", node),
                            &err);
    assert(r == 0);
}

// ---- the cluster

static void scale_ignore_event(void *userdata, int64_t t_ms, const char *at,
                               const struct event *event)
{
    (void)userdata;
    (void)t_ms;
    (void)at;
    (void)event;
}

static const char *scale_node_name(const struct scale *scale, size_t i)
{
    return arena_printf(scale->arena, "node%04zu", i);
}

// Managers stand apart, so that a lost node is none of them by chance.
static void scale_add_nodes(struct scale *scale)
{
    for (size_t i = 0; i < scale->nodes; i++) {
        struct sim_node *node = sim_world_add_node(scale->world, scale_node_name(scale, i));
        node->power = true;
        node->network = true;
    }
    sim_world_change_membership(scale->world);
    size_t i = 0;
    map_each (e, &scale->world->nodes) {
        struct sim_node *node = e->value;
        if (i++ < scale->managers) {
            sim_daemon_create(&node->crm);
        }
        sim_daemon_create(&node->lrm);
    }
}

// In ascending order of the keys, which is the cheap one; so are the places of the results.
static void scale_add_services(struct scale *scale)
{
    struct sim_store *store = &scale->world->store;
    struct arena *arena = scale->arena;
    for (size_t i = 0; i < scale->services; i++) {
        size_t id = SCALE_FIRST_ID + i;
        sim_store_put(store, arena_printf(arena, STORE_PREFIX_GUEST "vm:%zu", id),
                      arena_printf(arena,
                                   "{\"config\":{\"cores\":\"2\"},\"node\":\"%s\","
                                   "\"sid\":\"vm:%zu\"}",
                                   scale_node_name(scale, i % scale->nodes), id));
    }
    for (size_t node = 0; node < scale->nodes; node++) {
        for (size_t i = node; i < scale->services; i += scale->nodes) {
            sim_store_put(store,
                          arena_printf(arena, STORE_PREFIX_RESULT "%s/vm:%zu",
                                       scale_node_name(scale, node), SCALE_FIRST_ID + i),
                          NULL);
        }
    }
    for (size_t i = 0; i < scale->services; i++) {
        size_t id = SCALE_FIRST_ID + i;
        sim_store_put(store, arena_printf(arena, STORE_PREFIX_RESOURCE "vm:%zu", id),
                      arena_printf(arena, "vm: %zu\n\tstate started\n\n", id));
    }
}

static void scale_measure(struct scale *scale)
{
    scale_begin(scale);
    scale_run(scale, "start");
    scale_begin(scale);
    scale_pass(scale, SCALE_STEADY_MS);
    scale_end(scale, "steady");
    scale_begin(scale);
    scale_power_off(scale, scale_node_name(scale, scale->nodes - 1));
    scale_run(scale, "node lost");
    scale_begin(scale);
    scale_power_off(scale, scale_find_master(scale)->name);
    scale_run(scale, "master lost");
}

int main(int argc, char **argv)
{
    int64_t sizes[] = {0, 0, SCALE_MANAGERS};
    if (argc < 3 || argc > 4 || parse_int64(argv[1], 5, SCALE_NODES_MAX, &sizes[0]) < 0 ||
        parse_int64(argv[2], 10, SCALE_SERVICES_MAX, &sizes[1]) < 0 ||
        (argc == 4 && parse_int64(argv[3], 2, sizes[0] - 1, &sizes[2]) < 0)) {
        (void)fprintf(stderr, "usage: bench_scale NODES SERVICES [MANAGERS]\n");
        return 2;
    }
    struct timing timing;
    timing_get(TIMING_PROFILE_BALANCED, &timing);
    struct scale scale = {.world = sim_world_new(&timing, scale_ignore_event, NULL),
                          .arena = arena_new(),
                          .nodes = (size_t)sizes[0],
                          .services = (size_t)sizes[1],
                          .managers = (size_t)sizes[2]};
    scale_add_services(&scale);
    scale_add_nodes(&scale);
    scale_measure(&scale);
    sim_world_free(scale.world);
    arena_free(scale.arena);
    return 0;
}
