// SPDX-License-Identifier: Apache-2.0
// Reading, comparing and writing events.jsonl.
#include "sim/expectation.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/strbuf.h"
#include "common/model/event.h"
#include "sim/sim_file.h"
#include "sim/simulation.h"

// The kinds that are compared, with the fields that are written by an update.
static const struct {
    const char *name;
    const char *fields[6];
} expectation_kinds[] = {
    {"auto-rebalance", {"sid", "node", "how"}},
    {"daemon-exit", {NULL}},
    {"daemon-state", {"from", "to"}},
    {"fence-begin", {"node"}},
    {"fence-confirmed", {"node"}},
    {"fence-stopped", {"services"}},
    {"lock-acquired", {"lock"}},
    {"move-begin", {"sid", "node", "how"}},
    {"move-end", {"sid", "node", "how"}},
    {"move-failed", {"sid"}},
    {"node-state", {"node", "from", "to"}},
    {"rebalance-on-start", {"sid", "node"}},
    {"recover", {"sid", "from", "to"}},
    {"recover-failed", {"sid", "from"}},
    {"service-added", {"sid", "node"}},
    {"service-removed", {"sid"}},
    {"service-state", {"sid", "from", "to", "node", "target", "timeout"}},
    {"start", {"sid"}},
    {"start-failed", {"sid"}},
    {"started", {"sid"}},
    {"stop", {"sid"}},
    {"stop-failed", {"sid"}},
    {"stopped", {"sid"}},
    {"watchdog-poweroff", {"node"}},
};

struct expectation_event {
    double t;
    const char *at;
    size_t position; // of emission or of the line, so that sorting keeps the order
    const struct json *json;
};

struct expectation_list {
    struct expectation_event *events;
    size_t count, capacity;
};

struct expectation_recorder {
    struct arena *arena;
    struct expectation_list *list;
};

static void expectation_list_done(struct expectation_list *list)
{
    free(list->events);
}

static void expectation_list_add(struct expectation_list *list, const struct json *json, double t)
{
    if (list->count == list->capacity) {
        list->capacity = list->capacity > 0 ? 2 * list->capacity : 64;
        list->events = alloc_resize(list->events, list->capacity * sizeof(*list->events));
    }
    list->events[list->count] =
        (struct expectation_event){t, json_find_string(json, "at"), list->count, json};
    list->count++;
}

