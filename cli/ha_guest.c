// SPDX-License-Identifier: Apache-2.0
// ha-guest: the guests that can be put under HA, and the storages they lie on. This file is the
// table of its commands.
#include <stdint.h>

#include "cli/cluster_view.h"
#include "cli/command_line.h"
#include "cli/guest_template.h"
#include "cli/guest_tool.h"
#include "cli/tool_context.h"
#include "common/model/sid.h"
#include "common/model/storage.h"

#define PARAM_SID                                                                                  \
    {                                                                                              \
        .name = "sid", .positional = true, .required = true, .check = cluster_view_check_sid,      \
        .about = "guest such as ct:100, or its number"                                             \
    }
#define PARAM_STORAGE                                                                              \
    {                                                                                              \
        .name = "storage", .positional = true, .required = true, .check = config_id_check,         \
        .about = "name of the storage"                                                             \
    }
#define PARAM_END                                                                                  \
    {                                                                                              \
        .name = NULL                                                                               \
    }

static const char *const templates[] = {GUEST_TEMPLATE_BUSYBOX, NULL};

#define PARAMS_GUEST                                                                               \
    {.name = "hostname", .about = "its host name"},                                                \
        {.name = "memory", .value = "MiB", .about = "limit of its memory"},                        \
        {.name = "cores", .value = "N", .about = "limit of its processor time"},                   \
        {.name = "bridge", .about = "bridge on the nodes that its eth0 is connected to"},          \
        {.name = "hwaddr", .about = "hardware address of eth0"},                                   \
        {.name = "address", .value = "CIDR", .about = "address of eth0, such as 10.0.0.5/24"},     \
        {.name = "gateway", .value = "IP", .about = "its default gateway"},                        \
        {.name = "init", .value = "path", .about = "program it starts (default: /sbin/init)"},     \
        {.name = "halt-signal",                                                                    \
         .value = "signal",                                                                        \
         .about = "what asks init to end (default: SIGPWR)"},                                      \
        {.name = "nesting", .type = CLI_TYPE_BOOL, .about = "may run containers itself"},          \
    {                                                                                              \
        .name = "description", .about = "free text"                                                \
    }

static const struct cli_param params_create[] = {
    PARAM_SID,
    {.name = "template",
     .type = CLI_TYPE_CHOICE,
     .choices = templates,
     .fallback = GUEST_TEMPLATE_BUSYBOX,
     .about = "what its root file system is made from"},
    {.name = "storage",
     .check = config_id_check,
     .fallback = STORAGE_LOCAL,
     .about = "where its root file system is made"},
    {.name = "rootfs",
     .check = storage_check_path,
     .value = "path",
     .about = "use this root file system, the same on all nodes"},
    PARAMS_GUEST,
    PARAM_END,
};

static const struct cli_param params_set[] = {
    PARAM_SID,
    PARAMS_GUEST,
    {.name = "delete", .value = "list", .about = "options to take away"},
    PARAM_END,
};

static const struct cli_param params_sid[] = {PARAM_SID, PARAM_END};

static const struct cli_param params_stop[] = {
    PARAM_SID,
    {.name = "timeout",
     .type = CLI_TYPE_INT,
     .max = INT32_MAX,
     .fallback = "60",
     .value = "seconds",
     .about = "for a graceful stop before a hard one"},
    {.name = "wait",
     .type = CLI_TYPE_BOOL,
     .about = "under HA: wait until the master has answered"},
    PARAM_END,
};

static const struct cli_param params_destroy[] = {
    PARAM_SID,
    {.name = "purge", .type = CLI_TYPE_BOOL, .about = "also take it out of HA and its rules"},
    PARAM_END,
};

static const struct cli_param params_storage_add[] = {
    PARAM_STORAGE,
    {.name = "path",
     .required = true,
     .check = storage_check_path,
     .about = "the folder, the same on all nodes"},
    {.name = "shared",
     .type = CLI_TYPE_BOOL,
     .fallback = "0",
     .about = "all nodes see the same files there"},
    PARAM_END,
};

static const struct cli_param params_storage[] = {PARAM_STORAGE, PARAM_END};

static const struct cli_command commands[] = {
    {.name = "config",
     .about = "show a guest's definition",
     .params = params_sid,
     .output = true,
     .run = guest_config},
    {.name = "create",
     .about = "define a container on this node and make its root file system",
     .params = params_create,
     .run = guest_create},
    {.name = "destroy",
     .about = "remove a stopped guest and its volumes",
     .params = params_destroy,
     .run = guest_destroy},
    {.name = "list", .about = "all guests", .output = true, .run = guest_list},
    {.name = "set",
     .about = "change a guest's definition; it counts from the next start on",
     .params = params_set,
     .run = guest_set},
    {.name = "start",
     .about = "start a guest: under HA by asking the cluster, else on this node",
     .params = params_sid,
     .run = guest_start},
    {.name = "stop",
     .about = "stop a guest, likewise",
     .params = params_stop,
     .output = true,
     .run = guest_stop},
    {.name = "storage add",
     .about = "define a storage",
     .params = params_storage_add,
     .run = guest_storage_add},
    {.name = "storage list", .about = "all storages", .output = true, .run = guest_storage_list},
    {.name = "storage remove",
     .about = "forget a storage; its files stay",
     .params = params_storage,
     .run = guest_storage_remove},
    {.name = "unlock",
     .about = "take away the lock that an interrupted operation left",
     .params = params_sid,
     .run = guest_unlock},
    {.name = NULL},
};

static const struct cli_program program = {
    .name = "ha-guest",
    .about = "Defines guests and the storages they lie on; starts and stops them.",
    .commands = commands,
    .complete = tool_context_complete,
};

int main(int argc, char **argv)
{
    return cli_main(&program, argc, argv);
}
