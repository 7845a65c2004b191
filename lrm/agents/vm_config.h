// SPDX-License-Identifier: Apache-2.0
// A virtual machine's definition as QEMU needs it, made from the guest's keys in the store; pure.
// docs/guests.md describes each key for its users.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"
#include "common/base/parse.h"

struct arena;
struct error;
struct guest;

enum { VM_CONFIG_DISKS_MAX = 64, VM_CONFIG_NETS_MAX = 32 };

enum vm_bus { VM_BUS_IDE, VM_BUS_SATA, VM_BUS_SCSI, VM_BUS_VIRTIO };
enum vm_cache {
    VM_CACHE_NONE,
    VM_CACHE_DIRECTSYNC,
    VM_CACHE_WRITEBACK,
    VM_CACHE_WRITETHROUGH,
    VM_CACHE_UNSAFE
};

// A key such as "scsi0" with "shared:vm-101-disk-0.qcow2,cache=none".
struct vm_disk {
    const char *key;
    enum vm_bus bus;
    int64_t index;
    const char *volume; // "<storage>:<volume>" or an absolute path; NULL: a drive without a disc
    const char *format; // "raw" or "qcow2"
    const char *serial; // or NULL
    enum vm_cache cache;
    bool cdrom;
    bool readonly;
    bool discard;
    int boot_index; // 0: not to be booted from
};

// A key such as "net0" with "virtio=52:54:00:12:34:56,bridge=vmbr0".
struct vm_net {
    const char *key;
    int64_t index;
    const char *device; // as QEMU names it
    char mac[18];
    const char *bridge; // NULL: the machine's own network, with address translation
    int64_t mtu;        // 0: the default
    bool link_down;
    int boot_index;
};

enum vm_kvm { VM_KVM_AUTO, VM_KVM_NEVER, VM_KVM_ALWAYS };

struct vm_config {
    const char *name;
    const char *uuid;
    int64_t memory_mib;
    int64_t cores;
    int64_t sockets;
    const char *cpu;     // NULL: QEMU's own default
    const char *machine; // "pc"
    const char *vga;
    const char *scsi_controller; // as QEMU names it
    enum vm_kvm kvm;
    struct vm_disk disks[VM_CONFIG_DISKS_MAX];
    size_t disks_count;
    struct vm_net nets[VM_CONFIG_NETS_MAX];
    size_t nets_count;
    const char *kernel, *initrd, *append; // or NULL
    struct parse_words args;
    bool agent;                // a line to the guest agent
    bool agent_isa;            // which is a serial port, the second one
    bool serial;               // a serial port for the console
    int64_t downtime_limit_ms; // of a live move
    int64_t bandwidth_bytes_s; // likewise; 0: as much as there is
};

// 0, or -EINVAL naming key and what is allowed: unknown keys and bad values are refused, both when
// a machine is defined and when it is started.
int vm_config_check(const struct guest *guest, struct error *err) WARN_UNUSED;
// The same with the result, in the arena.
int vm_config_parse(struct arena *arena, const struct guest *guest, struct vm_config **ret,
                    struct error *err) WARN_UNUSED;
// Every key, for tools: "memory", …, with "scsi0" for all of its kind; NULL after the last.
const char *vm_config_key(size_t index) WARN_UNUSED;
