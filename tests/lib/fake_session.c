// SPDX-License-Identifier: Apache-2.0
// Putting the fakes together.
#include "tests/lib/fake_session.h"

void fake_session_init(struct fake_session *fake, size_t count)
{
    fake->store = fake_store_new();
    fake_membership_init(&fake->membership, count);
    fake->session = (struct session){.store = fake_store_port(fake->store),
                                     .membership = &fake->membership.membership,
                                     .node = "node1",
                                     .quorate = true};
}

void fake_session_done(struct fake_session *fake)
{
    fake_store_free(fake->store);
}
