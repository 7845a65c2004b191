// SPDX-License-Identifier: Apache-2.0
// Starting both daemons, and speaking ha-execd's socket.
#include "tests/lib/execd_fixture.h"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/digest.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/host/cluster_client.h"
#include "common/host/file.h"
#include "common/host/ipc.h"
#include "common/host/paths.h"
#include "common/port/store.h"
#include "tests/lib/test.h"

enum { TRIES = 1000, STEP_MS = 10, ANSWER_MS = 20000, EXIT_NO_NAME = 77, PATIENCE_FRAMES = 1000 };

static const char *own_path(struct execd_fixture *fixture, const char *name)
{
    return arena_printf(fixture->arena, "%s/%s", fixture->clusterd->folder, name);
}

NORETURN static void child_run(const char *program)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || unshare(CLONE_NEWUTS) < 0 ||
        sethostname("n1", 2) < 0) {
        _exit(EXIT_NO_NAME);
    }
    (void)execl(program, "ha-execd", NULL);
    _exit(EXIT_FAILURE);
}

void execd_fixture_connect(struct execd_fixture *fixture)
{
    ipc_stream_free(fixture->stream);
    fixture->stream = NULL;
    for (int i = 0; i < TRIES; i++) {
        int fd, status;
        if (ipc_connect(paths_execd_socket(fixture->arena), &fd) == 0) {
            fixture->stream = ipc_stream_new(fd);
            return;
        }
        if (waitpid(fixture->pid, &status, WNOHANG) == fixture->pid) {
            fixture->pid = 0;
            fixture->skipped = WIFEXITED(status) && WEXITSTATUS(status) == EXIT_NO_NAME;
            assert_true(fixture->skipped);
            return;
        }
        (void)poll(NULL, 0, STEP_MS); // to let time pass
    }
    fail_msg("ha-execd does not listen");
}

void execd_fixture_start(struct execd_fixture *fixture)
{
    const char *program = getenv("HA_EXECD");
    assert_non_null(program);
    (void)unlink(paths_execd_socket(fixture->arena)); // of one that was killed
    fixture->pid = fork();
    assert_true(fixture->pid >= 0);
    if (fixture->pid == 0) {
        child_run(program);
    }
    execd_fixture_connect(fixture);
    if (!fixture->skipped) {
        // It has read the store when it tells of itself there.
        execd_fixture_wait_for(fixture, "live/api/n1", "address");
    }
}

void execd_fixture_kill(struct execd_fixture *fixture, int signo)
{
    if (fixture->pid > 0) {
        assert_int_equal(kill(fixture->pid, signo), 0);
        assert_int_equal(waitpid(fixture->pid, NULL, 0), fixture->pid);
        fixture->pid = 0;
    }
}

int execd_fixture_setup(void **state)
{
    void *clusterd;
    if (clusterd_fixture_setup(&clusterd) != 0) {
        return -1;
    }
    struct arena *arena = arena_new();
    struct execd_fixture *fixture = arena_new_of(arena, struct execd_fixture);
    fixture->arena = arena;
    fixture->clusterd = clusterd;
    const char *programs = own_path(fixture, "sbin");
    if (mkdir(programs, 0700) < 0 || setenv("HA_MANAGER_SBIN_DIR", programs, 1) < 0 ||
        setenv("HA_MANAGER_LOG_DIR", own_path(fixture, "log"), 1) < 0) {
        return -1;
    }
    execd_fixture_start(fixture);
    *state = fixture;
    return 0;
}

int execd_fixture_teardown(void **state)
{
    struct execd_fixture *fixture = *state;
    void *clusterd = fixture->clusterd;
    ipc_stream_free(fixture->stream);
    execd_fixture_kill(fixture, SIGKILL);
    arena_free(fixture->arena);
    return clusterd_fixture_teardown(&clusterd);
}

void execd_fixture_put(struct execd_fixture *fixture, const char *key, const char *value)
{
    struct cluster_client *client CLEANUP(cluster_client_freep) = NULL;
    struct error err = {0};
    const struct store_op op = {.key = key,
                                .value = value,
                                .size_bytes = value != NULL ? strlen(value) : 0,
                                .expect = STORE_ANY};
    const struct store_txn txn = {.ops = &op, .count = 1};
    (void)fixture; // the environment points to its store
    assert_int_equal(cluster_client_connect(&client, &err), 0);
    assert_int_equal(store_commit(cluster_client_store(client), &txn, NULL, &err), 0);
}

