// SPDX-License-Identifier: Apache-2.0
// The process that writes the database, killed at any instant; and what a full disk does to the
// store: durable writes are refused, volatile ones and leases go on, and when there is room again
// nothing was lost.
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cluster/replica/replica.h"
#include "cluster/storage/store_file.h"
#include "cluster/storage/store_writer.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/host/cluster_client.h"
#include "common/host/file.h"
#include "common/host/loop.h"
#include "common/port/store.h"
#include "tests/lib/clusterd_fixture.h"
#include "tests/lib/test.h"

enum { BATCHES = 50, STATUS_MS = 5000, PATIENCE = 200, STEP_MS = 50 };

struct heard {
    struct loop *loop;
    uint64_t last; // batch
    int code;
    uint64_t until;
    int pipe; // is told each batch; 0: none
};

static void on_persisted(void *userdata, uint64_t batch)
{
    struct heard *heard = userdata;
    assert_true(batch > heard->last);
    heard->last = batch;
    if (heard->pipe > 0) {
        assert_int_equal(write(heard->pipe, &batch, sizeof(batch)), sizeof(batch));
    }
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
    const struct store_writer_callbacks callbacks = {
        .persisted = on_persisted,
        .trouble = on_trouble,
        .userdata = heard,
    };
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
        .replace_all = batch == 20 || batch % 100 == 0, // within the queue
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
        mount("tmpfs", fixture->folder, "tmpfs", 0, "size=64m") < 0) {
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

static void fill(struct clusterd_fixture *fixture, const char *name, size_t leave_bytes)
{
    struct statvfs fs;
    assert_int_equal(statvfs(fixture->folder, &fs), 0);
    size_t room = (size_t)fs.f_bfree * fs.f_frsize;
    assert_true(room > leave_bytes);
    FILE *file = fopen(arena_printf(fixture->arena, "%s/%s", fixture->folder, name), "w");
    char block[4096] = "x";
    assert_non_null(file);
    for (size_t i = 0; i < (room - leave_bytes) / sizeof(block); i++) {
        ignore_result((int)fwrite(block, sizeof(block), 1, file)); // up to the last byte
    }
    (void)fclose(file); // likewise
}

static bool status_has(struct clusterd_fixture *fixture, struct cluster_client *client,
                       const char *key, const char *value)
{
    struct json *request = json_new_object(fixture->arena);
    struct json *status;
    struct error err = {0};
    json_put_string(request, "op", "status");
    assert_int_equal(cluster_client_call(client, fixture->arena, request, STATUS_MS, &status, &err),
                     0);
    const char *text = json_find_string(status, key);
    return value == NULL ? text == NULL : text != NULL && strstr(text, value) != NULL;
}

static void wait_for_status(struct clusterd_fixture *fixture, struct cluster_client *client,
                            const char *key, const char *value)
{
    for (int i = 0; i < PATIENCE; i++) {
        if (status_has(fixture, client, key, value)) {
            return;
        }
        (void)poll(NULL, 0, STEP_MS); // to let time pass
    }
    fail_msg("'%s' does not become '%s'", key, value);
}

static int put_guarded(struct cluster_client *client, const char *key, uint64_t term)
{
    struct store_op op = {.key = key, .value = "x", .size_bytes = 1, .expect = STORE_ANY};
    struct store_txn txn = {
        .lease = "ha_manager_lock", .owner = "n1", .term = term, .ops = &op, .count = 1};
    return store_commit(cluster_client_store(client), &txn, NULL, NULL);
}

static uint64_t lease_get(struct clusterd_fixture *fixture, struct cluster_client *client)
{
    struct json *request = json_new_object(fixture->arena);
    struct json *answer;
    struct error err = {0};
    int64_t term = 0;
    json_put_string(request, "op", "lease");
    json_put_string(request, "action", "acquire");
    json_put_string(request, "name", "ha_manager_lock");
    json_put_string(request, "owner", "n1");
    assert_int_equal(cluster_client_call(client, fixture->arena, request, STATUS_MS, &answer, &err),
                     0);
    assert_int_equal(json_get_int(answer, "term", 1, INT64_MAX, &term, &err), 0);
    return (uint64_t)term;
}

// The reserve is what the cluster's own decisions may still use.
static void low_disk_refuses_operators_and_serves_the_cluster(void **state)
{
    struct clusterd_fixture *fixture = *state;
    struct cluster_client *client = NULL;
    struct error err = {0};
    if (fixture->pid == 0) {
        skip(); // needs root and mount namespaces
    }
    assert_int_equal(cluster_client_connect(&client, &err), 0);
    assert_int_equal(put(client, "t/before", "x"), 0);
    uint64_t term = lease_get(fixture, client);
    fill(fixture, "filler", STORE_WRITER_RESERVE_BYTES / 2);
    wait_for_status(fixture, client, "store_trouble", "low");
    struct store_op op = {.key = "t/x", .value = "x", .size_bytes = 1, .expect = STORE_ANY};
    struct store_txn txn = {.ops = &op, .count = 1};
    assert_int_equal(store_commit(cluster_client_store(client), &txn, NULL, &err), -ENOSPC);
    assert_non_null(strstr(err.text, "n1 (low)"));
    assert_int_equal(put(client, "live/x", "goes on"), 0);
    assert_int_equal(put_guarded(client, "service/ct:100", term), 0);
    assert_int_equal(lease_get(fixture, client), term);

    assert_int_equal(unlink(arena_printf(fixture->arena, "%s/filler", fixture->folder)), 0);
    wait_for_status(fixture, client, "store_trouble", NULL);
    assert_int_equal(put(client, "t/x", "x"), 0);
    cluster_client_free(client);
}

// What was under way when the last room went.
static void full_disk_stops_durable_writes_only(void **state)
{
    enum { VALUE_BYTES = 500 * 1024, TRIES = 100 };
    struct clusterd_fixture *fixture = *state;
    struct cluster_client *client = NULL;
    struct error err = {0};
    if (fixture->pid == 0) {
        skip(); // needs root and mount namespaces
    }
    assert_int_equal(cluster_client_connect(&client, &err), 0);
    char *big = arena_alloc(fixture->arena, VALUE_BYTES + 1);
    memset(big, 'x', VALUE_BYTES);
    big[VALUE_BYTES] = '\0';
    uint64_t term = lease_get(fixture, client);
    fill(fixture, "filler", 0);
    int r = 0;
    int written = 0;
    // The first of them are taken before the daemon knows.
    while (r == 0 && written < TRIES) {
        r = put(client, arena_printf(fixture->arena, "t/%03d", written), big);
        written += r == 0 ? 1 : 0;
    }
    assert_true(r == -ENOSPC || r == -ETIMEDOUT);
    wait_for_status(fixture, client, "store_trouble", ""); // low or full
    assert_int_equal(put(client, "live/x", "goes on"), 0);
    assert_int_equal(lease_get(fixture, client), term);
    if (status_has(fixture, client, "store_trouble", "full")) {
        assert_int_equal(put_guarded(client, "service/ct:100", term), -ENOSPC);
    }

    // A daemon that starts on a full disk shows what it has, and takes part when there is room.
    cluster_client_free(client);
    clusterd_fixture_kill(fixture);
    clusterd_fixture_launch(fixture);
    assert_int_equal(cluster_client_connect(&client, &err), 0);
    struct store_entries entries = {0};
    assert_int_equal(
        store_read(cluster_client_store(client), "t/", 0, fixture->arena, &entries, &err), 0);
    assert_true(entries.count >= (size_t)written);

    assert_int_equal(unlink(arena_printf(fixture->arena, "%s/filler", fixture->folder)), 0);
    clusterd_fixture_wait(fixture);
    wait_for_status(fixture, client, "store_trouble", NULL);
    assert_int_equal(put(client, "t/small", "again"), 0);
    cluster_client_free(client);

    clusterd_fixture_kill(fixture);
    clusterd_fixture_start(fixture);
    assert_int_equal(cluster_client_connect(&client, &err), 0);
    assert_int_equal(
        store_read(cluster_client_store(client), "t/small", 0, fixture->arena, &entries, &err), 0);
    assert_int_equal(entries.count, 1);
    cluster_client_free(client);
}

// The daemon's only child is the process that writes.
static pid_t writer_pid(struct clusterd_fixture *fixture)
{
    char *text;
    size_t size_bytes;
    struct error err = {0};
    const char *path = arena_printf(fixture->arena, "/proc/%d/task/%d/children", (int)fixture->pid,
                                    (int)fixture->pid);
    assert_int_equal(file_read(fixture->arena, path, 4096, &text, &size_bytes, &err), 0);
    pid_t pid = (pid_t)strtol(text, NULL, 10);
    assert_true(pid > 1);
    return pid;
}

// As with a disk whose fsync does not return: nothing but durable writes waits for it.
static void hung_disk_stops_durable_writes_only(void **state)
{
    struct clusterd_fixture *fixture = *state;
    struct cluster_client *client = NULL;
    struct cluster_client *other = NULL;
    struct error err = {0};
    assert_int_equal(cluster_client_connect(&client, &err), 0);
    assert_int_equal(cluster_client_connect(&other, &err), 0);
    uint64_t term = lease_get(fixture, client);
    pid_t writer = writer_pid(fixture);
    assert_int_equal(kill(writer, SIGSTOP), 0);
    pid_t waiting = fork();
    assert_true(waiting >= 0);
    if (waiting == 0) {
        _exit(put(other, "t/waits", "x") == 0 ? 0 : 1);
    }
    wait_for_status(fixture, client, "store_trouble", "slow");
    assert_int_equal(put(client, "live/x", "goes on"), 0);
    assert_int_equal(lease_get(fixture, client), term);
    struct store_op op = {.key = "t/x", .value = "x", .size_bytes = 1, .expect = STORE_ANY};
    struct store_txn txn = {.ops = &op, .count = 1};
    assert_int_equal(store_commit(cluster_client_store(client), &txn, NULL, &err), -EBUSY);
    assert_non_null(strstr(err.text, "n1 (slow)"));
    assert_int_equal(put_guarded(client, "service/ct:100", term), -EBUSY);

    assert_int_equal(kill(writer, SIGCONT), 0);
    wait_for_status(fixture, client, "store_trouble", NULL);
    int status;
    assert_int_equal(waitpid(waiting, &status, 0), waiting);
    assert_true(WIFEXITED(status)); // done, or it has given up: both are right
    assert_int_equal(put(client, "t/x", "x"), 0);
    struct store_entries entries = {0};
    assert_int_equal(
        store_read(cluster_client_store(client), "t/", 0, fixture->arena, &entries, &err), 0);
    assert_int_equal(entries.count, 2); // what waited was not lost
    cluster_client_free(client);
    cluster_client_free(other);
}

// ---- The writer killed at any instant.

enum { KILLS = 50, KILL_BATCHES = 400, KILL_STEP_US = 2000 };

// A child with a loop of its own: writes batches from `next` on and tells of each that is durable.
static void killed_child(struct arena *arena, const char *path, uint64_t next, int fd)
{
    struct heard heard = {.until = UINT64_MAX, .pipe = fd};
    struct store_writer *writer = writer_start(&heard, path);
    for (uint64_t batch = next; batch < next + KILL_BATCHES; batch++) {
        writer_write(writer, arena, batch);
    }
    struct error err = {0};
    ignore_result(loop_run(heard.loop, &err)); // ends with the process
    _exit(1);
}

static uint64_t last_told(int fd)
{
    uint64_t last = 0;
    uint64_t batch;
    while (read(fd, &batch, sizeof(batch)) == (ssize_t)sizeof(batch)) {
        last = batch;
    }
    return last;
}

static void writer_killed_at_any_instant_keeps_what_it_told(void **state)
{
    struct clusterd_fixture *fixture = *state;
    const char *path = arena_printf(fixture->arena, "%s/killed.db", fixture->folder);
    uint64_t version = 0;
    size_t progress = 0;
    for (int i = 0; i < KILLS; i++) {
        struct arena *arena CLEANUP(arena_freep) = arena_new();
        int fds[2];
        assert_int_equal(pipe(fds), 0);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            (void)close(fds[0]); // the parent's
            killed_child(arena, path, version + 1, fds[1]);
        }
        assert_int_equal(close(fds[1]), 0);
        (void)usleep((useconds_t)(KILL_STEP_US * i)); // at which instant does not matter
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        uint64_t told = last_told(fds[0]); // until the last process that has the pipe is gone
        assert_int_equal(close(fds[0]), 0);

        struct store_file *file = NULL;
        struct store_label label;
        const struct replica_row *rows = NULL;
        size_t count = 0;
        struct error err = {0};
        if (store_file_open(path, &file, &err) < 0 ||
            store_file_load(file, arena, &label, &rows, &count, &err) < 0) {
            fail_msg("after kill %d: %s", i, err.text);
        }
        store_file_close(file);
        assert_true(label.last_version >= told && label.last_version >= version);
        assert_true(label.last_version <= version + KILL_BATCHES);
        for (size_t j = 0; j < count; j++) {
            assert_true(rows[j].version <= label.last_version);
        }
        progress += label.last_version > version ? 1 : 0;
        version = label.last_version;
    }
    assert_true(progress > KILLS / 4);
}

