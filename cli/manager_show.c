// SPDX-License-Identifier: Apache-2.0
// ha-manager status.
#include <string.h>

#include "cli/command_line.h"
#include "cli/manager_tool.h"
#include "cli/status_rows.h"
#include "cli/tool_context.h"
#include "common/base/json.h"
#include "common/base/strbuf.h"
#include "common/host/cluster_client.h"
#include "common/model/lrm_status.h"
#include "common/model/manager_status.h"
#include "common/model/service.h"

enum { STATUS_CALL_MS = 2000 };

// Between quorum and a store that takes changes lies its synchronisation, which can have to wait.
static void manager_warn_store(struct cli *cli, const struct tool_context *context)
{
    struct json *request = json_new_object(cli->arena);
    struct json *answer = NULL;
    json_put_string(request, "op", "status");
    if (cluster_client_call(context->session.client, cli->arena, request, STATUS_CALL_MS, &answer,
                            NULL) < 0) {
        return; // the status itself was read; this is only more about it
    }
    const char *store = json_find_string(answer, "store");
    if (store != NULL && strcmp(store, "serving") != 0) {
        cli_warn(cli, "the store is %s: no changes are accepted now, what is shown may be old",
                 store);
    }
}

// What proved last that a node ran nothing, and who gets nothing new for now.
static void manager_print_nodes(struct cli *cli, const struct cluster_view *view, int64_t now_s)
{
    map_each (e, &view->manager->nodes) {
        const struct manager_node *node = e->value;
        if (node->fence_proof != NULL) {
            cli_printf(cli, "fenced %s (last by %s: %s)\n", e->key, node->fence_proof,
                       node->fence_evidence != NULL ? node->fence_evidence : "-");
        }
        if (node->held_off_until_s > now_s) {
            cli_printf(cli, "held off %s (it leaves too often: no new services for %lld s)\n",
                       e->key, (long long)(node->held_off_until_s - now_s));
        }
    }
}

// What failed last of a service, with what it printed.
static void manager_print_failure(struct cli *cli, const char *sid, const char *node,
                                  const char *reason, const char *output)
{
    cli_printf(cli, "failed %s on %s: %s\n", sid, node,
               reason != NULL ? reason : "no reason was given");
    const char *at = output != NULL ? output : "";
    while (*at != '\0') {
        size_t length = strcspn(at, "\n");
        cli_printf(cli, "\t%.*s\n", (int)length, at);
        at += length + (at[length] == '\n' ? 1 : 0);
    }
}

// How often it came to that, and what comes next.
static void manager_print_attempts(struct cli *cli, const struct service *service, int64_t now_s)
{
    if (service->attempts == 0) {
        return; // written by an earlier version
    }
    int64_t left_s = service->retry_at_s > now_s ? service->retry_at_s - now_s : 0;
    cli_printf(cli, "\tattempts: %lld, ", (long long)service->attempts);
    if (service->retry_at_s == 0) {
        cli_printf(cli, "the next when it was set to disabled and started again\n");
    } else if (left_s > 0) {
        cli_printf(cli, "the next in %lld s\n", (long long)left_s);
    } else {
        cli_printf(cli, "the next as soon as its node works\n");
    }
}

// What the services' probes said last.
static void manager_print_health(struct cli *cli, const struct cluster_view *view)
{
    map_each (e, &view->lrms) {
        const struct lrm_status *lrm = e->value;
        map_each (r, &lrm->results) {
            const struct lrm_result *result = r->value;
            if (result->health != NULL) {
                cli_printf(cli, "probe %s on %s: %s\n", result->sid, e->key, result->health);
            }
        }
    }
}

static void manager_print_failures(struct cli *cli, const struct cluster_view *view, int64_t now_s)
{
    map_each (e, &view->lrms) {
        const struct lrm_status *lrm = e->value;
        map_each (r, &lrm->results) {
            const struct lrm_result *result = r->value;
            if (result->exit_code != LRM_CODE_SUCCESS) {
                manager_print_failure(cli, result->sid, e->key, result->reason, result->output);
            }
        }
    }
    map_each (e, &view->services) {
        const struct service *service = e->value;
        if (service->halted_by != NULL) {
            cli_printf(cli, "halted %s on %s: it waits for storage '%s'\n", e->key, service->node,
                       service->halted_by);
        }
        if (service->state != SVC_STATE_ERROR) {
            continue;
        }
        manager_print_failure(cli, e->key, service->node, service->error, service->output);
        for (size_t i = 0; i < service->failed_nodes_count; i++) {
            cli_printf(cli, "%s%s%s", i == 0 ? "\tit failed on " : ", ", service->failed_nodes[i],
                       i + 1 == service->failed_nodes_count ? "\n" : "");
        }
        manager_print_attempts(cli, service, now_s);
    }
}

int manager_status(struct cli *cli, struct error *err)
{
    struct tool_context context CLEANUP(tool_context_close) = {0};
    bool verbose = cli_bool(cli, "verbose");
    int r = tool_context_open(cli, &context, err);
    if (r < 0) {
        return r;
    }
    if (context.session.quorate) {
        manager_warn_store(cli, &context);
    }
    struct status_clock clock = {.now_s = context.now_s, .stale_s = context.stale_s};
    struct json *rows = status_rows(cli->arena, &context.view, &clock);
    struct json *documents = verbose ? status_documents(cli->arena, &context.view) : NULL;
    if (cli->output.format != OUTPUT_FORMAT_TEXT) {
        if (verbose) {
            json_put(documents, "status", rows);
        }
        output_document(&cli->output, verbose ? documents : rows, &cli->out);
        return 0;
    }
    for (size_t i = 0; i < rows->count; i++) {
        cli_printf(cli, "%s %s\n", json_find_string(rows->items[i], "type"),
                   json_find_string(rows->items[i], "status"));
    }
    if (verbose) {
        manager_print_nodes(cli, &context.view, context.now_s);
        manager_print_health(cli, &context.view);
        manager_print_failures(cli, &context.view, context.now_s);
        cli_printf(cli, "all that is known:\n");
        output_document(&cli->output, documents, &cli->out);
    }
    return 0;
}
