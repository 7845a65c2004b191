// SPDX-License-Identifier: Apache-2.0
// An attempt is made of orders, one a device. The port knows an order by node and device only, so
// that one that is under way when the intent ends stays here, as stale, until its result has come:
// only then is the device ordered again.
#include "crm/core/fence_plan.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/planted.h"
#include "common/model/fence_config.h"
#include "common/port/fence.h"

enum {
    FENCE_PLAN_RETRY_FIRST_MS = 2 * 1000,
    FENCE_PLAN_RETRY_MAX_MS = 60 * 1000,
    FENCE_PLAN_DOUBLINGS_MAX = 5,
    // A port that owes a result for so long after the device's own timeout has lost it.
    FENCE_PLAN_LOST_MS = 12 * 1000,
};

enum fence_order_state {
    FENCE_ORDER_IDLE,
    FENCE_ORDER_SENT,
    FENCE_ORDER_STALE, // sent under an intent that is over
    FENCE_ORDER_LOST,  // sent, and no result came in time: failed, but may still be under way
    FENCE_ORDER_OFF,
    FENCE_ORDER_FAILED,
};

struct fence_order {
    enum fence_order_state state;
    int64_t level;      // of its device, when it was sent
    int64_t lost_at_ms; // while sent or stale
    bool cancelled;     // likewise
    char *evidence;     // what it said when it was off
};

struct fence_attempt {
    bool active;
    int64_t level;  // 0: waiting for retry_at_ms, or not begun
    int64_t rounds; // in which all levels failed
    int64_t retry_at_ms;
    bool proven;
    struct map orders; // device → struct fence_order *
};

static void order_free(void *value)
{
    struct fence_order *order = value;
    free(order->evidence);
    free(order);
}

static void attempt_free(void *value)
{
    struct fence_attempt *attempt = value;
    map_done(&attempt->orders);
    free(attempt);
}

void fence_plan_init(struct fence_plan *plan)
{
    map_init(&plan->attempts, attempt_free);
}

void fence_plan_done(struct fence_plan *plan)
{
    map_done(&plan->attempts);
}

static struct fence_attempt *attempt_get(struct fence_plan *plan, const char *node)
{
    struct fence_attempt *attempt = map_find(&plan->attempts, node);
    if (attempt == NULL) {
        attempt = alloc_zero(sizeof(*attempt));
        map_init(&attempt->orders, order_free);
        map_put(&plan->attempts, node, attempt);
    }
    return attempt;
}

static struct fence_order *order_get(struct fence_attempt *attempt, const char *device)
{
    struct fence_order *order = map_find(&attempt->orders, device);
    if (order == NULL) {
        order = alloc_zero(sizeof(*order));
        map_put(&attempt->orders, device, order);
    }
    return order;
}

static bool order_is_under_way(const struct fence_order *order)
{
    return order->state == FENCE_ORDER_SENT || order->state == FENCE_ORDER_STALE ||
           order->state == FENCE_ORDER_LOST;
}

static void order_forget(struct fence_order *order)
{
    order->state = FENCE_ORDER_IDLE;
    alloc_freep(&order->evidence);
}

// What is under way stays; it can still answer, for this intent.
static void attempt_forget_answers(struct fence_attempt *attempt)
{
    map_each (entry, &attempt->orders) {
        struct fence_order *order = entry->value;
        if (!order_is_under_way(order)) {
            order_forget(order);
        }
    }
}

// ---- one attempt

// The devices of a node, ascending by level.
struct fence_devices {
    const struct fence_device **devices;
    size_t count;
};

// The lowest level above this one; 0: there is none.
static int64_t level_after(const struct fence_devices *devices, int64_t level)
{
    for (size_t i = 0; i < devices->count; i++) {
        if (devices->devices[i]->level > level) {
            return devices->devices[i]->level;
        }
    }
    return 0;
}

