// SPDX-License-Identifier: Apache-2.0
// The process that writes the database, and what a full disk does to the store: no durable write is
// acknowledged, volatile ones go on, and when there is room again nothing was lost.
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "cluster/replica/replica.h"
#include "cluster/storage/store_file.h"
#include "cluster/storage/store_writer.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/host/cluster_client.h"
#include "common/host/file.h"
#include "common/host/loop.h"
#include "common/port/store.h"
#include "tests/lib/clusterd_fixture.h"
#include "tests/lib/test.h"

enum { BATCHES = 50 };

struct heard {
    struct loop *loop;
    uint64_t last; // batch
    int code;
    uint64_t until;
};

static void on_persisted(void *userdata, uint64_t batch)
{
    struct heard *heard = userdata;
    assert_true(batch > heard->last);
    heard->last = batch;
    if (batch >= heard->until) {
        loop_quit(heard->loop, 0);
    }
}

static void on_trouble(void *userdata, int code, const char *words)
{
    struct heard *heard = userdata;
    assert_true(words[0] != '\0');
    heard->code = code;
    loop_quit(heard->loop, 1);
}

static struct store_writer *writer_start(struct heard *heard, const char *path)
{
    struct store_writer *writer = NULL;
    struct error err = {0};
    const struct store_writer_callbacks callbacks = {on_persisted, on_trouble, heard};
    assert_int_equal(loop_new(&heard->loop, &err), 0);
    assert_int_equal(store_writer_start(heard->loop, path, &callbacks, &writer, &err), 0);
    return writer;
}

static void writer_write(struct store_writer *writer, struct arena *arena, uint64_t batch)
{
    const char *value = arena_printf(arena, "value %d", (int)batch);
    struct replica_row rows[2] = {
        {.key = arena_printf(arena, "row-%d", (int)batch % 7),
         .value = value,
         .size_bytes = strlen(value),
         .version = batch},
        {.key = "deleted", .value = NULL, .version = batch},
    };
    struct replica_effect effect = {
        .kind = REPLICA_EFFECT_PERSIST,
        .batch = batch,
        .replace_all = batch == 20, // within the queue
        .epoch = 3,
        .last_version = batch,
        .rows = rows,
        .rows_count = 2,
    };
    store_writer_write(writer, &effect);
}

static void writer_makes_all_batches_durable_in_order(void **state)
{
    struct clusterd_fixture *fixture = *state;
    struct arena *arena = fixture->arena;
    const char *path = arena_printf(arena, "%s/writer.db", fixture->folder);
    struct heard heard = {.until = BATCHES};
    struct error err = {0};
    struct store_writer *writer = writer_start(&heard, path);
    store_writer_label(writer, "history");
    for (uint64_t batch = 1; batch <= BATCHES; batch++) {
        writer_write(writer, arena, batch);
    }
    assert_int_equal(loop_run(heard.loop, &err), 0);
    assert_int_equal(heard.last, BATCHES);
    store_writer_stop(writer);
    loop_free(heard.loop);
    heard = (struct heard){0};
    writer = writer_start(&heard, path);
    writer_write(writer, arena, BATCHES + 1); // is written by the orderly end
    store_writer_stop(writer);
    loop_free(heard.loop);

    struct store_file *file = NULL;
    struct store_label label;
    const struct replica_row *rows;
    size_t count;
    assert_int_equal(store_file_open(path, &file, &err), 0);
    assert_int_equal(store_file_load(file, arena, &label, &rows, &count, &err), 0);
    assert_int_equal(label.last_version, BATCHES + 1);
    assert_int_equal(label.epoch, 3);
    assert_string_equal(label.history, "history");
    assert_int_equal(count, 8); // seven rows and the deleted one
    for (size_t i = 0; i < count; i++) {
        assert_true(rows[i].version > BATCHES - 7);
    }
    store_file_close(file);
}

static void writer_without_a_file_is_trouble(void **state)
{
    struct clusterd_fixture *fixture = *state;
    const char *path = arena_printf(fixture->arena, "%s/nowhere/x.db", fixture->folder);
    struct heard heard = {0};
    struct error err = {0};
    struct store_writer *writer = writer_start(&heard, path);
    assert_int_equal(loop_run(heard.loop, &err), 1);
    assert_true(heard.code < 0 && heard.code != -ENOSPC);
    store_writer_stop(writer);
    loop_free(heard.loop);
}

