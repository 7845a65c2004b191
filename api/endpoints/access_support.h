// SPDX-License-Identifier: Apache-2.0
// What the calls below /access share.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/base/macros.h"

struct access_edit;
struct access_token;
struct access_user;
struct call;
struct error;
struct json;
struct rights;

// Reads what there is for a change by the caller; false: the call is answered.
bool access_edit_begin(struct call *call, struct access_edit *ret) WARN_UNUSED;
// Answers the call when the change failed; true when it did not.
bool access_edit_done(struct call *call, int r, const struct error *err) WARN_UNUSED;
// Tells the change: event `name` of docs/events.md with `key` = `value`, and what was done.
void access_tell_user(const struct call *call, const char *userid, const char *what,
                      const char *settings);
void access_tell_permission(const struct call *call, const char *kind, const char *name,
                            const char *what, const char *settings);

// Whether the caller is this user itself, not by a token.
bool access_is_caller(const struct call *call, const char *userid) WARN_UNUSED;
// May the caller look at users? (User.Modify or Sys.Audit on /access/groups)
bool access_may_look(const struct call *call) WARN_UNUSED;
// Whether the caller may change this user: its own, or with User.Modify; else the call is refused.
bool access_need_user(struct call *call, const char *userid) WARN_UNUSED;
// 400 when it is no user id of ours.
bool access_need_userid(struct call *call, const char *name) WARN_UNUSED;
