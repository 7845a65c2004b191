// SPDX-License-Identifier: Apache-2.0
// Measures Corosync alone, beside which tools/bench shows the store: how long a message to the
// group takes until its sender has it delivered, and how many a second go through.
//
//   cpg_probe COUNT SIZE     one line of JSON
#include <corosync/cpg.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "common/base/parse.h"

enum { WARM_UP = 20, WINDOW = 64, DISPATCH_MS = 5000 };

struct probe {
    cpg_handle_t handle;
    uint64_t delivered; // own messages
    int64_t delivered_us;
};

static int64_t now_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_BOOTTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void message_delivered(cpg_handle_t handle, const struct cpg_name *group, uint32_t node,
                              uint32_t pid, void *message, size_t size_bytes)
{
    void *context = NULL;

    (void)group;
    (void)node;
    (void)message;
    (void)size_bytes;
    if (pid == (uint32_t)getpid() && cpg_context_get(handle, &context) == CS_OK) {
        struct probe *probe = context;
        probe->delivered++;
        probe->delivered_us = now_us();
    }
}

static bool probe_send(struct probe *probe, const struct iovec *message)
{
    cs_error_t r;

    while ((r = cpg_mcast_joined(probe->handle, CPG_TYPE_AGREED, message, 1)) == CS_ERR_TRY_AGAIN) {
        (void)cpg_dispatch(probe->handle, CS_DISPATCH_ALL);
    }
    return r == CS_OK;
}

static bool probe_wait(struct probe *probe, uint64_t delivered)
{
    int file;

    if (cpg_fd_get(probe->handle, &file) != CS_OK) {
        return false;
    }
    struct pollfd ready = {.fd = file, .events = POLLIN};
    while (probe->delivered < delivered) {
        if (poll(&ready, 1, DISPATCH_MS) <= 0 ||
            cpg_dispatch(probe->handle, CS_DISPATCH_ALL) != CS_OK) {
            return false;
        }
    }
    return true;
}

static int compare_times(const void *a, const void *b)
{
    const int64_t *left = a;
    const int64_t *right = b;

    return (*left > *right) - (*left < *right);
}

// One message after the other.
static bool latency_measure(struct probe *probe, const struct iovec *message, int64_t *times,
                            int64_t count)
{
    for (int64_t i = -WARM_UP; i < count; i++) {
        int64_t start = now_us();
        if (!probe_send(probe, message) || !probe_wait(probe, probe->delivered + 1)) {
            return false;
        }
        if (i >= 0) {
            times[i] = probe->delivered_us - start;
        }
    }
    return true;
}

// Some on the way all the time; returns messages a second, -1 when it failed.
static int64_t throughput_measure(struct probe *probe, const struct iovec *message, int64_t count)
{
    uint64_t first = probe->delivered;
    int64_t start = now_us();

    for (int64_t i = 0; i < count; i++) {
        uint64_t sent = first + (uint64_t)i;
        if (sent >= probe->delivered + WINDOW && !probe_wait(probe, sent - WINDOW + 1)) {
            return -1;
        }
        if (!probe_send(probe, message)) {
            return -1;
        }
    }
    if (!probe_wait(probe, first + (uint64_t)count)) {
        return -1;
    }
    return count * 1000000 / (now_us() - start + 1);
}

static int probe_run(struct probe *probe, int64_t count, int64_t size_bytes)
{
    int64_t *times = calloc((size_t)count, sizeof(*times));
    char *bytes = calloc(1, (size_t)size_bytes);
    const struct iovec message = {.iov_base = bytes, .iov_len = (size_t)size_bytes};
    int64_t rate = -1;

    if (times && bytes && latency_measure(probe, &message, times, count)) {
        rate = throughput_measure(probe, &message, count * 4);
    }
    if (rate >= 0) {
        qsort(times, (size_t)count, sizeof(*times), compare_times);
        printf("{\"messages\":%" PRId64 ",\"value_bytes\":%" PRId64 ",\"p50_us\":%" PRId64
               ",\"p99_us\":%" PRId64 ",\"max_us\":%" PRId64 ",\"messages_per_s\":%" PRId64 "}\n",
               count, size_bytes, times[count / 2], times[count * 99 / 100], times[count - 1],
               rate);
    }
    free(times);
    free(bytes);
    return rate >= 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    cpg_callbacks_t callbacks = {.cpg_deliver_fn = message_delivered};
    struct cpg_name group = {.length = sizeof("cpg_probe") - 1, .value = "cpg_probe"};
    struct probe probe = {0};
    int64_t count, size_bytes;

    if (argc != 3 || parse_int64(argv[1], 1, 1000000, &count) < 0 ||
        parse_int64(argv[2], 1, 1000000, &size_bytes) < 0) {
        fprintf(stderr, "usage: cpg_probe COUNT SIZE\n");
        return 2;
    }
    if (cpg_initialize(&probe.handle, &callbacks) != CS_OK ||
        cpg_context_set(probe.handle, &probe) != CS_OK || cpg_join(probe.handle, &group) != CS_OK) {
        fprintf(stderr, "cpg_probe: Corosync does not answer\n");
        return 1;
    }
    int status = probe_run(&probe, count, size_bytes);
    if (status != 0) {
        fprintf(stderr, "cpg_probe: the group does not deliver\n");
    }
    (void)cpg_finalize(probe.handle);
    return status;
}
