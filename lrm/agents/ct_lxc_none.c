// SPDX-License-Identifier: Apache-2.0
// Stands in for ct_lxc.c in a build without liblxc: no container can be started.
#include <errno.h>

#include "common/base/error.h"
#include "lrm/agents/ct_lxc.h"

int ct_lxc_start(const char *lxc_path, const char *id, const char *log_file, struct error *err)
{
    (void)lxc_path;
    (void)log_file;
    return error_set(err, -ENOTSUP, "container '%s': this build has no support for containers", id);
}

bool ct_lxc_is_running(const char *lxc_path, const char *id)
{
    (void)lxc_path;
    (void)id;
    return false;
}

void ct_lxc_await_end(const char *lxc_path, const char *id, int64_t timeout_ms)
{
    (void)lxc_path;
    (void)id;
    (void)timeout_ms;
}

void ct_lxc_kill(const char *lxc_path, const char *id)
{
    (void)lxc_path;
    (void)id;
}
