// SPDX-License-Identifier: Apache-2.0
// The proof of what runs of a container: its control groups. LXC puts a container's processes below
// "lxc.payload.<id>" (or "lxc.payload.<id>-<n>" when that was taken) and its monitor below
// "lxc.monitor.<id>", in every hierarchy. LXC's own word is not enough: when the monitor was killed
// it says STOPPED while the container runs.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/macros.h"

struct arena;
struct error;

// One folder below which containers' groups may lie.
struct ct_cgroup_place {
    const char *folder;
    bool unified; // cgroup v2
};

// Where groups of containers are on this machine. A hierarchy appears with its root and with the
// groups on the way to those of `self` and of process 1, since LXC puts groups beside these.
struct ct_cgroup_places {
    struct ct_cgroup_place *places;
    size_t count;
};

// The third is not of containers: groups that we make for other services, "ha-manager.<id>"; their
// ids end in a word of ours, so that none is another's with a number behind it.
enum ct_cgroup_kind { CT_CGROUP_PAYLOAD, CT_CGROUP_MONITOR, CT_CGROUP_SERVICE };

struct ct_cgroup_scan {
    pid_t *pids; // ascending, each once; 0 stands for processes that cannot be seen from here
    size_t pids_count;
    const char **folders; // all groups that were found, parents before children
    size_t folders_count;
    bool populated; // something runs
};

// From the texts of mountinfo and of the cgroup files of the processes; pure. -ENOTSUP when no
// hierarchy can be seen whole: then nothing can be proved and nothing may be started.
int ct_cgroup_parse(struct arena *arena, const char *mountinfo, const char *const *cgroups,
                    size_t cgroups_count, struct ct_cgroup_places *ret,
                    struct error *err) WARN_UNUSED;
// As above, of this machine.
int ct_cgroup_find(struct arena *arena, struct ct_cgroup_places *ret,
                   struct error *err) WARN_UNUSED;

// All processes in the container's groups, however deep. Fails rather than to miss something.
int ct_cgroup_scan(struct arena *arena, const struct ct_cgroup_places *places,
                   enum ct_cgroup_kind kind, const char *id, struct ct_cgroup_scan *ret,
                   struct error *err) WARN_UNUSED;

// The same of the group with this path ("/system.slice/x.service") and all below it, in every
// hierarchy that has it.
int ct_cgroup_scan_path(struct arena *arena, const struct ct_cgroup_places *places,
                        const char *path, struct ct_cgroup_scan *ret,
                        struct error *err) WARN_UNUSED;

// Kills all processes in the groups and waits until there are none; -ETIMEDOUT with their number
// when some still live after the time.
int ct_cgroup_kill(const struct ct_cgroup_places *places, enum ct_cgroup_kind kind, const char *id,
                   int64_t timeout_ms, struct error *err) WARN_UNUSED;
// Waits until nothing runs in the groups. -ETIMEDOUT likewise.
int ct_cgroup_wait(const struct ct_cgroup_places *places, enum ct_cgroup_kind kind, const char *id,
                   int64_t timeout_ms, struct error *err) WARN_UNUSED;
// Removes the empty groups that a killed monitor left, so that the next start finds its name free.
void ct_cgroup_remove(const struct ct_cgroup_places *places, enum ct_cgroup_kind kind,
                      const char *id);

// The process that is number 1 inside the container, or 0 when there is none.
pid_t ct_cgroup_init_pid(const struct ct_cgroup_scan *scan) WARN_UNUSED;
// How many PID namespaces the process is in, and its number in the innermost; false when it is
// gone. From the text of its status file; pure.
bool ct_cgroup_parse_nspid(const char *status, size_t *ret_depth, int64_t *ret_inner_pid);

// Whether the process has a handler for the signal.
bool ct_cgroup_catches(pid_t pid, int signo) WARN_UNUSED;
// The same from the text of its status file; pure.
bool ct_cgroup_parse_catches(const char *status, int signo) WARN_UNUSED;

// In which hierarchy a controller is.
enum ct_cgroup_layout { CT_CGROUP_NONE, CT_CGROUP_V1, CT_CGROUP_V2 };
enum ct_cgroup_layout ct_cgroup_controller(const struct ct_cgroup_places *places,
                                           const char *file_v1, const char *file_v2) WARN_UNUSED;
