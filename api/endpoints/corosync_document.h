// SPDX-License-Identifier: Apache-2.0
// The configuration of Corosync that this cluster has.
#pragma once

#include "common/base/macros.h"

struct call;
struct corosync_conf;
struct error;

// The one in the store; before the first change there the file on this node. -ENOENT: this node is
// in no cluster.
int corosync_document_read(const struct call *call, struct corosync_conf **ret,
                           struct error *err) WARN_UNUSED;
