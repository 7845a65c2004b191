// SPDX-License-Identifier: Apache-2.0
// The membership port for tests: what it is told to say.
#pragma once

#include <stdbool.h>

#include "common/port/membership.h"

enum { FAKE_MEMBERS_MAX = 8 };

struct fake_membership {
    struct membership membership; // first: the port
    struct member members[FAKE_MEMBERS_MAX];
    struct member_list list;
};

// Nodes "node1" … "node<count>", all online and quorate.
void fake_membership_init(struct fake_membership *fake, size_t count);
