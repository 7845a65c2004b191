// SPDX-License-Identifier: Apache-2.0
// What is told of a storage, and what one look finds.
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/model/storage.h"
#include "lrm/storage_keeper.h"
#include "lrm/storage_look.h"
#include "tests/lib/test.h"

enum { R = STORAGE_CONDITION_READY, M = STORAGE_CONDITION_MISSING, S = STORAGE_CONDITION_STALLED };

static const struct step {
    const char *what;
    int64_t now_ms;
    int found;
    bool is_changed;
    int told;
} steps[] = {
    {"the first look is told as it is", 1000, R, true, R},
    {"a short loss", 5000, M, false, R},
    {"a short loss, otherwise", 9000, S, false, R},
    {"is over", 13000, R, false, R},
    {"a loss", 17000, M, false, R},
    {"not yet", 26999, M, false, R},
    {"is told after the time", 27000, M, true, M},
    {"another kind of it at once", 31000, S, true, S},
    {"the first good look ends it", 35000, R, true, R},
    {"a loss counts from its beginning", 39000, S, false, R},
};

static void opinion_changes_as_the_looks_say(void **state)
{
    struct storage_opinion opinion = {0};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
        bool is_changed = storage_opinion_update(&opinion, (enum storage_condition)steps[i].found,
                                                 steps[i].now_ms);
        if (is_changed != steps[i].is_changed || (int)opinion.told != steps[i].told) {
            print_error("%s\n", steps[i].what);
        }
        assert_int_equal(is_changed, steps[i].is_changed);
        assert_int_equal(opinion.told, steps[i].told);
    }
}

static void opinion_first_bad_look_is_told_at_once(void **state)
{
    struct storage_opinion opinion = {0};
    (void)state;
    assert_true(storage_opinion_update(&opinion, STORAGE_CONDITION_MISSING, 1000));
    assert_int_equal(opinion.told, STORAGE_CONDITION_MISSING);
}

static void mount_found_is_the_topmost_of_its_path(void **state)
{
    static const char table[] = "10.0.0.9:/old /mnt/nas nfs4 rw 0 0\n"
                                "/dev/sda1 /mnt/nas\\040two ext4 rw 0 0\n"
                                "10.0.0.9:/srv/guests /mnt/nas nfs4 rw,vers=4.2 0 0\n";
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct storage_mount mount = {0};
    struct error err = {0};
    (void)state;
    int fd = memfd_create("mounts", MFD_CLOEXEC);
    assert_int_equal(write(fd, table, strlen(table)), strlen(table));
    const char *path = arena_printf(arena, "/proc/self/fd/%d", fd);
    assert_int_equal(storage_mount_find(arena, path, "/mnt/nas/", &mount, &err), 0);
    assert_string_equal(mount.source, "10.0.0.9:/srv/guests");
    assert_string_equal(mount.type, "nfs4");
    assert_int_equal(storage_mount_find(arena, path, "/mnt/nas two", &mount, &err), 0);
    assert_string_equal(mount.source, "/dev/sda1");
    assert_int_equal(storage_mount_find(arena, path, "/mnt", &mount, &err), -ENOENT);
    (void)close(fd); // of a test
}

static const struct look {
    const char *text;
    enum storage_condition condition;
    const char *words;
} looks[] = {
    {"dir: a1\n\tpath /usr\n", STORAGE_CONDITION_READY, NULL},
    {"dir: a1\n\tpath /usr\n\tmountpoint 1\n", STORAGE_CONDITION_MISSING,
     "nothing is mounted on '/usr'"},
    {"dir: a1\n\tpath /proc\n\tmountpoint 1\n", STORAGE_CONDITION_READY, NULL},
    {"dir: a1\n\tpath /no/such/folder\n", STORAGE_CONDITION_MISSING,
     "'/no/such/folder': No such file"},
    {"dir: a1\n\tpath /proc/version\n", STORAGE_CONDITION_MISSING,
     "'/proc/version' is not a folder"},
    {"nfs: a1\n\tpath /proc\n\tserver nas\n\texport /e\n", STORAGE_CONDITION_MISSING,
     "'/proc' has something else mounted: proc (proc)"},
};

static void look_finds_what_is_there(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(looks); i++) {
        struct arena *arena CLEANUP(arena_freep) = arena_new();
        struct storage *storage = NULL;
        struct storage_state found;
        assert_int_equal(storage_parse(arena, looks[i].text, &storage, NULL), 0);
        storage_look(arena, storage, &found);
        if (found.condition != looks[i].condition) {
            print_error("%zu: %s\n", i, found.reason);
        }
        assert_int_equal(found.condition, looks[i].condition);
        if (looks[i].words == NULL) {
            assert_null(found.reason);
        } else {
            assert_non_null(strstr(found.reason, looks[i].words));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opinion_changes_as_the_looks_say),
        cmocka_unit_test(opinion_first_bad_look_is_told_at_once),
        cmocka_unit_test(mount_found_is_the_topmost_of_its_path),
        cmocka_unit_test(look_finds_what_is_there),
    };
    return cmocka_run_group_tests_name("storage_keeper", tests, NULL, NULL);
}
