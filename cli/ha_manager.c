// SPDX-License-Identifier: Apache-2.0
// ha-manager: what operators want to run, what runs, and commands to the master. This file is the
// table of its commands.
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "cli/cluster_view.h"
#include "cli/command_line.h"
#include "cli/manager_tool.h"
#include "cli/tool_context.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/model/probe.h"
#include "common/model/resources.h"
#include "common/model/sid.h"

#define PARAM_SID                                                                                  \
    {                                                                                              \
        .name = "sid", .positional = true, .required = true, .check = cluster_view_check_sid,      \
        .value = "sid", .about = "service id such as ct:100, or the guest's number"                \
    }
#define PARAM_NODE                                                                                 \
    {                                                                                              \
        .name = "node", .positional = true, .required = true, .check = node_name_check,            \
        .about = "name of a node"                                                                  \
    }
#define PARAM_WAIT                                                                                 \
    {                                                                                              \
        .name = "wait", .type = CLI_TYPE_BOOL, .about = "wait until the master has answered"       \
    }
#define PARAM_END                                                                                  \
    {                                                                                              \
        .name = NULL                                                                               \
    }

static const char *const states[] = {"started", "stopped", "enabled", "disabled", "ignored", NULL};
static const char *const types[] = {"vm", "ct", "ocf", "unit", NULL};
static const char *const disarm_modes[] = {"freeze", "ignore", NULL};
static const char *const rule_types[] = {"node-affinity", "resource-affinity", NULL};
static const char *const affinities[] = {"positive", "negative", NULL};

static int check_comment(const char *value, struct error *err)
{
    if (strlen(value) > RESOURCE_COMMENT_MAX) {
        return error_set(err, -EINVAL, "is longer than %d bytes", RESOURCE_COMMENT_MAX);
    }
    return 0;
}

static int check_probe(const char *value, struct error *err)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct probe probe;
    return probe_parse(arena, value, &probe, err);
}

#define PARAMS_RESOURCE                                                                            \
    {.name = "state", .type = CLI_TYPE_CHOICE, .choices = states, .about = "what is wanted"},      \
        {.name = "max_restart",                                                                    \
         .type = CLI_TYPE_INT,                                                                     \
         .max = RESOURCE_TRIES_MAX,                                                                \
         .about = "tries to start it again on a node"},                                            \
        {.name = "max_relocate",                                                                   \
         .type = CLI_TYPE_INT,                                                                     \
         .max = RESOURCE_TRIES_MAX,                                                                \
         .about = "tries on other nodes after that"},                                              \
        {.name = "failback",                                                                       \
         .type = CLI_TYPE_BOOL,                                                                    \
         .about = "return to a preferred node when there is one"},                                 \
        {.name = "group", .check = config_id_check, .about = "group of nodes"},                    \
        {.name = "probe",                                                                          \
         .check = check_probe,                                                                     \
         .value = "probe",                                                                         \
         .about =                                                                                  \
             "how its health is asked: exec:/path args, tcp:host:port, http://host/path, agent"},  \
        {.name = "probe_interval",                                                                 \
         .type = CLI_TYPE_INT,                                                                     \
         .min = 1,                                                                                 \
         .max = RESOURCE_PROBE_INTERVAL_MAX_S,                                                     \
         .about = "seconds between two probes (10)"},                                              \
        {.name = "probe_timeout",                                                                  \
         .type = CLI_TYPE_INT,                                                                     \
         .min = 1,                                                                                 \
         .max = RESOURCE_PROBE_TIMEOUT_MAX_S,                                                      \
         .about = "seconds until a probe has failed (5)"},                                         \
        {.name = "probe_failures",                                                                 \
         .type = CLI_TYPE_INT,                                                                     \
         .min = 1,                                                                                 \
         .max = RESOURCE_PROBE_FAILURES_MAX,                                                       \
         .about = "failed probes in a row after which it is restarted (3)"},                       \
        {.name = "restart_limit",                                                                  \
         .type = CLI_TYPE_INT,                                                                     \
         .max = RESOURCE_RESTART_LIMIT_MAX,                                                        \
         .about = "restarts within the window; more count as a failure here (0: any number)"},     \
        {.name = "restart_window",                                                                 \
         .type = CLI_TYPE_INT,                                                                     \
         .min = 1,                                                                                 \
         .max = RESOURCE_RESTART_WINDOW_MAX_S,                                                     \
         .about = "seconds (600)"},                                                                \
        {.name = "retry_interval",                                                                 \
         .type = CLI_TYPE_INT,                                                                     \
         .max = RESOURCE_RETRY_INTERVAL_MAX_S,                                                     \
         .about = "seconds after which it is tried again out of error (0: never)"},                \
    {                                                                                              \
        .name = "comment", .check = check_comment, .about = "free text"                            \
    }

