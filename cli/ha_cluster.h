// SPDX-License-Identifier: Apache-2.0
// The commands of ha-cluster, and what several of them need. Each command is a cli_command's run().
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/cluster_call.h"
#include "common/base/macros.h"
#include "common/host/config.h"
#include "common/model/corosync_conf.h"

struct arena;
struct cli;
struct error;
struct json;

int ha_cluster_create(struct cli *cli, struct error *err) WARN_UNUSED;
int ha_cluster_join_info(struct cli *cli, struct error *err) WARN_UNUSED;
int ha_cluster_join(struct cli *cli, struct error *err) WARN_UNUSED;
int ha_cluster_add_node(struct cli *cli, struct error *err) WARN_UNUSED;
int ha_cluster_status(struct cli *cli, struct error *err) WARN_UNUSED;
int ha_cluster_nodes(struct cli *cli, struct error *err) WARN_UNUSED;
int ha_cluster_expected(struct cli *cli, struct error *err) WARN_UNUSED;
int ha_cluster_timing(struct cli *cli, struct error *err) WARN_UNUSED;
int ha_cluster_timing_set(struct cli *cli, struct error *err) WARN_UNUSED;
int ha_cluster_check(struct cli *cli, struct error *err) WARN_UNUSED;
int ha_cluster_delete_node(struct cli *cli, struct error *err) WARN_UNUSED;
int ha_cluster_leave(struct cli *cli, struct error *err) WARN_UNUSED;
int ha_cluster_qdevice_setup(struct cli *cli, struct error *err) WARN_UNUSED;
int ha_cluster_qdevice_status(struct cli *cli, struct error *err) WARN_UNUSED;
int ha_cluster_qdevice_remove(struct cli *cli, struct error *err) WARN_UNUSED;
int ha_cluster_options_show(struct cli *cli, struct error *err) WARN_UNUSED;
int ha_cluster_options_set(struct cli *cli, struct error *err) WARN_UNUSED;

int ha_cluster_backup(struct cli *cli, struct error *err) WARN_UNUSED;
int ha_cluster_backup_show(struct cli *cli, struct error *err) WARN_UNUSED;
int ha_cluster_restore(struct cli *cli, struct error *err) WARN_UNUSED;

struct backup;
struct session;
struct store_entries;
// All durable keys as of one moment, ascending, in the arena; -EAGAIN: they change too fast.
int ha_cluster_read_all(struct arena *arena, const struct session *session,
                        struct store_entries *ret, struct error *err) WARN_UNUSED;
// A backup file that is whole; -EBADMSG, -ENOTSUP as backup_parse().
int ha_cluster_backup_read(struct arena *arena, const char *path, struct backup *ret,
                           struct error *err) WARN_UNUSED;

struct ha_cluster_links {
    const char *addresses[COROSYNC_LINKS_MAX]; // of link 0, 1, …
    size_t count;
};
// The addresses of --link0 … --link7 after `first` (NULL: --link0 itself, which may be missing;
// then the count is 0). A gap is refused.
int ha_cluster_links(struct cli *cli, const char *first, struct ha_cluster_links *ret) WARN_UNUSED;

// When ha-clusterd could not be reached (code): whether that is because this machine's name is not
// one of the cluster's any more. Returns the code, with words that say so.
int ha_cluster_explain_name(struct arena *arena, int code, struct error *err) WARN_UNUSED;
// Sets "profile" in ha-manager.conf and leaves its other lines as they are.
int ha_cluster_write_profile(struct arena *arena, const char *profile,
                             struct error *err) WARN_UNUSED;

// Prints an array of words as warnings.
void ha_cluster_warn(const struct cli *cli, const struct json *warnings);

extern const char *const ha_cluster_profiles[];
