// SPDX-License-Identifier: Apache-2.0
// Storages as text, and where volumes on them are.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/strbuf.h"
#include "common/model/storage.h"
#include "lrm/agents/volume.h"
#include "tests/lib/fake_store.h"
#include "tests/lib/test.h"

static void storage_read_and_written_is_the_same(void **state)
{
    static const char text[] = "dir: shared1\n\tpath /mnt/shared1\n\tshared 1\n\n";
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct strbuf out CLEANUP(strbuf_done) = {0};
    struct storage *storage = NULL;
    struct error err = {0};
    (void)state;
    assert_int_equal(storage_parse(arena, text, &storage, &err), 0);
    assert_string_equal(storage->id, "shared1");
    assert_string_equal(storage->path, "/mnt/shared1");
    assert_true(storage->shared);
    storage_format(storage, &out);
    assert_string_equal(strbuf_text(&out), text);
}

struct refusal {
    const char *text;
    const char *words;
};

static const struct refusal refusals[] = {
    {"dir: s1\n\n", "line 1: key 'path' is required"},
    {"nfs: s1\n\tpath /x\n\n", "line 1: unknown type 'nfs'"},
    {"dir: 1s\n\tpath /x\n\n", "line 1: invalid name '1s'"},
    {"dir: s1\n\tpath x\n\n", "line 2: key 'path': 'x' is not an absolute path"},
    {"dir: s1\n\tpath /x/../y\n\n", "line 2: key 'path'"},
    {"dir: s1\n\tpath /x/..\n\n", "line 2: key 'path'"},
    {"dir: s1\n\tpath /x\n\tshared maybe\n\n", "line 3: key 'shared': expected 0 or 1"},
    {"dir: s1\n\tpath /x\n\tcolour red\n\n", "line 3: unknown key 'colour'"},
    {"", "expected one section, found 0"},
    {"dir: s1\n\tpath /x\n\ndir: s2\n\tpath /y\n\n", "expected one section, found 2"},
};

static void storage_refused_names_line_and_key(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
        struct arena *arena CLEANUP(arena_freep) = arena_new();
        struct storage *storage = NULL;
        struct error err = {0};
        int r = storage_parse(arena, refusals[i].text, &storage, &err);
        if (r != -EINVAL || strstr(err.text, refusals[i].words) == NULL) {
            print_error("%zu: %d '%s'\n", i, r, err.text);
        }
        assert_int_equal(r, -EINVAL);
        assert_non_null(strstr(err.text, refusals[i].words));
        assert_null(storage);
    }
}

struct row {
    const char *name;
    int code;
    const char *path;
    bool shared;
};

static const struct row rows[] = {
    {"here:ct-100", 0, "/srv/here/ct-100", false},
    {"all:ct-100", 0, "/mnt/all/ct-100", true},
    {"local:ct-100", 0, "/var/lib/test/storage/ct-100", false},
    {"/srv/rootfs", 0, "/srv/rootfs", true},
    {"none:ct-100", -ENOENT, NULL, false},
    {"broken:ct-100", -EINVAL, NULL, false},
    {"here:../x", -EINVAL, NULL, false},
    {"here:", -EINVAL, NULL, false},
    {"ct-100", -EINVAL, NULL, false},
};

static void volume_is_below_its_storage(void **state)
{
    struct fake_store *store = fake_store_new();
    (void)state;
    assert_int_equal(setenv("HA_MANAGER_STATE_DIR", "/var/lib/test", 1), 0);
    fake_store_put(store, "storage/here", "dir: here\n\tpath /srv/here\n\n");
    fake_store_put(store, "storage/here2", "dir: here2\n\tpath /srv/here2\n\n");
    fake_store_put(store, "storage/all", "dir: all\n\tpath /mnt/all\n\tshared 1\n\n");
    fake_store_put(store, "storage/broken", "dir: broken\n\n");
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct arena *arena CLEANUP(arena_freep) = arena_new();
        const char *path = NULL;
        bool shared = false;
        struct error err = {0};
        int r = volume_resolve(arena, fake_store_port(store), rows[i].name, &path, &shared, &err);
        if (r != rows[i].code) {
            print_error("%s: %d '%s'\n", rows[i].name, r, err.text);
        }
        assert_int_equal(r, rows[i].code);
        if (r == 0) {
            assert_string_equal(path, rows[i].path);
            assert_int_equal(shared, rows[i].shared);
        }
    }
    fake_store_free(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(storage_read_and_written_is_the_same),
        cmocka_unit_test(storage_refused_names_line_and_key),
        cmocka_unit_test(volume_is_below_its_storage),
    };
    return cmocka_run_group_tests_name("volume", tests, NULL, NULL);
}