#define PARAMS_DEFINITION                                                                          \
    {.name = "agent",                                                                              \
     .value = "provider:type",                                                                     \
     .about = "ocf: the resource agent, such as heartbeat:pgsql"},                                 \
        {.name = "param",                                                                          \
         .many = true,                                                                             \
         .value = "key=value",                                                                     \
         .about = "ocf: a parameter of the agent; may be given several times"},                    \
        {.name = "verb-timeout",                                                                   \
         .many = true,                                                                             \
         .value = "verb=seconds",                                                                  \
         .about = "ocf: for start, stop or monitor, in place of the agent's own; likewise"},       \
    {                                                                                              \
        .name = "validate", .type = CLI_TYPE_BOOL, .fallback = "1",                                \
        .about = "ask the service's own program whether it accepts its settings"                   \
    }

static const struct cli_param params_add[] = {
    PARAM_SID,
    PARAMS_RESOURCE,
    PARAMS_DEFINITION,
    {.name = "type", .type = CLI_TYPE_CHOICE, .choices = types, .about = "what the guest must be"},
    PARAM_END,
};

static const struct cli_param params_set[] = {
    PARAM_SID,
    PARAMS_RESOURCE,
    PARAMS_DEFINITION,
    {.name = "delete", .value = "list", .about = "options that return to their defaults"},
    {.name = "digest", .value = "sha1", .about = "refuse when the resource is another by now"},
    PARAM_END,
};

static const struct cli_param params_remove[] = {
    PARAM_SID,
    {.name = "purge",
     .type = CLI_TYPE_BOOL,
     .fallback = "1",
     .about = "take it out of all rules, too"},
    {.name = "force",
     .type = CLI_TYPE_BOOL,
     .about = "also when another rule could not be used any more"},
    {.name = "forget",
     .type = CLI_TYPE_BOOL,
     .about = "ocf, unit: forget its definition, too; it must be disabled and stopped"},
    PARAM_END,
};

static const struct cli_param params_config[] = {
    {.name = "type",
     .type = CLI_TYPE_CHOICE,
     .choices = types,
     .about = "only resources of this type"},
    PARAM_END,
};

static const struct cli_param params_status[] = {
    {.name = "verbose", .type = CLI_TYPE_BOOL, .about = "also print the documents behind it"},
    PARAM_END,
};

static const struct cli_param params_what_if[] = {
    {.name = "lose", .value = "nodes", .about = "these nodes fall silent, at the same moment"},
    {.name = "maintenance", .value = "nodes", .about = "these nodes are taken out for maintenance"},
    {.name = "stop", .value = "services", .about = "these services are set to stopped"},
    {.name = "expected",
     .type = CLI_TYPE_BOOL,
     .about = "without a quorum: an operator gives it to the rest with `ha-cluster expected`"},
    PARAM_END,
};

static const struct cli_param params_why[] = {PARAM_SID, PARAM_END};

static const struct cli_param params_move[] = {PARAM_SID, PARAM_NODE, PARAM_WAIT, PARAM_END};
static const struct cli_param params_node[] = {PARAM_NODE, PARAM_WAIT, PARAM_END};
static const struct cli_param params_arm[] = {PARAM_WAIT, PARAM_END};

static const struct cli_param params_stop[] = {
    PARAM_SID,
    {.name = "timeout",
     .type = CLI_TYPE_INT,
     .positional = true,
     .required = true,
     .max = INT32_MAX,
     .about = "seconds for a graceful stop; 0: hard, at once"},
    PARAM_WAIT,
    PARAM_END,
};

