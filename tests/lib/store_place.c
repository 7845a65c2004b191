// SPDX-License-Identifier: Apache-2.0
// Making the folder, reading the database in it.
#include "tests/lib/store_place.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cluster/replica/replica.h"
#include "cluster/storage/store_file.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/strbuf.h"
#include "tests/lib/test.h"

int store_place_make(void **state)
{
    struct arena *arena = arena_new();
    struct store_place *place = arena_new_of(arena, struct store_place);
    // In the memory when it can be: the tests sync often, and cut the power themselves.
    const char *memory = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    const char *base = getenv("TMPDIR");
    place->arena = arena;
    place->folder = arena_printf(arena, "%s/store.XXXXXX", base != NULL ? base : memory);
    if (mkdtemp(place->folder) == NULL) {
        return -1;
    }
    place->path = arena_printf(arena, "%s/store.db", place->folder);
    *state = place;
    return 0;
}

int store_place_remove(void **state)
{
    struct store_place *place = *state;
    char *command = arena_printf(place->arena, "rm -rf '%s'", place->folder);
    int r = system(command);
    arena_free(place->arena);
    return r;
}

struct replica_row store_place_row(const char *key, const char *value, uint64_t version)
{
    return (struct replica_row){
        .key = key,
        .value = value,
        .size_bytes = value != NULL ? strlen(value) : 0,
        .version = version,
    };
}

void store_place_must(int r, const struct error *err)
{
    if (r < 0) {
        fail_msg("%s", err->text);
    }
}

char *store_place_content(struct arena *arena, const char *path, uint64_t *ret_version,
                          struct error *err)
{
    struct store_file *file CLEANUP(store_file_closep) = NULL;
    struct store_label label;
    const struct replica_row *rows;
    size_t count;
    if (store_file_open(path, &file, err) < 0 ||
        store_file_load(file, arena, &label, &rows, &count, err) < 0) {
        return NULL;
    }
    struct strbuf text CLEANUP(strbuf_done) = {0};
    strbuf_appendf(&text, "%d %d %s\n", (int)label.epoch, (int)label.last_version, label.history);
    for (size_t i = 0; i < count; i++) {
        strbuf_appendf(&text, "%s %d %s\n", rows[i].key, (int)rows[i].version,
                       rows[i].value != NULL ? rows[i].value : "(deleted)");
    }
    if (ret_version != NULL) {
        *ret_version = label.last_version;
    }
    return arena_strdup(arena, strbuf_text(&text));
}
