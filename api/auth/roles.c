// SPDX-License-Identifier: Apache-2.0
// The names of privileges, and which of them the built-in roles have. Beside those of the field
// there are Operator, who runs the cluster and changes nobody's permissions, and Auditor, who
// looks.
#include "api/auth/roles.h"

#include <assert.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/json.h"
#include "common/base/map.h"
#include "common/base/strbuf.h"

static_assert(PRIVILEGE_MAX < 64, "a set of privileges is 64 bits");

ENUM_TABLE(
    privilege, PRIVILEGE_MAX, [PRIVILEGE_SYS_AUDIT] = "Sys.Audit",
    [PRIVILEGE_SYS_MODIFY] = "Sys.Modify", [PRIVILEGE_SYS_CONSOLE] = "Sys.Console",
    [PRIVILEGE_SYS_POWER_MGMT] = "Sys.PowerMgmt", [PRIVILEGE_SYS_INCOMING] = "Sys.Incoming",
    [PRIVILEGE_SYS_SYSLOG] = "Sys.Syslog", [PRIVILEGE_SYS_ACCESS_NETWORK] = "Sys.AccessNetwork",
    [PRIVILEGE_VM_AUDIT] = "VM.Audit", [PRIVILEGE_VM_POWER_MGMT] = "VM.PowerMgmt",
    [PRIVILEGE_VM_MIGRATE] = "VM.Migrate", [PRIVILEGE_VM_ALLOCATE] = "VM.Allocate",
    [PRIVILEGE_VM_CLONE] = "VM.Clone", [PRIVILEGE_VM_CONSOLE] = "VM.Console",
    [PRIVILEGE_VM_BACKUP] = "VM.Backup", [PRIVILEGE_VM_SNAPSHOT] = "VM.Snapshot",
    [PRIVILEGE_VM_SNAPSHOT_ROLLBACK] = "VM.Snapshot.Rollback",
    [PRIVILEGE_VM_CONFIG_CDROM] = "VM.Config.CDROM",
    [PRIVILEGE_VM_CONFIG_CLOUDINIT] = "VM.Config.Cloudinit",
    [PRIVILEGE_VM_CONFIG_CPU] = "VM.Config.CPU", [PRIVILEGE_VM_CONFIG_DISK] = "VM.Config.Disk",
    [PRIVILEGE_VM_CONFIG_HWTYPE] = "VM.Config.HWType",
    [PRIVILEGE_VM_CONFIG_MEMORY] = "VM.Config.Memory",
    [PRIVILEGE_VM_CONFIG_NETWORK] = "VM.Config.Network",
    [PRIVILEGE_VM_CONFIG_OPTIONS] = "VM.Config.Options", [PRIVILEGE_VM_MONITOR] = "VM.Monitor",
    [PRIVILEGE_VM_REPLICATE] = "VM.Replicate",
    [PRIVILEGE_VM_GUEST_AGENT_AUDIT] = "VM.GuestAgent.Audit",
    [PRIVILEGE_VM_GUEST_AGENT_FILE_READ] = "VM.GuestAgent.FileRead",
    [PRIVILEGE_VM_GUEST_AGENT_FILE_WRITE] = "VM.GuestAgent.FileWrite",
    [PRIVILEGE_VM_GUEST_AGENT_FILE_SYSTEM_MGMT] = "VM.GuestAgent.FileSystemMgmt",
    [PRIVILEGE_VM_GUEST_AGENT_UNRESTRICTED] = "VM.GuestAgent.Unrestricted",
    [PRIVILEGE_DATASTORE_AUDIT] = "Datastore.Audit",
    [PRIVILEGE_DATASTORE_ALLOCATE] = "Datastore.Allocate",
    [PRIVILEGE_DATASTORE_ALLOCATE_SPACE] = "Datastore.AllocateSpace",
    [PRIVILEGE_DATASTORE_ALLOCATE_TEMPLATE] = "Datastore.AllocateTemplate",
    [PRIVILEGE_POOL_AUDIT] = "Pool.Audit", [PRIVILEGE_POOL_ALLOCATE] = "Pool.Allocate",
    [PRIVILEGE_USER_MODIFY] = "User.Modify", [PRIVILEGE_PERMISSIONS_MODIFY] = "Permissions.Modify",
    [PRIVILEGE_REALM_ALLOCATE] = "Realm.Allocate",
    [PRIVILEGE_REALM_ALLOCATE_USER] = "Realm.AllocateUser",
    [PRIVILEGE_GROUP_ALLOCATE] = "Group.Allocate", [PRIVILEGE_MAPPING_AUDIT] = "Mapping.Audit",
    [PRIVILEGE_MAPPING_MODIFY] = "Mapping.Modify", [PRIVILEGE_MAPPING_USE] = "Mapping.Use",
    [PRIVILEGE_SDN_AUDIT] = "SDN.Audit", [PRIVILEGE_SDN_ALLOCATE] = "SDN.Allocate",
    [PRIVILEGE_SDN_USE] = "SDN.Use");

#define BIT(name) PRIVILEGE_BIT(PRIVILEGE_##name)

#define AUDIT                                                                                      \
    (BIT(SYS_AUDIT) | BIT(VM_AUDIT) | BIT(VM_GUEST_AGENT_AUDIT) | BIT(DATASTORE_AUDIT) |           \
     BIT(POOL_AUDIT) | BIT(MAPPING_AUDIT) | BIT(SDN_AUDIT))

