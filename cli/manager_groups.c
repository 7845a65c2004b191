// SPDX-License-Identifier: Apache-2.0
// ha-manager groupadd, groupset, groupremove, groupconfig.
#include <stddef.h>

#include "cli/command_line.h"
#include "cli/group_edit.h"
#include "cli/manager_tool.h"
#include "cli/tool_context.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/model/groups.h"
#include "common/model/rules.h"

static const char *const group_options[] = {"nodes", "restricted", "nofailback", "comment"};

static void group_fill_request(struct cli *cli, struct group_request *request)
{
    group_request_init(cli->arena, request);
    for (size_t i = 0; i < ARRAY_SIZE(group_options); i++) {
        if (cli_has(cli, group_options[i])) {
            map_put(&request->set, group_options[i],
                    arena_strdup(cli->arena, cli_text(cli, group_options[i])));
        }
    }
}

int manager_group_add(struct cli *cli, struct error *err)
{
    struct tool_context context CLEANUP(tool_context_close) = {0};
    struct group_request request;
    group_fill_request(cli, &request);
    int r = tool_context_open(cli, &context, err);
    return r < 0 ? r
                 : group_add(cli->arena, &context.session, cli_text(cli, "group"), &request, err);
}

int manager_group_set(struct cli *cli, struct error *err)
{
    struct tool_context context CLEANUP(tool_context_close) = {0};
    struct group_request request;
    group_fill_request(cli, &request);
    request.unset = cli_text(cli, "delete");
    request.digest = cli_text(cli, "digest");
    int r = tool_context_open(cli, &context, err);
    return r < 0
               ? r
               : group_change(cli->arena, &context.session, cli_text(cli, "group"), &request, err);
}

int manager_group_remove(struct cli *cli, struct error *err)
{
    struct tool_context context CLEANUP(tool_context_close) = {0};
    int r = tool_context_open(cli, &context, err);
    return r < 0 ? r : group_remove(cli->arena, &context.session, cli_text(cli, "group"), err);
}

static void group_print(struct cli *cli, const struct group *group)
{
    cli_printf(cli, "group: %s\n", group->id);
    if (group->comment != NULL) {
        cli_printf(cli, "\tcomment %s\n", group->comment);
    }
    if (group->nofailback) {
        cli_printf(cli, "\tnofailback 1\n");
    }
    cli_printf(cli, "\tnodes %s\n", rule_nodes_to_text(cli->arena, &group->nodes));
    if (group->restricted) {
        cli_printf(cli, "\trestricted 1\n");
    }
    cli_printf(cli, "\n");
}

static struct json *group_to_json(struct arena *arena, const struct group_set *set,
                                  const struct group *group)
{
    struct json *json = json_new_object(arena);
    json_put_string(json, "group", group->id);
    json_put_string(json, "type", "group");
    json_put_string(json, "digest", set->digest);
    json_put_string(json, "nodes", rule_nodes_to_text(arena, &group->nodes));
    json_put_string(json, "comment", group->comment);
    json_put_int(json, "restricted", group->restricted ? 1 : 0);
    json_put_int(json, "nofailback", group->nofailback ? 1 : 0);
    return json;
}

int manager_group_config(struct cli *cli, struct error *err)
{
    struct tool_context context CLEANUP(tool_context_close) = {0};
    struct group_set set;
    struct json *list = json_new_array(cli->arena);
    int r = tool_context_open(cli, &context, err);
    if (r == 0) {
        r = group_read(cli->arena, &context.session, &set, err);
    }
    if (r < 0) {
        return r;
    }
    for (size_t i = 0; i < set.warnings_count; i++) {
        cli_warn(cli, "groups: %s", set.warnings[i]);
    }
    map_each (e, &set.groups) {
        if (cli->output.format == OUTPUT_FORMAT_TEXT) {
            group_print(cli, e->value);
        } else {
            json_append(list, group_to_json(cli->arena, &set, e->value));
        }
    }
    if (cli->output.format != OUTPUT_FORMAT_TEXT) {
        output_document(&cli->output, list, &cli->out);
    }
    return 0;
}
