// SPDX-License-Identifier: Apache-2.0
// What a start writes into a container's root file system, which may try to lead it elsewhere.
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/host/file.h"
#include "common/model/guest.h"
#include "lrm/agents/ct_setup.h"
#include "tests/lib/fake_store.h"
#include "tests/lib/test.h"

struct fixture {
    struct arena *arena;
    char root[64];
    struct error err;
};

static const char *in(struct fixture *f, const char *path)
{
    return arena_printf(f->arena, "%s/%s", f->root, path);
}

static void put(struct fixture *f, const char *path, const char *text)
{
    assert_int_equal(file_replace(in(f, path), text, strlen(text), 0600, NULL), 0);
}

static const char *text_of(struct fixture *f, const char *path)
{
    char *text = NULL;
    size_t size = 0;
    return file_read(f->arena, in(f, path), 4096, &text, &size, NULL) < 0 ? "(none)" : text;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->arena = arena_new();
    memcpy(f->root, "/tmp/ct-setup-XXXXXX", sizeof("/tmp/ct-setup-XXXXXX"));
    if (mkdtemp(f->root) == NULL || mkdir(in(f, "rootfs"), 0755) < 0 ||
        mkdir(in(f, "outside"), 0755) < 0) {
        return -1;
    }
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    static const char *const files[] = {"rootfs/etc/resolv.conf", "rootfs/etc/hostname",
                                        "rootfs/run/resolv.conf", "outside/resolv.conf",
                                        "outside/hostname"};
    static const char *const folders[] = {"rootfs/etc", "rootfs/run", "rootfs/outside",
                                          "rootfs",     "outside",    ""};
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        (void)unlink(in(f, files[i]));
    }
    (void)unlink(in(f, "rootfs/etc")); // a link in some tests
    for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
        (void)rmdir(in(f, folders[i]));
    }
    int left = access(f->root, F_OK);
    arena_free(f->arena);
    free(f);
    return left == 0 ? -1 : 0;
}

static int write_names(struct fixture *f)
{
    return ct_setup_write_names(in(f, "rootfs"), "web", "10.0.0.1 10.0.0.2", "a.example b.example",
                                &f->err);
}

static void names_are_written(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    assert_int_equal(mkdir(in(f, "rootfs/etc"), 0755), 0);
    put(f, "rootfs/etc/hostname", "old\n");
    assert_int_equal(write_names(f), 0);
    assert_string_equal(text_of(f, "rootfs/etc/resolv.conf"),
                        "search a.example b.example\nnameserver 10.0.0.1\nnameserver 10.0.0.2\n");
    assert_string_equal(text_of(f, "rootfs/etc/hostname"), "web\n");
    assert_int_equal(stat(in(f, "rootfs/etc/hostname"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0644);
    ino_t inode = st.st_ino;
    assert_int_equal(write_names(f), 0); // nothing has changed, nothing is written
    assert_int_equal(stat(in(f, "rootfs/etc/hostname"), &st), 0);
    assert_int_equal(st.st_ino, inode);
}

static void names_not_given_stay_as_they_are(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(mkdir(in(f, "rootfs/etc"), 0755), 0);
    put(f, "rootfs/etc/resolv.conf", "mine\n");
    assert_int_equal(ct_setup_write_names(in(f, "rootfs"), "web", NULL, NULL, &f->err), 0);
    assert_string_equal(text_of(f, "rootfs/etc/resolv.conf"), "mine\n");
    assert_string_equal(text_of(f, "rootfs/etc/hostname"), "(none)"); // there was none
}

static void names_without_their_folder_are_none(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(write_names(f), 0);
    assert_int_equal(access(in(f, "rootfs/etc"), F_OK), -1);
}

// The file that it leads to stays as it is.
static void names_replace_a_link(void **state)
{
    struct fixture *f = *state;
    put(f, "outside/resolv.conf", "the node's\n");
    assert_int_equal(mkdir(in(f, "rootfs/etc"), 0755), 0);
    assert_int_equal(symlink("../../outside/resolv.conf", in(f, "rootfs/etc/resolv.conf")), 0);
    assert_int_equal(write_names(f), 0);
    assert_string_equal(text_of(f, "outside/resolv.conf"), "the node's\n");
    assert_non_null(strstr(text_of(f, "rootfs/etc/resolv.conf"), "nameserver 10.0.0.1"));
}

// A folder that leads out of the root file system leads nowhere.
static void names_never_leave_the_root(void **state)
{
    struct fixture *f = *state;
    put(f, "outside/hostname", "node1\n");
    assert_int_equal(symlink("../outside", in(f, "rootfs/etc")), 0);
    assert_int_equal(write_names(f), 0); // "/outside" of the container, which is not there
    assert_string_equal(text_of(f, "outside/hostname"), "node1\n");
    assert_int_equal(access(in(f, "outside/resolv.conf"), F_OK), -1);
    assert_int_equal(unlink(in(f, "rootfs/etc")), 0);
    assert_int_equal(symlink(in(f, "outside"), in(f, "rootfs/etc")), 0);
    assert_int_equal(write_names(f), 0);
    assert_string_equal(text_of(f, "outside/hostname"), "node1\n");
}

struct shared_row {
    const char *name;
    const char *rootfs;
    const char *mount;
    int code;
    const char *words;
};

static const struct shared_row shared_rows[] = {
    {"all shared", "all:ct-100", "all:data,mp=/data", 0, ""},
    {"paths", "/srv/x", "/srv/y,mp=/data", 0, ""},
    {"its root", "local:ct-100", "all:data,mp=/data", -EXDEV, "rootfs 'local:ct-100' is on a"},
    {"a mount", "all:ct-100", "local:data,mp=/data", -EXDEV, "mp0: 'local:data' is on a storage"},
    {"no such storage", "all:ct-100", "none:data,mp=/data", -ENOENT, "storage 'none'"},
};

static void container_moves_only_with_all_its_volumes(void **state)
{
    struct fixture *f = *state;
    struct fake_store *store = fake_store_new();
    fake_store_put(store, "storage/all", "dir: all\n\tpath /mnt/all\n\tshared 1\n\n");
    for (size_t i = 0; i < ARRAY_SIZE(shared_rows); i++) {
        const struct shared_row *row = &shared_rows[i];
        struct guest *guest = guest_new(f->arena, "ct:100", "node1");
        map_put(&guest->config, "rootfs", arena_strdup(f->arena, row->rootfs));
        map_put(&guest->config, "mp0", arena_strdup(f->arena, row->mount));
        error_clear(&f->err);
        int r = ct_setup_check_shared(f->arena, fake_store_port(store), guest, &f->err);
        if (r != row->code || strstr(f->err.text, row->words) == NULL) {
            fail_msg("%s: %d: %s", row->name, r, f->err.text);
        }
    }
    fake_store_free(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(names_are_written),
        TEST(names_not_given_stay_as_they_are),
        TEST(names_without_their_folder_are_none),
        TEST(names_replace_a_link),
        TEST(names_never_leave_the_root),
        TEST(container_moves_only_with_all_its_volumes),
    };
    return cmocka_run_group_tests_name("ct_setup", tests, NULL, NULL);
}
