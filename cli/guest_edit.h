// SPDX-License-Identifier: Apache-2.0
// Changes of guests' definitions, without what belongs to them on storages.
#pragma once

#include "common/base/macros.h"
#include "common/base/map.h"

struct arena;
struct error;
struct guest;
struct session;

// Key of a definition → text; only those that were given.
struct guest_request {
    struct map set;
    const char *unset;  // list of keys that are to go, or NULL
    const char *digest; // of the document as the caller saw it, or NULL
};

void guest_request_init(struct arena *arena, struct guest_request *ret);
// The keys as the agent of the guest's type wants them: 0, or -EINVAL naming the key.
int guest_check_definition(const struct guest *guest, struct error *err) WARN_UNUSED;
// -ENOENT: no such guest, or it has no such key; -EINVAL: a key or value that is not allowed;
// -ESTALE: another digest.
int guest_change(struct arena *arena, const struct session *session, const char *sid,
                 const struct guest_request *request, struct error *err) WARN_UNUSED;
