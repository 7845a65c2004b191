// SPDX-License-Identifier: Apache-2.0
// ha-manager add, set, remove, config.
#include <errno.h>
#include <string.h>

#include "cli/cluster_view.h"
#include "cli/command_line.h"
#include "cli/manager_tool.h"
#include "cli/resource_edit.h"
#include "cli/tool_context.h"
#include "common/base/arena.h"
#include "common/base/digest.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/strbuf.h"
#include "common/model/guest.h"
#include "common/model/resources.h"
#include "common/model/section_config.h"
#include "common/model/sid.h"
#include "lrm/agents/volume.h"

static const char *const manager_options[] = {"state",        "group",   "failback", "max_restart",
                                              "max_relocate", "comment", NULL};

static void manager_read_request(struct cli *cli, struct resource_request *request)
{
    resource_request_init(cli->arena, request);
    for (size_t i = 0; manager_options[i] != NULL; i++) {
        if (cli_has(cli, manager_options[i])) {
            map_put(&request->set, manager_options[i],
                    arena_strdup(cli->arena, cli_text(cli, manager_options[i])));
        }
    }
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
    manager_read_request(cli, &request);
    request.type = cli_text(cli, "type");
    int r = tool_context_open(cli, &context, err);
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
    manager_read_request(cli, &request);
    request.unset = cli_text(cli, "delete");
    request.digest = cli_text(cli, "digest");
    if (request.set.count == 0 && request.unset == NULL) {
        return cli_reject(cli, "set", "nothing to change was given");
    }
    int r = tool_context_open(cli, &context, err);
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
    return resource_remove(cli->arena, &context.session, &context.view, cli_text(cli, "sid"), purge,
                           err);
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

static struct json *manager_resource_json(struct arena *arena, const char *sid, const char *text,
                                          const struct resource *resource)
{
    struct json *json = json_new_object(arena);
    json_put_string(json, "sid", sid);
    json_put_string(json, "type", sid_type(arena, sid));
    json_put_string(json, "digest", digest_sha1_hex(arena, text, strlen(text)));
    json_put_string(json, "comment", resource->comment);
    json_put_string(json, "group", resource->group);
    if (resource->has_state) {
        json_put_string(json, "state", request_state_to_string(resource->state));
    }
    if (resource->has_failback) {
        json_put_int(json, "failback", resource->failback ? 1 : 0);
    }
    if (resource->has_max_restart) {
        json_put_int(json, "max_restart", resource->max_restart);
    }
    if (resource->has_max_relocate) {
        json_put_int(json, "max_relocate", resource->max_relocate);
    }
    return json;
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
            json_append(list, manager_resource_json(cli->arena, e->key, text, e->value));
        }
    }
    if (cli->output.format != OUTPUT_FORMAT_TEXT) {
        output_document(&cli->output, list, &cli->out);
    }
    return 0;
}
