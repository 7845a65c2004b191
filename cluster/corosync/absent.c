// SPDX-License-Identifier: Apache-2.0
// Stands for the transport over Corosync in a build without it.
#include <errno.h>

#include "cluster/transport.h"
#include "common/base/error.h"

int corosync_new(struct loop *loop, uint32_t self, const struct transport_nodes *nodes,
                 struct event_sink *events, const struct transport_callbacks *callbacks,
                 struct transport **ret, struct error *err)
{
    (void)loop; // there is nothing to make
    (void)self;
    (void)nodes;
    (void)events;
    (void)callbacks;
    (void)ret;
    return error_set(err, -ENOTSUP,
                     "this ha-clusterd was built without Corosync: it can only run standalone");
}
