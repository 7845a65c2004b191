// SPDX-License-Identifier: Apache-2.0
// Making events, and their two forms: one line for people, one JSON object for programs.
#include "common/model/event.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/json.h"
#include "common/base/strbuf.h"

ENUM_TABLE(event_level,
           EVENT_LEVEL_MAX, [EVENT_LEVEL_ERROR] = "error", [EVENT_LEVEL_WARNING] = "warning",
           [EVENT_LEVEL_NOTICE] = "notice", [EVENT_LEVEL_INFO] = "info");

struct event *event_new(struct arena *arena, enum event_level level, const char *name)
{
    struct event *event = arena_new_of(arena, struct event);
    event->name = name;
    event->level = level;
    return event;
}

static struct event_field *event_add(struct event *event, const char *key)
{
    assert(event->fields_count < EVENT_FIELDS_MAX);
    struct event_field *field = &event->fields[event->fields_count++];
    field->key = key;
    return field;
}

struct event *event_text(struct arena *arena, struct event *event, const char *key,
                         const char *text)
{
    if (text != NULL) {
        struct event_field *field = event_add(event, key);
        field->type = EVENT_FIELD_TEXT;
        field->text = arena_strdup(arena, text);
    }
    return event;
}

struct event *event_int(struct event *event, const char *key, int64_t value)
{
    struct event_field *field = event_add(event, key);
    field->type = EVENT_FIELD_INT;
    field->integer = value;
    return event;
}

const char *event_find(const struct event *event, const char *key)
{
    for (size_t i = 0; i < event->fields_count; i++) {
        const struct event_field *field = &event->fields[i];
        if (field->type == EVENT_FIELD_TEXT && strcmp(field->key, key) == 0) {
            return field->text;
        }
    }
    return NULL;
}

// Whether a value can stand in the line as it is; others are quoted, so that fields stay tellable
// apart.
static bool event_is_plain(const char *text)
{
    if (*text == '\0') {
        return false;
    }
    for (const char *p = text; *p != '\0'; p++) {
        if ((unsigned char)*p <= 0x20 || *p == '\'' || *p == '=' || *p == 0x7f) {
            return false;
        }
    }
    return true;
}

static void event_format_value(const char *text, struct strbuf *out)
{
    if (event_is_plain(text)) {
        strbuf_append(out, text);
        return;
    }
    strbuf_append_char(out, '\'');
    for (const char *p = text; *p != '\0'; p++) {
        // One event is one line, whatever a failing program wrote.
        bool is_control = (unsigned char)*p < 0x20 || *p == 0x7f;
        strbuf_append_char(out, is_control ? ' ' : *p);
    }
    strbuf_append_char(out, '\'');
}

void event_format_text(const struct event *event, struct strbuf *out)
{
    strbuf_appendf(out, "%s:", event->name);
    for (size_t i = 0; i < event->fields_count; i++) {
        const struct event_field *field = &event->fields[i];
        strbuf_appendf(out, " %s=", field->key);
        switch (field->type) {
        case EVENT_FIELD_TEXT:
            event_format_value(field->text, out);
            break;
        case EVENT_FIELD_INT:
            strbuf_appendf(out, "%" PRId64, field->integer);
            break;
        }
    }
}

struct json *event_to_json(struct arena *arena, const struct event *event)
{
    struct json *json = json_new_object(arena);
    json_put_string(json, "event", event->name);
    for (size_t i = 0; i < event->fields_count; i++) {
        const struct event_field *field = &event->fields[i];
        switch (field->type) {
        case EVENT_FIELD_TEXT:
            json_put_string(json, field->key, field->text);
            break;
        case EVENT_FIELD_INT:
            json_put_int(json, field->key, field->integer);
            break;
        }
    }
    return json;
}
