// SPDX-License-Identifier: Apache-2.0
// ha-manager migrate, relocate and crm-command: what goes to the master.
#include <errno.h>
#include <string.h>

#include "cli/command_line.h"
#include "cli/manager_tool.h"
#include "cli/move_request.h"
#include "cli/tool_context.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/strbuf.h"
#include "common/model/command.h"
#include "common/model/service.h"
#include "common/model/sid.h"

int manager_migrate(struct cli *cli, struct error *err)
{
    return move_request(cli, COMMAND_KIND_MIGRATE, err);
}

int manager_relocate(struct cli *cli, struct error *err)
{
    return move_request(cli, COMMAND_KIND_RELOCATE, err);
}

int manager_stop(struct cli *cli, struct error *err)
{
    struct tool_context context CLEANUP(tool_context_close) = {0};
    struct command command = {.kind = COMMAND_KIND_STOP, .timeout_s = cli_int(cli, "timeout")};
    int r = tool_context_open_service(cli, &context, &command.sid, err);
    return r < 0 ? r : tool_context_command(cli, &context, &command, err);
}

static int manager_maintenance(struct cli *cli, enum command_kind kind, struct error *err)
{
    struct tool_context context CLEANUP(tool_context_close) = {0};
    struct command command = {.kind = kind, .node = cli_text(cli, "node")};
    int r = tool_context_open_to_write(cli, &context, err);
    if (r == 0) {
        r = session_check_node(cli->arena, &context.session, command.node, err);
    }
    return r < 0 ? r : tool_context_command(cli, &context, &command, err);
}

int manager_maintenance_enable(struct cli *cli, struct error *err)
{
    return manager_maintenance(cli, COMMAND_KIND_ENABLE_NODE_MAINTENANCE, err);
}

int manager_maintenance_disable(struct cli *cli, struct error *err)
{
    return manager_maintenance(cli, COMMAND_KIND_DISABLE_NODE_MAINTENANCE, err);
}

static int manager_send(struct cli *cli, struct command *command, struct error *err)
{
    struct tool_context context CLEANUP(tool_context_close) = {0};
    int r = tool_context_open_to_write(cli, &context, err);
    return r < 0 ? r : tool_context_command(cli, &context, command, err);
}

int manager_disarm(struct cli *cli, struct error *err)
{
    struct command command = {.kind = COMMAND_KIND_DISARM_HA};
    if (disarm_mode_from_string(cli_text(cli, "resource-mode"), &command.disarm) < 0) {
        return cli_reject(cli, "resource-mode", "is not known"); // not reached: one of the choices
    }
    return manager_send(cli, &command, err);
}

int manager_arm(struct cli *cli, struct error *err)
{
    struct command command = {.kind = COMMAND_KIND_ARM_HA};
    return manager_send(cli, &command, err);
}
