// SPDX-License-Identifier: Apache-2.0
// The file's form, and what containers and machines have in common.
#include "cli/import_file.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/strbuf.h"
#include "common/base/utf8.h"
#include "common/model/guest.h"
#include "common/model/sid.h"
#include "lrm/agents/agents.h"

// --- Lines. ---

static const char *trim(struct arena *arena, const char *text, size_t length)
{
    while (length > 0 && strchr(" \t\r", text[length - 1]) != NULL) {
        length--;
    }
    while (length > 0 && (*text == ' ' || *text == '\t')) {
        text++;
        length--;
    }
    return arena_memdup(arena, text, length);
}

static int hex_digit(char c)
{
    static const char digits[] = "0123456789abcdef";
    char low = c >= 'A' && c <= 'F' ? (char)(c - 'A' + 'a') : c;
    const char *at = c != '\0' ? strchr(digits, low) : NULL;
    return at != NULL ? (int)(at - digits) : -1;
}

// Characters that would disturb the file's form are written as %0A and the like.
static void append_decoded(struct strbuf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        int high = text[0] == '%' ? hex_digit(text[1]) : -1;
        int low = high >= 0 ? hex_digit(text[2]) : -1;
        char c = low >= 0 ? (char)(high * 16 + low) : *text;
        text += low >= 0 ? 2 : 0;
        if (c == '\n' || c == '\t' || ((unsigned char)c >= 0x20 && c != 0x7f)) {
            strbuf_append_char(out, c);
        }
    }
}

static bool is_key(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && (i == 0 || strchr("0123456789._-", c) == NULL)) {
            return false;
        }
    }
    return length > 0;
}

static int parse_line(struct import *import, const char *text, size_t length, size_t number,
                      struct error *err)
{
    const char *colon = memchr(text, ':', length);
    size_t key_length = colon != NULL ? (size_t)(colon - text) : 0;
    if (colon == NULL || !is_key(text, key_length)) {
        return error_set(err, -EINVAL, "%s:%zu: expected '<key>: <value>'", import->file, number);
    }
    struct import_line line = {.number = number,
                               .key = arena_memdup(import->arena, text, key_length),
                               .value = trim(import->arena, colon + 1, length - key_length - 1)};
    const struct import_line *before = import_find(import, line.key);
    // LXC's own keys may come as often as they like.
    if (before != NULL && strncmp(line.key, "lxc.", 4) != 0) {
        return error_set(err, -EINVAL, "%s:%zu: %s: is in line %zu already", import->file, number,
                         line.key, before->number);
    }
    import->lines[import->lines_count++] = line;
    return 0;
}

static bool is_text(const char *text, size_t size_bytes)
{
    while (size_bytes > 0) {
        size_t length = *text != '\0' ? utf8_length(text, size_bytes) : 0;
        if (length == 0) {
            return false;
        }
        text += length;
        size_bytes -= length;
    }
    return true;
}

static size_t count_lines(const char *text)
{
    size_t count = 1;
    for (; (text = strchr(text, '\n')) != NULL; text++) {
        count++;
    }
    return count;
}

int import_file_parse(struct import *import, const char *text, size_t size_bytes, struct error *err)
{
    struct strbuf description CLEANUP(strbuf_done) = {0};
    size_t lines = count_lines(text);
    bool in_section = false;
    if (!is_text(text, size_bytes)) {
        return error_set(err, -EINVAL, "%s: is not a text file", import->file);
    }
    if (lines > IMPORT_LINES_MAX) {
        return error_set(err, -EINVAL, "%s: has more than %d lines", import->file,
                         IMPORT_LINES_MAX);
    }
    import->lines = arena_array_of(import->arena, struct import_line, lines);
    // A line may give several notes, one for each of its properties.
    import->notes = arena_array_of(import->arena, const char *, size_bytes + 1);
    map_init_arena(&import->origins, import->arena);
    for (size_t number = 1; *text != '\0'; number++) {
        size_t length = strcspn(text, "\n");
        const char *line = trim(import->arena, text, length);
        text += length + (text[length] == '\n' ? 1 : 0);
        if (line[0] == '[') {
            const struct import_line section = {.number = number, .key = line};
            import_note(import, &section, "left out, as all that follows in this section");
            in_section = true;
        } else if (!in_section && line[0] == '#') {
            append_decoded(&description, line + 1);
            strbuf_append_char(&description, '\n');
        } else if (!in_section && line[0] != '\0') {
            int r = parse_line(import, line, strlen(line), number, err);
            if (r < 0) {
                return r;
            }
        }
    }
    size_t length = description.size_bytes;
    const char *words = strbuf_text(&description);
    while (length > 0 && words[length - 1] == '\n') {
        length--;
    }
    import->description = length > 0 ? arena_memdup(import->arena, words, length) : NULL;
    return is_text(words, length)
               ? 0
               : error_set(err, -EINVAL, "%s: the comment at its beginning is not UTF-8",
                           import->file);
}

bool import_file_is_container(const struct import *import)
{
    return import_find(import, "rootfs") != NULL;
}

// --- The translation. ---

const struct import_line *import_find(const struct import *import, const char *key)
{
    for (size_t i = 0; i < import->lines_count; i++) {
        if (strcmp(import->lines[i].key, key) == 0) {
            return &import->lines[i];
        }
    }
    return NULL;
}

