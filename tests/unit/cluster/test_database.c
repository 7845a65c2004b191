// SPDX-License-Identifier: Apache-2.0
// Whose state is used, and what becomes of one that is damaged or of another history.
#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/database.h"
#include "cluster/replica/replica.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/host/file.h"
#include "common/model/event.h"
#include "common/port/event_sink.h"
#include "tests/lib/fixture.h"

enum content { CONTENT_NONE, CONTENT_CHRONICLE, CONTENT_ROWS, CONTENT_DAMAGED };

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
};

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
    if (row->content == CONTENT_DAMAGED) {
        assert_int_equal(file_replace(path, "rubbish", 7, 0600, &err), 0);
    }
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
    int r = system(arena_printf(arena, "rm -f '%s'/*", folder));
    assert_int_equal(r, 0);
    if (row->content != CONTENT_NONE) {
        file_fill(row, path);
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
    fixture_row(row->name, count_aside(arena, path, "") == (kept ? 1 : 0));
    fixture_row(row->name, !kept || count_aside(arena, path, row->aside) == 1);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(state_on_disk_is_used_kept_or_refused),
    };
    return cmocka_run_group_tests_name("database", tests, NULL, NULL);
}
