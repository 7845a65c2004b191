// SPDX-License-Identifier: Apache-2.0
// A cluster that is played in memory: a copy of the documents, virtual time, the master's rounds as
// the daemon runs them (crm/round.h), and LRMs that do at once what they are told and never fail.
// Nothing is decided here. Internal to answers/.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/macros.h"
#include "common/base/map.h"
#include "common/model/timing.h"
#include "common/port/membership.h"
#include "common/port/store.h"
#include "sim/sim_lease.h"
#include "sim/sim_store.h"

struct arena;
struct error;
struct played_crm;
struct what_if_question;
struct what_if_source;

enum { PLAYED_CRMS_MAX = 2 };

struct played_node {
    const char *name;
    int64_t votes;
    bool lives;   // works and reaches the others
    bool is_mute; // its LRM does nothing: it had given no sign of life for long
    bool is_seen; // the others have not noticed yet that it is gone, if it is
};

// Where a guest runs, and since when.
struct played_run {
    const char *node;
    int64_t since_ms;
};

struct played_cluster {
    struct store port; // first: the port's pointer is ours
    struct arena *arena;
    struct timing timing;
    int64_t now_ms;
    int64_t wall_ms; // at time 0
    struct sim_store store;
    struct sim_leases leases;
    struct map nodes; // name → struct played_node *
    struct map runs;  // sid → struct played_run *
    int64_t expected_votes;
    int64_t other_votes; // of a quorum device
    bool forced;         // the quorum is an operator's word
    uint64_t epoch;
    uint64_t ids_given;
    struct played_crm *crms[PLAYED_CRMS_MAX];
    int64_t lrms_due_ms;    // when the LRMs look at their orders next; INT64_MAX: no need
    uint64_t lrms_since;    // version up to which they have
    int64_t signs_due_ms;   // when they give signs of life next
    int64_t unseen_due_ms;  // when the others notice who is gone; INT64_MAX: they have
    int64_t changed_ms;     // when something durable changed last
    uint64_t rounds;        // of CRMs
    struct arena *scratch;  // of one instant
    struct map guest_loads; // sid → struct guest_load *: as measured where it ran
};

// Copies what the CRM reads from the source. The cluster is as the source says, at time 0. Of those
// that are to be lost none is to become the master after the present one.
int played_cluster_new(const struct what_if_source *source, const struct what_if_question *question,
                       struct played_cluster **ret, struct error *err) WARN_UNUSED;
void played_cluster_free(struct played_cluster *cluster);
void played_cluster_freep(struct played_cluster **cluster);
// Lets time pass until nothing changes any more. False when there is no end in sight.
bool played_cluster_settle(struct played_cluster *cluster) WARN_UNUSED;
// From now on the node does nothing; the others notice it as late as they may.
void played_cluster_lose(struct played_cluster *cluster, const char *node);
bool played_names_have(const char *const *names, size_t count, const char *name) WARN_UNUSED;
// Of those who see each other.
int64_t played_cluster_votes(const struct played_cluster *cluster) WARN_UNUSED;
bool played_cluster_is_quorate(const struct played_cluster *cluster) WARN_UNUSED;
// The value of a key, or NULL.
const char *played_cluster_find(const struct played_cluster *cluster, const char *key) WARN_UNUSED;
// Writes without condition, and lets those know who watch.
void played_cluster_put(struct played_cluster *cluster, const char *key, const char *value);
// The same of a change that was written by another way.
void played_cluster_notice(struct played_cluster *cluster, const char *key);
// Who is there, as a node in the quorate part sees it; in the arena.
struct member_list played_cluster_members(const struct played_cluster *cluster,
                                          struct arena *arena) WARN_UNUSED;
// The played store as a port, for who only reads.
struct store *played_cluster_store(struct played_cluster *cluster) WARN_UNUSED;

// ---- played_crm.c

struct played_crm *played_crm_new(struct played_cluster *cluster,
                                  const struct played_node *node) WARN_UNUSED;
void played_crm_free(struct played_crm *crm);
const struct played_node *played_crm_node(const struct played_crm *crm) WARN_UNUSED;
int64_t played_crm_due_ms(const struct played_crm *crm) WARN_UNUSED;
void played_crm_wake(struct played_crm *crm, int64_t at_ms);
void played_crm_run(struct played_crm *crm);

// ---- played_lrm.c

// What runs where, and what it needs there, as the documents have it.
void played_lrms_init(struct played_cluster *cluster);
// All LRMs look at what they are to do, and have done it.
void played_lrms_run(struct played_cluster *cluster);
// All LRMs say that they are there. One that had not for long when this began says nothing.
void played_lrms_sign(struct played_cluster *cluster);
