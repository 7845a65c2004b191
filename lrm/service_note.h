// SPDX-License-Identifier: Apache-2.0
// The note of the guests that may run on this machine, and of the term of the agent lease: a small
// file in memory (/run), written before any of them is started. A process of ha-lrm that finds
// itself bound by the deadline of one before it, and the cluster out of reach, knows from it what
// it has to end.
#pragma once

#include <stdint.h>

#include "common/base/macros.h"

struct arena;
struct error;
struct workers_guests;

int service_note_write(const char *path, const char *boot_id, const struct workers_guests *guests,
                       uint64_t term, struct error *err) WARN_UNUSED;
// In the arena. -ENOENT: nothing was noted since the machine was booted; -EBADMSG: it cannot be
// understood. In both cases nobody knows what may run.
int service_note_read(struct arena *arena, const char *path, const char *boot_id,
                      struct workers_guests *ret, uint64_t *ret_term,
                      struct error *err) WARN_UNUSED;
