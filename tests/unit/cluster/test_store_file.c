// SPDX-License-Identifier: Apache-2.0
// The state on disk: what is committed is there after any end of the process, what is not is not,
// and a changed file is found. Power cuts are played by killing a child between two calls and by
// cutting the log at every place; damage by changing bytes all over the file.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cluster/replica/replica.h"
#include "cluster/storage/store_file.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/host/file.h"
#include "tests/lib/store_place.h"
#include "tests/lib/test.h"

// Batch n sets "a" to n, writes "row-n" with a long value, and deletes "row-(n-2)".
static int batch_write(struct store_file *file, uint64_t n, int stop_after, struct error *err)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    char *number = arena_printf(arena, "%d", (int)n);
    char *longer = arena_printf(arena, "%0*d", 3000, (int)n);
    struct replica_row rows[3] = {
        store_place_row("a", number, n),
        store_place_row(arena_printf(arena, "row-%d", (int)n), longer, n),
        store_place_row(arena_printf(arena, "row-%d", (int)n - 2), NULL, n),
    };
    int step = 0;
    int r = store_file_begin(file, false, err);
    for (size_t i = 0; r == 0 && i < 3; i++) {
        if (step++ == stop_after) {
            raise(SIGKILL);
        }
        r = store_file_put(file, &rows[i], err);
    }
    if (step++ == stop_after) {
        raise(SIGKILL);
    }
    if (r == 0) {
        r = store_file_commit(file, 7, n, err);
    }
    if (step == stop_after) {
        raise(SIGKILL);
    }
    return r;
}

static void file_fill(const char *path, uint64_t batches)
{
    struct error err = {0};
    struct store_file *file CLEANUP(store_file_closep) = NULL;
    store_place_must(store_file_open(path, &file, &err), &err);
    store_place_must(store_file_label(file, "cluster-1", &err), &err);
    for (uint64_t n = 1; n <= batches; n++) {
        store_place_must(batch_write(file, n, -1, &err), &err);
    }
}

static void new_file_is_empty(void **state)
{
    struct store_place *place = *state;
    struct error err = {0};
    assert_string_equal(store_place_content(place->arena, place->path, NULL, &err), "0 0 \n");
}

static void reopened_file_has_rows_and_label(void **state)
{
    struct store_place *place = *state;
    struct error err = {0};
    struct store_file *file = NULL;
    store_place_must(store_file_open(place->path, &file, &err), &err);
    struct replica_row rows[2] = {store_place_row("k1", "v", 3), store_place_row("k2", NULL, 4)};
    store_place_must(store_file_begin(file, false, &err), &err);
    store_place_must(store_file_put(file, &rows[0], &err), &err);
    store_place_must(store_file_put(file, &rows[1], &err), &err);
    store_place_must(store_file_commit(file, 2, 4, &err), &err);
    store_place_must(store_file_label(file, "h", &err), &err);
    store_file_close(file);
    assert_string_equal(store_place_content(place->arena, place->path, NULL, &err),
                        "2 4 h\nk1 3 v\nk2 4 (deleted)\n");
}

static void replace_all_forgets_former_rows(void **state)
{
    struct store_place *place = *state;
    struct error err = {0};
    file_fill(place->path, 3);
    struct store_file *file = NULL;
    store_place_must(store_file_open(place->path, &file, &err), &err);
    store_place_must(store_file_begin(file, true, &err), &err);
    struct replica_row row = store_place_row("only", "x", 9);
    store_place_must(store_file_put(file, &row, &err), &err);
    store_place_must(store_file_commit(file, 8, 9, &err), &err);
    store_file_close(file);
    assert_string_equal(store_place_content(place->arena, place->path, NULL, &err),
                        "8 9 cluster-1\nonly 9 x\n");
}

static void process_killed_between_calls_leaves_whole_batches(void **state)
{
    struct store_place *place = *state;
    struct error err = {0};
    uint64_t version = 0;
    // Stops 0…3 are before the commit, 4 is after it.
    for (int stop = 0; stop <= 4; stop++) {
        uint64_t before = version;
        pid_t pid = fork();
        if (pid == 0) {
            struct store_file *file = NULL;
            if (store_file_open(place->path, &file, &err) < 0) {
                _exit(1);
            }
            _exit(batch_write(file, before + 1, stop, &err) < 0 ? 2 : 3);
        }
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        assert_non_null(store_place_content(place->arena, place->path, &version, &err));
        assert_int_equal(version, stop == 4 ? before + 1 : before);
    }
}

