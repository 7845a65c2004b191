// SPDX-License-Identifier: Apache-2.0
// The commands of ha-cluster, and what several of them need. Each command is a cli_command's run().
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"
#include "common/host/config.h"
#include "common/model/corosync_conf.h"

struct arena;
struct cli;
struct cluster_client;
struct error;
struct json;

int ha_cluster_create(struct cli *cli, struct error *err) WARN_UNUSED;
int ha_cluster_join(struct cli *cli, struct error *err) WARN_UNUSED;
int ha_cluster_add_node(struct cli *cli, struct error *err) WARN_UNUSED;
int ha_cluster_status(struct cli *cli, struct error *err) WARN_UNUSED;
int ha_cluster_nodes(struct cli *cli, struct error *err) WARN_UNUSED;
int ha_cluster_expected(struct cli *cli, struct error *err) WARN_UNUSED;
int ha_cluster_timing(struct cli *cli, struct error *err) WARN_UNUSED;

struct ha_cluster_links {
    const char *addresses[COROSYNC_LINKS_MAX]; // of link 0, 1, …
    size_t count;
};
// The addresses of --link0 … --link7 after `first` (NULL: --link0 itself, which may be missing;
// then the count is 0). A gap is refused.
int ha_cluster_links(struct cli *cli, const char *first, struct ha_cluster_links *ret) WARN_UNUSED;
// Sends {"op":op} (NULL: `request` says all) and waits for the answer.
int ha_cluster_call(struct arena *arena, struct cluster_client *client, const char *op,
                    struct json *request, struct json **ret_answer, struct error *err) WARN_UNUSED;

extern const char *const ha_cluster_profiles[];
