// SPDX-License-Identifier: Apache-2.0
// The store as one file, and looking into such a file. Restoring is in ha_cluster_restore.c.
#include <errno.h>
#include <string.h>

#include "cli/command_line.h"
#include "cli/ha_cluster.h"
#include "cli/session.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/map.h"
#include "common/host/cluster_client.h"
#include "common/host/file.h"
#include "common/host/host_clock.h"
#include "common/host/paths.h"
#include "common/model/backup.h"
#include "common/model/corosync_conf.h"
#include "common/model/store_keys.h"
#include "common/port/clock.h"
#include "common/port/store.h"
#include "ha_config.h"

enum {
    BACKUP_MODE = 0600,
    READS_MAX = 20,
    AUTHKEY_MAX = 64 * 1024,
    VERSION_EPOCH_SHIFT = 40, // docs/store.md, "Words"
};

static bool is_volatile(const char *key)
{
    return strncmp(key, STORE_PREFIX_VOLATILE, strlen(STORE_PREFIX_VOLATILE)) == 0;
}

// Takes over what has changed; true when something durable has.
static bool view_update(struct map *view, const struct store_entries *entries)
{
    bool changed = false;
    for (size_t i = 0; i < entries->count; i++) {
        // The map lives no longer than the entries' arena.
        const struct store_entry *entry = &entries->entries[i];
        if (is_volatile(entry->key)) {
            continue;
        }
        const struct store_entry *known = map_find(view, entry->key);
        changed = changed || known == NULL || known->version != entry->version;
        map_put(view, entry->key, (void *)(uintptr_t)entry);
    }
    return changed;
}

// What is read comes in parts, and others write meanwhile: it is whole when a look at what has
// changed since then finds nothing.
static int view_read(struct arena *arena, const struct session *session, struct map *view,
                     uint64_t *ret_version, struct error *err)
{
    uint64_t since = 0;
    bool changed = true;
    for (int i = 0; changed && i < READS_MAX; i++) {
        struct store_entries *entries = arena_new_of(arena, struct store_entries);
        int r = store_read(session->store, "", since, arena, entries, err);
        if (r < 0) {
            return r;
        }
        changed = view_update(view, entries) || i == 0;
        since = entries->version;
    }
    *ret_version = since;
    return changed ? error_set(err, -EAGAIN, "the store changes all the time: try again") : 0;
}

int ha_cluster_read_all(struct arena *arena, const struct session *session,
                        struct store_entries *ret, struct error *err)
{
    struct map view;
    uint64_t version = 0;
    map_init(&view, NULL);
    int r = view_read(arena, session, &view, &version, err);
    size_t count = 0;
    size_t capacity = 0;
    map_each (e, &view) {
        capacity++;
    }
    struct store_entry *entries = arena_array_of(arena, struct store_entry, capacity);
    map_each (e, &view) {
        const struct store_entry *entry = e->value;
        if (entry->value != NULL) {
            entries[count++] = *entry;
        }
    }
    map_done(&view);
    if (r < 0) {
        return r;
    }
    *ret = (struct store_entries){.entries = entries, .count = count, .version = version};
    return 0;
}

static int file_add(struct arena *arena, const char *path, const char *name, size_t size_max,
                    struct backup_file *files, size_t *count, struct error *err)
{
    char *text;
    size_t size_bytes;
    int r = file_read(arena, path, size_max, &text, &size_bytes, err);
    if (r == -ENOENT) {
        error_clear(err);
        return 0; // a node alone has none
    }
    if (r == 0) {
        files[(*count)++] = (struct backup_file){name, text, size_bytes};
    }
    return r;
}

static int cluster_name(struct cli *cli, const struct session *session, const char **ret,
                        struct error *err)
{
    struct json *status;
    int r = ha_cluster_call(cli->arena, session->client, "status", NULL, &status, err);
    *ret = r == 0 ? json_find_string(status, "cluster") : NULL;
    return r;
}

static int backup_collect(struct cli *cli, const struct session *session, struct backup *ret,
                          struct error *err)
{
    struct arena *arena = cli->arena;
    struct store_entries now = {0};
    struct clock clock;
    struct backup_file *files = arena_array_of(arena, struct backup_file, 2);
    struct backup backup = {
        .kind = BACKUP_KIND_BACKUP,
        .node = session->node,
        .software = HA_VERSION,
        .files = files,
    };
    host_clock_init(&clock);
    int r = cluster_name(cli, session, &backup.cluster, err);
    r = r == 0 ? ha_cluster_read_all(arena, session, &now, err) : r;
    r = r == 0 ? file_add(arena, PATH_COROSYNC_AUTHKEY, "authkey", AUTHKEY_MAX, files,
                          &backup.files_count, err)
               : r;
    r = r == 0 ? file_add(arena, PATH_COROSYNC_CONF, "corosync.conf", COROSYNC_CONF_SIZE_MAX, files,
                          &backup.files_count, err)
               : r;
    if (r < 0) {
        return r;
    }
    struct backup_entry *entries = arena_array_of(arena, struct backup_entry, now.count);
    for (size_t i = 0; i < now.count; i++) {
        const struct store_entry *entry = &now.entries[i];
        entries[i] =
            (struct backup_entry){entry->key, entry->value, entry->size_bytes, entry->version};
    }
    backup.created_s = clock_wall_s(&clock);
    backup.epoch = now.version >> VERSION_EPOCH_SHIFT;
    backup.version = now.version;
    backup.entries = entries;
    backup.entries_count = now.count;
    *ret = backup;
    return 0;
}

