// SPDX-License-Identifier: Apache-2.0
// In place of ct_attach.c where there is no liblxc.
#include <errno.h>

#include "common/base/error.h"
#include "lrm/agents/ct_attach.h"

int ct_attach_run(const char *sid, const char *const *argv, int *ret_wait_status, struct error *err)
{
    (void)argv;
    (void)ret_wait_status;
    return error_set(err, -ENOTSUP, "'%s': this build has no container support", sid);
}
