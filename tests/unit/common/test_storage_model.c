// SPDX-License-Identifier: Apache-2.0
// Storages and their conditions as text.
#include <errno.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/map.h"
#include "common/base/strbuf.h"
#include "common/model/guest.h"
#include "common/model/storage.h"
#include "common/model/storage_state.h"
#include "tests/lib/test.h"

static const char *const texts[] = {
    "dir: shared1\n\tpath /mnt/shared1\n\tshared 1\n\n",
    "dir: disk2\n\tpath /mnt/disk2\n\tshared 0\n\tmountpoint 1\n\tnodes node1,node2\n\n",
    "nfs: nas1\n\tpath /mnt/nas\n\tserver 10.0.0.9\n\texport /srv/guests\n\toptions vers=4.2,soft\n"
    "\ton-loss keep\n\tdisable 1\n\n",
};

static void storage_read_and_written_is_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        struct arena *arena CLEANUP(arena_freep) = arena_new();
        struct strbuf out CLEANUP(strbuf_done) = {0};
        struct storage *storage = NULL;
        struct error err = {0};
        assert_int_equal(storage_parse(arena, texts[i], &storage, &err), 0);
        storage_format(storage, &out);
        assert_string_equal(strbuf_text(&out), texts[i]);
    }
}

static void storage_left_out_keys_have_their_defaults(void **state)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct storage *storage = NULL;
    (void)state;
    assert_int_equal(
        storage_parse(arena, "nfs: nas1\n\tserver nas\n\texport /e\n\tcontent images,rootdir\n",
                      &storage, NULL),
        0);
    assert_string_equal(storage->path, "/mnt/ha-manager/nas1");
    assert_true(storage->shared);
    assert_null(storage->options);
    assert_int_equal(storage->on_loss, STORAGE_LOSS_MOVE);
    assert_true(storage_has_node(storage, "node7"));
    assert_int_equal(storage_set(arena, storage, "nodes", "node3, node1 node3", NULL), 0);
    assert_int_equal(storage->nodes_count, 2);
    assert_true(storage_has_node(storage, "node1"));
    assert_false(storage_has_node(storage, "node7"));
}

static const struct refusal {
    const char *text;
    const char *words;
} refusals[] = {
    {"dir: s1\n\n", "line 1: key 'path' is required"},
    {"nfs: s1\n\tserver nas\n\n", "line 1: key 'export' is required"},
    {"nfs: s1\n\texport /x\n\n", "line 1: key 'server' is required"},
    {"cifs: s1\n\tpath /x\n\n", "line 1: unknown type 'cifs': allowed are dir, nfs"},
    {"dir: 1s\n\tpath /x\n\n", "line 1: invalid name '1s'"},
    {"dir: s1\n\tpath x\n\n", "line 2: key 'path': 'x' is not an absolute path"},
    {"dir: s1\n\tpath /x/../y\n\n", "line 2: key 'path'"},
    {"dir: s1\n\tpath /x/..\n\n", "line 2: key 'path'"},
    {"dir: s1\n\tpath /x\n\tshared maybe\n\n", "line 3: key 'shared': expected 0 or 1"},
    {"dir: s1\n\tpath /x\n\tcolour red\n\n",
     "line 3: unknown key 'colour': allowed for type dir are path, shared, mountpoint, nodes, on-loss, "
     "disable, content"},
    {"dir: s1\n\tpath /x\n\tserver nas\n\n", "line 3: unknown key 'server': allowed for type dir"},
    {"nfs: s1\n\tserver -nas\n\n", "line 2: key 'server': '-nas' is not a host name"},
    {"nfs: s1\n\tserver nas\n\toptions rw \"soft\n\n", "line 3: key 'options'"},
    {"dir: s1\n\tpath /x\n\tnodes a_b\n\n", "line 3: key 'nodes'"},
    {"dir: s1\n\tpath /x\n\ton-loss wait\n\n",
     "line 3: key 'on-loss': expected move, keep or stop"},
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

static void put(struct arena *arena, struct guest *guest, const char *key, const char *value)
{
    map_put(&guest->config, key, arena_strdup(arena, value));
}

static void guest_names_the_storages_of_its_volumes(void **state)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct guest *guest = guest_new(arena, "vm:101", "node1");
    (void)state;
    put(arena, guest, "scsi0", "nas1:vm-101,size=4G");
    put(arena, guest, "scsi1", "nas1:vm-101-2");
    put(arena, guest, "rootfs", "disk2:ct-101");
    put(arena, guest, "scsi2", "nas1:images/101/vm-101-3.raw");
    put(arena, guest, "kernel", "/boot/vmlinuz");
    put(arena, guest, "append", "http://x/y");
    put(arena, guest, "description", "see nas1:manual for more");
    struct storage_names names = storage_names_of_guest(arena, guest);
    assert_int_equal(names.count, 2);
    assert_string_equal(names.names[0], "disk2");
    assert_string_equal(names.names[1], "nas1");
}

static void conditions_read_and_written_are_the_same(void **state)
{
    static const char text[] =
        "{\"disk2\":{\"condition\":\"missing\",\"reason\":\"nothing is mounted on '/d'\"},"
        "\"nas1\":{\"available\":10,\"condition\":\"ready\",\"total\":20},"
        "\"nas2\":{\"condition\":\"stalled\"}}";
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct map states;
    struct error err = {0};
    (void)state;
    assert_int_equal(storage_states_parse(arena, text, strlen(text), &states, &err), 0);
    assert_int_equal(states.count, 3);
    assert_string_equal(storage_states_format(arena, &states), text);
}

static void conditions_refused_name_the_storage(void **state)
{
    static const char text[] = "{\"nas1\":{\"condition\":\"away\"}}";
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct map states = {0};
    struct error err = {0};
    (void)state;
    assert_int_equal(storage_states_parse(arena, text, strlen(text), &states, &err), -EINVAL);
    assert_string_equal(err.text, "key 'nas1': key 'condition': unknown word 'away'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(storage_read_and_written_is_the_same),
        cmocka_unit_test(storage_left_out_keys_have_their_defaults),
        cmocka_unit_test(storage_refused_names_line_and_key),
        cmocka_unit_test(guest_names_the_storages_of_its_volumes),
        cmocka_unit_test(conditions_read_and_written_are_the_same),
        cmocka_unit_test(conditions_refused_name_the_storage),
    };
    return cmocka_run_group_tests_name("storage", tests, NULL, NULL);
}
