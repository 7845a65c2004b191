// SPDX-License-Identifier: Apache-2.0
// Whose a volume is: the second line against a container on two nodes.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/host/file.h"
#include "lrm/agents/volume_claim.h"
#include "tests/lib/fixture.h"

enum { TEXT_MAX = 100 };

static const char FOLDER[] = "/tmp/claim-XXXXXX";

// What the cluster knows, and what happens while it is asked.
struct world {
    const char *fenced; // NULL: nobody
    int code;
    const char *meanwhile; // this claim takes the place of the one that is judged
    bool is_touched;       // while it is watched
    const char *path, *question;
    int64_t waited_ms;
};

static int world_is_gone(void *userdata, const char *node, bool *ret, struct error *err)
{
    struct world *world = userdata;
    if (world->meanwhile != NULL) {
        const char *text = world->meanwhile;
        world->meanwhile = NULL;
        assert_int_equal(file_replace(world->path, text, strlen(text), 0600, NULL), 0);
    }
    *ret = world->fenced != NULL && strcmp(world->fenced, node) == 0;
    return world->code < 0 ? error_set(err, world->code, "no answer") : 0;
}

static void world_wait(void *userdata, int64_t ms)
{
    struct world *world = userdata;
    const struct timespec times[] = {{.tv_sec = 1 + world->waited_ms},
                                     {.tv_sec = 1 + world->waited_ms}};
    world->waited_ms += ms;
    if (world->is_touched && world->waited_ms > VOLUME_CLAIM_WATCH_MS / 2) {
        assert_int_equal(access(world->question, F_OK), 0);
        assert_int_equal(utimensat(AT_FDCWD, world->path, times, 0), 0);
    }
}

static const struct row {
    const char *name;
    const char *before; // NULL: there is no claim
    struct world world;
    int code;
    const char *after;
    const char *words;
} rows[] = {
    {.name = "free", .after = "node1\n"},
    {.name = "its own", .before = "node1\n", .after = "node1\n"},
    {.name = "of a node that uses it",
     .before = "node2\n",
     .world = {.is_touched = true},
     .code = -EBUSY,
     .after = "node2\n",
     .words = "is in use by node 'node2'"},
    {.name = "of a node that does not use it", .before = "node2\n", .after = "node1\n"},
    {.name = "of a node that is fenced",
     .before = "node2\n",
     .world = {.fenced = "node2", .is_touched = true},
     .after = "node1\n"},
    {.name = "nobody can say, and it is used",
     .before = "node2\n",
     .world = {.fenced = "node2", .code = -ENOTCONN, .is_touched = true},
     .code = -EBUSY,
     .after = "node2\n",
     .words = "is in use by node 'node2'"},
    {.name = "torn", .before = "", .after = "node1\n"},
    {.name = "not a name", .before = "../x\n", .after = "node1\n"},
    {.name = "another's meanwhile, who uses it",
     .before = "node2\n",
     .world = {.fenced = "node2", .meanwhile = "node3\n", .is_touched = true},
     .code = -EBUSY,
     .after = "node3\n",
     .words = "is in use by node 'node3'"},
};

static void claim_is_taken_only_from_who_cannot_use_it(void **state)
{
    struct arena *arena = *state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char *folder = arena_strdup(arena, FOLDER);
        assert_non_null(mkdtemp(folder));
        const char *file = arena_printf(arena, "%s/.ct-100.claim", folder);
        struct world world = rows[i].world;
        world.path = file;
        world.question = arena_printf(arena, "%s.asked", file);
        const struct volume_claim claim = {.path = arena_printf(arena, "%s/ct-100/", folder),
                                           .node = "node1",
                                           .is_gone = world_is_gone,
                                           .wait = world_wait,
                                           .userdata = &world};
        struct error err = {0};
        char *text = NULL;
        size_t size = 0;
        if (rows[i].before != NULL) {
            assert_int_equal(file_replace(file, rows[i].before, strlen(rows[i].before), 0600, NULL),
                             0);
        }
        fixture_row(rows[i].name, volume_claim_take(arena, &claim, &err) == rows[i].code);
        fixture_row(rows[i].name, rows[i].words == NULL || strstr(err.text, rows[i].words) != NULL);
        fixture_row(rows[i].name, file_read(arena, file, TEXT_MAX, &text, &size, NULL) == 0);
        fixture_row(rows[i].name, strcmp(text, rows[i].after) == 0);

        fixture_row(rows[i].name, volume_claim_drop(arena, claim.path, "node1", &err) == 0);
        fixture_row(rows[i].name, (access(file, F_OK) == 0) == (rows[i].code < 0));
        (void)unlink(file); // of the rows that leave one
        // Nothing else was left there.
        fixture_row(rows[i].name, rmdir(folder) == 0);
    }
}

static void claim_is_touched_by_its_owner_alone_and_only_when_asked(void **state)
{
    struct arena *arena = *state;
    char *folder = arena_strdup(arena, FOLDER);
    struct stat before;
    struct stat after;
    assert_non_null(mkdtemp(folder));
    const char *file = arena_printf(arena, "%s/.ct-100.claim", folder);
    const char *path = arena_printf(arena, "%s/ct-100", folder);
    const char *question = arena_printf(arena, "%s.asked", file);
    const struct timespec old[] = {{.tv_sec = 1}, {.tv_sec = 1}};
    assert_int_equal(file_replace(file, "node2\n", strlen("node2\n"), 0600, NULL), 0);
    assert_int_equal(utimensat(AT_FDCWD, file, old, 0), 0);
    assert_int_equal(volume_claim_answer(arena, path, "node2", NULL), 0); // nobody asks
    assert_int_equal(file_replace(question, "", 0, 0600, NULL), 0);
    assert_int_equal(volume_claim_answer(arena, path, "node1", NULL), 0);
    assert_int_equal(stat(file, &before), 0);
    assert_int_equal(before.st_mtim.tv_sec, 1);
    assert_int_equal(volume_claim_answer(arena, path, "node2", NULL), 0);
    assert_int_equal(stat(file, &after), 0);
    assert_int_not_equal(after.st_mtim.tv_sec, 1);
    assert_int_equal(access(question, F_OK), -1);
    assert_int_equal(unlink(file), 0);
    assert_int_equal(file_replace(question, "", 0, 0600, NULL), 0);
    assert_int_equal(volume_claim_answer(arena, path, "node2", NULL), 0); // makes none
    assert_int_equal(unlink(question), 0);
    assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(claim_is_taken_only_from_who_cannot_use_it),
        fixture_test(claim_is_touched_by_its_owner_alone_and_only_when_asked),
    };
    return cmocka_run_group_tests_name("volume_claim", tests, NULL, NULL);
}
