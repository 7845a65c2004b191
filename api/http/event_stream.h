// SPDX-License-Identifier: Apache-2.0
// Server-sent events: what ha-execd tells one watcher, as it comes (docs/api.md, /events).
#pragma once

struct api_gateway;
struct api_request;
struct http_connection;

// Answers the request with a stream, or with the refusal that ha-execd has for it.
void event_stream_begin(struct api_gateway *gateway, struct http_connection *connection,
                        const struct api_request *request);
