// SPDX-License-Identifier: Apache-2.0
// Starting, watching and ending children. The end of a child is its own end, not that of its pipe:
// what it started may hold the pipe open for ever.
#include "common/host/process.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/error.h"
#include "common/base/strbuf.h"
#include "common/host/cgroup.h"
#include "common/host/file.h"
#include "common/host/loop.h"
#include "common/port/clock.h"

enum { READ_CHUNK_BYTES = 16 * 1024, READS_MAX = 256, EXIT_NOT_STARTED = 127, CHILD_OUTPUT_FD = 3 };

struct process {
    pid_t pid;
    int output_fd; // reading end
    char *cgroup;
    struct loop_source *child;
    struct loop_source *output_source;
    struct loop_source *timer;
    struct strbuf output;
    size_t output_max_bytes;
    bool output_cut;
    bool timed_out;
    process_line line;
    process_ended ended;
    void *userdata;
};

static void lines_take(struct process *process)
{
    size_t start = 0;
    for (size_t i = 0; i < process->output.size_bytes; i++) {
        if (process->output.text[i] == '\n') {
            process->output.text[i] = '\0';
            process->line(process->userdata, process->output.text + start, i - start);
            start = i + 1;
        }
    }
    if (start > 0) {
        struct strbuf rest = {0};
        strbuf_append_bytes(&rest, process->output.text + start,
                            process->output.size_bytes - start);
        strbuf_done(&process->output);
        process->output = rest;
    }
}

// Reads what is there now. Returns false at the end of the pipe.
static bool output_read(struct process *process)
{
    for (int i = 0; i < READS_MAX; i++) {
        char chunk[READ_CHUNK_BYTES];
        ssize_t n = read(process->output_fd, chunk, sizeof(chunk));
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return errno == EAGAIN;
        }
        if (n == 0) {
            return false;
        }
        size_t room = process->output_max_bytes - process->output.size_bytes;
        size_t take = (size_t)n < room ? (size_t)n : room;
        strbuf_append_bytes(&process->output, chunk, take);
        process->output_cut = process->output_cut || take < (size_t)n;
        if (process->line != NULL) {
            lines_take(process);
        }
    }
    return true;
}

static void output_ready(void *userdata, uint32_t events)
{
    (void)events;
    struct process *process = userdata;
    if (!output_read(process)) {
        loop_source_free(process->output_source);
        process->output_source = NULL;
    }
}

static void group_end(struct process *process)
{
    if (process->cgroup != NULL) {
        // What does not die (uninterruptible sleep) stays visible in the group, and the next one
        // who looks finds it.
        ignore_result(cgroup_kill(process->cgroup, NULL));
    }
}

static void child_ended(void *userdata, pid_t pid, int wait_status)
{
    struct process *process = userdata;
    assert(pid == process->pid);
    process->pid = 0; // reaped: the number belongs to nobody
    (void)output_read(process);
    // A child that did not end by itself may have been in the middle of something: its own children
    // end with it. After an orderly end what it left (a container's processes) was meant to stay.
    if (!WIFEXITED(wait_status)) {
        group_end(process);
    }
    if (process->cgroup != NULL) {
        cgroup_remove(process->cgroup);
    }
    struct process_end end = {
        .wait_status = wait_status,
        .timed_out = process->timed_out,
        .output_cut = process->output_cut,
        .output = strbuf_text(&process->output),
        .output_bytes = process->output.size_bytes,
    };
    loop_timer_clear(process->timer);
    process->ended(process->userdata, &end); // may free the process
}

void process_kill(struct process *process)
{
    if (process->pid > 0) {
        (void)kill(process->pid, SIGKILL);
        group_end(process);
    }
}

void process_kill_alone(struct process *process)
{
    alloc_freep(&process->cgroup);
    if (process->pid > 0) {
        (void)kill(process->pid, SIGKILL);
    }
}

static void time_over(void *userdata)
{
    struct process *process = userdata;
    process->timed_out = true;
    process_kill(process);
}

void process_limit(struct process *process, struct clock *clock, int64_t timeout_ms)
{
    if (timeout_ms > 0) {
        loop_timer_set(process->timer, clock_now_ms(clock) + timeout_ms);
    } else {
        loop_timer_clear(process->timer);
    }
}

bool process_child_begin(pid_t parent)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent) {
        return false; // it died before this could be tied to it
    }
    struct sigaction standard = {.sa_handler = SIG_DFL};
    for (int signo = 1; signo < NSIG; signo++) {
        (void)sigaction(signo, &standard, NULL); // SIGKILL and SIGSTOP refuse
    }
    sigset_t none;
    sigemptyset(&none);
    return sigprocmask(SIG_SETMASK, &none, NULL) == 0;
}

