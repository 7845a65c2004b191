// SPDX-License-Identifier: Apache-2.0
// Frames of a watch, written as server-sent events. A client that does not read is cut; it comes
// again with Last-Event-ID and misses nothing of the history.
#include "api/http/event_stream.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "api/http/api_exchange.h"
#include "api/http/api_gateway.h"
#include "api/http/http_connection.h"
#include "api/http/net_event.h"
#include "api/http/parse/json_slice.h"
#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/strbuf.h"

enum { COMMENT_S = 15 };

#define STREAM_CONTENT_TYPE "text/event-stream;charset=UTF-8"

struct event_stream {
    struct api_gateway *gateway;
    struct http_connection *connection;
    struct event *comment;
    int64_t number; // at ha-execd; 0: it has ended
    bool begun;     // the answer
};

static void stream_free(struct event_stream *stream)
{
    execd_client_forget(stream->gateway->execd, stream->number);
    event_free(stream->comment);
    stream->gateway->streams--;
    free(stream);
}

static void on_gone(void *userdata)
{
    stream_free(userdata);
}

static void stream_end(struct event_stream *stream)
{
    struct http_connection *connection = stream->connection;
    stream_free(stream);
    http_connection_end(connection);
}

static void on_comment(evutil_socket_t fd, short what, void *userdata)
{
    (void)fd;
    (void)what;
    struct event_stream *stream = userdata;
    if (stream->begun && http_connection_write(stream->connection, ":\n\n", 3) < 0) {
        stream_end(stream);
    }
}

// Ends of lines outside of strings mean nothing in JSON, and the end of the data here.
static void data_append(struct strbuf *out, struct json_slice data)
{
    for (size_t i = 0; i < data.size_bytes; i++) {
        char c = data.text[i];
        strbuf_append_char(out, c == '\n' || c == '\r' ? ' ' : c);
    }
}

static bool message_format(const char *frame, size_t frame_bytes, struct strbuf *out)
{
    static const char *const names[] = {"notify", "number", "data"};
    struct json_slice members[3];
    if (json_slice_members(frame, frame_bytes, names, members, 3) < 0 || members[0].text == NULL ||
        members[2].text == NULL) {
        return false;
    }
    bool state = members[0].size_bytes == 7 && memcmp(members[0].text, "\"state\"", 7) == 0;
    if (members[1].text != NULL) {
        strbuf_appendf(out, "id: %.*s\n", (int)members[1].size_bytes, members[1].text);
    }
    strbuf_appendf(out, "event: %s\ndata: ", state ? "state" : "history");
    data_append(out, members[2]);
    strbuf_append(out, "\n\n");
    return true;
}

// The stream ends, or never began: then the client is told why.
static void frame_last(struct event_stream *stream, const char *frame, size_t frame_bytes,
                       enum execd_loss loss)
{
    struct http_connection *connection = stream->connection;
    struct error err = {0};
    struct api_answer answer;
    if (stream->begun) {
        stream_end(stream);
        return;
    }
    http_connection_watch(connection, NULL, NULL);
    stream_free(stream);
    if (frame == NULL) {
        struct api_refusal refusal = api_exchange_lost(loss);
        api_exchange_refuse(connection, API_FORMAT_JSON, &refusal);
    } else if (api_answer_read(http_connection_arena(connection), API_FORMAT_JSON, frame,
                               frame_bytes, &answer, &err) == 0 &&
               !answer.is_forward) {
        api_exchange_answer(connection, &answer);
    } else {
        struct api_refusal refusal = {500, "ha-execd cannot be understood", NULL};
        api_exchange_refuse(connection, API_FORMAT_JSON, &refusal);
    }
}

static void on_frame(void *userdata, const char *frame, size_t frame_bytes, enum execd_loss loss)
{
    struct event_stream *stream = userdata;
    struct strbuf text CLEANUP(strbuf_done) = {0};
    if (frame == NULL || !message_format(frame, frame_bytes, &text)) {
        frame_last(stream, frame, frame_bytes, loss);
        return;
    }
    if (!stream->begun) {
        stream->begun = true;
        http_connection_stream(stream->connection, STREAM_CONTENT_TYPE);
    }
    if (http_connection_write(stream->connection, text.text, text.size_bytes) < 0) {
        stream_end(stream);
    }
}

void event_stream_begin(struct api_gateway *gateway, struct http_connection *connection,
                        const struct api_request *request)
{
    struct arena *arena = http_connection_arena(connection);
    struct timeval interval = {.tv_sec = COMMENT_S};
    struct api_refusal refusal = {503, "too many streams at once", NULL};
    if (gateway->streams >= API_STREAMS_MAX) {
        api_exchange_refuse(connection, API_FORMAT_JSON, &refusal);
        return;
    }
    struct event_stream *stream = alloc_zero(sizeof(*stream));
    stream->gateway = gateway;
    stream->connection = connection;
    stream->comment = net_event_new(gateway->base, -1, EV_PERSIST, on_comment, stream);
    (void)evtimer_add(stream->comment, &interval);
    gateway->streams++;
    int64_t number =
        execd_client_send(gateway->execd, arena, "watch",
                          api_request_to_json(arena, request, http_connection_address(connection)),
                          true, on_frame, stream);
    if (number < 0) {
        stream_free(stream);
        refusal = api_exchange_unreached();
        api_exchange_refuse(connection, API_FORMAT_JSON, &refusal);
        return;
    }
    stream->number = number;
    http_connection_watch(connection, on_gone, stream);
}
