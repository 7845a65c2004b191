// SPDX-License-Identifier: Apache-2.0
// A self-signed certificate for a node that has none.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/macros.h"

struct arena;
struct error;

struct certificate_spec {
    const char *node;         // its name
    const char *const *names; // further DNS names
    size_t names_count;
    const char *const *addresses; // numeric
    size_t addresses_count;
    const char *key; // PEM of the key to use; NULL: a new one
    int64_t now_s;   // wall clock
};

// Makes key and certificate for all names and addresses, PEM, in the arena.
int certificate_make(struct arena *arena, const struct certificate_spec *spec,
                     char **ret_certificate, char **ret_key, struct error *err) WARN_UNUSED;

// Writes the certificate when it is missing, with this machine's names and addresses, and its key
// when that is missing, too, for `owner` only (uid and gid; −1: as they come). A key that is there
// stays. 1: made; 0: there is a certificate.
int certificate_ensure(struct arena *arena, const char *node, const char *certificate_path,
                       const char *key_path, uid_t owner, gid_t group, int64_t now_s,
                       struct error *err) WARN_UNUSED;
