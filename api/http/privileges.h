// SPDX-License-Identifier: Apache-2.0
// The user that ha-apid runs as.
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "common/base/macros.h"

struct error;

#define PRIVILEGES_USER "ha-manager"

struct privileges {
    bool found; // there is such a user
    uid_t user;
    gid_t group;
};
void privileges_find(struct privileges *ret);
// Becomes that user for good when this process is root. Without such a user it stays what it is.
int privileges_drop(const struct privileges *privileges, struct error *err) WARN_UNUSED;
// As many descriptors as the system allows; their number.
size_t privileges_raise_descriptors(void) WARN_UNUSED;
