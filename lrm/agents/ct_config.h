// SPDX-License-Identifier: Apache-2.0
// The LXC configuration of a container, made from its definition in the store at each start; pure.
//
// Keys of a container's definition (guest.h, `config`):
//   rootfs       "<storage>:<volume>" or an absolute path: where its files are    required
//   hostname     its host name; without it "ct<id>"
//   memory       limit in MiB
//   cores        limit, how many processors' time it may use
//   bridge       a bridge on the node: gives it an eth0; without it only loopback
//   hwaddr       of eth0
//   address      of eth0, "10.0.0.5/24"; several separated by commas
//   gateway      default gateway
//   init         program that is started; without it /sbin/init
//   halt-signal  signal that asks init to end; without it SIGPWR
//   nesting      1: may itself run containers
//   description  free text
#pragma once

#include "common/base/macros.h"
#include "lrm/agents/ct_cgroup.h"

struct arena;
struct error;
struct guest;
struct strbuf;

struct ct_config_input {
    const char *rootfs;           // absolute path on this node
    const char *log_file;         // where LXC writes why a start failed
    enum ct_cgroup_layout memory; // which hierarchy has the controller
    enum ct_cgroup_layout cpu;
};

// 0, or -EINVAL naming key and what is allowed: unknown keys and bad values are refused, both when
// a container is made and when it is started.
int ct_config_check(const struct guest *guest, struct error *err) WARN_UNUSED;
// Appends the text. The definition must have passed ct_config_check().
void ct_config_format(const struct guest *guest, const struct ct_config_input *input,
                      struct strbuf *out);
// The number of the signal that asks its init to end.
int ct_config_halt_signal(const struct guest *guest) WARN_UNUSED;