#define VM_USER                                                                                    \
    (BIT(VM_AUDIT) | BIT(VM_GUEST_AGENT_AUDIT) | BIT(VM_BACKUP) | BIT(VM_CONFIG_CDROM) |           \
     BIT(VM_CONFIG_CLOUDINIT) | BIT(VM_CONSOLE) | BIT(VM_POWER_MGMT))
#define VM_ADMIN                                                                                   \
    (VM_USER | BIT(VM_ALLOCATE) | BIT(VM_CLONE) | BIT(VM_CONFIG_CPU) | BIT(VM_CONFIG_DISK) |       \
     BIT(VM_CONFIG_HWTYPE) | BIT(VM_CONFIG_MEMORY) | BIT(VM_CONFIG_NETWORK) |                      \
     BIT(VM_CONFIG_OPTIONS) | BIT(VM_MIGRATE) | BIT(VM_MONITOR) | BIT(VM_SNAPSHOT) |               \
     BIT(VM_SNAPSHOT_ROLLBACK) | BIT(VM_REPLICATE) | BIT(VM_GUEST_AGENT_FILE_READ) |               \
     BIT(VM_GUEST_AGENT_FILE_WRITE) | BIT(VM_GUEST_AGENT_FILE_SYSTEM_MGMT) |                       \
     BIT(VM_GUEST_AGENT_UNRESTRICTED))
#define DATASTORE_USER (BIT(DATASTORE_AUDIT) | BIT(DATASTORE_ALLOCATE_SPACE))
#define DATASTORE_ADMIN                                                                            \
    (DATASTORE_USER | BIT(DATASTORE_ALLOCATE) | BIT(DATASTORE_ALLOCATE_TEMPLATE))
#define USER_ADMIN    (BIT(USER_MODIFY) | BIT(GROUP_ALLOCATE) | BIT(REALM_ALLOCATE_USER))
#define SYS_ADMIN     (BIT(SYS_AUDIT) | BIT(SYS_CONSOLE) | BIT(SYS_SYSLOG))
#define MAPPING_ADMIN (BIT(MAPPING_AUDIT) | BIT(MAPPING_MODIFY) | BIT(MAPPING_USE))
#define SDN_USER      (BIT(SDN_AUDIT) | BIT(SDN_USE))
#define SDN_ADMIN     (SDN_USER | BIT(SDN_ALLOCATE))
#define POOL_ADMIN    (BIT(POOL_AUDIT) | BIT(POOL_ALLOCATE))

static const struct role_builtin builtin[] = {
    {ROLE_ADMINISTRATOR, PRIVILEGE_ALL},
    {"Auditor", AUDIT | BIT(SYS_SYSLOG)},
    {ROLE_NO_ACCESS, 0},
    {"Operator", AUDIT | SYS_ADMIN | BIT(VM_POWER_MGMT) | BIT(VM_MIGRATE)},
    {"PVEAdmin",
     VM_ADMIN | DATASTORE_ADMIN | USER_ADMIN | SYS_ADMIN | MAPPING_ADMIN | SDN_ADMIN | POOL_ADMIN},
    {"PVEAuditor", AUDIT},
    {"PVEDatastoreAdmin", DATASTORE_ADMIN},
    {"PVEDatastoreUser", DATASTORE_USER},
    {"PVEMappingAdmin", MAPPING_ADMIN},
    {"PVEMappingAuditor", BIT(MAPPING_AUDIT)},
    {"PVEMappingUser", BIT(MAPPING_AUDIT) | BIT(MAPPING_USE)},
    {"PVEPoolAdmin", POOL_ADMIN},
    {"PVEPoolUser", BIT(POOL_AUDIT)},
    {"PVESDNAdmin", SDN_ADMIN},
    {"PVESDNUser", SDN_USER},
    {"PVESysAdmin", SYS_ADMIN},
    {"PVETemplateUser", BIT(VM_AUDIT) | BIT(VM_CLONE)},
    {"PVEUserAdmin", USER_ADMIN},
    {"PVEVMAdmin", VM_ADMIN},
    {"PVEVMUser", VM_USER},
};

size_t roles_builtin(const struct role_builtin **ret)
{
    *ret = builtin;
    return ARRAY_SIZE(builtin);
}

const struct role_builtin *roles_find_builtin(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(builtin); i++) {
        if (strcmp(builtin[i].name, name) == 0) {
            return &builtin[i];
        }
    }
    return NULL;
}

struct json *privileges_to_object(struct arena *arena, uint64_t privileges)
{
    struct json *object = json_new_object(arena);
    for (int i = 0; i < PRIVILEGE_MAX; i++) {
        if ((privileges & PRIVILEGE_BIT(i)) != 0) {
            json_put_int(object, privilege_to_string((enum privilege)i), 1);
        }
    }
    return object;
}

const char *privileges_to_text(struct arena *arena, uint64_t privileges)
{
    struct strbuf text CLEANUP(strbuf_done) = {0};
    // An object has its members in order.
    const struct json *names = privileges_to_object(arena, privileges);
    json_each (e, names) {
        strbuf_appendf(&text, "%s%s", text.size_bytes > 0 ? "," : "", e->key);
    }
    return arena_strdup(arena, strbuf_text(&text));
}
