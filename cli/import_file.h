// SPDX-License-Identifier: Apache-2.0
// Reading existing configuration files of guests, lines of "key: value", into a definition of ours;
// pure. What has no effect here is named in a note, what is wrong is an error: nothing is dropped
// silently.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/base/macros.h"
#include "common/base/map.h"

struct arena;
struct error;
struct guest;

enum { IMPORT_LINES_MAX = 10000, IMPORT_FILE_MAX = 1024 * 1024 };

// Where a volume is here. `ret_name`: "<storage>:<volume>"; `ret_note`: words when it is not where
// it should be, or NULL. -EINVAL with words when there can be none.
typedef int (*import_find_volume)(void *userdata, const char *storage, const char *volume,
                                  const char **ret_name, const char **ret_note, struct error *err);

struct import_line {
    size_t number; // in the file, from 1
    const char *key;
    const char *value;
};

struct import {
    struct arena *arena;
    const char *file; // its name, for words
    import_find_volume find_volume;
    void *userdata;

    struct import_line *lines; // of the guest as it is now; snapshots are not read
    size_t lines_count;
    const char *description; // of the comment at the file's beginning, or NULL
    struct guest *guest;     // what comes of it
    struct map origins;      // key of the definition → struct import_line *
    const char **notes;      // "<file>:<line>: <key>: …"
    size_t notes_count;
};

// Splits the text. -EINVAL, "<file>:<line>: …": no line of that form, or a key that was there.
int import_file_parse(struct import *import, const char *text, size_t size_bytes,
                      struct error *err) WARN_UNUSED;
// Whether it is a container's: it has a root file system.
bool import_file_is_container(const struct import *import) WARN_UNUSED;
// Fills the definition from the lines, and checks it. -EINVAL, "<file>:<line>: <key>: …".
int import_file_translate(struct import *import, struct guest *guest,
                          struct error *err) WARN_UNUSED;

// --- For the two kinds, import_container.c and import_machine.c. ---

// One line into keys of the definition. Words of errors come without file, line and key.
int import_container_line(struct import *import, const struct import_line *line,
                          struct error *err) WARN_UNUSED;
int import_machine_line(struct import *import, const struct import_line *line,
                        struct error *err) WARN_UNUSED;
// What follows from several lines.
int import_machine_finish(struct import *import, struct error *err) WARN_UNUSED;

void import_put(struct import *import, const struct import_line *line, const char *key,
                const char *value);
void import_note(struct import *import, const struct import_line *line, const char *format, ...)
    PRINTF_LIKE(3, 4);
const struct import_line *import_find(const struct import *import, const char *key) WARN_UNUSED;
// "net" and "net12" → true; "nets" → false.
bool import_is_numbered(const char *key, const char *kind) WARN_UNUSED;
bool import_is_one_of(const char *key, const char *const *names) WARN_UNUSED;
// The list of properties without those that have no effect here; each of these gets a note. The
// first one, when it is a value alone, stays.
const char *import_keep(struct import *import, const struct import_line *line, const char *value,
                        const char *const *kept) WARN_UNUSED;
// The same list with the volume that it begins with as it is called here; -EINVAL.
int import_volume(struct import *import, const struct import_line *line, const char *value,
                  const char **ret, struct error *err) WARN_UNUSED;
