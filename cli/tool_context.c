// SPDX-License-Identifier: Apache-2.0
// The beginning and the end of a tool's work.
#include "cli/tool_context.h"

#include <errno.h>
#include <string.h>

#include "cli/cluster_command.h"
#include "cli/command_line.h"
#include "cli/resource_edit.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/strbuf.h"
#include "common/host/config.h"
#include "common/host/host_clock.h"
#include "common/model/command.h"
#include "common/model/store_keys.h"
#include "common/model/timing.h"
#include "common/port/clock.h"
#include "common/port/store.h"
#include "lrm/agents/ocf_definition.h"

enum { TOOL_WAIT_MS = 30000 }; // for the answer of a master that may just be elected

static int64_t tool_stale_s(struct arena *arena)
{
    struct config config;
    struct timing timing;
    config_init(&config);
    // A configuration that cannot be read is the daemons' complaint; here it only means the
    // default.
    if (config_load(arena, &config, NULL) < 0) {
        config_init(&config);
    }
    timing_get(config.profile, &timing);
    return timing.stale_ms / 1000;
}

int tool_context_open(struct cli *cli, struct tool_context *ret, struct error *err)
{
    struct tool_context context CLEANUP(tool_context_close) = {0};
    struct clock clock;
    int r = session_open(cli->arena, &context.session, err);
    if (r == 0) {
        r = cluster_view_read(cli->arena, &context.session, &context.view, err);
    }
    if (r < 0) {
        return r;
    }
    for (size_t i = 0; i < context.view.problems_count; i++) {
        cli_warn(cli, "%s", context.view.problems[i]);
    }
    host_clock_init(&clock);
    context.now_s = clock_wall_s(&clock);
    context.stale_s = tool_stale_s(cli->arena);
    *ret = context;
    context.session.client = NULL; // it is the caller's now
    return 0;
}

int tool_context_open_to_write(struct cli *cli, struct tool_context *ret, struct error *err)
{
    struct tool_context context CLEANUP(tool_context_close) = {0};
    int r = tool_context_open(cli, &context, err);
    if (r == 0) {
        r = session_need_quorum(&context.session, err);
    }
    if (r < 0) {
        return r;
    }
    *ret = context;
    context.session.client = NULL; // it is the caller's now
    return 0;
}

int tool_context_open_service(struct cli *cli, struct tool_context *ret, const char **ret_sid,
                              struct error *err)
{
    struct tool_context context CLEANUP(tool_context_close) = {0};
    const char *sid = NULL;
    int r = tool_context_open_to_write(cli, &context, err);
    if (r == 0) {
        r = cluster_view_resolve(cli->arena, &context.view, cli_text(cli, "sid"), &sid, err);
    }
    if (r == 0) {
        r = resource_check_commandable(&context.view, sid, err);
    }
    if (r < 0) {
        return r;
    }
    *ret_sid = sid;
    *ret = context;
    context.session.client = NULL; // it is the caller's now
    return 0;
}

void tool_context_close(struct tool_context *context)
{
    session_close(&context->session);
}

static void tool_print_answer(struct cli *cli, const struct command *command, const char *answer)
{
    struct json *json = json_new_object(cli->arena);
    if (cli->output.format == OUTPUT_FORMAT_TEXT) {
        if (answer != NULL) {
            cli_printf(cli, "%s\n", answer);
        }
        return;
    }
    json_put_string(json, "id", command->id);
    json_put_string(json, "sid", command->sid);
    json_put_string(json, "requested-node", command->node);
    json_put_string(json, "result", answer);
    output_document(&cli->output, json, &cli->out);
}

int tool_context_command(struct cli *cli, const struct tool_context *context,
                         struct command *command, struct error *err)
{
    int r = cluster_command_send(cli->arena, &context->session, command, err);
    if (r < 0) {
        return r;
    }
    if (cli_bool(cli, "wait")) {
        r = cluster_command_wait(cli->arena, &context->session, command, TOOL_WAIT_MS, err);
        if (r < 0) {
            return r;
        }
        tool_print_answer(cli, command, "ok");
        return 0;
    }
    if (!cluster_command_has_taker(&context->view, context->now_s, context->stale_s)) {
        cli_warn(cli, "no master is active now: the command stays queued until there is one");
    }
    tool_print_answer(cli, command, NULL);
    return 0;
}

static void tool_complete_keys(const struct map *map, struct strbuf *out)
{
    map_each (e, map) {
        strbuf_appendf(out, "%s\n", e->key);
    }
}

static void tool_complete_storages(struct arena *arena, const struct session *session,
                                   struct strbuf *out)
{
    struct store_entries entries;
    strbuf_append(out, "local\n");
    if (store_read(session->store, STORE_PREFIX_STORAGE, 0, arena, &entries, NULL) < 0) {
        return;
    }
    for (size_t i = 0; i < entries.count; i++) {
        strbuf_appendf(out, "%s\n", entries.entries[i].key + strlen(STORE_PREFIX_STORAGE));
    }
}

// "heartbeat:pgsql" and so on: what is installed on this node.
static void tool_complete_agents(struct arena *arena, struct strbuf *out)
{
    struct map names;
    map_init_arena(&names, arena);
    ocf_agents_list(arena, &names);
    tool_complete_keys(&names, out);
}

void tool_context_complete(struct arena *arena, const struct cli_param *param, struct strbuf *out)
{
    struct tool_context context CLEANUP(tool_context_close) = {0};
    const char *what = param->value != NULL ? param->value : param->name;
    if (strcmp(what, "provider:type") == 0) {
        tool_complete_agents(arena, out);
        return;
    }
    // Without a cluster there is nothing else to offer.
    if (session_open(arena, &context.session, NULL) < 0 ||
        cluster_view_read(arena, &context.session, &context.view, NULL) < 0) {
        return;
    }
    if (strcmp(what, "sid") == 0) {
        tool_complete_keys(&context.view.guests, out);
    } else if (strcmp(what, "resource") == 0) {
        tool_complete_keys(&context.view.resources, out);
    } else if (strcmp(what, "storage") == 0) {
        tool_complete_storages(arena, &context.session, out);
    }
    for (size_t i = 0; strcmp(what, "node") == 0 && i < context.view.members.count; i++) {
        strbuf_appendf(out, "%s\n", context.view.members.members[i].node);
    }
}