// A small file system of this test's own over the folder.
static int small_disk_setup(void **state)
{
    if (clusterd_fixture_setup(state) < 0) {
        return -1;
    }
    struct clusterd_fixture *fixture = *state;
    clusterd_fixture_kill(fixture);
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("tmpfs", fixture->folder, "tmpfs", 0, "size=1m") < 0) {
        return 0; // the test finds the daemon not running, and is skipped
    }
    clusterd_fixture_start(fixture);
    return 0;
}

static int small_disk_teardown(void **state)
{
    struct clusterd_fixture *fixture = *state;
    clusterd_fixture_kill(fixture);
    (void)umount2(fixture->folder, MNT_DETACH); // not mounted when the test was skipped
    return clusterd_fixture_teardown(state);
}

static int put(struct cluster_client *client, const char *key, const char *value)
{
    struct store_op op = {
        .key = key,
        .value = value,
        .size_bytes = strlen(value),
        .expect = STORE_ANY,
    };
    struct store_txn txn = {.ops = &op, .count = 1};
    return store_commit(cluster_client_store(client), &txn, NULL, NULL);
}

static void full_disk_stops_durable_writes_only(void **state)
{
    enum { FILLER_BYTES = 700 * 1024, VALUE_BYTES = 20 * 1024, TRIES = 100, PATIENCE = 100 };
    struct clusterd_fixture *fixture = *state;
    struct cluster_client *client = NULL;
    struct error err = {0};
    if (fixture->pid == 0) {
        skip(); // needs root and mount namespaces
    }
    assert_int_equal(cluster_client_connect(&client, &err), 0);
    char *big = arena_alloc(fixture->arena, FILLER_BYTES);
    const char *filler = arena_printf(fixture->arena, "%s/filler", fixture->folder);
    assert_int_equal(file_replace(filler, big, FILLER_BYTES, 0600, &err), 0);
    memset(big, 'x', VALUE_BYTES);
    int r = 0;
    int written = 0;
    while (r == 0 && written < TRIES) {
        r = put(client, arena_printf(fixture->arena, "t/%03d", written), big);
        written += r == 0 ? 1 : 0;
    }
    assert_int_equal(r, -ETIMEDOUT); // not acknowledged, and not denied
    assert_true(written > 0);
    assert_int_equal(put(client, "live/x", "goes on"), 0);
    assert_int_equal(put(client, "t/small", "waits too"), -ETIMEDOUT);

    assert_int_equal(unlink(filler), 0);
    struct store_entries entries = {0};
    for (int i = 0; i < PATIENCE && entries.count == 0; i++) {
        (void)poll(NULL, 0, 50); // to let time pass
        assert_int_equal(
            store_read(cluster_client_store(client), "t/small", 0, fixture->arena, &entries, &err),
            0);
    }
    assert_int_equal(entries.count, 1); // what was on its way took effect when it could
    assert_int_equal(put(client, "t/small", "again"), 0);
    cluster_client_free(client);

    clusterd_fixture_kill(fixture);
    clusterd_fixture_start(fixture);
    assert_int_equal(cluster_client_connect(&client, &err), 0);
    assert_int_equal(
        store_read(cluster_client_store(client), "t/", 0, fixture->arena, &entries, &err), 0);
    assert_int_equal(entries.count, written + 2);
    cluster_client_free(client);
}

int main(void)
{
    const struct CMUnitTest without_root[] = {
        clusterd_fixture_test(writer_makes_all_batches_durable_in_order),
        clusterd_fixture_test(writer_without_a_file_is_trouble),
    };
    const struct CMUnitTest tests[] = {
        clusterd_fixture_test(writer_makes_all_batches_durable_in_order),
        clusterd_fixture_test(writer_without_a_file_is_trouble),
        cmocka_unit_test_setup_teardown(full_disk_stops_durable_writes_only, small_disk_setup,
                                        small_disk_teardown),
    };
    // cmocka's skip() prints "not ok … # SKIP", which counts as a failure.
    if (geteuid() != 0) {
        print_message("# full_disk_stops_durable_writes_only is left out: it needs root\n");
        return cmocka_run_group_tests_name("storage", without_root, NULL, NULL);
    }
    return cmocka_run_group_tests_name("storage", tests, NULL, NULL);
}
