// SPDX-License-Identifier: Apache-2.0
// Sets of privileges, and the roles that are always there. Pure.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/auth/rights.h"
#include "common/base/macros.h"

struct arena;
struct json;

#define PRIVILEGE_BIT(privilege) (UINT64_C(1) << (privilege))
#define PRIVILEGE_ALL            (PRIVILEGE_BIT(PRIVILEGE_MAX) - 1)

// A role that takes everything, also what other roles at the same place give.
#define ROLE_NO_ACCESS     "NoAccess"
#define ROLE_ADMINISTRATOR "Administrator"

struct role_builtin {
    const char *name;
    uint64_t privileges;
};

// In the order of their names.
size_t roles_builtin(const struct role_builtin **ret) WARN_UNUSED;
// NULL: none of that name.
const struct role_builtin *roles_find_builtin(const char *name) WARN_UNUSED;

// {"Sys.Audit": 1, …}
struct json *privileges_to_object(struct arena *arena, uint64_t privileges) WARN_UNUSED;
// "Sys.Audit,VM.Audit", in the order of the names.
const char *privileges_to_text(struct arena *arena, uint64_t privileges) WARN_UNUSED;
