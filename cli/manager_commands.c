// SPDX-License-Identifier: Apache-2.0
// ha-manager migrate, relocate and crm-command: what goes to the master.
#include <errno.h>
#include <string.h>

#include "cli/command_line.h"
#include "cli/manager_tool.h"
#include "cli/resource_edit.h"
#include "cli/tool_context.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/strbuf.h"
#include "common/model/command.h"
#include "common/model/rules.h"
#include "common/model/rules_compile.h"
#include "common/model/service.h"
#include "common/model/sid.h"
#include "common/model/store_keys.h"

// What the rules in force say about the service; NULL when nothing.
static int manager_find_affinity(struct cli *cli, const struct tool_context *context,
                                 const char *sid, const struct affinity_entry **ret,
                                 struct error *err)
{
    struct session_value value;
    struct rule_set set;
    struct map nodes;
    struct map problems;
    *ret = NULL;
    int r = session_read(cli->arena, &context->session, STORE_KEY_RULES, &value, err);
    if (r < 0 || value.text == NULL) {
        return r;
    }
    r = rule_set_parse(cli->arena, value.text, value.size_bytes, &set, err);
    if (r < 0) {
        return error_prefix(err, "rules");
    }
    map_init_arena(&nodes, cli->arena);
    map_init_arena(&problems, cli->arena);
    for (size_t i = 0; i < context->view.members.count; i++) {
        map_put(&nodes, context->view.members.members[i].node, cli);
    }
    *ret = affinity_find(rules_compile(cli->arena, &set, &nodes, &problems), sid);
    return 0;
}

static bool manager_is_on(const struct tool_context *context, const char *sid, const char *node)
{
    const struct service *service = map_find(&context->view.services, sid);
    return service != NULL && (strcmp(service->node, node) == 0 ||
                               (service->target != NULL && strcmp(service->target, node) == 0));
}

// Says which others move along, and fails when others on the target keep it away.
static int manager_tell_affinity(struct cli *cli, const struct tool_context *context,
                                 const struct command *command, struct error *err)
{
    const struct affinity_entry *entry = NULL;
    struct strbuf blocking CLEANUP(strbuf_done) = {0};
    int r = manager_find_affinity(cli, context, command->sid, &entry, err);
    if (r < 0 || entry == NULL) {
        return r;
    }
    map_each (e, &entry->negative) {
        if (manager_is_on(context, e->key, command->node)) {
            strbuf_appendf(&blocking, "%s%s", blocking.size_bytes > 0 ? ", " : "", e->key);
        }
    }
    if (blocking.size_bytes > 0) {
        return error_set(err, -EBUSY,
                         "'%s' must not be on the same node as these, which are on '%s': %s",
                         command->sid, command->node, strbuf_text(&blocking));
    }
    map_each (e, &entry->positive) {
        if (cli->output.format == OUTPUT_FORMAT_TEXT && map_has(&context->view.services, e->key)) {
            cli_printf(cli, "'%s' moves along to '%s'\n", e->key, command->node);
        }
    }
    return 0;
}

static int manager_move(struct cli *cli, enum command_kind kind, struct error *err)
{
    struct tool_context context CLEANUP(tool_context_close) = {0};
    struct command command = {.kind = kind, .node = cli_text(cli, "node")};
    int r = tool_context_open(cli, &context, err);
    if (r == 0) {
        r = session_need_quorum(&context.session, err);
    }
    if (r == 0) {
        r = cluster_view_resolve(cli->arena, &context.view, cli_text(cli, "sid"), &command.sid,
                                 err);
    }
    if (r == 0) {
        r = resource_check_commandable(&context.view, command.sid, err);
    }
    if (r == 0) {
        r = session_check_node(cli->arena, &context.session, command.node, err);
    }
    if (r < 0) {
        return r;
    }
    const struct service *service = map_find(&context.view.services, command.sid);
    if (kind == COMMAND_KIND_MIGRATE && service != NULL && service->state == SVC_STATE_STARTED &&
        strcmp(sid_type(cli->arena, command.sid), "ct") == 0) {
        cli_warn(cli, "containers cannot move while they run: '%s' is stopped and started again",
                 command.sid);
    }
    r = tool_context_command(cli, &context, &command, err);
    return r < 0 ? r : manager_tell_affinity(cli, &context, &command, err);
}

int manager_migrate(struct cli *cli, struct error *err)
{
    return manager_move(cli, COMMAND_KIND_MIGRATE, err);
}

int manager_relocate(struct cli *cli, struct error *err)
{
    return manager_move(cli, COMMAND_KIND_RELOCATE, err);
}

int manager_stop(struct cli *cli, struct error *err)
{
    struct tool_context context CLEANUP(tool_context_close) = {0};
    struct command command = {.kind = COMMAND_KIND_STOP, .timeout_s = cli_int(cli, "timeout")};
    int r = tool_context_open(cli, &context, err);
    if (r == 0) {
        r = session_need_quorum(&context.session, err);
    }
    if (r == 0) {
        r = cluster_view_resolve(cli->arena, &context.view, cli_text(cli, "sid"), &command.sid,
                                 err);
    }
    if (r == 0) {
        r = resource_check_commandable(&context.view, command.sid, err);
    }
    return r < 0 ? r : tool_context_command(cli, &context, &command, err);
}

static int manager_maintenance(struct cli *cli, enum command_kind kind, struct error *err)
{
    struct tool_context context CLEANUP(tool_context_close) = {0};
    struct command command = {.kind = kind, .node = cli_text(cli, "node")};
    int r = tool_context_open(cli, &context, err);
    if (r == 0) {
        r = session_need_quorum(&context.session, err);
    }
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
    int r = tool_context_open(cli, &context, err);
    if (r == 0) {
        r = session_need_quorum(&context.session, err);
    }
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
