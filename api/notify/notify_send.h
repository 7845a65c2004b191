// SPDX-License-Identifier: Apache-2.0
// Delivers one message to one target, without root's privileges unless the target says otherwise.
// It blocks, and gives up what its process has: for children.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"

struct arena;
struct clock;
struct error;
struct json;
struct notify_target;

enum { NOTIFY_TIMEOUT_MS = 30 * 1000, NOTIFY_OUTPUT_MAX = 4096 };

struct notify_job {
    const struct notify_target *target;
    const char *secret;                // or NULL
    const char *node;                  // who sends it
    const struct json *const *entries; // one; of a mail several
    size_t count;
};

// A process_main: `userdata` is a struct notify_job *. Exit status 0: delivered; else the reason is
// the last line of the output.
int notify_send_run(void *userdata, int output_fd);
// What the output says of the reason: its last line, in the arena.
char *notify_reason(struct arena *arena, const char *output) WARN_UNUSED;
// Delivers in a child and waits for it, for tools.
int notify_send_wait(struct clock *clock, const struct notify_job *job,
                     struct error *err) WARN_UNUSED;
