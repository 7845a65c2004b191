// SPDX-License-Identifier: Apache-2.0
// ha-cluster: which nodes make the cluster, and by which times. The table of its commands.
#include "cli/ha_cluster.h"

#include <errno.h>
#include <string.h>

#include "cli/command_line.h"
#include "cli/ha_cluster_access.h"
#include "cli/ha_cluster_fence.h"
#include "cli/ha_cluster_notify.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/host/cluster_client.h"
#include "common/host/network.h"
#include "common/model/sid.h"

enum { VOTES_MAX = 1000 };

const char *const ha_cluster_profiles[] = {"fast", "balanced", "patient", NULL};

static int check_address(const char *value, struct error *err)
{
    if (!network_is_address(value)) {
        return error_set(err, -EINVAL, "'%s' is not an IPv4 or IPv6 address", value);
    }
    return 0;
}

// What corosync.conf takes as a host: no blanks, no braces.
static int check_host(const char *value, struct error *err)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:";
    size_t length = strlen(value);
    if (length == 0 || length > 255 || strspn(value, allowed) != length) {
        return error_set(err, -EINVAL, "'%.80s' is not the name or address of a host", value);
    }
    return 0;
}

#define LINK(number, words)                                                                        \
    {                                                                                              \
        .name = "link" #number, .type = CLI_TYPE_TEXT, .check = check_address, .value = "address", \
        .hidden = (number) > 1, .about = words                                                     \
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
     .about = "the line that add-node or join-info printed on a member"},
    {.name = "force",
     .type = CLI_TYPE_BOOL,
     .about = "join although this node has guests: their definitions here are set aside"},
    {.name = "host",
     .type = CLI_TYPE_TEXT,
     .check = check_host,
     .about = "instead of the line: address of a member whose API is asked"},
    {.name = "fingerprint", .type = CLI_TYPE_TEXT, .about = "of that member's certificate"},
    {.name = "password-file",
     .type = CLI_TYPE_TEXT,
     .value = "file",
     .about = "read that root's password from this file, or with '-' from standard input"},
    {.name = "nodeid",
     .type = CLI_TYPE_INT,
     .min = 1,
     .max = INT32_MAX,
     .hidden = true,
     .about = "refuse unless this id becomes the node's"},
    LINK(0, "this node's address in the cluster's network; default: the one towards the member"),
    MORE_LINKS,
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
    {.name = "wait",
     .type = CLI_TYPE_BOOL,
     .about = "wait until the leases of the absent nodes are over, instead of refusing"},
    {.name = "force",
     .type = CLI_TYPE_BOOL,
     .about = "do not look at leases and fence devices: services may run twice"},
    {.name = NULL},
};

static const struct cli_param delete_node_params[] = {
    {.name = "node",
     .type = CLI_TYPE_TEXT,
     .positional = true,
     .required = true,
     .check = node_name_check,
     .about = "the node, which must be off"},
    {.name = "force",
     .type = CLI_TYPE_BOOL,
     .about = "give up what is recorded there; its lease must be over all the same"},
    {.name = NULL},
};

static const struct cli_param leave_params[] = {
    {.name = "force", .type = CLI_TYPE_BOOL, .about = "also when ha-clusterd does not run here"},
    {.name = NULL},
};

static const char *const qdevice_algorithms[] = {"ffsplit", "lms", NULL};
static const char *const qdevice_tls[] = {"on", "off", "required", NULL};

static const struct cli_param qdevice_setup_params[] = {
    {.name = "host",
     .type = CLI_TYPE_TEXT,
     .positional = true,
     .required = true,
     .check = check_host,
     .about = "name or address of the machine on which corosync-qnetd runs"},
    {.name = "algorithm",
     .type = CLI_TYPE_CHOICE,
     .choices = qdevice_algorithms,
     .about = "default: ffsplit for an even number of nodes, lms for an odd one"},
    {.name = "tls",
     .type = CLI_TYPE_CHOICE,
     .choices = qdevice_tls,
     .fallback = "on",
     .about = "whether the connection is encrypted; then certificates are needed"},
    {.name = "force", .type = CLI_TYPE_BOOL, .about = "also with an odd number of nodes"},
    {.name = NULL},
};

static const struct cli_param timing_params[] = {
    {.name = "profile",
     .type = CLI_TYPE_CHOICE,
     .choices = ha_cluster_profiles,
     .about = "show this one instead of the node's own"},
    {.name = NULL},
};

static const struct cli_param timing_set_params[] = {
    {.name = "profile",
     .type = CLI_TYPE_CHOICE,
     .choices = ha_cluster_profiles,
     .required = true,
     .about = "the profile that all nodes are to have"},
    {.name = NULL},
};

static const struct cli_param options_params[] = {
    {.name = "ha",
     .type = CLI_TYPE_TEXT,
     .value = "option=value,...",
     .about = "shutdown_policy=conditional|freeze|failover|migrate, lease_loss=stop|reset"},
    {.name = "crs",
     .type = CLI_TYPE_TEXT,
     .value = "option=value,...",
     .about = "ha=basic|static|dynamic, ha-rebalance-on-start=0|1, ha-auto-rebalance=0|1, ..."},
    {.name = "max_workers",
     .type = CLI_TYPE_TEXT,
     .value = "integer",
     .about = "how many jobs a node carries out at once (default 4)"},
    {.name = "delete",
     .type = CLI_TYPE_TEXT,
     .value = "name,...",
     .about = "options to set back to their default"},
    {.name = NULL},
};

static const struct cli_param backup_params[] = {
    {.name = "file",
     .type = CLI_TYPE_TEXT,
     .positional = true,
     .required = true,
     .about = "path of the backup"},
    {.name = NULL},
};

