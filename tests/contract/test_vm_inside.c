// SPDX-License-Identifier: Apache-2.0
// What is done inside machines: the serial port of a real, emulated one, and programs run by a
// guest agent, which is played by a process of this test. Runs in a machine of its own
// (in_node.sh).
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/macros.h"
#include "common/model/guest.h"
#include "common/port/agent.h"
#include "lrm/agents/agent_context.h"
#include "lrm/agents/service_agent.h"
#include "lrm/agents/vm.h"
#include "lrm/agents/vm_console.h"
#include "lrm/agents/vm_exec.h"
#include "tests/lib/fake_store.h"
#include "tests/lib/test.h"

#define TEST_FOLDER "/run/ha-manager/vm-101"

enum { TEST_TEXT_MAX = 8192 };

struct fixture {
    struct arena *arena;
    struct error err;
    pid_t pid; // of the guest agent; 0: none
};

// --- The guest agent. ---

struct script {
    bool is_deaf;        // says nothing at all
    const char *started; // answer to guest-exec
    const char *ended;   // to the second guest-exec-status
};

static void say(int fd, const char *text)
{
    if (write(fd, text, strlen(text)) < 0) {
        _exit(EXIT_FAILURE);
    }
}

static void answer(int fd, const struct script *script, const char *line, int *looks)
{
    const char *id = strstr(line, "\"id\":");
    if (strstr(line, "guest-sync-delimited") != NULL && id != NULL) {
        char text[100];
        id += strlen("\"id\":");
        (void)snprintf(text, sizeof(text), "\xff{\"return\":%.*s}\n", (int)strspn(id, "0123456789"),
                       id);
        say(fd, text);
    } else if (strstr(line, "guest-exec-status") != NULL) {
        *looks += 1;
        say(fd, *looks == 1 ? "{\"return\":{\"exited\":false}}\n" : script->ended);
    } else if (strstr(line, "\"guest-exec\"") != NULL) {
        say(fd,
            strstr(line, "\"arg\":[\"-l\",\"a b\"],\"capture-output\":true,\"path\":\"ls\"") != NULL
                ? script->started
                : "{\"error\":{\"class\":\"GenericError\",\"desc\":\"unexpected words\"}}\n");
    }
}

NORETURN static void serve(int listener, const struct script *script)
{
    int looks = 0;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        FILE *lines = fd >= 0 ? fdopen(fd, "r+") : NULL;
        char line[TEST_TEXT_MAX];
        while (lines != NULL && !script->is_deaf && fgets(line, sizeof(line), lines) != NULL) {
            answer(fd, script, line, &looks);
        }
        if (lines != NULL && !script->is_deaf) {
            (void)fclose(lines);
        }
    }
}

static void start_agent(struct fixture *f, const struct script *script)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = TEST_FOLDER "/agent"};
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(listener >= 0);
    assert_int_equal(bind(listener, (const struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(listener, 4), 0);
    f->pid = fork();
    assert_true(f->pid >= 0);
    if (f->pid == 0) {
        serve(listener, script);
    }
    assert_int_equal(close(listener), 0);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->arena = arena_new();
    (void)mkdir("/run/ha-manager", 0700);
    (void)mkdir(TEST_FOLDER, 0700);
    (void)unlink(TEST_FOLDER "/agent");
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    if (f->pid > 0) {
        (void)kill(f->pid, SIGKILL);
        (void)waitpid(f->pid, NULL, 0);
    }
    arena_free(f->arena);
    free(f);
    return 0;
}

static int run(struct fixture *f, struct vm_exec_result *ret)
{
    const char *const argv[] = {"ls", "-l", "a b", NULL};
    return vm_exec_run(f->arena, "vm:101", argv, ret, &f->err);
}

struct end_row {
    const char *name;
    const char *ended;
    struct vm_exec_result want;
};

static const struct end_row end_rows[] = {
    {"with output",
     "{\"return\":{\"exited\":true,\"exitcode\":3,\"out-data\":\"b3V0\",\"err-data\":\"ZXJy\"}}\n",
     {.status = 3, .output = "out", .output_bytes = 3, .errors = "err", .errors_bytes = 3}},
    {"silent", "{\"return\":{\"exited\":true,\"exitcode\":0}}\n", {.status = 0}},
    {"killed", "{\"return\":{\"exited\":true,\"signal\":9}}\n", {.status = 137}},
    {"too much",
     "{\"return\":{\"exited\":true,\"exitcode\":0,\"out-data\":\"b3V0\",\"out-truncated\":true}}\n",
     {.output = "out", .output_bytes = 3, .cut = true}},
};

static void program_ended_gives_status_and_output(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_SIZE(end_rows); i++) {
        const struct end_row *row = &end_rows[i];
        const struct script script = {.started = "{\"return\":{\"pid\":7}}\n", .ended = row->ended};
        struct vm_exec_result result = {0};
        start_agent(f, &script);
        int r = run(f, &result);
        if (r != 0 || result.status != row->want.status || result.cut != row->want.cut ||
            result.output_bytes != row->want.output_bytes ||
            result.errors_bytes != row->want.errors_bytes) {
            fail_msg("%s: %d %s, status %d", row->name, r, f->err.text, result.status);
        }
        if (result.output_bytes > 0) {
            assert_memory_equal(result.output, row->want.output, result.output_bytes);
        }
        if (result.errors_bytes > 0) {
            assert_memory_equal(result.errors, row->want.errors, result.errors_bytes);
        }
        assert_int_equal(kill(f->pid, SIGKILL), 0);
        assert_int_equal(waitpid(f->pid, NULL, 0), f->pid);
        f->pid = 0;
        assert_int_equal(unlink(TEST_FOLDER "/agent"), 0);
    }
}

