// SPDX-License-Identifier: Apache-2.0
// Forking a companion and ending it. Its work is its owner's business.
#include "common/host/companion.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/error.h"
#include "common/host/ipc.h"

enum { FIRST_OTHER_FD = 3 };

// Closes everything but the standard descriptors and `fd`.
static void close_others(int fd)
{
    assert(fd >= FIRST_OTHER_FD);
    if (fd > FIRST_OTHER_FD) {
        (void)close_range(FIRST_OTHER_FD, (unsigned)fd - 1, 0); // open ones do no harm to our work
    }
    (void)close_range((unsigned)fd + 1, ~0U, 0);
}

static void child_run(const char *name, pid_t parent, int fd, companion_main main, void *userdata)
{
    int r = prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (r < 0 || getppid() != parent) {
        _exit(1); // the parent is gone already
    }
    (void)prctl(PR_SET_NAME, name); // for ps only
    close_others(fd);
    sigset_t none;
    sigemptyset(&none);
    r = sigprocmask(SIG_SETMASK, &none, NULL);
    assert(r == 0);
    // The parent's orderly end closes the socket; a signal to the whole group must not come first.
    (void)signal(SIGTERM, SIG_IGN);
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    _exit(main(fd, userdata));
}

int companion_start(const char *name, companion_main main, void *userdata, struct companion *ret,
                    struct error *err)
{
    int fds[2];
    int r = ipc_pair(fds, err);
    if (r < 0) {
        return r;
    }
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid < 0) {
        r = -errno;
        (void)close(fds[0]); // r tells what was wrong
        (void)close(fds[1]);
        return error_set_errno(err, r, "cannot start process '%s'", name);
    }
    if (pid == 0) {
        child_run(name, parent, fds[1], main, userdata);
    }
    (void)close(fds[1]); // the child's
    *ret = (struct companion){.pid = pid, .fd = fds[0]};
    return 0;
}

// True when the process has ended, or cannot be watched.
static bool wait_for_end(pid_t pid, int64_t timeout_ms)
{
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (pidfd < 0) {
        return false;
    }
    struct pollfd p = {.fd = pidfd, .events = POLLIN};
    int n;
    do {
        n = poll(&p, 1, (int)timeout_ms);
    } while (n < 0 && errno == EINTR);
    (void)close(pidfd); // was only watched
    return n > 0;
}

int companion_stop(struct companion *companion, int64_t timeout_ms)
{
    if (companion->fd >= 0) {
        (void)close(companion->fd); // tells the child to end
        companion->fd = -1;
    }
    if (companion->pid <= 0) {
        return 0;
    }
    if (!wait_for_end(companion->pid, timeout_ms)) {
        (void)kill(companion->pid, SIGKILL); // gone already is fine
    }
    int status = 0;
    while (waitpid(companion->pid, &status, 0) < 0 && errno == EINTR) {
    }
    companion->pid = 0;
    return status;
}

void companion_reap_all(int64_t timeout_ms)
{
    enum { STEP_MS = 5 };
    for (int64_t waited_ms = 0; waited_ms < timeout_ms; waited_ms += STEP_MS) {
        pid_t pid = waitpid(-1, NULL, WNOHANG);
        if (pid < 0) {
            return; // there are none left
        }
        if (pid == 0) {
            (void)poll(NULL, 0, STEP_MS); // to let time pass
        }
    }
}
