// SPDX-License-Identifier: Apache-2.0
// Who may do what: users, tokens, roles and the list of permissions, as the store has them, and the
// answer to "has this user that privilege on this path?". Pure. docs/access.md is for people.
//
//   access/user/<user@realm>         JSON {enable, expire, comment, email, groups, …}
//   access/group/<name>              JSON {comment}; who is in it stands with the users
//   access/token/<user@realm>!<id>   JSON {enable, expire, comment, privsep}
//   access/role/<name>               JSON {privs: [...]}, beside the built-in ones
//   access/acl                       JSON [{path, ugid, type: user|group|token, roleid, propagate}]
//   secret/user/<user@realm>         "HASH CHANGED": crypt(3)'s of the realm pve, and when it was
//   set secret/token/<user@realm>!<id>   SHA-256 of the token's secret, hex secret/ticket-keys
//   JSON, the keys that tickets are signed with (ticket.h)
//
// The documents are in access_document.h, the built-in roles in roles.h.
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
struct store_entries;

// Names as clients know them: "Sys.Audit". Others of the field that guard nothing here are in the
// table, too, so that roles can name them.
enum privilege {
    PRIVILEGE_SYS_AUDIT,
    PRIVILEGE_SYS_MODIFY,
    PRIVILEGE_SYS_CONSOLE,
    PRIVILEGE_SYS_POWER_MGMT,
    PRIVILEGE_SYS_INCOMING,
    PRIVILEGE_SYS_SYSLOG,
    PRIVILEGE_SYS_ACCESS_NETWORK,
    PRIVILEGE_VM_AUDIT,
    PRIVILEGE_VM_POWER_MGMT,
    PRIVILEGE_VM_MIGRATE,
    PRIVILEGE_VM_ALLOCATE,
    PRIVILEGE_VM_CLONE,
    PRIVILEGE_VM_CONSOLE,
    PRIVILEGE_VM_BACKUP,
    PRIVILEGE_VM_SNAPSHOT,
    PRIVILEGE_VM_SNAPSHOT_ROLLBACK,
    PRIVILEGE_VM_CONFIG_CDROM,
    PRIVILEGE_VM_CONFIG_CLOUDINIT,
    PRIVILEGE_VM_CONFIG_CPU,
    PRIVILEGE_VM_CONFIG_DISK,
    PRIVILEGE_VM_CONFIG_HWTYPE,
    PRIVILEGE_VM_CONFIG_MEMORY,
    PRIVILEGE_VM_CONFIG_NETWORK,
    PRIVILEGE_VM_CONFIG_OPTIONS,
    PRIVILEGE_VM_MONITOR,
    PRIVILEGE_VM_REPLICATE,
    PRIVILEGE_VM_GUEST_AGENT_AUDIT,
    PRIVILEGE_VM_GUEST_AGENT_FILE_READ,
    PRIVILEGE_VM_GUEST_AGENT_FILE_WRITE,
    PRIVILEGE_VM_GUEST_AGENT_FILE_SYSTEM_MGMT,
    PRIVILEGE_VM_GUEST_AGENT_UNRESTRICTED,
    PRIVILEGE_DATASTORE_AUDIT,
    PRIVILEGE_DATASTORE_ALLOCATE,
    PRIVILEGE_DATASTORE_ALLOCATE_SPACE,
    PRIVILEGE_DATASTORE_ALLOCATE_TEMPLATE,
    PRIVILEGE_POOL_AUDIT,
    PRIVILEGE_POOL_ALLOCATE,
    PRIVILEGE_USER_MODIFY,
    PRIVILEGE_PERMISSIONS_MODIFY,
    PRIVILEGE_REALM_ALLOCATE,
    PRIVILEGE_REALM_ALLOCATE_USER,
    PRIVILEGE_GROUP_ALLOCATE,
    PRIVILEGE_MAPPING_AUDIT,
    PRIVILEGE_MAPPING_MODIFY,
    PRIVILEGE_MAPPING_USE,
    PRIVILEGE_SDN_AUDIT,
    PRIVILEGE_SDN_ALLOCATE,
    PRIVILEGE_SDN_USE,
    PRIVILEGE_MAX
};
ENUM_TABLE_DECLARE(privilege);

struct rights; // everything below access/, parsed

// The one user that has everything, always.
#define RIGHTS_ROOT "root@pam"

// Documents that cannot be read grant nothing and are listed in the result. In the arena.
struct rights *rights_read(struct arena *arena, const struct store_entries *access) WARN_UNUSED;
// One line of words for each document that could not be read; all counted entries are in the arena.
size_t rights_problems(const struct rights *rights, const char *const **ret) WARN_UNUSED;

// Whether `user` (with `token`, its id alone, or NULL) has the privilege on the path. root@pam has
// all, its tokens without privilege separation too. A token with separation has what both it and
// its user have. The nearest path counts; what is said of a path holds below it where `propagate`
// says so; NoAccess takes all. Users and tokens that are disabled or expired have nothing.
bool rights_allow(const struct rights *rights, const char *user, const char *token,
                  enum privilege privilege, const char *path, int64_t now_s) WARN_UNUSED;
// The same for all privileges at once: bit n is privilege n. `below`: what holds for everything
// below the path of which nothing nearer is said.
uint64_t rights_get(const struct rights *rights, const char *user, const char *token,
                    const char *path, bool below, int64_t now_s) WARN_UNUSED;
// What it would be if the user and its token were enabled and not expired: what somebody is given
// who may be enabled later.
uint64_t rights_potential(const struct rights *rights, const char *user, const char *token,
                          const char *path, bool below) WARN_UNUSED;
// Whether the user is known, enabled and not expired; and its token, unless that is NULL.
bool rights_is_active(const struct rights *rights, const char *user, const char *token,
                      int64_t now_s) WARN_UNUSED;
// Whether the caller may do everything that the other user may: only then may it change that one's
// password, tokens or groups, or it could take what was not given to it.
bool rights_covers(const struct rights *rights, const char *user, const char *token,
                   const char *other, int64_t now_s) WARN_UNUSED;

// {path: {Priv: n}} of all paths that the list names and those clients look for: what
// /access/permissions shows; `only_path` NULL: all. n: 1 when it also holds below the path, else 0.
// A path that the list names and where nothing is left of what is given above it is empty.
struct json *rights_show(struct arena *arena, const struct rights *rights, const char *user,
                         const char *token, const char *only_path, int64_t now_s) WARN_UNUSED;
// {access, dc, mapping, nodes, sdn, storage, vms: {Priv: 1}}: what a login tells the dashboard to
// offer.
struct json *rights_cap(struct arena *arena, const struct rights *rights, const char *user,
                        int64_t now_s) WARN_UNUSED;
