// SPDX-License-Identifier: Apache-2.0
// Parts of Corosync's configuration as clients know them: all values are texts.
#pragma once

#include "common/base/macros.h"

struct arena;
struct corosync_conf;
struct corosync_node;
struct json;

// {name, nodeid, quorum_votes, ring0_addr, …}
struct json *cluster_config_node(struct arena *arena, const struct corosync_node *node) WARN_UNUSED;
// {cluster_name, config_version, version, interface, …}
struct json *cluster_config_totem(struct arena *arena,
                                  const struct corosync_conf *conf) WARN_UNUSED;
