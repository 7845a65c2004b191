// SPDX-License-Identifier: Apache-2.0
// The membership port for tests.
#include "tests/lib/fake_membership.h"

#include <assert.h>

static int fake_get(struct membership *membership, struct arena *arena, struct member_list *ret,
                    struct error *err)
{
    const struct fake_membership *fake = (const struct fake_membership *)membership;
    (void)arena;
    (void)err;
    *ret = fake->list;
    return 0;
}

static const struct membership_ops fake_ops = {.get = fake_get};

void fake_membership_init(struct fake_membership *fake, size_t count)
{
    static const char *const names[FAKE_MEMBERS_MAX] = {"node1", "node2", "node3", "node4",
                                                        "node5", "node6", "node7", "node8"};
    assert(count <= FAKE_MEMBERS_MAX);
    *fake = (struct fake_membership){.membership = {.ops = &fake_ops}};
    for (size_t i = 0; i < count; i++) {
        fake->members[i] = (struct member){.node = names[i], .online = true};
    }
    fake->list =
        (struct member_list){.members = fake->members, .count = count, .quorate = true, .epoch = 1};
}
