// SPDX-License-Identifier: Apache-2.0
// The event loop by sd-event. Timers run on CLOCK_BOOTTIME with an accuracy of a millisecond, since
// deadlines hang on them. Children are watched by pidfd. What a callback means is its owner's
// business.
#include "common/host/loop.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

#include "common/base/alloc.h"
#include "common/base/error.h"

enum { TIMER_ACCURACY_US = 1000 };

struct loop {
    sd_event *event;
};

struct loop_source {
    sd_event_source *source;
    union {
        loop_callback plain;
        loop_io_callback io;
        loop_signal_callback signal;
        loop_child_callback child;
    } callback;
    void *userdata;
};

int loop_new(struct loop **ret, struct error *err)
{
    sd_event *event = NULL;
    int r = sd_event_new(&event);
    if (r < 0) {
        return error_set_errno(err, r, "cannot make an event loop");
    }
    struct loop *loop = alloc_zero(sizeof(*loop));
    loop->event = event;
    *ret = loop;
    return 0;
}

void loop_free(struct loop *loop)
{
    if (loop != NULL) {
        sd_event_unref(loop->event);
        free(loop);
    }
}

void loop_freep(struct loop **loop)
{
    loop_free(*loop);
}

int loop_run(struct loop *loop, struct error *err)
{
    int r = sd_event_loop(loop->event);
    if (r < 0) {
        return error_set_errno(err, r, "event loop failed");
    }
    return r;
}

int loop_step(struct loop *loop, struct error *err)
{
    int r = sd_event_run(loop->event, UINT64_MAX);
    if (r < 0) {
        return error_set_errno(err, r, "event loop failed");
    }
    return 0;
}

void loop_quit(struct loop *loop, int code)
{
    assert(code >= 0);
    int r = sd_event_exit(loop->event, code);
    assert(r >= 0);
}

static struct loop_source *source_new(void *userdata)
{
    struct loop_source *source = alloc_zero(sizeof(*source));
    source->userdata = userdata;
    return source;
}

// The sources of a daemon are few and made with sound arguments; a refusal means the kernel is out
// of descriptors.
static void source_must(int r)
{
    if (r < 0) {
        abort();
    }
}

static int io_dispatch(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
    (void)s;
    (void)fd;
    // The callback may free the source: nothing of it is used afterwards. The same holds below.
    struct loop_source *source = userdata;
    source->callback.io(source->userdata, revents);
    return 0;
}

struct loop_source *loop_add_io(struct loop *loop, int fd, uint32_t events,
                                loop_io_callback callback, void *userdata)
{
    struct loop_source *source = source_new(userdata);
    source->callback.io = callback;
    source_must(sd_event_add_io(loop->event, &source->source, fd, events, io_dispatch, source));
    return source;
}

void loop_io_set_events(struct loop_source *source, uint32_t events)
{
    source_must(sd_event_source_set_io_events(source->source, events));
}

static int timer_dispatch(sd_event_source *s, uint64_t usec, void *userdata)
{
    (void)s;
    (void)usec;
    struct loop_source *source = userdata;
    source->callback.plain(source->userdata);
    return 0;
}

struct loop_source *loop_add_timer(struct loop *loop, loop_callback callback, void *userdata)
{
    struct loop_source *source = source_new(userdata);
    source->callback.plain = callback;
    source_must(sd_event_add_time(loop->event, &source->source, CLOCK_BOOTTIME, UINT64_MAX - 1,
                                  TIMER_ACCURACY_US, timer_dispatch, source));
    source_must(sd_event_source_set_enabled(source->source, SD_EVENT_OFF));
    return source;
}

void loop_timer_set(struct loop_source *source, int64_t at_ms)
{
    // Far times (INT64_MAX means never) must not overflow when turned into microseconds.
    uint64_t at_us = UINT64_MAX - 1;
    if (at_ms < 0) {
        at_us = 0;
    } else if (at_ms < INT64_MAX / 1000) {
        at_us = (uint64_t)at_ms * 1000;
    }
    source_must(sd_event_source_set_time(source->source, at_us));
    source_must(sd_event_source_set_enabled(source->source, SD_EVENT_ONESHOT));
}

void loop_timer_clear(struct loop_source *source)
{
    source_must(sd_event_source_set_enabled(source->source, SD_EVENT_OFF));
}

static int signal_dispatch(sd_event_source *s, const struct signalfd_siginfo *si, void *userdata)
{
    (void)s;
    struct loop_source *source = userdata;
    source->callback.signal(source->userdata, (int)si->ssi_signo);
    return 0;
}

struct loop_source *loop_add_signal(struct loop *loop, int signo, loop_signal_callback callback,
                                    void *userdata)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, signo);
    int r = sigprocmask(SIG_BLOCK, &set, NULL);
    assert(r == 0);
    struct loop_source *source = source_new(userdata);
    source->callback.signal = callback;
    source_must(sd_event_add_signal(loop->event, &source->source, signo, signal_dispatch, source));
    return source;
}

static int child_dispatch(sd_event_source *s, const siginfo_t *si, void *userdata)
{
    (void)s;
    struct loop_source *source = userdata;
    // As waitpid() would have said it, so that callers can use WIFEXITED and its like.
    int status = si->si_status;
    if (si->si_code == CLD_EXITED) {
        status = si->si_status << 8;
    } else if (si->si_code == CLD_DUMPED) {
        status = si->si_status | WCOREFLAG;
    }
    source->callback.child(source->userdata, si->si_pid, status);
    return 0;
}

struct loop_source *loop_add_child(struct loop *loop, pid_t pid, loop_child_callback callback,
                                   void *userdata)
{
    // sd-event wants SIGCHLD blocked for kernels without pidfd.
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    int r = sigprocmask(SIG_BLOCK, &set, NULL);
    assert(r == 0);
    struct loop_source *source = source_new(userdata);
    source->callback.child = callback;
    source_must(
        sd_event_add_child(loop->event, &source->source, pid, WEXITED, child_dispatch, source));
    return source;
}

static int idle_dispatch(sd_event_source *s, void *userdata)
{
    (void)s;
    struct loop_source *source = userdata;
    source->callback.plain(source->userdata);
    return 0;
}

struct loop_source *loop_add_idle(struct loop *loop, loop_callback callback, void *userdata)
{
    struct loop_source *source = source_new(userdata);
    source->callback.plain = callback;
    source_must(sd_event_add_defer(loop->event, &source->source, idle_dispatch, source));
    source_must(sd_event_source_set_enabled(source->source, SD_EVENT_OFF));
    source_must(sd_event_source_set_priority(source->source, SD_EVENT_PRIORITY_IDLE));
    return source;
}

void loop_idle_request(struct loop_source *source)
{
    // One shot: sd-event switches it off before it calls, so a request made by the callback itself
    // counts again.
    source_must(sd_event_source_set_enabled(source->source, SD_EVENT_ONESHOT));
}

void loop_source_free(struct loop_source *source)
{
    if (source != NULL) {
        sd_event_source_disable_unref(source->source);
        free(source);
    }
}

void loop_notify(const char *state)
{
    (void)sd_notify(0, state); // without a service manager nobody listens, which is fine
}
