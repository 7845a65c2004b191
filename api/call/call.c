// SPDX-License-Identifier: Apache-2.0
// What handlers ask a call for, and how they answer it.
#include "api/call/call.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "api/call/method.h"
#include "api/call/parameters.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/model/event.h"
#include "common/port/clock.h"

#define NO_QUORUM_WORDS "cluster not ready - no quorum?"

static const struct json *call_find(const struct call *call, const char *name,
                                    enum json_node_type type)
{
    assert(parameters_row(call->method, name) != NULL);
    const struct json *value = json_find(call->parameters, name);
    assert(value == NULL || value->type == type);
    return value;
}

const char *call_string(const struct call *call, const char *name, const char *otherwise)
{
    const struct json *value = call_find(call, name, JSON_TYPE_STRING);
    return value != NULL ? value->string : otherwise;
}

int64_t call_int(const struct call *call, const char *name, int64_t otherwise)
{
    const struct json *value = call_find(call, name, JSON_TYPE_INT);
    return value != NULL ? value->integer : otherwise;
}

bool call_bool(const struct call *call, const char *name, bool otherwise)
{
    const struct json *value = call_find(call, name, JSON_TYPE_BOOL);
    return value != NULL ? value->boolean : otherwise;
}

const struct json *call_list(const struct call *call, const char *name)
{
    return call_find(call, name, JSON_TYPE_ARRAY);
}

bool call_has(const struct call *call, const char *name)
{
    assert(parameters_row(call->method, name) != NULL);
    return json_find(call->parameters, name) != NULL;
}

void call_return(struct call *call, struct json *data)
{
    assert(call->status == 0);
    call->status = CALL_STATUS_OK;
    call->data = data;
}

void call_refuse(struct call *call, int status, const char *format, ...)
{
    va_list args;
    assert(call->status == 0);
    va_start(args, format);
    call->message = arena_vprintf(call->arena, format, args);
    va_end(args);
    call->status = status;
    call->data = NULL;
}

void call_fault(struct call *call, const char *parameter, const char *format, ...)
{
    va_list args;
    assert(call->status == 0 || call->errors != NULL);
    va_start(args, format);
    const char *words = arena_vprintf(call->arena, format, args);
    va_end(args);
    if (call->errors == NULL) {
        call->errors = json_new_object(call->arena);
    }
    json_put_string(call->errors, parameter, words);
    call->status = CALL_STATUS_BAD;
    call->message = "Parameter verification failed.";
}

void call_fail(struct call *call, const struct error *err)
{
    switch (err->code) {
    case -EACCES:
    case -EPERM:
        call_refuse(call, CALL_STATUS_FORBIDDEN, "%s", err->text);
        break;
    case -EHOSTDOWN:
        call_refuse(call, CALL_STATUS_FAILED, NO_QUORUM_WORDS);
        break;
    default:
        call_refuse(call, CALL_STATUS_FAILED, "%s", err->text);
        break;
    }
}

bool call_may(const struct call *call, enum privilege privilege, const char *path)
{
    return call->caller.user != NULL && call->host->rights != NULL &&
           rights_allow(call->host->rights, call->caller.user, call->caller.token, privilege, path,
                        clock_wall_s(call->host->clock));
}

bool call_need(struct call *call, enum privilege privilege, const char *path)
{
    if (call_may(call, privilege, path)) {
        return true;
    }
    call_refuse(call, CALL_STATUS_FORBIDDEN, "Permission check failed (%s, %s)", path,
                privilege_to_string(privilege));
    return false;
}

void call_task(struct call *call, const struct task_spec *spec)
{
    call->host->ops->task(call, spec);
}

void call_tell(const struct call *call, struct event *event)
{
    if (event_find(event, "user") == NULL) {
        event_text(call->arena, event, "user", call->caller.label);
    }
    if (event_find(event, "address") == NULL) {
        event_text(call->arena, event, "address", call->caller.address);
    }
    call->host->ops->tell(call, event);
}
