// SPDX-License-Identifier: Apache-2.0
// Calls of liblxc. What is proved before and after them is in ct.c.
#include "lrm/agents/ct_lxc.h"

#include <errno.h>
#include <lxc/lxccontainer.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/host/file.h"

enum { CT_LXC_LOG_MAX = 4 * 1024 * 1024, AWAIT_POLL_MS = 10 };

// The words of the log's first error: what follows "ERROR … - file:line:function - ".
static const char *ct_lxc_reason(struct arena *arena, const char *log_file)
{
    char *text = NULL;
    size_t size = 0;
    if (file_read(arena, log_file, CT_LXC_LOG_MAX, &text, &size, NULL) < 0) {
        return NULL;
    }
    const char *line = strstr(text, " ERROR ");
    if (line == NULL) {
        return NULL;
    }
    const char *words = arena_memdup(arena, line, strcspn(line, "\n"));
    for (int dashes = 0; dashes < 2; dashes++) {
        const char *dash = strstr(words, " - ");
        words = dash != NULL ? dash + 3 : words;
    }
    return words;
}

static void ct_lxc_put(struct lxc_container *container)
{
    (void)lxc_container_put(container); // 1: freed, 0: someone else still has it
}

// Runs in a process of its own, which ends here: LXC puts the process that starts a container into
// the monitor's control group, where it would count as a part of the container.
NORETURN static void ct_lxc_start_child(const char *lxc_path, const char *id, pid_t parent)
{
    sigset_t none;
    sigemptyset(&none);
    // The container's init must not inherit signals that our daemons block or ignore.
    (void)sigprocmask(SIG_SETMASK, &none, NULL); // cannot fail with these arguments
    (void)signal(SIGPIPE, SIG_DFL);              // nor can this
    // A worker that is killed for taking too long must not leave a start under way.
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent) {
        _exit(EXIT_FAILURE);
    }
    struct lxc_container *container = lxc_container_new(id, lxc_path);
    // The monitor must not keep our descriptors, locks and connections open.
    bool ok = container != NULL && container->want_daemonize(container, true) &&
              container->want_close_all_fds(container, true) &&
              container->start(container, 0, NULL);
    _exit(ok ? EXIT_SUCCESS : EXIT_FAILURE);
}

int ct_lxc_start(const char *lxc_path, const char *id, const char *log_file, struct error *err)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    pid_t self = getpid();
    int status = 0;
    (void)unlink(log_file); // of the last start; missing is fine
    pid_t child = fork();
    if (child < 0) {
        return error_set_errno(err, -errno, "cannot start a process");
    }
    if (child == 0) {
        ct_lxc_start_child(lxc_path, id, self);
    }
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) {
            return error_set_errno(err, -errno, "cannot wait for the start");
        }
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != EXIT_SUCCESS) {
        const char *reason = ct_lxc_reason(arena, log_file);
        return error_set(err, -EIO, "LXC cannot start it: %s",
                         reason != NULL ? reason : "no reason was given");
    }
    return 0;
}

bool ct_lxc_is_running(const char *lxc_path, const char *id)
{
    struct lxc_container *container = lxc_container_new(id, lxc_path);
    bool running = container != NULL && container->is_running(container);
    if (container != NULL) {
        ct_lxc_put(container);
    }
    return running;
}

void ct_lxc_await_end(const char *lxc_path, const char *id, int64_t timeout_ms)
{
    const struct timespec pause = {.tv_nsec = AWAIT_POLL_MS * 1000000L};
    for (int64_t waited_ms = 0; waited_ms < timeout_ms && ct_lxc_is_running(lxc_path, id);
         waited_ms += AWAIT_POLL_MS) {
        (void)nanosleep(&pause, NULL); // waking up early only means to look again earlier
    }
}

void ct_lxc_kill(const char *lxc_path, const char *id)
{
    struct lxc_container *container = lxc_container_new(id, lxc_path);
    if (container != NULL) {
        (void)container->stop(container); // proved by the caller
        ct_lxc_put(container);
    }
}
