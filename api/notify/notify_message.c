// SPDX-License-Identifier: Apache-2.0
// Words of notifications.
#include "api/notify/notify_message.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "common/base/arena.h"
#include "common/base/json.h"
#include "common/base/strbuf.h"
#include "common/model/notify_config.h"

enum { SUBJECT_MAX = 120, LINE_MAX_BYTES = 800, TIME_SIZE = 32 };

static const char *text_of(const struct json *entry, const char *key)
{
    const char *text = json_find_string(entry, key);
    return text != NULL ? text : "";
}

static const char *value_text(struct arena *arena, const struct json *value)
{
    return value->type == JSON_TYPE_STRING ? value->string : json_to_text(arena, value);
}

char *notify_line(struct arena *arena, const struct json *entry)
{
    struct strbuf out CLEANUP(strbuf_done) = {0};
    const struct json *fields = json_find(entry, "fields");
    strbuf_appendf(&out, "%s:", text_of(entry, "event"));
    if (fields != NULL) {
        json_each (e, fields) {
            strbuf_appendf(&out, " %s=%s", e->key, value_text(arena, e->value));
        }
    }
    char *line = arena_strdup(arena, strbuf_text(&out));
    for (char *c = line; *c != '\0'; c++) {
        *c = (unsigned char)*c < ' ' || *c == 0x7f ? ' ' : *c;
    }
    return line;
}

// A header is short, one line, and ASCII.
static char *subject_make(struct arena *arena, const struct json *const *entries, size_t count)
{
    char *line = notify_line(arena, entries[0]);
    for (char *c = line; *c != '\0'; c++) {
        *c = *c < ' ' || *c > '~' ? '?' : *c;
    }
    const char *more = count > 1 ? arena_printf(arena, " (and %zu more)", count - 1) : "";
    return arena_printf(arena, "[ha-manager] %.*s%s", SUBJECT_MAX, line, more);
}

static const char *time_text(struct arena *arena, const struct json *entry)
{
    char text[TIME_SIZE];
    struct tm parts;
    double time_s = 0;
    ignore_result(json_get_double_if(entry, "time", &time_s, NULL)); // it is always there
    time_t seconds = (time_t)time_s;
    if (gmtime_r(&seconds, &parts) == NULL ||
        strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &parts) == 0) {
        return "";
    }
    return arena_strdup(arena, text);
}

char *notify_mail(struct arena *arena, const struct notify_target *target, const char *node,
                  const struct json *const *entries, size_t count)
{
    struct strbuf out CLEANUP(strbuf_done) = {0};
    if (target->from != NULL) {
        strbuf_appendf(&out, "From: %s\n", target->from);
    }
    strbuf_appendf(&out, "To: %s\nSubject: %s\n", target->to, subject_make(arena, entries, count));
    strbuf_append(&out, "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n"
                        "Content-Transfer-Encoding: 8bit\nAuto-Submitted: auto-generated\n\n");
    for (size_t i = 0; i < count; i++) {
        strbuf_appendf(&out, "%s  %s  %s\n  %.*s\n", time_text(arena, entries[i]),
                       text_of(entries[i], "level"), text_of(entries[i], "at"), LINE_MAX_BYTES,
                       notify_line(arena, entries[i]));
    }
    strbuf_appendf(&out, "\nSent by %s to target %s.\n", node, target->name);
    return arena_strdup(arena, strbuf_text(&out));
}

char *notify_json(struct arena *arena, const char *node, const struct json *entry)
{
    struct json *message = json_new_object(arena);
    json_each (e, entry) {
        json_put(message, e->key, e->value);
    }
    json_put_string(message, "node", node);
    json_put_string(message, "text", notify_line(arena, entry));
    return json_to_text(arena, message);
}

const char **notify_environment(struct arena *arena, const struct json *entry)
{
    static const char *const keys[] = {"EVENT", "event", "LEVEL", "level", "AT", "at"};
    const struct json *fields = json_find(entry, "fields");
    const struct json *number = json_find(entry, "number");
    size_t fields_count = fields != NULL ? fields->members.count : 0;
    const char **list = arena_array_of(arena, const char *, fields_count + ARRAY_SIZE(keys) + 3);
    size_t count = 0;
    for (size_t i = 0; i < ARRAY_SIZE(keys); i += 2) {
        list[count++] = arena_printf(arena, "HA_%s=%s", keys[i], text_of(entry, keys[i + 1]));
    }
    list[count++] =
        arena_printf(arena, "HA_NUMBER=%" PRId64, number != NULL ? number->integer : INT64_C(0));
    list[count++] = arena_printf(arena, "HA_TIME=%s", time_text(arena, entry));
    for (size_t i = 0; i < fields_count; i++) {
        const struct map_entry *e = &fields->members.entries[i];
        char *name = arena_strdup(arena, e->key);
        for (char *c = name; *c != '\0'; c++) {
            bool small = *c >= 'a' && *c <= 'z';
            bool fits = small || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9');
            *c = small ? (char)(*c - 'a' + 'A') : fits ? *c : '_';
        }
        list[count++] = arena_printf(arena, "HA_%s=%s", name, value_text(arena, e->value));
    }
    list[count] = NULL;
    return list;
}
