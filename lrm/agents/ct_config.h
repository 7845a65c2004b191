// SPDX-License-Identifier: Apache-2.0
// A container's definition: what its keys may hold, what they come to, and LXC's configuration made
// from it at each start; pure. docs/guests.md describes each key for its users.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"
#include "common/base/parse.h"
#include "lrm/agents/ct_cgroup.h"

struct arena;
struct error;
struct guest;
struct strbuf;

enum { CT_CONFIG_NETS_MAX = 32, CT_CONFIG_MOUNTS_MAX = 256 };

// A key such as "net0" with "name=eth0,bridge=vmbr0,ip=10.0.0.5/24,gw=10.0.0.1".
struct ct_net {
    const char *key;
    int64_t index;
    const char *name; // inside
    const char *bridge;
    const char *hwaddr;           // NULL: LXC makes one up at each start
    struct parse_words addresses; // with prefix lengths, of both kinds
    const char *gateway;          // IPv4, or NULL
    const char *gateway6;
    int64_t tag; // VLAN; 0: none
    int64_t mtu; // 0: the bridge's
    bool link_down;
    bool dhcp; // a program inside gets its IPv4 address
};

// A key such as "mp0" with "shared:data,mp=/data,ro=1".
struct ct_mount {
    const char *key;
    int64_t index;
    const char *volume; // "<storage>:<volume>" or an absolute path
    const char *path;   // inside, absolute
    bool readonly;
};

struct ct_config {
    const char *rootfs; // "<storage>:<volume>" or an absolute path
    bool rootfs_readonly;
    const char *hostname;
    int64_t memory_mib;   // 0: no limit
    int64_t swap_mib;     // beyond the memory; -1: no limit
    int64_t cpu_quota_us; // of each period; 0: no limit
    int64_t cpu_weight;   // 0: the default
    struct ct_net *nets;  // ascending by index
    size_t nets_count;
    struct ct_mount *mounts; // ascending by path
    size_t mounts_count;
    const char *nameserver; // lists, or NULL
    const char *searchdomain;
    const char *init; // or NULL
    const char *halt_signal;
    const char *arch;
    bool nesting;
    bool fuse;
    bool unprivileged; // its root is a user of the node without rights
};

enum { CT_CONFIG_SHIFT_FIRST = 100000, CT_CONFIG_SHIFT_COUNT = 65536 };

// Where a mount's volume is on this node.
struct ct_config_source {
    const char *path; // absolute
    bool is_file;
};

struct ct_config_input {
    const char *rootfs;           // absolute path on this node
    const char *log_file;         // where LXC writes why a start failed
    enum ct_cgroup_layout memory; // which hierarchy has the controller
    enum ct_cgroup_layout swap;
    enum ct_cgroup_layout cpu;
    const struct ct_config_source *sources; // one for each mount of the definition
};

// 0, or -EINVAL naming key and what is allowed: unknown keys and bad values are refused, both when
// a container is made and when it is started.
int ct_config_check(const struct guest *guest, struct error *err) WARN_UNUSED;
// The same with the result, in the arena.
int ct_config_parse(struct arena *arena, const struct guest *guest, struct ct_config **ret,
                    struct error *err) WARN_UNUSED;
// Appends the text for LXC.
void ct_config_format(const struct guest *guest, const struct ct_config *config,
                      const struct ct_config_input *input, struct strbuf *out);
// The number of the signal that asks its init to end.
int ct_config_halt_signal(const struct guest *guest) WARN_UNUSED;
