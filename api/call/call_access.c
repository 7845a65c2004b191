// SPDX-License-Identifier: Apache-2.0
// What a row says of who may, applied to a call.
#include "api/call/call_access.h"

#include <string.h>

#include "api/call/call.h"
#include "api/call/method.h"
#include "common/base/arena.h"
#include "common/base/json.h"
#include "common/base/strbuf.h"

// "/vms/{vmid}" with what the path has. A part that is missing makes a path that nobody has.
static const char *access_path(struct arena *arena, const struct method *method,
                               const struct json *values)
{
    struct strbuf path CLEANUP(strbuf_done) = {0};
    const char *at = method->access_path != NULL ? method->access_path : "/";
    while (*at != '\0') {
        size_t length = strcspn(at, "{");
        strbuf_append_bytes(&path, at, length);
        at += length;
        if (*at == '{') {
            size_t size = strcspn(at, "}");
            const struct json *value =
                json_find(values, arena_printf(arena, "%.*s", (int)size - 1, at + 1));
            strbuf_append(&path, value == NULL                     ? "?"
                                 : value->type == JSON_TYPE_STRING ? value->string
                                                                   : json_to_text(arena, value));
            at += size + (at[size] == '}' ? 1 : 0);
        }
    }
    return arena_strdup(arena, strbuf_text(&path));
}

bool call_access_check(struct call *call, const struct json *path)
{
    const struct method *method = call->method;
    switch (method->access) {
    case METHOD_ACCESS_WORLD:
    case METHOD_ACCESS_USER:
        return true;
    case METHOD_ACCESS_PRIVILEGE:
        return call_need(call, method->privilege, access_path(call->arena, method, path));
    case METHOD_ACCESS_ROOT:
        break;
    }
    if (strcmp(call->caller.user, "root@pam") == 0 && call->caller.token == NULL) {
        return true;
    }
    call_refuse(call, CALL_STATUS_FORBIDDEN, "Permission check failed (user != root@pam)");
    return false;
}
