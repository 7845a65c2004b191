// SPDX-License-Identifier: Apache-2.0
// What the contract tests of the agent port (test_agents.c) need of each type of service. A new
// agent is one row in agent_subjects.c, or a file of its own beside it.
#pragma once

#include <stdbool.h>
#include <sys/types.h>

struct arena;
struct guest;

#define SUBJECT_FOLDER "/run/agent-test"

struct agent_subject {
    const char *name; // in the names of the tests
    const char *sid;
    // Once, before all tests: 0, or -errno with *ret_skip saying why it cannot run here.
    int (*prepare)(struct arena *arena, const char **ret_skip);
    // Its definition, as it is to be started.
    void (*define)(struct arena *arena, struct guest *guest);
    // Makes what runs end as if by itself.
    void (*end)(struct arena *arena);
    // Whether anything of it is on this machine, by the test's own means.
    bool (*is_left)(struct arena *arena);
    bool has_process; // one that can be watched
};

extern const struct agent_subject *const agent_subjects[]; // ends with NULL