static const struct cli_param params_disarm[] = {
    {.name = "resource-mode",
     .type = CLI_TYPE_CHOICE,
     .choices = disarm_modes,
     .positional = true,
     .required = true,
     .about = "freeze: nothing changes; ignore: guests are used as if without HA"},
    PARAM_WAIT,
    PARAM_END,
};

static const struct cli_param params_rules_show[] = {
    {.name = "type",
     .type = CLI_TYPE_CHOICE,
     .choices = rule_types,
     .about = "only rules of this type"},
    {.name = "resource",
     .check = cluster_view_check_sid,
     .about = "only rules that name this resource"},
    PARAM_END,
};

#define PARAM_RULE                                                                                 \
    {                                                                                              \
        .name = "rule", .positional = true, .required = true, .check = config_id_check,            \
        .about = "name of the rule"                                                                \
    }
#define PARAMS_RULE(need_resources)                                                                \
    {.name = "type",                                                                               \
     .type = CLI_TYPE_CHOICE,                                                                      \
     .choices = rule_types,                                                                        \
     .positional = true,                                                                           \
     .required = true,                                                                             \
     .about = "kind of rule"},                                                                     \
        PARAM_RULE,                                                                                \
        {.name = "resources",                                                                      \
         .required = (need_resources),                                                             \
         .value = "list",                                                                          \
         .about = "services it is about"},                                                         \
        {.name = "nodes",                                                                          \
         .value = "list",                                                                          \
         .about = "node-affinity: <node>[:<priority>],... where they run"},                        \
        {.name = "strict", .type = CLI_TYPE_BOOL, .about = "node-affinity: nowhere else, ever"},   \
        {.name = "affinity",                                                                       \
         .type = CLI_TYPE_CHOICE,                                                                  \
         .choices = affinities,                                                                    \
         .about = "resource-affinity: together or apart"},                                         \
        {.name = "disable", .type = CLI_TYPE_BOOL, .about = "keep the rule, do not use it"},       \
    {                                                                                              \
        .name = "comment", .check = check_comment, .about = "free text"                            \
    }

#define PARAM_FORCE                                                                                \
    {                                                                                              \
        .name = "force", .type = CLI_TYPE_BOOL,                                                    \
        .about = "even when other rules cannot be used any more then"                              \
    }

static const struct cli_param params_rules_add[] = {PARAMS_RULE(true), PARAM_FORCE, PARAM_END};
static const struct cli_param params_rules_set[] = {
    PARAMS_RULE(false),
    PARAM_FORCE,
    {.name = "delete", .value = "list", .about = "options that return to their defaults"},
    {.name = "digest", .value = "sha1", .about = "refuse when the rules are others by now"},
    PARAM_END,
};
static const struct cli_param params_rules_remove[] = {PARAM_RULE, PARAM_FORCE, PARAM_END};

#define PARAM_GROUP                                                                                \
    {                                                                                              \
        .name = "group", .positional = true, .required = true, .check = config_id_check,           \
        .about = "name of the group"                                                               \
    }
#define PARAMS_GROUP(need_nodes)                                                                   \
    PARAM_GROUP,                                                                                   \
        {.name = "nodes",                                                                          \
         .required = (need_nodes),                                                                 \
         .value = "list",                                                                          \
         .about = "<node>[:<priority>],... where its resources run"},                              \
        {.name = "restricted", .type = CLI_TYPE_BOOL, .about = "nowhere else, ever"},              \
        {.name = "nofailback",                                                                     \
         .type = CLI_TYPE_BOOL,                                                                    \
         .about = "its resources do not return by themselves"},                                    \
    {                                                                                              \
        .name = "comment", .check = check_comment, .about = "free text"                            \
    }

static const struct cli_param params_groupadd[] = {PARAMS_GROUP(true), PARAM_END};
static const struct cli_param params_groupset[] = {
    PARAMS_GROUP(false),
    {.name = "delete", .value = "list", .about = "options that return to their defaults"},
    {.name = "digest", .value = "sha1", .about = "refuse when the groups are others by now"},
    PARAM_END,
};
static const struct cli_param params_groupremove[] = {PARAM_GROUP, PARAM_END};
static const struct cli_param params_groupconfig[] = {PARAM_END};

