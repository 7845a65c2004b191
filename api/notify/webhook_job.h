// SPDX-License-Identifier: Apache-2.0
// What ha-notify-send is given on its standard input: one POST as a JSON object. Pure.
#pragma once

#include <stddef.h>

#include "common/base/macros.h"

struct arena;
struct error;

enum { WEBHOOK_JOB_MAX = 1024 * 1024 };

struct webhook {
    const char *url;
    const char *cafile; // NULL: the system's
    const char *header; // of the secret; NULL: "Authorization: Bearer <secret>"
    const char *secret; // or NULL
    const char *body;
};

char *webhook_job_format(struct arena *arena, const struct webhook *webhook) WARN_UNUSED;
// -EINVAL: it is something else, or what would not be posted as it is meant.
int webhook_job_parse(struct arena *arena, const char *text, size_t size_bytes, struct webhook *ret,
                      struct error *err) WARN_UNUSED;
