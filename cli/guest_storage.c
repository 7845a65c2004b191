// SPDX-License-Identifier: Apache-2.0
// ha-guest storage: definitions of storages, and how the nodes find them.
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "cli/cluster_view.h"
#include "cli/command_line.h"
#include "cli/guest_tool.h"
#include "cli/tool_context.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/strbuf.h"
#include "common/model/guest.h"
#include "common/model/storage.h"
#include "common/model/storage_state.h"
#include "common/model/store_keys.h"
#include "common/port/store.h"
#include "lrm/agents/volume.h"

// The keys of a storage as options of the command line.
static const char *const option_keys[] = {"path",    "shared", "mountpoint", "server",  "export",
                                          "options", "nodes",  "on-loss",    "disable", "content"};

static const char *storage_nodes(struct cli *cli, const struct storage *storage)
{
    struct strbuf out CLEANUP(strbuf_done) = {0};
    for (size_t i = 0; i < storage->nodes_count; i++) {
        strbuf_appendf(&out, "%s%s", i > 0 ? "," : "", storage->nodes[i]);
    }
    return storage->nodes_count > 0 ? arena_strdup(cli->arena, strbuf_text(&out)) : NULL;
}

static struct json *storage_row(struct cli *cli, const struct storage *storage)
{
    struct json *row = json_new_object(cli->arena);
    json_put_string(row, "storage", storage->id);
    json_put_string(row, "type", storage_type_to_string(storage->type));
    json_put_string(row, "path", storage->path);
    json_put_int(row, "shared", storage->shared ? 1 : 0);
    json_put_string(row, "nodes", storage_nodes(cli, storage));
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

int guest_storage_list(struct cli *cli, struct error *err)
{
    static const struct output_column columns[] = {{.key = "storage"}, {.key = "type"},
                                                   {.key = "path"},    {.key = "shared"},
                                                   {.key = "nodes"},   {.key = "enabled"}};
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
    struct store_entries entries;
    const char *only = cli_text(cli, "storage");
    int r = tool_context_open(cli, &context, err);
    if (r == 0) {
        r = store_read(context.session.store, STORE_PREFIX_LIVE_STORAGE, 0, cli->arena, &entries,
                       err);
    }
    if (r < 0) {
        return r;
    }
    for (size_t i = 0; i < entries.count; i++) {
        const struct store_entry *entry = &entries.entries[i];
        const char *node = entry->key + strlen(STORE_PREFIX_LIVE_STORAGE);
        struct map states;
        struct error problem = {0};
        if (storage_states_parse(cli->arena, entry->value, entry->size_bytes, &states, &problem) <
            0) {
            cli_warn(cli, "node '%s': %s", node, problem.text);
            continue;
        }
        map_each (e, &states) {
            if (only == NULL || strcmp(only, e->key) == 0) {
                json_append(rows, state_row(cli, node, e->key, e->value));
            }
        }
    }
    output_list(&cli->output, rows, columns, ARRAY_SIZE(columns), &cli->out);
    return 0;
}

// ---- Definitions.

static int storage_take_options(struct cli *cli, struct storage *storage, struct error *err)
{
    for (size_t i = 0; i < ARRAY_SIZE(option_keys); i++) {
        if (!cli_has(cli, option_keys[i])) {
            continue;
        }
        struct error problem = {0};
        if (storage_set(cli->arena, storage, option_keys[i], cli_text(cli, option_keys[i]),
                        &problem) < 0) {
            return error_set(err, -EINVAL, "%s", problem.text);
        }
    }
    return storage_complete(cli->arena, storage, err);
}

static int storage_write(struct cli *cli, struct tool_context *context,
                         const struct storage *storage, uint64_t expect, struct error *err)
{
    struct strbuf text CLEANUP(strbuf_done) = {0};
    storage_format(storage, &text);
    struct store_op op = {.key = arena_printf(cli->arena, STORE_PREFIX_STORAGE "%s", storage->id),
                          .value = strbuf_text(&text),
                          .size_bytes = text.size_bytes,
                          .expect = expect};
    return session_write(&context->session, arena_printf(cli->arena, "storage '%s'", storage->id),
                         &op, 1, err);
}

// Opens the store for changing the definition, and reads it as it is.
static int storage_open(struct cli *cli, struct tool_context *context, struct session_value *ret,
                        struct error *err)
{
    const char *key = arena_printf(cli->arena, STORE_PREFIX_STORAGE "%s", cli_text(cli, "storage"));
    int r = tool_context_open(cli, context, err);
    if (r == 0) {
        r = session_need_quorum(&context->session, err);
    }
    return r == 0 ? session_read(cli->arena, &context->session, key, ret, err) : r;
}

static bool is_node(const struct tool_context *context, const char *name)
{
    const struct member_list *members = &context->view.members;
    for (size_t i = 0; i < members->count; i++) {
        if (strcmp(members->members[i].node, name) == 0) {
            return true;
        }
    }
    return false;
}

static int check_nodes(struct cli *cli, const struct tool_context *context,
                       const struct storage *storage)
{
    for (size_t i = 0; i < storage->nodes_count; i++) {
        if (!is_node(context, storage->nodes[i])) {
            return cli_reject(cli, "nodes", "there is no node '%s'", storage->nodes[i]);
        }
    }
    return 0;
}

int guest_storage_add(struct cli *cli, struct error *err)
{
    struct tool_context context CLEANUP(tool_context_close) = {0};
    struct session_value value;
    enum storage_type type = STORAGE_TYPE_DIR;
    int r = storage_type_from_string(cli_text(cli, "type"), &type);
    if (r < 0) {
        return cli_reject(cli, "type", "expected dir or nfs"); // the table allows no other
    }
    struct storage *storage = storage_new(cli->arena, type, cli_text(cli, "storage"));
    r = storage_take_options(cli, storage, err);
    if (r == 0) {
        r = storage_open(cli, &context, &value, err);
    }
    if (r == 0) {
        r = check_nodes(cli, &context, storage);
    }
    if (r < 0) {
        return r;
    }
    if (value.text != NULL) {
        return error_set(err, -EEXIST, "storage '%s' exists already", storage->id);
    }
    return storage_write(cli, &context, storage, STORE_ABSENT, err);
}

int guest_storage_set(struct cli *cli, struct error *err)
{
    struct tool_context context CLEANUP(tool_context_close) = {0};
    struct session_value value;
    struct storage *storage = NULL;
    const char *id = cli_text(cli, "storage");
    int r = storage_open(cli, &context, &value, err);
    if (r < 0) {
        return r;
    }
    if (value.text == NULL) {
        return error_set(err, -ENOENT, "storage '%s' is not defined", id);
    }
    r = storage_parse(cli->arena, value.text, &storage, err);
    if (r < 0) {
        return error_prefix(err, "storage '%s'", id);
    }
    r = storage_take_options(cli, storage, err);
    if (r == 0) {
        r = check_nodes(cli, &context, storage);
    }
    return r == 0 ? storage_write(cli, &context, storage, value.version, err) : r;
}

static bool guest_uses(struct cli *cli, const struct guest *guest, const char *id)
{
    struct storage_names names = storage_names_of_guest(cli->arena, guest);
    for (size_t i = 0; i < names.count; i++) {
        if (strcmp(names.names[i], id) == 0) {
            return true;
        }
    }
    return false;
}

int guest_storage_remove(struct cli *cli, struct error *err)
{
    struct tool_context context CLEANUP(tool_context_close) = {0};
    const char *id = cli_text(cli, "storage");
    struct session_value value;
    int r = storage_open(cli, &context, &value, err);
    if (r < 0) {
        return r;
    }
    if (value.text == NULL) {
        return error_set(err, -ENOENT, "storage '%s' is not defined", id);
    }
    map_each (e, &context.view.guests) {
        const struct guest *guest = e->value;
        if (guest_uses(cli, guest, id)) {
            return error_set(err, -EBUSY, "storage '%s' is in use by guest '%s'", id, guest->sid);
        }
    }
    struct store_op op = {.key = arena_printf(cli->arena, STORE_PREFIX_STORAGE "%s", id),
                          .expect = value.version};
    return session_write(&context.session, arena_printf(cli->arena, "storage '%s'", id), &op, 1,
                         err);
}
