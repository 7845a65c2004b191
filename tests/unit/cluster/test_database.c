// SPDX-License-Identifier: Apache-2.0
// Whose state is used, and what becomes of one that is damaged or of another history.
#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cluster/database.h"
#include "cluster/replica/replica.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/host/file.h"
#include "common/model/backup.h"
#include "common/model/event.h"
#include "common/port/event_sink.h"
#include "tests/lib/fixture.h"

enum content {
    CONTENT_NONE,
    CONTENT_CHRONICLE,
    CONTENT_ROWS,
    CONTENT_DAMAGED,
    CONTENT_EMPTY_FILE,
    CONTENT_FOLDER,
    CONTENT_NEWER,
    CONTENT_OLD_COPY, // it lacks what was confirmed
};

struct row {
    const char *name;
    // The file before: whose, and what.
    const char *history;
    enum content content;
    // Who starts.
    const char *cluster;
    size_t nodes;
    // What follows.
    int code;
    size_t rows;       // that are used
    const char *aside; // the file that is kept, "" none
};

static const struct row rows[] = {
    {"no file, alone", NULL, CONTENT_NONE, "", 0, 0, 0, ""},
    {"no file, in a cluster", NULL, CONTENT_NONE, "c", 3, 0, 0, ""},
    {"own state, alone", "", CONTENT_ROWS, "", 0, 0, 2, ""},
    {"own state, in a cluster", "c", CONTENT_ROWS, "c", 3, 0, 2, ""},
    {"a node alone creates a cluster: takes its state along", "", CONTENT_ROWS, "c", 1, 0, 2, ""},
    {"a node alone joins a cluster: its state is kept aside", "", CONTENT_ROWS, "c", 2, 0, 0,
     "alone"},
    {"a node alone with nothing joins: nothing to keep", "", CONTENT_CHRONICLE, "c", 2, 0, 0, ""},
    {"the state of another cluster", "other", CONTENT_ROWS, "c", 3, 0, 0, "foreign"},
    {"the state of a cluster, alone: refused", "c", CONTENT_ROWS, "", 0, -ESTALE, 0, ""},
    {"an empty state of a cluster, alone", "c", CONTENT_CHRONICLE, "", 0, 0, 0, ""},
    {"damaged, in a cluster: set aside", "c", CONTENT_DAMAGED, "c", 3, 0, 0, "corrupt"},
    {"damaged, alone: refused", "", CONTENT_DAMAGED, "", 0, -EUCLEAN, 0, ""},
    {"an empty file", "c", CONTENT_EMPTY_FILE, "c", 3, 0, 0, "corrupt"},
    {"a folder in its place", "c", CONTENT_FOLDER, "c", 3, 0, 0, "corrupt"},
    {"a folder in its place, alone", "", CONTENT_FOLDER, "", 0, -EUCLEAN, 0, ""},
    {"of a newer version: refused, and kept where it is", "c", CONTENT_NEWER, "c", 3, -ENOTSUP, 0,
     ""},
    {"an old copy, in a cluster", "c", CONTENT_OLD_COPY, "c", 3, 0, 0, "corrupt"},
    {"an old copy, alone: refused", "", CONTENT_OLD_COPY, "", 0, -EUCLEAN, 0, ""},
};

enum { USER_VERSION_OFFSET = 63 }; // of SQLite's file format, the last byte of it

struct sink {
    struct event_sink base;
    int events;
};

static void sink_emit(struct event_sink *base, const struct event *event)
{
    ((struct sink *)base)->events++;
    assert_string_equal(event->name, "database-set-aside");
    assert_non_null(event_find(event, "kept_as"));
    assert_non_null(event_find(event, "reason"));
    assert_non_null(event_find(event, "path"));
    assert_non_null(event_find(event, "remedy"));
}

static const struct event_sink_ops sink_ops = {.emit = sink_emit};

static void file_fill(const struct row *row, const char *path)
{
    struct error err = {0};
    struct store_file *file = NULL;
    static const struct replica_row chronicle = {REPLICA_KEY_CHRONICLE, "x", 1, 1};
    static const struct replica_row value = {"resource/ct:1", "x", 1, 2};
    assert_int_equal(store_file_open(path, &file, &err), 0);
    assert_int_equal(store_file_label(file, row->history, &err), 0);
    assert_int_equal(store_file_begin(file, false, &err), 0);
    assert_int_equal(store_file_put(file, &chronicle, &err), 0);
    if (row->content != CONTENT_CHRONICLE) {
        assert_int_equal(store_file_put(file, &value, &err), 0);
    }
    assert_int_equal(store_file_commit(file, 1, 2, &err), 0);
    store_file_close(file);
}

// What happens to the file after it was closed.
static void file_spoil(struct arena *arena, const struct row *row, const char *path)
{
    struct error err = {0};
    struct store_file *file = NULL;
    char *bytes;
    size_t size_bytes;
    assert_int_equal(file_read(arena, path, 1 << 20, &bytes, &size_bytes, &err), 0);
    switch (row->content) {
    case CONTENT_NONE:
    case CONTENT_CHRONICLE:
    case CONTENT_ROWS:
        return;
    case CONTENT_DAMAGED:
        bytes = arena_strdup(arena, "rubbish");
        size_bytes = strlen(bytes);
        break;
    case CONTENT_EMPTY_FILE:
        size_bytes = 0;
        break;
    case CONTENT_FOLDER:
        assert_int_equal(unlink(path), 0);
        assert_int_equal(mkdir(path, 0700), 0);
        return;
    case CONTENT_NEWER:
        bytes[USER_VERSION_OFFSET] = 2;
        break;
    case CONTENT_OLD_COPY:
        assert_int_equal(store_file_open(path, &file, &err), 0);
        assert_int_equal(store_file_begin(file, false, &err), 0);
        assert_int_equal(store_file_commit(file, 1, 3, &err), 0);
        store_file_close(file);
        break;
    }
    assert_int_equal(file_replace(path, bytes, size_bytes, 0600, &err), 0);
}

