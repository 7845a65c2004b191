// SPDX-License-Identifier: Apache-2.0
// The keys of a machine's definition that name devices; used by vm_config.c.
#pragma once

#include "common/base/macros.h"

struct arena;
struct error;
struct vm_config;

// "<storage>:<volume>" or an absolute path.
int vm_config_check_volume(const char *value, struct error *err) WARN_UNUSED;
// Adds the disk or net of a key such as "scsi0" or "net1"; -EINVAL: there is no such key, or the
// value is wrong.
int vm_config_take_device(struct arena *arena, struct vm_config *config, const char *key,
                          const char *value, struct error *err) WARN_UNUSED;
// "order=scsi0;net0", once all devices are known.
int vm_config_take_boot(struct arena *arena, struct vm_config *config, const char *value,
                        struct error *err) WARN_UNUSED;
// Whether the machine has the buses that its disks are on.
int vm_config_check_buses(const struct vm_config *config, struct error *err) WARN_UNUSED;
