// SPDX-License-Identifier: Apache-2.0
// Everything a tool shows of the cluster, read from the store once and parsed.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"
#include "common/base/map.h"
#include "common/model/options.h"
#include "common/port/membership.h"

struct arena;
struct error;
struct manager_status;
struct session;

struct cluster_view {
    const char *node; // this node
    struct member_list members;
    struct map resources; // sid → struct resource *
    struct map texts;     // sid → const char *, the resource's section as it is stored
    struct map services;  // sid → struct service *
    struct map guests;    // sid → struct guest *
    // sid → const char *: the group it is in, where a rule stands for one (cli/group_view.h)
    struct map groups;
    struct map lrms;                      // node → struct lrm_status *, with its results
    const struct manager_status *manager; // never NULL
    const char *master;                   // NULL: none known
    bool has_master_timestamp;
    int64_t master_timestamp_s;
    struct options options;
    // Documents that cannot be read: they are left out, and each has its line of words here.
    const char **problems;
    size_t problems_count;
};

// Fails only when the store cannot be read at all.
int cluster_view_read(struct arena *arena, const struct session *session, struct cluster_view *ret,
                      struct error *err) WARN_UNUSED;

// Whether the guest is under HA: configured, not ignored, and HA is not disarmed with mode ignore.
bool cluster_view_manages(const struct cluster_view *view, const char *sid) WARN_UNUSED;
// Turns what the user typed into a service id: "ct:100" stays, "100" becomes that of the guest with
// this number. -EINVAL with the allowed form; -ENOENT when no guest has the number.
int cluster_view_resolve(struct arena *arena, const struct cluster_view *view, const char *typed,
                         const char **ret_sid, struct error *err) WARN_UNUSED;
// For the form only, before anything is read; a cli_check.
int cluster_view_check_sid(const char *typed, struct error *err) WARN_UNUSED;
