// SPDX-License-Identifier: Apache-2.0
// Hardware addresses and mounts' folders.
#include "cli/guest_container.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/command_line.h"
#include "cli/guest_edit.h"
#include "cli/guest_template.h"
#include "cli/guest_volumes.h"
#include "cli/tool_context.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/host/host_ids.h"
#include "common/model/guest.h"
#include "common/model/sid.h"
#include "lrm/agents/ct_config_devices.h"
#include "lrm/agents/volume.h"

enum { CONTAINER_FOLDERS_MAX = 1000 };

void guest_container_give_addresses(struct arena *arena, struct guest *guest)
{
    const struct guest *before = guest_clone(arena, guest);
    map_each (e, &before->config) {
        const char *value = e->value;
        bool has = strncmp(value, "hwaddr=", 7) == 0 || strstr(value, ",hwaddr=") != NULL;
        if (ct_config_index(e->key, "net") < 0 || has) {
            continue;
        }
        struct ids ids;
        host_ids_init(&ids);
        const char *id = ids_next(&ids, arena); // its first eight digits are random
        map_put(&guest->config, e->key,
                arena_printf(arena, "%s,hwaddr=02:%.2s:%.2s:%.2s:%.2s:%.2s", value, id, id + 2,
                             id + 4, id + 6, id + 9));
    }
}

static bool key_is_mount(const char *key)
{
    return ct_config_index(key, "mp") >= 0;
}

static const struct guest_volumes_kind mount_volumes = {.has_key = key_is_mount,
                                                        .remove = guest_template_remove};

static int make_folder(struct cli *cli, const struct tool_context *context, struct guest *guest,
                       const char *key, const char *value, struct error *err)
{
    const char *storage = NULL;
    int64_t gib = 0;
    if (!guest_volumes_parse_new(cli->arena, value, &storage, &gib)) {
        return 0;
    }
    int r = guest_volumes_check_storage(cli, context, storage, err);
    for (int i = 0; r == 0 && i < CONTAINER_FOLDERS_MAX; i++) {
        const char *path = NULL;
        bool shared = false;
        const char *volume =
            arena_printf(cli->arena, "%s:ct-%s-disk-%d", storage, sid_name(guest->sid), i);
        r = volume_resolve(cli->arena, context->session.store, volume, &path, &shared, err);
        if (r == 0 && mkdir(path, 0755) == 0) {
            map_put(&guest->config, key,
                    arena_printf(cli->arena, "%s%s,size=%lldG", volume, value + strcspn(value, ","),
                                 (long long)gib));
            return 0;
        }
        if (r == 0 && errno != EEXIST) {
            r = error_set_errno(err, -errno, "cannot create '%s'", path);
        }
    }
    return r < 0 ? error_prefix(err, "%s", key)
                 : error_set(err, -ENOSPC, "%s: there are too many folders already", key);
}

int guest_container_make(struct cli *cli, const struct tool_context *context, struct guest *guest,
                         struct error *err)
{
    int r = guest_check_definition(guest, err); // a size is as good as a name, to be checked
    const struct guest *before = guest_clone(cli->arena, guest);
    map_each (e, &before->config) {
        if (r == 0 && key_is_mount(e->key)) {
            r = make_folder(cli, context, guest, e->key, e->value, err);
        }
    }
    guest_container_give_addresses(cli->arena, guest);
    if (r < 0 && guest_container_remove(cli, context, guest, before, NULL) < 0) {
        return error_prefix(err, "folders stay behind");
    }
    return r;
}

int guest_container_remove(struct cli *cli, const struct tool_context *context,
                           const struct guest *guest, const struct guest *before, struct error *err)
{
    return guest_volumes_remove_own(cli, context, guest, before, &mount_volumes, err);
}
