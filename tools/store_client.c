// SPDX-License-Identifier: Apache-2.0
// A client of the store in a test node: notes what was acknowledged, so that others can check that
// it is still there, and measures how long commits take.
//
//   store_client write PREFIX PERIOD_MS    until it is ended; each write has a key of its own,
//                                          PREFIX/N, and N grows over restarts. A line for each:
//                                          sent N | done N VERSION | refused N CODE | unknown N
//                                          CODE
//   store_client read PREFIX               "KEY VALUE" for each entry below PREFIX/
//   store_client put KEY VALUE             past all that tools check: for tests of what must not be
//   store_client delete PREFIX LAST        removes entries below PREFIX/ with numbers up to LAST
//   store_client bench PREFIX CLIENTS COUNT SIZE   one line of JSON: commit latency, throughput
//
// PREFIX below live/ is volatile. Exit status: 0 done, 1 failed, 2 usage.
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/parse.h"
#include "common/host/cluster_client.h"
#include "common/port/store.h"

enum { WARM_UP = 20, RECONNECT_MS = 100, OPS_MAX = 1000, CLIENTS_MAX = 256 };

static int64_t now_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_BOOTTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void sleep_ms(int64_t delay_ms)
{
    struct timespec delay = {.tv_sec = delay_ms / 1000, .tv_nsec = delay_ms % 1000 * 1000000};

    (void)nanosleep(&delay, NULL);
}

static int write_one(struct cluster_client *client, const char *key, const char *value,
                     size_t size_bytes, uint64_t *ret_version, struct error *err)
{
    const struct store_op op = {
        .key = key, .value = value, .size_bytes = size_bytes, .expect = STORE_ANY};
    const struct store_txn txn = {.ops = &op, .count = 1};

    return store_commit(cluster_client_store(client), &txn, ret_version, err);
}

// Refused for certain: nothing was done, now or later (docs/store.md, what is promised).
static bool is_refusal(int code)
{
    return code == -EHOSTDOWN || code == -EBUSY || code == -EAGAIN || code == -EPERM;
}

static void note_result(int64_t number, int code, uint64_t version)
{
    if (code == 0) {
        printf("done %" PRId64 " %" PRIu64 "\n", number, version);
    } else {
        printf("%s %" PRId64 " %s\n", is_refusal(code) ? "refused" : "unknown", number,
               strerrorname_np(-code));
    }
    (void)fflush(stdout);
}

_Noreturn static void command_write(const char *prefix, int64_t period_ms)
{
    struct cluster_client *client CLEANUP(cluster_client_freep) = NULL;
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    int64_t number = 0;

    for (;;) {
        struct error err = {0};
        if (!client && cluster_client_connect(&client, &err) < 0) {
            sleep_ms(RECONNECT_MS);
            continue;
        }
        int64_t now = now_us() / 1000;
        number = now > number ? now : number + 1;
        const char *key = arena_printf(arena, "%s/%" PRId64, prefix, number);
        const char *value = arena_printf(arena, "%" PRId64, number);
        uint64_t version = 0;
        printf("sent %" PRId64 "\n", number);
        (void)fflush(stdout);
        int r = write_one(client, key, value, strlen(value), &version, &err);
        note_result(number, r, version);
        arena_clear(arena);
        if (r == -ENOTCONN || r == -EIO || r == -EPIPE || r == -ECONNRESET) {
            cluster_client_freep(&client);
            client = NULL;
        }
        sleep_ms(period_ms);
    }
}

static int entries_read(struct cluster_client *client, struct arena *arena, const char *prefix,
                        struct store_entries *ret, struct error *err)
{
    struct store *store = cluster_client_store(client);
    int r = store_refresh(store, err);

    return r < 0 ? r : store_read(store, arena_printf(arena, "%s/", prefix), 0, arena, ret, err);
}

static int command_read(struct cluster_client *client, const char *prefix, struct error *err)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct store_entries entries;
    int r = entries_read(client, arena, prefix, &entries, err);

    for (size_t i = 0; r == 0 && i < entries.count; i++) {
        printf("%s %s\n", entries.entries[i].key, entries.entries[i].value);
    }
    return r;
}

static int command_delete(struct cluster_client *client, const char *prefix, int64_t last,
                          struct error *err)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct store_entries entries;
    struct store_op ops[OPS_MAX];
    size_t count = 0;
    int r = entries_read(client, arena, prefix, &entries, err);

    for (size_t i = 0; r == 0 && i < entries.count; i++) {
        int64_t number = 0;
        if (parse_int64(entries.entries[i].value, 0, last, &number) == 0) {
            ops[count++] = (struct store_op){.key = entries.entries[i].key, .expect = STORE_ANY};
        }
        if (count > 0 && (count == OPS_MAX || i + 1 == entries.count)) {
            const struct store_txn txn = {.ops = ops, .count = count};
            r = store_commit(cluster_client_store(client), &txn, NULL, err);
            count = 0;
        }
    }
    return r;
}

static int command_put(struct cluster_client *client, const char *key, const char *value,
                       struct error *err)
{
    const struct store_op op = {
        .key = key, .value = value, .size_bytes = strlen(value), .expect = STORE_ANY};
    const struct store_txn txn = {.ops = &op, .count = 1};
    return store_commit(cluster_client_store(client), &txn, NULL, err);
}

// --- measuring

struct measure {
    const char *prefix;
    int64_t clients;
    int64_t count;
    int64_t size_bytes;
};

