// SPDX-License-Identifier: Apache-2.0
// Two documents a service, and its sizes.
#include "sim/sim_service.h"

#include <errno.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/strbuf.h"
#include "common/model/guest.h"
#include "common/model/resources.h"
#include "common/model/sid.h"
#include "common/model/store_keys.h"
#include "sim/world.h"

int sim_service_check_sid(const char *sid, struct error *err)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    int r = sid_check(sid, err);
    if (r < 0) {
        return r;
    }
    const char *type = sid_type(arena, sid);
    struct sim_fa fa;
    if (strcmp(type, "fa") == 0) {
        return sim_fa_parse(sid_name(sid), &fa, err);
    }
    if (strcmp(type, "vm") != 0 && strcmp(type, "ct") != 0) {
        return error_set(err, -EINVAL,
                         "service id '%s': the simulator knows the types vm, ct and fa", sid);
    }
    return 0;
}

int sim_service_get(const struct sim_world *world, struct arena *arena, const char *sid,
                    struct resource **ret_resource, struct guest **ret_guest, struct error *err)
{
    const char *resource =
        sim_store_find(&world->store, arena_printf(arena, "%s%s", STORE_PREFIX_RESOURCE, sid));
    const char *guest =
        sim_store_find(&world->store, arena_printf(arena, "%s%s", STORE_PREFIX_GUEST, sid));
    if (resource == NULL || guest == NULL) {
        return error_set(err, -ENOENT, "there is no service '%s'", sid);
    }
    int r = resource_parse(arena, resource, ret_resource, err);
    return r < 0 ? r : guest_parse(arena, guest, strlen(guest), ret_guest, err);
}

void sim_service_put(struct sim_world *world, const struct resource *resource,
                     const struct guest *guest)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct strbuf text CLEANUP(strbuf_done) = {0};
    resource_format(resource, &text);
    sim_world_put(world, arena_printf(arena, "%s%s", STORE_PREFIX_RESOURCE, resource->sid),
                  strbuf_text(&text));
    sim_world_put(world, arena_printf(arena, "%s%s", STORE_PREFIX_GUEST, guest->sid),
                  guest_format(arena, guest));
}

void sim_service_remove(struct sim_world *world, const char *sid)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    sim_world_put(world, arena_printf(arena, "%s%s", STORE_PREFIX_RESOURCE, sid), NULL);
    sim_world_put(world, arena_printf(arena, "%s%s", STORE_PREFIX_GUEST, sid), NULL);
    (void)map_remove(&world->sizes, sid); // fine when no file gave any
}

struct sim_sizes *sim_service_sizes(struct sim_world *world, const char *sid)
{
    struct sim_sizes *sizes = map_find(&world->sizes, sid);
    if (sizes == NULL) {
        const struct sim_sizes usual = sim_sizes_default();
        sizes = alloc_memdup(&usual, sizeof(usual));
        map_put(&world->sizes, sid, sizes);
    }
    return sizes;
}
