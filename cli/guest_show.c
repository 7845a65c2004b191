// SPDX-License-Identifier: Apache-2.0
// ha-guest list, config, and the storages.
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cluster_view.h"
#include "cli/command_line.h"
#include "cli/guest_tool.h"
#include "cli/status_rows.h"
#include "cli/tool_context.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/strbuf.h"
#include "common/model/guest.h"
#include "common/model/service.h"
#include "common/model/sid.h"
#include "common/model/storage.h"
#include "common/model/store_keys.h"
#include "common/port/store.h"
#include "lrm/agents/volume.h"

// What is known of a guest from here: of those on this node the truth, of others what the manager
// knows.
static const char *guest_state(const struct tool_context *context, const struct guest *guest)
{
    const struct service *service = map_find(&context->view.services, guest->sid);
    bool running = false;
    if (strcmp(guest->node, context->session.node) == 0) {
        if (guest_is_running(context, guest, &running, NULL) < 0) {
            return "unknown";
        }
        return running ? "running" : "stopped";
    }
    if (service == NULL || strcmp(service->node, guest->node) != 0) {
        return "unknown";
    }
    if (service->state == SVC_STATE_STARTED && service->running) {
        return "running";
    }
    return service->state == SVC_STATE_STOPPED ? "stopped" : "unknown";
}

static struct json *guest_row(struct cli *cli, const struct tool_context *context,
                              const struct guest *guest)
{
    struct json *row = json_new_object(cli->arena);
    map_each (e, &guest->config) {
        json_put_string(row, e->key, e->value);
    }
    json_put_string(row, "sid", guest->sid);
    json_put_string(row, "node", guest->node);
    json_put_string(row, "lock", guest->lock);
    json_put_string(row, "state", guest_state(context, guest));
    if (map_has(&context->view.resources, guest->sid)) {
        json_put_string(row, "ha", status_shown_state(&context->view, guest->sid));
    }
    return row;
}

int guest_list(struct cli *cli, struct error *err)
{
    static const struct output_column columns[] = {{.key = "sid"},
                                                   {.key = "node"},
                                                   {.key = "state"},
                                                   {.key = "ha"},
                                                   {.key = "lock"},
                                                   {.key = "hostname"},
                                                   {.key = "memory", .right = true},
                                                   {.key = "cores", .right = true},
                                                   {.key = "rootfs"}};
    struct tool_context context CLEANUP(tool_context_close) = {0};
    struct json *rows = json_new_array(cli->arena);
    int r = tool_context_open(cli, &context, err);
    if (r < 0) {
        return r;
    }
    map_each (e, &context.view.guests) {
        json_append(rows, guest_row(cli, &context, e->value));
    }
    output_list(&cli->output, rows, columns, ARRAY_SIZE(columns), &cli->out);
    return 0;
}

int guest_config(struct cli *cli, struct error *err)
{
    struct tool_context context CLEANUP(tool_context_close) = {0};
    const struct guest *guest = NULL;
    struct json *document = NULL;
    int r = tool_context_open(cli, &context, err);
    if (r == 0) {
        r = guest_find(cli, &context, &guest, err);
    }
    if (r < 0) {
        return r;
    }
    if (cli->output.format == OUTPUT_FORMAT_TEXT) {
        cli_printf(cli, "node: %s\n", guest->node);
        if (guest->lock != NULL) {
            cli_printf(cli, "lock: %s\n", guest->lock);
        }
        map_each (e, &guest->config) {
            cli_printf(cli, "%s: %s\n", e->key, (const char *)e->value);
        }
        return 0;
    }
    const char *text = guest_format(cli->arena, guest);
    r = json_parse(cli->arena, text, strlen(text), &document, err);
    if (r == 0) {
        output_document(&cli->output, document, &cli->out);
    }
    return r;
}

static struct json *storage_row(struct cli *cli, const struct storage *storage)
{
    struct json *row = json_new_object(cli->arena);
    struct stat st;
    json_put_string(row, "storage", storage->id);
    json_put_string(row, "type", "dir");
    json_put_string(row, "path", storage->path);
    json_put_int(row, "shared", storage->shared ? 1 : 0);
    json_put_int(row, "here", stat(storage->path, &st) == 0 && S_ISDIR(st.st_mode) ? 1 : 0);
    return row;
}

