// SPDX-License-Identifier: Apache-2.0
// Making and changing definitions of services. What keys and values mean is the agents' matter.
#include "cli/service_define.h"

#include <errno.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/parse.h"
#include "common/model/guest.h"
#include "lrm/agents/agents.h"
#include "lrm/agents/ocf_definition.h"

bool service_is_defined_here(const char *sid)
{
    const struct agent_type *type = agents_find_of(sid);
    return type != NULL && type->validate != NULL;
}

bool service_is_definition_key(const char *key)
{
    return strncmp(key, OCF_PREFIX_PARAM, strlen(OCF_PREFIX_PARAM)) == 0 ||
           strncmp(key, OCF_PREFIX_TIMEOUT, strlen(OCF_PREFIX_TIMEOUT)) == 0;
}

static int service_apply(struct arena *arena, const struct map *define, struct guest *guest,
                         struct error *err)
{
    map_each (e, define) {
        const char *value = e->value;
        int r = 0;
        if (strcmp(e->key, OCF_KEY_AGENT) == 0) {
            r = ocf_agent_name(arena, value, &value, err);
        }
        if (r < 0) {
            return r;
        }
        map_put(&guest->config, e->key, arena_strdup(arena, value));
    }
    return 0;
}

static int service_validate(const struct guest *guest, const char *node, bool thorough,
                            struct error *err)
{
    const struct agent_type *type = agents_find_of(guest->sid);
    int r = type->check_definition(guest, err);
    return r < 0 ? r : type->validate(guest, node, thorough, err);
}

int service_define(struct arena *arena, const char *node, const char *sid, const struct map *define,
                   bool thorough, struct guest **ret, struct error *err)
{
    struct guest *guest = guest_new(arena, sid, node);
    int r = service_apply(arena, define, guest, err);
    if (r == 0) {
        r = service_validate(guest, node, thorough, err);
    }
    if (r == 0) {
        *ret = guest;
    }
    return r;
}

int service_redefine(struct arena *arena, const char *node, const struct map *define,
                     const struct parse_words *unset, bool thorough, struct guest *guest,
                     struct error *err)
{
    const char *before = guest_format(arena, guest);
    for (size_t i = 0; i < unset->count; i++) {
        if (service_is_definition_key(unset->words[i]) &&
            !map_remove(&guest->config, unset->words[i])) {
            return error_set(err, -ENOENT, "service '%s' has no '%s'", guest->sid, unset->words[i]);
        }
    }
    int r = service_apply(arena, define, guest, err);
    if (r < 0 || strcmp(before, guest_format(arena, guest)) == 0) {
        return r;
    }
    r = service_validate(guest, node, thorough, err);
    return r < 0 ? r : 1;
}
