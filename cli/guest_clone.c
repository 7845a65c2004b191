// SPDX-License-Identifier: Apache-2.0
// ha-guest clone: a new guest with full copies of a stopped one's volumes. Copies are made under
// hidden names of this node's, renamed when all are complete, and only then the guest is defined: a
// clone that is cut leaves nothing that is defined, and the next one with its number removes what
// it left.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cluster_view.h"
#include "cli/command_line.h"
#include "cli/guest_container.h"
#include "cli/guest_edit.h"
#include "cli/guest_record.h"
#include "cli/guest_template.h"
#include "cli/guest_tool.h"
#include "cli/guest_volumes.h"
#include "cli/tool_context.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/strbuf.h"
#include "common/host/host_ids.h"
#include "common/model/guest.h"
#include "common/model/service.h"
#include "common/model/sid.h"
#include "common/model/storage.h"
#include "common/port/store.h"
#include "lrm/agents/service_task.h"
#include "lrm/agents/volume.h"
#include "lrm/agents/volume_copy.h"

enum { CLONE_NAMES_MAX = 1000 };

// One volume on its way.
struct clone_volume {
    const struct guest_volume *source;
    const char *from;  // absolute
    const char *name;  // of the copy: "<storage>:<volume>"
    const char *draft; // absolute, while it is made
    const char *path;  // absolute, complete
    bool is_draft;     // what there is now
    bool is_complete;
};

struct clone {
    struct cli *cli;
    const struct tool_context *context;
    struct guest *source;
    struct guest *guest; // the new one
    struct clone_volume *volumes;
    size_t count;
    const char *telling; // whose progress is told
};

// --- The new definition. ---

// A machine's "virtio=52:54:00:12:34:56,bridge=vmbr0" without its address, so that it gets one of
// its own; a container's alike.
static const char *drop_address(struct arena *arena, const char *value, bool is_machine)
{
    struct strbuf out CLEANUP(strbuf_done) = {0};
    for (bool first = true;; first = false) {
        size_t length = strcspn(value, ",");
        const char *word = arena_memdup(arena, value, length);
        const char *equals = strchr(word, '=');
        bool is_model = is_machine && equals != NULL && strlen(equals + 1) == 17 &&
                        strchr(equals, ':') != NULL && strncmp(word, "macaddr=", 8) != 0;
        bool is_address =
            strncmp(word, "hwaddr=", 7) == 0 || (is_machine && strncmp(word, "macaddr=", 8) == 0);
        if (!is_address) {
            strbuf_appendf(&out, "%s%.*s", first || out.size_bytes == 0 ? "" : ",",
                           (int)(is_model ? equals - word : (ptrdiff_t)length), word);
        }
        if (value[length] == '\0') {
            return arena_strdup(arena, strbuf_text(&out));
        }
        value += length + 1;
    }
}

static void clone_name(struct clone *clone)
{
    struct map *config = &clone->guest->config;
    const char *name = cli_text(clone->cli, "name");
    bool is_machine = sid_is_of(clone->guest->sid, "vm");
    (void)map_remove(config, "hostname");
    (void)map_remove(config, "name");
    if (name != NULL) {
        map_put(config, is_machine ? "name" : "hostname", arena_strdup(clone->cli->arena, name));
    }
}

static void clone_define(struct clone *clone, const char *sid)
{
    struct arena *arena = clone->cli->arena;
    bool is_machine = sid_is_of(clone->source->sid, "vm");
    struct ids ids;
    clone->guest = guest_clone(arena, clone->source);
    clone->guest->sid = sid;
    clone->guest->node = clone->context->session.node;
    clone->guest->lock = NULL;
    clone->guest->arrival = NULL;
    clone_name(clone);
    map_each (e, &clone->source->config) {
        bool is_net = strncmp(e->key, "net", 3) == 0 && strspn(e->key + 3, "0123456789") > 0;
        if (is_net || (!is_machine && strcmp(e->key, "hwaddr") == 0)) {
            map_put(&clone->guest->config, e->key,
                    arena_strdup(arena, drop_address(arena, e->value, is_machine)));
        }
    }
    (void)map_remove(&clone->guest->config, "hwaddr");
    (void)map_remove(&clone->guest->config, "protection");
    if (is_machine) {
        host_ids_init(&ids);
        map_put(&clone->guest->config, "uuid", arena_strdup(arena, ids_next(&ids, arena)));
    } else {
        guest_container_give_addresses(arena, clone->guest);
    }
}

// --- Where the copies will be. ---

