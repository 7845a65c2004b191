// SPDX-License-Identifier: Apache-2.0
// ha-guest storage: definitions of storages, and how the nodes find them.
#include <inttypes.h>
#include <string.h>

#include "cli/command_line.h"
#include "cli/guest_tool.h"
#include "cli/storage_edit.h"
#include "cli/tool_context.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/model/storage.h"
#include "common/model/storage_state.h"

// The keys of a storage as options of the command line.
static const char *const option_keys[] = {"path",    "shared", "mountpoint", "server",  "export",
                                          "options", "nodes",  "on-loss",    "disable", "content"};

static struct json *storage_row(struct cli *cli, const struct storage *storage)
{
    struct json *row = json_new_object(cli->arena);
    json_put_string(row, "storage", storage->id);
    json_put_string(row, "type", storage_type_to_string(storage->type));
    json_put_string(row, "path", storage->path);
    json_put_int(row, "shared", storage->shared ? 1 : 0);
    json_put_string(row, "nodes", storage_nodes_text(cli->arena, storage));
    json_put_int(row, "enabled", storage->disabled ? 0 : 1);
    if (storage->type == STORAGE_TYPE_NFS) {
        json_put_string(row, "server", storage->server);
        json_put_string(row, "export", storage->export);
        json_put_string(row, "options", storage->options);
    } else if (storage->is_mount) {
        json_put_int(row, "mountpoint", 1);
    }
    json_put_string(row, "on-loss", storage_loss_to_string(storage->on_loss));
    return row;
}

static int book_open(struct cli *cli, struct tool_context *context, struct storage_book *ret,
                     struct error *err)
{
    int r = tool_context_open(cli, context, err);
    if (r == 0) {
        r = storage_book_read(cli->arena, &context->session, ret, err);
    }
    if (r == 0 && ret->problem != NULL) {
        cli_warn(cli, "%s", ret->problem);
    }
    return r;
}

int guest_storage_list(struct cli *cli, struct error *err)
{
    static const struct output_column columns[] = {{.key = "storage"}, {.key = "type"},
                                                   {.key = "path"},    {.key = "shared"},
                                                   {.key = "nodes"},   {.key = "enabled"}};
    struct tool_context context CLEANUP(tool_context_close) = {0};
    struct json *rows = json_new_array(cli->arena);
    struct storage_book book;
    int r = book_open(cli, &context, &book, err);
    if (r < 0) {
        return r;
    }
    map_each (e, &book.storages) {
        json_append(rows, storage_row(cli, e->value));
    }
    output_list(&cli->output, rows, columns, ARRAY_SIZE(columns), &cli->out);
    return 0;
}

// ---- How the nodes find them.

static const char *mebibytes(struct cli *cli, int64_t bytes)
{
    return bytes > 0 ? arena_printf(cli->arena, "%" PRId64, bytes / (1024 * 1024)) : NULL;
}

static struct json *state_row(struct cli *cli, const char *node, const char *id,
                              const struct storage_state *state)
{
    struct json *row = json_new_object(cli->arena);
    json_put_string(row, "node", node);
    json_put_string(row, "storage", id);
    json_put_string(row, "condition", storage_condition_to_string(state->condition));
    if (cli->output.format == OUTPUT_FORMAT_TEXT) {
        json_put_string(row, "total", mebibytes(cli, state->total_bytes));
        json_put_string(row, "available", mebibytes(cli, state->available_bytes));
    } else if (state->total_bytes > 0) {
        json_put_int(row, "total", state->total_bytes);
        json_put_int(row, "available", state->available_bytes);
    }
    json_put_string(row, "reason", state->reason);
    return row;
}

int guest_storage_status(struct cli *cli, struct error *err)
{
    static const struct output_column columns[] = {
        {.key = "node"},
        {.key = "storage"},
        {.key = "condition"},
        {.key = "total", .title = "total MiB", .right = true},
        {.key = "available", .title = "available MiB", .right = true},
        {.key = "reason"}};
    struct tool_context context CLEANUP(tool_context_close) = {0};
    struct json *rows = json_new_array(cli->arena);
    struct storage_book book;
    const char *only = cli_text(cli, "storage");
    int r = book_open(cli, &context, &book, err);
    if (r < 0) {
        return r;
    }
    map_each (n, &book.states) {
        map_each (e, (const struct map *)n->value) {
            if (only == NULL || strcmp(only, e->key) == 0) {
                json_append(rows, state_row(cli, n->key, e->key, e->value));
            }
        }
    }
    output_list(&cli->output, rows, columns, ARRAY_SIZE(columns), &cli->out);
    return 0;
}

// ---- Definitions.

static void storage_fill_request(struct cli *cli, struct storage_request *request)
{
    storage_request_init(cli->arena, request);
    for (size_t i = 0; i < ARRAY_SIZE(option_keys); i++) {
        if (cli_has(cli, option_keys[i])) {
            map_put(&request->set, option_keys[i],
                    arena_strdup(cli->arena, cli_text(cli, option_keys[i])));
        }
    }
}

int guest_storage_add(struct cli *cli, struct error *err)
{
    struct tool_context context CLEANUP(tool_context_close) = {0};
    struct storage_request request;
    storage_fill_request(cli, &request);
    int r = tool_context_open(cli, &context, err);
    return r < 0 ? r
                 : storage_add(cli->arena, &context.session, &context.view, cli_text(cli, "type"),
                               cli_text(cli, "storage"), &request, err);
}

int guest_storage_set(struct cli *cli, struct error *err)
{
    struct tool_context context CLEANUP(tool_context_close) = {0};
    struct storage_request request;
    storage_fill_request(cli, &request);
    int r = tool_context_open(cli, &context, err);
    return r < 0 ? r
                 : storage_change(cli->arena, &context.session, &context.view,
                                  cli_text(cli, "storage"), &request, err);
}

int guest_storage_remove(struct cli *cli, struct error *err)
{
    struct tool_context context CLEANUP(tool_context_close) = {0};
    int r = tool_context_open(cli, &context, err);
    return r < 0 ? r
                 : storage_remove(cli->arena, &context.session, &context.view,
                                  cli_text(cli, "storage"), err);
}
