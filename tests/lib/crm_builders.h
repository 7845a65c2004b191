// SPDX-License-Identifier: Apache-2.0
// A cluster for tests of crm/core: documents, membership and leases that are set in a line each,
// and whole rounds whose events and writes can be looked at. Nodes are node1, node2, …; the tested
// CRM is node1's.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"
#include "common/model/fence_config.h"
#include "common/model/lrm_status.h"
#include "common/model/manager_status.h"
#include "common/model/options.h"
#include "common/model/resources.h"
#include "common/model/service.h"
#include "common/model/storage.h"
#include "common/model/storage_state.h"
#include "common/model/timing.h"
#include "common/port/stats.h"
#include "crm/core/crm.h"

struct arena;

enum { CLUSTER_NODES_MAX = 128 };

struct cluster {
    struct arena *arena; // of everything, for the whole test
    struct timing timing;
    struct crm *crm;
    struct crm_documents documents;
    struct manager_status *status; // the stored one
    struct options options;
    struct crm_input input;
    struct member members[CLUSTER_NODES_MAX];
    struct stats_view stats;
    bool stats_missing; // rounds get no figures
    struct map
        leases; // name → int *: the answer; absent: the manager lease is granted, agents' are busy
    enum lease_origin origin; // of the agent leases that are granted
    uint64_t term;
    bool had_manager_lease;
    bool write_fails;            // what rounds decide is dropped
    struct fence_config *fence;  // see cluster_device()
    struct pointer_list results; // struct fence_result *: for the next round
    uint64_t uids;
    uint64_t rounds;
    // Of the last round:
    struct crm_output output;    // of its last call
    struct pointer_list events;  // struct crm_output_event *, of all calls
    struct pointer_list actions; // struct crm_action *, of all calls
    size_t calls;
};

// `nodes` online nodes, nothing configured, all figures of the profile; time is 1000 s. No round
// has run yet.
struct cluster *cluster_new(struct arena *arena, enum timing_profile profile,
                            size_t nodes) WARN_UNUSED;
void cluster_free(struct cluster *cluster);
// For CLEANUP().
void cluster_freep(struct cluster **cluster);

// ---- the world
void cluster_pass(struct cluster *cluster, int64_t seconds);
void cluster_set_online(struct cluster *cluster, const char *node, bool online);
// Stored state of a node; without one a round finds it unknown.
struct manager_node *cluster_node(struct cluster *cluster, const char *node, enum node_state state);
// All nodes known and online, with an active LRM each.
void cluster_settle_nodes(struct cluster *cluster);
struct lrm_status *cluster_lrm(struct cluster *cluster, const char *node, enum lrm_mode mode);
// What acquiring that lease answers from now on.
void cluster_lease(struct cluster *cluster, const char *lease, int answer);
void cluster_agent_lease(struct cluster *cluster, const char *node, int answer);

// A switch that can turn the node off; from the first one on orders can be given.
struct fence_device *cluster_device(struct cluster *cluster, const char *name, const char *node,
                                    int64_t level);
// The next round hears this from the device.
void cluster_fence_result(struct cluster *cluster, const char *device, const char *node,
                          enum fence_verdict verdict);
// "device>node …": the orders of the last round.
const char *cluster_orders(struct cluster *cluster) WARN_UNUSED;
void cluster_pass_ms(struct cluster *cluster, int64_t ms);

// ---- documents
// A guest and its resource.
struct resource *cluster_resource(struct cluster *cluster, const char *sid, const char *node,
                                  enum request_state request);
// With these a record. Its uid is new.
struct service *cluster_service(struct cluster *cluster, const char *sid, enum svc_state state,
                                const char *node, enum request_state request);
struct crm_slot *cluster_slot(struct cluster *cluster, const char *sid);
// The record as the last write left it, or NULL.
const struct service *cluster_record(const struct cluster *cluster, const char *sid) WARN_UNUSED;
enum node_state cluster_node_state(const struct cluster *cluster, const char *node) WARN_UNUSED;
// The LRM of the record's node reports this for the present task.
void cluster_result(struct cluster *cluster, const char *sid, int64_t code);
// A storage that all nodes have.
struct storage *cluster_storage(struct cluster *cluster, const char *id);
// The guest's volumes are on this one storage.
void cluster_guest_storage(struct cluster *cluster, const char *sid, const char *storage);
// How the node finds it.
void cluster_storage_state(struct cluster *cluster, const char *node, const char *storage,
                           enum storage_condition condition);
void cluster_command(struct cluster *cluster, const char *id, const char *text);
void cluster_rules(struct cluster *cluster, const char *text);
void cluster_groups(struct cluster *cluster, const char *text);
void cluster_stats_node(struct cluster *cluster, const char *node, double cpu, double mem);
void cluster_stats_guest(struct cluster *cluster, const char *sid, const char *node, double cpu,
                         double mem);

// ---- rounds
// One round: all its calls, then its write, unless it is to fail.
void cluster_round(struct cluster *cluster);
// Rounds until it is master and has taken the documents in, then forgets what they told.
void cluster_become_master(struct cluster *cluster);
// The last round's events of that name as one text, "name: k=v …" a line; all of them when NULL.
const char *cluster_events(struct cluster *cluster, const char *name) WARN_UNUSED;
size_t cluster_events_count(const struct cluster *cluster, const char *name) WARN_UNUSED;
// "a>b c>d": the service's state changes in the last round.
const char *cluster_moves(struct cluster *cluster, const char *sid) WARN_UNUSED;
bool cluster_acted(const struct cluster *cluster, enum crm_action_kind kind,
                   const char *lease) WARN_UNUSED;
// The last round's write as text, for comparing.
const char *cluster_write_text(struct cluster *cluster) WARN_UNUSED;
const struct crm_write_guest *cluster_guest_write(const struct cluster *cluster,
                                                  const char *sid) WARN_UNUSED;
// The reason for which a command was refused in the last round; "" when it was accepted, NULL when
// it was not handled.
const char *cluster_answer(const struct cluster *cluster, const char *id) WARN_UNUSED;
