// SPDX-License-Identifier: Apache-2.0
// One POST of a JSON text. It blocks: for a process of its own.
#pragma once

#include "common/base/macros.h"

struct arena;
struct error;
struct webhook;

// 0 when it was answered by 2xx. Certificates are verified, redirections not followed. -EIO with
// words that hold no secret, -EPERM when the secret would go out unencrypted.
int webhook_post(struct arena *arena, const struct webhook *webhook, struct error *err) WARN_UNUSED;
