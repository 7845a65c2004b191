// SPDX-License-Identifier: Apache-2.0
// Rows of parameters that many calls have, and what makes rows short.
#pragma once

#include "api/call/method.h"

#define PARAMETERS(rows) .parameters = (rows), .parameters_count = ARRAY_SIZE(rows)

#define PARAMETER_NODE                                                                             \
    {                                                                                              \
        .name = "node", .format = PARAMETER_FORMAT_NODE, .required = true,                         \
        .description = "name of a node"                                                            \
    }
#define PARAMETER_VMID                                                                             \
    {                                                                                              \
        .name = "vmid", .type = PARAMETER_TYPE_INTEGER, .format = PARAMETER_FORMAT_VMID,           \
        .required = true, .description = "number of the guest"                                     \
    }
#define PARAMETER_SID                                                                              \
    {                                                                                              \
        .name = "sid", .format = PARAMETER_FORMAT_SID, .required = true,                           \
        .description = "the service: ct:100, vm:101, or only the guest's number"                   \
    }
#define PARAMETER_DIGEST                                                                           \
    {                                                                                              \
        .name = "digest", .length_max = 64,                                                        \
        .description = "refuse when what is to be changed is not what had this digest"             \
    }
#define PARAMETER_DELETE                                                                           \
    {                                                                                              \
        .name = "delete", .type = PARAMETER_TYPE_LIST,                                             \
        .description = "settings that return to their defaults"                                    \
    }
#define PARAMETER_COMMENT                                                                          \
    {                                                                                              \
        .name = "comment", .format = PARAMETER_FORMAT_TEXT, .length_max = 4096,                    \
        .description = "free text"                                                                 \
    }

// What every call with parameters has.
#define METHOD(verb_, path_, parameters_, returns_, run_)                                          \
    .verb = METHOD_VERB_##verb_, .path = path_, PARAMETERS(parameters_), .returns = (returns_),    \
    .run = (run_)
// Those for guests of a node. `path_` begins with "lxc" or "qemu".
#define GUEST_METHOD(verb_, path_, parameters_, returns_, run_)                                    \
    METHOD(verb_, "/nodes/{node}/" path_, parameters_, returns_, run_), .on_node = true

// Who may: reading and changing HA.
#define MAY_READ_HA   .access = METHOD_ACCESS_PRIVILEGE, .privilege = PRIVILEGE_SYS_AUDIT
#define MAY_CHANGE_HA .access = METHOD_ACCESS_PRIVILEGE, .privilege = PRIVILEGE_SYS_CONSOLE
// On the node that the path names.
#define MAY_READ_NODE                                                                              \
    .access = METHOD_ACCESS_PRIVILEGE, .privilege = PRIVILEGE_SYS_AUDIT,                           \
    .access_path = "/nodes/{node}"
#define MAY_READ_GUEST                                                                             \
    .access = METHOD_ACCESS_PRIVILEGE, .privilege = PRIVILEGE_VM_AUDIT, .access_path = "/vms/{vmid}"
