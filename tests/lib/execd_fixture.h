// SPDX-License-Identifier: Apache-2.0
// The real ha-execd (the program that the environment variable HA_EXECD names) on node "n1" before
// a standalone ha-clusterd, in a folder of its own, and a connection to it.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/macros.h"
#include "tests/lib/clusterd_fixture.h"

struct ipc_stream;
struct json;

struct execd_fixture {
    struct clusterd_fixture *clusterd;
    struct arena *arena; // of the test
    pid_t pid;           // 0: not running
    struct ipc_stream *stream;
    int64_t last_id;
    bool skipped; // this machine does not let a test name its node
};

// Setup and teardown for cmocka: *state is a struct execd_fixture * with both daemons running.
int execd_fixture_setup(void **state);
int execd_fixture_teardown(void **state);
#define execd_fixture_test(function)                                                               \
    cmocka_unit_test_setup_teardown(function, execd_fixture_setup, execd_fixture_teardown)

// Returns when it listens and has read the store.
void execd_fixture_start(struct execd_fixture *fixture);
void execd_fixture_kill(struct execd_fixture *fixture, int signo); // and waits for it
void execd_fixture_connect(struct execd_fixture *fixture);

// Writes into the store; a NULL value deletes.
void execd_fixture_put(struct execd_fixture *fixture, const char *key, const char *value);
// The value, or NULL.
const char *execd_fixture_get(struct execd_fixture *fixture, const char *key) WARN_UNUSED;
// Waits until the store has a value with this text in it.
void execd_fixture_wait_for(struct execd_fixture *fixture, const char *key, const char *text);
// A token of the user, as "user@realm!t=secret". Gives root@pam all, others what their list says.
const char *execd_fixture_token(struct execd_fixture *fixture, const char *user) WARN_UNUSED;
// A program for tasks: a shell script.
void execd_fixture_program(struct execd_fixture *fixture, const char *name, const char *script);

// Sends a request as JSON text without its id, which is returned.
int64_t execd_fixture_send(struct execd_fixture *fixture, const char *request);
// The next message; fails after some seconds.
const struct json *execd_fixture_next(struct execd_fixture *fixture) WARN_UNUSED;
// The next message with this id; others are dropped.
const struct json *execd_fixture_answer(struct execd_fixture *fixture, int64_t id) WARN_UNUSED;
// One call and its answer. `parameters` is JSON text or NULL.
const struct json *execd_fixture_call(struct execd_fixture *fixture, const char *token,
                                      const char *method, const char *path,
                                      const char *parameters) WARN_UNUSED;
int64_t execd_fixture_status(const struct json *answer) WARN_UNUSED;
