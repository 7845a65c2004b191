// SPDX-License-Identifier: Apache-2.0
// The fence port of the live CRM: each order is a child process of its own, which waits out the
// device's delay, reads the device's secrets from the store, and runs its agent (fence_agent.h). So
// a device that hangs blocks nobody. Also the master's regular trials of all devices.
//
// A daemon that dies takes its orders with it (PR_SET_PDEATHSIG on the child and on the agent).
// What is then half done is harmless: an order is only given after the intent to fence the node is
// committed (INV-2), so "off" may take effect whenever it likes while the intent stands, once or
// twice; without its result nothing is concluded from it, and the next master orders anew. A helper
// of the agent may outlive it by its own timeout (seconds) and switch off a node that has come back
// meanwhile: a node lost for a moment, which is then fenced and recovered like any other, never a
// service that runs twice.
#pragma once

#include <stdbool.h>

#include "common/base/macros.h"

struct cluster_client;
struct event_sink;
struct fence;
struct host_fence;
struct loop;

// `on_result` is called when an order has ended and fence_collect() has something; it must not run
// a round itself, since it may be called from within fence_start(). All pointers are borrowed.
struct host_fence *host_fence_new(struct loop *loop, struct cluster_client *client,
                                  void (*on_result)(void *userdata), void *userdata) WARN_UNUSED;
// Kills what is under way. NULL is fine.
void host_fence_free(struct host_fence *fence);
struct fence *host_fence_port(struct host_fence *fence) WARN_UNUSED;

// To be called in every round: whether this node is the master now. The master tries each device
// once in the configuration's self_test_interval_s, counted from the last trial by whomever
// ("live/fence/<device>"); each one is an event fence-self-test. The client must watch "config/".
void host_fence_self_test(struct host_fence *fence, struct event_sink *events, bool is_master);