static void copy_file(struct arena *arena, const char *from, const char *to, size_t size_bytes)
{
    struct error err = {0};
    char *text;
    size_t there;
    store_place_must(file_read(arena, from, 1 << 24, &text, &there, &err), &err);
    store_place_must(file_replace(to, text, size_bytes < there ? size_bytes : there, 0600, &err),
                     &err);
}

// The files as a power cut leaves them: the child is killed with its log not merged, and the log
// ends anywhere. What is loaded must be one of the committed states, and with the whole log the
// last.
static void log_cut_anywhere_gives_a_committed_state(void **state)
{
    struct store_place *place = *state;
    struct arena *arena = place->arena;
    struct error err = {0};
    enum { BATCHES = 6 };
    pid_t pid = fork();
    if (pid == 0) {
        file_fill(place->path, BATCHES - 1);
        struct store_file *file = NULL;
        if (store_file_open(place->path, &file, &err) < 0) {
            _exit(1);
        }
        _exit(batch_write(file, BATCHES, 4, &err));
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    const char *log = arena_printf(arena, "%s-wal", place->path);
    const char *cut = arena_printf(arena, "%s/cut.db", place->folder);
    const char *cut_log = arena_printf(arena, "%s-wal", cut);
    struct stat log_stat;
    assert_int_equal(stat(log, &log_stat), 0);
    size_t log_bytes = (size_t)log_stat.st_size;
    assert_true(log_bytes > 4096);
    uint64_t last = 0;
    size_t steps = 0;
    for (size_t length = 0; length <= log_bytes; length += 701, steps++) {
        size_t cut_bytes = length + 701 > log_bytes ? log_bytes : length;
        copy_file(arena, place->path, cut, SIZE_MAX);
        copy_file(arena, log, cut_log, cut_bytes);
        uint64_t version = 0;
        assert_non_null(store_place_content(arena, cut, &version, &err));
        assert_true(version >= last && version <= BATCHES);
        last = version;
    }
    assert_int_equal(last, BATCHES);
    assert_true(steps > 5);
}

static void byte_change(const char *path, long offset, unsigned char with)
{
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    assert_int_equal(fseek(f, offset, SEEK_SET), 0);
    int c = fgetc(f);
    assert_int_equal(fseek(f, offset, SEEK_SET), 0);
    assert_int_equal(fputc((c ^ with) & 0xff, f), c ^ with);
    assert_int_equal(fclose(f), 0);
}

static void changed_byte_is_found_or_harmless(void **state)
{
    struct store_place *place = *state;
    struct error err = {0};
    file_fill(place->path, 8);
    struct stat st;
    assert_int_equal(stat(place->path, &st), 0);
    const char *bad = arena_printf(place->arena, "%s/bad.db", place->folder);
    char *sound = store_place_content(place->arena, place->path, NULL, &err);
    assert_non_null(sound);
    static const unsigned char changes[] = {0x01, 0x80, 0xff};
    size_t found = 0;
    for (long offset = 0; offset < st.st_size; offset += offset < 110 ? 1 : 97) {
        struct arena *arena CLEANUP(arena_freep) = arena_new();
        copy_file(arena, place->path, bad, SIZE_MAX);
        byte_change(bad, offset, changes[(size_t)offset % sizeof(changes)]);
        char *content = store_place_content(arena, bad, NULL, &err);
        if (content == NULL) {
            found++;
            if (err.code != -EUCLEAN && err.code != -ENOTSUP) {
                fail_msg("offset %ld: %d %s", offset, err.code, err.text);
            }
        } else if (strcmp(content, sound) != 0) {
            fail_msg("offset %ld: loaded something else", offset);
        }
    }
    assert_true(found > 20);
}

static void cut_and_foreign_files_are_found(void **state)
{
    struct store_place *place = *state;
    struct error err = {0};
    file_fill(place->path, 8);
    const char *bad = arena_printf(place->arena, "%s/bad.db", place->folder);
    struct stat st;
    assert_int_equal(stat(place->path, &st), 0);
    char *sound = store_place_content(place->arena, place->path, NULL, &err);
    for (off_t length = 0; length < st.st_size; length += 1031) {
        copy_file(place->arena, place->path, bad, (size_t)length);
        char *content = store_place_content(place->arena, bad, NULL, &err);
        // What is cut off may be the unused rest of the last page.
        if (content != NULL && (strcmp(content, sound) != 0 || length + 4096 < st.st_size)) {
            fail_msg("length %d of %d: loaded", (int)length, (int)st.st_size);
        }
        assert_true(content != NULL || err.code == -EUCLEAN);
    }
    store_place_must(file_replace(bad, "hello, this is not a database\n", 30, 0600, &err), &err);
    assert_null(store_place_content(place->arena, bad, NULL, &err));
    assert_int_equal(err.code, -EUCLEAN);
}

// What a process that was killed leaves: all batches are in the log and were confirmed.
static void log_fill(struct store_place *place, uint64_t batches)
{
    pid_t pid = fork();
    if (pid == 0) {
        file_fill(place->path, batches - 1);
        struct error err = {0};
        struct store_file *file = NULL;
        if (store_file_open(place->path, &file, &err) < 0 ||
            batch_write(file, batches, -1, &err) < 0) {
            _exit(1);
        }
        raise(SIGKILL);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
}

static void damaged_log_is_found_or_harmless(void **state)
{
    static const char *const endings[] = {"", "-wal", "-witness"};
    struct store_place *place = *state;
    struct error err = {0};
    log_fill(place, 3);
    const char *bad = arena_printf(place->arena, "%s/bad.db", place->folder);
    const char *from[3];
    const char *to[3];
    for (size_t i = 0; i < 3; i++) {
        from[i] = arena_printf(place->arena, "%s%s", place->path, endings[i]);
        to[i] = arena_printf(place->arena, "%s%s", bad, endings[i]);
        copy_file(place->arena, from[i], to[i], SIZE_MAX);
    }
    const char *sound = store_place_content(place->arena, bad, NULL, &err);
    assert_non_null(sound);
    struct stat st;
    assert_int_equal(stat(from[1], &st), 0);
    assert_true(st.st_size > 4096);
    size_t found = 0;
    // Of the log each of some bytes changed, and the log cut there; then the witness.
    for (long offset = 0; offset < st.st_size + 32; offset += offset < 64 ? 1 : 61) {
        for (int cut = 0; cut < 2; cut++) {
            struct arena *arena CLEANUP(arena_freep) = arena_new();
            bool in_log = offset < st.st_size;
            for (size_t i = 0; i < 3; i++) {
                copy_file(arena, from[i], to[i], SIZE_MAX);
            }
            if (cut != 0) {
                copy_file(arena, from[in_log ? 1 : 2], to[in_log ? 1 : 2],
                          (size_t)(in_log ? offset : offset - st.st_size));
            } else {
                byte_change(to[in_log ? 1 : 2], in_log ? offset : offset - st.st_size, 0x10);
            }
            const char *content = store_place_content(arena, bad, NULL, &err);
            if (content == NULL) {
                found++;
                assert_int_equal(err.code, -EUCLEAN);
                assert_true(in_log);
            } else if (strcmp(content, sound) != 0) {
                fail_msg("offset %ld: loaded something else", offset);
            }
        }
    }
    assert_true(found > 50);
}

// The numbers may go back: then the witness must not speak of what was before.
static void witness_follows_versions_that_go_back(void **state)
{
    struct store_place *place = *state;
    struct error err = {0};
    struct store_file *file = NULL;
    file_fill(place->path, 3);
    store_place_must(store_file_open(place->path, &file, &err), &err);
    store_place_must(store_file_begin(file, true, &err), &err);
    store_place_must(store_file_commit(file, 7, 1, &err), &err);
    store_file_close(file);
    assert_string_equal(store_place_content(place->arena, place->path, NULL, &err),
                        "7 1 cluster-1\n");
}

static void database_that_lost_its_log_is_found_each_time(void **state)
{
    struct store_place *place = *state;
    struct error err = {0};
    log_fill(place, 3);
    assert_int_equal(unlink(arena_printf(place->arena, "%s-wal", place->path)), 0);
    for (int i = 0; i < 2; i++) {
        assert_null(store_place_content(place->arena, place->path, NULL, &err));
        assert_int_equal(err.code, -EUCLEAN);
        assert_non_null(strstr(err.text, "store.db-witness"));
    }
    assert_int_equal(unlink(arena_printf(place->arena, "%s-witness", place->path)), 0);
    assert_non_null(store_place_content(place->arena, place->path, NULL, &err));
}

static void remains_of_an_unfinished_start_do_no_harm(void **state)
{
    static const char *const endings[] = {".new", ".new-wal", "-wal", "-witness", "-journal"};
    struct store_place *place = *state;
    struct error err = {0};
    for (size_t i = 0; i < ARRAY_SIZE(endings); i++) {
        const char *path = arena_printf(place->arena, "%s%s", place->path, endings[i]);
        store_place_must(file_replace(path, "rubbish", 7, 0600, &err), &err);
    }
    assert_string_equal(store_place_content(place->arena, place->path, NULL, &err), "0 0 \n");
}

// Rows that are not read again until the next start are found then; what is touched, at once.
static void damage_under_an_open_file_is_an_error(void **state)
{
    enum { ROWS = 1500, VALUE_BYTES = 3000, PAGE_BYTES = 4096 };
    struct store_place *place = *state;
    struct arena *arena = place->arena;
    struct error err = {0};
    struct store_file *file = NULL;
    char *value = arena_alloc(arena, VALUE_BYTES);
    memset(value, 'v', VALUE_BYTES);
    int r = 0;
    store_place_must(store_file_open(place->path, &file, &err), &err);
    for (uint64_t round = 1; round <= 2; round++) {
        r = store_file_begin(file, false, &err);
        for (size_t i = 0; r == 0 && i < ROWS; i++) {
            struct replica_row row = {arena_printf(arena, "row-%06zu", i), value, VALUE_BYTES,
                                      round};
            r = store_file_put(file, &row, &err);
        }
        r = r == 0 ? store_file_commit(file, 1, round, &err) : r;
        if (round == 1) {
            store_place_must(r, &err);
            store_file_close(file);
            store_place_must(store_file_open(place->path, &file, &err), &err);
            struct stat st;
            assert_int_equal(stat(place->path, &st), 0);
            for (long at = PAGE_BYTES; at < st.st_size; at += PAGE_BYTES) {
                byte_change(place->path, at, 0xff); // the kind of each page
            }
        }
    }
    assert_int_equal(r, -EUCLEAN);
    store_file_close(file);
    assert_null(store_place_content(arena, place->path, NULL, &err));
    assert_int_equal(err.code, -EUCLEAN);
}

static void set_aside_file_makes_room_for_a_new_one(void **state)
{
    struct store_place *place = *state;
    struct error err = {0};
    file_fill(place->path, 2);
    char *old = store_place_content(place->arena, place->path, NULL, &err);
    char *path = NULL;
    char *second = NULL;
    store_place_must(store_file_set_aside(place->path, "corrupt", 86400, place->arena, &path, &err),
                     &err);
    assert_string_equal(path,
                        arena_printf(place->arena, "%s.corrupt-19700102T000000Z", place->path));
    assert_string_equal(store_place_content(place->arena, place->path, NULL, &err), "0 0 \n");
    store_place_must(
        store_file_set_aside(place->path, "corrupt", 86400, place->arena, &second, &err), &err);
    assert_string_not_equal(path, second);
    assert_string_equal(store_place_content(place->arena, path, NULL, &err), old);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        store_place_test(new_file_is_empty),
        store_place_test(reopened_file_has_rows_and_label),
        store_place_test(replace_all_forgets_former_rows),
        store_place_test(process_killed_between_calls_leaves_whole_batches),
        store_place_test(log_cut_anywhere_gives_a_committed_state),
        store_place_test(changed_byte_is_found_or_harmless),
        store_place_test(cut_and_foreign_files_are_found),
        store_place_test(damaged_log_is_found_or_harmless),
        store_place_test(witness_follows_versions_that_go_back),
        store_place_test(database_that_lost_its_log_is_found_each_time),
        store_place_test(remains_of_an_unfinished_start_do_no_harm),
        store_place_test(damage_under_an_open_file_is_an_error),
        store_place_test(set_aside_file_makes_room_for_a_new_one),
    };
    return cmocka_run_group_tests_name("store_file", tests, NULL, NULL);
}
