// SPDX-License-Identifier: Apache-2.0
// Starting a companion, reading what it says, and starting it anew.
#include "common/host/supervisor.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/host/host_clock.h"
#include "common/host/ipc.h"
#include "common/host/loop.h"
#include "common/port/clock.h"

enum { STOP_MS = 100, READ_BYTES = 4096 };

struct supervisor {
    struct supervisor_spec spec;
    struct clock clock;
    struct companion companion; // pid 0: there is none now
    struct ipc_stream *stream;  // with frames, while it runs: owns the descriptor
    struct loop_source *io, *restart;
};

static void process_end(struct supervisor *supervisor)
{
    if (supervisor->companion.pid <= 0) {
        return;
    }
    loop_source_free(supervisor->io);
    supervisor->io = NULL;
    ipc_stream_free(supervisor->stream);
    supervisor->stream = NULL;
    (void)companion_stop(&supervisor->companion, STOP_MS); // however it ended
}

void supervisor_restart(struct supervisor *supervisor)
{
    process_end(supervisor);
    if (supervisor->spec.ended != NULL) {
        supervisor->spec.ended(supervisor->spec.userdata);
    }
    loop_timer_set(supervisor->restart,
                   clock_now_ms(&supervisor->clock) + supervisor->spec.restart_ms);
}

static void frames_ready(void *userdata, uint32_t events)
{
    (void)events;
    struct supervisor *supervisor = userdata;
    const char *frame;
    size_t size_bytes;
    int end = ipc_stream_fill(supervisor->stream); // what came before an end still counts
    int r = 0;
    while (supervisor->stream != NULL && // a frame may have made its owner restart it
           (r = ipc_stream_next(supervisor->stream, &frame, &size_bytes, NULL)) == 1) {
        supervisor->spec.frame(supervisor->spec.userdata, frame, size_bytes);
    }
    if (supervisor->stream != NULL && (end < 0 || r < 0)) {
        supervisor_restart(supervisor);
    }
}

static void bytes_ready(void *userdata, uint32_t events)
{
    (void)events;
    struct supervisor *supervisor = userdata;
    char bytes[READ_BYTES];
    ssize_t n = read(supervisor->companion.fd, bytes, sizeof(bytes));
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (n <= 0 || !supervisor->spec.bytes(supervisor->spec.userdata, bytes, (size_t)n)) {
        supervisor_restart(supervisor);
    }
}

static void silent_ready(void *userdata, uint32_t events)
{
    (void)events;
    supervisor_restart(userdata);
}

static void process_begin(void *userdata)
{
    struct supervisor *supervisor = userdata;
    const struct supervisor_spec *spec = &supervisor->spec;
    int fd;
    assert(supervisor->companion.pid == 0);
    if (companion_start(spec->name, spec->main, spec->main_userdata, &supervisor->companion, NULL) <
        0) {
        supervisor->companion = (struct companion){.fd = -1};
        supervisor_restart(supervisor);
        return;
    }
    fd = supervisor->companion.fd;
    loop_io_callback ready = spec->bytes != NULL ? bytes_ready : silent_ready;
    if (spec->frame != NULL) {
        supervisor->stream = ipc_stream_new(fd);
        supervisor->companion.fd = -1; // the stream's now
        ready = frames_ready;
    }
    supervisor->io = loop_add_io(spec->loop, fd, EPOLLIN, ready, supervisor);
    if (spec->begun != NULL) {
        spec->begun(spec->userdata);
    }
}

struct supervisor *supervisor_new(const struct supervisor_spec *spec)
{
    struct supervisor *supervisor = alloc_zero(sizeof(*supervisor));
    assert(spec->frame == NULL || spec->bytes == NULL);
    supervisor->spec = *spec;
    supervisor->companion.fd = -1;
    host_clock_init(&supervisor->clock);
    supervisor->restart = loop_add_timer(spec->loop, process_begin, supervisor);
    return supervisor;
}

void supervisor_free(struct supervisor *supervisor)
{
    if (supervisor == NULL) {
        return;
    }
    process_end(supervisor);
    loop_source_free(supervisor->restart);
    free(supervisor);
}

void supervisor_start(struct supervisor *supervisor)
{
    process_begin(supervisor);
}

bool supervisor_is_running(const struct supervisor *supervisor)
{
    return supervisor->companion.pid > 0;
}

void supervisor_send(struct supervisor *supervisor, const void *bytes, size_t size_bytes)
{
    assert(supervisor->spec.frame != NULL);
    if (supervisor->stream != NULL) {
        // A broken connection shows as the process's end.
        ignore_result(ipc_stream_send(supervisor->stream, bytes, size_bytes));
    }
}
