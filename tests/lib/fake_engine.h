// SPDX-License-Identifier: Apache-2.0
// The engine as those see it who only ask it: a real replica that is alone and serves at once, with
// a membership, a clock and a transport that the test sets. Defines the functions of
// cluster/engine.h that such users call, so it is linked in the engine's place.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"

struct arena;
struct engine;

// The node is the first of `nodes`, which are ascending; all are online, one vote each.
struct engine *fake_engine_new(const char *const *nodes, size_t count) WARN_UNUSED;
void fake_engine_free(struct engine *engine);

void fake_engine_advance(struct engine *engine, int64_t ms);
void fake_engine_set_online(struct engine *engine, const char *node, bool online);
void fake_engine_set_votes(struct engine *engine, const char *node, uint32_t votes);
void fake_engine_set_quorate(struct engine *engine, bool quorate);
void fake_engine_set_first(struct engine *engine, bool first);
// Requests from now on are answered with this code and have no effect; 0: they have.
void fake_engine_refuse(struct engine *engine, int code);

// Writes as another node would. NULL deletes.
void fake_engine_put(struct engine *engine, const char *key, const char *value);
// NULL: not there. In the arena.
const char *fake_engine_get(struct engine *engine, struct arena *arena,
                            const char *key) WARN_UNUSED;

// The next answer to a request that was made by engine_request(); false: there is none.
bool fake_engine_next_answer(struct engine *engine, uint64_t *ret_request, int *ret_code);
size_t fake_engine_requests(const struct engine *engine) WARN_UNUSED; // made so far

// Events by this name so far, and the text of a field of the last one, NULL: none.
size_t fake_engine_events(const struct engine *engine, const char *name) WARN_UNUSED;
const char *fake_engine_event_text(const struct engine *engine, const char *name,
                                   const char *key) WARN_UNUSED;

// What Corosync runs with (−1: it does not), and how often it was told to read its configuration.
void fake_engine_set_running(struct engine *engine, int64_t config_version);
void fake_engine_set_reload_result(struct engine *engine, int code);
size_t fake_engine_reloads(const struct engine *engine) WARN_UNUSED;
