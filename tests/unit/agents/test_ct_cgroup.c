// SPDX-License-Identifier: Apache-2.0
// Finding hierarchies in texts of the kernel, and counting processes in a made-up tree.
#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/strbuf.h"
#include "common/host/file.h"
#include "lrm/agents/ct_cgroup.h"
#include "tests/lib/test.h"

struct parse_row {
    const char *name;
    const char *mountinfo;
    const char *self;
    const char *init;
    const char *want; // folders, those of v2 with '2' in front
};

#define MOUNT(number, device, root, point, type, options)                                          \
#number " 31 0:" #device " " root " " point " rw,relatime shared:9 - " type " cgroup " options \
            "\n"

static const struct parse_row parse_rows[] = {
    {"v2 alone", MOUNT(30, 26, "/", "/sys/fs/cgroup", "cgroup2", "rw,nsdelegate"),
     "0::/system.slice/ha-lrm.service\n", "0::/init.scope\n",
     "2/sys/fs/cgroup 2/sys/fs/cgroup/init.scope 2/sys/fs/cgroup/system.slice "
     "2/sys/fs/cgroup/system.slice/ha-lrm.service"},
    {"v1 and v2",
     MOUNT(32, 29, "/", "/sys/fs/cgroup/cpu,cpuacct", "cgroup", "rw,cpu,cpuacct")
         MOUNT(33, 36, "/", "/sys/fs/cgroup/pids", "cgroup", "rw,pids")
             MOUNT(34, 37, "/", "/sys/fs/cgroup/systemd", "cgroup", "rw,xattr,name=systemd")
                 MOUNT(35, 38, "/", "/sys/fs/cgroup/unified", "cgroup2", "rw"),
     "8:pids:/a\n4:cpu,cpuacct:/b\n1:name=systemd:/\n0::/c\n", "8:pids:/\n",
     "/sys/fs/cgroup/cpu,cpuacct /sys/fs/cgroup/cpu,cpuacct/b /sys/fs/cgroup/pids "
     "/sys/fs/cgroup/pids/a /sys/fs/cgroup/systemd 2/sys/fs/cgroup/unified 2/sys/fs/cgroup/unified/c"},
    {"of mounts of one hierarchy the last counts",
     MOUNT(32, 36, "/", "/run/pids", "cgroup", "rw,pids")
         MOUNT(33, 36, "/", "/sys/fs/cgroup/pids", "cgroup", "rw,pids"),
     "8:pids:/\n", "8:pids:/\n", "/sys/fs/cgroup/pids"},
    {"a mount of a part shows too little",
     MOUNT(32, 36, "/..", "/old/pids", "cgroup", "rw,pids")
         MOUNT(33, 36, "/", "/sys/fs/cgroup/pids", "cgroup", "rw,pids")
             MOUNT(34, 36, "/docker/x", "/x", "cgroup", "rw,pids"),
     "8:pids:/\n", "8:pids:/\n", "/sys/fs/cgroup/pids"},
    {"outside the root of the namespace nothing is ours",
     MOUNT(33, 36, "/", "/sys/fs/cgroup/pids", "cgroup", "rw,pids"), "8:pids:/../other\n",
     "8:pids:/\n", "/sys/fs/cgroup/pids"},
    {"other file systems are passed over",
     "22 1 8:1 / / rw - ext4 /dev/sda rw\n36 35 0:30 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n" MOUNT(
         33, 36, "/", "/sys/fs/cg\\040roup", "cgroup2", "rw"),
     "0::/\n", "0::/\n", "2/sys/fs/cg roup"},
};

static void hierarchies_are_found_with_the_groups_on_the_way(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(parse_rows); i++) {
        const struct parse_row *row = &parse_rows[i];
        struct arena *arena CLEANUP(arena_freep) = arena_new();
        struct strbuf got CLEANUP(strbuf_done) = {0};
        struct ct_cgroup_places places;
        struct error err = {0};
        const char *cgroups[] = {row->self, row->init};
        assert_int_equal(ct_cgroup_parse(arena, row->mountinfo, cgroups, 2, &places, &err), 0);
        for (size_t p = 0; p < places.count; p++) {
            strbuf_appendf(&got, "%s%s%s", p > 0 ? " " : "", places.places[p].unified ? "2" : "",
                           places.places[p].folder);
        }
        if (strcmp(strbuf_text(&got), row->want) != 0) {
            print_error("%s\n", row->name);
        }
        assert_string_equal(strbuf_text(&got), row->want);
    }
}

static void hierarchies_missing_prove_nothing(void **state)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct ct_cgroup_places places;
    struct error err = {0};
    const char *cgroups[] = {"0::/\n"};
    (void)state;
    assert_int_equal(
        ct_cgroup_parse(arena, "22 1 8:1 / / rw - ext4 /dev/sda rw\n", cgroups, 1, &places, &err),
        -ENOTSUP);
    assert_non_null(strstr(err.text, "nothing can be proved"));
}

