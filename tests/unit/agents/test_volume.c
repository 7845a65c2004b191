// SPDX-License-Identifier: Apache-2.0
// Where volumes on storages are.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "lrm/agents/volume.h"
#include "tests/lib/fake_store.h"
#include "tests/lib/test.h"

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
        cmocka_unit_test(volume_is_below_its_storage),
    };
    return cmocka_run_group_tests_name("volume", tests, NULL, NULL);
}
