// SPDX-License-Identifier: Apache-2.0
// What a caller shows of himself in the headers, as text: who it is, ha-execd finds out. Pure.
#pragma once

#include "common/base/macros.h"

struct arena;
struct error;
struct http_head;

struct api_credentials {
    const char *ticket; // of the cookie; percent-encoded or raw there, a '+' is a '+'
    const char *csrf;   // header CSRFPreventionToken
    const char *token;  // "user@realm!id=secret", of the header Authorization
};

// Members that were not given are NULL. -EINVAL: one is not UTF-8 after decoding.
int api_credentials_read(struct arena *arena, const struct http_head *head,
                         struct api_credentials *ret, struct error *err) WARN_UNUSED;
// The same in headers, for a call to another node; each line with its end. In the arena.
char *api_credentials_format(struct arena *arena,
                             const struct api_credentials *credentials) WARN_UNUSED;
