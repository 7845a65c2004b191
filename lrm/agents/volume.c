// SPDX-License-Identifier: Apache-2.0
// Volumes and storages, as far as they are folders.
#include "lrm/agents/volume.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdint.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/host/paths.h"
#include "common/model/storage.h"
#include "common/model/store_keys.h"
#include "common/port/store.h"

int volume_find_storage(struct arena *arena, struct store *store, const char *id,
                        struct storage **ret, struct error *err)
{
    const struct store_entry *entry = NULL;
    const char *key = arena_printf(arena, STORE_PREFIX_STORAGE "%s", id);
    int r = store_read_key(store, key, arena, &entry, err);
    if (r < 0) {
        return r;
    }
    if (entry != NULL) {
        r = storage_parse(arena, entry->value, ret, err);
        return r < 0 ? error_prefix(err, "storage '%s'", id) : 0;
    }
    if (strcmp(id, STORAGE_LOCAL) != 0) {
        return error_set(err, -ENOENT, "storage '%s' is not defined", id);
    }
    struct storage *storage = arena_new_of(arena, struct storage);
    storage->id = STORAGE_LOCAL;
    storage->path = arena_printf(arena, "%s/storage", paths_state_dir());
    *ret = storage;
    return 0;
}

int volume_resolve(struct arena *arena, struct store *store, const char *name,
                   const char **ret_path, bool *ret_shared, struct error *err)
{
    const char *id = NULL;
    const char *volume = NULL;
    struct storage *storage = NULL;
    if (name[0] == '/') {
        *ret_path = arena_strdup(arena, name);
        *ret_shared = true;
        return 0;
    }
    if (!storage_volume_split(arena, name, &id, &volume)) {
        return error_set(err, -EINVAL, "'%s' is neither <storage>:<volume> nor an absolute path",
                         name);
    }
    int r = volume_find_storage(arena, store, id, &storage, err);
    if (r < 0) {
        return r;
    }
    *ret_path = arena_printf(arena, "%s/%s", storage->path, volume);
    *ret_shared = storage->shared;
    return 0;
}

// File systems that one kernel has for itself: what its memory holds of them nobody else has
// overtaken.
static bool volume_is_own(const struct statfs *fs)
{
    static const uint32_t own[] = {EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC,       BTRFS_SUPER_MAGIC,
                                   TMPFS_MAGIC,      OVERLAYFS_SUPER_MAGIC, F2FS_SUPER_MAGIC,
                                   SQUASHFS_MAGIC};
    for (size_t i = 0; i < ARRAY_SIZE(own); i++) {
        if ((uint32_t)fs->f_type == own[i]) {
            return true;
        }
    }
    return false;
}

int volume_settle(const char *path, struct error *err)
{
    struct statfs fs;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        return 0;
    }
    int r = fd < 0 || fstatfs(fd, &fs) < 0 ? -errno : 0;
    if (r == 0 && !volume_is_own(&fs) && syncfs(fd) < 0) {
        r = -errno;
    }
    if (fd >= 0) {
        (void)close(fd); // only for the above
    }
    return r < 0 ? error_set_errno(err, r, "cannot flush the file system of '%s'", path) : 0;
}
