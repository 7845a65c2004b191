// SPDX-License-Identifier: Apache-2.0
// Any bytes as an existing configuration file: what is read is a definition that its agent accepts,
// each line is in the definition or in a note, and a container's definition read as such a file is
// the same again.
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "cli/import_file.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/strbuf.h"
#include "common/model/guest.h"
#include "common/model/storage.h"
#include "lrm/agents/agents.h"
#include "tests/fuzz/fuzz.h"

static int find_volume(void *userdata, const char *storage, const char *volume,
                       const char **ret_name, const char **ret_note, struct error *err)
{
    struct arena *arena = userdata;
    const char *unused = NULL;
    const char *name = arena_printf(arena, "%s:%s", storage, volume);
    *ret_note = NULL;
    if (!storage_volume_split(arena, name, &unused, &unused)) {
        return error_set(err, -EINVAL, "no such volume");
    }
    *ret_name = name;
    return 0;
}

static struct guest *read_guest(struct arena *arena, const char *text, size_t size_bytes,
                                struct import *import)
{
    struct error err = {0};
    *import =
        (struct import){.arena = arena, .file = "f", .find_volume = find_volume, .userdata = arena};
    if (import_file_parse(import, text, size_bytes, &err) < 0) {
        assert(strncmp(err.text, "f:", 2) == 0);
        return NULL;
    }
    const char *sid = import_file_is_container(import) ? "ct:100" : "vm:100";
    struct guest *guest = guest_new(arena, sid, "node1");
    if (import_file_translate(import, guest, &err) < 0) {
        assert(strncmp(err.text, "f:", 2) == 0);
        return NULL;
    }
    int r = agents_find_of(sid)->check_definition(guest, NULL);
    assert(r == 0);
    return guest;
}

static bool is_noted(const struct import *import, const struct import_line *line)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    const char *start = arena_printf(arena, "f:%zu: %s: ", line->number, line->key);
    for (size_t i = 0; i < import->notes_count; i++) {
        if (strncmp(import->notes[i], start, strlen(start)) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_taken(const struct import *import, const struct import_line *line)
{
    map_each (e, &import->origins) {
        const struct import_line *origin = e->value;
        if (origin->number == line->number) {
            return true;
        }
    }
    return false;
}

// What says what is so anyway.
static bool is_nothing(const struct import_line *line)
{
    static const char *const keys[] = {"kvm", "bios", "boot", "bootdisk", "features", NULL};
    return import_is_one_of(line->key, keys);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct strbuf text CLEANUP(strbuf_done) = {0};
    struct import import;
    struct import second;
    const char *input = arena_memdup(arena, data, size_bytes);
    const struct guest *guest = read_guest(arena, input, size_bytes, &import);
    if (guest == NULL) {
        return 0;
    }
    for (size_t i = 0; i < import.lines_count; i++) {
        const struct import_line *line = &import.lines[i];
        assert(is_taken(&import, line) || is_noted(&import, line) || is_nothing(line));
    }
    if (!import_file_is_container(&import)) {
        return 0;
    }
    map_each (e, &guest->config) {
        if (strcmp(e->key, "description") != 0) {
            strbuf_appendf(&text, "%s: %s\n", e->key, (const char *)e->value);
        }
    }
    const struct guest *again = read_guest(arena, strbuf_text(&text), text.size_bytes, &second);
    assert(again != NULL);
    map_each (e, &again->config) {
        assert(strcmp(map_find(&guest->config, e->key), e->value) == 0);
    }
    return 0;
}
