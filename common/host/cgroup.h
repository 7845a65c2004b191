// SPDX-License-Identifier: Apache-2.0
// Control groups for children, so that all that a child left behind can be found and ended. A group
// is a leaf below this process's own group: in the unified tree where that is the only one, else in
// the "pids" hierarchy.
#pragma once

#include "common/base/macros.h"

struct arena;
struct error;

// Makes the leaf "<own group>/<name>" and returns its folder, in the arena; one that exists is
// taken. -ENOTSUP: there is no writable cgroup tree here.
int cgroup_make(struct arena *arena, const char *name, char **ret_path,
                struct error *err) WARN_UNUSED;
// Puts the calling process into the group.
int cgroup_enter(const char *path, struct error *err) WARN_UNUSED;
// Kills all processes of the group and waits until none is left, for at most a fraction of a
// second. -EBUSY: some are.
int cgroup_kill(const char *path, struct error *err) WARN_UNUSED;
// Removes the group when it is empty; nothing otherwise.
void cgroup_remove(const char *path);
// Kills and removes every leaf of ours whose name starts with the prefix: what an earlier process
// of the same daemon left behind. Returns how many leaves had processes, or -errno.
int cgroup_sweep(const char *prefix, struct error *err) WARN_UNUSED;
