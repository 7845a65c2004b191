// SPDX-License-Identifier: Apache-2.0
// What a new node needs to join, as one line of base64 that can be pasted: the cluster's
// configuration with the new node in it, its key, and what is checked on the other side. It is a
// secret: whoever has it can read and forge the cluster's messages.
#pragma once

#include <stddef.h>

#include "common/base/macros.h"

struct arena;
struct error;

enum { JOIN_STRING_MAX = 512 * 1024, JOIN_AUTHKEY_MAX = 4096 };

struct join_string {
    const char *version;       // of the software that made it
    const char *cluster;       // name
    const char *node;          // the new node's name
    const char *profile;       // of timing
    const char *corosync_conf; // text
    const char *authkey;       // bytes
    size_t authkey_size_bytes;
};

char *join_string_format(struct arena *arena, const struct join_string *join) WARN_UNUSED;
// -EINVAL: not a join string, or cut when it was pasted.
int join_string_parse(struct arena *arena, const char *text, struct join_string *ret,
                      struct error *err) WARN_UNUSED;
