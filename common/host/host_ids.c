// SPDX-License-Identifier: Apache-2.0
// Identifiers from libuuid.
#include "common/host/host_ids.h"

#include <uuid/uuid.h>

#include "common/base/arena.h"

static const char *host_ids_next(struct ids *ids, struct arena *arena)
{
    (void)ids; // the kernel keeps the state
    uuid_t id;
    char text[UUID_STR_LEN];
    uuid_generate_random(id);
    uuid_unparse_lower(id, text);
    return arena_strdup(arena, text);
}

static const struct ids_ops host_ids_ops = {.next = host_ids_next};

void host_ids_init(struct ids *ids)
{
    ids->ops = &host_ids_ops;
}
