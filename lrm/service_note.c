// SPDX-License-Identifier: Apache-2.0
// "boot ID", "term N", a line "guest SID" for each guest, and "end", without which the file is not
// whole.
#include "lrm/service_note.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/parse.h"
#include "common/base/strbuf.h"
#include "common/host/file.h"
#include "common/port/workers.h"

enum { NOTE_MAX_BYTES = 4 * 1024 * 1024 };

int service_note_write(const char *path, const char *boot_id, const struct workers_guests *guests,
                       uint64_t term, struct error *err)
{
    struct strbuf text CLEANUP(strbuf_done) = {0};
    strbuf_appendf(&text, "boot %s\nterm %" PRIu64 "\n", boot_id, term);
    for (size_t i = 0; i < guests->count; i++) {
        strbuf_appendf(&text, "guest %s\n", guests->sids[i]);
    }
    strbuf_append(&text, "end\n");
    return file_replace(path, text.text, text.size_bytes, 0600, err);
}

static int note_parse(struct arena *arena, const char *path, char *text, const char *boot_id,
                      struct workers_guests *ret, uint64_t *ret_term, struct error *err)
{
    size_t lines = 0;
    for (const char *at = text; *at != '\0'; at++) {
        lines += *at == '\n' ? 1 : 0;
    }
    const char **sids = arena_array_of(arena, const char *, lines);
    size_t count = 0;
    bool whole = false;
    int64_t term = 0;
    for (size_t number = 1; *text != '\0'; number++) {
        size_t length = strcspn(text, "\n");
        struct parse_words words = parse_fields(arena, arena_memdup(arena, text, length));
        text += length + (text[length] == '\n' ? 1 : 0);
        const char *first = words.count > 0 ? words.words[0] : "";
        if (number == 1 && words.count == 2 && strcmp(first, "boot") == 0) {
            if (strcmp(words.words[1], boot_id) != 0) {
                return error_set(err, -ENOENT, "'%s' is of an earlier boot", path);
            }
        } else if (number == 2 && words.count == 2 && strcmp(first, "term") == 0 &&
                   parse_int64(words.words[1], 0, INT64_MAX, &term) == 0) {
            continue;
        } else if (number > 2 && !whole && words.count == 2 && strcmp(first, "guest") == 0) {
            sids[count++] = words.words[1];
        } else if (number > 2 && !whole && words.count == 1 && strcmp(first, "end") == 0) {
            whole = true;
        } else {
            return error_set(err, -EBADMSG, "'%s': line %zu cannot be understood", path, number);
        }
    }
    if (!whole) {
        return error_set(err, -EBADMSG, "'%s' is not whole", path);
    }
    *ret = (struct workers_guests){sids, count};
    *ret_term = (uint64_t)term;
    return 0;
}

int service_note_read(struct arena *arena, const char *path, const char *boot_id,
                      struct workers_guests *ret, uint64_t *ret_term, struct error *err)
{
    char *text;
    size_t size_bytes;
    int r = file_read(arena, path, NOTE_MAX_BYTES, &text, &size_bytes, err);
    return r < 0 ? r : note_parse(arena, path, text, boot_id, ret, ret_term, err);
}
