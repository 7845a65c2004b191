// SPDX-License-Identifier: Apache-2.0
// Writing and reading backup files, line by line. What they are used for is others' business.
#include "common/model/backup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/digest.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/strbuf.h"
#include "common/base/utf8.h"

#define FORMAT "ha-manager-backup"

enum { LINES_MAX = 4 * 1000 * 1000 };

// ---- Writing.

// JSON has no way to say other bytes.
static bool is_text(const char *value, size_t size_bytes)
{
    size_t at = 0;
    while (at < size_bytes) {
        size_t length = value[at] != '\0' ? utf8_length(value + at, size_bytes - at) : 0;
        if (length == 0) {
            return false;
        }
        at += length;
    }
    return true;
}

static void line_append(const struct json *line, struct strbuf *out)
{
    json_format(line, JSON_STYLE_COMPACT, out);
    if (out->text[out->size_bytes - 1] != '\n') {
        strbuf_append_char(out, '\n');
    }
}

static void bytes_put(struct arena *arena, struct json *line, const char *data, size_t size_bytes)
{
    json_put_string(line, "base64", digest_base64_encode(arena, data, size_bytes));
}

static void file_append(const struct backup_file *file, struct strbuf *out)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct json *line = json_new_object(arena);
    json_put_string(line, "file", file->name);
    bytes_put(arena, line, file->data, file->size_bytes);
    line_append(line, out);
}

static void entry_append(const struct backup_entry *entry, struct strbuf *out)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct json *line = json_new_object(arena);
    json_put_string(line, "key", entry->key);
    json_put_int(line, "version", (int64_t)entry->version);
    if (entry->value == NULL) {
        json_put_bool(line, "deleted", true);
    } else if (is_text(entry->value, entry->size_bytes)) {
        char *text = arena_alloc(arena, entry->size_bytes + 1);
        memcpy(text, entry->value, entry->size_bytes);
        text[entry->size_bytes] = '\0';
        json_put_string(line, "value", text);
    } else {
        bytes_put(arena, line, entry->value, entry->size_bytes);
    }
    line_append(line, out);
}

static void head_append(const struct backup *backup, struct strbuf *out)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct json *line = json_new_object(arena);
    json_put_string(line, "format", FORMAT);
    json_put_int(line, "form", BACKUP_FORM);
    json_put_string(line, "kind", backup->kind);
    json_put_string(line, "node", backup->node);
    json_put_string(line, "cluster", backup->cluster);
    json_put_string(line, "software", backup->software);
    json_put_int(line, "created", backup->created_s);
    json_put_int(line, "epoch", (int64_t)backup->epoch);
    json_put_int(line, "version", (int64_t)backup->version);
    line_append(line, out);
}

void backup_format(const struct backup *backup, struct strbuf *out)
{
    size_t start = out->size_bytes;
    head_append(backup, out);
    for (size_t i = 0; i < backup->files_count; i++) {
        file_append(&backup->files[i], out);
    }
    for (size_t i = 0; i < backup->entries_count; i++) {
        entry_append(&backup->entries[i], out);
    }
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct json *line = json_new_object(arena);
    json_put_int(line, "entries", (int64_t)backup->entries_count);
    json_put_string(line, "sha256",
                    digest_sha256_hex(arena, out->text + start, out->size_bytes - start));
    line_append(line, out);
}

// ---- Reading.

struct reader {
    struct arena *arena;
    struct backup backup;
    struct backup_file *files;
    struct backup_entry *entries;
    size_t files_capacity, entries_capacity;
};

static int damaged(struct error *err, const char *why)
{
    return error_set(err, -EBADMSG, "the file is not a whole backup: %s", why);
}

// Where the last line begins; NULL when there is none that ends as a line does.
static const char *last_line(const char *text, size_t size_bytes)
{
    if (size_bytes < 2 || text[size_bytes - 1] != '\n') {
        return NULL;
    }
    size_t start = size_bytes - 1;
    while (start > 0 && text[start - 1] != '\n') {
        start--;
    }
    return start > 0 ? text + start : NULL;
}

// Checks that all bytes are those that were written.
static int tail_check(struct arena *arena, const char *text, size_t size_bytes, size_t *ret_body,
                      int64_t *ret_entries, struct error *err)
{
    const char *line = last_line(text, size_bytes);
    struct json *tail;
    const char *sum = NULL;
    if (line == NULL) {
        return damaged(err, "its end is missing");
    }
    size_t body = (size_t)(line - text);
    if (json_parse(arena, line, size_bytes - body - 1, &tail, NULL) < 0 ||
        json_get_string(tail, "sha256", &sum, NULL) < 0 ||
        json_get_int(tail, "entries", 0, LINES_MAX, ret_entries, NULL) < 0) {
        return damaged(err, "its end is missing");
    }
    if (strcmp(sum, digest_sha256_hex(arena, text, body)) != 0) {
        return damaged(err, "it was changed");
    }
    *ret_body = body;
    return 0;
}