void import_put(struct import *import, const struct import_line *line, const char *key,
                const char *value)
{
    struct import_line *origin = arena_new_of(import->arena, struct import_line);
    *origin = *line;
    map_put(&import->guest->config, key, arena_strdup(import->arena, value));
    map_put(&import->origins, key, origin);
}

void import_note(struct import *import, const struct import_line *line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *words = arena_vprintf(import->arena, format, args);
    va_end(args);
    import->notes[import->notes_count++] =
        arena_printf(import->arena, "%s:%zu: %s: %s", import->file, line->number, line->key, words);
}

bool import_is_one_of(const char *key, const char *const *names)
{
    for (; *names != NULL; names++) {
        if (strcmp(*names, key) == 0) {
            return true;
        }
    }
    return false;
}

bool import_is_numbered(const char *key, const char *kind)
{
    size_t length = strlen(kind);
    return strncmp(key, kind, length) == 0 && key[length] != '\0' &&
           strspn(key + length, "0123456789") == strlen(key + length);
}

const char *import_keep(struct import *import, const struct import_line *line, const char *value,
                        const char *const *kept)
{
    struct strbuf out CLEANUP(strbuf_done) = {0};
    for (bool first = true;; first = false) {
        size_t length = strcspn(value, ",");
        const char *word = arena_memdup(import->arena, value, length);
        const char *name = arena_memdup(import->arena, word, strcspn(word, "="));
        bool alone = first && strchr(word, '=') == NULL;
        if (alone || import_is_one_of(name, kept)) {
            strbuf_appendf(&out, "%s%s", out.size_bytes > 0 ? "," : "", word);
        } else if (word[0] != '\0') {
            import_note(import, line, "'%s' has no effect here and is left out", word);
        }
        if (value[length] == '\0') {
            return arena_strdup(import->arena, strbuf_text(&out));
        }
        value += length + 1;
    }
}

int import_volume(struct import *import, const struct import_line *line, const char *value,
                  const char **ret, struct error *err)
{
    struct arena *arena = import->arena;
    size_t length = strcspn(value, ",");
    const char *word = arena_memdup(arena, value, length);
    const char *name = NULL;
    const char *note = NULL;
    if (strncmp(word, "volume=", 7) == 0 || strncmp(word, "file=", 5) == 0) {
        word = strchr(word, '=') + 1;
    }
    const char *colon = strchr(word, ':');
    if (word[0] == '/' || strcmp(word, "none") == 0) {
        *ret = arena_printf(arena, "%s%s", word, value + length);
        return 0;
    }
    if (colon == NULL || colon == word || colon[1] == '\0') {
        return error_set(err, -EINVAL, "'%s' is neither <storage>:<volume> nor an absolute path",
                         word);
    }
    int r = import->find_volume(import->userdata, arena_memdup(arena, word, (size_t)(colon - word)),
                                colon + 1, &name, &note, err);
    if (r < 0) {
        return r;
    }
    if (note != NULL) {
        import_note(import, line, "%s", note);
    }
    *ret = arena_printf(arena, "%s%s", name, value + length);
    return 0;
}

static int translate_line(struct import *import, const struct import_line *line, bool is_container,
                          struct error *err)
{
    struct error problem = {0};
    int r = 0;
    if (line->value[0] == '\0') {
        r = error_set(&problem, -EINVAL, "has no value");
    } else {
        r = is_container ? import_container_line(import, line, &problem)
                         : import_machine_line(import, line, &problem);
    }
    return r < 0 ? error_set(err, r, "%s:%zu: %s: %s", import->file, line->number, line->key,
                             problem.text)
                 : 0;
}

// The agent's words are "<sid>: <key>: …": those of a key that came from a line get its place.
static int check_result(struct import *import, struct error *err)
{
    struct error problem = {0};
    int r = agents_find_of(import->guest->sid)->check_definition(import->guest, &problem);
    if (r == 0) {
        return 0;
    }
    const char *words = problem.text;
    size_t sid_length = strlen(import->guest->sid);
    if (strncmp(words, import->guest->sid, sid_length) == 0 && words[sid_length] == ':') {
        words += sid_length + 2;
    }
    const char *key = arena_memdup(import->arena, words, strcspn(words, ":"));
    const struct import_line *line = map_find(&import->origins, key);
    if (line == NULL) {
        return error_set(err, r, "%s: %s", import->file, words);
    }
    words += strlen(key) + (strlen(words) > strlen(key) + 1 ? 2 : 0);
    return error_set(err, r, "%s:%zu: %s: %s", import->file, line->number, line->key, words);
}

int import_file_translate(struct import *import, struct guest *guest, struct error *err)
{
    bool is_container = sid_is_of(guest->sid, "ct");
    import->guest = guest;
    if (import->description != NULL) {
        map_put(&guest->config, "description", arena_strdup(import->arena, import->description));
    }
    for (size_t i = 0; i < import->lines_count; i++) {
        int r = translate_line(import, &import->lines[i], is_container, err);
        if (r < 0) {
            return r;
        }
    }
    int r = is_container ? 0 : import_machine_finish(import, err);
    return r < 0 ? r : check_result(import, err);
}
