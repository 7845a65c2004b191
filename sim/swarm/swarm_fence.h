// SPDX-License-Identifier: Apache-2.0
// The fence port of a simulated CRM, as crm/host_fence.h has it: each order in a process of its
// own, which dies with the CRM; what its device has begun takes its course.
#pragma once

#include "common/base/macros.h"

struct fence;
struct swarm_client;
struct swarm_fence;
struct swarm_node;

struct swarm_fence *swarm_fence_new(struct swarm_node *node, struct swarm_client *client,
                                    void (*on_result)(void *userdata), void *userdata) WARN_UNUSED;
// From the main flow.
void swarm_fence_free(struct swarm_fence *fence);
struct fence *swarm_fence_port(struct swarm_fence *fence) WARN_UNUSED;