int guest_storage_list(struct cli *cli, struct error *err)
{
    static const struct output_column columns[] = {{.key = "storage"},
                                                   {.key = "type"},
                                                   {.key = "path"},
                                                   {.key = "shared"},
                                                   {.key = "here", .title = "on this node"}};
    struct tool_context context CLEANUP(tool_context_close) = {0};
    struct json *rows = json_new_array(cli->arena);
    struct store_entries entries;
    struct storage *storage = NULL;
    bool local_defined = false;
    int r = tool_context_open(cli, &context, err);
    if (r == 0) {
        r = store_read(context.session.store, STORE_PREFIX_STORAGE, 0, cli->arena, &entries, err);
    }
    if (r < 0) {
        return r;
    }
    for (size_t i = 0; i < entries.count; i++) {
        const char *id = entries.entries[i].key + strlen(STORE_PREFIX_STORAGE);
        struct error problem = {0};
        local_defined = local_defined || strcmp(id, STORAGE_LOCAL) == 0;
        if (volume_find_storage(cli->arena, context.session.store, id, &storage, &problem) < 0) {
            cli_warn(cli, "%s", problem.text);
            continue;
        }
        json_append(rows, storage_row(cli, storage));
    }
    if (!local_defined &&
        volume_find_storage(cli->arena, context.session.store, STORAGE_LOCAL, &storage, err) == 0) {
        json_append(rows, storage_row(cli, storage));
    }
    output_list(&cli->output, rows, columns, ARRAY_SIZE(columns), &cli->out);
    return 0;
}

int guest_storage_add(struct cli *cli, struct error *err)
{
    struct tool_context context CLEANUP(tool_context_close) = {0};
    struct strbuf text CLEANUP(strbuf_done) = {0};
    struct storage storage = {.id = cli_text(cli, "storage"),
                              .path = cli_text(cli, "path"),
                              .shared = cli_bool(cli, "shared")};
    struct session_value value;
    struct stat st;
    const char *key = arena_printf(cli->arena, STORE_PREFIX_STORAGE "%s", storage.id);
    int r = tool_context_open(cli, &context, err);
    if (r == 0) {
        r = session_need_quorum(&context.session, err);
    }
    if (r == 0) {
        r = session_read(cli->arena, &context.session, key, &value, err);
    }
    if (r < 0) {
        return r;
    }
    if (value.text != NULL) {
        return error_set(err, -EEXIST, "storage '%s' exists already", storage.id);
    }
    if (stat(storage.path, &st) < 0 || !S_ISDIR(st.st_mode)) {
        cli_warn(cli, "'%s' is not a folder on this node", storage.path);
    }
    storage_format(&storage, &text);
    struct store_op op = {.key = key,
                          .value = strbuf_text(&text),
                          .size_bytes = text.size_bytes,
                          .expect = STORE_ABSENT};
    return session_write(&context.session, arena_printf(cli->arena, "storage '%s'", storage.id),
                         &op, 1, err);
}

int guest_storage_remove(struct cli *cli, struct error *err)
{
    struct tool_context context CLEANUP(tool_context_close) = {0};
    const char *id = cli_text(cli, "storage");
    const char *key = arena_printf(cli->arena, STORE_PREFIX_STORAGE "%s", id);
    struct session_value value;
    int r = tool_context_open(cli, &context, err);
    if (r == 0) {
        r = session_need_quorum(&context.session, err);
    }
    if (r == 0) {
        r = session_read(cli->arena, &context.session, key, &value, err);
    }
    if (r < 0) {
        return r;
    }
    if (value.text == NULL) {
        return error_set(err, -ENOENT, "storage '%s' is not defined", id);
    }
    map_each (e, &context.view.guests) {
        const struct guest *guest = e->value;
        const char *rootfs = map_find(&guest->config, "rootfs");
        const char *storage = NULL;
        const char *volume = NULL;
        if (rootfs != NULL && storage_volume_split(cli->arena, rootfs, &storage, &volume) &&
            strcmp(storage, id) == 0) {
            return error_set(err, -EBUSY, "storage '%s' is in use by guest '%s'", id, guest->sid);
        }
    }
    struct store_op op = {.key = key, .expect = value.version};
    return session_write(&context.session, arena_printf(cli->arena, "storage '%s'", id), &op, 1,
                         err);
}