static void attempt_expire(struct fence_attempt *attempt, int64_t now_ms)
{
    map_each (entry, &attempt->orders) {
        struct fence_order *order = entry->value;
        if (order_is_under_way(order) && now_ms >= order->lost_at_ms) {
            order->state = FENCE_ORDER_LOST;
        }
    }
}

static bool level_has_failed(struct fence_attempt *attempt, const struct fence_devices *devices)
{
    bool any = false;
    for (size_t i = 0; i < devices->count; i++) {
        if (devices->devices[i]->level != attempt->level) {
            continue;
        }
        any = true;
        const struct fence_order *order = order_get(attempt, devices->devices[i]->name);
        if (order->state == FENCE_ORDER_FAILED || order->state == FENCE_ORDER_LOST) {
            return true;
        }
    }
    return !any; // the configuration has changed
}

static bool level_is_off(struct fence_attempt *attempt, const struct fence_devices *devices)
{
    for (size_t i = 0; i < devices->count; i++) {
        if (devices->devices[i]->level == attempt->level &&
            order_get(attempt, devices->devices[i]->name)->state != FENCE_ORDER_OFF) {
            return false;
        }
    }
    return true; // level_has_failed() saw that it has devices
}

static void attempt_wait(struct fence_attempt *attempt, int64_t now_ms)
{
    int64_t doublings =
        attempt->rounds < FENCE_PLAN_DOUBLINGS_MAX ? attempt->rounds : FENCE_PLAN_DOUBLINGS_MAX;
    int64_t wait_ms = (int64_t)FENCE_PLAN_RETRY_FIRST_MS << doublings;
    attempt->retry_at_ms =
        now_ms + (wait_ms < FENCE_PLAN_RETRY_MAX_MS ? wait_ms : FENCE_PLAN_RETRY_MAX_MS);
    attempt->rounds++;
    attempt->level = 0;
}

// Finds the level that is to be tried now; 0: none.
static void attempt_choose_level(struct fence_attempt *attempt, const struct fence_devices *devices,
                                 int64_t now_ms)
{
    if (attempt->level == 0 && now_ms >= attempt->retry_at_ms) {
        attempt_forget_answers(attempt);
        attempt->level = level_after(devices, 0);
    }
    while (attempt->level != 0 && level_has_failed(attempt, devices)) {
        attempt->level = level_after(devices, attempt->level);
        if (attempt->level == 0) {
            attempt_wait(attempt, now_ms);
        }
    }
}

static void attempt_order(struct fence_attempt *attempt, const struct fence_devices *devices,
                          int64_t now_ms, struct arena *arena, struct pointer_list *orders)
{
    for (size_t i = 0; i < devices->count; i++) {
        const struct fence_device *device = devices->devices[i];
        struct fence_order *order = order_get(attempt, device->name);
        if (device->level == attempt->level && order->state == FENCE_ORDER_IDLE) {
            order->state = FENCE_ORDER_SENT;
            order->cancelled = false;
            order->level = device->level;
            order->lost_at_ms =
                now_ms + (device->delay_s + device->timeout_s) * 1000 + FENCE_PLAN_LOST_MS;
            pointer_list_add(arena, orders, (void *)(uintptr_t)device);
        }
    }
}

static int64_t attempt_wake_ms(const struct fence_attempt *attempt)
{
    if (attempt->level == 0) {
        return attempt->retry_at_ms;
    }
    int64_t wake_ms = INT64_MAX;
    map_each (entry, &attempt->orders) {
        const struct fence_order *order = entry->value;
        bool awaited = order->state == FENCE_ORDER_SENT || order->state == FENCE_ORDER_STALE;
        if (awaited && order->lost_at_ms < wake_ms) {
            wake_ms = order->lost_at_ms;
        }
    }
    return wake_ms;
}

