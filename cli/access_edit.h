// SPDX-License-Identifier: Apache-2.0
// Changing users, groups, tokens, roles and permissions: for the API and ha-cluster alike. Each
// change is one transaction, on condition that nobody else changed the same meanwhile.
//
// What a change gives to anybody, its maker must have: access_edit_commit() compares what all may
// before and after. So no sequence of changes lets anybody do more than those who made it could
// together. (Whoever may change a user's password or tokens can act as that user; so this needs all
// that the user may.)
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/auth/access_document.h"
#include "common/base/macros.h"
#include "common/port/store.h"

struct arena;
struct error;
struct event;
struct json;
struct rights;
struct session;

struct access_edit {
    struct arena *arena;
    const struct session *session;
    int64_t now_s; // wall clock
    // Who changes; a user of NULL: an operator on the machine itself, who may all.
    const char *user, *token;
    struct store_entries entries; // below access/, as they were read
    struct rights *rights;        // of them
    const struct event *event;    // tells of the change, kept in the history with it; or NULL
    struct store_op *ops;         // what is to be written
    size_t ops_count, ops_capacity;
};

// Reads what there is. Texts are borrowed.
int access_edit_open(struct arena *arena, const struct session *session, int64_t now_s,
                     const char *user, const char *token, struct access_edit *ret,
                     struct error *err) WARN_UNUSED;
// -EPERM "Permission check failed (path, privilege)" when the change gives what its maker does not
// have. `what` is for words: "user 'a@pve'".
int access_edit_commit(struct access_edit *edit, const char *what, struct error *err) WARN_UNUSED;
// Puts off a write, with the condition that the key is as it was read; secrets have no condition.
void access_edit_put(struct access_edit *edit, const char *key, const char *value);

// Of all below: -EEXIST, -ENOENT, -EINVAL (a name or value that is wrong), -EPERM, and what
// session_write() gives. All commit.

struct access_user_change {
    const char *userid;
    // NULL: stays as it is; "": none
    const char *comment, *email, *firstname, *lastname, *keys;
    bool has_enable, enable;
    bool has_expire;
    int64_t expire_s;
    const struct json *groups; // array of names; NULL: they stay
    bool append;               // to the groups there are
    const char *password;      // NULL: it stays
};
int access_user_put(struct access_edit *edit, const struct access_user_change *change, bool exists,
                    struct error *err) WARN_UNUSED;
// With its tokens, secrets and permissions.
int access_user_remove(struct access_edit *edit, const char *userid, struct error *err) WARN_UNUSED;
int access_user_password(struct access_edit *edit, const char *userid, const char *password,
                         struct error *err) WARN_UNUSED;

int access_group_put(struct access_edit *edit, const struct access_group *group, bool exists,
                     struct error *err) WARN_UNUSED;
int access_group_remove(struct access_edit *edit, const char *groupid,
                        struct error *err) WARN_UNUSED;

struct access_token_change {
    const char *userid, *tokenid;
    const char *comment; // NULL: stays; "": none
    bool has_expire, has_privsep, privsep;
    int64_t expire_s;
    bool regenerate; // another secret for one that exists
};
// *ret_secret: the new secret, told this once; NULL when it stays.
int access_token_put(struct access_edit *edit, const struct access_token_change *change,
                     bool exists, const char **ret_secret, struct error *err) WARN_UNUSED;
int access_token_remove(struct access_edit *edit, const char *userid, const char *tokenid,
                        struct error *err) WARN_UNUSED;

// `privileges`: array of names; NULL: none. `append`: to those it has.
int access_role_put(struct access_edit *edit, const char *roleid, const struct json *privileges,
                    bool append, bool exists, struct error *err) WARN_UNUSED;
// -EBUSY: permissions name it.
int access_role_remove(struct access_edit *edit, const char *roleid, struct error *err) WARN_UNUSED;

struct access_acl_change {
    const char *path;
    const struct json *roles;                   // array of names
    const struct json *users, *groups, *tokens; // likewise; NULL: none
    bool propagate;
    bool remove;
};
int access_acl_change(struct access_edit *edit, const struct access_acl_change *change,
                      struct error *err) WARN_UNUSED;

// The entries of the list, all paths in order.
size_t access_acl_all(struct arena *arena, const struct rights *rights,
                      const struct access_acl **ret) WARN_UNUSED;
// The user's token documents; in the arena.
size_t access_tokens_of(struct arena *arena, const struct rights *rights, const char *userid,
                        const struct access_token **ret) WARN_UNUSED;
// The document, or for root@pam what holds without one. NULL: there is none.
const struct access_user *access_user_find(struct arena *arena, const struct rights *rights,
                                           const char *userid) WARN_UNUSED;
