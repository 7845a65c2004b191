// SPDX-License-Identifier: Apache-2.0
// Join information: where the API of a member is and by which certificate it is known, as one line
// of base64 that is copied to a node which is to join. It is no secret: whoever joins needs the
// password of that member's root, too. And parts of Corosync's configuration as clients of the API
// know them: all values are texts.
#pragma once

#include "common/base/macros.h"

struct arena;
struct corosync_conf;
struct corosync_node;
struct error;
struct json;

enum { JOIN_INFO_MAX = 64 * 1024 };

// {name, nodeid, quorum_votes, ring0_addr, …}
struct json *join_info_node(struct arena *arena, const struct corosync_node *node) WARN_UNUSED;
// {cluster_name, config_version, version, interface, …}
struct json *join_info_totem(struct arena *arena, const struct corosync_conf *conf) WARN_UNUSED;

struct join_info {
    const char *address;
    const char *fingerprint;
};

char *join_info_format(struct arena *arena, const struct corosync_conf *conf,
                       const struct corosync_node *node, const struct join_info *info) WARN_UNUSED;
// -EINVAL: it is something else, or was cut when it was pasted; -EBADMSG: it is join information
// with a value that cannot be.
int join_info_parse(struct arena *arena, const char *text, struct join_info *ret,
                    struct error *err) WARN_UNUSED;
