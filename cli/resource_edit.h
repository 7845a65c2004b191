// SPDX-License-Identifier: Apache-2.0
// Changes of what operators want: adding, changing and removing resources. Every check comes before
// the one transaction that writes, and that is refused when what was checked has changed meanwhile.
#pragma once

#include <stdbool.h>

#include "common/base/macros.h"
#include "common/base/map.h"

struct arena;
struct cluster_view;
struct error;
struct session;
struct store_op;

// What a command line asks for: option → text; only those that were given.
struct resource_request {
    struct map set;
    const char *type;   // what the guest must be, or NULL
    const char *unset;  // list of options that return to their defaults, or NULL
    const char *digest; // of the resource's text as the caller saw it, or NULL
    // For services that are defined here (cli/service_define.h): keys of the definition → text.
    struct map define;
    bool thorough; // their own programs are asked whether they accept it
    // Further writes of the same transaction, at most RESOURCE_REQUEST_EXTRA_MAX.
    const struct store_op *extra;
    size_t extra_count;
};

enum { RESOURCE_REQUEST_EXTRA_MAX = 4 };

void resource_request_init(struct arena *arena, struct resource_request *ret);

// Puts a guest under HA, or a service that is defined with it, on this node. -ENOENT: no such
// guest; -EEXIST: it is under HA already, or defined already.
int resource_add(struct arena *arena, const struct session *session,
                 const struct cluster_view *view, const char *typed,
                 const struct resource_request *request, struct error *err) WARN_UNUSED;
// Changes options. -ENOENT: not under HA; -ESTALE: another digest; -EBUSY: in the error state,
// which only a change to disabled leaves.
int resource_change(struct arena *arena, const struct session *session,
                    const struct cluster_view *view, const char *typed,
                    const struct resource_request *request, struct error *err) WARN_UNUSED;
// What removing a resource does to the rules that name it.
enum resource_purge {
    RESOURCE_PURGE_NO,    // nothing
    RESOURCE_PURGE_CHECK, // takes it out, unless another rule could not be used any more
    RESOURCE_PURGE_FORCE, // takes it out
};
// Takes a guest out of HA, and as asked for out of all rules; rules that become empty go too. That
// a rule about company has no effect with the one that is left is no reason to refuse.
int resource_remove(struct arena *arena, const struct session *session,
                    const struct cluster_view *view, const char *typed, enum resource_purge purge,
                    struct error *err) WARN_UNUSED;
// The same, and forgets the definition of a service that is defined here. Only when it is disabled
// and was proven to be stopped (-EBUSY): with the definition its place would be forgotten, where it
// may run.
int resource_remove_definition(struct arena *arena, const struct session *session,
                               const struct cluster_view *view, const char *typed,
                               enum resource_purge purge, struct error *err) WARN_UNUSED;

// -ENOENT or -EBUSY when the service cannot be given a command now.
int resource_check_commandable(const struct cluster_view *view, const char *sid,
                               struct error *err) WARN_UNUSED;
