// SPDX-License-Identifier: Apache-2.0
// Filters and forms of tasks.
#include "api/task/task_list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/parse.h"
#include "common/base/strbuf.h"
#include "common/base/utf8.h"

enum { LIVE_TASKS_MAX = 1000 };

static const char warnings_word[] = "WARNINGS: ";

struct json *task_entry_to_json(struct arena *arena, const struct task_entry *entry)
{
    struct json *json = json_new_object(arena);
    const char *token = NULL;
    const char *user = upid_user(arena, entry->upid.user, &token);
    json_put_string(json, "upid", entry->name);
    json_put_string(json, "node", entry->upid.node);
    json_put_int(json, "pid", entry->upid.pid);
    json_put_int(json, "pstart", entry->upid.pstart);
    json_put_int(json, "starttime", entry->upid.start_s);
    json_put_string(json, "type", entry->upid.type);
    json_put_string(json, "id", entry->upid.id);
    json_put_string(json, "user", user);
    json_put_string(json, "tokenid", token);
    if (entry->status != NULL) {
        json_put_int(json, "endtime", entry->end_s);
        json_put_string(json, "status", entry->status);
    }
    return json;
}

// As clients sort them: ok, warning, error, unknown.
static const char *status_kind(const struct task_entry *entry)
{
    if (entry->status == NULL || entry->status[0] == '\0' ||
        strcmp(entry->status, "unknown") == 0) {
        return "unknown";
    }
    if (strcmp(entry->status, "OK") == 0) {
        return "ok";
    }
    return strncmp(entry->status, warnings_word, sizeof(warnings_word) - 1) == 0 ? "warning"
                                                                                 : "error";
}

static bool filter_status(const struct task_filter *filter, const struct task_entry *entry)
{
    const char *kind = status_kind(entry);
    if (filter->errors &&
        (entry->status == NULL || strcmp(kind, "ok") == 0 || strcmp(kind, "unknown") == 0)) {
        return false;
    }
    if (filter->statuses == NULL) {
        return true;
    }
    for (size_t i = 0; i < filter->statuses->count; i++) {
        if (strcmp(filter->statuses->items[i]->string, kind) == 0) {
            return true;
        }
    }
    return false;
}

static bool filter_source(const struct task_filter *filter, const struct task_entry *entry)
{
    switch (filter->source) {
    case TASK_SOURCE_ARCHIVE:
        return entry->status != NULL;
    case TASK_SOURCE_ACTIVE:
        return entry->status == NULL;
    case TASK_SOURCE_ALL:
        break;
    }
    return true;
}

static bool filter_takes(struct arena *arena, const struct task_filter *filter,
                         const struct task_entry *entry)
{
    const char *user = upid_user(arena, entry->upid.user, NULL);
    int64_t vmid = 0;
    if (filter->vmid != 0 &&
        (parse_int64(entry->upid.id, 0, INT64_MAX, &vmid) < 0 || vmid != filter->vmid)) {
        return false;
    }
    return filter_source(filter, entry) && filter_status(filter, entry) &&
           (filter->type == NULL || strcmp(filter->type, entry->upid.type) == 0) &&
           (filter->user == NULL || strstr(entry->upid.user, filter->user) != NULL) &&
           (filter->only_user == NULL || strcmp(filter->only_user, user) == 0) &&
           (filter->since_s == 0 || entry->upid.start_s >= filter->since_s) &&
           (filter->until_s == 0 || entry->upid.start_s <= filter->until_s);
}

static int newest_first(const void *a, const void *b)
{
    const struct task_entry *x = *(const struct task_entry *const *)a;
    const struct task_entry *y = *(const struct task_entry *const *)b;
    if (x->upid.start_s != y->upid.start_s) {
        return x->upid.start_s < y->upid.start_s ? 1 : -1;
    }
    return strcmp(y->name, x->name);
}

static const struct task_entry **entries_sorted(struct arena *arena,
                                                const struct task_entries *entries)
{
    const struct task_entry **sorted =
        arena_array_of(arena, const struct task_entry *, entries->count);
    for (size_t i = 0; i < entries->count; i++) {
        sorted[i] = &entries->entries[i];
    }
    qsort(sorted, entries->count, sizeof(*sorted), newest_first);
    return sorted;
}

struct json *task_list_filter(struct arena *arena, const struct task_entries *entries,
                              const struct task_filter *filter, int64_t *ret_total)
{
    const struct task_entry **sorted = entries_sorted(arena, entries);
    struct json *list = json_new_array(arena);
    int64_t total = 0;
    for (size_t i = 0; i < entries->count; i++) {
        if (!filter_takes(arena, filter, sorted[i])) {
            continue;
        }
        if (total >= filter->start && total - filter->start < filter->limit) {
            json_append(list, task_entry_to_json(arena, sorted[i]));
        }
        total++;
    }
    *ret_total = total;
    return list;
}

