// SPDX-License-Identifier: Apache-2.0
// What the cluster is, as this node sees it.
#include <errno.h>
#include <string.h>

#include "cli/command_line.h"
#include "cli/ha_cluster.h"
#include "cli/session.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/host/cluster_client.h"
#include "common/host/file.h"
#include "common/host/machine.h"
#include "common/host/paths.h"

static int ask(struct cli *cli, const char *op, struct json *request, struct json **ret,
               struct error *err)
{
    struct cluster_client *client CLEANUP(cluster_client_freep) = NULL;
    int r = cluster_client_connect(&client, err);
    return r < 0 ? r : ha_cluster_call(cli->arena, client, op, request, ret, err);
}

int ha_cluster_explain_name(struct arena *arena, int code, struct error *err)
{
    char *text;
    char *host;
    size_t size;
    struct corosync_conf *conf;
    bool absent = code == -ENOENT || code == -ECONNREFUSED;
    if (absent && machine_node_name(arena, &host, NULL) == 0 &&
        file_read(arena, PATH_COROSYNC_CONF, COROSYNC_CONF_SIZE_MAX, &text, &size, NULL) == 0 &&
        corosync_conf_parse(arena, PATH_COROSYNC_CONF, text, size, &conf, NULL) == 0 &&
        !corosync_conf_is_example(conf) && corosync_conf_find_node(conf, host) == NULL) {
        return error_set(err, code,
                         "this machine is called '%s', but '%s' has no node of that name: a member "
                         "cannot be renamed; set the host name back, or make it a new node "
                         "('ha-cluster delete-node' on another member, then 'leave' and 'join' "
                         "here)",
                         host, PATH_COROSYNC_CONF);
    }
    return code;
}

static void print_link(struct cli *cli, const struct json *link)
{
    int64_t number = 0;
    int64_t latency_us = 0;
    bool connected = false;
    // What cannot be read shows as nothing.
    ignore_result(json_get_int_if(link, "link", 0, COROSYNC_LINKS_MAX, &number, NULL));
    ignore_result(json_get_int_if(link, "latency_us", 0, INT64_MAX, &latency_us, NULL));
    ignore_result(json_get_bool_if(link, "connected", &connected, NULL));
    const char *node = json_find_string(link, "node");
    cli_printf(cli, "%-18s %s", arena_printf(cli->arena, "link%lld", (long long)number),
               node != NULL ? node : "?");
    if (connected) {
        cli_printf(cli, " connected, %.1f ms\n", (double)latency_us / 1000);
    } else {
        cli_printf(cli, " down\n");
    }
}

// What stands in objects and lists of the document.
static void print_parts(struct cli *cli, const struct json *status)
{
    const struct json *watchdog = json_find(status, "watchdog");
    const struct json *timing = json_find(status, "timing");
    const struct json *links = json_find(status, "links");
    const char *device = watchdog != NULL ? json_find_string(watchdog, "device") : NULL;
    const char *unsafe = timing != NULL ? json_find_string(timing, "unsafe") : NULL;
    cli_printf(cli, "%-18s %s\n", "timing", unsafe != NULL ? unsafe : "safe");
    cli_printf(cli, "%-18s %s\n", "watchdog", device != NULL ? device : "not running");
    for (size_t i = 0; links != NULL && links->type == JSON_TYPE_ARRAY && i < links->count; i++) {
        print_link(cli, links->items[i]);
    }
    char *host;
    const char *node = json_find_string(status, "node");
    if (node != NULL && machine_node_name(cli->arena, &host, NULL) == 0 &&
        strcmp(node, host) != 0) {
        cli_warn(cli,
                 "this machine is called '%s' now, but it is node '%s': set the host name "
                 "back, a member cannot be renamed",
                 host, node);
    }
}

int ha_cluster_status(struct cli *cli, struct error *err)
{
    struct json *status;
    int r = ask(cli, "status", NULL, &status, err);
    if (r < 0) {
        return ha_cluster_explain_name(cli->arena, r, err);
    }
    (void)map_remove(&status->members, "id"); // of the request, nobody's business
    if (cli->output.format != OUTPUT_FORMAT_TEXT) {
        output_document(&cli->output, status, &cli->out);
        return 0;
    }
    json_each (e, status) {
        const struct json *value = e->value;
        struct strbuf text CLEANUP(strbuf_done) = {0};
        if (value->type == JSON_TYPE_STRING) {
            strbuf_append(&text, value->string);
        } else if (value->type == JSON_TYPE_BOOL) {
            strbuf_append(&text, value->boolean ? "yes" : "no");
        } else if (value->type == JSON_TYPE_INT) {
            strbuf_appendf(&text, "%lld", (long long)value->integer);
        } else {
            continue; // objects and lists come below, or have commands of their own
        }
        cli_printf(cli, "%-18s %s\n", e->key, strbuf_text(&text));
    }
    print_parts(cli, status);
    return 0;
}

int ha_cluster_nodes(struct cli *cli, struct error *err)
{
    struct json *answer;
    int r = ask(cli, "membership", NULL, &answer, err);
    if (r < 0) {
        return r;
    }
    const struct json *members = json_find(answer, "members");
    if (members == NULL || members->type != JSON_TYPE_ARRAY) {
        return error_set(err, -EPROTO, "ha-clusterd's answer has no members");
    }
    if (cli->output.format != OUTPUT_FORMAT_TEXT) {
        output_document(&cli->output, members, &cli->out);
        return 0;
    }
    if (!cli->output.noheader) {
        cli_printf(cli, "%-16s %6s %6s  %-8s %s\n", "node", "id", "votes", "state", "address");
    }
    for (size_t i = 0; i < members->count; i++) {
        const struct json *member = members->items[i];
        int64_t id = 0;
        int64_t votes = 0;
        bool online = false;
        const char *address = json_find_string(member, "address");
        r = json_get_int_if(member, "id", 0, INT64_MAX, &id, err);
        if (r == 0) {
            r = json_get_int_if(member, "votes", 0, INT64_MAX, &votes, err);
        }
        if (r == 0) {
            r = json_get_bool_if(member, "online", &online, err);
        }
        if (r < 0) {
            return r;
        }
        cli_printf(cli, "%-16s %6lld %6lld  %-8s %s\n", json_find_string(member, "node"),
                   (long long)id, (long long)votes, online ? "online" : "offline",
                   address == NULL ? "-" : address);
    }
    return 0;
}
