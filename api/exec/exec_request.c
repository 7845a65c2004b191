// SPDX-License-Identifier: Apache-2.0
// Reading requests. The peer is a program of ours, but one that has been given by the network what
// it hands on.
#include "api/exec/exec_request.h"

#include <errno.h>
#include <string.h>

#include "common/base/error.h"
#include "common/base/json.h"

enum { PATH_MAX_BYTES = 2048, CREDENTIAL_MAX_BYTES = 8192, PORT_MAX = 65535 };

ENUM_TABLE(exec_op, EXEC_OP_MAX, "call", "watch", "unwatch", "metrics", "certificate");

static int credentials_parse(const struct json *json, struct credentials *ret, struct error *err)
{
    const struct {
        const char *key;
        const char **value;
    } rows[] = {{"ticket", &ret->ticket}, {"csrf", &ret->csrf}, {"token", &ret->token}};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        int r = json_get_string_if(json, rows[i].key, rows[i].value, err);
        if (r < 0) {
            return r;
        }
        if (*rows[i].value != NULL && strlen(*rows[i].value) > CREDENTIAL_MAX_BYTES) {
            return error_set(err, -EINVAL, "'%s' is too long", rows[i].key);
        }
    }
    return 0;
}

static int call_parse(struct arena *arena, const struct json *json, struct exec_request *ret,
                      struct error *err)
{
    struct json *parameters = json_find(json, "parameters");
    int r = json_get_string(json, "method", &ret->method, err);
    if (r == 0) {
        r = json_get_string(json, "path", &ret->path, err);
    }
    if (r == 0) {
        r = json_get_string_if(json, "address", &ret->address, err);
    }
    if (r == 0) {
        r = json_get_bool_if(json, "forwarded", &ret->forwarded, err);
    }
    if (r == 0) {
        r = json_get_string_if(json, "client", &ret->client, err);
    }
    if (r < 0) {
        return r;
    }
    if (strlen(ret->path) > PATH_MAX_BYTES) {
        return error_set(err, -EINVAL, "'path' is too long");
    }
    if (parameters != NULL && parameters->type != JSON_TYPE_OBJECT) {
        return error_set(err, -EINVAL, "'parameters' must be an object");
    }
    ret->parameters = parameters != NULL ? parameters : json_new_object(arena);
    return 0;
}

static int op_parse(struct arena *arena, const struct json *json, struct exec_request *ret,
                    struct error *err)
{
    int r;
    switch (ret->op) {
    case EXEC_OP_CALL:
        return call_parse(arena, json, ret, err);
    case EXEC_OP_WATCH:
        return json_get_int_if(json, "after", 0, INT64_MAX, &ret->after, err);
    case EXEC_OP_CERTIFICATE:
        r = json_get_string(json, "fingerprint", &ret->fingerprint, err);
        return r < 0 ? r : json_get_int_if(json, "port", 1, PORT_MAX, &ret->port, err);
    case EXEC_OP_UNWATCH:
    case EXEC_OP_METRICS:
    case EXEC_OP_MAX:
        break;
    }
    return 0;
}

int exec_request_parse(struct arena *arena, const char *text, size_t size_bytes, int64_t *ret_id,
                       struct exec_request *ret, struct error *err)
{
    struct json *json;
    struct exec_request request = {.after = -1};
    const char *op;
    *ret_id = 0;
    int r = json_parse(arena, text, size_bytes, &json, err);
    if (r == 0) {
        r = json_get_int(json, "id", 1, INT64_MAX, &request.id, err);
    }
    if (r < 0) {
        return r;
    }
    *ret_id = request.id;
    r = json_get_string(json, "op", &op, err);
    if (r == 0 && exec_op_from_string(op, &request.op) < 0) {
        r = error_set(err, -EINVAL, "unknown op '%.40s'", op);
    }
    if (r == 0) {
        r = credentials_parse(json, &request.credentials, err);
    }
    if (r == 0) {
        r = op_parse(arena, json, &request, err);
    }
    if (r == 0) {
        *ret = request;
    }
    return r;
}
