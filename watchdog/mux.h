// SPDX-License-Identifier: Apache-2.0
// The multiplexer's decisions, pure: which clients are armed until when, and whether the device may
// be fed now. A client hands over an absolute deadline (CLOCK_BOOTTIME ms), never a bare "I am
// alive", so one that wakes up late cannot prolong its life. A client that vanishes without a
// goodbye keeps its deadline until one with the same name comes back and moves it or says goodbye.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"

struct mux;

struct mux *mux_new(void) WARN_UNUSED;
void mux_free(struct mux *mux);
void mux_freep(struct mux **mux);

// Arms the client, or moves its deadline. A deadline earlier than the present one is ignored.
// -ETIME: a deadline has passed, nothing is accepted any more. -EINVAL: the client is not armed and
// the deadline does not lie in the future; the node lives on, the client has no protection.
int mux_arm(struct mux *mux, const char *client, int64_t now_ms, int64_t deadline_ms) WARN_UNUSED;
// Forgets the client; fine when it is not armed. -ETIME as above.
int mux_disarm(struct mux *mux, const char *client, int64_t now_ms) WARN_UNUSED;
// Takes over a deadline from the process before this one, passed or not. Before any other call.
void mux_restore(struct mux *mux, const char *client, int64_t deadline_ms);

// Whether to feed the device now. Once false, false for ever: expiry is final.
bool mux_may_feed(struct mux *mux, int64_t now_ms) WARN_UNUSED;
// The earliest deadline, or INT64_MAX when nobody is armed.
int64_t mux_deadline_ms(const struct mux *mux) WARN_UNUSED;
// The client whose deadline passed, once mux_may_feed() said false; NULL before.
const char *mux_expired_client(const struct mux *mux) WARN_UNUSED;

// The armed clients, ascending by name.
size_t mux_count(const struct mux *mux) WARN_UNUSED;
const char *mux_client(const struct mux *mux, size_t index, int64_t *ret_deadline_ms) WARN_UNUSED;
// The client's deadline, or -ENOENT when it is not armed.
int mux_find(const struct mux *mux, const char *client, int64_t *ret_deadline_ms) WARN_UNUSED;
