// SPDX-License-Identifier: Apache-2.0
// ha-manager add, set, remove, config.
#include <errno.h>
#include <string.h>

#include "cli/cluster_view.h"
#include "cli/command_line.h"
#include "cli/manager_tool.h"
#include "cli/resource_edit.h"
#include "cli/resource_json.h"
#include "cli/tool_context.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/strbuf.h"
#include "common/model/guest.h"
#include "common/model/section_config.h"
#include "common/model/sid.h"
#include "lrm/agents/volume.h"

static const char *const manager_options[] = {"state",          "group",
                                              "failback",       "max_restart",
                                              "max_relocate",   "comment",
                                              "probe",          "probe_interval",
                                              "probe_timeout",  "probe_failures",
                                              "restart_limit",  "restart_window",
                                              "retry_interval", NULL};

// "key=value" lines become prefix + key → value.
static int manager_read_pairs(struct cli *cli, const char *option, const char *prefix,
                              struct map *ret)
{
    const char *at = cli_has(cli, option) ? cli_text(cli, option) : "";
    while (*at != '\0') {
        size_t length = strcspn(at, "\n");
        const char *pair = arena_memdup(cli->arena, at, length);
        const char *equals = strchr(pair, '=');
        if (equals == NULL || equals == pair) {
            return cli_reject(cli, option, "'%s' is not of the form key=value", pair);
        }
        const char *key = arena_printf(cli->arena, "%s%.*s", prefix, (int)(equals - pair), pair);
        if (map_has(ret, key)) {
            return cli_reject(cli, option, "'%.*s' is given twice", (int)(equals - pair), pair);
        }
        map_put(ret, key, arena_strdup(cli->arena, equals + 1));
        at += length + (at[length] == '\n' ? 1 : 0);
    }
    return 0;
}

static int manager_read_request(struct cli *cli, struct resource_request *request)
{
    resource_request_init(cli->arena, request);
    request->thorough = cli_bool(cli, "validate");
    if (cli_has(cli, "agent")) {
        map_put(&request->define, "agent", arena_strdup(cli->arena, cli_text(cli, "agent")));
    }
    int r = manager_read_pairs(cli, "param", "param.", &request->define);
    if (r == 0) {
        r = manager_read_pairs(cli, "verb-timeout", "timeout.", &request->define);
    }
    for (size_t i = 0; manager_options[i] != NULL; i++) {
        if (cli_has(cli, manager_options[i])) {
            map_put(&request->set, manager_options[i],
                    arena_strdup(cli->arena, cli_text(cli, manager_options[i])));
        }
    }
    return r;
}

// A guest on a node's own storage can only ever run on that node: said at once, not at the failure.
static void manager_warn_storage(struct cli *cli, const struct tool_context *context,
                                 const char *typed)
{
    const char *sid = NULL;
    const char *path = NULL;
    bool shared = true;
    if (cluster_view_resolve(cli->arena, &context->view, typed, &sid, NULL) < 0) {
        return;
    }
    const struct guest *guest = map_find(&context->view.guests, sid);
    const char *rootfs = guest != NULL ? map_find(&guest->config, "rootfs") : NULL;
    if (rootfs != NULL && context->view.members.count > 1 &&
        volume_resolve(cli->arena, context->session.store, rootfs, &path, &shared, NULL) == 0 &&
        !shared) {
        cli_warn(cli, "'%s' lies on a storage that is not shared: it cannot run on another node",
                 rootfs);
    }
}

int manager_add(struct cli *cli, struct error *err)
{
    struct tool_context context CLEANUP(tool_context_close) = {0};
    struct resource_request request;
    int r = manager_read_request(cli, &request);
    request.type = cli_text(cli, "type");
    if (r == 0) {
        r = tool_context_open(cli, &context, err);
    }
    if (r < 0) {
        return r;
    }
    r = resource_add(cli->arena, &context.session, &context.view, cli_text(cli, "sid"), &request,
                     err);
    if (r == 0) {
        manager_warn_storage(cli, &context, cli_text(cli, "sid"));
    }
    return r;
}

int manager_set(struct cli *cli, struct error *err)
{
    struct tool_context context CLEANUP(tool_context_close) = {0};
    struct resource_request request;
    int r = manager_read_request(cli, &request);
    request.unset = cli_text(cli, "delete");
    request.digest = cli_text(cli, "digest");
    if (r == 0 && request.set.count == 0 && request.define.count == 0 && request.unset == NULL) {
        return cli_reject(cli, "set", "nothing to change was given");
    }
    if (r == 0) {
        r = tool_context_open(cli, &context, err);
    }
    if (r < 0) {
        return r;
    }
    return resource_change(cli->arena, &context.session, &context.view, cli_text(cli, "sid"),
                           &request, err);
}

int manager_remove(struct cli *cli, struct error *err)
{
    struct tool_context context CLEANUP(tool_context_close) = {0};
    int r = tool_context_open(cli, &context, err);
    if (r < 0) {
        return r;
    }
    enum resource_purge purge = RESOURCE_PURGE_NO;
    if (cli_bool(cli, "purge")) {
        purge = cli_bool(cli, "force") ? RESOURCE_PURGE_FORCE : RESOURCE_PURGE_CHECK;
    }
    return (cli_bool(cli, "forget") ? resource_remove_definition : resource_remove)(
        cli->arena, &context.session, &context.view, cli_text(cli, "sid"), purge, err);
}

// The properties of a stored section by key; comments are decoded.
static void manager_properties(struct arena *arena, const char *text, struct map *ret)
{
    struct section_file file;
    map_init_arena(ret, arena);
    if (section_file_parse(arena, text, strlen(text), &file, NULL) < 0 || file.count != 1) {
        return; // was parsed before
    }
    for (size_t i = 0; i < file.sections[0].count; i++) {
        const struct section_property *property = &file.sections[0].properties[i];
        bool comment = strcmp(property->key, "comment") == 0;
        map_put(ret, property->key,
                comment ? section_comment_decode(arena, property->value)
                        : arena_strdup(arena, property->value));
    }
}

static void manager_print_resource(struct cli *cli, const char *sid, const char *text)
{
    struct map properties;
    manager_properties(cli->arena, text, &properties);
    cli_printf(cli, "%s\n", sid);
    map_each (e, &properties) {
        cli_printf(cli, "\t%s %s\n", e->key, (const char *)e->value);
    }
    cli_printf(cli, "\n");
}

int manager_config(struct cli *cli, struct error *err)
{
    struct tool_context context CLEANUP(tool_context_close) = {0};
    const char *type = cli_text(cli, "type");
    struct json *list = json_new_array(cli->arena);
    int r = tool_context_open(cli, &context, err);
    if (r < 0) {
        return r;
    }
    map_each (e, &context.view.resources) {
        const char *text = map_find(&context.view.texts, e->key);
        if (type != NULL && strcmp(type, sid_type(cli->arena, e->key)) != 0) {
            continue;
        }
        if (cli->output.format == OUTPUT_FORMAT_TEXT) {
            manager_print_resource(cli, e->key, text);
        } else {
            json_append(list, resource_to_json(cli->arena, e->key, text, e->value));
        }
    }
    if (cli->output.format != OUTPUT_FORMAT_TEXT) {
        output_document(&cli->output, list, &cli->out);
    }
    return 0;
}