static int head_read(struct reader *reader, const struct json *line, struct error *err)
{
    struct backup *backup = &reader->backup;
    const char *format = json_find_string(line, "format");
    int64_t form = 0;
    int64_t epoch = 0;
    int64_t version = 0;
    if (format == NULL || strcmp(format, FORMAT) != 0) {
        return damaged(err, "it has no head");
    }
    int r = json_get_int(line, "form", 1, INT32_MAX, &form, err);
    if (r == 0 && form > BACKUP_FORM) {
        return error_set(err, -ENOTSUP,
                         "the backup has form %lld, this version knows only %d: use the version "
                         "that made it ('%s')",
                         (long long)form, BACKUP_FORM, json_find_string(line, "software"));
    }
    r = r == 0 ? json_get_string(line, "kind", &backup->kind, err) : r;
    r = r == 0 ? json_get_int(line, "created", INT64_MIN, INT64_MAX, &backup->created_s, err) : r;
    r = r == 0 ? json_get_int(line, "epoch", 0, INT64_MAX, &epoch, err) : r;
    r = r == 0 ? json_get_int(line, "version", 0, INT64_MAX, &version, err) : r;
    backup->node = json_find_string(line, "node");
    backup->cluster = json_find_string(line, "cluster");
    backup->software = json_find_string(line, "software");
    backup->epoch = (uint64_t)epoch;
    backup->version = (uint64_t)version;
    return r < 0 ? damaged(err, "its head is malformed") : 0;
}

// The value of a line; NULL when it says "deleted". -EBADMSG when it has none.
static int value_read(struct arena *arena, const struct json *line, const char **ret,
                      size_t *ret_size_bytes, struct error *err)
{
    const char *text = json_find_string(line, "value");
    const char *base64 = json_find_string(line, "base64");
    bool deleted = false;
    char *data = NULL;
    if (text != NULL) {
        *ret = text;
        *ret_size_bytes = strlen(text);
        return 0;
    }
    if (base64 != NULL) {
        if (digest_base64_decode(arena, base64, &data, ret_size_bytes) < 0) {
            return damaged(err, "a value is malformed");
        }
        *ret = data;
        return 0;
    }
    if (json_get_bool_if(line, "deleted", &deleted, NULL) < 0 || !deleted) {
        return damaged(err, "a value is missing");
    }
    *ret = NULL;
    *ret_size_bytes = 0;
    return 0;
}

// Room for one more.
static void *grown(struct arena *arena, void *items, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity) {
        return items;
    }
    *capacity = *capacity == 0 ? 64 : *capacity * 2;
    char *more = arena_alloc(arena, *capacity * size);
    if (count > 0) {
        memcpy(more, items, count * size);
    }
    return more;
}

static int entry_read(struct reader *reader, const char *key, const struct json *line,
                      struct error *err)
{
    struct backup *backup = &reader->backup;
    size_t count = backup->entries_count;
    struct backup_entry entry = {.key = key};
    int64_t version = 0;
    if (json_get_int(line, "version", 0, INT64_MAX, &version, NULL) < 0 || key[0] == '\0' ||
        (count > 0 && strcmp(reader->entries[count - 1].key, key) >= 0)) {
        return damaged(err, "its keys are malformed");
    }
    entry.version = (uint64_t)version;
    int r = value_read(reader->arena, line, &entry.value, &entry.size_bytes, err);
    if (r < 0) {
        return r;
    }
    reader->entries = grown(reader->arena, reader->entries, count, &reader->entries_capacity,
                            sizeof(*reader->entries));
    reader->entries[backup->entries_count++] = entry;
    return 0;
}

static int line_read(struct reader *reader, const struct json *line, struct error *err)
{
    struct backup *backup = &reader->backup;
    const char *key = json_find_string(line, "key");
    struct backup_file file = {.name = json_find_string(line, "file")};
    if (key != NULL) {
        return entry_read(reader, key, line, err);
    }
    if (file.name == NULL) {
        return damaged(err, "it has a line of an unknown kind");
    }
    int r = value_read(reader->arena, line, &file.data, &file.size_bytes, err);
    if (r < 0 || file.data == NULL) {
        return damaged(err, "a file in it is malformed");
    }
    reader->files = grown(reader->arena, reader->files, backup->files_count,
                          &reader->files_capacity, sizeof(*reader->files));
    reader->files[backup->files_count++] = file;
    return 0;
}

static int body_read(struct reader *reader, const char *text, size_t size_bytes, struct error *err)
{
    size_t at = 0;
    while (at < size_bytes) {
        const char *end = memchr(text + at, '\n', size_bytes - at);
        struct json *line;
        if (end == NULL ||
            json_parse(reader->arena, text + at, (size_t)(end - text) - at, &line, NULL) < 0) {
            return damaged(err, "a line is malformed");
        }
        int r = at == 0 ? head_read(reader, line, err) : line_read(reader, line, err);
        if (r < 0) {
            return r;
        }
        at = (size_t)(end - text) + 1;
    }
    return at == 0 ? damaged(err, "it has no head") : 0;
}

int backup_parse(struct arena *arena, const char *text, size_t size_bytes, struct backup *ret,
                 struct error *err)
{
    struct reader reader = {.arena = arena};
    size_t body = 0;
    int64_t entries = 0;
    int r = tail_check(arena, text, size_bytes, &body, &entries, err);
    if (r == 0) {
        r = body_read(&reader, text, body, err);
    }
    if (r == 0 && reader.backup.entries_count != (size_t)entries) {
        r = damaged(err, "keys are missing");
    }
    if (r < 0) {
        return r;
    }
    reader.backup.files = reader.files;
    reader.backup.entries = reader.entries;
    *ret = reader.backup;
    return 0;
}

static int compare_key(const void *key, const void *entry)
{
    return strcmp(key, ((const struct backup_entry *)entry)->key);
}

const struct backup_entry *backup_find(const struct backup *backup, const char *key)
{
    return backup->entries_count == 0 ? NULL
                                      : bsearch(key, backup->entries, backup->entries_count,
                                                sizeof(*backup->entries), compare_key);
}
