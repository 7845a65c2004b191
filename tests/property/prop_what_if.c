// SPDX-License-Identifier: Apache-2.0
// What-if equals what happens (INV-16): the end of each scenario, and random clusters from fixed
// seeds, are asked what becomes of their services if nodes are lost or taken out for maintenance;
// then that is really done to the simulated cluster, with its own LRMs, workers and leases, and
// each service must be where, and how, it was said. Usage: prop_what_if FOLDER-OF-SCENARIOS [SEEDS]
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "answers/what_if.h"
#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/parse.h"
#include "common/base/prng.h"
#include "common/base/strbuf.h"
#include "common/model/guest.h"
#include "common/model/node_load.h"
#include "common/model/options.h"
#include "common/model/service.h"
#include "common/model/sid.h"
#include "common/model/store_keys.h"
#include "sim/scenario.h"
#include "sim/sim_loop.h"
#include "sim/sim_service.h"
#include "sim/world.h"
#include "tests/lib/fake_store.h"

enum { SEEDS = 10, NAMES_MAX = 64, QUIET_MS = 200 * 1000 };

// One cluster that can be made again and again, always the same.
struct subject {
    const char *folder; // a scenario's, or NULL: random, of this seed
    uint64_t seed;
    enum timing_profile profile;
};

struct question {
    const char *nodes[2];
    size_t count;
    bool maintenance;
};

struct tally {
    uint64_t asked, skipped, wrong;
};

static void world_freep(struct sim_world **world)
{
    sim_world_free(*world);
}

static void ignore_event(void *userdata, int64_t t_ms, const char *at, const struct event *event)
{
    (void)userdata;
    (void)t_ms;
    (void)at;
    (void)event;
}

// ---- random clusters

static void random_service(struct sim_world *world, struct arena *arena, struct prng *prng,
                           uint64_t number, uint64_t nodes)
{
    static const char *const states[] = {"started", "started", "started",
                                         "started", "stopped", "disabled"};
    const char *sid =
        arena_printf(arena, "%s:%" PRIu64, prng_below(prng, 2) == 0 ? "vm" : "ct", 100 + number);
    struct resource *resource = resource_new(arena, sid);
    const char *node = arena_printf(arena, "node%" PRIu64, 1 + prng_below(prng, nodes));
    int r =
        resource_set(arena, resource, "state", states[prng_below(prng, ARRAY_SIZE(states))], NULL);
    r = r == 0 && prng_below(prng, 3) == 0 ? resource_set(arena, resource, "failback", "0", NULL)
                                           : r;
    if (r < 0) {
        abort();
    }
    struct guest *guest = guest_new(arena, sid, node);
    sim_service_put(world, resource, guest);
    struct sim_sizes *sizes = sim_service_sizes(world, sid);
    sizes->maxcpu = (double)(1 + prng_below(prng, 8));
    sizes->maxmem = (double)((1 + prng_below(prng, 16)) * 1024 * 1024 * 1024);
    sizes->cpu = sizes->maxcpu / 2;
    sizes->mem = sizes->maxmem / 2;
}

static const char *random_sids(struct sim_world *world, struct arena *arena, struct prng *prng,
                               uint64_t wanted)
{
    struct store_entries entries;
    const char *text = "";
    sim_store_read(&world->store, STORE_PREFIX_RESOURCE, 0, world->store.version, arena, &entries);
    for (size_t i = 0; i < entries.count; i++) {
        if (prng_below(prng, entries.count) < wanted) {
            text = arena_printf(arena, "%s%s%s", text, *text != '\0' ? "," : "",
                                entries.entries[i].key + strlen(STORE_PREFIX_RESOURCE));
        }
    }
    return text;
}

static void random_rules(struct sim_world *world, struct arena *arena, struct prng *prng,
                         uint64_t nodes)
{
    struct strbuf text CLEANUP(strbuf_done) = {0};
    uint64_t count = prng_below(prng, 5);
    for (uint64_t i = 0; i < count; i++) {
        const char *sids = random_sids(world, arena, prng, 3);
        if (strchr(sids, ',') == NULL) {
            continue;
        }
        if (prng_below(prng, 2) == 0) {
            strbuf_appendf(&text,
                           "node-affinity: place%" PRIu64 "\n\tresources %s\n\tnodes node%" PRIu64
                           ":%" PRIu64 ",node%" PRIu64 "\n%s\n",
                           i, sids, 1 + prng_below(prng, (nodes + 1) / 2), prng_below(prng, 3),
                           1 + (nodes + 1) / 2 + prng_below(prng, nodes / 2),
                           prng_below(prng, 2) == 0 ? "\tstrict 1\n" : "");
        } else {
            strbuf_appendf(&text,
                           "resource-affinity: with%" PRIu64 "\n\tresources %s\n\taffinity %s\n\n",
                           i, sids, prng_below(prng, 2) == 0 ? "positive" : "negative");
        }
    }
    sim_world_put(world, STORE_KEY_RULES, strbuf_text(&text));
}

