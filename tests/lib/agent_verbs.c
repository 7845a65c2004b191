// SPDX-License-Identifier: Apache-2.0
// Calling them.
#include "tests/lib/agent_verbs.h"

#include "common/base/error.h"
#include "common/port/agent.h"
#include "tests/lib/fixture.h"

struct call {
    struct error err;
};

void agent_verbs_start(struct agent *agent, const struct guest *guest)
{
    struct call call = {0};
    int r = agent->ops->start(agent, guest, &call.err);
    fixture_ok(&call, r);
}

bool agent_verbs_is_running(struct agent *agent, const struct guest *guest)
{
    struct call call = {0};
    bool running = false;
    int r = agent->ops->check(agent, guest, &running, &call.err);
    fixture_ok(&call, r);
    return running;
}
