// SPDX-License-Identifier: Apache-2.0
// The storage document. Keys are a table, so that each has one place that says what it may hold and
// which types have it.
#include "common/model/storage.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/map.h"
#include "common/base/parse.h"
#include "common/base/strbuf.h"
#include "common/model/guest.h"
#include "common/model/section_config.h"
#include "common/model/sid.h"

enum { STORAGE_PATH_MAX = 1024, STORAGE_WORD_MAX = 255 };

ENUM_TABLE(storage_type, STORAGE_TYPE_MAX, "dir", "nfs");
ENUM_TABLE(storage_loss, STORAGE_LOSS_MAX, "move", "keep", "stop");

int storage_check_path(const char *path, struct error *err)
{
    bool good = path[0] == '/' && path[1] != '\0' && strlen(path) <= STORAGE_PATH_MAX;
    for (const char *at = path; good && *at != '\0'; at++) {
        bool up = strncmp(at, "/..", 3) == 0 && (at[3] == '/' || at[3] == '\0');
        good = (unsigned char)*at > 0x20 && *at != 0x7f && !up;
    }
    if (!good) {
        return error_set(err, -EINVAL,
                         "'%s' is not an absolute path without white space and without '..'", path);
    }
    return 0;
}

// ---- Keys.

typedef int (*storage_setter)(struct arena *arena, struct storage *storage, const char *value,
                              struct error *err);

static int set_path(struct arena *arena, struct storage *storage, const char *value,
                    struct error *err)
{
    int r = storage_check_path(value, err);
    if (r == 0) {
        storage->path = arena_strdup(arena, value);
    }
    return r;
}

static int set_export(struct arena *arena, struct storage *storage, const char *value,
                      struct error *err)
{
    int r = storage_check_path(value, err);
    if (r == 0) {
        storage->export = arena_strdup(arena, value);
    }
    return r;
}

// The key alone means yes.
static int set_flag(bool *flag, const char *value, struct error *err)
{
    bool is_set = true;
    if (value[0] != '\0' && parse_bool(value, &is_set) < 0) {
        return error_set(err, -EINVAL, "expected 0 or 1, not '%s'", value);
    }
    *flag = is_set;
    return 0;
}

static int set_shared(struct arena *arena, struct storage *storage, const char *value,
                      struct error *err)
{
    (void)arena;
    return set_flag(&storage->shared, value, err);
}

static int set_mountpoint(struct arena *arena, struct storage *storage, const char *value,
                          struct error *err)
{
    (void)arena;
    return set_flag(&storage->is_mount, value, err);
}

static int set_disable(struct arena *arena, struct storage *storage, const char *value,
                       struct error *err)
{
    (void)arena;
    return set_flag(&storage->disabled, value, err);
}

// Words that stand between others: on a command line, in the kernel's table of mounts.
static int check_word(const char *value, const char *what, struct error *err)
{
    bool good = value[0] != '\0' && value[0] != '-' && strlen(value) <= STORAGE_WORD_MAX;
    for (const char *at = value; good && *at != '\0'; at++) {
        good =
            (unsigned char)*at > 0x20 && (unsigned char)*at < 0x7f && strchr("\"'\\", *at) == NULL;
    }
    return good ? 0
                : error_set(err, -EINVAL, "'%s' is not %s without white space and quotes", value,
                            what);
}

static int set_server(struct arena *arena, struct storage *storage, const char *value,
                      struct error *err)
{
    int r = check_word(value, "a host name or an address", err);
    if (r == 0) {
        storage->server = arena_strdup(arena, value);
    }
    return r;
}

static int set_options(struct arena *arena, struct storage *storage, const char *value,
                       struct error *err)
{
    int r = check_word(value, "a list of mount options", err);
    if (r == 0) {
        storage->options = arena_strdup(arena, value);
    }
    return r;
}

static int compare_words(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

// Sorts and drops equal ones.
static size_t words_sort(const char **words, size_t count)
{
    size_t kept = 0;
    if (count > 1) {
        qsort(words, count, sizeof(*words), compare_words);
    }
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || strcmp(words[i], words[kept - 1]) != 0) {
            words[kept++] = words[i];
        }
    }
    return kept;
}

