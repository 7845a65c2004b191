// SPDX-License-Identifier: Apache-2.0
// The commands "ha-cluster notify …": who is told of events. Each is a cli_command's run(), with
// its parameters.
#pragma once

#include "cli/command_line.h"
#include "common/base/macros.h"

struct arena;
struct error;
struct strbuf;

extern const struct cli_param ha_cluster_notify_add_params[];
extern const struct cli_param ha_cluster_notify_set_params[];
extern const struct cli_param ha_cluster_notify_params[]; // <target>

int ha_cluster_notify_list(struct cli *cli, struct error *err) WARN_UNUSED;
int ha_cluster_notify_add(struct cli *cli, struct error *err) WARN_UNUSED;
int ha_cluster_notify_set(struct cli *cli, struct error *err) WARN_UNUSED;
int ha_cluster_notify_remove(struct cli *cli, struct error *err) WARN_UNUSED;
int ha_cluster_notify_test(struct cli *cli, struct error *err) WARN_UNUSED;

// For completion: names of targets.
void ha_cluster_notify_complete(struct arena *arena, const struct cli_param *param,
                                struct strbuf *out);

// The lines of the table of commands.
#define HA_CLUSTER_NOTIFY_COMMANDS                                                                 \
    {.name = "notify list",                                                                        \
     .about = "who is told of events, and of which",                                               \
     .output = true,                                                                               \
     .run = ha_cluster_notify_list},                                                               \
        {.name = "notify add",                                                                     \
         .about = "tell somebody of events: by mail, webhook or program",                          \
         .more =                                                                                   \
             "A rule is such as 'event=fence-*,recover level=warning node=node1 sid=ct:*':\n"      \
             "all of it must fit. One rule that fits is enough; without rules all events are\n"    \
             "told. The node of the master tells them.",                                           \
         .params = ha_cluster_notify_add_params,                                                   \
         .run = ha_cluster_notify_add},                                                            \
        {.name = "notify set",                                                                     \
         .about = "change a target of notifications",                                              \
         .more = "Rules that are given replace all that it has.",                                  \
         .params = ha_cluster_notify_set_params,                                                   \
         .run = ha_cluster_notify_set},                                                            \
        {.name = "notify remove",                                                                  \
         .about = "tell a target no more, and forget its secret",                                  \
         .params = ha_cluster_notify_params,                                                       \
         .run = ha_cluster_notify_remove},                                                         \
    {                                                                                              \
        .name = "notify test", .about = "send a target a message from this node, now",             \
        .params = ha_cluster_notify_params, .run = ha_cluster_notify_test                          \
    }
