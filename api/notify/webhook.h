// SPDX-License-Identifier: Apache-2.0
// One POST of a JSON text. The only file that speaks HTTP as a client. It blocks: for children.
#pragma once

#include "common/base/macros.h"

struct arena;
struct error;

struct webhook {
    const char *url;
    const char *cafile; // NULL: the system's
    const char *header; // of the secret; NULL: "Authorization: Bearer <secret>"
    const char *secret; // or NULL
    const char *body;
};

// 0 when it was answered by 2xx. Certificates are verified, redirections not followed. -EIO with
// words that hold no secret, -EPERM when the secret would go out unencrypted.
int webhook_post(struct arena *arena, const struct webhook *webhook, struct error *err) WARN_UNUSED;
