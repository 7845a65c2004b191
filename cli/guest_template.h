// SPDX-License-Identifier: Apache-2.0
// Root file systems for new containers, made with no download: the built-in template "busybox" from
// the static busybox that is installed on the node.
#pragma once

#include "common/base/macros.h"

struct error;

#define GUEST_TEMPLATE_BUSYBOX "busybox"
// What a container of the template needs in its definition: its init ends on this signal.
#define GUEST_TEMPLATE_BUSYBOX_HALT_SIGNAL "SIGUSR1"

// Makes the folder with a complete root file system. It is built beside and then renamed, so that
// it is there whole or not at all. -EEXIST: the folder exists; -ENOENT: no static busybox is
// installed.
int guest_template_make(const char *folder, struct error *err) WARN_UNUSED;
// Removes a folder and all in it, without following links or leaving the file system. A folder that
// is missing is fine. It is renamed first, so that a half removed one is never used.
int guest_template_remove(const char *folder, struct error *err) WARN_UNUSED;
