// SPDX-License-Identifier: Apache-2.0
// What creating and joining a cluster have in common.
#pragma once

#include <stddef.h>

#include "common/base/macros.h"

struct arena;
struct cli;
struct error;
struct ha_cluster_links;

struct membership_files {
    const char *profile;
    const char *authkey;
    size_t authkey_size_bytes;
    const char *corosync_conf;
};

// -EACCES: not root; -EEXIST: this node is in a cluster already.
int membership_need_none(struct arena *arena, struct error *err) WARN_UNUSED;
// Rejects links that are not addresses of this machine.
int membership_check_links(struct cli *cli, const struct ha_cluster_links *links) WARN_UNUSED;
// Writes the files, corosync.conf as the last, starts all and waits until this node is a member of
// a quorate cluster.
int membership_start(struct cli *cli, const struct membership_files *files,
                     struct error *err) WARN_UNUSED;
