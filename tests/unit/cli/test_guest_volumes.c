// SPDX-License-Identifier: Apache-2.0
// Volumes in definitions: which values ask for a new one, and which volumes are the guest's own to
// remove.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command_line.h"
#include "cli/guest_volumes.h"
#include "cli/tool_context.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/host/file.h"
#include "common/model/guest.h"
#include "tests/lib/fake_store.h"
#include "tests/lib/fixture.h"

struct fixture {
    struct arena *arena;
    struct fake_store *store;
    char *folder; // of the storage "st"
    struct cli cli;
    struct tool_context context;
    struct guest *guest;
};

static const char *const FILES[] = {"vm-100-disk-0.raw", "vm-100-disk-1.raw", "vm-1000-disk-0.raw",
                                    "ct-100-disk-0", "install.iso"};

static const char *path_of(struct fixture *f, const char *name)
{
    return arena_printf(f->arena, "%s/%s", f->folder, name);
}

static int setup(void **state)
{
    struct arena *arena = arena_new();
    struct fixture *f = arena_new_of(arena, struct fixture);
    f->arena = f->cli.arena = arena;
    f->store = fake_store_new();
    f->context.session.store = fake_store_port(f->store);
    f->folder = arena_strdup(arena, "/tmp/guest-volumes.XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    fake_store_put(f->store, "storage/st", arena_printf(arena, "dir: st\n\tpath %s\n", f->folder));
    for (size_t i = 0; i < ARRAY_SIZE(FILES); i++) {
        assert_int_equal(file_replace(path_of(f, FILES[i]), "x", 1, 0600, NULL), 0);
    }
    f->guest = guest_new(arena, "vm:100", "node1");
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_SIZE(FILES); i++) {
        (void)unlink(path_of(f, FILES[i]));
    }
    assert_int_equal(rmdir(f->folder), 0);
    fake_store_free(f->store);
    arena_free(f->arena);
    return 0;
}

static bool key_is_scsi(const char *key)
{
    return strncmp(key, "scsi", 4) == 0;
}

static int remove_file(const char *path, struct error *err)
{
    return unlink(path) < 0 ? error_set_errno(err, -errno, "cannot remove '%s'", path) : 0;
}

static const struct guest_volumes_kind scsi_volumes = {.has_key = key_is_scsi,
                                                       .remove = remove_file};

static int remove_own(struct fixture *f, const struct guest *before, struct error *err)
{
    return guest_volumes_remove_own(&f->cli, &f->context, f->guest, before, &scsi_volumes, err);
}

static void give(struct fixture *f, const char *key, const char *value)
{
    map_put(&f->guest->config, key, arena_strdup(f->arena, value));
}

// The files that are left, each with a blank behind it.
static const char *left(struct fixture *f)
{
    const char *text = "";
    for (size_t i = 0; i < ARRAY_SIZE(FILES); i++) {
        if (access(path_of(f, FILES[i]), F_OK) == 0) {
            text = arena_printf(f->arena, "%s%s ", text, FILES[i]);
        }
    }
    return text;
}

static void volume_of_its_type_and_number_is_removed_and_no_other(void **state)
{
    struct fixture *f = *state;
    give(f, "scsi0", "st:vm-100-disk-0.raw,size=1G");
    give(f, "scsi1", "st:vm-1000-disk-0.raw"); // another machine's
    give(f, "scsi2", "st:ct-100-disk-0");      // a container's
    give(f, "scsi3", path_of(f, "vm-100-disk-1.raw"));
    give(f, "scsi4", "st:install.iso,media=cdrom");
    give(f, "kernel", "st:vm-100-disk-1.raw"); // not of this kind
    assert_int_equal(remove_own(f, NULL, NULL), 0);
    assert_string_equal(left(f), "vm-100-disk-1.raw vm-1000-disk-0.raw ct-100-disk-0 install.iso ");
}

static void volume_that_was_there_before_is_kept(void **state)
{
    struct fixture *f = *state;
    give(f, "scsi0", "st:vm-100-disk-0.raw");
    const struct guest *before = guest_clone(f->arena, f->guest);
    give(f, "scsi1", "st:vm-100-disk-1.raw");
    assert_int_equal(remove_own(f, before, NULL), 0);
    assert_string_equal(left(f), "vm-100-disk-0.raw vm-1000-disk-0.raw ct-100-disk-0 install.iso ");
}

static void volume_that_cannot_be_removed_is_told_and_ends_it(void **state)
{
    struct fixture *f = *state;
    struct error err = {0};
    give(f, "scsi0", "st:vm-100-missing.raw");
    give(f, "scsi1", "st:vm-100-disk-1.raw");
    assert_int_equal(remove_own(f, NULL, &err), -ENOENT);
    assert_non_null(strstr(err.text, "vm-100-missing.raw"));
    assert_int_equal(access(path_of(f, "vm-100-disk-1.raw"), F_OK), 0);
}

static void value_with_a_size_asks_for_a_new_volume(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *value;
        int64_t gib; // 0: it names a volume
    } rows[] = {
        {"st:8", 8},           {"st:8,mp=/data", 8}, {"st:1048576", 1048576},
        {"st:1048577", 0},     {"st:0", 0},          {"st:8G", 0},
        {"st:vm-1-disk-0", 0}, {"/path/8", 0},       {"8", 0},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const char *storage = NULL;
        int64_t gib = 0;
        bool asks = guest_volumes_parse_new(f->arena, rows[i].value, &storage, &gib);
        fixture_row(rows[i].value, asks == (rows[i].gib != 0));
        fixture_row(rows[i].value, !asks || (gib == rows[i].gib && strcmp(storage, "st") == 0));
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(volume_of_its_type_and_number_is_removed_and_no_other),
        TEST(volume_that_was_there_before_is_kept),
        TEST(volume_that_cannot_be_removed_is_told_and_ends_it),
        TEST(value_with_a_size_asks_for_a_new_volume),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
