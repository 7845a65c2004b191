// SPDX-License-Identifier: Apache-2.0
// What this machine is and what it uses, as the kernel tells it.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/macros.h"

struct arena;
struct error;

struct machine_facts {
    int64_t mem_total_bytes, mem_free_bytes, mem_available_bytes;
    int64_t swap_total_bytes, swap_free_bytes;
    int64_t disk_total_bytes, disk_free_bytes, disk_available_bytes; // of the root file system
    int64_t shared_bytes; // memory that the kernel has found twice and keeps once
    const char *load[3];  // averages of 1, 5, 15 minutes, as the kernel writes them
    int64_t cpus, cores, sockets;
    const char *cpu_model, *cpu_mhz, *cpu_flags; // "" when the kernel does not say
    bool hardware_virtual;                       // the processors can run virtual machines
    const char *kernel, *release, *version, *architecture;
    bool efi;
};

// In the arena. What cannot be read is 0 or "".
void machine_facts_read(struct arena *arena, struct machine_facts *ret);

// The size of the file system that a folder of this machine's own is on, and what is free for
// users. -errno. May hang where a server is behind it.
int machine_folder_size(const char *path, int64_t *ret_total_bytes,
                        int64_t *ret_available_bytes) WARN_UNUSED;

// Parts of it; pure. From the texts of /proc/meminfo and /proc/cpuinfo into *ret.
void machine_facts_parse_meminfo(struct arena *arena, const char *text, struct machine_facts *ret);
void machine_facts_parse_cpuinfo(struct arena *arena, const char *text, struct machine_facts *ret);

// The memory of the machine, and what of it programs can still have. From the text of
// /proc/meminfo; pure. -EINVAL.
int machine_memory_parse(const char *text, int64_t *ret_total_bytes,
                         int64_t *ret_available_bytes) WARN_UNUSED;
int machine_memory_read(int64_t *ret_total_bytes, int64_t *ret_available_bytes,
                        struct error *err) WARN_UNUSED;

// Ticks of all processors since the start: working, waiting for disks, all.
struct machine_ticks {
    int64_t busy, wait, total;
};
// From the text of /proc/stat; pure. -EINVAL.
int machine_ticks_parse(const char *text, struct machine_ticks *ret) WARN_UNUSED;
int machine_ticks_read(struct machine_ticks *ret, struct error *err) WARN_UNUSED;
