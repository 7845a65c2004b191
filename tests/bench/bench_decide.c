// SPDX-License-Identifier: Apache-2.0
// Measures what one round of the CRM costs in CPU time, for clusters of many sizes. The rounds are
// those of the daemon, in the profile that is the default, over ports in memory; the store port is
// the daemon's own view of the store, fed with the JSON that ha-clusterd would send, so that
// reading and writing are measured too. No time is asserted: tools/bench runs this and prints the
// figures.
//
//   bench_decide [NODES SERVICES]    one line of JSON for each measured cluster
#include <assert.h>
#include <linux/perf_event.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/parse.h"
#include "common/base/strbuf.h"
#include "common/host/client_cache.h"
#include "common/model/lrm_status.h"
#include "common/model/service.h"
#include "common/model/store_keys.h"
#include "common/model/timing.h"
#include "common/port/clock.h"
#include "common/port/event_sink.h"
#include "common/port/ids.h"
#include "common/port/lease.h"
#include "common/port/membership.h"
#include "common/port/store.h"
#include "crm/core/pointer_list.h"
#include "crm/round.h"

enum {
    STEADY_ROUNDS = 10, // measured of each kind; the figure is their mean
    SETTLE_ROUNDS_MAX = 500,
    TICK_MS = 10 * 1000, // a full round at the latest, whatever happens
    BENCH_NODES_MAX = 1000,
    BENCH_SERVICES_MAX = 100 * 1000,
    RULES_FIT_MAX = 128 * 50000, // nodes × services: beyond, rules like these are no document
    RULE_NODES_OF = 100,         // services that share a rule about nodes
    RULE_PAIR_OF = 10, // one service of so many has a partner it must be with, one must not be with
};

struct bench_service {
    char sid[24];
    int node; // NODE_NONE before it has a record
    int target;
    enum svc_state state;
    char uid[48];
    int told_node;     // whose LRM's result is in the store; NODE_NONE: nobody's
    char told_uid[48]; // of which task
};

struct bench {
    struct clock clock;
    struct store store;
    struct lease lease;
    struct membership membership;
    struct ids ids;
    struct event_sink sink;
    struct crm_ports ports;
    struct timing timing;
    int64_t now_ms;
    struct client_cache cache;
    uint64_t version;
    bool manager_held;
    uint64_t term;
    struct member *members;
    size_t nodes;
    struct bench_service *services;
    size_t services_count;
    struct map index; // sid → struct bench_service *
    struct arena *arena;
    struct pointer_list written; // of the last round: struct store_op *
    uint64_t given;
    uint64_t commits;                  // durable ones
    size_t sent_bytes, sent_bytes_max; // in transactions of the master; in the largest of them
    size_t told_bytes;                 // in those of the LRMs
    struct crm_round *round;
    struct crm_round_result result;
    int counter; // of instructions; -1: this machine has none for us
};

// What a stretch of rounds cost.
struct cost {
    double cpu_ms;
    double instructions_m;
    double round_cpu_ms_max;
    int rounds;
};

#define BENCH_OF(port, member)                                                                     \
    ((struct bench *)(void *)((char *)(port)-offsetof(struct bench, member)))

// ---- measuring

