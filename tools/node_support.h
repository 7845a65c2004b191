// SPDX-License-Identifier: Apache-2.0
// What the programs behind tools/node share.
#pragma once

#include <sys/types.h>

// The process's state letter and its start time in clock ticks since boot, which with the pid names
// a process for ever. 0, or -1 with errno when there is no such process.
int process_stat_read(pid_t pid, char *ret_state, unsigned long long *ret_start_time);

// Moves the calling process into the cgroup. 0, or -1 with errno.
int cgroup_join(const char *folder);
