// SPDX-License-Identifier: Apache-2.0
// One round of the master: a working copy of nodes and services that the parts of the manager read
// and change, and at the end the differences to what is stored. Internal to crm/core.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"
#include "common/model/event.h"
#include "common/model/lrm_status.h"
#include "common/model/manager_status.h"
#include "common/model/resources.h"
#include "common/model/service.h"
#include "crm/core/crm.h"
#include "crm/core/node_set.h"
#include "crm/core/usage.h"

struct item_affinity;
struct manager;

enum { NODE_NONE = -1 };

enum fence_proof {
    FENCE_PROOF_UNASKED,
    FENCE_PROOF_ASKED,
    FENCE_PROOF_DENIED,
    FENCE_PROOF_LEASE,  // granted
    FENCE_PROOF_DEVICE, // all devices of a level say that it is off
};

struct round_node {
    const char *name;
    bool listed;         // a member of the cluster
    bool member_online;  // in the quorate partition, and not silent
    bool member_present; // seen by Corosync
    bool silent;         // in the quorate partition, but its LRM says nothing (presence.h)
    bool known;          // the stored node status has it
    bool present;        // has a state: stored, or seen online since
    int state;           // enum node_state; unknown while not present
    bool maintenance_requested;
    const struct lrm_status *lrm; // NULL: none, or not known before this round
    enum lrm_mode mode;
    bool fence_stored; // the stored state is fence: its LRM has been told
    bool has_device;   // that can switch it off
    enum fence_proof proof;
    bool proof_is_new; // the lease was newly taken
    uint64_t proof_term;
    // Of the present proof, or of the last one that let its services go. NULL: none yet.
    const char *fence_proof, *fence_evidence;
    int64_t held_until_ms;    // own clock: it flaps and gets no new services; 0: it may
    int64_t held_off_until_s; // the same as it is told to people
    bool fence_tried;         // in this pass
};

// A service in this round.
struct item {
    const char *sid;
    const struct crm_slot *slot;
    const struct service *stored; // NULL: new in this round
    const struct service *record; // as it is now; NULL: not known to the master (any more)
    struct service *edited;       // the private copy behind `record`, once there is one
    enum request_state request;   // disabled when it is not configured
    bool failback;
    bool is_vm;        // moves live
    bool stop_request; // a stop command sets the requested state
    bool drop_group;   // group migration
    bool failback_off;
    bool guest_unlock;
    bool deferred; // disarming waits for it
    int64_t max_relocate;
    int64_t retry_interval_s; // 0: it is not tried again out of error
    const char *guest_node;   // the guest's place, as changed in this round
    int node;                 // index of record->node
    int target;               // index of record->target
    int counted_node;         // where the usage model counts it
    int counted_target;
    const struct item_affinity *affinity; // rules that concern it, or NULL
    const struct node_set *unreachable;   // nodes without its storages; NULL: none
    // The storage its node has lost and for want of which it is to be stopped there; NULL: none.
    const char *halted_by;
};

struct master_round {
    struct manager *manager;
    const struct crm_input *input;
    struct crm_output *output;
    struct arena *arena;
    const struct timing *timing;
    bool classic;
    bool tick;                // a round at the reference's pace: what counts rounds counts these
    const char *own;          // this node
    struct round_node *nodes; // ascending by name
    int nodes_count;
    struct item *items; // ascending by sid
    size_t items_count;
    struct usage *usage;
    struct node_set online; // candidates for placement: online when the usage model was built
    struct node_set held;   // those of them that get nothing while there are others
    enum disarm_mode disarm;
    bool disarmed;
    bool deferred; // only deferred items get steps
    bool aborted;  // the round ended early: write nothing
    uint64_t uids;
    int passes;
    bool repeat;
    bool asked;                  // this pass waits for the answers to its lease requests
    struct pointer_list answers; // struct crm_write_answer *
    const char *new_rules;       // group migration
    bool groups_remove;
    size_t changes;   // records that were touched
    bool truncated;   // there is more to do than one write may hold; the next round goes on at once
    bool lease_asked; // of some node, in this round
    bool fence_soon;  // a proof can be sought as soon as the intent is committed
    int64_t wake_ms;
};

// Builds the working copy.
struct master_round *master_round_new(struct manager *manager, const struct crm_input *input,
                                      struct crm_output *output) WARN_UNUSED;
// The node's position, or NODE_NONE.
int master_round_node(const struct master_round *round, const char *name) WARN_UNUSED;
// The item, or NULL.
struct item *master_round_item(const struct master_round *round, const char *sid) WARN_UNUSED;
// A new event of this round that is true whatever becomes of the write.
struct event *master_round_fact(struct master_round *round, enum event_level level,
                                const char *name);
// A new event of this round that is told once the round's write took effect.
struct event *master_round_event(struct master_round *round, enum event_level level,
                                 const char *name);
// The same with the fields sid and node, each left out when NULL.
struct event *master_round_event_of(struct master_round *round, enum event_level level,
                                    const char *name, const char *sid, const char *node);
void master_round_text(struct master_round *round, struct event *event, const char *key,
                       const char *value);
const char *master_round_uid(struct master_round *round) WARN_UNUSED;
// Asks for a round at that time at the latest.
void master_round_wake(struct master_round *round, int64_t at_ms);

// Whether the node is not online and has not been for `delay_ms`. Without a record of when it was
// seen, that starts now.
bool master_round_is_delayed(struct master_round *round, int node, int64_t delay_ms) WARN_UNUSED;
// Whether it is to be fenced if something there needs it: the same with the delay before fencing,
// which a power switch makes needless; but not before it has had the time to come (back) after
// quorum was regained. INV-10.
bool master_round_is_lost(struct master_round *round, int node) WARN_UNUSED;
// Whether the service's node is lost and the end of its lease would prove that the service does not
// run there.
bool master_round_is_lost_for(struct master_round *round, const struct item *item) WARN_UNUSED;
bool master_round_is_online(const struct master_round *round, int node) WARN_UNUSED;

// Whether the item must wait for the next round, since this one's write would become too large.
// Then it is not to be touched. Never in classic replay.
bool master_round_is_full(struct master_round *round, const struct item *item) WARN_UNUSED;

// The record to change; a private copy from the first time on. The item must have a record.
struct service *item_edit(struct master_round *round, struct item *item) WARN_UNUSED;
// The result of the LRM for the present task, or NULL.
const struct lrm_result *item_result(const struct master_round *round,
                                     const struct item *item) WARN_UNUSED;

// What a change of state says besides the new state.
struct change {
    enum svc_state to;
    int node;          // NODE_NONE: unchanged
    int target;        // NODE_NONE: none
    int64_t timeout_s; // SERVICE_TIMEOUT_NONE: none
};
// Changes the state: keeps node, failed nodes and maintenance node, drops the rest, gives a new
// uid, updates the usage model and tells it.
void item_change(struct master_round *round, struct item *item, const struct change *change);
void item_change_state(struct master_round *round, struct item *item, enum svc_state to);
// As above with the node among the event's fields.
void item_change_at(struct master_round *round, struct item *item, enum svc_state to, int node);
// Started when it is wanted so, else request_stop.
enum svc_state item_wanted(const struct item *item) WARN_UNUSED;

// Compares the working copy with what is stored and fills output->write.
void master_round_finish(struct master_round *round);