struct fixture {
    struct arena *arena;
    char folder[64];
    struct ct_cgroup_place place[2];
    struct ct_cgroup_places places;
};

static void make_group(struct fixture *f, const char *name, const char *procs)
{
    struct error err = {0};
    const char *folder = arena_printf(f->arena, "%s/%s", f->folder, name);
    assert_int_equal(file_make_directory(folder, 0700, &err), 0);
    const char *path = arena_printf(f->arena, "%s/cgroup.procs", folder);
    assert_int_equal(file_replace(path, procs, strlen(procs), 0600, &err), 0);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->arena = arena_new();
    (void)snprintf(f->folder, sizeof(f->folder), "%s", P_tmpdir "/ha-test-cgroup-XXXXXX");
    if (mkdtemp(f->folder) == NULL) {
        return -1;
    }
    make_group(f, "v1", "");
    make_group(f, "v2", "");
    f->place[0] = (struct ct_cgroup_place){arena_printf(f->arena, "%s/v1", f->folder), false};
    f->place[1] = (struct ct_cgroup_place){arena_printf(f->arena, "%s/v2", f->folder), true};
    f->places = (struct ct_cgroup_places){f->place, 2};
    *state = f;
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    int r = nftw(f->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    arena_free(f->arena);
    free(f);
    return r;
}

static void scan(struct fixture *f, enum ct_cgroup_kind kind, const char *id,
                 struct ct_cgroup_scan *ret)
{
    struct error err = {0};
    assert_int_equal(ct_cgroup_scan(f->arena, &f->places, kind, id, ret, &err), 0);
}

static void scan_without_groups_finds_nothing(void **state)
{
    struct fixture *f = *state;
    struct ct_cgroup_scan found;
    scan(f, CT_CGROUP_PAYLOAD, "100", &found);
    assert_false(found.populated);
    assert_int_equal(found.pids_count, 0);
    assert_int_equal(found.folders_count, 0);
}

static void scan_collects_all_groups_of_one_container(void **state)
{
    struct fixture *f = *state;
    struct ct_cgroup_scan found;
    make_group(f, "v1/lxc.payload.100", "30\n20\n");
    make_group(f, "v1/lxc.payload.100/init.scope", "10\n");
    make_group(f, "v1/lxc.payload.100/system.slice", "");
    make_group(f, "v1/lxc.payload.100/system.slice/deep", "40\n");
    make_group(f, "v1/lxc.payload.100-1", "50\n");
    make_group(f, "v2/lxc.payload.100", "20\n60\n");
    make_group(f, "v1/lxc.payload.1000", "70\n");
    make_group(f, "v1/lxc.payload.100-x", "71\n");
    make_group(f, "v1/lxc.payload.10", "72\n");
    make_group(f, "v1/lxc.monitor.100", "73\n");
    make_group(f, "v1/other", "74\n");
    make_group(f, "v1/other/lxc.payload.100", "75\n");
    scan(f, CT_CGROUP_PAYLOAD, "100", &found);
    static const pid_t want[] = {10, 20, 30, 40, 50, 60};
    assert_int_equal(found.pids_count, ARRAY_SIZE(want));
    assert_memory_equal(found.pids, want, sizeof(want));
    assert_true(found.populated);
    assert_int_equal(found.folders_count, 6);
    scan(f, CT_CGROUP_MONITOR, "100", &found);
    assert_int_equal(found.pids_count, 1);
    assert_int_equal(found.pids[0], 73);
}

static void scan_of_empty_groups_finds_no_process(void **state)
{
    struct fixture *f = *state;
    struct ct_cgroup_scan found;
    make_group(f, "v1/lxc.payload.100", "");
    scan(f, CT_CGROUP_PAYLOAD, "100", &found);
    assert_false(found.populated);
    assert_int_equal(found.folders_count, 1);
}

// The kernel counts processes in all groups below at once; a scan could miss one that moves.
static void scan_believes_the_kernels_word_for_populated(void **state)
{
    struct fixture *f = *state;
    struct ct_cgroup_scan found;
    struct error err = {0};
    make_group(f, "v2/lxc.payload.100", "");
    const char *path = arena_printf(f->arena, "%s/v2/lxc.payload.100/cgroup.events", f->folder);
    assert_int_equal(file_replace(path, "populated 1\nfrozen 0\n", 21, 0600, &err), 0);
    scan(f, CT_CGROUP_PAYLOAD, "100", &found);
    assert_true(found.populated);
    assert_int_equal(found.pids_count, 0);
}

static void scan_of_processes_that_cannot_be_seen_counts_them(void **state)
{
    struct fixture *f = *state;
    struct ct_cgroup_scan found;
    make_group(f, "v1/lxc.payload.100", "0\n0\n");
    scan(f, CT_CGROUP_PAYLOAD, "100", &found);
    assert_true(found.populated);
}

static void scan_that_cannot_look_fails(void **state)
{
    struct fixture *f = *state;
    struct ct_cgroup_scan found = {.pids_count = 99};
    struct error err = {0};
    f->place[0].folder = "/nonexistent";
    assert_int_equal(ct_cgroup_scan(f->arena, &f->places, CT_CGROUP_PAYLOAD, "100", &found, &err),
                     -ENOENT);
    assert_int_equal(found.pids_count, 99);
    f->place[0].folder = arena_printf(f->arena, "%s/v1", f->folder);
    make_group(f, "v1/lxc.payload.100", "12x\n");
    assert_int_equal(ct_cgroup_scan(f->arena, &f->places, CT_CGROUP_PAYLOAD, "100", &found, &err),
                     -EIO);
}

static void wait_for_a_populated_group_ends_with_the_time(void **state)
{
    struct fixture *f = *state;
    struct error err = {0};
    make_group(f, "v1/lxc.payload.100", "0\n");
    assert_int_equal(ct_cgroup_wait(&f->places, CT_CGROUP_PAYLOAD, "100", 0, &err), -ETIMEDOUT);
    assert_non_null(strstr(err.text, "1 processes still run in 'lxc.payload.100'"));
}

// A number in a stale file may be anybody's by now: this process is in no such group.
static void kill_spares_processes_of_other_groups(void **state)
{
    struct fixture *f = *state;
    struct error err = {0};
    make_group(f, "v1/lxc.payload.100", arena_printf(f->arena, "%d\n", getpid()));
    assert_int_equal(ct_cgroup_kill(&f->places, CT_CGROUP_PAYLOAD, "100", 0, &err), -ETIMEDOUT);
}

static void controller_is_found_in_its_hierarchy(void **state)
{
    struct fixture *f = *state;
    struct error err = {0};
    assert_int_equal(ct_cgroup_controller(&f->places, "memory.limit_in_bytes", "memory"),
                     CT_CGROUP_NONE);
    const char *v2 = arena_printf(f->arena, "%s/v2/cgroup.controllers", f->folder);
    assert_int_equal(file_replace(v2, "cpu memory\n", 11, 0600, &err), 0);
    assert_int_equal(ct_cgroup_controller(&f->places, "memory.limit_in_bytes", "memory"),
                     CT_CGROUP_V2);
    const char *v1 = arena_printf(f->arena, "%s/v1/memory.limit_in_bytes", f->folder);
    assert_int_equal(file_replace(v1, "1\n", 2, 0600, &err), 0);
    assert_int_equal(ct_cgroup_controller(&f->places, "memory.limit_in_bytes", "memory"),
                     CT_CGROUP_V1);
}

static void status_file_tells_the_inner_number(void **state)
{
    size_t depth = 0;
    int64_t inner = 0;
    (void)state;
    assert_true(
        ct_cgroup_parse_nspid("Name:\tinit\nNSpid:\t327\t15\t1\nVmPeak: 1\n", &depth, &inner));
    assert_int_equal(depth, 3);
    assert_int_equal(inner, 1);
    assert_false(ct_cgroup_parse_nspid("Name:\tinit\n", &depth, &inner));
    assert_false(ct_cgroup_parse_nspid("Name:\tinit\nNSpid:\t\n", &depth, &inner));
}

static void status_file_tells_caught_signals(void **state)
{
    static const char text[] = "Name:\tinit\nSigCgt:\t0000000000014002\n";
    (void)state;
    assert_true(ct_cgroup_parse_catches(text, SIGINT));
    assert_true(ct_cgroup_parse_catches(text, SIGTERM));
    assert_false(ct_cgroup_parse_catches(text, SIGPWR));
    assert_false(ct_cgroup_parse_catches("Name:\tinit\n", SIGINT));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hierarchies_are_found_with_the_groups_on_the_way),
        cmocka_unit_test(hierarchies_missing_prove_nothing),
        TEST(scan_without_groups_finds_nothing),
        TEST(scan_collects_all_groups_of_one_container),
        TEST(scan_of_empty_groups_finds_no_process),
        TEST(scan_believes_the_kernels_word_for_populated),
        TEST(scan_of_processes_that_cannot_be_seen_counts_them),
        TEST(scan_that_cannot_look_fails),
        TEST(wait_for_a_populated_group_ends_with_the_time),
        TEST(kill_spares_processes_of_other_groups),
        TEST(controller_is_found_in_its_hierarchy),
        cmocka_unit_test(status_file_tells_the_inner_number),
        cmocka_unit_test(status_file_tells_caught_signals),
    };
    return cmocka_run_group_tests_name("ct_cgroup", tests, NULL, NULL);
}
