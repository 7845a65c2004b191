// SPDX-License-Identifier: Apache-2.0
// A move is the master's decision: this sends the wish, and tells what rules will make of it.
#include "cli/move_request.h"

#include <errno.h>
#include <string.h>

#include "cli/cluster_view.h"
#include "cli/command_line.h"
#include "cli/move_effects.h"
#include "cli/session.h"
#include "cli/tool_context.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/strbuf.h"
#include "common/model/service.h"
#include "common/model/sid.h"

// Says which others move along, and fails when others on the target keep it away.
static int move_tell_effects(struct cli *cli, const struct tool_context *context,
                             const struct command *command, struct error *err)
{
    struct move_effects effects = {0};
    struct strbuf blocking CLEANUP(strbuf_done) = {0};
    int r = move_effects_find(cli->arena, &context->session, &context->view, command->sid,
                              command->node, &effects, err);
    if (r < 0) {
        return r;
    }
    for (size_t i = 0; i < effects.blocking_count; i++) {
        strbuf_appendf(&blocking, "%s%s", i > 0 ? ", " : "", effects.blocking[i]);
    }
    if (effects.blocking_count > 0) {
        return error_set(err, -EBUSY,
                         "'%s' must not be on the same node as these, which are on '%s': %s",
                         command->sid, command->node, strbuf_text(&blocking));
    }
    for (size_t i = 0; cli->output.format == OUTPUT_FORMAT_TEXT && i < effects.along_count; i++) {
        cli_printf(cli, "'%s' moves along to '%s'\n", effects.along[i], command->node);
    }
    return 0;
}

int move_request(struct cli *cli, enum command_kind kind, struct error *err)
{
    struct tool_context context CLEANUP(tool_context_close) = {0};
    struct command command = {.kind = kind, .node = cli_text(cli, "node")};
    int r = tool_context_open_service(cli, &context, &command.sid, err);
    if (r == 0) {
        r = session_check_node(cli->arena, &context.session, command.node, err);
    }
    if (r < 0) {
        return r;
    }
    const struct service *service = map_find(&context.view.services, command.sid);
    if (kind == COMMAND_KIND_MIGRATE && service != NULL && service->state == SVC_STATE_STARTED &&
        sid_is_of(command.sid, "ct")) {
        cli_warn(cli, "containers cannot move while they run: '%s' is stopped and started again",
                 command.sid);
    }
    r = tool_context_command(cli, &context, &command, err);
    return r < 0 ? r : move_tell_effects(cli, &context, &command, err);
}
