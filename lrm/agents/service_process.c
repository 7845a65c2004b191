// SPDX-License-Identifier: Apache-2.0
// One child, and its output.
#include "lrm/agents/service_process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/strbuf.h"
#include "common/base/utf8.h"
#include "common/host/cgroup.h"
#include "common/host/process.h"
#include "lrm/agents/service_task.h"

enum { PROCESS_NOT_STARTED = 127, PROCESS_READ_BYTES = 16 * 1024 };

NORETURN static void process_child_run(const struct service_process_spec *spec, char **environment,
                                       char **argv, pid_t parent, int output_fd)
{
    if (!process_child_begin(parent) || setsid() < 0) {
        _exit(PROCESS_NOT_STARTED);
    }
    // In the group first: from here on all it starts can be found.
    if (spec->cgroup != NULL && cgroup_enter(spec->cgroup, NULL) < 0) {
        _exit(PROCESS_NOT_STARTED);
    }
    int input_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int input_high = fcntl(input_fd, F_DUPFD_CLOEXEC, 16);
    int output_high = fcntl(output_fd, F_DUPFD_CLOEXEC, 16);
    if (input_high < 0 || output_high < 0 || dup2(input_high, STDIN_FILENO) < 0 ||
        dup2(output_high, STDOUT_FILENO) < 0 || dup2(output_high, STDERR_FILENO) < 0 ||
        close_range(STDERR_FILENO + 1, ~0U, 0) < 0 || chdir("/") < 0) {
        _exit(PROCESS_NOT_STARTED);
    }
    (void)umask(022); // gives back the old one, of no use here
    (void)execve(argv[0], argv, environment);
    _exit(PROCESS_NOT_STARTED);
}

struct process_child {
    pid_t pid;
    int pidfd;
    int output_fd;
    struct strbuf output;
};

// Of very long output the end is kept.
static void process_keep(struct strbuf *output, const char *data, size_t size_bytes)
{
    if (output->size_bytes + size_bytes > SERVICE_PROCESS_OUTPUT_MAX) {
        struct strbuf rest = {0};
        size_t keep = output->size_bytes / 2;
        strbuf_append_bytes(&rest, output->text + output->size_bytes - keep, keep);
        strbuf_done(output);
        *output = rest;
    }
    for (size_t i = 0; i < size_bytes; i++) {
        // Its output is shown to people and stored as text.
        bool text = (unsigned char)data[i] >= 0x20 || data[i] == '\n' || data[i] == '\t';
        strbuf_append_char(output, text ? data[i] : ' ');
    }
}