bool fence_plan_run(struct fence_plan *plan, const struct fence_config *config, const char *node,
                    int64_t now_ms, struct arena *arena, struct pointer_list *orders,
                    int64_t *ret_wake_ms)
{
    *ret_wake_ms = INT64_MAX;
    struct fence_devices devices = {0};
    fence_config_devices_of(arena, config, node, &devices.devices, &devices.count);
    if (devices.count == 0) {
        fence_plan_void(plan, node); // its devices were taken away meanwhile
        return false;
    }
    struct fence_attempt *attempt = attempt_get(plan, node);
    if (!attempt->active) {
        attempt_forget_answers(attempt);
        attempt->active = true;
        attempt->level = 0;
        attempt->rounds = 0;
        attempt->retry_at_ms = now_ms;
    }
    if (attempt->proven) {
        return true;
    }
    attempt_expire(attempt, now_ms);
    attempt_choose_level(attempt, &devices, now_ms);
    if (attempt->level != 0) {
        attempt_order(attempt, &devices, now_ms, arena, orders);
        attempt->proven = level_is_off(attempt, &devices);
    }
    *ret_wake_ms = attempt_wake_ms(attempt);
    return attempt->proven;
}

enum fence_plan_news fence_plan_take(struct fence_plan *plan, const struct fence_result *result)
{
    struct fence_attempt *attempt = map_find(&plan->attempts, result->node);
    struct fence_order *order = attempt != NULL ? map_find(&attempt->orders, result->device) : NULL;
    if (order == NULL || order->state != FENCE_ORDER_SENT) {
        if (order != NULL && order_is_under_way(order)) {
            order_forget(order); // it can be ordered again
        }
        return FENCE_PLAN_NEWS_VOID;
    }
    assert(attempt->active); // else it would be stale
    alloc_freep(&order->evidence);
    order->evidence = alloc_strdup(result->evidence != NULL ? result->evidence : "off");
    if (planted_is(PLANTED_DEVICE_BELIEVED)) {
        order->state = FENCE_ORDER_OFF;
        return FENCE_PLAN_NEWS_OFF;
    }
    switch (result->verdict) {
    case FENCE_VERDICT_OFF:
        order->state = FENCE_ORDER_OFF;
        return FENCE_PLAN_NEWS_OFF;
    case FENCE_VERDICT_FAILED:
        break;
    }
    order->state = FENCE_ORDER_FAILED; // also a verdict that does not exist
    return FENCE_PLAN_NEWS_FAILED;
}

const char *fence_plan_evidence(const struct fence_plan *plan, const char *node,
                                struct arena *arena)
{
    const struct fence_attempt *attempt = map_find(&plan->attempts, node);
    assert(attempt != NULL);
    assert(attempt->proven);
    const char *text = "";
    map_each (entry, &attempt->orders) {
        const struct fence_order *order = entry->value;
        if (order->state == FENCE_ORDER_OFF && order->level == attempt->level) {
            text = arena_printf(arena, "%s%s%s: %s", text, text[0] != '\0' ? "; " : "", entry->key,
                                order->evidence);
        }
    }
    return text;
}

static void attempt_void(struct fence_attempt *attempt)
{
    attempt->active = false;
    attempt->proven = false;
    attempt_forget_answers(attempt);
    map_each (entry, &attempt->orders) {
        struct fence_order *order = entry->value;
        order->state = order->state == FENCE_ORDER_SENT ? FENCE_ORDER_STALE : order->state;
    }
}

void fence_plan_void(struct fence_plan *plan, const char *node)
{
    struct fence_attempt *attempt = map_find(&plan->attempts, node);
    if (attempt != NULL) {
        attempt_void(attempt);
    }
}

void fence_plan_void_all(struct fence_plan *plan)
{
    map_each (entry, &plan->attempts) {
        attempt_void(entry->value);
    }
}

bool fence_plan_cancel(struct fence_plan *plan, const char *node)
{
    struct fence_attempt *attempt = map_find(&plan->attempts, node);
    bool any = false;
    if (attempt == NULL) {
        return false;
    }
    attempt_void(attempt);
    map_each (entry, &attempt->orders) {
        struct fence_order *order = entry->value;
        any = any || (order_is_under_way(order) && !order->cancelled);
        order->cancelled = true;
    }
    return any;
}
