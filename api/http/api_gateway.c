// SPDX-License-Identifier: Apache-2.0
// One call from its client to ha-execd and back, or on to the node that it is for.
#include "api/http/api_gateway.h"

#include <stdint.h>
#include <string.h>

#include "api/http/api_exchange.h"
#include "api/http/event_stream.h"
#include "api/http/http_connection.h"
#include "api/http/node_forward.h"
#include "api/http/parse/api_request.h"
#include "api/http/parse/http_head.h"
#include "api/http/parse/json_slice.h"
#include "api/http/static_files.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"

#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

// In the request's arena; gone with the answer.
struct exchange {
    struct api_gateway *gateway;
    struct http_connection *connection;
    const struct http_head *head;
    const char *body;
    size_t body_bytes;
    struct api_request request;
    int64_t number; // at ha-execd; 0: none
    struct node_forward *forward;
};

static void on_gone(void *userdata)
{
    struct exchange *exchange = userdata;
    execd_client_forget(exchange->gateway->execd, exchange->number);
    node_forward_cancel(exchange->forward);
}

static void refuse(struct exchange *exchange, struct api_refusal refusal)
{
    api_exchange_refuse(exchange->connection, exchange->request.format, &refusal);
}

// --- another node's call -------------------------------------------------------------------------

static void on_forwarded(void *userdata, const struct http_reply *reply, const char *body,
                         size_t body_bytes)
{
    struct exchange *exchange = userdata;
    struct arena *arena = http_connection_arena(exchange->connection);
    exchange->forward = NULL;
    if (body == NULL) {
        refuse(exchange, (struct api_refusal){reply->status, reply->reason, NULL});
        return;
    }
    bool has_body = reply->content_type != NULL;
    struct api_answer answer = {
        .status = reply->status,
        .reason = arena_strdup(arena, reply->reason),
        .body = has_body ? arena_memdup(arena, body, body_bytes) : NULL,
        .body_bytes = has_body ? body_bytes : 0,
    };
    api_exchange_answer(exchange->connection, &answer);
}

static void forward(struct exchange *exchange, const struct api_forward *to)
{
    struct arena *arena = http_connection_arena(exchange->connection);
    const char *type = http_head_find(exchange->head, "Content-Type");
    if (exchange->request.forwarded) {
        refuse(exchange,
               (struct api_refusal){500, "a forwarded call is not forwarded again", NULL});
        return;
    }
    struct node_call call = {
        .peer = {.address = to->address, .port = to->port, .fingerprint = to->fingerprint},
        .method = exchange->head->method,
        .target = exchange->head->target,
        .headers = arena_printf(
            arena, "%s%s%s%s%s%s%s", api_credentials_format(arena, &exchange->request.credentials),
            to->client != NULL ? API_CLIENT_HEADER ": " : "", to->client != NULL ? to->client : "",
            to->client != NULL ? "\r\n" : "", type != NULL ? "Content-Type: " : "",
            type != NULL ? type : "", type != NULL ? "\r\n" : ""),
        .body = exchange->body,
        .body_bytes = exchange->body_bytes,
    };
    exchange->forward = node_forward_begin(exchange->gateway->base, exchange->gateway->tls,
                                           exchange->gateway->pool, &call, on_forwarded, exchange);
}

// --- ha-execd's answers --------------------------------------------------------------------------

static void on_answer(void *userdata, const char *frame, size_t frame_bytes, enum execd_loss loss)
{
    struct exchange *exchange = userdata;
    struct api_answer answer;
    struct error err = {0};
    exchange->number = 0;
    if (frame == NULL) {
        refuse(exchange, api_exchange_lost(loss));
        return;
    }
    if (api_answer_read(http_connection_arena(exchange->connection), exchange->request.format,
                        frame, frame_bytes, &answer, &err) < 0) {
        refuse(exchange, (struct api_refusal){500, err.text, NULL});
        return;
    }
    if (answer.is_forward) {
        forward(exchange, &answer.forward);
    } else {
        api_exchange_answer(exchange->connection, &answer);
    }
}

static void on_metrics(void *userdata, const char *frame, size_t frame_bytes, enum execd_loss loss)
{
    static const char *const names[] = {"text"};
    struct exchange *exchange = userdata;
    struct arena *arena = http_connection_arena(exchange->connection);
    struct json_slice member;
    const char *text = NULL;
    if (frame != NULL && json_slice_members(frame, frame_bytes, names, &member, 1) == 0) {
        text = json_slice_string(arena, member);
    }
    if (text == NULL) {
        on_answer(userdata, frame, frame_bytes, loss);
        return;
    }
    exchange->number = 0;
    http_connection_answer(exchange->connection, &(struct http_answer){
                                                     .status = 200,
                                                     .reason = "OK",
                                                     .content_type = METRICS_CONTENT_TYPE,
                                                     .body = text,
                                                     .body_bytes = strlen(text),
                                                     .compress = true,
                                                 });
}

static void ask(struct exchange *exchange, const char *op, execd_answer answer)
{
    struct arena *arena = http_connection_arena(exchange->connection);
    struct json *frame = api_request_to_json(arena, &exchange->request,
                                             http_connection_address(exchange->connection));
    http_connection_watch(exchange->connection, on_gone, exchange);
    int64_t number =
        execd_client_send(exchange->gateway->execd, arena, op, frame, false, answer, exchange);
    if (number < 0) {
        refuse(exchange, api_exchange_unreached());
        return;
    }
    exchange->number = number;
}

void api_gateway_request(void *userdata, struct http_connection *connection,
                         const struct http_head *head, const char *body, size_t body_bytes)
{
    struct api_gateway *gateway = userdata;
    struct arena *arena = http_connection_arena(connection);
    struct exchange *exchange = arena_new_of(arena, struct exchange);
    struct api_refusal refusal;
    *exchange = (struct exchange){
        .gateway = gateway,
        .connection = connection,
        .head = head,
        .body = body,
        .body_bytes = body_bytes,
    };
    if (!api_request_read(arena, head, body, body_bytes, &exchange->request, &refusal)) {
        refuse(exchange, refusal);
        return;
    }
    switch (exchange->request.place) {
    case API_PLACE_CALL:
        ask(exchange, "call", on_answer);
        break;
    case API_PLACE_METRICS:
        ask(exchange, "metrics", on_metrics);
        break;
    case API_PLACE_EVENTS:
        event_stream_begin(gateway, connection, &exchange->request);
        break;
    case API_PLACE_FILE:
        static_files_answer(gateway->files, connection, exchange->request.path,
                            http_head_find(head, "If-None-Match"));
        break;
    }
}

void api_gateway_refused(void *userdata, struct http_connection *connection,
                         const struct http_refusal *refusal)
{
    (void)userdata;
    api_exchange_refuse(connection, API_FORMAT_JSON,
                        &(struct api_refusal){refusal->status, refusal->reason, NULL});
}
