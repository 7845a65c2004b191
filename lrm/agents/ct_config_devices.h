// SPDX-License-Identifier: Apache-2.0
// The keys of a container's definition that are lists of properties: interfaces, mounts, the root
// file system, features; used by ct_config.c. All return -EINVAL with words without the key.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/macros.h"

struct arena;
struct ct_config;
struct ct_mount;
struct ct_net;
struct error;

// The number behind the name: 12 of "net12" for "net"; -1 when it is not of that kind.
int64_t ct_config_index(const char *key, const char *kind) WARN_UNUSED;

// "<storage>:<volume>" or an absolute path.
int ct_config_check_volume(const char *value, struct error *err) WARN_UNUSED;
int ct_config_check_hwaddr(const char *value, struct error *err) WARN_UNUSED;
int ct_config_check_bridge(const char *value, struct error *err) WARN_UNUSED;
// One or more addresses with prefix lengths, of either kind; a gateway has none.
int ct_config_check_addresses(const char *value, struct error *err) WARN_UNUSED;
int ct_config_check_gateway(const char *value, struct error *err) WARN_UNUSED;

int ct_config_take_net(struct arena *arena, const char *value, struct ct_net *net,
                       struct error *err) WARN_UNUSED;
int ct_config_take_mount(struct arena *arena, const char *value, struct ct_mount *mount,
                         struct error *err) WARN_UNUSED;
int ct_config_take_rootfs(struct arena *arena, const char *value, struct ct_config *config,
                          struct error *err) WARN_UNUSED;
int ct_config_take_features(struct arena *arena, const char *value, struct ct_config *config,
                            struct error *err) WARN_UNUSED;