static int set_nodes(struct arena *arena, struct storage *storage, const char *value,
                     struct error *err)
{
    struct parse_words words = parse_list(arena, value);
    if (words.count == 0) {
        return error_set(err, -EINVAL, "expected names of nodes");
    }
    for (size_t i = 0; i < words.count; i++) {
        int r = node_name_check(words.words[i], err);
        if (r < 0) {
            return r;
        }
    }
    storage->nodes = words.words;
    storage->nodes_count = words_sort(words.words, words.count);
    return 0;
}

static int set_on_loss(struct arena *arena, struct storage *storage, const char *value,
                       struct error *err)
{
    (void)arena;
    return storage_loss_from_string(value, &storage->on_loss) < 0
               ? error_set(err, -EINVAL, "expected move, keep or stop, not '%s'", value)
               : 0;
}

static int set_content(struct arena *arena, struct storage *storage, const char *value,
                       struct error *err)
{
    (void)arena;
    (void)storage;
    (void)value;
    (void)err;
    return 0;
}

static const struct storage_key {
    const char *name;
    storage_setter set;
    bool of[STORAGE_TYPE_MAX];
} keys[] = {
    // the order in which they are listed when a key is not known
    {"path", set_path, {[STORAGE_TYPE_DIR] = true, [STORAGE_TYPE_NFS] = true}},
    {"shared", set_shared, {[STORAGE_TYPE_DIR] = true}},
    {"mountpoint", set_mountpoint, {[STORAGE_TYPE_DIR] = true}},
    {"server", set_server, {[STORAGE_TYPE_NFS] = true}},
    {"export", set_export, {[STORAGE_TYPE_NFS] = true}},
    {"options", set_options, {[STORAGE_TYPE_NFS] = true}},
    {"nodes", set_nodes, {[STORAGE_TYPE_DIR] = true, [STORAGE_TYPE_NFS] = true}},
    {"on-loss", set_on_loss, {[STORAGE_TYPE_DIR] = true, [STORAGE_TYPE_NFS] = true}},
    {"disable", set_disable, {[STORAGE_TYPE_DIR] = true, [STORAGE_TYPE_NFS] = true}},
    {"content", set_content, {[STORAGE_TYPE_DIR] = true, [STORAGE_TYPE_NFS] = true}},
};

static int refuse_key(const struct storage *storage, const char *key, struct error *err)
{
    struct strbuf allowed CLEANUP(strbuf_done) = {0};
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        if (keys[i].of[storage->type]) {
            strbuf_appendf(&allowed, "%s%s", allowed.size_bytes > 0 ? ", " : "", keys[i].name);
        }
    }
    return error_set(err, -EINVAL, "unknown key '%s': allowed for type %s are %s", key,
                     storage_type_to_string(storage->type), strbuf_text(&allowed));
}

int storage_set(struct arena *arena, struct storage *storage, const char *key, const char *value,
                struct error *err)
{
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        if (strcmp(keys[i].name, key) == 0 && keys[i].of[storage->type]) {
            int r = keys[i].set(arena, storage, value, err);
            return r < 0 ? error_prefix(err, "key '%s'", key) : 0;
        }
    }
    return refuse_key(storage, key, err);
}

// ---- The whole.

struct storage *storage_new(struct arena *arena, enum storage_type type, const char *id)
{
    struct storage *storage = arena_new_of(arena, struct storage);
    storage->id = arena_strdup(arena, id);
    storage->type = type;
    storage->shared = type == STORAGE_TYPE_NFS;
    return storage;
}

int storage_complete(struct arena *arena, struct storage *storage, struct error *err)
{
    const char *missing = NULL;
    if (storage->type == STORAGE_TYPE_NFS) {
        missing = storage->server == NULL ? "server" : storage->export == NULL ? "export" : NULL;
        if (storage->path == NULL) {
            storage->path = arena_printf(arena, "%s/%s", STORAGE_MOUNT_FOLDER, storage->id);
        }
    } else if (storage->path == NULL) {
        missing = "path";
    }
    return missing == NULL ? 0 : error_set(err, -EINVAL, "key '%s' is required", missing);
}

