// SPDX-License-Identifier: Apache-2.0
// The engine on the real machine: its clock, its timer, SQLite behind a writer, and Corosync or,
// standalone, nobody else.
#pragma once

#include <stdint.h>

#include "cluster/engine.h"
#include "cluster/transport.h"
#include "common/base/macros.h"

struct engine_host;
struct latency_page;
struct loop;

struct engine_host_spec {
    struct loop *loop;
    struct event_sink *events;
    const char *node;
    const char *database;         // path
    const char *history;          // the cluster's name, "" standalone: see engine_host_open()
    uint32_t id;                  // this node's in the cluster; 0: standalone
    struct transport_nodes nodes; // as the configuration file has them
    int64_t lease_ms;
    int64_t token_ms;
    struct engine_callbacks callbacks;
};

// Opens the database and starts. What can be wrong with it:
//  - it is damaged: in a cluster it is set aside, with an event, and the node gets its state back
//  from the others. A standalone node has no other copy: -EUCLEAN, and the operator decides
//  (docs/store.md, "The database");
//  - it holds the state of another cluster: likewise set aside. On a standalone node the state of
//  any cluster is refused with -ESTALE: what it says about other nodes' services is not true any
//  more;
//  - the state of a standalone node becomes that of the cluster which it joins now.
// When the engine cannot go on it ends the loop, with status 1.
int engine_host_open(const struct engine_host_spec *spec, struct engine_host **ret,
                     struct error *err) WARN_UNUSED;
// Writes what is queued, ends. NULL is fine.
void engine_host_close(struct engine_host *host);
// From now on writes to the disk are counted there. Borrowed.
void engine_host_count(struct engine_host *host, struct latency_page *page);
struct engine *engine_host_engine(struct engine_host *host) WARN_UNUSED;
