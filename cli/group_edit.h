// SPDX-License-Identifier: Apache-2.0
// Changes of the older groups of nodes. Groups were superseded by rules: where there are none, none
// can be made (-EOPNOTSUPP from every function), so that what the master migrated stays migrated.
#pragma once

#include "common/base/macros.h"
#include "common/base/map.h"

struct arena;
struct error;
struct group;
struct group_set;
struct session;

// What a command line asks for: option → text; only those that were given.
struct group_request {
    struct map set;     // of nodes, restricted, nofailback, comment
    const char *unset;  // list of options that return to their defaults, or NULL
    const char *digest; // of all groups as the caller saw them, or NULL
};

void group_request_init(struct arena *arena, struct group_request *ret);

// All groups; what cannot be read is among their warnings.
int group_read(struct arena *arena, const struct session *session, struct group_set *ret,
               struct error *err) WARN_UNUSED;
// -ENOENT, naming those that exist, when there is no such group.
int group_check_exists(struct arena *arena, const struct session *session, const char *id,
                       struct error *err) WARN_UNUSED;
// -EEXIST: there is one of that name; -EINVAL: without nodes, or a bad value; -ENOENT: no such
// node.
int group_add(struct arena *arena, const struct session *session, const char *id,
              const struct group_request *request, struct error *err) WARN_UNUSED;
// -ENOENT: no such group or node; -ESTALE: another digest.
int group_change(struct arena *arena, const struct session *session, const char *id,
                 const struct group_request *request, struct error *err) WARN_UNUSED;
// -ENOENT; -EBUSY: a resource names it.
int group_remove(struct arena *arena, const struct session *session, const char *id,
                 struct error *err) WARN_UNUSED;

// Parts of the above, for whoever keeps groups elsewhere (group_view.h): the options of the request
// that return to their defaults, and those that are set. -EINVAL, -ENOENT: no such node.
int group_unset(struct arena *arena, struct group *group, const struct group_request *request,
                struct error *err) WARN_UNUSED;
int group_apply(struct arena *arena, const struct session *session, struct group *group,
                const struct group_request *request, struct error *err) WARN_UNUSED;
