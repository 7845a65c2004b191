// SPDX-License-Identifier: Apache-2.0
// What comes over ha-execd's socket, taken apart (docs/api.md). Pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/auth/identity.h"
#include "common/base/enum_table.h"
#include "common/base/macros.h"

struct arena;
struct error;
struct json;

enum exec_op {
    EXEC_OP_CALL,
    EXEC_OP_WATCH,
    EXEC_OP_UNWATCH,
    EXEC_OP_METRICS,
    EXEC_OP_CERTIFICATE,
    EXEC_OP_MAX
};
ENUM_TABLE_DECLARE(exec_op);

struct exec_request {
    int64_t id;
    enum exec_op op;
    struct credentials credentials;
    // call
    const char *method, *path;
    struct json *parameters; // an object, never NULL
    const char *address;     // NULL: not told
    const char *client;      // of a forwarded call: whose it is, as its node says; or NULL
    bool forwarded;
    int64_t after;           // watch; -1: none
    const char *fingerprint; // certificate
    int64_t port;            // certificate; 0: not told
};

// Strings are in the arena. -EINVAL with words; *ret_id is set as soon as it is known, else 0.
int exec_request_parse(struct arena *arena, const char *text, size_t size_bytes, int64_t *ret_id,
                       struct exec_request *ret, struct error *err) WARN_UNUSED;
