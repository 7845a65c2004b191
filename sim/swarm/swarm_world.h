// SPDX-License-Identifier: Apache-2.0
// A whole cluster in one process: on each node the production ha-clusterd engine, CRM, LRM and
// watchdog multiplexer, on simulated network, disks, clocks and guests. Nothing here decides about
// a service. Two worlds made from the same campaign give the same bytes (INV-12).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"
#include "sim/swarm/campaign.h"

struct arena;
struct error;
struct event;
struct swarm_world;

// What an observer with true time sees: true processes, not what daemons believe. Each call comes
// right after the fact.
struct swarm_observer {
    void (*event)(void *userdata, int64_t true_us, const char *at, const struct event *event);
    // A guest's processes came to be, or are gone. `by_hand`: not by an agent.
    void (*guest)(void *userdata, int64_t true_us, size_t node, const char *sid, bool runs);
    // The node lost its power, by a step, a fence device or its own watchdog ("watchdog",
    // "campaign", "device"), or has it again (NULL).
    void (*power)(void *userdata, int64_t true_us, size_t node, bool is_on, const char *why);
    // A transaction of a daemon was answered: 0 or -errno, and its version.
    void (*committed)(void *userdata, int64_t true_us, size_t node, int code, uint64_t version);
    // The LRM or CRM of the node holds a lease with authority until that true time; term 0: it has
    // given it back.
    void (*authority)(void *userdata, int64_t true_us, size_t node, const char *lease,
                      uint64_t term, int64_t until_us);
    // The LRM or CRM of the node asks for a lease, or its renewal.
    void (*asked)(void *userdata, int64_t true_us, size_t node, const char *lease);
    // After anything that happened: the moment to look at the world.
    void (*after)(void *userdata, int64_t true_us);
    void *userdata;
};

// Boots the cluster as the campaign says. Nothing has happened yet.
struct swarm_world *swarm_world_start(const struct campaign_cluster *cluster,
                                      const struct swarm_observer *observer) WARN_UNUSED;
// Also one in the middle of anything.
void swarm_world_end(struct swarm_world *world);

int64_t swarm_world_now_us(const struct swarm_world *world) WARN_UNUSED;
// Runs until that time, or until stopped (the observer has seen enough). False when stopped.
bool swarm_world_run(struct swarm_world *world, int64_t until_us) WARN_UNUSED;
void swarm_world_stop(struct swarm_world *world);

// Carries out one step other than settle. What makes no sense now (killing what does not run) does
// nothing. -EINVAL: it names what does not exist.
int swarm_world_do(struct swarm_world *world, const struct campaign_step *step,
                   struct error *err) WARN_UNUSED;
// Ends all faults: power, network, disks, clocks' gates, devices, hanging guests.
void swarm_world_mend(struct swarm_world *world);

// For the observer.
size_t swarm_world_nodes(const struct swarm_world *world) WARN_UNUSED;
const char *swarm_world_node_name(const struct swarm_world *world, size_t node) WARN_UNUSED;
bool swarm_world_is_on(const struct swarm_world *world, size_t node) WARN_UNUSED;
bool swarm_world_is_paused(const struct swarm_world *world, size_t node) WARN_UNUSED;
bool swarm_world_guest_runs(const struct swarm_world *world, size_t node,
                            const char *sid) WARN_UNUSED;
const struct timing *swarm_world_timing(const struct swarm_world *world) WARN_UNUSED;
// A committed value as the node's ha-clusterd has it, or NULL; until the world runs on.
const char *swarm_world_peek(const struct swarm_world *world, size_t node, const char *key,
                             uint64_t *ret_version);
// Whether its ha-clusterd says so.
bool swarm_world_is_quorate(const struct swarm_world *world, size_t node) WARN_UNUSED;
bool swarm_world_is_serving(const struct swarm_world *world, size_t node) WARN_UNUSED;
// Sum over the committed durable rows of a node, and the version at which it stands.
uint64_t swarm_world_checksum(const struct swarm_world *world, size_t node, uint64_t *ret_version);
// All is well: all nodes that are on serve in one quorate part, each service is as it was asked
// for or names its blocker, and no round has anything to do but to renew leases.
bool swarm_world_is_settled(const struct swarm_world *world) WARN_UNUSED;

// A moment of the whole world at which nothing happens but renewals repeats itself for ever; what
// differs between two such moments is time alone. Sums up everything else, for the search to skip
// quiet time: equal sums one renewal period apart say that it may.
uint64_t swarm_world_sum(const struct swarm_world *world) WARN_UNUSED;

struct swarm_figures {
    uint64_t happenings, messages, message_bytes, rounds_crm, rounds_lrm, commits, rows_written;
};
void swarm_world_figures(const struct swarm_world *world, struct swarm_figures *ret);
