// SPDX-License-Identifier: Apache-2.0
// Making and removing the images of machines' disks.
#include "cli/guest_machine.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "cli/command_line.h"
#include "cli/guest_volumes.h"
#include "cli/tool_context.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/host/host_ids.h"
#include "common/model/guest.h"
#include "common/model/sid.h"
#include "lrm/agents/vm_config.h"
#include "lrm/agents/vm_image.h"
#include "lrm/agents/volume.h"

enum { MACHINE_DISKS_MAX = 1000 };

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

static int remove_image(const char *path, struct error *err)
{
    if (unlink(path) < 0 && errno != ENOENT) {
        int code = errno;
        return error_set_errno(err, -code, "cannot remove '%s'", path);
    }
    return 0;
}

static const struct guest_volumes_kind disk_volumes = {.has_key = key_is_disk,
                                                       .remove = remove_image};

// A name that no file on the storage has.
static int make_image(struct cli *cli, const struct tool_context *context, struct guest *guest,
                      const char *key, const char *value, struct error *err)
{
    const char *storage = NULL;
    const char *rest = value + strcspn(value, ",");
    int64_t gib = 0;
    if (!guest_volumes_parse_new(cli->arena, value, &storage, &gib)) {
        return 0;
    }
    bool qcow2 = strstr(rest, ",format=qcow2") != NULL;
    const char *format = qcow2 ? "qcow2" : "raw";
    int r = guest_volumes_check_storage(cli, context, storage, err);
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
        if (r == 0 && key_is_disk(e->key)) {
            r = make_image(cli, context, guest, e->key, e->value, err);
        }
    }
    if (r < 0 && guest_machine_remove(cli, context, guest, before, NULL) < 0) {
        return error_prefix(err, "images stay behind");
    }
    return r;
}

int guest_machine_remove(struct cli *cli, const struct tool_context *context,
                         const struct guest *guest, const struct guest *before, struct error *err)
{
    return guest_volumes_remove_own(cli, context, guest, before, &disk_volumes, err);
}
