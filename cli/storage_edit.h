// SPDX-License-Identifier: Apache-2.0
// Definitions of storages for tools: reading all of them, and changing one. All checks come before
// the one write, which is refused when what was checked has changed meanwhile.
#pragma once

#include "common/base/macros.h"
#include "common/base/map.h"

struct arena;
struct cluster_view;
struct error;
struct session;
struct storage;

struct storage_book {
    struct map storages; // id → struct storage *, STORAGE_LOCAL always among them
    struct map texts;    // id → const char *, the section as it is stored; those that are defined
    struct map states; // node → struct map * of id → struct storage_state *: how nodes find them
    // Documents that cannot be read are left out; this is about one of them, or NULL.
    const char *problem;
};

int storage_book_read(struct arena *arena, const struct session *session, struct storage_book *ret,
                      struct error *err) WARN_UNUSED;
// "node1,node2", in the arena; NULL: all nodes have it.
const char *storage_nodes_text(struct arena *arena, const struct storage *storage) WARN_UNUSED;

// What a command line asks for: key of a storage → text; only those that were given.
struct storage_request {
    struct map set;
    const char *unset;  // list of keys that return to their defaults, or NULL
    const char *digest; // of the text as the caller saw it, or NULL
};

void storage_request_init(struct arena *arena, struct storage_request *ret);

// -EEXIST; -EINVAL: a key or value is wrong or missing; -ENOENT: a node that there is not.
int storage_add(struct arena *arena, const struct session *session, const struct cluster_view *view,
                const char *type, const char *id, const struct storage_request *request,
                struct error *err) WARN_UNUSED;
// -ENOENT: not defined; -ESTALE: another digest; and as above.
int storage_change(struct arena *arena, const struct session *session,
                   const struct cluster_view *view, const char *id,
                   const struct storage_request *request, struct error *err) WARN_UNUSED;
// -ENOENT; -EBUSY: a guest's volume is on it.
int storage_remove(struct arena *arena, const struct session *session,
                   const struct cluster_view *view, const char *id, struct error *err) WARN_UNUSED;