static const struct cli_command commands[] = {
    {.name = "add",
     .about = "put a guest or a service under HA",
     .params = params_add,
     .run = manager_add},
    {.name = "config",
     .about = "show what is under HA, as it is stored",
     .params = params_config,
     .output = true,
     .run = manager_config},
    {.name = "crm-command arm-ha",
     .about = "switch fencing on again",
     .params = params_arm,
     .output = true,
     .run = manager_arm},
    {.name = "crm-command disarm-ha",
     .about = "switch fencing off in the whole cluster, safely",
     .params = params_disarm,
     .output = true,
     .run = manager_disarm},
    {.name = "crm-command migrate",
     .about = "as migrate",
     .params = params_move,
     .output = true,
     .run = manager_migrate},
    {.name = "crm-command node-maintenance disable",
     .about = "let a node have services again",
     .params = params_node,
     .output = true,
     .run = manager_maintenance_disable},
    {.name = "crm-command node-maintenance enable",
     .about = "move all services off a node",
     .params = params_node,
     .output = true,
     .run = manager_maintenance_enable},
    {.name = "crm-command relocate",
     .about = "as relocate",
     .params = params_move,
     .output = true,
     .run = manager_relocate},
    {.name = "crm-command stop",
     .about = "stop a service; it stays stopped until it is set to started",
     .params = params_stop,
     .output = true,
     .run = manager_stop},
    {.name = "groupadd",
     .about = "make a group of nodes (where groups are still in use)",
     .params = params_groupadd,
     .run = manager_group_add},
    {.name = "groupconfig",
     .about = "show the groups of nodes",
     .params = params_groupconfig,
     .output = true,
     .run = manager_group_config},
    {.name = "groupremove",
     .about = "remove a group that no resource names",
     .params = params_groupremove,
     .run = manager_group_remove},
    {.name = "groupset",
     .about = "change a group of nodes",
     .params = params_groupset,
     .run = manager_group_set},
    {.name = "migrate",
     .about = "move a service to a node, running if it can",
     .params = params_move,
     .output = true,
     .run = manager_migrate},
    {.name = "relocate",
     .about = "move a service to a node: stop it here, start it there",
     .params = params_move,
     .output = true,
     .run = manager_relocate},
    {.name = "remove",
     .about = "take a guest out of HA; it stays as it is",
     .params = params_remove,
     .run = manager_remove},
    {.name = "rules add",
     .about = "make a rule",
     .params = params_rules_add,
     .run = manager_rules_add},
    {.name = "rules config",
     .about = "show the rules and whether they are in use",
     .params = params_rules_show,
     .output = true,
     .run = manager_rules_config},
    {.name = "rules list",
     .about = "names of the rules",
     .params = params_rules_show,
     .output = true,
     .run = manager_rules_list},
    {.name = "rules remove",
     .about = "remove a rule",
     .params = params_rules_remove,
     .run = manager_rules_remove},
    {.name = "rules set",
     .about = "change a rule",
     .params = params_rules_set,
     .run = manager_rules_set},
    {.name = "set",
     .about = "change options of a resource",
     .params = params_set,
     .run = manager_set},
    {.name = "status",
     .about = "what runs where, and who watches over it",
     .params = params_status,
     .output = true,
     .run = manager_status},
    {.name = "what-if",
     .about = "what becomes of the services if nodes are lost, or taken out",
     .more = "The master's own decisions are played on a copy of what the store has, on virtual\n"
             "time; nothing is changed. Starts, stops and moves are taken to succeed.",
     .params = params_what_if,
     .output = true,
     .run = manager_what_if},
    {.name = "why",
     .about = "why a service runs where it does, or does not run",
     .params = params_why,
     .output = true,
     .run = manager_why},
    {.name = NULL},
};

static const struct cli_program program = {
    .name = "ha-manager",
    .about = "Keeps services running on a cluster of nodes.",
    .commands = commands,
    .complete = tool_context_complete,
};

int main(int argc, char **argv)
{
    return cli_main(&program, argc, argv);
}
