// SPDX-License-Identifier: Apache-2.0
// Syntax of section files. Lenient like the files' other readers: what cannot be read is skipped
// and told as a warning, so that one bad line does not hide all sections from the master.
#include "common/model/section_config.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/digest.h"
#include "common/base/error.h"
#include "common/base/strbuf.h"

// White space inside a line; '\n' ends lines before this is asked.
static const char section_space[] = " \t\r\v\f";

enum { SECTION_CAPACITY_MIN = 8 };

struct section_reader {
    struct arena *arena;
    struct section_file *file;
    struct section *open; // properties go here; NULL: between sections or in a skipped one
    size_t sections_capacity;
    size_t properties_capacity; // of the open section
    size_t warnings_capacity;
    size_t line; // number, from 1
};

// The array with room for one more element: moved within the arena when it was full.
static void *section_grow(struct arena *arena, void *array, size_t count, size_t *capacity,
                          size_t size_bytes)
{
    if (count < *capacity) {
        return array;
    }
    *capacity = *capacity > 0 ? 2 * *capacity : SECTION_CAPACITY_MIN;
    void *moved = arena_alloc(arena, *capacity * size_bytes);
    if (count > 0) {
        memcpy(moved, array, count * size_bytes);
    }
    return moved;
}

static void section_warn(struct section_reader *reader, const char *format, ...) PRINTF_LIKE(2, 3);
static void section_warn(struct section_reader *reader, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *text = arena_vprintf(reader->arena, format, args);
    va_end(args);
    struct section_file *file = reader->file;
    file->warnings = section_grow(reader->arena, file->warnings, file->warnings_count,
                                  &reader->warnings_capacity, sizeof(*file->warnings));
    file->warnings[file->warnings_count++] =
        arena_printf(reader->arena, "line %zu: %s", reader->line, text);
}

// Splits "<type>: <id>". The colon is the last one of the first word, so that a type may not end in
// one but an id without blank before it is found too. NULL when the line is no header.
static char *section_split_header(char *line)
{
    size_t first_length = strcspn(line, section_space);
    char *rest = line + first_length;
    rest += strspn(rest, section_space);
    if (*rest != '\0') {
        // Two words: the first must end with the colon.
        if (first_length < 2 || line[first_length - 1] != ':' ||
            strcspn(rest, section_space) != strlen(rest)) {
            return NULL;
        }
        line[first_length - 1] = '\0';
        return rest;
    }
    // One word: the last colon that leaves something on both sides.
    for (size_t i = first_length; i > 1; i--) {
        if (line[i - 1] == ':' && i < first_length) {
            line[i - 1] = '\0';
            return line + i;
        }
    }
    return NULL;
}

static void section_read_header(struct section_reader *reader, char *line)
{
    reader->open = NULL;
    char *id = section_split_header(line);
    if (id == NULL) {
        section_warn(reader, "expected '<type>: <id>'");
        return;
    }
    for (char *p = line; *p != '\0'; p++) {
        if (*p >= 'A' && *p <= 'Z') {
            *p = (char)(*p - 'A' + 'a');
        }
    }
    struct section_file *file = reader->file;
    file->sections = section_grow(reader->arena, file->sections, file->count,
                                  &reader->sections_capacity, sizeof(*file->sections));
    reader->open = &file->sections[file->count++];
    *reader->open = (struct section){.type = line, .id = id, .line = reader->line};
    reader->properties_capacity = 0;
}

static void section_read_property(struct section_reader *reader, char *line)
{
    struct section *section = reader->open;
    char *key = line + strspn(line, section_space);
    char *value = key + strcspn(key, section_space);
    if (*value != '\0') {
        *value++ = '\0';
        value += strspn(value, section_space);
    }
    if (section == NULL) {
        section_warn(reader, "key '%s' is in no section", key);
        return;
    }
    if (section_find(section, key) != NULL) {
        section_warn(reader, "duplicate key '%s'", key);
        return;
    }
    section->properties = section_grow(reader->arena, section->properties, section->count,
                                       &reader->properties_capacity, sizeof(*section->properties));
    section->properties[section->count++] =
        (struct section_property){.key = key, .value = value, .line = reader->line};
}

static void section_read_line(struct section_reader *reader, char *line)
{
    size_t length = strlen(line);
    while (length > 0 && strchr(section_space, line[length - 1]) != NULL) {
        line[--length] = '\0';
    }
    size_t indent = strspn(line, section_space);
    if (line[indent] == '#') {
        return;
    }
    if (length == 0) {
        reader->open = NULL;
    } else if (indent > 0) {
        section_read_property(reader, line);
    } else {
        section_read_header(reader, line);
    }
}

