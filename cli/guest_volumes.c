// SPDX-License-Identifier: Apache-2.0
// Volumes in definitions.
#include "cli/guest_volumes.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/command_line.h"
#include "cli/tool_context.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/parse.h"
#include "common/host/file.h"
#include "common/host/paths.h"
#include "common/model/guest.h"
#include "common/model/sid.h"
#include "common/model/storage.h"
#include "common/model/storage_state.h"
#include "common/model/store_keys.h"
#include "lrm/agents/ct_config.h"
#include "lrm/agents/vm_config.h"
#include "lrm/agents/volume.h"

enum { VOLUME_SIZE_MAX_GIB = 1024 * 1024 };

static void volumes_add(struct arena *arena, const struct guest *guest, struct guest_volume volume,
                        struct guest_volumes *list)
{
    const char *value = map_find(&guest->config, volume.key);
    volume.key = arena_strdup(arena, volume.key);
    volume.rest = arena_strdup(arena, value + strcspn(value, ","));
    list->items[list->count++] = volume;
}

static int volumes_of_container(struct arena *arena, const struct guest *guest,
                                struct guest_volumes *list, struct error *err)
{
    struct ct_config *config = NULL;
    int r = ct_config_parse(arena, guest, &config, err);
    if (r < 0) {
        return r;
    }
    for (size_t i = 0; i < config->mounts_count; i++) {
        const struct ct_mount *mount = &config->mounts[i];
        volumes_add(arena, guest, (struct guest_volume){.key = mount->key, .name = mount->volume},
                    list);
    }
    volumes_add(arena, guest, (struct guest_volume){.key = "rootfs", .name = config->rootfs}, list);
    return 0;
}

static int volumes_of_machine(struct arena *arena, const struct guest *guest,
                              struct guest_volumes *list, struct error *err)
{
    struct vm_config *config = NULL;
    int r = vm_config_parse(arena, guest, &config, err);
    if (r < 0) {
        return r;
    }
    for (size_t i = 0; i < config->disks_count; i++) {
        const struct vm_disk *disk = &config->disks[i];
        if (disk->volume != NULL) {
            volumes_add(arena, guest,
                        (struct guest_volume){.key = disk->key,
                                              .name = disk->volume,
                                              .format = disk->format,
                                              .is_medium = disk->cdrom},
                        list);
        }
    }
    if (config->kernel != NULL) {
        volumes_add(
            arena, guest,
            (struct guest_volume){
                .key = "kernel", .name = config->kernel, .format = "raw", .is_medium = true},
            list);
    }
    if (config->initrd != NULL) {
        volumes_add(
            arena, guest,
            (struct guest_volume){
                .key = "initrd", .name = config->initrd, .format = "raw", .is_medium = true},
            list);
    }
    return 0;
}

int guest_volumes_list(struct arena *arena, const struct guest *guest, struct guest_volumes *ret,
                       struct error *err)
{
    struct guest_volumes list = {0};
    list.items = arena_array_of(arena, struct guest_volume, guest->config.count + 1);
    int r = sid_is_of(guest->sid, "vm") ? volumes_of_machine(arena, guest, &list, err)
                                        : volumes_of_container(arena, guest, &list, err);
    if (r == 0) {
        *ret = list;
    }
    return r;
}

bool guest_volumes_parse_new(struct arena *arena, const char *value, const char **ret_storage,
                             int64_t *ret_gib)
{
    const char *volume = NULL;
    const char *name = arena_memdup(arena, value, strcspn(value, ","));
    return storage_volume_split(arena, name, ret_storage, &volume) &&
           parse_int64(volume, 1, VOLUME_SIZE_MAX_GIB, ret_gib) == 0;
}

