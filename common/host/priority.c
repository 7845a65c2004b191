// SPDX-License-Identifier: Apache-2.0
// Nice value with reset on fork. Not real-time: a round that takes long must not keep Corosync and
// ha-watchdogd, which are, from their work.
#include "common/host/priority.h"

#include <sched.h>
#include <sys/resource.h>

#include "common/base/macros.h"

enum { PRIORITY_NICE = -10 };

void priority_raise(void)
{
    const struct sched_param param = {.sched_priority = 0};
    // In this order: the children of a moment in between would inherit.
    if (sched_setscheduler(0, SCHED_OTHER | SCHED_RESET_ON_FORK, &param) == 0) {
        ignore_result(setpriority(PRIO_PROCESS, 0, PRIORITY_NICE));
    }
}
