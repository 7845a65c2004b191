// SPDX-License-Identifier: Apache-2.0
// From ha-execd's answer, or a refusal of our own, to what the client gets: status, reason phrase,
// body. Pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "api/http/parse/api_request.h"
#include "common/base/macros.h"

struct arena;
struct error;

#define API_CONTENT_TYPE "application/json;charset=UTF-8"

struct api_forward {
    const char *node;
    const char *address;
    int port;
    const char *fingerprint;
    const char *client; // who asks, signed: for API_CLIENT_HEADER; or NULL
};

struct api_answer {
    int status;
    const char *reason;
    const char *body; // NULL: none, and no Content-Type
    size_t body_bytes;
    bool is_forward; // then only `forward` counts
    struct api_forward forward;
};

// -EPROTO: ha-execd does not keep to docs/api.md.
int api_answer_read(struct arena *arena, enum api_format format, const char *frame,
                    size_t frame_bytes, struct api_answer *ret, struct error *err) WARN_UNUSED;
void api_answer_refuse(struct arena *arena, enum api_format format,
                       const struct api_refusal *refusal, struct api_answer *ret);
