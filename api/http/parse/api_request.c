// SPDX-License-Identifier: Apache-2.0
// Takes a request apart: place, format, path, parameters. Whether there is such a call, and whether
// its caller may make it, is ha-execd's business.
#include "api/http/parse/api_request.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "api/http/parse/http_head.h"
#include "api/http/parse/json_slice.h"
#include "api/http/parse/url_text.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/parse.h"

struct reader {
    struct arena *arena;
    const struct http_head *head;
    struct api_request *request;
    struct api_refusal *refusal;
};

static bool refuse(struct reader *reader, int status, const char *message)
{
    *reader->refusal = (struct api_refusal){.status = status, .message = message};
    return false;
}

static bool refuse_error(struct reader *reader, int code, const struct error *err)
{
    if (code != -EEXIST) {
        return refuse(reader, 400, arena_strdup(reader->arena, err->text));
    }
    struct json *errors = json_new_object(reader->arena);
    json_put_string(errors, err->text, "given twice with different values");
    (void)refuse(reader, 400, "Parameter verification failed.");
    reader->refusal->errors = errors;
    return false;
}

static const char *path_after(const char *path, const char *prefix)
{
    size_t length = strlen(prefix);
    if (strncmp(path, prefix, length) != 0 || (path[length] != '/' && path[length] != '\0')) {
        return NULL;
    }
    return path + length;
}

static bool call_place_read(struct reader *reader, const char *rest)
{
    static const struct {
        const char *name;
        enum api_format format;
    } formats[] = {{"/json", API_FORMAT_JSON}, {"/extjs", API_FORMAT_EXTJS}};
    reader->request->place = API_PLACE_CALL;
    for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
        const char *path = path_after(rest, formats[i].name);
        if (path != NULL) {
            reader->request->format = formats[i].format;
            reader->request->path = *path != '\0' ? path : "/";
            return true;
        }
    }
    const char *name = rest + (*rest == '/' ? 1 : 0);
    return refuse(
        reader, 501,
        arena_printf(reader->arena, "unknown format '%.*s'", (int)strcspn(name, "/"), name));
}

static bool place_read(struct reader *reader, const char *target)
{
    struct api_request *request = reader->request;
    struct error err = {0};
    char *path;
    int r = url_path_read(reader->arena, target, strcspn(target, "?#"), &path, &err);
    if (r < 0) {
        return refuse_error(reader, r, &err);
    }
    request->path = path;
    const char *rest = path_after(path, "/api2");
    if (rest != NULL) {
        return call_place_read(reader, rest);
    }
    request->place = strcmp(path, "/events") == 0    ? API_PLACE_EVENTS
                     : strcmp(path, "/metrics") == 0 ? API_PLACE_METRICS
                                                     : API_PLACE_FILE;
    if (strcmp(request->method, "GET") != 0) {
        return refuse(
            reader, 501,
            arena_printf(reader->arena, "Method '%s %s' not implemented", request->method, path));
    }
    return true;
}

// --- parameters ----------------------------------------------------------------------------------

static bool content_type_is(const char *type, const char *name)
{
    size_t length = strlen(name);
    return strncasecmp(type, name, length) == 0 && strchr(" \t;", type[length]) != NULL;
}

static bool json_body_read(struct reader *reader, const char *body, size_t body_bytes,
                           struct json **ret)
{
    struct error err = {0};
    struct json *json;
    if (json_weigh(body, body_bytes) > API_JSON_WEIGHT_MAX) {
        return refuse(reader, 400, "too many values in the JSON body");
    }
    int r = json_parse(reader->arena, body, body_bytes, &json, &err);
    if (r < 0) {
        error_prefix(&err, "bad JSON body");
        return refuse_error(reader, r, &err);
    }
    if (json->type != JSON_TYPE_OBJECT) {
        return refuse(reader, 400, "the JSON body is not an object");
    }
    *ret = json;
    return true;
}

static bool form_body_read(struct reader *reader, const char *body, size_t body_bytes,
                           struct json **ret)
{
    struct error err = {0};
    *ret = json_new_object(reader->arena);
    int r = url_pairs_read(reader->arena, body, body_bytes, *ret, &err);
    return r == 0 || refuse_error(reader, r, &err);
}

static bool body_read(struct reader *reader, const char *body, size_t body_bytes, struct json **ret)
{
    const char *type = http_head_find(reader->head, "Content-Type");
    *ret = json_new_object(reader->arena);
    if (body_bytes == 0) {
        return true;
    }
    if (type == NULL || content_type_is(type, "application/x-www-form-urlencoded")) {
        return form_body_read(reader, body, body_bytes, ret);
    }
    if (content_type_is(type, "application/json")) {
        return json_body_read(reader, body, body_bytes, ret);
    }
    return refuse(reader, 415, "the body is neither a form nor JSON");
}

// Query before body; what the path says is above both, which ha-execd sees to.
static bool parameters_read(struct reader *reader, const char *body, size_t body_bytes)
{
    const char *query = strchr(reader->head->target, '?');
    struct json *all = json_new_object(reader->arena);
    struct json *others;
    struct error err = {0};
    if (query != NULL) {
        int r = url_pairs_read(reader->arena, query + 1, strcspn(query + 1, "#"), all, &err);
        if (r < 0) {
            return refuse_error(reader, r, &err);
        }
    }
    if (!body_read(reader, body, body_bytes, &others)) {
        return false;
    }
    json_each (entry, others) {
        if (json_find(all, entry->key) == NULL) {
            json_put(all, entry->key, entry->value);
        }
    }
    (void)map_remove(&all->members, "_dc"); // against caches; means nothing
    reader->request->parameters = all;
    return true;
}

bool api_request_read(struct arena *arena, const struct http_head *head, const char *body,
                      size_t body_bytes, struct api_request *ret, struct api_refusal *ret_refusal)
{
    *ret = (struct api_request){
        .place = API_PLACE_CALL,
        .format = API_FORMAT_JSON,
        .method = head->method,
        .path = "/",
        .forwarded = http_head_find(head, "PVEDisableProxy") != NULL,
        .last_event = -1,
    };
    ret->client = ret->forwarded ? http_head_find(head, API_CLIENT_HEADER) : NULL;
    struct reader reader = {.arena = arena, .head = head, .request = ret, .refusal = ret_refusal};
    if (!place_read(&reader, head->target) || !parameters_read(&reader, body, body_bytes)) {
        return false;
    }
    struct error err = {0};
    int r = api_credentials_read(arena, head, &ret->credentials, &err);
    if (r < 0) {
        return refuse_error(&reader, r, &err);
    }
    const char *last = http_head_find(head, "Last-Event-ID");
    if (last != NULL) {
        // One that is no number of ours means: none.
        ignore_result(parse_int64(last, 0, INT64_MAX, &ret->last_event));
    }
    return true;
}

struct json *api_request_to_json(struct arena *arena, const struct api_request *request,
                                 const char *address)
{
    struct json *frame = json_new_object(arena);
    if (request->place == API_PLACE_CALL) {
        json_put_string(frame, "method", request->method);
        json_put_string(frame, "path", request->path);
        json_put(frame, "parameters", request->parameters);
        json_put_bool(frame, "forwarded", request->forwarded);
        json_put_string(frame, "client", request->client);
    }
    json_put_string(frame, "address", address);
    json_put_string(frame, "ticket", request->credentials.ticket);
    json_put_string(frame, "csrf", request->credentials.csrf);
    json_put_string(frame, "token", request->credentials.token);
    if (request->place == API_PLACE_EVENTS && request->last_event >= 0) {
        json_put_int(frame, "after", request->last_event);
    }
    return frame;
}
