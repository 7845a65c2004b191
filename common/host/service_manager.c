// SPDX-License-Identifier: Apache-2.0
// systemctl does the work: it knows about generators, presets and unit files that D-Bus calls would
// have to be told.
#include "common/host/service_manager.h"

#include <errno.h>
#include <spawn.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/error.h"

bool service_manager_is_systemd(void)
{
    return sd_booted() > 0;
}

static int systemctl_run(const char *verb, const char *unit, struct error *err)
{
    char program[] = "systemctl";
    // Copies, since the type of posix_spawn() is older than const.
    char *verb_word CLEANUP(alloc_freep) = alloc_strdup(verb);
    char *unit_word CLEANUP(alloc_freep) = alloc_strdup(unit);
    char *argv[] = {program, verb_word, unit_word, NULL};
    pid_t pid;
    int r = posix_spawnp(&pid, program, NULL, NULL, argv, environ);
    if (r != 0) {
        return error_set_errno(err, -r, "cannot run 'systemctl %s %s'", verb, unit);
    }
    int status;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            return error_set_errno(err, -errno, "cannot wait for 'systemctl %s %s'", verb, unit);
        }
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        return error_set(err, -EIO, "'systemctl %s %s' failed; see 'journalctl -u %s'", verb, unit,
                         unit);
    }
    return 0;
}

int service_manager_enable(const char *unit, struct error *err)
{
    if (!service_manager_is_systemd()) {
        return error_set(err, -ENOTSUP, "systemd does not run this machine");
    }
    int r = systemctl_run("enable", unit, err);
    return r < 0 ? r : systemctl_run("restart", unit, err);
}

int service_manager_disable(const char *unit, struct error *err)
{
    if (!service_manager_is_systemd()) {
        return error_set(err, -ENOTSUP, "systemd does not run this machine");
    }
    int r = systemctl_run("disable", unit, err);
    return r < 0 ? r : systemctl_run("stop", unit, err);
}
