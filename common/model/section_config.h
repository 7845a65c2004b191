// SPDX-License-Identifier: Apache-2.0
// The section file: "<type>: <id>" in column 0, then indented "<key> <value>" lines, an empty line
// ends the section; lines whose first visible character is '#' are comments. resources.cfg,
// rules.cfg and groups.cfg are such files. This file knows the syntax; what keys mean is decided by
// resources.c, rules.c and groups.c.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/base/macros.h"

struct arena;
struct error;
struct strbuf;

struct section_property {
    const char *key;
    const char *value; // "" when the line has the key only
    size_t line;       // from 1
};

struct section {
    const char *type; // lower case
    const char *id;
    size_t line;
    struct section_property *properties; // in file order
    size_t count;
};

struct section_file {
    struct section *sections; // in file order
    size_t count;
    const char **warnings; // "line 3: …", one for each line that was skipped; the reader decides
                           // whether to refuse
    size_t warnings_count;
    const char *digest; // SHA-1 hex of the raw text
};

// Reads the text. Nothing is fatal here except a text with a NUL byte (-EINVAL); all else that is
// wrong is a warning and the line or section is skipped. All memory is in the arena.
int section_file_parse(struct arena *arena, const char *text, size_t size_bytes,
                       struct section_file *ret_file, struct error *err) WARN_UNUSED;

// The file's warnings, with room for what a reader may add: one more for each of its lines and
// sections.
const char **section_file_warnings(struct arena *arena, const struct section_file *file,
                                   size_t *ret_max) WARN_UNUSED;
// A text that has to be one section and nothing else: -EINVAL for all that is wrong.
int section_parse_one(struct arena *arena, const char *text, const struct section **ret,
                      struct error *err) WARN_UNUSED;

// The value of the key's first line, or NULL.
const char *section_find(const struct section *section, const char *key) WARN_UNUSED;

// Writing: header line, tab-indented lines, empty line. A comment is percent-encoded; see
// section_comment_decode().
void section_format_begin(struct strbuf *out, const char *type, const char *id);
void section_format_property(struct strbuf *out, const char *key,
                             const char *value); // "" or NULL: key only
void section_format_end(struct strbuf *out);
// Comments are stored percent-encoded: control characters, '%', and bytes ≥ 0x7f.
char *section_comment_encode(struct arena *arena, const char *text) WARN_UNUSED;
char *section_comment_decode(struct arena *arena, const char *text) WARN_UNUSED;