char *task_index_line(struct arena *arena, const char *upid, int64_t end_s, const char *status)
{
    struct strbuf line CLEANUP(strbuf_done) = {0};
    strbuf_appendf(&line, "%s %08llX ", upid, (unsigned long long)end_s);
    size_t size = strlen(status), at = 0;
    while (at < size) {
        // Never half of a character.
        size_t length = utf8_length(status + at, size - at);
        if (at + length > TASK_STATUS_MAX) {
            break;
        }
        if (length == 0 || (unsigned char)status[at] < ' ' || status[at] == 0x7f) {
            strbuf_append_char(&line, length == 0 ? '?' : ' ');
            at++;
        } else {
            strbuf_append_bytes(&line, status + at, length);
            at += length;
        }
    }
    strbuf_append_char(&line, '\n');
    return arena_strdup(arena, strbuf_text(&line));
}

static bool hex_read(const char *text, size_t length, int64_t *ret)
{
    static const char digits[] = "0123456789ABCDEF";
    int64_t value = 0;
    for (size_t i = 0; i < length; i++) {
        const char *digit = memchr(digits, text[i], sizeof(digits) - 1);
        if (digit == NULL) {
            return false;
        }
        value = value * 16 + (digit - digits);
    }
    *ret = value;
    return length >= 8 && length <= 12;
}

// The line has no end and belongs to the arena.
static bool line_parse(struct arena *arena, char *line, struct task_entry *ret)
{
    char *end = strchr(line, ' ');
    char *status = end != NULL ? strchr(end + 1, ' ') : NULL;
    if (status == NULL || !hex_read(end + 1, (size_t)(status - end - 1), &ret->end_s)) {
        return false;
    }
    *end = '\0';
    ret->name = line;
    ret->status = status + 1;
    return upid_parse(arena, line, &ret->upid, NULL) == 0;
}

void task_index_parse(struct arena *arena, const char *text, size_t size_bytes,
                      struct task_entries *ret)
{
    size_t lines = 0;
    for (size_t i = 0; i < size_bytes; i++) {
        lines += text[i] == '\n';
    }
    *ret = (struct task_entries){.entries = arena_array_of(arena, struct task_entry, lines)};
    size_t at = 0;
    for (size_t i = 0; i < lines; i++) {
        const char *end = memchr(text + at, '\n', size_bytes - at);
        size_t length = (size_t)(end - (text + at));
        struct task_entry entry;
        if (line_parse(arena, arena_memdup(arena, text + at, length), &entry)) {
            ret->entries[ret->count++] = entry;
        }
        at += length + 1;
    }
}

char *task_live_format(struct arena *arena, const struct task_entries *entries, size_t max)
{
    const struct task_entry **sorted = entries_sorted(arena, entries);
    struct json *list = json_new_array(arena);
    for (size_t i = 0; i < entries->count && i < max; i++) {
        struct json *json = json_new_object(arena);
        json_put_string(json, "upid", sorted[i]->name);
        if (sorted[i]->status != NULL) {
            json_put_int(json, "endtime", sorted[i]->end_s);
            json_put_string(json, "status", sorted[i]->status);
        }
        json_append(list, json);
    }
    return json_to_text(arena, list);
}

int task_live_parse(struct arena *arena, const char *text, size_t size_bytes,
                    struct task_entries *ret, struct error *err)
{
    struct json *list;
    int r = json_parse(arena, text, size_bytes, &list, err);
    if (r < 0) {
        return r;
    }
    if (list->type != JSON_TYPE_ARRAY || list->count > LIVE_TASKS_MAX) {
        return error_set(err, -EINVAL, "not a list of tasks");
    }
    struct task_entries entries = {.entries =
                                       arena_array_of(arena, struct task_entry, list->count)};
    for (size_t i = 0; i < list->count; i++) {
        struct task_entry entry = {.status = json_find_string(list->items[i], "status")};
        r = json_get_string(list->items[i], "upid", &entry.name, err);
        if (r == 0) {
            r = upid_parse(arena, entry.name, &entry.upid, err);
        }
        if (r == 0) {
            r = json_get_int_if(list->items[i], "endtime", 0, INT64_MAX, &entry.end_s, err);
        }
        if (r < 0) {
            return r;
        }
        entries.entries[entries.count++] = entry;
    }
    *ret = entries;
    return 0;
}