static struct scenario *random_world(struct sim_world *world, struct arena *arena, uint64_t seed)
{
    static const char *const options[] = {"", "crs: ha=static\n", "crs: ha=dynamic\n",
                                          "crs: ha=static,ha-rebalance-on-start=1\n"};
    struct prng prng;
    prng_init(&prng, seed);
    uint64_t nodes = 3 + prng_below(&prng, 4);
    uint64_t services = 3 + prng_below(&prng, 20);
    const char **commands = arena_array_of(arena, const char *, nodes);
    for (uint64_t i = 0; i < nodes; i++) {
        const char *name = arena_printf(arena, "node%" PRIu64, i + 1);
        struct sim_node *node = sim_world_add_node(world, name);
        node->has_sizes = true;
        node->maxcpu = (double)(8 + 8 * prng_below(&prng, 3));
        node->maxmem = (double)((32 + 32 * prng_below(&prng, 3)) * 1024 * 1024 * 1024);
        commands[i] = arena_printf(arena, "power %s on", name);
    }
    for (uint64_t i = 0; i < services; i++) {
        random_service(world, arena, &prng, i, nodes);
    }
    random_rules(world, arena, &prng, nodes);
    sim_world_put(world, STORE_KEY_DATACENTER, options[prng_below(&prng, ARRAY_SIZE(options))]);
    struct scenario_batch *batch = arena_new_of(arena, struct scenario_batch);
    *batch = (struct scenario_batch){commands, nodes};
    struct scenario *scenario = arena_new_of(arena, struct scenario);
    *scenario = (struct scenario){.folder = "random", .batches = batch, .batches_count = 1};
    return scenario;
}

// ---- the cluster at its end

static int subject_make(const struct subject *subject, struct arena *arena, struct sim_world **ret,
                        struct error *err)
{
    struct timing timing;
    struct scenario *scenario = NULL;
    timing_get(subject->profile, &timing);
    struct sim_world *world CLEANUP(world_freep) = sim_world_new(&timing, ignore_event, NULL);
    int r = 0;
    if (subject->folder != NULL) {
        r = scenario_load(arena, subject->folder, world, &scenario, err);
    } else {
        scenario = random_world(world, arena, subject->seed);
    }
    if (r == 0) {
        r = sim_loop_run_live(world, scenario, err);
    }
    if (r == 0 && world->violation != NULL) {
        r = error_set(err, -EPROTO, "%s", world->violation);
    }
    if (r == 0) {
        *ret = steal_ptr(world);
    }
    return r;
}

// What nobody can foresee: guests that fail by order, broken stores, daemons that are not there.
static bool world_is_foreseeable(const struct sim_world *world)
{
    bool any = false;
    map_each (e, &world->nodes) {
        const struct sim_node *node = e->value;
        bool whole = sim_daemon_exists(&node->crm) && sim_daemon_exists(&node->lrm) &&
                     !node->store_broken && !node->view_broken &&
                     node->going_down == SIM_GOING_DOWN_NONE;
        if (sim_node_is_online(node) && !whole) {
            return false;
        }
        any = any || sim_node_is_online(node);
    }
    map_each (e, &world->store.rows) {
        const char *sid = e->key + strlen(STORE_PREFIX_RESOURCE);
        struct sim_fa fa;
        bool fails = strncmp(e->key, STORE_PREFIX_RESOURCE "fa:", 12) == 0 &&
                     sim_store_find(&world->store, e->key) != NULL &&
                     sim_fa_parse(sid_name(sid), &fa, NULL) == 0 &&
                     (fa.failing_starts > 0 || fa.failing_moves > 0 || fa.unstoppable);
        if (fails) {
            return false;
        }
    }
    return any && sim_world_is_quorate(world);
}