static void program_that_cannot_be_started_says_why(void **state)
{
    struct fixture *f = *state;
    const struct script script = {
        .started = "{\"error\":{\"class\":\"GenericError\",\"desc\":\"no such program\"}}\n"};
    struct vm_exec_result result;
    start_agent(f, &script);
    assert_int_equal(run(f, &result), -EPROTO);
    assert_non_null(strstr(f->err.text, "the guest agent in 'vm:101': "));
    assert_non_null(strstr(f->err.text, "no such program"));
}

static void agent_that_is_deaf_is_told(void **state)
{
    struct fixture *f = *state;
    const struct script script = {.is_deaf = true};
    struct vm_exec_result result;
    start_agent(f, &script);
    assert_int_equal(run(f, &result), -ETIMEDOUT);
    assert_string_equal(f->err.text, "the guest agent in 'vm:101' does not answer");
}

static void machine_without_agent_is_told(void **state)
{
    struct fixture *f = *state;
    struct vm_exec_result result;
    assert_int_equal(run(f, &result), -ENOENT);
    assert_non_null(strstr(f->err.text, "runs without a line to a guest agent: set agent to 1"));
}

// --- The serial port. ---

static void console_without_port_is_told(void **state)
{
    struct fixture *f = *state;
    (void)unlink(TEST_FOLDER "/serial0");
    assert_int_equal(vm_console_run("vm:101", &f->err), -ENOENT);
    assert_non_null(strstr(f->err.text, "runs without a serial port: set serial0 to socket"));
}

static struct agent *start_machine(struct fixture *f, struct fake_store *store, struct guest *guest)
{
    struct agent *agent =
        vm_agent_new(&(struct agent_context){.node = "node1", .store = fake_store_port(store)});
    map_put(&guest->config, "memory", arena_strdup(f->arena, "16"));
    map_put(&guest->config, "kvm", arena_strdup(f->arena, "0"));
    map_put(&guest->config, "vga", arena_strdup(f->arena, "none"));
    map_put(&guest->config, "kernel", arena_strdup(f->arena, getenv("VM_GUEST")));
    map_put(&guest->config, "serial0", arena_strdup(f->arena, "socket"));
    fake_store_put(store, "guest/vm:101", guest_format(f->arena, guest));
    if (agent->ops->start(agent, guest, &f->err) < 0) {
        fail_msg("%s", f->err.text);
    }
    return agent;
}

// Reads what the machine says until the words were there, then types the escape key.
static void console_shows_what_the_machine_says(void **state)
{
    struct fixture *f = *state;
    struct fake_store *store = fake_store_new();
    struct guest *guest = guest_new(f->arena, "vm:101", "node1");
    struct agent *agent = start_machine(f, store, guest);
    int typed[2];
    int shown[2];
    char text[TEST_TEXT_MAX] = {0};
    size_t size = 0;
    int status = 0;
    assert_int_equal(pipe2(typed, O_CLOEXEC), 0);
    assert_int_equal(pipe2(shown, O_CLOEXEC), 0);
    f->pid = fork();
    if (f->pid == 0) {
        bool ready = dup2(typed[0], STDIN_FILENO) >= 0 && dup2(shown[1], STDOUT_FILENO) >= 0;
        _exit(ready && vm_console_run("vm:101", &f->err) == 0 ? 0 : 1);
    }
    assert_int_equal(close(shown[1]), 0);
    while (strstr(text, "VM-") == NULL) {
        ssize_t count = read(shown[0], text + size, sizeof(text) - 1 - size);
        assert_true(count > 0);
        size += (size_t)count;
    }
    assert_int_equal(write(typed[1], "\x1d", 1), 1);
    assert_int_equal(waitpid(f->pid, &status, 0), f->pid);
    f->pid = 0;
    assert_int_equal(status, 0);
    bool running = false;
    assert_int_equal(agent->ops->check(agent, guest, &running, &f->err), 0);
    assert_true(running);
    assert_int_equal(agent->ops->stop(agent, guest, 0, &f->err), 0);
    service_agent_free(agent);
    fake_store_free(store);
}

static void machine_asked_ends_by_itself(void **state)
{
    struct fixture *f = *state;
    struct fake_store *store = fake_store_new();
    struct guest *guest = guest_new(f->arena, "vm:101", "node1");
    struct agent *agent = start_machine(f, store, guest);
    assert_int_equal(agent->ops->ask(agent, guest, 30, &f->err), 0);
    assert_int_equal(vm_agent_init_pid("vm:101"), 0);
    assert_int_equal(agent->ops->ask(agent, guest, 1, &f->err), -ESRCH);
    assert_int_equal(agent->ops->stop(agent, guest, 0, &f->err), 0);
    service_agent_free(agent);
    fake_store_free(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        TEST(program_ended_gives_status_and_output),
        TEST(program_that_cannot_be_started_says_why),
        TEST(agent_that_is_deaf_is_told),
        TEST(machine_without_agent_is_told),
        TEST(console_without_port_is_told),
        TEST(console_shows_what_the_machine_says),
        TEST(machine_asked_ends_by_itself),
    };
    return cmocka_run_group_tests_name("vm_inside", tests, NULL, NULL);
}