static int remove_own(struct cli *cli, const struct tool_context *context,
                      const struct guest *guest, const char *value,
                      const struct guest_volumes_kind *kind, struct error *err)
{
    const char *storage = NULL;
    const char *volume = NULL;
    const char *path = NULL;
    bool shared = false;
    const char *name = arena_memdup(cli->arena, value, strcspn(value, ","));
    const char *own =
        arena_printf(cli->arena, "%s-%s-", sid_type(cli->arena, guest->sid), sid_name(guest->sid));
    if (!storage_volume_split(cli->arena, name, &storage, &volume) ||
        strncmp(volume, own, strlen(own)) != 0) {
        return 0;
    }
    int r = volume_resolve(cli->arena, context->session.store, name, &path, &shared, err);
    return r < 0 ? r : kind->remove(path, err);
}

int guest_volumes_remove_own(struct cli *cli, const struct tool_context *context,
                             const struct guest *guest, const struct guest *before,
                             const struct guest_volumes_kind *kind, struct error *err)
{
    int r = 0;
    map_each (e, &guest->config) {
        const char *old = before != NULL ? map_find(&before->config, e->key) : NULL;
        if (r == 0 && kind->has_key(e->key) && (old == NULL || strcmp(old, e->value) != 0)) {
            r = remove_own(cli, context, guest, e->value, kind, err);
        }
    }
    return r;
}

int guest_volumes_check_storage(struct cli *cli, const struct tool_context *context, const char *id,
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
    if (r < 0) {
        return r;
    }
    if (stat(storage->path, &st) < 0) {
        int code = errno;
        return error_set_errno(err, -code, "storage '%s': cannot use '%s' on this node", id,
                               storage->path);
    }
    return S_ISDIR(st.st_mode)
               ? 0
               : error_set(err, -ENOTDIR, "storage '%s': '%s' is not a folder", id, storage->path);
}

// What the node itself says of its storages; nothing known counts as ready.
static int check_state(struct cli *cli, const struct tool_context *context, const char *id,
                       const char *node, struct error *err)
{
    struct session_value value;
    struct map states;
    const char *key = arena_printf(cli->arena, STORE_PREFIX_LIVE_STORAGE "%s", node);
    int r = session_read(cli->arena, &context->session, key, &value, err);
    if (r < 0 || value.text == NULL ||
        storage_states_parse(cli->arena, value.text, value.size_bytes, &states, NULL) < 0) {
        return r;
    }
    const struct storage_state *state = map_find(&states, id);
    if (state == NULL || state->condition == STORAGE_CONDITION_READY) {
        return 0;
    }
    return error_set(err, -ENODEV, "storage '%s' is %s on node '%s': %s", id,
                     storage_condition_to_string(state->condition), node,
                     state->reason != NULL ? state->reason : "no reason was given");
}

static int check_volume(struct cli *cli, const struct tool_context *context,
                        const struct guest_volume *volume, const char *node, struct error *err)
{
    const char *id = NULL;
    const char *name = NULL;
    struct storage *storage = NULL;
    // Whoever gives a path knows that it is the same on all nodes.
    if (!storage_volume_split(cli->arena, volume->name, &id, &name)) {
        return 0;
    }
    int r = volume_find_storage(cli->arena, context->session.store, id, &storage, err);
    if (r < 0) {
        return r;
    }
    if (!storage->shared) {
        return error_set(err, -EXDEV, "'%s' is on a storage that is not shared", volume->name);
    }
    if (!storage_has_node(storage, node)) {
        return error_set(err, -ENODEV, "node '%s' does not have storage '%s'", node, id);
    }
    return check_state(cli, context, id, node, err);
}

int guest_volumes_check_target(struct cli *cli, const struct tool_context *context,
                               const struct guest *guest, const char *node, struct error *err)
{
    struct guest_volumes list;
    int r = guest_volumes_list(cli->arena, guest, &list, err);
    for (size_t i = 0; r == 0 && i < list.count; i++) {
        r = check_volume(cli, context, &list.items[i], node, err);
        r = r < 0 ? error_prefix(err, "%s", list.items[i].key) : 0;
    }
    return r;
}
