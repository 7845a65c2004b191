// SPDX-License-Identifier: Apache-2.0
// An event: a stable name and typed fields (docs/events.md). Cores make events, drivers log, print
// and keep them.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/base/enum_table.h"
#include "common/base/macros.h"

struct arena;
struct json;
struct strbuf;

// error = action failed or node unsafe, warning = degraded, notice = state changed, info = detail.
enum event_level {
    EVENT_LEVEL_ERROR,
    EVENT_LEVEL_WARNING,
    EVENT_LEVEL_NOTICE,
    EVENT_LEVEL_INFO,
    EVENT_LEVEL_MAX
};
ENUM_TABLE_DECLARE(event_level);

enum event_field_type { EVENT_FIELD_TEXT, EVENT_FIELD_INT };

struct event_field {
    const char *key;
    enum event_field_type type;
    const char *text;
    int64_t integer;
};

enum { EVENT_FIELDS_MAX = 12 };

struct event {
    const char *name; // "service-state"; one that docs/events.md describes
    enum event_level level;
    struct event_field fields[EVENT_FIELDS_MAX];
    size_t fields_count;
};

// An event in the arena; the name is borrowed (a literal).
struct event *event_new(struct arena *arena, enum event_level level, const char *name) WARN_UNUSED;
// Both return the event. A NULL text adds no field. Keys are borrowed (literals), texts copied into
// the arena.
struct event *event_text(struct arena *arena, struct event *event, const char *key,
                         const char *text);
struct event *event_int(struct event *event, const char *key, int64_t value);
// The field's text, or NULL.
const char *event_find(const struct event *event, const char *key) WARN_UNUSED;
// One line for people, made from the fields: "service-state: sid=ct:100 from=started to=fence".
void event_format_text(const struct event *event, struct strbuf *out);
// {"event":…, fields}; the caller adds t and at.
struct json *event_to_json(struct arena *arena, const struct event *event) WARN_UNUSED;