int main(void)
{
    const struct CMUnitTest without_root[] = {
        clusterd_fixture_test(writer_makes_all_batches_durable_in_order),
        clusterd_fixture_test(writer_without_a_file_is_trouble),
        clusterd_fixture_test(writer_killed_at_any_instant_keeps_what_it_told),
        clusterd_fixture_test(hung_disk_stops_durable_writes_only),
    };
    const struct CMUnitTest tests[] = {
        clusterd_fixture_test(writer_makes_all_batches_durable_in_order),
        clusterd_fixture_test(writer_without_a_file_is_trouble),
        clusterd_fixture_test(writer_killed_at_any_instant_keeps_what_it_told),
        clusterd_fixture_test(hung_disk_stops_durable_writes_only),
        cmocka_unit_test_setup_teardown(low_disk_refuses_operators_and_serves_the_cluster,
                                        small_disk_setup, small_disk_teardown),
        cmocka_unit_test_setup_teardown(full_disk_stops_durable_writes_only, small_disk_setup,
                                        small_disk_teardown),
    };
    // cmocka's skip() prints "not ok … # SKIP", which counts as a failure.
    if (geteuid() != 0) {
        print_message("# the tests of a full disk are left out: they need root\n");
        return cmocka_run_group_tests_name("storage", without_root, NULL, NULL);
    }
    return cmocka_run_group_tests_name("storage", tests, NULL, NULL);
}