// The simulator's figures, as nodes and definitions of a real cluster have them.
static void snapshot_add_figures(const struct sim_world *world, struct arena *arena,
                                 struct fake_store *store)
{
    struct options options;
    const char *text = sim_store_find(&world->store, STORE_KEY_DATACENTER);
    options_init(&options);
    if (text != NULL && options_parse(arena, text, &options, NULL) < 0) {
        options_init(&options);
    }
    bool dynamic = options.scheduler == SCHEDULER_MODE_DYNAMIC;
    struct store_entries guests;
    sim_store_read(&world->store, STORE_PREFIX_GUEST, 0, world->store.version, arena, &guests);
    const struct sim_sizes usual = sim_sizes_default();
    for (size_t i = 0; i < guests.count; i++) {
        struct guest *guest = NULL;
        const char *sid = guests.entries[i].key + strlen(STORE_PREFIX_GUEST);
        const struct sim_sizes *sizes = map_find(&world->sizes, sid);
        sizes = sizes != NULL ? sizes : &usual;
        if (guest_parse(arena, guests.entries[i].value, guests.entries[i].size_bytes, &guest,
                        NULL) == 0) {
            map_put(&guest->config, "cores", arena_printf(arena, "%.0f", sizes->maxcpu));
            map_put(&guest->config, "memory",
                    arena_printf(arena, "%.0f", sizes->maxmem / (1024.0 * 1024.0)));
            fake_store_put(store, guests.entries[i].key, guest_format(arena, guest));
        }
    }
    map_each (e, &world->nodes) {
        const struct sim_node *node = e->value;
        if (!dynamic && !node->has_sizes) {
            continue;
        }
        struct node_load *load = node_load_new(arena);
        load->measured = dynamic;
        load->maxcpu = node->maxcpu > 0.0 ? node->maxcpu : 24.0;
        load->maxmem = node->maxmem > 0.0 ? node->maxmem : 131072.0 * 1024.0 * 1024.0;
        for (size_t i = 0; dynamic && i < guests.count; i++) {
            const char *sid = guests.entries[i].key + strlen(STORE_PREFIX_GUEST);
            const struct sim_sizes *sizes = map_find(&world->sizes, sid);
            sizes = sizes != NULL ? sizes : &usual;
            if (sim_guests_runs(&world->guests, e->key, sid)) {
                struct guest_load *guest = arena_new_of(arena, struct guest_load);
                *guest = (struct guest_load){sizes->cpu, sizes->mem};
                map_put(&load->guests, sid, guest);
                load->cpu += guest->cpu;
                load->mem += guest->mem;
            }
        }
        fake_store_put(store, arena_printf(arena, STORE_PREFIX_LOAD "%s", e->key),
                       node_load_format(arena, load));
    }
}

static void snapshot_make(const struct sim_world *world, struct arena *arena,
                          struct fake_store *store, struct what_if_source *ret)
{
    struct what_if_source source = {
        .store = fake_store_port(store), .timing = world->timing, .wall_ms = world->now_ms};
    size_t online = 0;
    map_each (e, &world->store.rows) {
        const char *value = sim_store_find(&world->store, e->key);
        if (value != NULL) {
            fake_store_put(store, e->key, value);
        }
    }
    snapshot_add_figures(world, arena, store);
    map_init_arena(&source.votes, arena);
    source.members.members = arena_array_of(arena, struct member, world->nodes.count);
    source.members.quorate = sim_world_is_quorate(world);
    source.members.epoch = world->epoch;
    source.members.forced = world->expected_votes > 0 && world->expected_votes < world->nodes.count;
    map_each (e, &world->nodes) {
        bool here = sim_node_is_online(e->value);
        source.members.members[source.members.count++] =
            (struct member){.node = arena_strdup(arena, e->key), .online = here, .present = here};
        online += here ? 1 : 0;
    }
    size_t expected = world->expected_votes > 0 ? world->expected_votes : world->nodes.count;
    source.expected_votes = (int64_t)(expected > online ? expected : online);
    *ret = source;
}

// ---- what was said, and what happened

static const char *state_line(struct arena *arena, const char *sid, const char *node,
                              enum svc_state state, bool runs)
{
    return arena_printf(arena, "%s %s %s %s", sid, node != NULL ? node : "-",
                        svc_state_to_string(state), runs ? "runs" : "-");
}

