// SPDX-License-Identifier: Apache-2.0
// Whether machines can use KVM on this node. That /dev/kvm can be opened does not say it: where it
// is emulated, or half there, machines hang in their first instructions. So a machine is started
// that does what kernels do when they boot, with a time limit; the answer is kept until the next
// boot.
#pragma once

#include <stdbool.h>

#include "common/base/macros.h"
#include "lrm/agents/vm_config.h"

struct error;

// Decides by what the definition wants. -ENOTSUP with the reason: it insists on KVM, which does not
// work here.
int vm_accel_decide(const char *program, enum vm_kvm wanted, bool *ret_kvm,
                    struct error *err) WARN_UNUSED;
