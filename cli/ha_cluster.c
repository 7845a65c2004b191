// SPDX-License-Identifier: Apache-2.0
// ha-cluster: which nodes make the cluster, and by which times. The table of its commands.
#include "cli/ha_cluster.h"

#include <errno.h>

#include "cli/command_line.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/host/cluster_client.h"
#include "common/host/network.h"
#include "common/model/sid.h"

enum { CALL_TIMEOUT_MS = 5000, VOTES_MAX = 1000 };

const char *const ha_cluster_profiles[] = {"fast", "balanced", "patient", NULL};

static int check_address(const char *value, struct error *err)
{
    if (!network_is_address(value)) {
        return error_set(err, -EINVAL, "'%s' is not an IPv4 or IPv6 address", value);
    }
    return 0;
}

#define LINK(number, words)                                                                        \
    {                                                                                              \
        .name = "link" #number, .type = CLI_TYPE_TEXT, .check = check_address,                     \
        .value = "<address>", .hidden = (number) > 1, .about = words                               \
    }
#define MORE_LINKS                                                                                 \
    LINK(1, "address on a second link (and so on to --link7)"), LINK(2, "address"),                \
        LINK(3, "address"), LINK(4, "address"), LINK(5, "address"), LINK(6, "address"),            \
        LINK(7, "address")

static const struct cli_param create_params[] = {
    {.name = "name",
     .type = CLI_TYPE_TEXT,
     .positional = true,
     .required = true,
     .about = "name of the cluster, at most 15 letters, digits and '-'"},
    LINK(0, "this node's address in the cluster's network; default: its first address"),
    MORE_LINKS,
    {.name = "profile",
     .type = CLI_TYPE_CHOICE,
     .choices = ha_cluster_profiles,
     .fallback = "balanced",
     .about = "how fast a dead node is replaced, and what outage a healthy one survives"},
    {.name = NULL},
};

static const struct cli_param join_params[] = {
    {.name = "string",
     .type = CLI_TYPE_TEXT,
     .positional = true,
     .required = true,
     .about = "the line that 'ha-cluster add-node' printed on a member"},
    {.name = "force",
     .type = CLI_TYPE_BOOL,
     .about = "join although this node has guests: their definitions here are set aside"},
    {.name = NULL},
};

static const struct cli_param add_node_params[] = {
    {.name = "node",
     .type = CLI_TYPE_TEXT,
     .positional = true,
     .required = true,
     .check = node_name_check,
     .about = "host name of the new node"},
    {.name = "address",
     .type = CLI_TYPE_TEXT,
     .positional = true,
     .required = true,
     .check = check_address,
     .about = "its address on link 0"},
    MORE_LINKS,
    {.name = NULL},
};

static const struct cli_param expected_params[] = {
    {.name = "votes",
     .type = CLI_TYPE_INT,
     .positional = true,
     .required = true,
     .min = 1,
     .max = VOTES_MAX,
     .about = "how many votes the cluster is expected to have"},
    {.name = NULL},
};

static const struct cli_param timing_params[] = {
    {.name = "profile",
     .type = CLI_TYPE_CHOICE,
     .choices = ha_cluster_profiles,
     .about = "show this one instead of the node's own"},
    {.name = NULL},
};

static const struct cli_command commands[] = {
    {.name = "create",
     .about = "make a new cluster with this node as its only member",
     .more = "Writes /etc/corosync/corosync.conf and a new key, and starts Corosync. What this\n"
             "node runs stays as it is.",
     .params = create_params,
     .run = ha_cluster_create},
    {.name = "add-node",
     .about = "on a member: make room for a node and print the line it joins with",
     .more = "The line holds the cluster's key: treat it as a password. The new node gets its\n"
             "vote when it has joined; until then the others' quorum stays as it is.",
     .params = add_node_params,
     .output = true,
     .run = ha_cluster_add_node},
    {.name = "join",
     .about = "on a new node: join with the line that add-node printed",
     .more = "The node must have the name and an address that add-node was given, the same\n"
             "version of the software, and no guests.",
     .params = join_params,
     .run = ha_cluster_join},
    {.name = "status",
     .about = "the cluster as this node sees it",
     .output = true,
     .run = ha_cluster_status},
    {.name = "nodes",
     .about = "the nodes and their votes",
     .output = true,
     .run = ha_cluster_nodes},
    {.name = "expected",
     .about = "tell the cluster how many votes to expect, to give a minority quorum",
     .more = "DANGER: only when the other nodes are certainly off. If they run on behind a broken\n"
             "network there are two clusters then.",
     .params = expected_params,
     .run = ha_cluster_expected},
    {.name = "timing",
     .about = "the times this cluster works by, and whether they are safe",
     .params = timing_params,
     .output = true,
     .run = ha_cluster_timing},
    {.name = NULL},
};

static const struct cli_program program = {
    .name = "ha-cluster",
    .about = "make a cluster of nodes, and look after it",
    .commands = commands,
};

int ha_cluster_links(struct cli *cli, const char *first, struct ha_cluster_links *ret)
{
    struct ha_cluster_links links = {0};
    for (int link = 0; link < COROSYNC_LINKS_MAX; link++) {
        const char *name = arena_printf(cli->arena, "link%d", link);
        const char *address = link == 0 && first != NULL ? first
                              : cli_has(cli, name)       ? cli_text(cli, name)
                                                         : NULL;
        if (address == NULL) {
            continue;
        }
        if (links.count != (size_t)link) {
            return cli_reject(cli, name, "--link%zu must be given before it", links.count);
        }
        links.addresses[links.count++] = address;
    }
    *ret = links;
    return 0;
}

int ha_cluster_call(struct arena *arena, struct cluster_client *client, const char *op,
                    struct json *request, struct json **ret_answer, struct error *err)
{
    if (request == NULL) {
        request = json_new_object(arena);
    }
    json_put_string(request, "op", op);
    return cluster_client_call(client, arena, request, CALL_TIMEOUT_MS, ret_answer, err);
}

int main(int argc, char **argv)
{
    return cli_main(&program, argc, argv);
}
