// SPDX-License-Identifier: Apache-2.0
// The commands "ha-cluster fence …". Each is a cli_command's run(), with its parameters.
#pragma once

#include "cli/command_line.h"
#include "common/base/macros.h"

struct arena;
struct error;
struct strbuf;

extern const struct cli_param ha_cluster_fence_add_params[];
extern const struct cli_param ha_cluster_fence_set_params[];
extern const struct cli_param ha_cluster_fence_device_params[]; // <device>
extern const struct cli_param ha_cluster_fence_test_params[];   // [<device>]
extern const struct cli_param ha_cluster_fence_status_params[]; // [<node>]
extern const struct cli_param ha_cluster_fence_off_params[];
extern const struct cli_param ha_cluster_fence_on_params[];
extern const struct cli_param ha_cluster_fence_options_params[];

int ha_cluster_fence_list(struct cli *cli, struct error *err) WARN_UNUSED;
int ha_cluster_fence_add(struct cli *cli, struct error *err) WARN_UNUSED;
int ha_cluster_fence_set(struct cli *cli, struct error *err) WARN_UNUSED;
int ha_cluster_fence_remove(struct cli *cli, struct error *err) WARN_UNUSED;
int ha_cluster_fence_options(struct cli *cli, struct error *err) WARN_UNUSED;
int ha_cluster_fence_status(struct cli *cli, struct error *err) WARN_UNUSED;
int ha_cluster_fence_test(struct cli *cli, struct error *err) WARN_UNUSED;
int ha_cluster_fence_off(struct cli *cli, struct error *err) WARN_UNUSED;
int ha_cluster_fence_on(struct cli *cli, struct error *err) WARN_UNUSED;

// The lines of the table of commands.
#define HA_CLUSTER_FENCE_COMMANDS                                                                  \
    {.name = "fence list",                                                                         \
     .about = "the fence devices (power switches), and how their last trials went",                \
     .output = true,                                                                               \
     .run = ha_cluster_fence_list},                                                                \
        {.name = "fence add",                                                                      \
         .about = "make a fence device known",                                                     \
         .more = "Which parameters there are depends on the agent: 'AGENT -o metadata' lists\n"    \
                 "them. They are checked here, and the device is not switched: try it with\n"      \
                 "'ha-cluster fence test'.",                                                       \
         .params = ha_cluster_fence_add_params,                                                    \
         .run = ha_cluster_fence_add},                                                             \
        {.name = "fence set",                                                                      \
         .about = "change a fence device",                                                         \
         .params = ha_cluster_fence_set_params,                                                    \
         .run = ha_cluster_fence_set},                                                             \
        {.name = "fence remove",                                                                   \
         .about = "forget a fence device and its secrets",                                         \
         .params = ha_cluster_fence_device_params,                                                 \
         .run = ha_cluster_fence_remove},                                                          \
        {.name = "fence options",                                                                  \
         .about = "show or change how often the master tries all devices",                         \
         .params = ha_cluster_fence_options_params,                                                \
         .output = true,                                                                           \
         .run = ha_cluster_fence_options},                                                         \
        {.name = "fence status",                                                                   \
         .about = "ask the devices whether the nodes are on",                                      \
         .params = ha_cluster_fence_status_params,                                                 \
         .output = true,                                                                           \
         .run = ha_cluster_fence_status},                                                          \
        {.name = "fence test",                                                                     \
         .about = "try the devices without switching anything",                                    \
         .params = ha_cluster_fence_test_params,                                                   \
         .output = true,                                                                           \
         .run = ha_cluster_fence_test},                                                            \
        {.name = "fence off",                                                                      \
         .about = "switch a node off, as pulling its plug",                                        \
         .more = "What runs there is not stopped before; the cluster recovers it elsewhere.",      \
         .params = ha_cluster_fence_off_params,                                                    \
         .run = ha_cluster_fence_off},                                                             \
    {                                                                                              \
        .name = "fence on", .about = "switch a node on", .params = ha_cluster_fence_on_params,     \
        .run = ha_cluster_fence_on                                                                 \
    }

// For cli_program.complete: names of devices and nodes.
void ha_cluster_complete(struct arena *arena, const struct cli_param *param, struct strbuf *out);
