// SPDX-License-Identifier: Apache-2.0
// The program's process is made by liblxc; we wait for its end.
#include "lrm/agents/ct_attach.h"

#include <errno.h>
#include <lxc/lxccontainer.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/host/paths.h"
#include "common/model/sid.h"

static struct lxc_container *attach_open(struct arena *arena, const char *sid, struct error *err)
{
    char *path CLEANUP(alloc_freep) =
        realpath(arena_printf(arena, "%s/lxc", paths_state_dir()), NULL);
    struct lxc_container *container = NULL;
    if (path != NULL) {
        container = lxc_container_new(sid_name(sid), path);
    }
    if (container == NULL || !container->is_running(container)) {
        if (container != NULL) {
            (void)lxc_container_put(container); // 1: freed, 0: someone else still has it
        }
        error_set(err, -ESRCH,
                  "LXC does not know that '%s' runs (its monitor has ended): it can be entered "
                  "after its next start",
                  sid);
        return NULL;
    }
    return container;
}

static int attach_wait(pid_t pid, int *ret_wait_status, struct error *err)
{
    int status = 0;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            return error_set_errno(err, -errno, "cannot wait for the program");
        }
    }
    *ret_wait_status = status;
    return 0;
}

int ct_attach_run(const char *sid, const char *const *argv, int *ret_wait_status, struct error *err)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    lxc_attach_options_t options = {.attach_flags = LXC_ATTACH_DEFAULT,
                                    .namespaces = -1,
                                    .personality = LXC_ATTACH_DETECT_PERSONALITY,
                                    .uid = (uid_t)-1,
                                    .gid = (gid_t)-1,
                                    .env_policy = LXC_ATTACH_CLEAR_ENV,
                                    .stdin_fd = STDIN_FILENO,
                                    .stdout_fd = STDOUT_FILENO,
                                    .stderr_fd = STDERR_FILENO,
                                    .log_fd = -EBADF};
    const char *term = getenv("TERM");
    char *variables[] = {arena_strdup(arena, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:"
                                             "/usr/bin:/sbin:/bin"),
                         arena_strdup(arena, "HOME=/root"),
                         arena_printf(arena, "TERM=%s", term != NULL ? term : "dumb"), NULL};
    struct lxc_container *container = attach_open(arena, sid, err);
    pid_t pid = 0;
    if (container == NULL) {
        return -ESRCH;
    }
    options.extra_env_vars = variables;
    options.initial_cwd = arena_strdup(arena, "/");
    if (isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1) {
        options.attach_flags |= LXC_ATTACH_TERMINAL;
    }
    int r = 0;
    if (argv == NULL) {
        r = container->attach(container, lxc_attach_run_shell, NULL, &options, &pid);
    } else {
        size_t count = 0;
        while (argv[count] != NULL) {
            count++;
        }
        lxc_attach_command_t command = {.argv = arena_array_of(arena, char *, count + 1)};
        for (size_t i = 0; i < count; i++) {
            command.argv[i] = arena_strdup(arena, argv[i]);
        }
        command.program = command.argv[0];
        r = container->attach(container, lxc_attach_run_command, &command, &options, &pid);
    }
    r = r < 0 ? error_set(err, -EIO, "LXC cannot enter '%s'", sid)
              : attach_wait(pid, ret_wait_status, err);
    (void)lxc_container_put(container); // as above
    return r;
}
