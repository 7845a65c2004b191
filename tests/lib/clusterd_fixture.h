// SPDX-License-Identifier: Apache-2.0
// A real, standalone ha-clusterd (engine, server, database) in a child process, in a folder of its
// own. Its node is called "n1". The environment of the test points to it, so that cluster_client
// finds it.
#pragma once

#include <sys/types.h>

#include "common/base/macros.h"

struct arena;
struct timing;

struct clusterd_fixture {
    struct arena *arena;
    char *folder;
    pid_t pid; // 0: not running
    uid_t allowed_uid;
    struct timing *timing; // may be changed before a start
};

// Setup and teardown for cmocka: *state is a struct clusterd_fixture * with the server running,
// timing "fast".
int clusterd_fixture_setup(void **state);
int clusterd_fixture_teardown(void **state);
#define clusterd_fixture_test(function)                                                            \
    cmocka_unit_test_setup_teardown(function, clusterd_fixture_setup, clusterd_fixture_teardown)

// Returns when it listens, and has quorum.
void clusterd_fixture_start(struct clusterd_fixture *fixture);
// The same in two steps: when it listens, when it has quorum.
void clusterd_fixture_launch(struct clusterd_fixture *fixture);
void clusterd_fixture_wait(struct clusterd_fixture *fixture);
void clusterd_fixture_kill(struct clusterd_fixture *fixture); // SIGKILL, and waits for it
// A raw connection, for what no client of ours would send.
int clusterd_fixture_connect(struct clusterd_fixture *fixture) WARN_UNUSED;
