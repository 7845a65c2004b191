// SPDX-License-Identifier: Apache-2.0
// Between the calls below /access and the changes that ha-cluster makes, too.
#include "api/endpoints/access_support.h"

#include <string.h>

#include "api/auth/access_document.h"
#include "api/auth/rights.h"
#include "api/call/call.h"
#include "api/endpoints/endpoint_support.h"
#include "cli/access_edit.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/model/event.h"

bool access_edit_begin(struct call *call, struct access_edit *ret)
{
    struct error err = {0};
    int r = access_edit_open(call->arena, call->host->session, endpoint_now_s(call),
                             call->caller.user, call->caller.token, ret, &err);
    if (r < 0) {
        call_fail(call, &err);
    }
    return r == 0;
}

bool access_edit_done(struct call *call, int r, const struct error *err)
{
    if (r < 0) {
        call_fail(call, err);
    }
    return r == 0;
}

void access_tell_user(const struct call *call, const char *userid, const char *what,
                      const char *settings)
{
    struct event *event = event_new(call->arena, EVENT_LEVEL_NOTICE, "user-changed");
    event_text(call->arena, event, "userid", userid);
    endpoint_tell(call, event, what, settings);
}

void access_tell_permission(const struct call *call, const char *kind, const char *name,
                            const char *what, const char *settings)
{
    struct event *event = event_new(call->arena, EVENT_LEVEL_NOTICE, "permission-changed");
    event_text(call->arena, event, "kind", kind);
    event_text(call->arena, event, "name", name);
    endpoint_tell(call, event, what, settings);
}

bool access_is_caller(const struct call *call, const char *userid)
{
    return call->caller.token == NULL && strcmp(call->caller.user, userid) == 0;
}

bool access_may_look(const struct call *call)
{
    return call_may(call, PRIVILEGE_USER_MODIFY, "/access/groups") ||
           call_may(call, PRIVILEGE_SYS_AUDIT, "/access/groups");
}

bool access_need_user(struct call *call, const char *userid)
{
    return access_is_caller(call, userid) ||
           call_need(call, PRIVILEGE_USER_MODIFY, "/access/groups");
}

bool access_need_userid(struct call *call, const char *name)
{
    struct error err = {0};
    const char *userid = call_string(call, name, "");
    if (access_userid_check(userid, &err) < 0) {
        call_fault(call, name, "invalid format - %s", err.text);
        return false;
    }
    return true;
}
