// SPDX-License-Identifier: Apache-2.0
// The state on disk: what is committed is there after any end of the process, what is not is not,
// and a changed file is found. Power cuts are played by killing a child between two calls and by
// cutting the log at every place; damage by changing bytes all over the file.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cluster/replica/replica.h"
#include "cluster/storage/store_file.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/strbuf.h"
#include "common/host/file.h"
#include "tests/lib/test.h"

struct place {
    struct arena *arena;
    char *folder;
    char *path;
};

static int place_make(void **state)
{
    struct arena *arena = arena_new();
    struct place *place = arena_new_of(arena, struct place);
    const char *base = getenv("TMPDIR");
    place->arena = arena;
    place->folder = arena_printf(arena, "%s/store-file.XXXXXX", base != NULL ? base : "/tmp");
    if (mkdtemp(place->folder) == NULL) {
        return -1;
    }
    place->path = arena_printf(arena, "%s/store.db", place->folder);
    *state = place;
    return 0;
}

static int place_remove(void **state)
{
    struct place *place = *state;
    char *command = arena_printf(place->arena, "rm -rf '%s'", place->folder);
    int r = system(command);
    arena_free(place->arena);
    return r;
}

static struct replica_row row_of(const char *key, const char *value, uint64_t version)
{
    return (struct replica_row){
        .key = key,
        .value = value,
        .size_bytes = value != NULL ? strlen(value) : 0,
        .version = version,
    };
}

static void must(int r, const struct error *err)
{
    if (r < 0) {
        fail_msg("%s", err->text);
    }
}

// Batch n sets "a" to n, writes "row-n" with a long value, and deletes "row-(n-2)".
static int batch_write(struct store_file *file, uint64_t n, int stop_after, struct error *err)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    char *number = arena_printf(arena, "%d", (int)n);
    char *longer = arena_printf(arena, "%0*d", 3000, (int)n);
    struct replica_row rows[3] = {
        row_of("a", number, n),
        row_of(arena_printf(arena, "row-%d", (int)n), longer, n),
        row_of(arena_printf(arena, "row-%d", (int)n - 2), NULL, n),
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

// What a loaded file says, as one text; NULL and the error when it is not sound.
static char *content_of(struct arena *arena, const char *path, uint64_t *ret_version,
                        struct error *err)
{
    struct store_file *file CLEANUP(store_file_closep) = NULL;
    struct store_label label;
    const struct replica_row *rows;
    size_t count;
    if (store_file_open(path, &file, err) < 0 ||
        store_file_load(file, arena, &label, &rows, &count, err) < 0) {
        return NULL;
    }
    struct strbuf text CLEANUP(strbuf_done) = {0};
    strbuf_appendf(&text, "%d %d %s\n", (int)label.epoch, (int)label.last_version, label.history);
    for (size_t i = 0; i < count; i++) {
        strbuf_appendf(&text, "%s %d %s\n", rows[i].key, (int)rows[i].version,
                       rows[i].value != NULL ? rows[i].value : "(deleted)");
    }
    if (ret_version != NULL) {
        *ret_version = label.last_version;
    }
    return arena_strdup(arena, strbuf_text(&text));
}

static void file_fill(const char *path, uint64_t batches)
{
    struct error err = {0};
    struct store_file *file CLEANUP(store_file_closep) = NULL;
    must(store_file_open(path, &file, &err), &err);
    must(store_file_label(file, "cluster-1", &err), &err);
    for (uint64_t n = 1; n <= batches; n++) {
        must(batch_write(file, n, -1, &err), &err);
    }
}

static void new_file_is_empty(void **state)
{
    struct place *place = *state;
    struct error err = {0};
    assert_string_equal(content_of(place->arena, place->path, NULL, &err), "0 0 \n");
}

static void reopened_file_has_rows_and_label(void **state)
{
    struct place *place = *state;
    struct error err = {0};
    struct store_file *file = NULL;
    must(store_file_open(place->path, &file, &err), &err);
    struct replica_row rows[2] = {row_of("k1", "v", 3), row_of("k2", NULL, 4)};
    must(store_file_begin(file, false, &err), &err);
    must(store_file_put(file, &rows[0], &err), &err);
    must(store_file_put(file, &rows[1], &err), &err);
    must(store_file_commit(file, 2, 4, &err), &err);
    must(store_file_label(file, "h", &err), &err);
    store_file_close(file);
    assert_string_equal(content_of(place->arena, place->path, NULL, &err),
                        "2 4 h\nk1 3 v\nk2 4 (deleted)\n");
}

static void replace_all_forgets_former_rows(void **state)
{
    struct place *place = *state;
    struct error err = {0};
    file_fill(place->path, 3);
    struct store_file *file = NULL;
    must(store_file_open(place->path, &file, &err), &err);
    must(store_file_begin(file, true, &err), &err);
    struct replica_row row = row_of("only", "x", 9);
    must(store_file_put(file, &row, &err), &err);
    must(store_file_commit(file, 8, 9, &err), &err);
    store_file_close(file);
    assert_string_equal(content_of(place->arena, place->path, NULL, &err),
                        "8 9 cluster-1\nonly 9 x\n");
}

static void process_killed_between_calls_leaves_whole_batches(void **state)
{
    struct place *place = *state;
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
        assert_non_null(content_of(place->arena, place->path, &version, &err));
        assert_int_equal(version, stop == 4 ? before + 1 : before);
    }
}

