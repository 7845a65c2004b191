// SPDX-License-Identifier: Apache-2.0
// Fence devices: the section file under "config/fence". Their secrets (passwords, keys) are not in
// it but under "secret/fence/<device>", as "key=value" lines.
//
//     options: fencing
//             self_test_interval_s 86400
//
//     device: ipmi-node1
//             agent fence_ipmilan
//             nodes node1
//             level 1
//             timeout 20
//             param.ip 10.0.0.11
//             param.lanplus 1
//
//     device: pdu
//             agent fence_apc
//             nodes node1:3,node2:4
//             level 2
//
// The reader is strict: a document with one bad line has no devices at all, so that nobody believes
// in a switch that is not there. Writers go through fence_config_parse() themselves.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"
#include "common/base/map.h"

struct arena;
struct error;

enum {
    FENCE_LEVEL_MAX = 9,
    FENCE_TIMEOUT_DEFAULT_S = 20,
    FENCE_TIMEOUT_MAX_S = 600,
    FENCE_DELAY_MAX_S = 300,
    FENCE_KEY_MAX = 64,
    FENCE_VALUE_MAX = 1024,
    FENCE_PARAMS_MAX = 64, // of one device; its secrets likewise
    FENCE_SELF_TEST_MIN_S = 60,
    FENCE_SELF_TEST_MAX_S = 365 * 86400,
};

struct fence_device {
    const char *name;
    const char *agent; // name of a program "fence_…", no path
    // node → const char *: the plug's name at the device, or NULL: the node's own device
    struct map nodes;
    int64_t level; // 1 … FENCE_LEVEL_MAX; lower ones are tried first, all of one level together,
                   // and only all of them prove that the node is off
    int64_t delay_s;   // before the order, so that of two nodes that shoot each other one is first
    int64_t timeout_s; // of one order in all, after the delay
    bool disabled;
    struct map params; // key → const char *: given to the agent
};

struct fence_config {
    struct map devices;           // name → struct fence_device *
    int64_t self_test_interval_s; // 0: never. Section "options: fencing"
};

// A configuration without devices, and a device with the defaults and neither agent nor nodes; in
// the arena.
struct fence_config *fence_config_new(struct arena *arena) WARN_UNUSED;
struct fence_device *fence_device_new(struct arena *arena, const char *name) WARN_UNUSED;
// A deep copy in the arena.
struct fence_device *fence_device_copy(struct arena *arena,
                                       const struct fence_device *device) WARN_UNUSED;

// NULL text: no devices. Errors name line, device, key and what is allowed.
int fence_config_parse(struct arena *arena, const char *text, struct fence_config **ret,
                       struct error *err) WARN_UNUSED;
// Devices by name; what is as by default is left out.
char *fence_config_format(struct arena *arena, const struct fence_config *config) WARN_UNUSED;
// The devices that can switch the node off, ascending by level and name; disabled ones left out.
void fence_config_devices_of(struct arena *arena, const struct fence_config *config,
                             const char *node, const struct fence_device ***ret_devices,
                             size_t *ret_count);

// Parts of the above, for command lines: -EINVAL with words.
int fence_agent_name_check(const char *agent, struct error *err) WARN_UNUSED;
// "node1:3,node2" into an empty map of the arena.
int fence_nodes_parse(struct arena *arena, const char *text, struct map *nodes,
                      struct error *err) WARN_UNUSED;
char *fence_nodes_format(struct arena *arena, const struct map *nodes) WARN_UNUSED;
// A key and value that an agent may be given: no line ends, and no key that we set ourselves.
int fence_param_check(const char *key, const char *value, struct error *err) WARN_UNUSED;
// True for keys whose values must not be seen by others: passwords and the like.
bool fence_param_is_secret(const char *key) WARN_UNUSED;

// Secrets: "key=value" lines into an empty map of the arena, and back. Empty lines and those that
// begin with '#' are skipped. Error words never contain a value.
int fence_secrets_parse(struct arena *arena, const char *text, struct map *secrets,
                        struct error *err) WARN_UNUSED;
char *fence_secrets_format(struct arena *arena, const struct map *secrets) WARN_UNUSED;
