// SPDX-License-Identifier: Apache-2.0
// Turns events into lines for another process, and such lines into events again.
#include "common/host/event_forward.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/strbuf.h"
#include "common/model/event.h"

static void forward_emit(struct event_sink *sink, const struct event *event)
{
    struct event_forward *forward = (struct event_forward *)sink;
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct json *fields = json_new_object(arena);
    for (size_t i = 0; i < event->fields_count; i++) {
        const struct event_field *field = &event->fields[i];
        switch (field->type) {
        case EVENT_FIELD_TEXT:
            json_put_string(fields, field->key, field->text);
            break;
        case EVENT_FIELD_INT:
            json_put_int(fields, field->key, field->integer);
            break;
        }
    }
    struct json *body = json_new_object(arena);
    json_put_string(body, "name", event->name);
    json_put_string(body, "level", event_level_to_string(event->level));
    json_put(body, "fields", fields);
    struct json *line = json_new_object(arena);
    json_put(line, "event", body);
    struct strbuf text CLEANUP(strbuf_done) = {0};
    json_format(line, JSON_STYLE_COMPACT, &text);
    strbuf_append_char(&text, '\n');
    // A pipe takes up to PIPE_BUF bytes whole or not at all. A longer line could be torn when the
    // pipe is not blocking; the reader drops what does not parse. Events are told once; a lost one
    // is a lost line of the log, no more.
    ssize_t n;
    do {
        n = write(forward->fd, text.text, text.size_bytes);
    } while (n < 0 && errno == EINTR);
}

static const struct event_sink_ops forward_ops = {.emit = forward_emit};

void event_forward_init(struct event_forward *forward, int fd)
{
    *forward = (struct event_forward){.sink = {.ops = &forward_ops}, .fd = fd};
}

static int field_add(struct arena *arena, struct event *event, const struct map_entry *entry,
                     struct error *err)
{
    if (event->fields_count == EVENT_FIELDS_MAX) {
        return error_set(err, -EINVAL, "event '%s' has too many fields", event->name);
    }
    const struct json *value = entry->value;
    const char *key = arena_strdup(arena, entry->key);
    if (value->type == JSON_TYPE_STRING) {
        event_text(arena, event, key, value->string);
        return 0;
    }
    if (value->type == JSON_TYPE_INT) {
        event_int(event, key, value->integer);
        return 0;
    }
    return error_set(err, -EINVAL, "event '%s': field '%s' is neither text nor number", event->name,
                     entry->key);
}

int event_forward_parse(struct arena *arena, const struct json *line, struct event **ret,
                        struct error *err)
{
    const struct json *body = json_find(line, "event");
    if (body == NULL) {
        *ret = NULL;
        return 0;
    }
    const char *name;
    const char *level_name;
    int r = json_get_string(body, "name", &name, err);
    if (r == 0) {
        r = json_get_string(body, "level", &level_name, err);
    }
    if (r < 0) {
        return r;
    }
    enum event_level level;
    if (event_level_from_string(level_name, &level) < 0) {
        return error_set(err, -EINVAL, "event '%s': unknown level '%s'", name, level_name);
    }
    const struct json *fields = json_find(body, "fields");
    if (fields == NULL || fields->type != JSON_TYPE_OBJECT) {
        return error_set(err, -EINVAL, "event '%s' has no fields object", name);
    }
    struct event *event = event_new(arena, level, arena_strdup(arena, name));
    json_each (e, fields) {
        r = field_add(arena, event, e, err);
        if (r < 0) {
            return r;
        }
    }
    *ret = event;
    return 0;
}
