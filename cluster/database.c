// SPDX-License-Identifier: Apache-2.0
// The rules for a database that is damaged or of another history, and copies of what is given up.
#include "cluster/database.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cluster/replica/replica.h"
#include "cluster/storage/store_folder.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/map.h"
#include "common/base/strbuf.h"
#include "common/host/file.h"
#include "common/model/backup.h"
#include "common/model/event.h"
#include "common/port/event_sink.h"
#include "ha_config.h"

enum { COPIES_MAX = 16, COPY_MODE = 0600, COPY_FOLDER_MODE = 0700 };

#define COPY_FOLDER "set-aside"
#define COPY_PREFIX "store-"

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
    event_text(arena, event, "path", spec->path);
    event_text(arena, event, "remedy",
               "none is needed: the state comes from the other nodes; the file that is kept may be "
               "removed");
    event_emit(spec->events, event_text(arena, event, "kept_as", kept));
    return 0;
}

// Rows besides the replica's own.
static bool has_content(const struct database *database)
{
    for (size_t i = 0; i < database->rows_count; i++) {
        if (strcmp(database->rows[i].key, REPLICA_KEY_CHRONICLE) != 0 &&
            strcmp(database->rows[i].key, REPLICA_KEY_EXTENT) != 0 &&
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

// ---- Copies of histories that were given up.

static char *copy_folder(struct arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/');
    int length = slash == NULL ? 0 : (int)(slash - path) + 1;
    return arena_printf(arena, "%.*s" COPY_FOLDER, length, path);
}

static void copy_format(const struct database_overridden *overridden, struct arena *arena,
                        struct strbuf *out)
{
    struct map sorted;
    map_init(&sorted, NULL);
    for (size_t i = 0; i < overridden->rows_count; i++) {
        struct replica_row *row = arena_new_of(arena, struct replica_row);
        *row = overridden->rows[i];
        map_put(&sorted, row->key, row);
    }
    struct backup_entry *entries =
        arena_array_of(arena, struct backup_entry, overridden->rows_count);
    size_t count = 0;
    map_each (e, &sorted) {
        const struct replica_row *row = e->value;
        entries[count++] =
            (struct backup_entry){row->key, row->value, row->size_bytes, row->version};
    }
    map_done(&sorted);
    bool alone = overridden->history == NULL || overridden->history[0] == '\0';
    const struct backup backup = {
        .kind = BACKUP_KIND_SET_ASIDE,
        .cluster = alone ? NULL : overridden->history,
        .software = HA_VERSION,
        .created_s = overridden->wall_s,
        .epoch = overridden->epoch,
        .version = overridden->last_version,
        .entries = entries,
        .entries_count = count,
    };
    backup_format(&backup, out);
}

static const char *copy_path(const struct database_overridden *overridden, struct arena *arena,
                             const char *folder)
{
    time_t seconds = (time_t)overridden->wall_s;
    struct tm tm;
    char stamp[32] = "";
    if (gmtime_r(&seconds, &tm) == NULL ||
        strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm) == 0) {
        stamp[0] = '\0'; // a clock beyond all reason: the epoch still tells copies apart
    }
    const char *path = arena_printf(arena, "%s/" COPY_PREFIX "%s-%llu.json", folder, stamp,
                                    (unsigned long long)overridden->epoch);
    for (int i = 1; access(path, F_OK) == 0 && i < 1000; i++) {
        path = arena_printf(arena, "%s/" COPY_PREFIX "%s-%llu.%d.json", folder, stamp,
                            (unsigned long long)overridden->epoch, i);
    }
    return path;
}

static int is_copy(const struct dirent *entry)
{
    return strncmp(entry->d_name, COPY_PREFIX, strlen(COPY_PREFIX)) == 0;
}

// Names begin with the time, so the first ones are the oldest. A copy that cannot be removed stays.
static void copies_limit(struct arena *arena, const char *folder)
{
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, is_copy, alphasort);
    for (int i = 0; i < count; i++) {
        if (i < count - COPIES_MAX) {
            (void)unlink(arena_printf(arena, "%s/%s", folder, entries[i]->d_name));
        }
        free(entries[i]);
    }
    free(entries);
}

int database_set_aside(const struct database_overridden *overridden, struct arena *arena,
                       const char **ret_kept, struct error *err)
{
    struct strbuf text CLEANUP(strbuf_done) = {0};
    const char *folder = copy_folder(arena, overridden->path);
    int r = file_make_directory(folder, COPY_FOLDER_MODE, err);
    if (r < 0) {
        return r;
    }
    const char *path = copy_path(overridden, arena, folder);
    copy_format(overridden, arena, &text);
    r = file_install(path, text.text, text.size_bytes, COPY_MODE, err);
    if (r < 0) {
        return r;
    }
    r = store_folder_sync(overridden->path); // the folder may be new
    if (r < 0) {
        (void)unlink(path); // not durable, so it does not count
        return error_set_errno(err, r, "cannot sync the folder of '%s'", folder);
    }
    copies_limit(arena, folder);
    *ret_kept = path;
    return 0;
}
