// SPDX-License-Identifier: Apache-2.0
// The names of tasks, as clients know them:
// UPID:<node>:<pid>:<pstart>:<start>:<type>:<id>:<user>: with pid, pstart and start in hex. Pure.
#pragma once

#include <stdint.h>

#include "common/base/macros.h"

struct arena;
struct error;

enum { UPID_MAX = 512 };

struct upid {
    const char *node;
    int64_t pid;
    int64_t pstart;  // when the process started, in ticks since the boot
    int64_t start_s; // wall clock
    const char *type;
    const char *id;   // "" when there is none
    const char *user; // "root@pam" or "root@pam!token"
};

// In the arena. What would break the form is replaced by '_' in type, id and user.
char *upid_format(struct arena *arena, const struct upid *upid) WARN_UNUSED;
// -EINVAL "unable to parse worker upid". Strings are in the arena.
int upid_parse(struct arena *arena, const char *text, struct upid *ret,
               struct error *err) WARN_UNUSED;
// "root@pam" of "root@pam!token", in the arena; *ret_token (may be NULL) is the token's id or NULL.
const char *upid_user(struct arena *arena, const char *label, const char **ret_token) WARN_UNUSED;
