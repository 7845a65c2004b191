// SPDX-License-Identifier: Apache-2.0
// The daemon without its main(), and so without corosync.conf of the machine the tests run on.
#include "tests/lib/clusterd_fixture.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cluster/engine.h"
#include "cluster/engine_host.h"
#include "cluster/server.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/host/cluster_client.h"
#include "common/host/ipc.h"
#include "common/host/loop.h"
#include "common/host/paths.h"
#include "common/model/timing.h"
#include "common/port/event_sink.h"
#include "common/port/membership.h"
#include "tests/lib/test.h"

enum { START_TRIES = 500, START_STEP_MS = 10 };

struct child {
    struct server *server;
    struct engine_host *host;
};

static void ignore_event(struct event_sink *sink, const struct event *event)
{
    (void)sink; // the tests look at what clients see
    (void)event;
}

static const struct event_sink_ops ignore_ops = {.emit = ignore_event};

static void on_answered(void *userdata, uint64_t request, const struct replica_answer *answer)
{
    server_answered(((struct child *)userdata)->server, request, answer);
}

static void on_changed(void *userdata, const struct replica_row *rows, size_t count)
{
    server_changed(((struct child *)userdata)->server, rows, count);
}

static void on_membership(void *userdata)
{
    server_membership(((struct child *)userdata)->server);
}

static void on_turned(void *userdata)
{
    server_turned(((struct child *)userdata)->server);
}

static void on_wish(void *userdata, enum server_wish wish)
{
    (void)userdata; // not here
    (void)wish;
}

static int child_run(const struct clusterd_fixture *fixture)
{
    struct child child = {0};
    struct error err = {0};
    struct loop *loop = NULL;
    struct event_sink sink = {.ops = &ignore_ops};
    struct engine_host_spec engine_spec = {
        .loop = NULL,
        .events = &sink,
        .node = "n1",
        .database = paths_database(fixture->arena),
        .history = "",
        .lease_ms = fixture->timing->lease_ms,
        .token_ms = fixture->timing->token_ms,
        .callbacks = {on_answered, on_changed, on_membership, on_turned, &child},
    };
    struct server_spec server_spec = {
        .events = &sink,
        .path = paths_clusterd_socket(fixture->arena),
        .allowed_uid = fixture->allowed_uid,
        .node = "n1",
        .timing = fixture->timing,
        .wish = on_wish,
        .userdata = &child,
    };
    int r = loop_new(&loop, &err);
    engine_spec.loop = loop;
    server_spec.loop = loop;
    r = r == 0 ? engine_host_open(&engine_spec, &child.host, &err) : r;
    r = r == 0 ? server_new(&server_spec, &child.server, &err) : r;
    if (r == 0) {
        server_set_engine(child.server, engine_host_engine(child.host));
        r = loop_run(loop, &err);
    }
    fprintf(stderr, "clusterd fixture: %s\n", err.text);
    return r < 0 ? 1 : 0;
}

int clusterd_fixture_connect(struct clusterd_fixture *fixture)
{
    int fd = -1;
    for (int i = 0; i < START_TRIES; i++) {
        if (ipc_connect(paths_clusterd_socket(fixture->arena), &fd) == 0) {
            return fd;
        }
        (void)poll(NULL, 0, START_STEP_MS); // to let time pass
    }
    fail_msg("the daemon does not listen");
    return -1;
}

// In the first milliseconds there is no quorum, even of one node.
void clusterd_fixture_wait(struct clusterd_fixture *fixture)
{
    for (int i = 0; i < START_TRIES; i++) {
        struct cluster_client *client CLEANUP(cluster_client_freep) = NULL;
        struct member_list members = {0};
        if (cluster_client_connect(&client, NULL) == 0 &&
            membership_get(cluster_client_membership(client), fixture->arena, &members, NULL) ==
                0 &&
            members.quorate) {
            return;
        }
        (void)poll(NULL, 0, START_STEP_MS); // to let time pass
    }
    fail_msg("the daemon gets no quorum");
}

void clusterd_fixture_launch(struct clusterd_fixture *fixture)
{
    pid_t parent = getpid();
    fixture->pid = fork();
    assert_true(fixture->pid >= 0);
    if (fixture->pid == 0) {
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent) {
            _exit(1);
        }
        _exit(child_run(fixture));
    }
    assert_int_equal(close(clusterd_fixture_connect(fixture)), 0);
}

void clusterd_fixture_start(struct clusterd_fixture *fixture)
{
    clusterd_fixture_launch(fixture);
    if (fixture->allowed_uid == getuid()) {
        clusterd_fixture_wait(fixture);
    }
}

void clusterd_fixture_kill(struct clusterd_fixture *fixture)
{
    if (fixture->pid > 0) {
        assert_int_equal(kill(fixture->pid, SIGKILL), 0);
        assert_int_equal(waitpid(fixture->pid, NULL, 0), fixture->pid);
        fixture->pid = 0;
    }
}

int clusterd_fixture_setup(void **state)
{
    struct arena *arena = arena_new();
    struct timing *timing = arena_new_of(arena, struct timing);
    timing_get(TIMING_PROFILE_FAST, timing);
    struct clusterd_fixture *fixture = arena_new_of(arena, struct clusterd_fixture);
    const char *base = getenv("TMPDIR");
    fixture->arena = arena;
    fixture->folder = arena_printf(arena, "%s/clusterd.XXXXXX", base != NULL ? base : "/tmp");
    fixture->allowed_uid = getuid();
    fixture->timing = timing;
    if (mkdtemp(fixture->folder) == NULL || setenv("HA_MANAGER_RUN_DIR", fixture->folder, 1) < 0 ||
        setenv("HA_MANAGER_STATE_DIR", fixture->folder, 1) < 0) {
        return -1;
    }
    clusterd_fixture_start(fixture);
    *state = fixture;
    return 0;
}

int clusterd_fixture_teardown(void **state)
{
    struct clusterd_fixture *fixture = *state;
    clusterd_fixture_kill(fixture);
    int r = system(arena_printf(fixture->arena, "rm -rf '%s'", fixture->folder));
    arena_free(fixture->arena);
    return r;
}
