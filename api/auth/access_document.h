// SPDX-License-Identifier: Apache-2.0
// The documents below access/ as plain structs: reading, writing, and what names must look like.
// Pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/enum_table.h"
#include "common/base/macros.h"
#include "common/base/map.h"

struct arena;
struct error;
struct json;
struct store_entry;

#define ACCESS_REALM_PAM "pam"
#define ACCESS_REALM_PVE "pve"

enum {
    ACCESS_USERID_MAX = 64,
    ACCESS_NAME_MAX = 64,  // of a token, role, group
    ACCESS_PATH_MAX = 256, // of the list of permissions
    ACCESS_ACL_MAX = 5000, // entries of the list
};

enum acl_type { ACL_TYPE_USER, ACL_TYPE_GROUP, ACL_TYPE_TOKEN, ACL_TYPE_MAX };
ENUM_TABLE_DECLARE(acl_type);

struct access_user {
    const char *userid; // "alice@pve"
    bool enable;
    int64_t expire_s; // wall clock; 0: never
    // NULL: not given
    const char *comment, *email, *firstname, *lastname, *keys;
    const char *const *groups;
    size_t groups_count;
};

struct access_group {
    const char *groupid;
    const char *comment;
};

struct access_token {
    const char *id; // "alice@pve!laptop"
    bool enable;
    int64_t expire_s; // wall clock; 0: as its user
    bool privsep;     // has only what the list gives to itself and to its user
    const char *comment;
};

struct access_role {
    const char *roleid;
    uint64_t privileges; // bit n is privilege n
};

struct access_acl {
    const char *path;
    enum acl_type type;
    const char *ugid; // userid, groupid or "user@realm!id"
    const char *roleid;
    bool propagate;
};

// Everything below access/. Documents that cannot be read: a user, token or group that does
// nothing; a role that gives nothing; a list of permissions with which nobody but root@pam may
// anything.
struct rights {
    struct map users;  // userid → struct access_user *
    struct map groups; // groupid → struct access_group *
    struct map tokens; // "user@realm!id" → struct access_token *
    struct map roles;  // roleid → struct access_role *, those that are not built in
    struct map acl;    // path → struct access_acl_list *
    const char **problems;
    size_t problems_count;
};

// What the list says of one path.
struct access_acl_list {
    struct access_acl *entries; // in the order of the list
    size_t count;
    size_t capacity;
};

// Each: 0, or -EINVAL with words.
int access_userid_check(const char *text, struct error *err) WARN_UNUSED;  // user@pam, user@pve
int access_tokenid_check(const char *text, struct error *err) WARN_UNUSED; // the part after '!'
int access_groupid_check(const char *text, struct error *err) WARN_UNUSED;
int access_roleid_check(const char *text, struct error *err) WARN_UNUSED;
int access_path_check(const char *text, struct error *err) WARN_UNUSED; // "/", "/vms/100"

// The realm of a checked user id.
const char *access_realm(const char *userid) WARN_UNUSED;
// The user of "user@realm!id"; in the arena.
const char *access_token_user(struct arena *arena, const char *id) WARN_UNUSED;

// -EINVAL with words, the result is unchanged then. In the arena; `userid` and the like are
// borrowed.
int access_user_parse(struct arena *arena, const char *userid, const char *text, size_t size_bytes,
                      struct access_user *ret, struct error *err) WARN_UNUSED;
int access_group_parse(struct arena *arena, const char *groupid, const char *text,
                       size_t size_bytes, struct access_group *ret, struct error *err) WARN_UNUSED;
int access_token_parse(struct arena *arena, const char *id, const char *text, size_t size_bytes,
                       struct access_token *ret, struct error *err) WARN_UNUSED;
int access_role_parse(struct arena *arena, const char *roleid, const char *text, size_t size_bytes,
                      struct access_role *ret, struct error *err) WARN_UNUSED;
int access_acl_parse(struct arena *arena, const char *text, size_t size_bytes,
                     struct access_acl **ret, size_t *ret_count, struct error *err) WARN_UNUSED;

char *access_user_format(struct arena *arena, const struct access_user *user) WARN_UNUSED;
char *access_group_format(struct arena *arena, const struct access_group *group) WARN_UNUSED;
char *access_token_format(struct arena *arena, const struct access_token *token) WARN_UNUSED;
char *access_role_format(struct arena *arena, const struct access_role *role) WARN_UNUSED;
char *access_acl_format(struct arena *arena, const struct access_acl *entries,
                        size_t count) WARN_UNUSED;

bool access_user_is_in(const struct access_user *user, const char *groupid) WARN_UNUSED;