static double cpu_now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now); // exists everywhere
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static int counter_open(void)
{
    struct perf_event_attr attr = {.type = PERF_TYPE_HARDWARE,
                                   .size = sizeof(attr),
                                   .config = PERF_COUNT_HW_INSTRUCTIONS,
                                   .exclude_kernel = 1,
                                   .exclude_hv = 1};
    return (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

static double counter_now_m(const struct bench *bench)
{
    uint64_t count = 0;
    if (bench->counter < 0 ||
        read(bench->counter, &count, sizeof(count)) != (ssize_t)sizeof(count)) {
        return 0.0;
    }
    return (double)count / 1e6;
}

// ---- ports

static int64_t bench_now_ms(struct clock *clock)
{
    return BENCH_OF(clock, clock)->now_ms;
}

static int bench_refresh(struct store *store, struct error *err)
{
    (void)store; // changes come in between the rounds
    (void)err;
    return 0;
}

static int bench_read(struct store *store, const char *prefix, uint64_t since, struct arena *arena,
                      struct store_entries *ret, struct error *err)
{
    (void)err; // never fails
    client_cache_read(&BENCH_OF(store, store)->cache, prefix, since, arena, ret);
    return 0;
}

// Takes changes in as the daemon gets them: as text of JSON.
static void bench_take(struct bench *bench, const struct store_op *ops, size_t count)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct json *list = json_new_array(arena);
    bench->version++;
    for (size_t i = 0; i < count; i++) {
        struct json *entry = json_new_object(arena);
        json_put_string(entry, "key", ops[i].key);
        json_put_string(entry, "value", ops[i].value);
        json_put_int(entry, "version", (int64_t)bench->version);
        json_append(list, entry);
    }
    const char *text = json_to_text(arena, list);
    struct json *parsed = NULL;
    struct error err = {0};
    int r = json_parse(arena, text, strlen(text), &parsed, &err);
    assert(r == 0);
    (void)client_cache_apply(&bench->cache, parsed, bench->version); // it always changes
}

// As they are stored; what a message adds for each is left out.
static size_t bench_count_bytes(const struct store_op *ops, size_t count)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        bytes += strlen(ops[i].key) + (ops[i].value != NULL ? strlen(ops[i].value) : 0);
    }
    return bytes;
}

static int bench_commit(struct store *store, const struct store_txn *txn, uint64_t *ret_version,
                        struct error *err)
{
    (void)err; // never fails
    struct bench *bench = BENCH_OF(store, store);
    bench_take(bench, txn->ops, txn->count);
    size_t bytes = bench_count_bytes(txn->ops, txn->count);
    bench->sent_bytes += bytes;
    bench->sent_bytes_max = bytes > bench->sent_bytes_max ? bytes : bench->sent_bytes_max;
    if (strncmp(txn->ops[0].key, STORE_PREFIX_VOLATILE, strlen(STORE_PREFIX_VOLATILE)) != 0) {
        bench->commits++;
        for (size_t i = 0; i < txn->count; i++) {
            struct store_op *op = arena_new_of(bench->arena, struct store_op);
            op->key = arena_strdup(bench->arena, txn->ops[i].key);
            op->value = arena_strdup(bench->arena, txn->ops[i].value);
            pointer_list_add(bench->arena, &bench->written, op);
        }
    }
    if (ret_version != NULL) {
        *ret_version = bench->version;
    }
    return 0;
}

// Every lease can be had at once: that a node is fenced is proven in the round that asks for it.
static int bench_acquire(struct lease *lease, const char *name, struct lease_grant *ret,
                         struct error *err)
{
    (void)err; // never fails
    struct bench *bench = BENCH_OF(lease, lease);
    bool renewed = strcmp(name, LEASE_MANAGER) == 0 && bench->manager_held;
    bench->term += renewed ? 0 : 1;
    bench->manager_held = bench->manager_held || strcmp(name, LEASE_MANAGER) == 0;
    *ret = (struct lease_grant){.term = bench->term,
                                .authority_until_ms = bench->now_ms + bench->timing.authority_ms};
    return renewed ? LEASE_RENEWED : LEASE_ACQUIRED;
}

static int bench_release(struct lease *lease, const char *name, struct error *err)
{
    (void)lease;
    (void)name;
    (void)err;
    return 0;
}

static int bench_members(struct membership *membership, struct arena *arena,
                         struct member_list *ret, struct error *err)
{
    (void)arena;
    (void)err;
    const struct bench *bench = BENCH_OF(membership, membership);
    *ret = (struct member_list){
        .members = bench->members, .count = bench->nodes, .quorate = true, .epoch = 1};
    return 0;
}

static const char *bench_id(struct ids *ids, struct arena *arena)
{
    // As long as a real one.
    return arena_printf(arena, "00000000-0000-4000-8000-%012llx",
                        (unsigned long long)++BENCH_OF(ids, ids)->given);
}

static void bench_emit(struct event_sink *sink, const struct event *event)
{
    (void)sink;
    (void)event;
}

// ---- the cluster

