// SPDX-License-Identifier: Apache-2.0
// What the cluster has committed, as the observer reads it off the nodes: every document that was
// accepted must parse, terms grow, what was answered must stay, and equal versions mean equal rows.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"
#include "common/model/manager_status.h"
#include "common/model/resources.h"
#include "common/model/service.h"

struct affinity;
struct error;
struct swarm_records;
struct swarm_world;

// One service as it was last seen; texts live until the next look.
struct swarm_record {
    const struct resource *resource; // NULL: not under HA
    const struct service *service;   // NULL: the master has not taken it up
    int64_t resource_since_us, service_since_us;
    int64_t ignored_since_us; // INT64_MAX: it is not
};

struct swarm_records *swarm_records_new(void) WARN_UNUSED;
void swarm_records_free(struct swarm_records *records);
void swarm_records_add_sid(struct swarm_records *records, const char *sid);
// Something was committed, and this node knows it. -EBADMSG: an invariant is broken, in words.
int swarm_records_look(struct swarm_records *records, int64_t true_us, struct swarm_world *world,
                       size_t node, struct error *err) WARN_UNUSED;
// All nodes that serve have the same rows, and nothing that was seen committed is gone.
// -EBADMSG as above.
int swarm_records_compare(struct swarm_records *records, struct swarm_world *world,
                          struct error *err) WARN_UNUSED;
// A quorum by force: histories may part from here on, so nothing is compared with what was before.
void swarm_records_forget(struct swarm_records *records);

const struct swarm_record *swarm_records_find(const struct swarm_records *records,
                                              const char *sid) WARN_UNUSED;
size_t swarm_records_count(const struct swarm_records *records) WARN_UNUSED;
const char *swarm_records_sid(const struct swarm_records *records, size_t index) WARN_UNUSED;
// NULL: none yet.
const struct manager_status *swarm_records_status(const struct swarm_records *records) WARN_UNUSED;
// The rules in force, or NULL without any; and since when they are.
const struct affinity *swarm_records_affinity(const struct swarm_records *records,
                                              int64_t *ret_since_us) WARN_UNUSED;
