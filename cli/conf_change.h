// SPDX-License-Identifier: Apache-2.0
// Changing the cluster's corosync.conf: read, change (corosync_conf.h), carry to all members, and
// only when all online ones have it on their disks Corosync reads it. (A configuration that only
// some have would change the votes of all.)
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cli/session.h"
#include "common/base/macros.h"
#include "common/model/corosync_conf.h"

struct arena;
struct error;
struct json;

struct conf_change {
    struct corosync_conf *conf;  // to be changed
    struct session_value stored; // the key as it was, for the comparison when it is written
    // The quorum is an operator's word (expected votes): Corosync forgets it when it reads a
    // configuration, so it is given again.
    bool forced;
    int64_t present_votes;
};

// This node's file. -ENOENT: the node is in no cluster.
int conf_change_read(struct arena *arena, struct corosync_conf **ret,
                     struct error *err) WARN_UNUSED;
// Needs quorum. -EAGAIN: a newer configuration than this node's file is under way.
int conf_change_begin(struct arena *arena, const struct session *session, struct conf_change *ret,
                      struct error *err) WARN_UNUSED;
// -ETIMEDOUT: a node did not write it in time, and nothing was activated; `command` is what to run
// again then.
int conf_change_commit(struct arena *arena, const struct session *session,
                       struct conf_change *change, const char *command,
                       struct error *err) WARN_UNUSED;

// Appends words to an array of them.
void conf_change_warn(struct arena *arena, struct json *warnings, const char *format, ...)
    PRINTF_LIKE(3, 4);
