// SPDX-License-Identifier: Apache-2.0
// When a daemon's round runs: once after whatever came in together, when its own next wake-up is
// due, and never twice for one cause.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/macros.h"

struct clock;
struct latency_page;
struct loop;
struct rounds;

// Runs one round. Returns true to go on, with *ret_wake_ms set, or false to end the loop in order.
typedef bool (*rounds_run)(void *userdata, int64_t *ret_wake_ms);

// The first round runs as soon as the loop does.
struct rounds *rounds_new(struct loop *loop, rounds_run run, void *userdata) WARN_UNUSED;
void rounds_free(struct rounds *rounds);
void rounds_freep(struct rounds **rounds);
// From now on each round is counted there. Borrowed.
void rounds_count(struct rounds *rounds, struct latency_page *page);
// Something changed: a round runs once all that is pending now has been dealt with.
void rounds_request(struct rounds *rounds);