static void copy_file(struct arena *arena, const char *from, const char *to, size_t size_bytes)
{
    struct error err = {0};
    char *text;
    size_t there;
    must(file_read(arena, from, 1 << 24, &text, &there, &err), &err);
    must(file_replace(to, text, size_bytes < there ? size_bytes : there, 0600, &err), &err);
}

// The files as a power cut leaves them: the child is killed with its log not merged, and the log
// ends anywhere. What is loaded must be one of the committed states, and with the whole log the
// last.
static void log_cut_anywhere_gives_a_committed_state(void **state)
{
    struct place *place = *state;
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
        assert_non_null(content_of(arena, cut, &version, &err));
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
    struct place *place = *state;
    struct error err = {0};
    file_fill(place->path, 8);
    struct stat st;
    assert_int_equal(stat(place->path, &st), 0);
    const char *bad = arena_printf(place->arena, "%s/bad.db", place->folder);
    char *sound = content_of(place->arena, place->path, NULL, &err);
    assert_non_null(sound);
    static const unsigned char changes[] = {0x01, 0x80, 0xff};
    size_t found = 0;
    for (long offset = 0; offset < st.st_size; offset += offset < 110 ? 1 : 97) {
        struct arena *arena CLEANUP(arena_freep) = arena_new();
        copy_file(arena, place->path, bad, SIZE_MAX);
        byte_change(bad, offset, changes[(size_t)offset % sizeof(changes)]);
        char *content = content_of(arena, bad, NULL, &err);
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
    struct place *place = *state;
    struct error err = {0};
    file_fill(place->path, 8);
    const char *bad = arena_printf(place->arena, "%s/bad.db", place->folder);
    struct stat st;
    assert_int_equal(stat(place->path, &st), 0);
    char *sound = content_of(place->arena, place->path, NULL, &err);
    for (off_t length = 0; length < st.st_size; length += 1031) {
        copy_file(place->arena, place->path, bad, (size_t)length);
        char *content = content_of(place->arena, bad, NULL, &err);
        // What is cut off may be the unused rest of the last page.
        if (content != NULL && (strcmp(content, sound) != 0 || length + 4096 < st.st_size)) {
            fail_msg("length %d of %d: loaded", (int)length, (int)st.st_size);
        }
        assert_true(content != NULL || err.code == -EUCLEAN);
    }
    must(file_replace(bad, "hello, this is not a database\n", 30, 0600, &err), &err);
    assert_null(content_of(place->arena, bad, NULL, &err));
    assert_int_equal(err.code, -EUCLEAN);
}

static void set_aside_file_makes_room_for_a_new_one(void **state)
{
    struct place *place = *state;
    struct error err = {0};
    file_fill(place->path, 2);
    char *old = content_of(place->arena, place->path, NULL, &err);
    char *path = NULL;
    char *second = NULL;
    must(store_file_set_aside(place->path, "corrupt", 86400, place->arena, &path, &err), &err);
    assert_string_equal(path,
                        arena_printf(place->arena, "%s.corrupt-19700102T000000Z", place->path));
    assert_string_equal(content_of(place->arena, place->path, NULL, &err), "0 0 \n");
    must(store_file_set_aside(place->path, "corrupt", 86400, place->arena, &second, &err), &err);
    assert_string_not_equal(path, second);
    assert_string_equal(content_of(place->arena, path, NULL, &err), old);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(new_file_is_empty, place_make, place_remove),
        cmocka_unit_test_setup_teardown(reopened_file_has_rows_and_label, place_make, place_remove),
        cmocka_unit_test_setup_teardown(replace_all_forgets_former_rows, place_make, place_remove),
        cmocka_unit_test_setup_teardown(process_killed_between_calls_leaves_whole_batches,
                                        place_make, place_remove),
        cmocka_unit_test_setup_teardown(log_cut_anywhere_gives_a_committed_state, place_make,
                                        place_remove),
        cmocka_unit_test_setup_teardown(changed_byte_is_found_or_harmless, place_make,
                                        place_remove),
        cmocka_unit_test_setup_teardown(cut_and_foreign_files_are_found, place_make, place_remove),
        cmocka_unit_test_setup_teardown(set_aside_file_makes_room_for_a_new_one, place_make,
                                        place_remove),
    };
    return cmocka_run_group_tests_name("store_file", tests, NULL, NULL);
}
