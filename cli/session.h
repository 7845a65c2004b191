// SPDX-License-Identifier: Apache-2.0
// A tool's connection to the cluster: the store, the membership, this node's name, and whether
// anything may be changed now.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"

struct arena;
struct cluster_client;
struct error;
struct membership;
struct store;
struct store_op;

struct session {
    struct cluster_client *client; // NULL in tests
    struct store *store;
    struct membership *membership;
    const char *node; // this node
    bool quorate;     // as of session_open(); without it reads may be old and writes fail
};

// Connects to ha-clusterd. No quorum is not an error here. Memory is in the arena.
int session_open(struct arena *arena, struct session *ret, struct error *err) WARN_UNUSED;
void session_close(struct session *session);
// -EHOSTDOWN with words when this node is not in the quorate part of the cluster.
int session_need_quorum(const struct session *session, struct error *err) WARN_UNUSED;
// -ENOENT, naming those that exist, when no node has this name.
int session_check_node(struct arena *arena, const struct session *session, const char *node,
                       struct error *err) WARN_UNUSED;

struct session_value {
    const char *text; // NULL: the key does not exist
    size_t size_bytes;
    uint64_t version; // STORE_ABSENT when it does not exist
};
// Reads one key.
int session_read(struct arena *arena, const struct session *session, const char *key,
                 struct session_value *ret, struct error *err) WARN_UNUSED;
// Writes, all or nothing, and turns what the store answers into words for the operator. `what` is
// what is being changed: "resource 'ct:100'".
int session_write(const struct session *session, const char *what, const struct store_op *ops,
                  size_t count, struct error *err) WARN_UNUSED;