static bool is_there(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

static bool is_planned(const struct clone *clone, const char *name)
{
    for (size_t i = 0; i < clone->count; i++) {
        if (strcmp(clone->volumes[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

// The first name that is free; one that is taken may be the rest of a clone that was cut.
static int plan_name(struct clone *clone, const char *storage, struct clone_volume *volume,
                     struct error *err)
{
    struct arena *arena = clone->cli->arena;
    const char *number = sid_name(clone->guest->sid);
    const char *format = volume->source->format;
    bool is_rootfs = strcmp(volume->source->key, "rootfs") == 0;
    for (int i = is_rootfs ? -1 : 0; i < CLONE_NAMES_MAX; i++) {
        bool shared = false;
        const char *name = format != NULL
                               ? arena_printf(arena, "vm-%s-disk-%d.%s", number, i, format)
                           : i < 0 ? arena_printf(arena, "ct-%s", number)
                                   : arena_printf(arena, "ct-%s-disk-%d", number, i);
        volume->name = arena_printf(arena, "%s:%s", storage, name);
        int r = volume_resolve(arena, clone->context->session.store, volume->name, &volume->path,
                               &shared, err);
        if (r < 0) {
            return r;
        }
        if (!is_there(volume->path) && !is_planned(clone, volume->name)) {
            const char *slash = strrchr(volume->path, '/');
            volume->draft = arena_printf(arena, "%.*s/.%s.clone-%s", (int)(slash - volume->path),
                                         volume->path, name, clone->context->session.node);
            return 0;
        }
    }
    return error_set(err, -ENOSPC, "there are too many volumes of '%s' already", clone->guest->sid);
}

static int plan_volume(struct clone *clone, const struct guest_volume *source, struct error *err)
{
    struct arena *arena = clone->cli->arena;
    struct clone_volume volume = {.source = source};
    const char *storage = NULL;
    const char *rest = NULL;
    bool shared = false;
    bool on_storage = storage_volume_split(arena, source->name, &storage, &rest);
    // A folder of the nodes that is mounted is not the guest's own.
    if (source->is_medium || (!on_storage && strncmp(source->key, "mp", 2) == 0)) {
        return 0;
    }
    const char *target = cli_text(clone->cli, "storage");
    target = target != NULL ? target : storage;
    if (target == NULL) {
        return error_set(err, -EINVAL,
                         "'%s' is on no storage: say where its copy is to be (--storage)",
                         source->name);
    }
    int r = volume_resolve(arena, clone->context->session.store, source->name, &volume.from,
                           &shared, err);
    if (r == 0 && !is_there(volume.from)) {
        r = error_set(err, -ENOENT, "cannot use '%s' on this node", volume.from);
    }
    if (r == 0) {
        r = guest_volumes_check_storage(clone->cli, clone->context, target, err);
    }
    if (r == 0) {
        r = plan_name(clone, target, &volume, err);
    }
    if (r == 0) {
        clone->volumes[clone->count++] = volume;
        map_put(&clone->guest->config, source->key,
                arena_printf(arena, "%s%s", volume.name, source->rest));
    }
    return r;
}

// --- The copies. ---

static void clone_tell(void *userdata, int percent)
{
    struct clone *clone = userdata;
    cli_printf(clone->cli, "%s: %d%%\n", clone->telling, percent);
    cli_flush(clone->cli);
}

static int remove_copy(const char *path, bool is_folder)
{
    if (is_folder) {
        return guest_template_remove(path, NULL);
    }
    return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

static int copy_volume(struct clone *clone, struct clone_volume *volume, struct error *err)
{
    const struct volume_copy copy = {.from = volume->from,
                                     .to = volume->draft,
                                     .format = volume->source->format,
                                     .progress = clone_tell,
                                     .userdata = clone};
    clone->telling = volume->source->key;
    if (remove_copy(volume->draft, copy.format == NULL) < 0) {
        return error_set(err, -EIO, "cannot remove '%s', which an earlier clone has left",
                         volume->draft);
    }
    volume->is_draft = true;
    return volume_copy_run(&copy, err);
}

// A name that somebody else took meanwhile is not taken from him.
static int complete_volume(struct clone_volume *volume, struct error *err)
{
    bool is_folder = volume->source->format == NULL;
    if ((is_folder ? rename(volume->draft, volume->path) : link(volume->draft, volume->path)) < 0) {
        int code = errno;
        return error_set_errno(err, -code, "cannot make '%s'", volume->path);
    }
    volume->is_complete = true;
    if (!is_folder && unlink(volume->draft) < 0) {
        return error_set_errno(err, -errno, "cannot remove '%s'", volume->draft);
    }
    volume->is_draft = false;
    return 0;
}

static void clone_undo(struct clone *clone)
{
    for (size_t i = 0; i < clone->count; i++) {
        const struct clone_volume *volume = &clone->volumes[i];
        bool is_folder = volume->source->format == NULL;
        int r = volume->is_draft ? remove_copy(volume->draft, is_folder) : 0;
        if (r == 0 && volume->is_complete) {
            r = remove_copy(volume->path, is_folder);
        }
        if (r < 0) {
            cli_warn(clone->cli, "cannot remove what was made of '%s'", volume->path);
        }
    }
}

static int clone_make(struct clone *clone, struct error *err)
{
    struct guest_volumes list = {0};
    sigset_t ends;
    sigset_t mask;
    // A signal that asks us to end is noticed where it is waited for; what was made is removed
    // then.
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, &ends, &mask); // cannot fail with these arguments
    int r = guest_volumes_list(clone->cli->arena, clone->source, &list, err);
    clone->volumes = arena_array_of(clone->cli->arena, struct clone_volume, list.count);
    for (size_t i = 0; r == 0 && i < list.count; i++) {
        r = plan_volume(clone, &list.items[i], err);
        r = r < 0 ? error_prefix(err, "%s", list.items[i].key) : 0;
    }
    if (r == 0) {
        r = guest_check_definition(clone->guest, err);
    }
    for (size_t i = 0; r == 0 && i < clone->count; i++) {
        r = copy_volume(clone, &clone->volumes[i], err);
    }
    for (size_t i = 0; r == 0 && i < clone->count; i++) {
        r = complete_volume(&clone->volumes[i], err);
    }
    if (r == 0) {
        r = guest_record_write(clone->cli, clone->context, clone->guest, STORE_ABSENT, err);
    }
    // When it is not known whether it was defined, its files must stay.
    if (r < 0 && r != -ETIMEDOUT) {
        clone_undo(clone);
    }
    (void)sigprocmask(SIG_SETMASK, &mask, NULL); // likewise
    return r;
}

// --- The source. ---

static int check_source(const struct clone *clone, struct error *err)
{
    const struct cluster_view *view = &clone->context->view;
    const struct guest *guest = clone->source;
    const struct service *service = map_find(&view->services, guest->sid);
    bool running = false;
    int r = service_check_place(guest, clone->context->session.node, err);
    if (r < 0) {
        return error_prefix(err, "guest '%s'", guest->sid);
    }
    r = guest_is_running(clone->context, guest, &running, err);
    if (r == 0 && running) {
        return error_set(err, -EBUSY, "guest '%s' runs: stop it first", guest->sid);
    }
    // What HA has to keep running must not find its lock taken.
    if (r == 0 && cluster_view_manages(view, guest->sid) &&
        (service == NULL || service->state != SVC_STATE_STOPPED)) {
        r = error_set(err, -EBUSY, "guest '%s' is under HA, and not stopped: stop it first",
                      guest->sid);
    }
    return r;
}

// "101" or "ct:101".
static int find_sid(struct cli *cli, const struct guest *source, const char **ret,
                    struct error *err)
{
    const char *type = sid_type(cli->arena, source->sid);
    const char *typed = cli_text(cli, "newid");
    const char *sid =
        strchr(typed, ':') != NULL ? typed : arena_printf(cli->arena, "%s:%s", type, typed);
    if (sid_check(sid, err) < 0 || !sid_is_of(sid, type)) {
        return cli_reject(cli, "newid", "'%s' is not a number, or %s and a number", typed, type);
    }
    *ret = sid;
    return 0;
}

static int clone_locked(struct clone *clone, const char *sid, struct error *err)
{
    uint64_t version = 0;
    int source_lock CLEANUP(guest_record_unlock) = -1;
    int service CLEANUP(guest_record_unlock) = -1;
    const char *source = clone->source->sid;
    source_lock = guest_record_lock(clone->cli, source, err);
    int r = source_lock < 0 ? source_lock : 0;
    if (r == 0) {
        r = guest_record_read(clone->cli, clone->context, source, &clone->source, &version, err);
    }
    // Nobody starts it from here on: what is copied does not change.
    if (r == 0) {
        service = service_lock(clone->cli->arena, source, SERVICE_LOCK_WAIT_MS, err);
        r = service < 0 ? service : check_source(clone, err);
    }
    if (r < 0) {
        return r;
    }
    clone_define(clone, sid);
    return clone_make(clone, err);
}

int guest_clone_run(struct cli *cli, struct error *err)
{
    struct tool_context context CLEANUP(tool_context_close) = {0};
    int lock CLEANUP(guest_record_unlock) = -1;
    struct clone clone = {.cli = cli, .context = &context};
    const struct guest *source = NULL;
    const char *sid = NULL;
    int r = tool_context_open_to_write(cli, &context, err);
    if (r == 0) {
        r = guest_find(cli, &context, &source, err);
    }
    if (r == 0) {
        r = find_sid(cli, source, &sid, err);
    }
    if (r == 0) {
        r = guest_check_here(&context, source, err);
    }
    if (r == 0) {
        r = guest_record_check_free(cli, &context, sid, err);
    }
    if (r == 0) {
        lock = guest_record_lock(cli, sid, err);
        r = lock < 0 ? lock : 0;
    }
    if (r == 0) {
        clone.source = guest_clone(cli->arena, source);
        r = clone_locked(&clone, sid, err);
    }
    return r;
}