int ha_cluster_backup(struct cli *cli, struct error *err)
{
    const char *path = cli_text(cli, "file");
    struct strbuf text CLEANUP(strbuf_done) = {0};
    struct session session;
    struct backup backup;
    int r = session_open(cli->arena, &session, err);
    if (r < 0) {
        return r;
    }
    if (!session.quorate) {
        cli_warn(cli, "no quorum: the backup has what this node knows, and it may be old");
    }
    r = backup_collect(cli, &session, &backup, err);
    session_close(&session);
    if (r < 0) {
        return r;
    }
    backup_format(&backup, &text);
    r = file_install(path, text.text, text.size_bytes, BACKUP_MODE, err);
    if (r == 0) {
        cli_printf(cli, "%zu keys and %zu files in '%s'\n", backup.entries_count,
                   backup.files_count, path);
        cli_warn(cli,
                 "'%s' has the cluster's key and the secrets of its fence devices and users: "
                 "keep it as a password",
                 path);
    }
    return r;
}

int ha_cluster_backup_read(struct arena *arena, const char *path, struct backup *ret,
                           struct error *err)
{
    char *text;
    size_t size_bytes;
    int r = file_read(arena, path, BACKUP_SIZE_MAX, &text, &size_bytes, err);
    if (r < 0) {
        return r;
    }
    r = backup_parse(arena, text, size_bytes, ret, err);
    return r < 0 ? error_prefix(err, "%s", path) : 0;
}

// ---- Looking.

static struct json *backup_rows(struct arena *arena, const struct backup *backup)
{
    struct json *rows = json_new_array(arena);
    for (size_t i = 0; i < backup->files_count; i++) {
        struct json *row = json_new_object(arena);
        json_put_string(row, "kind", "file");
        json_put_string(row, "name", backup->files[i].name);
        json_put_int(row, "size", (int64_t)backup->files[i].size_bytes);
        json_append(rows, row);
    }
    for (size_t i = 0; i < backup->entries_count; i++) {
        const struct backup_entry *entry = &backup->entries[i];
        struct json *row = json_new_object(arena);
        json_put_string(row, "kind", entry->value != NULL ? "key" : "deleted");
        json_put_string(row, "name", entry->key);
        json_put_int(row, "version", (int64_t)entry->version);
        json_put_int(row, "size", (int64_t)entry->size_bytes);
        json_append(rows, row);
    }
    return rows;
}

static int show_one(struct cli *cli, const struct backup *backup, const char *name,
                    struct error *err)
{
    const struct backup_entry *entry = backup_find(backup, name);
    if (entry != NULL && entry->value != NULL) {
        strbuf_append_bytes(&cli->out, entry->value, entry->size_bytes);
        return 0;
    }
    for (size_t i = 0; i < backup->files_count; i++) {
        if (strcmp(backup->files[i].name, name) == 0) {
            strbuf_append_bytes(&cli->out, backup->files[i].data, backup->files[i].size_bytes);
            return 0;
        }
    }
    return error_set(err, -ENOENT, "the backup has no key and no file '%s'", name);
}

int ha_cluster_backup_show(struct cli *cli, struct error *err)
{
    static const struct output_column columns[] = {
        {.key = "name"},
        {.key = "kind"},
        {.key = "size", .right = true},
        {.key = "version", .right = true},
    };
    struct backup backup;
    int r = ha_cluster_backup_read(cli->arena, cli_text(cli, "file"), &backup, err);
    if (r < 0) {
        return r;
    }
    if (cli_has(cli, "name")) {
        return show_one(cli, &backup, cli_text(cli, "name"), err);
    }
    if (cli->output.format == OUTPUT_FORMAT_TEXT && !cli->output.noheader) {
        cli_printf(cli, "%s of %s%s, made on %s by version %s, %s", backup.kind,
                   backup.cluster != NULL ? "cluster " : "a node alone",
                   backup.cluster != NULL ? backup.cluster : "",
                   backup.node != NULL ? backup.node : "a node not named", backup.software,
                   output_date(cli->arena, backup.created_s));
        cli_printf(cli, "; its sum is right\n");
    }
    output_list(&cli->output, backup_rows(cli->arena, &backup), columns, ARRAY_SIZE(columns),
                &cli->out);
    return 0;
}