// In the child, between fork and its work. Only what is needed is done, and failures end the child.
static void child_prepare(const struct process_spec *spec, pid_t parent, int output_fd,
                          int input_fd)
{
    if (!process_child_begin(parent) || setpgid(0, 0) < 0) {
        _exit(EXIT_NOT_STARTED);
    }
    // In the group first: from here on all it starts can be found.
    if (spec->cgroup != NULL && cgroup_enter(spec->cgroup, NULL) < 0) {
        _exit(EXIT_NOT_STARTED);
    }
    // Through high numbers, since source and goal may overlap.
    int output_high = fcntl(output_fd, F_DUPFD_CLOEXEC, 16);
    int input_high = fcntl(input_fd, F_DUPFD_CLOEXEC, 16);
    if (output_high < 0 || input_high < 0 || dup2(input_high, STDIN_FILENO) < 0 ||
        dup3(output_high, CHILD_OUTPUT_FD, O_CLOEXEC) < 0) {
        _exit(EXIT_NOT_STARTED);
    }
    int stdout_fd = spec->main != NULL ? STDERR_FILENO : output_high;
    if (dup2(stdout_fd, STDOUT_FILENO) < 0 || close_range(CHILD_OUTPUT_FD + 1, ~0U, 0) < 0) {
        _exit(EXIT_NOT_STARTED);
    }
}

NORETURN static void child_run(const struct process_spec *spec, pid_t parent, int output_fd,
                               int input_fd)
{
    child_prepare(spec, parent, output_fd, input_fd);
    if (spec->main != NULL) {
        if (spec->name != NULL) {
            (void)prctl(PR_SET_NAME, spec->name);
        }
        _exit(spec->main(spec->main_userdata, CHILD_OUTPUT_FD));
    }
    size_t count = 0;
    while (spec->argv[count] != NULL) {
        count++;
    }
    char **argv = alloc_zero((count + 1) * sizeof(*argv));
    for (size_t i = 0; i < count; i++) {
        argv[i] = alloc_strdup(spec->argv[i]);
    }
    (void)execvp(argv[0], argv);
    _exit(EXIT_NOT_STARTED);
}

// A readable descriptor with the input in it and nothing after.
static int input_open(const char *input, struct error *err)
{
    if (input == NULL) {
        int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        return fd < 0 ? error_set_errno(err, -errno, "cannot open '/dev/null'") : fd;
    }
    assert(strlen(input) <= PIPE_BUF);
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0) {
        return error_set_errno(err, -errno, "cannot make a pipe");
    }
    int r = file_write_all(fds[1], input, strlen(input));
    (void)close(fds[1]); // nothing is lost: an empty pipe takes PIPE_BUF bytes
    if (r < 0) {
        (void)close(fds[0]);
        return error_set_errno(err, r, "cannot write to a pipe");
    }
    return fds[0];
}

static int process_fork(const struct process_spec *spec, int *ret_output_fd, struct error *err)
{
    int input_fd = input_open(spec->input, err);
    if (input_fd < 0) {
        return input_fd;
    }
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0) {
        int r = -errno;
        (void)close(input_fd);
        return error_set_errno(err, r, "cannot make a pipe");
    }
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        child_run(spec, parent, fds[1], input_fd);
    }
    int r = pid < 0 ? -errno : 0;
    (void)close(input_fd);
    (void)close(fds[1]);
    if (r == 0 && fcntl(fds[0], F_SETFL, O_NONBLOCK) < 0) {
        r = -errno;
        (void)kill(pid, SIGKILL);
        (void)waitpid(pid, NULL, 0);
    }
    if (r < 0) {
        (void)close(fds[0]);
        return error_set_errno(err, r, "cannot fork");
    }
    *ret_output_fd = fds[0];
    return pid;
}

int process_spawn(struct loop *loop, struct clock *clock, const struct process_spec *spec,
                  struct process **ret, struct error *err)
{
    assert((spec->main != NULL) != (spec->argv != NULL));
    int output_fd = -1;
    int pid = process_fork(spec, &output_fd, err);
    if (pid < 0) {
        return pid;
    }
    struct process *process = alloc_zero(sizeof(*process));
    process->pid = pid;
    process->output_fd = output_fd;
    process->cgroup = spec->cgroup != NULL ? alloc_strdup(spec->cgroup) : NULL;
    process->output_max_bytes = spec->output_max_bytes;
    process->line = spec->line;
    process->ended = spec->ended;
    process->userdata = spec->userdata;
    process->child = loop_add_child(loop, pid, child_ended, process);
    process->output_source = loop_add_io(loop, output_fd, EPOLLIN, output_ready, process);
    process->timer = loop_add_timer(loop, time_over, process);
    if (spec->timeout_ms > 0) {
        loop_timer_set(process->timer, clock_now_ms(clock) + spec->timeout_ms);
    }
    *ret = process;
    return 0;
}

void process_free(struct process *process)
{
    if (process == NULL) {
        return;
    }
    loop_source_free(process->child);
    loop_source_free(process->output_source);
    loop_source_free(process->timer);
    if (process->pid > 0) {
        process_kill(process);
        (void)waitpid(process->pid, NULL, 0); // killed: it ends
        if (process->cgroup != NULL) {
            cgroup_remove(process->cgroup);
        }
    }
    (void)close(process->output_fd);
    strbuf_done(&process->output);
    free(process->cgroup);
    free(process);
}

pid_t process_pid(const struct process *process)
{
    return process->pid;
}
