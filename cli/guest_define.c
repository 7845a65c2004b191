// SPDX-License-Identifier: Apache-2.0
// ha-guest create, set, unlock, destroy: definitions of guests and what belongs to them on
// storages.
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cluster_view.h"
#include "cli/command_line.h"
#include "cli/guest_container.h"
#include "cli/guest_machine.h"
#include "cli/guest_record.h"
#include "cli/guest_template.h"
#include "cli/guest_tool.h"
#include "cli/guest_volumes.h"
#include "cli/resource_edit.h"
#include "cli/tool_context.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/parse.h"
#include "common/model/guest.h"
#include "common/model/sid.h"
#include "common/model/store_keys.h"
#include "common/port/store.h"
#include "lrm/agents/ct_config.h"
#include "lrm/agents/volume.h"

// Options of the commands that are no part of a definition.
static const char *const guest_other_options[] = {"sid",   "template", "storage", "rootfs",
                                                  "purge", "delete",   "quiet",   "help"};

static bool guest_is_other_option(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(guest_other_options); i++) {
        if (strcmp(guest_other_options[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static void guest_read_options(struct cli *cli, struct guest *guest)
{
    map_each (e, &cli->values) {
        if (!guest_is_other_option(e->key)) {
            map_put(&guest->config, e->key, e->value);
        }
    }
}

static int guest_check_folder(const char *what, const char *path, struct error *err)
{
    struct stat st;
    if (stat(path, &st) < 0) {
        int code = errno;
        return error_set_errno(err, -code, "%s: cannot use '%s' on this node", what, path);
    }
    return S_ISDIR(st.st_mode) ? 0
                               : error_set(err, -ENOTDIR, "%s: '%s' is not a folder", what, path);
}

// Decides where the root file system is to be, and makes it when a template is wanted.
static int guest_make_rootfs(struct cli *cli, const struct tool_context *context,
                             struct guest *guest, bool *ret_made, struct error *err)
{
    const char *rootfs = cli_text(cli, "rootfs");
    const char *path = NULL;
    bool shared = false;
    bool make = rootfs == NULL || cli_has(cli, "template");
    int r = 0;
    if (rootfs == NULL) {
        const char *storage = cli_text(cli, "storage");
        rootfs = arena_printf(cli->arena, "%s:ct-%s", storage, sid_name(guest->sid));
        r = guest_volumes_check_storage(cli, context, storage, err);
    }
    map_put(&guest->config, "rootfs", arena_strdup(cli->arena, rootfs));
    if (make && !map_has(&guest->config, "halt-signal")) {
        map_put(&guest->config, "halt-signal",
                arena_strdup(cli->arena, GUEST_TEMPLATE_BUSYBOX_HALT_SIGNAL));
    }
    if (r == 0) {
        r = ct_config_check(guest, err);
    }
    if (r == 0) {
        const char *volume = arena_memdup(cli->arena, rootfs, strcspn(rootfs, ","));
        r = volume_resolve(cli->arena, context->session.store, volume, &path, &shared, err);
    }
    if (r == 0 && !make) {
        r = guest_check_folder("rootfs", path, err);
    }
    if (r == 0 && make) {
        r = guest_template_make(path, err);
    }
    if (r < 0) {
        return r;
    }
    r = guest_container_make(cli, context, guest, err);
    if (r < 0 && make && guest_template_remove(path, NULL) < 0) {
        return error_prefix(err, "'%s' stays behind", path);
    }
    if (r == 0) {
        *ret_made = make;
    }
    return r;
}

static int guest_check_machine_options(struct cli *cli)
{
    static const char *const only_ct[] = {"template", "storage", "rootfs"};
    for (size_t i = 0; i < ARRAY_SIZE(only_ct); i++) {
        if (cli_has(cli, only_ct[i])) {
            return cli_reject(cli, only_ct[i], "is for containers only");
        }
    }
    return 0;
}

static int guest_remove_rootfs(struct cli *cli, const struct tool_context *context,
                               const struct guest *guest, struct error *err)
{
    const char *rootfs = map_find(&guest->config, "rootfs");
    const char *volume = arena_memdup(cli->arena, rootfs, strcspn(rootfs, ","));
    const char *path = NULL;
    bool shared = false;
    int r = volume_resolve(cli->arena, context->session.store, volume, &path, &shared, err);
    return r < 0 ? r : guest_template_remove(path, err);
}

static int guest_remove_volumes(struct cli *cli, const struct tool_context *context,
                                const struct guest *guest, struct error *err)
{
    const char *rootfs = map_find(&guest->config, "rootfs");
    if (sid_is_of(guest->sid, "vm")) {
        return guest_machine_remove(cli, context, guest, NULL, err);
    }
    int r = guest_container_remove(cli, context, guest, NULL, err);
    // Files that we did not put onto a storage are not ours to remove.
    return r == 0 && rootfs != NULL && rootfs[0] != '/'
               ? guest_remove_rootfs(cli, context, guest, err)
               : r;
}

// Its root file system, or the images of its disks.
static int guest_make_volumes(struct cli *cli, const struct tool_context *context,
                              struct guest *guest, bool *ret_made, struct error *err)
{
    if (!sid_is_of(guest->sid, "vm")) {
        return guest_make_rootfs(cli, context, guest, ret_made, err);
    }
    int r = guest_check_machine_options(cli);
    return r < 0 ? r : guest_machine_make(cli, context, guest, err);
}

static int guest_unmake(struct cli *cli, const struct tool_context *context,
                        const struct guest *guest, const struct guest *wanted, bool made)
{
    if (sid_is_of(guest->sid, "vm")) {
        return guest_machine_remove(cli, context, guest, wanted, NULL);
    }
    int r = guest_container_remove(cli, context, guest, wanted, NULL);
    return r == 0 && made ? guest_remove_rootfs(cli, context, guest, NULL) : r;
}

int guest_create(struct cli *cli, struct error *err)
{
    struct tool_context context CLEANUP(tool_context_close) = {0};
    const char *sid = cli_text(cli, "sid");
    bool made = false;
    if (cli_has(cli, "rootfs") && cli_has(cli, "storage")) {
        return cli_reject(cli, "storage", "cannot be given together with rootfs");
    }
    if (sid_check(sid, err) < 0) {
        return cli_reject(cli, "sid", "'%s' is not of the form ct:<number> or vm:<number>", sid);
    }
    int r = tool_context_open_to_write(cli, &context, err);
    if (r == 0) {
        r = guest_record_check_free(cli, &context, sid, err);
    }
    if (r < 0) {
        return r;
    }
    struct guest *guest = guest_new(cli->arena, sid, context.session.node);
    guest_read_options(cli, guest);
    const struct guest *wanted = guest_clone(cli->arena, guest);
    r = guest_make_volumes(cli, &context, guest, &made, err);
    if (r < 0) {
        return r;
    }
    r = guest_record_write(cli, &context, guest, STORE_ABSENT, err);
    // When it is not known whether it was defined, its files must stay.
    if (r < 0 && r != -ETIMEDOUT && guest_unmake(cli, &context, guest, wanted, made) < 0) {
        return error_prefix(err, "its files stay behind");
    }
    return r;
}

static int guest_open_edit(struct cli *cli, struct tool_context *context, struct guest **ret,
                           uint64_t *ret_version, struct error *err)
{
    const struct guest *seen = NULL;
    int r = tool_context_open_to_write(cli, context, err);
    if (r == 0) {
        r = guest_find(cli, context, &seen, err);
    }
    return r < 0 ? r : guest_record_read(cli, context, seen->sid, ret, ret_version, err);
}

int guest_set(struct cli *cli, struct error *err)
{
    struct tool_context context CLEANUP(tool_context_close) = {0};
    struct guest *guest = NULL;
    uint64_t version = 0;
    int r = guest_open_edit(cli, &context, &guest, &version, err);
    if (r < 0) {
        return r;
    }
    struct parse_words unset = {0};
    if (cli_text(cli, "delete") != NULL) {
        unset = parse_list(cli->arena, cli_text(cli, "delete"));
    }
    for (size_t i = 0; i < unset.count; i++) {
        if (!map_remove(&guest->config, unset.words[i])) {
            return error_set(err, -ENOENT, "guest '%s' has no '%s'", guest->sid, unset.words[i]);
        }
    }
    guest_read_options(cli, guest);
    const struct guest *wanted = guest_clone(cli->arena, guest);
    r = sid_is_of(guest->sid, "vm") ? guest_machine_make(cli, &context, guest, err)
                                    : guest_container_make(cli, &context, guest, err);
    if (r == 0) {
        r = guest_record_write(cli, &context, guest, version, err);
        if (r < 0 && r != -ETIMEDOUT && guest_unmake(cli, &context, guest, wanted, false) < 0) {
            return error_prefix(err, "its files stay behind");
        }
    }
    return r;
}

int guest_unlock(struct cli *cli, struct error *err)
{
    struct tool_context context CLEANUP(tool_context_close) = {0};
    struct guest *guest = NULL;
    uint64_t version = 0;
    int r = guest_open_edit(cli, &context, &guest, &version, err);
    if (r < 0 || guest->lock == NULL) {
        return r;
    }
    guest->lock = NULL;
    return guest_record_write(cli, &context, guest, version, err);
}

static int guest_check_destroyable(struct cli *cli, const struct tool_context *context,
                                   const struct guest *guest, struct error *err)
{
    const char *protection = map_find(&guest->config, "protection");
    bool running = false;
    bool protected = false;
    int r = guest_check_here(context, guest, err);
    if (r < 0) {
        return r;
    }
    if (protection != NULL && parse_bool(protection, &protected) == 0 && protected) {
        return error_set(err, -EPERM, "guest '%s' is protected: set protection to 0 first",
                         guest->sid);
    }
    if (map_has(&context->view.resources, guest->sid) && !cli_bool(cli, "purge")) {
        return error_set(err, -EBUSY,
                         "guest '%s' is under HA: remove it there first, or use --purge",
                         guest->sid);
    }
    r = guest_is_running(context, guest, &running, err);
    if (r == 0 && running) {
        r = error_set(err, -EBUSY, "guest '%s' is running: stop it first", guest->sid);
    }
    return r;
}

int guest_destroy(struct cli *cli, struct error *err)
{
    struct tool_context context CLEANUP(tool_context_close) = {0};
    int lock CLEANUP(guest_record_unlock) = -1;
    struct guest *guest = NULL;
    uint64_t version = 0;
    int r = guest_open_edit(cli, &context, &guest, &version, err);
    if (r == 0) {
        lock = guest_record_lock(cli, guest->sid, err);
        r = lock < 0 ? lock : 0;
    }
    if (r == 0) {
        r = guest_check_destroyable(cli, &context, guest, err);
    }
    if (r == 0 && map_has(&context.view.resources, guest->sid)) {
        r = resource_remove(cli->arena, &context.session, &context.view, guest->sid,
                            RESOURCE_PURGE_FORCE, err); // it is gone, whatever rules say
    }
    // From here on nobody starts it; one that was just being started is ended and proved gone.
    if (r == 0) {
        guest->lock = "destroy";
        r = guest_record_write(cli, &context, guest, version, err);
    }
    if (r == 0) {
        r = guest_make_stop(&context, guest, 0, err);
    }
    if (r == 0) {
        r = guest_record_read(cli, &context, guest->sid, &guest, &version, err);
    }
    if (r < 0) {
        return r;
    }
    struct store_op op = {.key = arena_printf(cli->arena, STORE_PREFIX_GUEST "%s", guest->sid),
                          .expect = version};
    r = session_write(&context.session, arena_printf(cli->arena, "guest '%s'", guest->sid), &op, 1,
                      err);
    return r < 0 ? r : guest_remove_volumes(cli, &context, guest, err);
}