static int bench_node(const struct bench *bench, const char *name)
{
    for (size_t i = 0; name != NULL && i < bench->nodes; i++) {
        if (strcmp(bench->members[i].node, name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

static void bench_put(struct bench *bench, struct pointer_list *ops, const char *key,
                      const char *value)
{
    struct store_op *op = arena_new_of(bench->arena, struct store_op);
    op->key = key;
    op->value = value;
    pointer_list_add(bench->arena, ops, op);
}

static void bench_send(struct bench *bench, const struct pointer_list *list)
{
    struct store_op *ops = arena_array_of(bench->arena, struct store_op, list->count);
    for (size_t i = 0; i < list->count; i++) {
        ops[i] = *(const struct store_op *)list->items[i];
    }
    bench->told_bytes += bench_count_bytes(ops, list->count);
    bench_take(bench, ops, list->count);
}

static const char *bench_guest_text(struct bench *bench, const struct bench_service *service,
                                    int node)
{
    return arena_printf(bench->arena,
                        "{\"sid\":\"%s\",\"node\":\"%s\",\"config\":{\"cores\":\"2\"}}",
                        service->sid, bench->members[node].node);
}

// Rules of all kinds: most services have some nodes that they prefer, and some have a partner.
static const char *bench_rules_text(struct bench *bench)
{
    struct strbuf text CLEANUP(strbuf_done) = {0};
    size_t count = bench->services_count;
    for (size_t first = 0; first < count; first += RULE_NODES_OF) {
        strbuf_appendf(&text, "node-affinity: nodes%zu\n\tnodes ", first / RULE_NODES_OF);
        for (size_t i = 0; i < bench->nodes; i += 2) {
            strbuf_appendf(&text, "%s%s", i > 0 ? "," : "", bench->members[i].node);
        }
        strbuf_append(&text, "\n\tresources ");
        for (size_t i = first; i < count && i < first + RULE_NODES_OF; i++) {
            // Two that must be apart could be left with one preferred node, and none is placed
            // then.
            if (i % RULE_PAIR_OF != 2 && i % RULE_PAIR_OF != 3) {
                strbuf_appendf(&text, "%s%s", i > first ? "," : "", bench->services[i].sid);
            }
        }
        strbuf_append(&text, "\n\n");
    }
    for (size_t i = 0; i + 3 < count; i += RULE_PAIR_OF) {
        strbuf_appendf(&text,
                       "resource-affinity: pair%zu\n\taffinity positive\n\tresources %s,%s\n\n"
                       "resource-affinity: apart%zu\n\taffinity negative\n\tresources %s,%s\n\n",
                       i, bench->services[i].sid, bench->services[i + 1].sid, i,
                       bench->services[i + 2].sid, bench->services[i + 3].sid);
    }
    return arena_strdup(bench->arena, strbuf_text(&text));
}

static void bench_fill(struct bench *bench, bool rules)
{
    struct pointer_list ops = {0};
    for (size_t i = 0; i < bench->services_count; i++) {
        struct bench_service *service = &bench->services[i];
        (void)snprintf(service->sid, sizeof(service->sid), "vm:%zu", 100000 + i);
        service->node = -1;
        service->target = -1;
        service->told_node = -1;
        map_put(&bench->index, service->sid, service);
        int node = (int)(i % bench->nodes);
        bench_put(bench, &ops, arena_printf(bench->arena, STORE_PREFIX_GUEST "%s", service->sid),
                  bench_guest_text(bench, service, node));
        bench_put(bench, &ops, arena_printf(bench->arena, STORE_PREFIX_RESOURCE "%s", service->sid),
                  arena_printf(bench->arena, "vm: %zu\n\tstate started\n\n", 100000 + i));
    }
    if (rules) {
        bench_put(bench, &ops, STORE_KEY_RULES, bench_rules_text(bench));
    }
    bench_send(bench, &ops);
}

// Takes over what the master wrote.
static void bench_note_written(struct bench *bench)
{
    size_t prefix = strlen(STORE_PREFIX_SERVICE);
    for (size_t i = 0; i < bench->written.count; i++) {
        const struct store_op *op = bench->written.items[i];
        struct bench_service *service = strncmp(op->key, STORE_PREFIX_SERVICE, prefix) == 0
                                            ? map_find(&bench->index, op->key + prefix)
                                            : NULL;
        struct service *record = NULL;
        if (service == NULL || service_parse(bench->arena, service->sid, op->value,
                                             strlen(op->value), &record, NULL) < 0) {
            continue;
        }
        service->node = bench_node(bench, record->node);
        service->target = bench_node(bench, record->target);
        service->state = record->state;
        (void)snprintf(service->uid, sizeof(service->uid), "%s", record->uid);
    }
    bench->written = (struct pointer_list){0};
}

static bool bench_is_moving(const struct bench_service *service)
{
    return service->state == SVC_STATE_MIGRATE || service->state == SVC_STATE_RELOCATE;
}

static const char *bench_result_key(struct bench *bench, const struct bench_service *service)
{
    return arena_printf(bench->arena, STORE_PREFIX_RESULT "%s/%s",
                        bench->members[service->told_node].node, service->sid);
}

// What the LRM of the service's node says of it now; that of another node takes its word back.
static void bench_tell_result(struct bench *bench, struct pointer_list *ops,
                              struct bench_service *service)
{
    if (service->told_node == service->node && strcmp(service->told_uid, service->uid) == 0) {
        return;
    }
    if (service->told_node >= 0 && service->told_node != service->node) {
        bench_put(bench, ops, bench_result_key(bench, service), NULL);
    }
    const struct lrm_result result = {
        .uid = service->uid, .sid = service->sid, .state = service->state};
    service->told_node = service->node;
    (void)snprintf(service->told_uid, sizeof(service->told_uid), "%s", service->uid);
    bench_put(bench, ops, bench_result_key(bench, service),
              lrm_result_format(bench->arena, &result));
}

// All LRMs that are there do what they were told, with success, and say so.
static void bench_lrms_answer(struct bench *bench)
{
    struct pointer_list ops = {0};
    for (size_t i = 0; i < bench->services_count; i++) {
        struct bench_service *service = &bench->services[i];
        bool told = service->node >= 0 && bench->members[service->node].online &&
                    (service->state == SVC_STATE_STARTED || bench_is_moving(service));
        if (!told) {
            continue;
        }
        bench_tell_result(bench, &ops, service);
        if (bench_is_moving(service)) {
            bench_put(bench, &ops,
                      arena_printf(bench->arena, STORE_PREFIX_GUEST "%s", service->sid),
                      bench_guest_text(bench, service, service->target));
        }
    }
    struct lrm_status *status = lrm_status_new(bench->arena);
    status->state = LRM_STATE_ACTIVE;
    status->timestamp_s = bench->now_ms / 1000;
    for (size_t i = 0; i < bench->nodes; i++) {
        if (bench->members[i].online) {
            bench_put(bench, &ops,
                      arena_printf(bench->arena, STORE_PREFIX_LRM "%s", bench->members[i].node),
                      lrm_status_format(bench->arena, status));
        }
    }
    bench_send(bench, &ops);
}

static void bench_round(struct bench *bench, struct cost *cost)
{
    arena_clear(bench->arena);
    double instructions_m = counter_now_m(bench);
    double begin_ms = cpu_now_ms();
    crm_round_run(bench->round, &bench->result);
    double spent_ms = cpu_now_ms() - begin_ms;
    cost->instructions_m += counter_now_m(bench) - instructions_m;
    cost->cpu_ms += spent_ms;
    cost->round_cpu_ms_max = spent_ms > cost->round_cpu_ms_max ? spent_ms : cost->round_cpu_ms_max;
    cost->rounds++;
    bench_note_written(bench);
}

// Runs rounds, each followed by the LRMs' answers, until the last of them changed nothing.
static void bench_settle(struct bench *bench, struct cost *cost)
{
    for (int i = 0; i < SETTLE_ROUNDS_MAX; i++) {
        uint64_t commits = bench->commits;
        bench_round(bench, cost);
        bool done =
            i > 0 && bench->commits == commits && bench->result.next_wake_ms > bench->now_ms;
        if (done) {
            return;
        }
        bench->now_ms += 20;
        bench_lrms_answer(bench);
    }
    assert(false); // the cluster settles
}

static size_t bench_count_on(const struct bench *bench, int node)
{
    size_t count = 0;
    for (size_t i = 0; i < bench->services_count; i++) {
        count += bench->services[i].node == node ? 1 : 0;
    }
    return count;
}

static bool bench_is_recovered(const struct bench *bench, int lost)
{
    for (size_t i = 0; i < bench->services_count; i++) {
        const struct bench_service *service = &bench->services[i];
        if (service->node == lost || service->state != SVC_STATE_STARTED) {
            return false;
        }
    }
    return true;
}

// From the round in which the node is missed until the one that wrote the last service's new place.
static struct cost bench_lose_node(struct bench *bench, int lost)
{
    struct cost cost = {0};
    bench->members[lost].online = false;
    for (int i = 0; i < SETTLE_ROUNDS_MAX && !bench_is_recovered(bench, lost); i++) {
        bench_round(bench, &cost);
        int64_t soon_ms = bench->now_ms + 20;
        bench->now_ms = bench->result.next_wake_ms > soon_ms ? bench->result.next_wake_ms : soon_ms;
    }
    assert(bench_is_recovered(bench, lost));
    return cost;
}

static void bench_init(struct bench *bench, size_t nodes, size_t services)
{
    static const struct clock_ops clock_ops = {bench_now_ms, bench_now_ms};
    static const struct store_ops store_ops = {bench_refresh, bench_read, bench_commit};
    static const struct lease_ops lease_ops = {bench_acquire, bench_release};
    static const struct membership_ops membership_ops = {bench_members};
    static const struct ids_ops ids_ops = {bench_id};
    static const struct event_sink_ops sink_ops = {bench_emit};
    *bench = (struct bench){.clock = {&clock_ops},
                            .store = {&store_ops},
                            .lease = {&lease_ops},
                            .membership = {&membership_ops},
                            .ids = {&ids_ops},
                            .sink = {&sink_ops},
                            .now_ms = 1000 * 1000,
                            .nodes = nodes,
                            .services_count = services};
    timing_get(TIMING_PROFILE_BALANCED, &bench->timing);
    client_cache_init(&bench->cache);
    map_init(&bench->index, NULL);
    bench->arena = arena_new();
    bench->members = alloc_zero(nodes * sizeof(*bench->members));
    for (size_t i = 0; i < nodes; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "node%03zu", i + 1);
        bench->members[i] = (struct member){.node = alloc_strdup(name), .online = true};
    }
    bench->services = alloc_zero(services * sizeof(*bench->services));
    bench->ports = (struct crm_ports){.clock = &bench->clock,
                                      .store = &bench->store,
                                      .lease = &bench->lease,
                                      .membership = &bench->membership,
                                      .ids = &bench->ids,
                                      .events = &bench->sink};
    bench->round = crm_round_new(bench->members[0].node, &bench->timing, &bench->ports);
    bench->counter = counter_open();
}

static void bench_done(struct bench *bench)
{
    crm_round_free(bench->round);
    client_cache_done(&bench->cache);
    map_done(&bench->index);
    arena_free(bench->arena);
    for (size_t i = 0; i < bench->nodes; i++) {
        alloc_freep(&bench->members[i].node);
    }
    free(bench->members);
    free(bench->services);
    if (bench->counter >= 0) {
        (void)close(bench->counter); // nothing was written to it
    }
}

// A daemon that starts and becomes master of a cluster that runs: it reads all there is.
static struct cost bench_take_over(struct bench *bench)
{
    struct cost cost = {0};
    crm_round_free(bench->round);
    bench->manager_held = false;
    bench->round = crm_round_new(bench->members[0].node, &bench->timing, &bench->ports);
    bench_round(bench, &cost);
    return cost;
}

// Full rounds, as at the latest after each TICK_MS: every LRM has reported since the last one, and
// every service gets its step.
static struct cost bench_steady(struct bench *bench)
{
    struct cost cost = {0};
    for (int i = 0; i < STEADY_ROUNDS; i++) {
        bench->now_ms += TICK_MS;
        bench_lrms_answer(bench);
        bench_round(bench, &cost);
    }
    return cost;
}

// Rounds in which nothing has changed but the time: those that renew the lease.
static struct cost bench_quiet(struct bench *bench)
{
    struct cost cost = {0};
    for (int i = 0; i < STEADY_ROUNDS; i++) {
        bench->now_ms += 1;
        bench_round(bench, &cost);
    }
    return cost;
}

// Of the heap: the master, its copy of the store, and the measured cluster beside it.
static double bench_heap_mib(void)
{
    struct mallinfo2 info = mallinfo2();
    return (double)(info.uordblks + info.hblkhd) / 1048576.0;
}

static void bench_run(size_t nodes, size_t services, bool rules)
{
    struct bench bench;
    double heap_mib = bench_heap_mib();
    bench_init(&bench, nodes, services);
    bench_fill(&bench, rules);
    struct cost ignored = {0};
    bench_settle(&bench, &ignored);
    struct cost takeover = bench_take_over(&bench);
    bench_settle(&bench, &ignored);
    bench.told_bytes = bench.sent_bytes = bench.sent_bytes_max = 0;
    struct cost steady = bench_steady(&bench);
    size_t told_bytes = bench.told_bytes / STEADY_ROUNDS;
    size_t steady_bytes = bench.sent_bytes / STEADY_ROUNDS;
    bench.sent_bytes = 0;
    heap_mib = bench_heap_mib() - heap_mib;
    struct cost quiet = bench_quiet(&bench);
    // A node of those that rules about nodes name, when there are any.
    int lost = (int)(nodes - 1) / 2 * 2;
    size_t recovered = bench_count_on(&bench, lost);
    struct cost loss = bench_lose_node(&bench, lost);
    (void)printf("{\"nodes\":%zu,\"services\":%zu,\"rules\":%s,\"takeover_cpu_ms\":%.3f,"
                 "\"steady_cpu_ms\":%.3f,\"quiet_cpu_ms\":%.3f,\"loss_cpu_ms\":%.3f,"
                 "\"loss_round_max_cpu_ms\":%.3f,\"loss_rounds\":%d,\"recovered_services\":%zu,"
                 "\"steady_write_bytes\":%zu,\"steady_report_bytes\":%zu,\"loss_write_bytes\":%zu,"
                 "\"write_max_bytes\":%zu,\"heap_mib\":%.1f",
                 nodes, services, rules ? "true" : "false", takeover.cpu_ms,
                 steady.cpu_ms / STEADY_ROUNDS, quiet.cpu_ms / STEADY_ROUNDS, loss.cpu_ms,
                 loss.round_cpu_ms_max, loss.rounds, recovered, steady_bytes, told_bytes,
                 bench.sent_bytes, bench.sent_bytes_max, heap_mib);
    if (bench.counter >= 0) {
        (void)printf(",\"steady_instructions_m\":%.2f,\"loss_instructions_m\":%.2f",
                     steady.instructions_m / STEADY_ROUNDS, loss.instructions_m);
    }
    (void)printf("}\n");
    (void)fflush(stdout); // a line can be seen as soon as it is known
    bench_done(&bench);
}

int main(int argc, char **argv)
{
    static const size_t nodes[] = {3, 8, 32, 64, 128};
    static const size_t services[] = {100, 1000, 10000, 50000};
    if (argc == 3) {
        int64_t one[2];
        if (parse_int64(argv[1], 2, BENCH_NODES_MAX, &one[0]) < 0 ||
            parse_int64(argv[2], 10, BENCH_SERVICES_MAX, &one[1]) < 0) {
            (void)fprintf(stderr, "usage: bench_decide [NODES SERVICES]\n");
            return 2;
        }
        bench_run((size_t)one[0], (size_t)one[1], false);
        if (one[0] * one[1] <= RULES_FIT_MAX) {
            bench_run((size_t)one[0], (size_t)one[1], true);
        }
        return 0;
    }
    for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++) {
        for (size_t k = 0; k < sizeof(services) / sizeof(services[0]); k++) {
            bench_run(nodes[i], services[k], false);
            bench_run(nodes[i], services[k], true);
        }
    }
    return 0;
}
