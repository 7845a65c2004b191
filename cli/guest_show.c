// SPDX-License-Identifier: Apache-2.0
// ha-guest list and config.
#include <string.h>

#include "cli/cluster_view.h"
#include "cli/command_line.h"
#include "cli/guest_facts.h"
#include "cli/guest_tool.h"
#include "cli/status_rows.h"
#include "cli/tool_context.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/model/guest.h"

// What is known of a guest from here: of those on this node the truth, of others what the manager
// knows.
static const char *guest_state(const struct tool_context *context, const struct guest *guest)
{
    bool running = false;
    if (strcmp(guest->node, context->session.node) != 0) {
        return guest_known_state(&context->view, guest);
    }
    if (guest_is_running(context, guest, &running, NULL) < 0) {
        return "unknown";
    }
    return running ? "running" : "stopped";
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