static int storage_read(struct arena *arena, const struct section *section, struct storage **ret,
                        struct error *err)
{
    enum storage_type type;
    if (storage_type_from_string(section->type, &type) < 0) {
        return error_set(err, -EINVAL, "line %zu: unknown type '%s': allowed are dir, nfs",
                         section->line, section->type);
    }
    if (config_id_check(section->id, err) < 0) {
        return error_prefix(err, "line %zu", section->line);
    }
    struct storage *storage = storage_new(arena, type, section->id);
    for (size_t i = 0; i < section->count; i++) {
        const struct section_property *property = &section->properties[i];
        if (storage_set(arena, storage, property->key, property->value, err) < 0) {
            return error_prefix(err, "line %zu", property->line);
        }
    }
    if (storage_complete(arena, storage, err) < 0) {
        return error_prefix(err, "line %zu", section->line);
    }
    *ret = storage;
    return 0;
}

int storage_parse(struct arena *arena, const char *text, struct storage **ret, struct error *err)
{
    const struct section *section = NULL;
    int r = section_parse_one(arena, text, &section, err);
    return r < 0 ? r : storage_read(arena, section, ret, err);
}

static void format_nodes(const struct storage *storage, struct strbuf *out)
{
    struct strbuf nodes CLEANUP(strbuf_done) = {0};
    for (size_t i = 0; i < storage->nodes_count; i++) {
        strbuf_appendf(&nodes, "%s%s", i > 0 ? "," : "", storage->nodes[i]);
    }
    section_format_property(out, "nodes", strbuf_text(&nodes));
}

void storage_format(const struct storage *storage, struct strbuf *out)
{
    section_format_begin(out, storage_type_to_string(storage->type), storage->id);
    section_format_property(out, "path", storage->path);
    if (storage->type == STORAGE_TYPE_DIR) {
        section_format_property(out, "shared", storage->shared ? "1" : "0");
        if (storage->is_mount) {
            section_format_property(out, "mountpoint", "1");
        }
    } else {
        section_format_property(out, "server", storage->server);
        section_format_property(out, "export", storage->export);
        if (storage->options != NULL) {
            section_format_property(out, "options", storage->options);
        }
    }
    if (storage->nodes_count > 0) {
        format_nodes(storage, out);
    }
    if (storage->on_loss != STORAGE_LOSS_MOVE) {
        section_format_property(out, "on-loss", storage_loss_to_string(storage->on_loss));
    }
    if (storage->disabled) {
        section_format_property(out, "disable", "1");
    }
    section_format_end(out);
}

bool storage_has_node(const struct storage *storage, const char *node)
{
    for (size_t i = 0; i < storage->nodes_count; i++) {
        if (strcmp(storage->nodes[i], node) == 0) {
            return true;
        }
    }
    return storage->nodes_count == 0;
}

// ---- Volumes.

// A name, or names of folders and then a name; none is hidden or leads up.
static bool is_volume(const char *text)
{
    for (const char *at = text; at != NULL; at = strchr(at, '/')) {
        at += at != text ? 1 : 0;
        if (*at == '\0' || *at == '.' || *at == '/') {
            return false;
        }
    }
    return true;
}

bool storage_volume_split(struct arena *arena, const char *name, const char **ret_storage,
                          const char **ret_volume)
{
    const char *colon = strchr(name, ':');
    if (colon == NULL || !is_volume(colon + 1)) {
        return false;
    }
    const char *id = arena_memdup(arena, name, (size_t)(colon - name));
    if (config_id_check(id, NULL) < 0) {
        return false;
    }
    *ret_storage = id;
    *ret_volume = arena_strdup(arena, colon + 1);
    return true;
}

struct storage_names storage_names_of_guest(struct arena *arena, const struct guest *guest)
{
    struct storage_names found = {0};
    size_t capacity = guest->config.count;
    found.names = arena_array_of(arena, const char *, capacity);
    map_each (e, &guest->config) {
        const char *value = e->value;
        const char *storage = NULL;
        const char *volume = NULL;
        const char *name = arena_memdup(arena, value, strcspn(value, ","));
        if (strpbrk(name, " \t\n") == NULL && // free text is none
            storage_volume_split(arena, name, &storage, &volume)) {
            assert(found.count < capacity);
            found.names[found.count++] = storage;
        }
    }
    found.count = words_sort(found.names, found.count);
    return found;
}