static const struct cli_param backup_show_params[] = {
    {.name = "file",
     .type = CLI_TYPE_TEXT,
     .positional = true,
     .required = true,
     .about = "path of the backup"},
    {.name = "name",
     .type = CLI_TYPE_TEXT,
     .positional = true,
     .about = "print this key's value, or this file"},
    {.name = NULL},
};

static const struct cli_param restore_params[] = {
    {.name = "file",
     .type = CLI_TYPE_TEXT,
     .positional = true,
     .required = true,
     .about = "path of the backup"},
    {.name = "dry-run", .type = CLI_TYPE_BOOL, .about = "only say what would change"},
    {.name = "exact",
     .type = CLI_TYPE_BOOL,
     .about = "delete resources, guests and settings that the backup does not have"},
    {.name = "stopped",
     .type = CLI_TYPE_BOOL,
     .about = "restore resources that are to run as stopped"},
    {.name = "place",
     .type = CLI_TYPE_TEXT,
     .check = node_name_check,
     .value = "node",
     .about = "where guests go whose node is not in this cluster"},
    {.name = "force", .type = CLI_TYPE_BOOL, .about = "although services run"},
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
    {.name = "join-info",
     .about = "on a member: print the line that lets a node join by this one's API",
     .more = "The same as the dashboard's Join Information. It holds no secret.",
     .output = true,
     .run = ha_cluster_join_info},
    {.name = "join",
     .about = "on a new node: join with a line that a member printed",
     .more = "With add-node's line the node must have the name and an address that add-node was\n"
             "given. With join-info's, the member's API is asked to make room, which needs the\n"
             "password of root there: asked for on the terminal, else read from standard input.\n"
             "It must have the same version of the software, and no guests.",
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
             "network there are two clusters then. Refused while a lease of an absent node may be\n"
             "in force, and when a fence device says that one is on.",
     .params = expected_params,
     .run = ha_cluster_expected},
    {.name = "check",
     .about = "examine the running cluster: one line for each thing, with its remedy",
     .more = "Asks all nodes. Exit status 1 when there is an error.",
     .output = true,
     .run = ha_cluster_check},
    {.name = "delete-node",
     .about = "take a node that is off out of the cluster",
     .more = "Refused while its lease may be in force, or while services or guests are recorded\n"
             "there. When it comes back it is alone and without quorum, and runs nothing: run\n"
             "'ha-cluster leave' on it.",
     .params = delete_node_params,
     .run = ha_cluster_delete_node},
    {.name = "leave",
     .about = "on a node that was deleted: forget the cluster, so that it can join one again",
     .more = "Its files of the cluster and its store are set aside, not deleted.",
     .params = leave_params,
     .run = ha_cluster_leave},
    {.name = "qdevice setup",
     .about = "give the cluster a quorum device: a vote of a machine outside of it",
     .more = "Run it on one node; corosync-qdevice must be installed on all. It writes\n"
             "corosync.conf for all nodes; corosync-qdevice is started here and must be started\n"
             "on the others. With TLS each node needs its certificates before, see the manual.",
     .params = qdevice_setup_params,
     .run = ha_cluster_qdevice_setup},
    {.name = "qdevice status",
     .about = "the quorum device as it is configured, and whether it is connected",
     .output = true,
     .run = ha_cluster_qdevice_status},
    {.name = "qdevice remove",
     .about = "take the quorum device away again",
     .run = ha_cluster_qdevice_remove},
    {.name = "options",
     .about = "the options of the whole cluster",
     .output = true,
     .run = ha_cluster_options_show},
    {.name = "options set",
     .about = "change them",
     .more = "What is given replaces the whole line of that name.",
     .params = options_params,
     .run = ha_cluster_options_set},
    {.name = "timing",
     .about = "the times this cluster works by, and whether they are safe",
     .params = timing_params,
     .output = true,
     .run = ha_cluster_timing},
    {.name = "timing set",
     .about = "change the profile, while nobody holds a lease",
     .more = "Sets it in this node's ha-manager.conf, and the token in corosync.conf of all nodes.",
     .params = timing_set_params,
     .run = ha_cluster_timing_set},
    {.name = "backup",
     .about = "write the store, corosync.conf and the key to a file",
     .more =
         "The file holds the cluster's key, the secrets of its fence devices and of its users:\n"
         "treat it as a password. It is written whole or not at all, readable by root only.",
     .params = backup_params,
     .run = ha_cluster_backup},
    {.name = "backup show",
     .about = "what is in a backup, or in a file below /var/lib/ha-manager/set-aside",
     .params = backup_show_params,
     .output = true,
     .run = ha_cluster_backup_show},
    {.name = "restore",
     .about = "bring resources, rules, options, guests, storages, fence devices and users back",
     .more = "Guests that exist keep their node. Records of services, the manager's status and\n"
             "the configuration of Corosync are not restored. It may be run again when it was\n"
             "interrupted.",
     .params = restore_params,
     .run = ha_cluster_restore},
    HA_CLUSTER_FENCE_COMMANDS,
    HA_CLUSTER_ACCESS_COMMANDS,
    HA_CLUSTER_NOTIFY_COMMANDS,
    {.name = NULL},
};

static const struct cli_program program = {
    .name = "ha-cluster",
    .about = "make a cluster of nodes, and look after it",
    .commands = commands,
    .complete = ha_cluster_complete,
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

void ha_cluster_warn(const struct cli *cli, const struct json *warnings)
{
    for (size_t i = 0; i < warnings->count; i++) {
        cli_warn(cli, "%s", warnings->items[i]->string);
    }
}

int main(int argc, char **argv)
{
    return cli_main(&program, argc, argv);
}