static size_t count_aside(struct arena *arena, const char *path, const char *why)
{
    glob_t found;
    size_t count = 0;
    if (glob(arena_printf(arena, "%s.%s*", path, why), 0, NULL, &found) == 0) {
        count = found.gl_pathc;
        globfree(&found);
    }
    return count;
}

static void row_check(struct arena *arena, const char *folder, const struct row *row)
{
    const char *path = arena_printf(arena, "%s/store.db", folder);
    int r = system(arena_printf(arena, "rm -rf '%s'/*", folder));
    assert_int_equal(r, 0);
    if (row->content != CONTENT_NONE) {
        file_fill(row, path);
        file_spoil(arena, row, path);
    }
    struct sink sink = {.base.ops = &sink_ops};
    struct database_spec spec = {
        .path = path,
        .history = row->cluster,
        .nodes_count = row->nodes,
        .wall_s = 1000,
        .events = &sink.base,
    };
    struct database database = {.rows_count = 99};
    struct error err = {0};
    int code = database_prepare(&spec, arena, &database, &err);
    fixture_row(row->name, code == row->code);
    fixture_row(row->name, code == 0 || (database.rows_count == 99 && err.text[0] != '\0'));
    fixture_row(row->name, code < 0 || database.rows_count == row->rows);
    bool kept = row->aside[0] != '\0';
    fixture_row(row->name, sink.events == (kept ? 1 : 0));
    fixture_row(row->name, kept == (count_aside(arena, path, "") > 0));
    fixture_row(row->name, !kept || count_aside(arena, path, row->aside) > 0);
    // A second start decides the same.
    int again = database_prepare(&spec, arena, &database, &err);
    fixture_row(row->name, again == row->code);
}

static void state_on_disk_is_used_kept_or_refused(void **state)
{
    struct arena *arena = *state;
    const char *base = getenv("TMPDIR");
    char *folder = arena_printf(arena, "%s/database.XXXXXX", base != NULL ? base : "/tmp");
    assert_non_null(mkdtemp(folder));
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        row_check(arena, folder, &rows[i]);
    }
    assert_int_equal(system(arena_printf(arena, "rm -rf '%s'", folder)), 0);
}

// ---- Copies of histories that were given up.

static size_t count_files(struct arena *arena, const char *pattern)
{
    glob_t found;
    size_t count = 0;
    if (glob(arena_printf(arena, "%s", pattern), 0, NULL, &found) == 0) {
        count = found.gl_pathc;
        globfree(&found);
    }
    return count;
}

static void overridden_rows_are_kept_in_a_file(void **state)
{
    struct arena *arena = *state;
    const char *base = getenv("TMPDIR");
    char *folder = arena_printf(arena, "%s/database.XXXXXX", base != NULL ? base : "/tmp");
    assert_non_null(mkdtemp(folder));
    static const struct replica_row given_up[] = {
        {"resource/ct:2", "two", 3, 12},
        {"resource/ct:1", NULL, 0, 11},
    };
    struct database_overridden overridden = {
        .path = arena_printf(arena, "%s/store.db", folder),
        .history = "c",
        .wall_s = 86400,
        .epoch = 5,
        .last_version = 12,
        .rows = given_up,
        .rows_count = ARRAY_SIZE(given_up),
    };
    const char *kept = NULL;
    struct error err = {0};
    assert_int_equal(database_set_aside(&overridden, arena, &kept, &err), 0);
    assert_string_equal(kept,
                        arena_printf(arena, "%s/set-aside/store-19700102T000000Z-5.json", folder));
    struct stat st;
    assert_int_equal(stat(kept, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    char *text;
    size_t size_bytes;
    struct backup backup;
    assert_int_equal(file_read(arena, kept, 1 << 20, &text, &size_bytes, &err), 0);
    assert_int_equal(backup_parse(arena, text, size_bytes, &backup, &err), 0);
    assert_string_equal(backup.kind, "set-aside");
    assert_string_equal(backup.cluster, "c");
    assert_int_equal(backup.version, 12);
    assert_string_equal(backup_find(&backup, "resource/ct:2")->value, "two");
    assert_null(backup_find(&backup, "resource/ct:1")->value);

    // A second one at the same moment has a name of its own; of many the newest 16 stay.
    const char *second = NULL;
    assert_int_equal(database_set_aside(&overridden, arena, &second, &err), 0);
    assert_string_not_equal(kept, second);
    for (int i = 0; i < 20; i++) {
        overridden.wall_s += 60;
        assert_int_equal(database_set_aside(&overridden, arena, &second, &err), 0);
    }
    assert_int_equal(count_files(arena, arena_printf(arena, "%s/set-aside/*", folder)), 16);
    assert_int_equal(access(second, F_OK), 0);
    assert_int_not_equal(access(kept, F_OK), 0);

    // No room, or no folder: nothing is left behind.
    assert_int_equal(system(arena_printf(arena, "rm -rf '%s'/set-aside", folder)), 0);
    assert_int_equal(file_replace(arena_printf(arena, "%s/set-aside", folder), "x", 1, 0600, &err),
                     0);
    second = NULL;
    assert_true(database_set_aside(&overridden, arena, &second, &err) < 0);
    assert_null(second);
    assert_int_equal(system(arena_printf(arena, "rm -rf '%s'", folder)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(state_on_disk_is_used_kept_or_refused),
        fixture_test(overridden_rows_are_kept_in_a_file),
    };
    return cmocka_run_group_tests_name("database", tests, NULL, NULL);
}
