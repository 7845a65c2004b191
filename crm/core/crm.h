// SPDX-License-Identifier: Apache-2.0
// The whole decision logic of the cluster resource manager as one step function: input is time,
// quorum, parsed documents and the answers to lease requests; output is ordered actions, what to
// write, and events. Nothing here knows a clock, a socket or the store. The state that lives from
// round to round is in `struct crm`; everything that must survive the process is in the documents.
//
// One round is one or more calls: while the output says `again`, carry out its actions and call
// again with the same input and the answers to its lease requests. A round has at most
// CRM_CALLS_MAX calls.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"
#include "common/base/map.h"
#include "common/model/crm_state.h"
#include "common/model/manager_status.h"
#include "common/port/fence.h"
#include "common/port/lease.h"
#include "common/port/membership.h"
#include "crm/core/pointer_list.h"

struct affinity;
struct arena;
struct command;
struct crm;
struct event;
struct fence_config;
struct fence_device;
struct lrm_result;
struct options;
struct resource;
struct service;
struct stats_view;
struct timing;

enum { CRM_CALLS_MAX = 64 };

// What the LRM of this node said of a service.
struct crm_result {
    const char *node;
    const struct lrm_result *result;
};

// What the store has about one service id.
struct crm_slot {
    const char *sid;
    const struct resource *resource; // NULL: not under HA
    const char *guest_node;          // NULL: there is no such guest
    const char *guest_lock;          // NULL: not locked
    const char *const *storages;     // that its volumes are on, defined or not; ascending
    size_t storages_count;
    const struct service *record;     // NULL: the master does not know it
    uint64_t record_version;          // when that was written
    const struct crm_result *results; // ascending by node: mostly one
    size_t results_count;
    bool unreadable; // it cannot be known or done: leave the service alone
};

struct crm_command {
    const char *id;                // never NULL
    const char *text;              // the one-line form, or the raw value when that cannot be read
    const struct command *command; // NULL: cannot be read
    const char *reason;            // why not
};

// The documents, as last read. Borrowed for the round.
struct crm_documents {
    bool readable;       // false: the store cannot be read now, and nothing below is to be used
    const char *reason;  // why not
    uint64_t generation; // grows when anything below changes that decisions depend on
    struct map slots;    // sid → struct crm_slot *
    size_t resources_count;
    size_t records_count;
    size_t fence_count;                  // records in state fence
    const struct manager_status *status; // never NULL; empty when there is none yet
    bool status_unreadable;              // there is one, it cannot be read, and it never could
    struct map lrms;                     // node → const struct lrm_status *
    struct map versions;       // node → const char *: version of the software there, where known
    struct map storages;       // id → const struct storage *
    struct map storage_states; // node → const struct map *: id → struct storage_state *
    const struct crm_command *commands; // in the order they were given
    size_t commands_count;
    const struct options *options;    // never NULL
    const struct fence_config *fence; // NULL: no devices, or they cannot be read
    const char *rules;                // text, or NULL
    const char *groups;               // text, or NULL
    uint64_t rules_version;           // changes with the text
    uint64_t groups_version;
    uint64_t resources_version; // changes with any resource
};

// The answer to a CRM_ACTION_LEASE_ACQUIRE.
struct crm_lease_answer {
    const char *lease;
    int answer;               // enum lease_answer, or -errno
    struct lease_grant grant; // when answer > 0
};

struct crm_input {
    struct arena *arena; // for everything the output has; lives until the end of the round
    int64_t now_ms;
    int64_t wall_s; // for telling people only
    bool shutdown;  // an orderly end was asked for
    bool view_ok;   // the store's view is up to date
    bool member_ok; // the membership could be read
    struct member_list members;
    const struct crm_documents *documents;
    const struct stats_view *static_stats;  // NULL: not known or not needed
    const struct stats_view *dynamic_stats; // likewise
    const char *seed; // an identifier that never repeats; new uids are made from it
    const struct crm_lease_answer *answers; // to the requests of the call before
    size_t answers_count;
    bool can_fence;                           // orders to fence devices can be given
    const struct fence_result *fence_results; // of those that ended since the round before
    size_t fence_results_count;
};

enum crm_action_kind {
    CRM_ACTION_LEASE_ACQUIRE = 1, // its answer is wanted
    CRM_ACTION_LEASE_RELEASE,     // fine when it is not held
    CRM_ACTION_FENCE_OFF,         // node, device
    CRM_ACTION_FENCE_CANCEL,      // node
    CRM_ACTION_WATCHDOG_ARM,
    CRM_ACTION_WATCHDOG_DISARM,
};

struct crm_action {
    enum crm_action_kind kind;
    const char *lease;
    const char *node;
    const struct fence_device *device;
    int64_t deadline_ms;
    bool after_write; // only when the write took effect
};

struct crm_output_event {
    struct event *event;
    bool decided; // tells of something that is only true once the write took effect
};

struct crm_write_record {
    const char *sid;
    const struct service *record; // NULL: remove
};

struct crm_write_guest {
    const char *sid;
    const char *from; // the place it must have
    const char *node; // its new place, or NULL: unchanged
    bool unlock;
};

struct crm_write_resource {
    const char *sid;
    bool stop;         // set the requested state to stopped
    bool drop_group;   // group migration
    bool failback_off; // likewise, when the group said so
};

struct crm_write_answer {
    const char *id;
    bool refused;
    const char *reason; // NULL when not refused
};

// One durable transaction, guarded by the manager lease with this term, and after it the volatile
// answers.
struct crm_write {
    bool wanted;
    uint64_t term;
    const struct manager_status *status;
    struct pointer_list records;   // struct crm_write_record *
    struct pointer_list guests;    // struct crm_write_guest *
    struct pointer_list resources; // struct crm_write_resource *
    struct pointer_list answers; // struct crm_write_answer *: the commands that end with this write
    const char *rules;           // new text, or NULL: unchanged
    bool groups_remove;
};

struct crm_output {
    struct pointer_list actions; // struct crm_action *, in order
    struct pointer_list events;  // struct crm_output_event *, in order
    bool again;                  // this round goes on: carry out the actions, give the answers
    bool reread;                 // and read the documents again before
    bool exit;
    bool sign_of_life;      // master: leave the time stamp
    struct crm_write write; // only in the last call of a round
    int64_t next_wake_ms;
};

// `node` is copied, `timing` borrowed. The state is startup; the first step moves on to
// wait_for_quorum.
struct crm *crm_new(const char *node, const struct timing *timing) WARN_UNUSED;
void crm_free(struct crm *crm);
// Moves from startup to wait_for_quorum.
void crm_start(struct crm *crm, struct arena *arena, struct crm_output *output);
// One call. `output` must be all zero.
void crm_step(struct crm *crm, const struct crm_input *input, struct crm_output *output);
enum crm_state crm_state_get(const struct crm *crm) WARN_UNUSED;
