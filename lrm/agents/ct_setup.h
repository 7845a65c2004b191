// SPDX-License-Identifier: Apache-2.0
// What a container's start writes on its node, LXC's configuration and its names in the root file
// system, and what is read from that again when there is no definition to ask.
#pragma once

#include <stdbool.h>

#include "common/base/macros.h"

struct arena;
struct ct_cgroup_places;
struct error;
struct guest;
struct store;

struct ct_setup {
    struct arena *arena;
    struct store *store;
    const char *node;     // this one
    const char *lxc_path; // LXC's folder
    const char *id;       // "100"
    const struct ct_cgroup_places *places;
};

// Finds its volumes and bridges on this node, which must be there, and writes its configuration.
// *ret_shared: the path of its root file system on a storage that other nodes use as well, NULL
// when it is on none.
int ct_setup_write(const struct ct_setup *setup, const struct guest *guest, const char *log_file,
                   const char **ret_shared, struct error *err) WARN_UNUSED;
// Whether all its volumes are where other nodes see them, too: 0, or -EXDEV naming the first that
// is not.
int ct_setup_check_shared(struct arena *arena, struct store *store, const struct guest *guest,
                          struct error *err) WARN_UNUSED;

// Where its root file system is, as of its last start here; NULL: it was never started here.
const char *ct_setup_find_rootfs(const struct ct_setup *setup) WARN_UNUSED;
// Waits until nothing that it wrote to its volumes is on its way (volume.h), as of its last start.
int ct_setup_settle(const struct ct_setup *setup, struct error *err) WARN_UNUSED;

// Writes "etc/hostname", where there is one, and "etc/resolv.conf" below the root file system of a
// container that does not run; links in there lead nowhere else. NULL: that one stays as it is.
int ct_setup_write_names(const char *rootfs, const char *hostname, const char *nameserver,
                         const char *searchdomain, struct error *err) WARN_UNUSED;
