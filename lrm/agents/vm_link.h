// SPDX-License-Identifier: Apache-2.0
// What both sides of a live move tell their QEMU: the encrypted connection (TLS with a key that
// only this move has), and how it is to go about it.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/macros.h"

struct arena;
struct error;
struct json;
struct qmp_client;
struct vm_config;
struct vm_task;

// Gives QEMU the key and the settings. `config` has the sender's limits; NULL: it receives.
int vm_link_prepare(struct vm_task *task, struct qmp_client *qmp, const char *secret,
                    const struct vm_config *config, struct error *err) WARN_UNUSED;
// Takes the key away again; after this no move is possible until the next vm_link_prepare().
void vm_link_forget(struct vm_task *task, struct qmp_client *qmp);
// "tcp:10.0.0.1:5", "tcp:[fd00::1]:5"; in the arena.
const char *vm_link_uri(struct arena *arena, const char *address, int64_t port) WARN_UNUSED;

struct vm_link_state {
    const char *status; // QEMU's word: "active", "pre-switchover", "completed", "failed", …
    const char *error;  // in QEMU's words, or NULL
    int64_t sent_bytes;
    int64_t left_bytes;
    int64_t downtime_ms;
    int64_t port; // receiver: where it listens
};
int vm_link_look(struct vm_task *task, struct qmp_client *qmp, struct vm_link_state *ret,
                 struct error *err) WARN_UNUSED;
