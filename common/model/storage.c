// SPDX-License-Identifier: Apache-2.0
// The storage document.
#include "common/model/storage.h"

#include <errno.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/parse.h"
#include "common/base/strbuf.h"
#include "common/model/section_config.h"
#include "common/model/sid.h"

enum { STORAGE_PATH_MAX = 1024 };

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

static int storage_set(struct arena *arena, struct storage *storage,
                       const struct section_property *property, struct error *err)
{
    if (strcmp(property->key, "path") == 0) {
        if (storage_check_path(property->value, err) < 0) {
            return error_prefix(err, "line %zu: key 'path'", property->line);
        }
        storage->path = arena_strdup(arena, property->value);
        return 0;
    }
    if (strcmp(property->key, "shared") == 0) {
        storage->shared = true; // the key alone means yes
        if (property->value[0] != '\0' && parse_bool(property->value, &storage->shared) < 0) {
            return error_set(err, -EINVAL, "line %zu: key 'shared': expected 0 or 1, not '%s'",
                             property->line, property->value);
        }
        return 0;
    }
    return error_set(err, -EINVAL, "line %zu: unknown key '%s': allowed are path, shared",
                     property->line, property->key);
}

int storage_parse(struct arena *arena, const char *text, struct storage **ret, struct error *err)
{
    struct section_file file;
    int r = section_file_parse(arena, text, strlen(text), &file, err);
    if (r < 0) {
        return r;
    }
    if (file.warnings_count > 0) {
        return error_set(err, -EINVAL, "%s", file.warnings[0]);
    }
    if (file.count != 1) {
        return error_set(err, -EINVAL, "expected one section, found %zu", file.count);
    }
    const struct section *section = &file.sections[0];
    if (strcmp(section->type, "dir") != 0) {
        return error_set(err, -EINVAL, "line %zu: unknown type '%s': allowed is dir", section->line,
                         section->type);
    }
    if (config_id_check(section->id, err) < 0) {
        return error_prefix(err, "line %zu", section->line);
    }
    struct storage *storage = arena_new_of(arena, struct storage);
    storage->id = arena_strdup(arena, section->id);
    for (size_t i = 0; i < section->count; i++) {
        r = storage_set(arena, storage, &section->properties[i], err);
        if (r < 0) {
            return r;
        }
    }
    if (storage->path == NULL) {
        return error_set(err, -EINVAL, "line %zu: key 'path' is required", section->line);
    }
    *ret = storage;
    return 0;
}

void storage_format(const struct storage *storage, struct strbuf *out)
{
    section_format_begin(out, "dir", storage->id);
    section_format_property(out, "path", storage->path);
    section_format_property(out, "shared", storage->shared ? "1" : "0");
    section_format_end(out);
}

bool storage_volume_split(struct arena *arena, const char *name, const char **ret_storage,
                          const char **ret_volume)
{
    const char *colon = strchr(name, ':');
    if (colon == NULL || colon[1] == '\0' || colon[1] == '.' || strchr(colon + 1, '/') != NULL) {
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
