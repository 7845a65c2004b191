// SPDX-License-Identifier: Apache-2.0
// The event loop of all daemons: sd-event behind the few calls they need. All times are
// CLOCK_BOOTTIME milliseconds.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/macros.h"

struct clock;
struct error;
struct loop;
struct loop_source;

typedef void (*loop_callback)(void *userdata);
typedef void (*loop_io_callback)(void *userdata,
                                 uint32_t events); // EPOLLIN, EPOLLOUT, EPOLLHUP, EPOLLERR
typedef void (*loop_signal_callback)(void *userdata, int signo);
typedef void (*loop_child_callback)(void *userdata, pid_t pid, int wait_status);

int loop_new(struct loop **ret, struct error *err) WARN_UNUSED;
void loop_free(struct loop *loop);
void loop_freep(struct loop **loop);
// Runs until loop_quit(); returns its code, or -errno.
int loop_run(struct loop *loop, struct error *err) WARN_UNUSED;
// One turn: waits for something to happen, and calls who it is for. For
// tests; a loop that has been quit cannot be used again.
int loop_step(struct loop *loop, struct error *err) WARN_UNUSED;
void loop_quit(struct loop *loop, int code);

// Each returns a source owned by the caller; loop_source_free() removes it (NULL is fine). They end
// the process when the kernel refuses (out of descriptors), since a daemon without its sources is
// not one.
struct loop_source *loop_add_io(struct loop *loop, int fd, uint32_t events,
                                loop_io_callback callback, void *userdata) WARN_UNUSED;
void loop_io_set_events(struct loop_source *source, uint32_t events);
// Created disarmed. Fires once per loop_timer_set(); a time in the past fires at once.
struct loop_source *loop_add_timer(struct loop *loop, loop_callback callback,
                                   void *userdata) WARN_UNUSED;
void loop_timer_set(struct loop_source *source, int64_t at_ms);
void loop_timer_clear(struct loop_source *source);
// Blocks the signal for the process and delivers it here.
struct loop_source *loop_add_signal(struct loop *loop, int signo, loop_signal_callback callback,
                                    void *userdata) WARN_UNUSED;
// Reaps the child when it ends.
struct loop_source *loop_add_child(struct loop *loop, pid_t pid, loop_child_callback callback,
                                   void *userdata) WARN_UNUSED;
// Runs the callback once, after what is pending now; calling it again before that changes nothing.
struct loop_source *loop_add_idle(struct loop *loop, loop_callback callback,
                                  void *userdata) WARN_UNUSED;
void loop_idle_request(struct loop_source *source);
void loop_source_free(struct loop_source *source);

// Tells the service manager (sd_notify): "READY=1", "STATUS=…", "WATCHDOG=1". Nothing without one.
void loop_notify(const char *state);