int section_file_parse(struct arena *arena, const char *text, size_t size_bytes,
                       struct section_file *ret_file, struct error *err)
{
    if (memchr(text, '\0', size_bytes) != NULL) {
        return error_set(err, -EINVAL, "the text has a NUL byte");
    }
    struct section_file file = {.digest = digest_sha1_hex(arena, text, size_bytes)};
    struct section_reader reader = {.arena = arena, .file = &file};
    char *line = arena_memdup(arena, text, size_bytes);
    while (line != NULL) {
        char *newline = strchr(line, '\n');
        if (newline != NULL) {
            *newline = '\0';
        }
        reader.line++;
        section_read_line(&reader, line);
        line = newline != NULL ? newline + 1 : NULL;
    }
    *ret_file = file;
    return 0;
}

const char **section_file_warnings(struct arena *arena, const struct section_file *file,
                                   size_t *ret_max)
{
    size_t max = file->warnings_count + file->count;
    for (size_t i = 0; i < file->count; i++) {
        max += file->sections[i].count;
    }
    const char **warnings = arena_array_of(arena, const char *, max);
    for (size_t i = 0; i < file->warnings_count; i++) {
        warnings[i] = file->warnings[i];
    }
    *ret_max = max;
    return warnings;
}

int section_parse_one(struct arena *arena, const char *text, const struct section **ret,
                      struct error *err)
{
    struct section_file file;
    int r = section_file_parse(arena, text, strlen(text), &file, err);
    if (r < 0) {
        return r;
    }
    if (file.warnings_count > 0) {
        return error_set(err, -EINVAL, "%s", file.warnings[0]);
    }
    if (file.count != 1) {
        return error_set(err, -EINVAL, "expected one section, found %zu", file.count);
    }
    *ret = &file.sections[0];
    return 0;
}

const char *section_find(const struct section *section, const char *key)
{
    for (size_t i = 0; i < section->count; i++) {
        if (strcmp(section->properties[i].key, key) == 0) {
            return section->properties[i].value;
        }
    }
    return NULL;
}

void section_format_begin(struct strbuf *out, const char *type, const char *id)
{
    strbuf_appendf(out, "%s: %s\n", type, id);
}

void section_format_property(struct strbuf *out, const char *key, const char *value)
{
    if (value == NULL || value[0] == '\0') {
        strbuf_appendf(out, "\t%s\n", key);
    } else {
        strbuf_appendf(out, "\t%s %s\n", key, value);
    }
}

void section_format_end(struct strbuf *out)
{
    strbuf_append(out, "\n");
}

char *section_comment_encode(struct arena *arena, const char *text)
{
    struct strbuf out CLEANUP(strbuf_done) = {0};
    for (const char *p = text; *p != '\0'; p++) {
        unsigned char c = (unsigned char)*p;
        // Blanks at the ends would be lost as indentation.
        bool is_end_blank = c == ' ' && (p == text || p[1] == '\0');
        if (c < 0x20 || c == '%' || c >= 0x7f || is_end_blank) {
            strbuf_appendf(&out, "%%%02X", (unsigned)c);
        } else {
            strbuf_append_char(&out, *p);
        }
    }
    return arena_strdup(arena, strbuf_text(&out));
}

// The value of a hexadecimal digit, or -1.
static int section_hex(char c)
{
    static const char digits[] = "0123456789abcdef";
    char lower = c >= 'A' && c <= 'F' ? (char)(c - 'A' + 'a') : c;
    const char *found = lower != '\0' ? strchr(digits, lower) : NULL;
    return found != NULL ? (int)(found - digits) : -1;
}

char *section_comment_decode(struct arena *arena, const char *text)
{
    char *decoded = arena_alloc(arena, strlen(text) + 1);
    size_t size = 0;
    for (const char *p = text; *p != '\0'; p++) {
        int high = *p == '%' ? section_hex(p[1]) : -1;
        int low = high >= 0 ? section_hex(p[2]) : -1;
        // A '%' that starts no code, or codes a NUL, was written by hand and stands for itself.
        if (low >= 0 && high * 16 + low > 0) {
            decoded[size++] = (char)(unsigned char)(high * 16 + low);
            p += 2;
        } else {
            decoded[size++] = *p;
        }
    }
    return decoded;
}
