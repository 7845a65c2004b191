// SPDX-License-Identifier: Apache-2.0
// Finding and stopping strays. Runs in a process of its own: agents' verbs block.
//
// A move cannot be mistaken for a stray: these types start only after their place has changed, and
// the place is read afresh before anything is stopped.
#include "lrm/stray_guard.h"

#include <errno.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/model/event.h"
#include "common/model/guest.h"
#include "common/model/manager_status.h"
#include "common/model/resources.h"
#include "common/model/sid.h"
#include "common/model/store_keys.h"
#include "common/port/agent.h"
#include "common/port/event_sink.h"
#include "common/port/store.h"

enum { STRAY_STOP_TIMEOUT_S = 60 };

// The value of the key, or NULL when there is none or it cannot be read.
static const struct store_entry *stray_read(struct arena *arena,
                                            const struct stray_guard_spec *spec, const char *key)
{
    const struct store_entry *entry = NULL;
    return store_read_key(spec->store, key, arena, &entry, NULL) == 0 ? entry : NULL;
}

// HA decides where it runs: it is configured, and neither it nor all of HA is let alone.
static bool stray_is_managed(struct arena *arena, const struct stray_guard_spec *spec,
                             const char *sid)
{
    const char *key = arena_printf(arena, STORE_PREFIX_RESOURCE "%s", sid);
    const struct store_entry *entry = stray_read(arena, spec, key);
    const struct store_entry *master = stray_read(arena, spec, STORE_KEY_MANAGER_STATUS);
    struct resource *resource = NULL;
    struct manager_status *status = NULL;
    if (entry == NULL || resource_parse(arena, entry->value, &resource, NULL) < 0 ||
        resource->state == REQUEST_STATE_IGNORED) {
        return false;
    }
    return master != NULL &&
           manager_status_parse(arena, master->value, master->size_bytes, &status, NULL) == 0 &&
           status->disarm == DISARM_MODE_NONE;
}

// Whether it belongs to another node, as is known now.
static bool stray_is_away(struct arena *arena, const struct stray_guard_spec *spec, const char *sid,
                          struct guest **ret)
{
    const char *key = arena_printf(arena, STORE_PREFIX_GUEST "%s", sid);
    const struct store_entry *entry =
        store_refresh(spec->store, NULL) == 0 ? stray_read(arena, spec, key) : NULL;
    return entry != NULL && guest_parse(arena, entry->value, entry->size_bytes, ret, NULL) == 0 &&
           strcmp((*ret)->node, spec->node) != 0;
}

static void stray_look(struct arena *arena, const struct stray_guard_spec *spec, const char *sid)
{
    struct agent *agent = spec->agent_for(spec->userdata, sid_type(arena, sid));
    struct guest *guest = NULL;
    struct error err = {0};
    bool running = false;
    if (agent == NULL || !stray_is_away(arena, spec, sid, &guest) ||
        !stray_is_managed(arena, spec, sid) ||
        agent->ops->check(agent, guest, &running, NULL) < 0 || !running) {
        return;
    }
    // What does not work here may be no more than an agent that finds nothing of what it needs.
    if ((agent->ops->health != NULL && agent->ops->health(agent, guest, NULL) < 0) ||
        !stray_is_away(arena, spec, sid, &guest)) {
        return;
    }
    bool stopped = agent->ops->stop(agent, guest, STRAY_STOP_TIMEOUT_S, &err) == 0;
    struct event *event =
        event_new(arena, EVENT_LEVEL_ERROR, stopped ? "stray-stopped" : "stray-stays");
    event_text(arena, event, "sid", sid);
    event_text(arena, event, "node", guest->node);
    event_text(arena, event, "reason",
               stopped ? "it ran here and belongs to that node: something other than HA starts it"
                       : err.text);
    event_emit(spec->events, event);
}

int stray_guard_run(struct arena *arena, const struct stray_guard_spec *spec, struct error *err)
{
    struct store_entries entries = {0};
    int r = store_refresh(spec->store, err);
    if (r == 0) {
        r = store_read(spec->store, STORE_PREFIX_GUEST, 0, arena, &entries, err);
    }
    if (r < 0) {
        return r;
    }
    const char **sids = arena_array_of(arena, const char *, entries.count);
    size_t count = 0;
    for (size_t i = 0; i < entries.count; i++) {
        const char *sid = entries.entries[i].key + strlen(STORE_PREFIX_GUEST);
        if (entries.entries[i].value != NULL && sid_check(sid, NULL) == 0) {
            sids[count++] = arena_strdup(arena, sid); // entries live until the next refresh
        }
    }
    for (size_t i = 0; i < count; i++) {
        struct arena *scratch CLEANUP(arena_freep) = arena_new();
        stray_look(scratch, spec, sids[i]);
    }
    return 0;
}