static bool world_runs(const struct sim_world *world, const char *sid, const char **ret_node)
{
    map_each (e, &world->nodes) {
        if (sim_guests_runs(&world->guests, e->key, sid)) {
            *ret_node = e->key;
            return true;
        }
    }
    return false;
}

static void world_read(const struct sim_world *world, struct arena *arena, struct map *ret_lines)
{
    struct store_entries entries;
    sim_store_read(&world->store, STORE_PREFIX_SERVICE, 0, world->store.version, arena, &entries);
    map_init_arena(ret_lines, arena);
    for (size_t i = 0; i < entries.count; i++) {
        const char *sid = entries.entries[i].key + strlen(STORE_PREFIX_SERVICE);
        struct service *record = NULL;
        if (service_parse(arena, sid, entries.entries[i].value, entries.entries[i].size_bytes,
                          &record, NULL) < 0) {
            continue;
        }
        const char *node = record->node;
        bool runs = world_runs(world, sid, &node);
        bool nowhere =
            !runs && (record->state == SVC_STATE_FENCE || record->state == SVC_STATE_RECOVERY ||
                      !sim_node_is_online(sim_world_find_node(world, record->node)));
        map_put(
            ret_lines, sid,
            (void *)(uintptr_t)state_line(arena, sid, nowhere ? NULL : node, record->state, runs));
    }
}

// Takes over what was foretold.
static void foretell(const struct what_if_answer *answer, struct arena *arena, struct map *lines)
{
    for (size_t i = 0; i < answer->services_count; i++) {
        const struct what_if_service *service = &answer->services[i];
        map_put(lines, service->sid,
                (void *)(uintptr_t)state_line(arena, service->sid, service->to,
                                              service->state_after, service->runs));
    }
}

static uint64_t compare(const struct map *said, const struct map *happened, const char *title)
{
    uint64_t wrong = 0;
    map_each (e, happened) {
        const char *expected = map_find(said, e->key);
        if (expected == NULL || strcmp(expected, e->value) != 0) {
            wrong++;
            printf("# %s: said '%s', happened '%s'\n", title, expected != NULL ? expected : "?",
                   (const char *)e->value);
        }
    }
    return wrong + (said->count != happened->count ? 1 : 0);
}

static int happen(struct sim_world *world, struct arena *arena, const struct question *question,
                  struct error *err)
{
    const char *commands[2];
    for (size_t i = 0; i < question->count; i++) {
        commands[i] =
            question->maintenance
                ? arena_printf(arena, "crm %s enable-node-maintenance", question->nodes[i])
                : arena_printf(arena, "power %s off", question->nodes[i]);
    }
    const struct scenario_batch batch = {commands, question->count};
    const struct scenario scenario = {.folder = "question", .batches = &batch, .batches_count = 1};
    world->quiet_ms = QUIET_MS;
    return sim_loop_run_live(world, &scenario, err);
}

// In a child of its own, so that the world at hand stays as it is for the next question.
static bool ask_here(struct sim_world *world, const struct question *question, const char *title)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct error err = {0};
    struct fake_store *store = fake_store_new();
    struct what_if_source source;
    struct what_if_answer answer = {0};
    struct what_if_question asked = {0};
    struct map said, happened;
    if (question->maintenance) {
        asked.maintenance = question->nodes;
        asked.maintenance_count = question->count;
    } else {
        asked.lost = question->nodes;
        asked.lost_count = question->count;
    }
    snapshot_make(world, arena, store, &source);
    world_read(world, arena, &said);
    int r = what_if_ask(arena, &source, &asked, &answer, &err);
    if (r == 0) {
        foretell(&answer, arena, &said);
        r = happen(world, arena, question, &err);
    }
    fake_store_free(store);
    if (r < 0 || world->violation != NULL) {
        printf("# %s: %s\n", title, r < 0 ? err.text : world->violation);
        return false;
    }
    world_read(world, arena, &happened);
    if (answer.is_quorate) {
        return compare(&said, &happened, title) == 0;
    }
    // Nobody writes any more: the records stay as they were, and nothing runs.
    uint64_t running = 0;
    const char *node;
    map_each (e, &happened) {
        running += world_runs(world, e->key, &node) ? 1 : 0;
    }
    if (running > 0) {
        printf("# %s: %" PRIu64 " services run without a quorum\n", title, running);
    }
    return running == 0;
}