static bool expectation_is_compared(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(expectation_kinds); i++) {
        if (strcmp(expectation_kinds[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static void expectation_record(void *userdata, int64_t t_ms, const char *at,
                               const struct event *event)
{
    struct expectation_recorder *recorder = userdata;
    if (expectation_is_compared(event->name)) {
        struct json *json = simulation_event_json(recorder->arena, t_ms, at, event);
        expectation_list_add(recorder->list, json, (double)t_ms / 1000);
    }
}

static int expectation_compare_events(const void *a, const void *b)
{
    const struct expectation_event *x = a;
    const struct expectation_event *y = b;
    if (x->t < y->t || x->t > y->t) {
        return x->t < y->t ? -1 : 1;
    }
    int by_daemon = strcmp(x->at, y->at);
    if (by_daemon != 0) {
        return by_daemon;
    }
    return x->position < y->position ? -1 : 1;
}

static void expectation_sort(struct expectation_list *list)
{
    if (list->count > 0) {
        qsort(list->events, list->count, sizeof(*list->events), expectation_compare_events);
    }
}

static int expectation_read_line(struct arena *arena, const char *line, size_t size_bytes,
                                 struct expectation_list *list, struct error *err)
{
    struct json *json = NULL;
    double t = 0;
    const char *at = NULL;
    const char *name = NULL;
    int r = json_parse(arena, line, size_bytes, &json, err);
    if (r < 0 || (r = json_get_string(json, "at", &at, err)) < 0 ||
        (r = json_get_string(json, "event", &name, err)) < 0 ||
        (r = json_get_double_if(json, "t", &t, err)) < 0) {
        return r;
    }
    if (!expectation_is_compared(name)) {
        return error_set(err, -EINVAL, "'%s' is not an event that scenarios are compared by", name);
    }
    expectation_list_add(list, json, t);
    return 0;
}

static int expectation_read(struct arena *arena, const char *folder, struct expectation_list *list,
                            struct error *err)
{
    char *text = NULL;
    size_t size_bytes = 0;
    int r = sim_file_read(arena, arena_printf(arena, "%s/events.jsonl", folder), &text, &size_bytes,
                          err);
    if (r < 0) {
        return r;
    }
    size_t number = 0;
    for (const char *line = text; line < text + size_bytes; number++) {
        size_t length = strcspn(line, "\n");
        r = length > 0 ? expectation_read_line(arena, line, length, list, err) : 0;
        if (r < 0) {
            return error_prefix(err, "events.jsonl: line %zu", number + 1);
        }
        line += length + 1;
    }
    expectation_sort(list);
    return 0;
}

// Numbers and texts alike are compared by their text.
static const char *expectation_scalar(struct arena *arena, const struct json *value)
{
    if (value == NULL) {
        return NULL;
    }
    return value->type == JSON_TYPE_STRING ? value->string : json_to_text(arena, value);
}

static bool expectation_fits(struct arena *arena, const struct json *want, const struct json *got)
{
    json_each (e, want) {
        const char *expected = expectation_scalar(arena, e->value);
        const char *found = expectation_scalar(arena, json_find(got, e->key));
        if (found == NULL || strcmp(expected, found) != 0) {
            return false;
        }
    }
    return true;
}

static int expectation_compare(struct arena *arena, const struct expectation_list *want,
                               const struct expectation_list *got, struct error *err)
{
    for (size_t i = 0; i < want->count; i++) {
        if (i >= got->count) {
            (void)error_set(err, -EBADMSG, "missing, from event %zu of %zu: %s", i + 1, want->count,
                            json_to_text(arena, want->events[i].json));
            return EXPECTATION_OUTCOME_DIFFERS;
        }
        if (!expectation_fits(arena, want->events[i].json, got->events[i].json)) {
            (void)error_set(err, -EBADMSG, "event %zu of %zu: want %s, got %s", i + 1, want->count,
                            json_to_text(arena, want->events[i].json),
                            json_to_text(arena, got->events[i].json));
            return EXPECTATION_OUTCOME_DIFFERS;
        }
    }
    if (got->count > want->count) {
        (void)error_set(err, -EBADMSG, "extra event: %s",
                        json_to_text(arena, got->events[want->count].json));
        return EXPECTATION_OUTCOME_DIFFERS;
    }
    return EXPECTATION_OUTCOME_MATCH;
}

static int expectation_run(struct arena *arena, const char *folder, enum timing_profile profile,
                           struct expectation_list *list, struct error *err)
{
    struct expectation_recorder recorder = {arena, list};
    int r = simulation_run(folder, profile, expectation_record, &recorder, err);
    if (r < 0) {
        return r;
    }
    expectation_sort(list);
    return r == SIMULATION_OUTCOME_INVARIANT ? EXPECTATION_OUTCOME_INVARIANT
                                             : EXPECTATION_OUTCOME_MATCH;
}

int expectation_check(const char *folder, enum timing_profile profile, struct error *err)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct expectation_list want CLEANUP(expectation_list_done) = {0};
    struct expectation_list got CLEANUP(expectation_list_done) = {0};
    int r = expectation_read(arena, folder, &want, err);
    if (r < 0) {
        return r;
    }
    r = expectation_run(arena, folder, profile, &got, err);
    return r == EXPECTATION_OUTCOME_MATCH ? expectation_compare(arena, &want, &got, err) : r;
}

// One line, with the fields in the order people read them.
static void expectation_format(struct arena *arena, const struct expectation_event *event,
                               struct strbuf *out)
{
    const char *name = json_find_string(event->json, "event");
    strbuf_appendf(out, "{\"t\": %s, \"at\": \"%s\", \"event\": \"%s\"",
                   json_to_text(arena, json_find(event->json, "t")), event->at, name);
    for (size_t i = 0; i < ARRAY_SIZE(expectation_kinds); i++) {
        bool same = strcmp(expectation_kinds[i].name, name) == 0;
        for (size_t j = 0; same && j < ARRAY_SIZE(expectation_kinds[i].fields); j++) {
            const char *field = expectation_kinds[i].fields[j];
            const struct json *value = field != NULL ? json_find(event->json, field) : NULL;
            if (value != NULL) {
                strbuf_appendf(out, ", \"%s\": %s", field, json_to_text(arena, value));
            }
        }
    }
    strbuf_append(out, "}\n");
}

int expectation_update(const char *folder, enum timing_profile profile, struct error *err)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct expectation_list got CLEANUP(expectation_list_done) = {0};
    struct strbuf text CLEANUP(strbuf_done) = {0};
    int r = expectation_run(arena, folder, profile, &got, err);
    if (r != EXPECTATION_OUTCOME_MATCH) {
        return r;
    }
    for (size_t i = 0; i < got.count; i++) {
        expectation_format(arena, &got.events[i], &text);
    }
    int w = sim_file_write(arena_printf(arena, "%s/events.jsonl", folder), strbuf_text(&text),
                           text.size_bytes, err);
    return w < 0 ? w : EXPECTATION_OUTCOME_MATCH;
}
