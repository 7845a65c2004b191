// SPDX-License-Identifier: Apache-2.0
// Starting QEMU: as a process of its own that outlives who started it, in control groups of its
// own, by which is proved later what runs.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/macros.h"
#include "lrm/agents/ct_cgroup.h"

struct arena;
struct error;

struct vm_process_spec {
    const char *const *argv; // the program is looked for in PATH
    const char *log_file;    // gets what it prints; emptied before
    // Groups that it enters before it becomes the program. At least one of them must take it. With
    // none it stays where the caller is.
    const char *const *groups;
    size_t groups_count;
    const int *keep_fds; // what it inherits besides
    size_t keep_fds_count;
};

// Makes the groups for a machine in all hierarchies where that is possible; the list in the arena.
int vm_process_make_groups(struct arena *arena, const struct ct_cgroup_places *places,
                           const char *id, const char *const **ret, size_t *ret_count,
                           struct error *err) WARN_UNUSED;
// Returns when the program runs, with a descriptor (pidfd) that becomes readable when it ends.
int vm_process_start(const struct vm_process_spec *spec, pid_t *ret_pid, int *ret_pidfd,
                     struct error *err) WARN_UNUSED;
// The first line that it printed, in the arena, or NULL.
const char *vm_process_words(struct arena *arena, const char *log_file) WARN_UNUSED;
struct vm_process_tap {
    const char *name;
    const char *bridge;
    const char *mac; // of the machine's side
    int64_t mtu;     // 0: the default
    bool link_down;
};
// A tap interface on the bridge for a machine; its descriptor. It vanishes with its last user.
int vm_process_open_tap(const struct vm_process_tap *tap, struct error *err) WARN_UNUSED;
