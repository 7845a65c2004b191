// SPDX-License-Identifier: Apache-2.0
// Which power switch is ordered when, for the nodes that are to be fenced, and when their answers
// prove that a node is off. Levels are tried in turn, all devices of one level together; only all
// of them prove anything. After the last level the first one is tried again, each time later. Kept
// in memory only: after a change of the master everything is ordered anew, which is harmless, since
// switching off what is off changes nothing. Internal to crm/core.
//
// INV-2: an order is given only after the intent to fence the node is committed, and its answer
// counts only while that very intent stands: fence_plan_void() ends it, and what is under way then
// is not believed any more.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/macros.h"
#include "common/base/map.h"
#include "crm/core/pointer_list.h"

struct arena;
struct fence_config;
struct fence_device;
struct fence_result;

struct fence_plan {
    struct map attempts; // node → struct fence_attempt *
};

// What became of a result.
enum fence_plan_news {
    FENCE_PLAN_NEWS_VOID = 1, // of an intent that is over, or of no order of ours
    FENCE_PLAN_NEWS_OFF,      // this device is done; fence_plan_run() finds out what that proves
    FENCE_PLAN_NEWS_FAILED,
};

void fence_plan_init(struct fence_plan *plan);
void fence_plan_done(struct fence_plan *plan);
// The node's committed intent to be fenced stands: adds the devices that are to be ordered now
// (const struct fence_device *, of the configuration) and sets when to call again at the latest
// (INT64_MAX: no need). True when the answers prove by now that the node is off.
bool fence_plan_run(struct fence_plan *plan, const struct fence_config *config, const char *node,
                    int64_t now_ms, struct arena *arena, struct pointer_list *orders,
                    int64_t *ret_wake_ms) WARN_UNUSED;
enum fence_plan_news fence_plan_take(struct fence_plan *plan,
                                     const struct fence_result *result) WARN_UNUSED;
// In the arena: what the devices that prove it said.
const char *fence_plan_evidence(const struct fence_plan *plan, const char *node,
                                struct arena *arena) WARN_UNUSED;
// The intent is over, or has become another one.
void fence_plan_void(struct fence_plan *plan, const char *node);
void fence_plan_void_all(struct fence_plan *plan);
// The same since the node is there again. True, once, when orders are under way that could hit it.
bool fence_plan_cancel(struct fence_plan *plan, const char *node) WARN_UNUSED;
