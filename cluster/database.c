// SPDX-License-Identifier: Apache-2.0
// The rules for a database that is damaged or of another history.
#include "cluster/database.h"

#include <errno.h>
#include <string.h>

#include "cluster/replica/replica.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/model/event.h"
#include "common/port/event_sink.h"

static int file_take(const struct database_spec *spec, struct arena *arena, struct database *ret,
                     struct error *err)
{
    struct store_file *file CLEANUP(store_file_closep) = NULL;
    int r = store_file_open(spec->path, &file, err);
    if (r < 0) {
        return r;
    }
    return store_file_load(file, arena, &ret->label, &ret->rows, &ret->rows_count, err);
}

static int file_put_aside(const struct database_spec *spec, struct arena *arena, const char *why,
                          const char *reason, struct error *err)
{
    char *kept = NULL;
    int r = store_file_set_aside(spec->path, why, spec->wall_s, arena, &kept, err);
    if (r < 0) {
        return r;
    }
    struct event *event = event_new(arena, EVENT_LEVEL_ERROR, "database-set-aside");
    event_text(arena, event, "why", why);
    event_text(arena, event, "reason", reason);
    event_emit(spec->events, event_text(arena, event, "kept_as", kept));
    return 0;
}

// Rows besides the replica's own.
static bool has_content(const struct database *database)
{
    for (size_t i = 0; i < database->rows_count; i++) {
        if (strcmp(database->rows[i].key, REPLICA_KEY_CHRONICLE) != 0 &&
            database->rows[i].value != NULL) {
            return true;
        }
    }
    return false;
}

// A history that nobody misses is forgotten, any other kept under another name.
static int file_replace_with_new(const struct database_spec *spec, struct arena *arena,
                                 struct database *database, const char *why, const char *reason,
                                 struct error *err)
{
    int r = has_content(database) ? file_put_aside(spec, arena, why, reason, err)
                                  : store_file_remove(spec->path, err);
    *database = (struct database){0};
    return r == 0 ? file_take(spec, arena, database, err) : r;
}

static bool is_standalone(const struct database_spec *spec)
{
    return spec->history[0] == '\0';
}

// NULL: the state may be used. Else why it must be set aside, for the file's name, and in words.
static const char *history_check(const struct database_spec *spec, struct arena *arena,
                                 const struct database *database, const char **ret_reason)
{
    const char *history = database->label.history;
    if (strcmp(history, spec->history) == 0) {
        return NULL;
    }
    if (history[0] != '\0') {
        *ret_reason = arena_printf(arena, "it is the state of cluster '%s', this is cluster '%s'",
                                   history, spec->history);
        return "foreign";
    }
    if (spec->nodes_count > 1) {
        *ret_reason = arena_printf(arena,
                                   "this node was alone and joins cluster '%s', which has a state "
                                   "of its own",
                                   spec->history);
        return "alone";
    }
    return NULL;
}

int database_prepare(const struct database_spec *spec, struct arena *arena, struct database *ret,
                     struct error *err)
{
    struct database database = {0};
    struct error damage = {0};
    int r = file_take(spec, arena, &database, &damage);
    if (r == -EUCLEAN && is_standalone(spec)) {
        return error_set(err, r,
                         "%s; a node alone has no other copy of it: restore the file, or start "
                         "with nothing after 'ha-clusterd --set-database-aside'",
                         damage.text);
    }
    if (r == -EUCLEAN) {
        r = file_put_aside(spec, arena, "corrupt", damage.text, err);
        r = r == 0 ? file_take(spec, arena, &database, err) : r;
    } else if (r < 0) {
        return error_set(err, r, "%s", damage.text);
    }
    if (r < 0) {
        return r;
    }
    const char *history = database.label.history;
    if (is_standalone(spec) && history[0] != '\0' && has_content(&database)) {
        return error_set(err, -ESTALE,
                         "%s: it is the state of cluster '%s', but this node has no corosync.conf: "
                         "restore that file, or start with nothing after 'ha-clusterd "
                         "--set-database-aside'",
                         spec->path, history);
    }
    const char *reason = NULL;
    const char *why = history_check(spec, arena, &database, &reason);
    if (why != NULL) {
        r = file_replace_with_new(spec, arena, &database, why, reason, err);
    }
    if (r == 0) {
        *ret = database;
    }
    return r;
}
