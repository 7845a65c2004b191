// SPDX-License-Identifier: Apache-2.0
// ha-guest import: a guest from an existing configuration file, with its volumes where they are on
// our storages.
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/command_line.h"
#include "cli/guest_container.h"
#include "cli/guest_record.h"
#include "cli/guest_tool.h"
#include "cli/import_file.h"
#include "cli/tool_context.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/parse.h"
#include "common/host/file.h"
#include "common/host/host_ids.h"
#include "common/model/guest.h"
#include "common/model/sid.h"
#include "common/model/storage.h"
#include "common/port/store.h"
#include "lrm/agents/volume.h"

struct importing {
    struct cli *cli;
    const struct tool_context *context;
    const char *number; // "100"
    bool is_here;       // its place is this node, so that one can look
};

// "local-lvm=shared,nas=nas1": how a storage is called here; a name alone stands for all.
static const char *storage_here(struct importing *importing, const char *storage)
{
    const char *map = cli_text(importing->cli, "storage");
    struct parse_words words = parse_list(importing->cli->arena, map != NULL ? map : "");
    for (size_t i = 0; i < words.count; i++) {
        const char *equals = strchr(words.words[i], '=');
        size_t length = equals != NULL ? (size_t)(equals - words.words[i]) : 0;
        if (equals == NULL) {
            return words.words[i];
        }
        if (strlen(storage) == length && strncmp(words.words[i], storage, length) == 0) {
            return equals + 1;
        }
    }
    return storage;
}

// Other programs put volumes into folders of a storage that they do not name.
static const char *find_file(struct importing *importing, const char *folder, const char *volume)
{
    static const char *const folders[] = {"", "images/", "private/", "template/"};
    static const char *const endings[] = {"", ".raw", ".qcow2"};
    struct arena *arena = importing->cli->arena;
    const char *slash = strrchr(volume, '/');
    const char *base = slash != NULL ? slash + 1 : volume;
    const char *names[2 * (ARRAY_SIZE(folders) + ARRAY_SIZE(endings))];
    size_t count = 0;
    for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
        names[count++] = arena_printf(arena, "%s%s", folders[i], volume);
    }
    for (size_t i = 0; i < ARRAY_SIZE(endings); i++) {
        names[count++] = arena_printf(arena, "%s%s", base, endings[i]);
        names[count++] = arena_printf(arena, "images/%s/%s%s", importing->number, base, endings[i]);
    }
    for (size_t i = 0; i < count; i++) {
        struct stat st;
        if (stat(arena_printf(arena, "%s/%s", folder, names[i]), &st) == 0) {
            return names[i];
        }
    }
    return NULL;
}

static int find_volume(void *userdata, const char *storage, const char *volume,
                       const char **ret_name, const char **ret_note, struct error *err)
{
    struct importing *importing = userdata;
    struct arena *arena = importing->cli->arena;
    const char *id = storage_here(importing, storage);
    const char *unused = NULL;
    struct storage *here = NULL;
    if (!storage_volume_split(arena, arena_printf(arena, "%s:%s", id, volume), &unused, &unused)) {
        return error_set(err, -EINVAL, "'%s:%s' is neither <storage>:<volume> nor an absolute path",
                         storage, volume);
    }
    int r = volume_find_storage(arena, importing->context->session.store, id, &here, err);
    if (r < 0) {
        return r == -ENOENT && strcmp(id, storage) == 0
                   ? error_set(err, -EINVAL,
                               "storage '%s' is not defined: say what it is called here with "
                               "--storage %s=NAME",
                               storage, storage)
                   : r;
    }
    const char *name = importing->is_here ? find_file(importing, here->path, volume) : volume;
    if (name == NULL) {
        name = volume;
        *ret_note = arena_printf(arena, "'%s/%s' is not there on this node", here->path, name);
    }
    *ret_name = arena_printf(arena, "%s:%s", id, name);
    return 0;
}

