// SPDX-License-Identifier: Apache-2.0
// Watchdogs of a node: the device, the process ha-watchdogd with the production feeder, and the
// client's side in ha-lrm with its last resort, as common/host/host_watchdog.h has it.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/macros.h"
#include "common/port/watchdog.h"

struct event_sink;
struct swarm_device;
struct swarm_fiber;
struct swarm_node;
struct swarm_watchdog_client;
struct swarm_watchdogd;

// A device of hardware counts whatever becomes of the node's processes, also while the node is
// paused. The other kind is ha-watchdogd itself.
struct swarm_device *swarm_device_new(struct swarm_node *node, bool is_hardware) WARN_UNUSED;
void swarm_device_free(struct swarm_device *device);
// Its time is over: the node will be reset.
bool swarm_device_is_expired(const struct swarm_device *device) WARN_UNUSED;
void swarm_device_cut_power(struct swarm_device *device);

struct swarm_watchdogd *swarm_watchdogd_start(struct swarm_node *node) WARN_UNUSED;
void swarm_watchdogd_kill(struct swarm_watchdogd *watchdogd);
bool swarm_watchdogd_is_armed(const struct swarm_watchdogd *watchdogd) WARN_UNUSED;

// The connection of ha-lrm. What waits, waits in the fiber.
struct swarm_watchdog_client *swarm_watchdog_client_new(struct swarm_node *node,
                                                        struct event_sink *events) WARN_UNUSED;
void swarm_watchdog_client_free(struct swarm_watchdog_client *client);
void swarm_watchdog_client_set_fiber(struct swarm_watchdog_client *client,
                                     struct swarm_fiber *fiber);
// What this node may do was renewed lately, or it has nothing armed: no reset is to come of what
// was.
bool swarm_watchdog_client_is_fresh(const struct swarm_watchdog_client *client) WARN_UNUSED;
struct watchdog *swarm_watchdog_client_port(struct swarm_watchdog_client *client) WARN_UNUSED;
// As host_watchdog_connect().
int swarm_watchdog_client_connect(struct swarm_watchdog_client *client, int64_t *ret_deadline_ms,
                                  struct error *err) WARN_UNUSED;
