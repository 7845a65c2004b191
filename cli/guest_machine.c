// SPDX-License-Identifier: Apache-2.0
// Making and removing the images of machines' disks.
#include "cli/guest_machine.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/command_line.h"
#include "cli/tool_context.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/parse.h"
#include "common/host/file.h"
#include "common/host/host_ids.h"
#include "common/host/paths.h"
#include "common/model/guest.h"
#include "common/model/sid.h"
#include "common/model/storage.h"
#include "lrm/agents/vm_config.h"
#include "lrm/agents/vm_image.h"
#include "lrm/agents/volume.h"

enum { MACHINE_SIZE_MAX_GIB = 1024 * 1024, MACHINE_DISKS_MAX = 1000 };

bool guest_is_machine(const struct guest *guest)
{
    return strncmp(guest->sid, "vm:", 3) == 0;
}

static bool key_is_disk(const char *key)
{
    static const char *const kinds[] = {"ide", "sata", "scsi", "virtio"};
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        size_t length = strlen(kinds[i]);
        if (strncmp(key, kinds[i], length) == 0 && key[length] >= '0' && key[length] <= '9') {
            return true;
        }
    }
    return false;
}

// "shared:32,cache=none": storage, size, and the rest with its comma; false when it names a volume.
static bool split_size(struct arena *arena, const char *value, const char **ret_storage,
                       int64_t *ret_gib, const char **ret_rest)
{
    size_t length = strcspn(value, ",");
    const char *volume = NULL;
    if (!storage_volume_split(arena, arena_memdup(arena, value, length), ret_storage, &volume) ||
        parse_int64(volume, 1, MACHINE_SIZE_MAX_GIB, ret_gib) < 0) {
        return false;
    }
    *ret_rest = arena_strdup(arena, value + length);
    return true;
}

// The storage's folder must be there: one that is missing is most likely not mounted.
static int check_storage(struct cli *cli, const struct tool_context *context, const char *id,
                         struct error *err)
{
    struct storage *storage = NULL;
    struct stat st;
    int r = volume_find_storage(cli->arena, context->session.store, id, &storage, err);
    if (r == 0 && strcmp(id, STORAGE_LOCAL) == 0) {
        r = file_make_directory(paths_state_dir(), 0755, err);
        if (r == 0) {
            r = file_make_directory(storage->path, 0711, err);
        }
    }
    if (r == 0 && (stat(storage->path, &st) < 0 || !S_ISDIR(st.st_mode))) {
        r = error_set(err, -ENOENT, "storage '%s': '%s' is not a folder on this node", id,
                      storage->path);
    }
    return r;
}

// A name that no file on the storage has.
static int make_image(struct cli *cli, const struct tool_context *context, struct guest *guest,
                      const char *key, const char *value, bool *ret_made, struct error *err)
{
    const char *storage = NULL;
    const char *rest = NULL;
    int64_t gib = 0;
    if (!split_size(cli->arena, value, &storage, &gib, &rest)) {
        return 0;
    }
    bool qcow2 = strstr(rest, ",format=qcow2") != NULL;
    const char *format = qcow2 ? "qcow2" : "raw";
    int r = check_storage(cli, context, storage, err);
    for (int i = 0; r == 0 && i < MACHINE_DISKS_MAX; i++) {
        const char *path = NULL;
        bool shared = false;
        const char *volume = arena_printf(cli->arena, "%s:vm-%s-disk-%d.%s", storage,
                                          sid_name(guest->sid), i, format);
        r = volume_resolve(cli->arena, context->session.store, volume, &path, &shared, err);
        if (r == 0) {
            r = vm_image_create(path, format, gib * 1024 * 1024 * 1024, err);
        }
        if (r == 0) {
            map_put(&guest->config, key,
                    arena_printf(cli->arena, "%s%s,size=%lldG", volume, rest, (long long)gib));
            *ret_made = true;
            return 0;
        }
        if (r == -EEXIST) {
            error_clear(err);
            r = 0;
        }
    }
    return r < 0 ? error_prefix(err, "%s", key)
                 : error_set(err, -ENOSPC, "%s: there are too many images already", key);
}

int guest_machine_make(struct cli *cli, const struct tool_context *context, struct guest *guest,
                       struct error *err)
{
    const struct guest *before = guest_clone(cli->arena, guest);
    int r = vm_config_check(guest, err); // a size is as good as a name, to be checked
    if (r == 0 && !map_has(&guest->config, "uuid")) {
        struct ids ids;
        host_ids_init(&ids);
        map_put(&guest->config, "uuid", arena_strdup(cli->arena, ids_next(&ids, cli->arena)));
    }
    map_each (e, &before->config) {
        bool made = false;
        if (r == 0 && key_is_disk(e->key)) {
            r = make_image(cli, context, guest, e->key, e->value, &made, err);
        }
    }
    if (r < 0 && guest_machine_remove_new(cli, context, guest, before, NULL) < 0) {
        return error_prefix(err, "images stay behind");
    }
    return r;
}

// Files that we did not put there are not ours to remove: another's, or a disc for installations.
static int remove_image(struct cli *cli, const struct tool_context *context,
                        const struct guest *guest, const char *value, struct error *err)
{
    const char *storage = NULL;
    const char *volume = NULL;
    const char *path = NULL;
    bool shared = false;
    const char *name = arena_memdup(cli->arena, value, strcspn(value, ","));
    const char *own = arena_printf(cli->arena, "vm-%s-", sid_name(guest->sid));
    if (!storage_volume_split(cli->arena, name, &storage, &volume) ||
        strncmp(volume, own, strlen(own)) != 0) {
        return 0;
    }
    int r = volume_resolve(cli->arena, context->session.store, name, &path, &shared, err);
    if (r == 0 && unlink(path) < 0 && errno != ENOENT) {
        int code = errno;
        r = error_set_errno(err, -code, "cannot remove '%s'", path);
    }
    return r;
}

int guest_machine_remove_new(struct cli *cli, const struct tool_context *context,
                             const struct guest *guest, const struct guest *before,
                             struct error *err)
{
    int r = 0;
    map_each (e, &guest->config) {
        const char *old = before != NULL ? map_find(&before->config, e->key) : NULL;
        if (r == 0 && key_is_disk(e->key) && (old == NULL || strcmp(old, e->value) != 0)) {
            r = remove_image(cli, context, guest, e->value, err);
        }
    }
    return r;
}

int guest_machine_remove(struct cli *cli, const struct tool_context *context,
                         const struct guest *guest, struct error *err)
{
    return guest_machine_remove_new(cli, context, guest, NULL, err);
}