// "/etc/x/100.conf" → "100".
static int find_sid(struct cli *cli, const struct import *import, const char **ret,
                    struct error *err)
{
    const char *typed = cli_text(cli, "sid");
    const char *type = import_file_is_container(import) ? "ct" : "vm";
    if (typed == NULL) {
        const char *slash = strrchr(import->file, '/');
        const char *base = slash != NULL ? slash + 1 : import->file;
        typed = arena_memdup(cli->arena, base, strspn(base, "0123456789"));
    }
    const char *sid =
        strchr(typed, ':') != NULL ? typed : arena_printf(cli->arena, "%s:%s", type, typed);
    if (sid_check(sid, NULL) < 0) {
        return cli_has(cli, "sid")
                   ? cli_reject(cli, "sid", "'%s' is not of the form ct:<number> or vm:<number>",
                                typed)
                   : error_set(err, -EINVAL,
                               "%s: its name does not begin with a guest's number: say it with "
                               "--sid",
                               import->file);
    }
    if (!sid_is_of(sid, type)) {
        return cli_reject(cli, "sid", "the file is that of a %s",
                          strcmp(type, "ct") == 0 ? "container (ct)" : "machine (vm)");
    }
    *ret = sid;
    return 0;
}

static void import_complete(struct cli *cli, struct guest *guest)
{
    struct ids ids;
    if (sid_is_of(guest->sid, "ct")) {
        guest_container_give_addresses(cli->arena, guest);
    } else if (!map_has(&guest->config, "uuid")) {
        host_ids_init(&ids);
        map_put(&guest->config, "uuid", arena_strdup(cli->arena, ids_next(&ids, cli->arena)));
    }
}

static int import_define(struct importing *importing, struct import *import, const char *sid,
                         struct error *err)
{
    struct cli *cli = importing->cli;
    const char *node = cli_text(cli, "node");
    node = node != NULL ? node : importing->context->session.node;
    struct guest *guest = guest_new(cli->arena, sid, node);
    importing->number = sid_name(sid);
    importing->is_here = strcmp(node, importing->context->session.node) == 0;
    int r = session_check_node(cli->arena, &importing->context->session, node, err);
    if (r == 0) {
        r = import_file_translate(import, guest, err);
    }
    if (r < 0) {
        return r;
    }
    for (size_t i = 0; i < import->notes_count; i++) {
        cli_warn(cli, "%s", import->notes[i]);
    }
    import_complete(cli, guest);
    if (cli_bool(cli, "dry-run")) {
        cli_printf(cli, "node: %s\n", guest->node);
        map_each (e, &guest->config) {
            cli_printf(cli, "%s: %s\n", e->key, (const char *)e->value);
        }
        return 0;
    }
    r = guest_record_write(cli, importing->context, guest, STORE_ABSENT, err);
    if (r == 0) {
        cli_printf(cli, "'%s' is defined on node '%s'\n", guest->sid, guest->node);
    }
    return r;
}

int guest_import(struct cli *cli, struct error *err)
{
    struct tool_context context CLEANUP(tool_context_close) = {0};
    struct importing importing = {.cli = cli, .context = &context};
    struct import import = {.arena = cli->arena,
                            .file = cli_text(cli, "file"),
                            .find_volume = find_volume,
                            .userdata = &importing};
    char *text = NULL;
    size_t size = 0;
    const char *sid = NULL;
    int r = file_read(cli->arena, import.file, IMPORT_FILE_MAX, &text, &size, err);
    if (r == 0) {
        r = import_file_parse(&import, text, size, err);
    }
    if (r == 0) {
        r = find_sid(cli, &import, &sid, err);
    }
    if (r == 0) {
        r = tool_context_open(cli, &context, err);
    }
    if (r == 0 && !cli_bool(cli, "dry-run")) {
        r = session_need_quorum(&context.session, err);
    }
    if (r == 0) {
        r = guest_record_check_free(cli, &context, sid, err);
    }
    return r < 0 ? r : import_define(&importing, &import, sid, err);
}
