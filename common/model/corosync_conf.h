// SPDX-License-Identifier: Apache-2.0
// corosync.conf(5): reading what we need of it, making one for a new cluster, adding a node. What
// we do not know is kept as it is, in its place; comments are not.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"

struct arena;
struct corosync_conf;
struct error;

enum {
    COROSYNC_CONF_SIZE_MAX = 512 * 1024,
    COROSYNC_LINKS_MAX = 8,
    COROSYNC_NODES_MAX = 64,
    COROSYNC_CLUSTER_NAME_MAX = 15,
};

struct corosync_node {
    const char *name;
    uint32_t id;
    uint32_t votes;
    bool joining; // has no vote yet: it was added and has not come so far
    const char *addresses[COROSYNC_LINKS_MAX]; // by link; NULL: the node is not on it
};

// `name` is the file's, for the words. -EINVAL with name and line: not of that form, or a node that
// is not complete or there twice. The document and what it is asked for live in the arena.
int corosync_conf_parse(struct arena *arena, const char *name, const char *text, size_t size_bytes,
                        struct corosync_conf **ret, struct error *err) WARN_UNUSED;
char *corosync_conf_format(struct arena *arena, const struct corosync_conf *conf) WARN_UNUSED;

// A configuration for a new cluster, still without nodes and at version 0: knet, encrypted, and a
// token that does not grow with the number of nodes, since the leases count on it. -EINVAL: not a
// name for a cluster.
int corosync_conf_new(struct arena *arena, const char *cluster_name, int64_t token_ms,
                      struct corosync_conf **ret, struct error *err) WARN_UNUSED;
// Adds a node with the lowest free id, and counts config_version up. Unless it is the first one it
// is "joining", without a vote: a vote of a node that is not there yet could cost the others their
// quorum. `addresses` are those of its links, NULL for none. -EEXIST: the name or an address is
// there already; -EINVAL: not a node's name, or other links than those of the nodes that are there;
// then nothing has changed.
int corosync_conf_add_node(struct corosync_conf *conf, const char *name,
                           const char *const addresses[COROSYNC_LINKS_MAX],
                           struct error *err) WARN_UNUSED;

// Gives a joining node its vote and counts config_version up. Nothing happens to any other node.
void corosync_conf_admit_node(struct corosync_conf *conf, const char *name);

// Takes a node out and counts config_version up. -ENOENT: there is no such node; -EINVAL: it is the
// last one.
int corosync_conf_remove_node(struct corosync_conf *conf, const char *name,
                              struct error *err) WARN_UNUSED;

// Sets the token (with a coefficient of 0 and Corosync's own consensus for it), and counts
// config_version up.
void corosync_conf_set_token(struct corosync_conf *conf, int64_t token_ms);

// The quorum device of a cluster: a daemon elsewhere that has votes but no data.
struct corosync_device {
    const char *host;
    const char *algorithm; // "ffsplit" or "lms"
    const char *tls;       // "on", "off" or "required"
};
// False when there is none; what its section does not say is "".
bool corosync_conf_device(const struct corosync_conf *conf, struct corosync_device *ret);
// Writes the section quorum.device anew, or removes it (NULL), and counts config_version up. With
// "ffsplit" the device has one vote, with "lms" one less than the nodes have.
void corosync_conf_set_device(struct corosync_conf *conf, const struct corosync_device *device);

// Whether it is no cluster's: the example of Corosync's package, one node on the loopback address.
bool corosync_conf_is_example(const struct corosync_conf *conf) WARN_UNUSED;
const char *
corosync_conf_cluster_name(const struct corosync_conf *conf) WARN_UNUSED; // "" when there is none
int64_t corosync_conf_version(const struct corosync_conf *conf) WARN_UNUSED;  // 0: not set
int64_t corosync_conf_token_ms(const struct corosync_conf *conf) WARN_UNUSED; // likewise
// In the order of the file.
const struct corosync_node *corosync_conf_nodes(const struct corosync_conf *conf,
                                                size_t *ret_count) WARN_UNUSED;
// NULL when there is no such node.
const struct corosync_node *corosync_conf_find_node(const struct corosync_conf *conf,
                                                    const char *name) WARN_UNUSED;
