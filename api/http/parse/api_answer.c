// SPDX-License-Identifier: Apache-2.0
// Makes answers. The data of a call is passed on as the text that came.
#include "api/http/parse/api_answer.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "api/http/parse/http_response.h"
#include "api/http/parse/json_slice.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/parse.h"
#include "common/base/strbuf.h"

enum member {
    MEMBER_STATUS,
    MEMBER_DATA,
    MEMBER_TOTAL,
    MEMBER_MESSAGE,
    MEMBER_ERRORS,
    MEMBER_BARE,
    MEMBER_FORWARD,
    MEMBER_MAX
};

static const char *const member_names[MEMBER_MAX] = {"status", "data", "total",  "message",
                                                     "errors", "bare", "forward"};

static void slice_append(struct strbuf *out, struct json_slice slice, const char *otherwise)
{
    if (slice.text != NULL) {
        strbuf_append_bytes(out, slice.text, slice.size_bytes);
    } else {
        strbuf_append(out, otherwise);
    }
}

static void body_take(struct arena *arena, const struct strbuf *out, struct api_answer *answer)
{
    answer->body = arena_memdup(arena, strbuf_text(out), out->size_bytes);
    answer->body_bytes = out->size_bytes;
}

static void success_make(struct arena *arena, enum api_format format,
                         const struct json_slice *members, struct api_answer *ret)
{
    struct strbuf out CLEANUP(strbuf_done) = {0};
    strbuf_append(&out, "{\"data\":");
    slice_append(&out, members[MEMBER_DATA], "null");
    strbuf_append(&out, format == API_FORMAT_EXTJS ? ",\"success\":1" : "");
    if (members[MEMBER_TOTAL].text != NULL) {
        strbuf_append(&out, ",\"total\":");
        slice_append(&out, members[MEMBER_TOTAL], "");
    }
    strbuf_append_char(&out, '}');
    body_take(arena, &out, ret);
}

static bool is_end_of_line(char c)
{
    return c == '\n' || c == '\r';
}

// The message with exactly one end of line.
static const char *message_close(struct arena *arena, const char *message)
{
    size_t length = strlen(message);
    while (length > 0 && is_end_of_line(message[length - 1])) {
        length--;
    }
    return arena_printf(arena, "%.*s\n", (int)length, message);
}

static void failure_make(struct arena *arena, enum api_format format, int status,
                         const char *message, struct json *errors, struct api_answer *ret)
{
    struct json *body = json_new_object(arena);
    json_put(body, "data", json_new_null(arena));
    json_put_string(body, "message", message_close(arena, message));
    if (errors != NULL) {
        json_put(body, "errors", errors);
    }
    ret->status = status;
    ret->reason = http_reason(arena, status, message);
    if (format == API_FORMAT_EXTJS) {
        json_put_int(body, "success", 0);
        json_put_int(body, "status", status);
        ret->status = 200;
        ret->reason = http_reason(arena, 200, NULL);
    }
    ret->body = json_to_text(arena, body);
    ret->body_bytes = strlen(ret->body);
}

static int forward_read(struct arena *arena, struct json_slice slice, struct api_answer *ret,
                        struct error *err)
{
    struct json *json;
    int64_t port;
    int r = json_parse(arena, slice.text, slice.size_bytes, &json, err);
    if (r == 0) {
        r = json_get_string(json, "node", &ret->forward.node, err);
    }
    if (r == 0) {
        r = json_get_string(json, "address", &ret->forward.address, err);
    }
    if (r == 0) {
        r = json_get_string(json, "fingerprint", &ret->forward.fingerprint, err);
    }
    if (r == 0) {
        r = json_get_int(json, "port", 1, UINT16_MAX, &port, err);
    }
    if (r == 0) {
        r = json_get_string_if(json, "client", &ret->forward.client, err);
    }
    if (r == 0 && ret->forward.client != NULL && strpbrk(ret->forward.client, "\r\n") != NULL) {
        r = error_set(err, -EPROTO, "'client' has more than one line");
    }
    if (r < 0) {
        error_prefix(err, "forward");
        return -EPROTO;
    }
    ret->forward.port = (int)port;
    ret->is_forward = true;
    return 0;
}

static int status_read(struct arena *arena, struct json_slice slice, int *ret, struct error *err)
{
    int64_t status;
    if (slice.text == NULL ||
        parse_int64(arena_memdup(arena, slice.text, slice.size_bytes), 200, 599, &status) < 0) {
        return error_set(err, -EPROTO, "an answer without status");
    }
    *ret = (int)status;
    return 0;
}

int api_answer_read(struct arena *arena, enum api_format format, const char *frame,
                    size_t frame_bytes, struct api_answer *ret, struct error *err)
{
    struct json_slice members[MEMBER_MAX];
    struct api_answer answer = {0};
    if (json_slice_members(frame, frame_bytes, member_names, members, MEMBER_MAX) < 0) {
        return error_set(err, -EPROTO, "an answer that is no JSON object");
    }
    if (members[MEMBER_FORWARD].text != NULL) {
        int r = forward_read(arena, members[MEMBER_FORWARD], &answer, err);
        if (r == 0) {
            *ret = answer;
        }
        return r;
    }
    int r = status_read(arena, members[MEMBER_STATUS], &answer.status, err);
    if (r < 0) {
        return r;
    }
    const char *message = json_slice_string(arena, members[MEMBER_MESSAGE]);
    struct json_slice bare = members[MEMBER_BARE];
    if (answer.status < 400) {
        answer.reason = http_reason(arena, answer.status, NULL);
        success_make(arena, format, members, &answer);
    } else if (bare.size_bytes == strlen("true") && memcmp(bare.text, "true", 4) == 0) {
        answer.reason = http_reason(arena, answer.status, message);
    } else {
        struct json *errors = NULL;
        if (members[MEMBER_ERRORS].text != NULL &&
            json_parse(arena, members[MEMBER_ERRORS].text, members[MEMBER_ERRORS].size_bytes,
                       &errors, err) < 0) {
            return -EPROTO;
        }
        failure_make(arena, format, answer.status, message != NULL ? message : "", errors, &answer);
    }
    *ret = answer;
    return 0;
}

void api_answer_refuse(struct arena *arena, enum api_format format,
                       const struct api_refusal *refusal, struct api_answer *ret)
{
    *ret = (struct api_answer){0};
    failure_make(arena, format, refusal->status, refusal->message, refusal->errors, ret);
}
