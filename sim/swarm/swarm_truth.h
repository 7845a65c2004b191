// SPDX-License-Identifier: Apache-2.0
// What the campaign's steps have done to the nodes, and what that excuses (docs/testing.md): who
// may be fenced, who may be reset, who is cut off from the majority. Made from the steps alone, so
// that no daemon's opinion is in it.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"
#include "sim/swarm/campaign.h"

struct swarm_truth;

struct swarm_truth *swarm_truth_new(const struct campaign_cluster *cluster) WARN_UNUSED;
void swarm_truth_free(struct swarm_truth *truth);

void swarm_truth_note_step(struct swarm_truth *truth, int64_t true_us,
                           const struct campaign_step *step);
void swarm_truth_note_power(struct swarm_truth *truth, int64_t true_us, size_t node, bool is_on);
// All faults have ended.
void swarm_truth_note_mended(struct swarm_truth *truth, int64_t true_us);
// All was well: what was excused is excused no longer.
void swarm_truth_note_settled(struct swarm_truth *truth);

// That the node is taken for dead, by its own watchdog or by the others.
bool swarm_truth_may_fence(const struct swarm_truth *truth, size_t node) WARN_UNUSED;
bool swarm_truth_may_reset(const struct swarm_truth *truth, size_t node) WARN_UNUSED;
// Whether that node's loss of power is the only thing that is wrong since all was well.
bool swarm_truth_is_single_loss(const struct swarm_truth *truth, size_t node) WARN_UNUSED;
// Since when no majority can have heard the node; INT64_MAX: one can.
int64_t swarm_truth_alone_since_us(struct swarm_truth *truth, int64_t true_us,
                                   size_t node) WARN_UNUSED;
// Whether the node is still waited for after an outage of all: no majority has heard it since there
// is one again, and that is not long ago. False when that cannot be told for sure.
bool swarm_truth_is_awaited(struct swarm_truth *truth, int64_t true_us, size_t node) WARN_UNUSED;
// An operator's word has replaced the quorum since all was well.
bool swarm_truth_is_forced(const struct swarm_truth *truth) WARN_UNUSED;
// The service's own faults in this round: it need not be well for them.
bool swarm_truth_guest_is_faulty(const struct swarm_truth *truth, const char *sid) WARN_UNUSED;
// How long a start and a stop may take by the steps given.
int64_t swarm_truth_slow_ms(const struct swarm_truth *truth) WARN_UNUSED;
