// SPDX-License-Identifier: Apache-2.0
// What a request asks for: a call with its parameters, a stream, a file. Pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/http/parse/api_credentials.h"
#include "common/base/macros.h"

struct arena;
struct http_head;
struct json;

enum api_place {
    API_PLACE_CALL = 1, // /api2/<format>/…
    API_PLACE_EVENTS,   // /events
    API_PLACE_METRICS,  // /metrics
    API_PLACE_FILE,     // of the dashboard
};

enum api_format {
    API_FORMAT_JSON,
    API_FORMAT_EXTJS, // as the field's pages ask: always 200
};

// Which a node sends along with a call that it hands on; signed and checked by ha-execd.
#define API_CLIENT_HEADER "HA-Client"

enum { API_JSON_WEIGHT_MAX = 4000 }; // values in a JSON body

struct api_request {
    enum api_place place;
    enum api_format format;
    const char *method;
    const char *path;        // decoded, without empty parts; of a call without /api2/<format>
    struct json *parameters; // object: of query and body
    struct api_credentials credentials;
    bool forwarded;     // by another node, as it says
    const char *client; // of a forwarded one: whose it is, signed; or NULL
    int64_t last_event; // Last-Event-ID; −1: none
};

// Why a request cannot be carried out.
struct api_refusal {
    int status;
    const char *message;
    struct json *errors; // parameter → words, or NULL
};

// False with *ret_refusal; then ret->format and ret->place are valid as far as they were found out,
// and else JSON and CALL.
bool api_request_read(struct arena *arena, const struct http_head *head, const char *body,
                      size_t body_bytes, struct api_request *ret,
                      struct api_refusal *ret_refusal) WARN_UNUSED;

// The frame's object for ha-execd, without "id" and "op".
struct json *api_request_to_json(struct arena *arena, const struct api_request *request,
                                 const char *address) WARN_UNUSED;