// One client: COUNT commits one after the other, their times in microseconds as bytes to `output`.
static int client_measure(const struct measure *measure, int64_t client_number, int output)
{
    struct cluster_client *client CLEANUP(cluster_client_freep) = NULL;
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct error err = {0};
    char *value = arena_alloc(arena, (size_t)measure->size_bytes + 1);
    const char *key = arena_printf(arena, "%s/bench-%" PRId64, measure->prefix, client_number);

    memset(value, 'x', (size_t)measure->size_bytes);
    int r = cluster_client_connect(&client, &err);
    for (int64_t i = -WARM_UP; r == 0 && i < measure->count; i++) {
        int64_t start = now_us();
        r = write_one(client, key, value, (size_t)measure->size_bytes, NULL, &err);
        int64_t taken[2] = {start, now_us()};
        if (r == 0 && i >= 0 && write(output, taken, sizeof(taken)) != (ssize_t)sizeof(taken)) {
            r = -errno;
        }
    }
    if (r < 0) {
        fprintf(stderr, "store_client: %s\n", err.text);
    }
    return r < 0 ? 1 : 0;
}

static int compare_times(const void *a, const void *b)
{
    const int64_t *left = a;
    const int64_t *right = b;

    return (*left > *right) - (*left < *right);
}

static void measure_print(const struct measure *measure, int64_t *times, size_t count,
                          int64_t elapsed_us)
{
    qsort(times, count, sizeof(*times), compare_times);
    printf("{\"clients\":%" PRId64 ",\"commits\":%zu,\"value_bytes\":%" PRId64
           ",\"p50_us\":%" PRId64 ",\"p99_us\":%" PRId64 ",\"max_us\":%" PRId64
           ",\"commits_per_s\":%" PRId64 "}\n",
           measure->clients, count, measure->size_bytes, times[count / 2], times[count * 99 / 100],
           times[count - 1], (int64_t)count * 1000000 / (elapsed_us > 0 ? elapsed_us : 1));
}

static int command_bench(const struct measure *measure)
{
    size_t total = (size_t)(measure->clients * measure->count);
    int64_t *times = alloc_zero((total + 1) * sizeof(*times));
    int64_t first = INT64_MAX, last = 0, taken[2];
    size_t count = 0;
    int ends[2];
    int status = 0;

    if (pipe(ends) < 0) {
        perror("store_client: pipe");
        return 1;
    }
    for (int64_t i = 0; i < measure->clients; i++) {
        if (fork() == 0) {
            (void)close(ends[0]);
            (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
            _exit(client_measure(measure, i, ends[1]));
        }
    }
    (void)close(ends[1]);
    // Writes of this size to a pipe are not torn.
    while (count < total && read(ends[0], taken, sizeof(taken)) == (ssize_t)sizeof(taken)) {
        first = taken[0] < first ? taken[0] : first;
        last = taken[1] > last ? taken[1] : last;
        times[count++] = taken[1] - taken[0];
    }
    for (int child; wait(&child) > 0;) {
        status = child != 0 ? 1 : status;
    }
    if (count == total) {
        measure_print(measure, times, count, last - first);
    }
    free(times);
    return count == total ? status : 1;
}

static int usage(void)
{
    fprintf(stderr, "usage: store_client write PREFIX PERIOD_MS | read PREFIX | delete PREFIX LAST"
                    " | bench PREFIX CLIENTS COUNT SIZE\n");
    return 2;
}

static int run_connected(int argc, char **argv)
{
    struct cluster_client *client CLEANUP(cluster_client_freep) = NULL;
    struct error err = {0};
    int64_t last = 0;
    bool is_delete = strcmp(argv[1], "delete") == 0;
    bool is_put = strcmp(argv[1], "put") == 0;

    if (is_delete && (argc != 4 || parse_int64(argv[3], 0, INT64_MAX, &last) < 0)) {
        return usage();
    }
    if (is_put && argc != 4) {
        return usage();
    }
    int r = cluster_client_connect(&client, &err);
    if (r == 0 && is_put) {
        r = command_put(client, argv[2], argv[3], &err);
    } else if (r == 0) {
        r = is_delete ? command_delete(client, argv[2], last, &err)
                      : command_read(client, argv[2], &err);
    }
    if (r < 0) {
        fprintf(stderr, "store_client: %s\n", err.text);
    }
    return r < 0 ? 1 : 0;
}

int main(int argc, char **argv)
{
    struct measure measure = {.prefix = argc > 2 ? argv[2] : ""};
    int64_t period_ms;

    if (argc == 4 && strcmp(argv[1], "write") == 0 &&
        parse_int64(argv[3], 1, 60000, &period_ms) == 0) {
        command_write(argv[2], period_ms);
    }
    if (argc >= 3 && (strcmp(argv[1], "read") == 0 || strcmp(argv[1], "delete") == 0 ||
                      strcmp(argv[1], "put") == 0)) {
        return run_connected(argc, argv);
    }
    if (argc == 6 && strcmp(argv[1], "bench") == 0 &&
        parse_int64(argv[3], 1, CLIENTS_MAX, &measure.clients) == 0 &&
        parse_int64(argv[4], 1, 1000000, &measure.count) == 0 &&
        parse_int64(argv[5], 0, STORE_VALUE_MAX, &measure.size_bytes) == 0) {
        return command_bench(&measure);
    }
    return usage();
}