const char *execd_fixture_get(struct execd_fixture *fixture, const char *key)
{
    struct cluster_client *client CLEANUP(cluster_client_freep) = NULL;
    struct store_entries entries;
    struct error err = {0};
    assert_int_equal(cluster_client_connect(&client, &err), 0);
    assert_int_equal(
        store_read(cluster_client_store(client), key, 0, fixture->arena, &entries, &err), 0);
    return entries.count > 0 ? arena_strdup(fixture->arena, entries.entries[0].value) : NULL;
}

void execd_fixture_wait_for(struct execd_fixture *fixture, const char *key, const char *text)
{
    for (int i = 0; i < TRIES; i++) {
        const char *value = execd_fixture_get(fixture, key);
        if (value != NULL && strstr(value, text) != NULL) {
            return;
        }
        (void)poll(NULL, 0, STEP_MS); // to let time pass
    }
    fail_msg("'%s' never had '%s'", key, text);
}

const char *execd_fixture_token(struct execd_fixture *fixture, const char *user)
{
    static const char secret[] = "00000000-0000-0000-0000-000000000001";
    struct arena *arena = fixture->arena;
    if (strcmp(user, "root@pam") != 0) {
        execd_fixture_put(fixture, arena_printf(arena, "access/user/%s", user), "{\"enable\":1}");
    }
    execd_fixture_put(fixture, arena_printf(arena, "secret/token/%s!t", user),
                      digest_sha256_hex(arena, secret, strlen(secret)));
    execd_fixture_put(fixture, arena_printf(arena, "access/token/%s!t", user), "{\"privsep\":0}");
    return arena_printf(arena, "%s!t=%s", user, secret);
}

void execd_fixture_program(struct execd_fixture *fixture, const char *name, const char *script)
{
    const char *path = arena_printf(fixture->arena, "%s/sbin/%s", fixture->clusterd->folder, name);
    const char *text = arena_printf(fixture->arena, "#!/bin/sh\n%s\n", script);
    assert_int_equal(file_replace(path, text, strlen(text), 0700, NULL), 0);
}

int64_t execd_fixture_send(struct execd_fixture *fixture, const char *request)
{
    struct json *json;
    struct error err = {0};
    if (json_parse(fixture->arena, request, strlen(request), &json, &err) < 0) {
        fail_msg("%s: %s", request, err.text);
    }
    json_put_int(json, "id", ++fixture->last_id);
    const char *text = json_to_text(fixture->arena, json);
    assert_int_equal(ipc_stream_send(fixture->stream, text, strlen(text)), 0);
    return fixture->last_id;
}

const struct json *execd_fixture_next(struct execd_fixture *fixture)
{
    const char *frame;
    size_t size;
    struct json *json;
    for (;;) {
        int r = ipc_stream_next(fixture->stream, &frame, &size, NULL);
        if (r > 0) {
            assert_int_equal(json_parse(fixture->arena, frame, size, &json, NULL), 0);
            return json;
        }
        assert_int_equal(r, 0);
        assert_int_equal(ipc_stream_wait(fixture->stream, ANSWER_MS), 1);
        assert_int_equal(ipc_stream_fill(fixture->stream), 0);
    }
}

const struct json *execd_fixture_answer(struct execd_fixture *fixture, int64_t id)
{
    for (int i = 0; i < PATIENCE_FRAMES; i++) {
        const struct json *message = execd_fixture_next(fixture);
        int64_t found = 0;
        assert_int_equal(json_get_int(message, "id", 1, INT64_MAX, &found, NULL), 0);
        if (found == id) {
            return message;
        }
    }
    fail_msg("no answer among many messages");
    return NULL;
}

const struct json *execd_fixture_call(struct execd_fixture *fixture, const char *token,
                                      const char *method, const char *path, const char *parameters)
{
    struct json *request = json_new_object(fixture->arena);
    json_put_string(request, "op", "call");
    json_put_string(request, "method", method);
    json_put_string(request, "path", path);
    json_put_string(request, "token", token);
    json_put_string(request, "address", "127.0.0.1");
    if (parameters != NULL) {
        struct json *json;
        assert_int_equal(json_parse(fixture->arena, parameters, strlen(parameters), &json, NULL),
                         0);
        json_put(request, "parameters", json);
    }
    int64_t id = execd_fixture_send(fixture, json_to_text(fixture->arena, request));
    return execd_fixture_answer(fixture, id);
}

int64_t execd_fixture_status(const struct json *answer)
{
    int64_t status = 0;
    assert_int_equal(json_get_int(answer, "status", 100, 599, &status, NULL), 0);
    return status;
}