static void ask(const struct subject *subject, struct sim_world *world,
                const struct question *question, struct tally *tally)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    const char *title = arena_printf(
        arena, "%s %" PRIu64 ": %s %s%s%s", subject->folder != NULL ? subject->folder : "seed",
        subject->seed, question->maintenance ? "maintain" : "lose", question->nodes[0],
        question->count > 1 ? "," : "", question->count > 1 ? question->nodes[1] : "");
    int status = -1;
    (void)fflush(stdout); // else the child would print it, too
    pid_t child = fork();
    if (child == 0) {
        bool good = ask_here(world, question, title);
        (void)fflush(stdout); // what cannot be printed is not read
        _exit(good ? 0 : 1);
    }
    tally->asked++;
    bool ended = child > 0 && waitpid(child, &status, 0) == child;
    if (!ended || status != 0) {
        tally->wrong++;
        printf("# %s: wrong\n", title);
    }
}

static void ask_all(const struct subject *subject, struct tally *tally)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct sim_world *world CLEANUP(world_freep) = NULL;
    struct error err = {0};
    const char *names[NAMES_MAX];
    size_t count = 0;
    if (subject_make(subject, arena, &world, &err) < 0 || !world_is_foreseeable(world)) {
        tally->skipped++;
        return;
    }
    map_each (e, &world->nodes) {
        if (sim_node_is_online(e->value) && count < NAMES_MAX) {
            names[count++] = arena_strdup(arena, e->key);
        }
    }
    for (size_t i = 0; i < count; i++) {
        struct question question = {.nodes = {names[i]}, .count = 1};
        ask(subject, world, &question, tally);
        question.maintenance = true;
        ask(subject, world, &question, tally);
        question = (struct question){.nodes = {names[i], names[(i + 1) % count]}, .count = 2};
        if (subject->folder == NULL && count > 2) {
            ask(subject, world, &question, tally);
        }
    }
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static size_t list_scenarios(struct arena *arena, const char *folder, const char ***ret)
{
    enum { MAX = 512 };
    const char **names = arena_array_of(arena, const char *, MAX);
    size_t count = 0;
    DIR *dir = opendir(folder);
    for (const struct dirent *e = dir != NULL ? readdir(dir) : NULL; e != NULL; e = readdir(dir)) {
        // Campaigns are for whole nodes, and have no cmdlist.
        if (e->d_name[0] != '.' && strchr(e->d_name, '.') == NULL &&
            strncmp(e->d_name, "swarm-", 6) != 0 && count < MAX) {
            names[count++] = arena_strdup(arena, e->d_name);
        }
    }
    if (dir != NULL) {
        (void)closedir(dir); // reading only
    }
    qsort(names, count, sizeof(*names), compare_names);
    *ret = names;
    return count;
}

static bool report(size_t number, const char *name, const struct tally *tally)
{
    bool good = tally->wrong == 0;
    printf("%s %zu - %s: %" PRIu64 " questions%s\n", good ? "ok" : "not ok", number, name,
           tally->asked, tally->skipped > 0 ? " # SKIP nobody could foresee it" : "");
    return good;
}

int main(int argc, char **argv)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    const char **names;
    uint64_t seeds = SEEDS;
    if (argc < 2 || argc > 3 || (argc == 3 && parse_uint64(argv[2], &seeds) < 0)) {
        (void)fprintf(stderr, "usage: prop_what_if FOLDER-OF-SCENARIOS [SEEDS]\n");
        return 2;
    }
    size_t count = list_scenarios(arena, argv[1], &names);
    bool good = count > 0;
    printf("1..%zu\n", count + 1);
    for (size_t i = 0; i < count; i++) {
        const struct subject subject = {.folder = arena_printf(arena, "%s/%s", argv[1], names[i]),
                                        .profile = TIMING_PROFILE_FAST};
        struct tally tally = {0};
        ask_all(&subject, &tally);
        good = report(i + 1, names[i], &tally) && good;
    }
    struct tally all = {0};
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        const struct subject subject = {
            .seed = seed, .profile = seed % 2 == 0 ? TIMING_PROFILE_FAST : TIMING_PROFILE_BALANCED};
        ask_all(&subject, &all);
    }
    // A test that asks nothing would prove nothing.
    good = report(count + 1, "random clusters", &all) && all.skipped == 0 && good;
    return good ? 0 : 1;
}
