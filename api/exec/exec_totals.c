// SPDX-License-Identifier: Apache-2.0
// Counts what happens.
#include "api/exec/exec_totals.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/json.h"
#include "common/model/event.h"
#include "common/port/history.h"
#include "common/port/store.h"

#define SECONDS(seconds_) (INT64_C(1000000) * (seconds_))
#define MILLIS(millis_)   (INT64_C(1000) * (millis_))

static const int64_t failover_bounds_us[] = {
    SECONDS(1),  SECONDS(2),  SECONDS(5),  SECONDS(10),  SECONDS(15),  SECONDS(20),  SECONDS(30),
    SECONDS(45), SECONDS(60), SECONDS(90), SECONDS(120), SECONDS(180), SECONDS(300), SECONDS(600)};
static const int64_t call_bounds_us[] = {MILLIS(1),   MILLIS(2),    MILLIS(5),    MILLIS(10),
                                         MILLIS(25),  MILLIS(50),   MILLIS(100),  MILLIS(250),
                                         MILLIS(500), MILLIS(1000), MILLIS(2500), MILLIS(10000)};

struct exec_totals *exec_totals_new(void)
{
    struct exec_totals *totals = alloc_zero(sizeof(*totals));
    totals->failover.bounds_us = failover_bounds_us;
    totals->failover.bounds_count = ARRAY_SIZE(failover_bounds_us);
    totals->calls.bounds_us = call_bounds_us;
    totals->calls.bounds_count = ARRAY_SIZE(call_bounds_us);
    map_init(&totals->services, free);
    map_init(&totals->lost, free);
    map_init(&totals->fences, free);
    return totals;
}

void exec_totals_free(struct exec_totals *totals)
{
    if (totals == NULL) {
        return;
    }
    map_done(&totals->services);
    map_done(&totals->lost);
    map_done(&totals->fences);
    free(totals);
}

static int64_t *number_of(struct map *map, const char *key)
{
    int64_t *number = map_find(map, key);
    if (number == NULL) {
        number = alloc_zero(sizeof(*number));
        map_put(map, key, number);
    }
    return number;
}

static struct service_totals *service_of(struct exec_totals *totals, const char *sid)
{
    struct service_totals *service = map_find(&totals->services, sid);
    if (service == NULL) {
        service = alloc_zero(sizeof(*service));
        map_put(&totals->services, sid, service);
    }
    return service;
}

static void count_node(struct exec_totals *totals, const char *name, const struct json *fields,
                       int64_t time_ms)
{
    const char *node = json_find_string(fields, "node");
    const char *to = json_find_string(fields, "to");
    const char *proof = json_find_string(fields, "proof");
    if (node == NULL) {
        return;
    }
    if (strcmp(name, "node-state") == 0 && to != NULL) {
        if (strcmp(to, "online") == 0 || strcmp(to, "maintenance") == 0) {
            (void)map_remove(&totals->lost, node);
        } else if (!map_has(&totals->lost, node)) {
            *number_of(&totals->lost, node) = time_ms;
        }
    } else if (strcmp(name, "fence-confirmed") == 0 && proof != NULL && totals->primed) {
        (*number_of(&totals->fences, proof))++;
    }
}

// It waits for a node no more, when it goes to one of these.
static bool state_ends_recovery(const char *state)
{
    static const char *const states[] = {"stopped", "request_stop", "error", "freeze"};
    for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
        if (strcmp(states[i], state) == 0) {
            return true;
        }
    }
    return false;
}

static void count_recovery(struct exec_totals *totals, struct service_totals *service,
                           const char *from, int64_t time_ms)
{
    const int64_t *lost_ms = from != NULL ? map_find(&totals->lost, from) : NULL;
    if (!service->recovering) {
        service->lost_ms = lost_ms != NULL ? *lost_ms : time_ms;
    }
    service->recovering = true;
    service->recoveries += totals->primed ? 1 : 0;
}

static void count_running(struct exec_totals *totals, struct service_totals *service,
                          int64_t time_ms)
{
    if (service->recovering && totals->primed) {
        metric_histogram_add(&totals->failover, time_ms - service->lost_ms);
    }
    service->recovering = false;
    service->starts += totals->primed ? 1 : 0;
}

static void count_service(struct exec_totals *totals, const char *name, const struct json *fields,
                          int64_t time_ms)
{
    const char *sid = json_find_string(fields, "sid");
    const char *to = json_find_string(fields, "to");
    int64_t one = totals->primed ? 1 : 0;
    if (sid == NULL) {
        return;
    }
    if (strcmp(name, "service-removed") == 0) {
        (void)map_remove(&totals->services, sid);
    } else if (strcmp(name, "recover") == 0) {
        count_recovery(totals, service_of(totals, sid), json_find_string(fields, "from"), time_ms);
    } else if (strcmp(name, "service-running") == 0) {
        count_running(totals, service_of(totals, sid), time_ms);
    } else if (strcmp(name, "service-failed") == 0) {
        service_of(totals, sid)->failures += one;
    } else if (strcmp(name, "service-state") == 0 && to != NULL) {
        struct service_totals *service = service_of(totals, sid);
        bool moves = strcmp(to, "migrate") == 0 || strcmp(to, "relocate") == 0;
        service->moves += moves ? one : 0;
        service->errors += strcmp(to, "error") == 0 ? one : 0;
        service->recovering = service->recovering && !state_ends_recovery(to);
    }
}

static void count_entry(struct exec_totals *totals, const struct json *entry)
{
    const char *name = json_find_string(entry, "event");
    const char *level = json_find_string(entry, "level");
    const struct json *fields = json_find(entry, "fields");
    enum event_level level_value;
    double time_s = 0;
    ignore_result(json_get_double_if(entry, "time", &time_s, NULL)); // it is always there
    int64_t time_ms = (int64_t)(time_s * 1000.0 + 0.5);
    if (totals->primed && event_level_from_string(level, &level_value) == 0 &&
        (size_t)level_value < TOTALS_LEVELS) {
        totals->events[level_value]++;
    }
    count_node(totals, name, fields, time_ms);
    count_service(totals, name, fields, time_ms);
}

void exec_totals_read(struct exec_totals *totals, const struct store_entries *entries)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    for (size_t i = 0; i < entries->count; i++) {
        const struct store_entry *entry = &entries->entries[i];
        struct json *shown;
        if (entry->value != NULL &&
            history_show(arena, entry->key, entry->value, entry->size_bytes, &shown, NULL) == 0) {
            count_entry(totals, shown);
        }
    }
    totals->version = entries->version;
    totals->primed = totals->primed || entries->version > 0;
}

void exec_totals_call(struct exec_totals *totals, int status, bool late, int64_t took_ms)
{
    int digit = status / 100;
    totals->codes[digit > 0 && digit < TOTALS_CODES ? digit : 0]++;
    if (!late) {
        metric_histogram_add(&totals->calls, took_ms);
    }
}
