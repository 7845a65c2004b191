// SPDX-License-Identifier: Apache-2.0
// The work of ha-watchdogd without its sockets: what clients say, the deadlines, the device, and
// the file that hands the deadlines over to the next process of the daemon.
//
// The order that keeps it safe (INV-5): whatever wakes the process, feeder_check() comes first. It
// looks at the clock and the deadlines before anything is answered or fed, so a process that was
// stalled past a deadline resets the machine before it does anything else.
//
// A restarted daemon knows the deadlines of its clients from the file, which is written before a
// client is answered. Thus a client that vanished stays bound by its word, whichever of the two
// processes dies first. Without the file (its folder was emptied) the clients themselves are the
// net: they hand their deadlines over again with their next renewal, and reset the machine on their
// own when none was taken in time (common/host/host_watchdog.h).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"

struct arena;
struct clock;
struct device;
struct error;
struct event_sink;
struct feeder;
struct strbuf;
struct timing;

enum { FEEDER_CLIENT_NAME_MAX = 32, FEEDER_LINE_MAX = 128 };

// Where the deadlines are kept for the next process.
struct feeder_keeper {
    // -ENOENT: there is nothing. The text is in the arena.
    int (*load)(void *userdata, struct arena *arena, char **ret_text, struct error *err);
    int (*save)(void *userdata, const char *text, size_t size_bytes, struct error *err);
    void *userdata;
};

struct feeder_ports {
    struct clock *clock;
    struct device *device; // borrowed
    struct event_sink *events;
    const struct feeder_keeper *keeper; // borrowed; NULL: the file `state_path` itself
};

// `state_path` is the file of the deadlines, `boot_id` tells whether they belong to this boot; both
// are copied.
struct feeder *feeder_new(const struct feeder_ports *ports, const struct timing *timing,
                          const char *state_path, const char *boot_id) WARN_UNUSED;
// Leaves device and file as they are.
void feeder_free(struct feeder *feeder);
void feeder_freep(struct feeder **feeder);

// Takes over what the process before left, then tries the device: armed and fed, and stopped again
// when nobody is armed. -EBADMSG: the file cannot be understood, and the device was not touched:
// somebody may be armed, and each opening of a device prolongs its countdown. Other codes are the
// device's. The caller must not go on after a failure.
int feeder_start(struct feeder *feeder, struct error *err) WARN_UNUSED;

// The first thing to do at each wake-up: see above. Feeds when it is time.
void feeder_check(struct feeder *feeder);
// When feeder_check() is to be called again; INT64_MAX: not before somebody says something.
int64_t feeder_wake_ms(const struct feeder *feeder) WARN_UNUSED;
bool feeder_is_armed(const struct feeder *feeder) WARN_UNUSED;

// One message of a client. `client` is the connection's name, empty before "hello"; a hello sets
// it. Writes the answer.
void feeder_handle(struct feeder *feeder, char client[FEEDER_CLIENT_NAME_MAX + 1], const char *line,
                   struct strbuf *answer);
// The connection is gone. A client that is armed stays so.
void feeder_forget(struct feeder *feeder, const char *client);