// Reads what is there now. False at the end of the pipe.
static bool process_read(struct process_child *child)
{
    char chunk[PROCESS_READ_BYTES];
    ssize_t n = read(child->output_fd, chunk, sizeof(chunk));
    if (n > 0) {
        process_keep(&child->output, chunk, (size_t)n);
    }
    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

// Waits until it ended or the time is over; true when it ended. A daemon that it started may hold
// the pipe open for ever, so the end of the process counts and not that of the pipe.
static bool process_wait(struct process_child *child, int64_t timeout_ms)
{
    int64_t until_ms = service_now_ms() + timeout_ms;
    bool open = true;
    for (;;) {
        struct pollfd items[] = {{.fd = child->pidfd, .events = POLLIN},
                                 {.fd = open ? child->output_fd : -1, .events = POLLIN}};
        int64_t left_ms = until_ms - service_now_ms();
        if (left_ms <= 0) {
            return false;
        }
        if (poll(items, ARRAY_SIZE(items), left_ms > INT32_MAX ? INT32_MAX : (int)left_ms) < 0) {
            continue; // a signal; the time is looked at again
        }
        if (items[1].revents != 0) {
            open = process_read(child);
        }
        if (items[0].revents != 0) {
            return true;
        }
    }
}

// The kernel's interface does not write to the texts; its type is older than const.
static char **process_texts(struct arena *arena, const char *const *texts)
{
    size_t count = 0;
    while (texts[count] != NULL) {
        count++;
    }
    char **copy = arena_array_of(arena, char *, count + 1);
    for (size_t i = 0; i < count; i++) {
        copy[i] = arena_strdup(arena, texts[i]);
    }
    return copy;
}

static int process_start(struct arena *arena, const struct service_process_spec *spec,
                         struct process_child *child, struct error *err)
{
    int fds[2];
    char **argv = process_texts(arena, spec->argv);
    char **environment = process_texts(arena, spec->environment);
    if (pipe2(fds, O_CLOEXEC) < 0) {
        return error_set_errno(err, -errno, "cannot make a pipe");
    }
    pid_t parent = getpid();
    child->pid = fork();
    if (child->pid == 0) {
        process_child_run(spec, environment, argv, parent, fds[1]);
    }
    int r = child->pid < 0 ? -errno : 0;
    (void)close(fds[1]);
    if (r == 0 && fcntl(fds[0], F_SETFL, O_NONBLOCK) < 0) {
        r = -errno;
    }
    if (r == 0) {
        child->pidfd = (int)syscall(SYS_pidfd_open, child->pid, 0);
        r = child->pidfd < 0 ? -errno : 0;
    }
    if (r < 0) {
        if (child->pid > 0) {
            (void)kill(child->pid, SIGKILL);
            (void)waitpid(child->pid, NULL, 0);
        }
        (void)close(fds[0]);
        return error_set_errno(err, r, "cannot run '%s'", spec->argv[0]);
    }
    child->output_fd = fds[0];
    return 0;
}

const char *service_process_tail(struct arena *arena, const char *text, const char *prefix,
                                 size_t size_max)
{
    struct strbuf out CLEANUP(strbuf_done) = {0};
    for (const char *at = text; *at != '\0';) {
        size_t length = strcspn(at, "\n");
        bool skip = length == 0 || (prefix != NULL && strncmp(at, prefix, strlen(prefix)) == 0);
        if (!skip) {
            strbuf_append_bytes(&out, at, length);
            strbuf_append_char(&out, '\n');
        }
        at += length + (at[length] == '\n' ? 1 : 0);
    }
    size_t size = out.size_bytes > 0 ? out.size_bytes - 1 : 0; // without the last line's end
    size_t from = size > size_max ? size - size_max : 0;
    // Whole lines, and no half characters.
    while (from > 0 && from < size && out.text[from - 1] != '\n') {
        from++;
    }
    from = from == size ? size - (size > size_max ? size_max : size) : from;
    while (from < size && ((unsigned char)out.text[from] & 0xc0U) == 0x80U) {
        from++;
    }
    return size > 0 ? arena_memdup(arena, out.text + from, size - from) : "";
}

// What is no UTF-8 becomes '?': the text is stored and shown as text.
static const char *process_clean(struct arena *arena, const char *text)
{
    size_t left = strlen(text);
    char *out = arena_memdup(arena, text, left);
    for (size_t at = 0; left > 0;) {
        size_t length = utf8_length(text + at, left);
        if (length == 0) {
            out[at] = '?';
            length = 1;
        }
        at += length;
        left -= length;
    }
    return out;
}

int service_process_run(struct arena *arena, const struct service_process_spec *spec,
                        struct service_process_end *ret, struct error *err)
{
    struct process_child child = {.pidfd = -1, .output_fd = -1};
    int status = 0;
    int r = process_start(arena, spec, &child, err);
    if (r < 0) {
        return r;
    }
    bool ended = process_wait(&child, spec->timeout_ms);
    if (!ended) {
        (void)kill(-child.pid, SIGKILL); // its session, which it leads
        (void)kill(child.pid, SIGKILL);  // should it not have come to that yet
    }
    while (waitpid(child.pid, &status, 0) < 0 && errno == EINTR) {
    }
    (void)process_read(&child); // what it wrote last
    *ret = (struct service_process_end){
        .timed_out = !ended,
        .exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : -1,
        .text = process_clean(arena, strbuf_text(&child.output)),
    };
    (void)close(child.pidfd);
    (void)close(child.output_fd);
    strbuf_done(&child.output);
    return 0;
}
