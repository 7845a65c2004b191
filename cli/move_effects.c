// SPDX-License-Identifier: Apache-2.0
// Affinity of one service to others, as the master would see it.
#include "cli/move_effects.h"

#include <stdbool.h>
#include <string.h>

#include "cli/cluster_view.h"
#include "cli/rule_edit.h"
#include "cli/session.h"
#include "common/base/arena.h"
#include "common/model/rules_compile.h"
#include "common/model/service.h"

static bool move_is_on(const struct cluster_view *view, const char *sid, const char *node)
{
    const struct service *service = map_find(&view->services, sid);
    return service != NULL && (strcmp(service->node, node) == 0 ||
                               (service->target != NULL && strcmp(service->target, node) == 0));
}

int move_effects_find(struct arena *arena, const struct session *session,
                      const struct cluster_view *view, const char *sid, const char *node,
                      struct move_effects *ret, struct error *err)
{
    struct move_effects effects = {0};
    struct rule_book book;
    struct map nodes;
    struct map problems;
    int r = rule_book_read(arena, session, view, &book, err);
    if (r < 0) {
        return r;
    }
    map_init_arena(&nodes, arena);
    map_init_arena(&problems, arena);
    for (size_t i = 0; i < view->members.count; i++) {
        map_put(&nodes, view->members.members[i].node, arena);
    }
    const struct affinity_entry *entry =
        affinity_find(rules_compile(arena, &book.set, &nodes, &problems), sid);
    if (entry != NULL) {
        effects.along = arena_array_of(arena, const char *, entry->positive.count);
        effects.blocking = arena_array_of(arena, const char *, entry->negative.count);
        map_each (e, &entry->positive) {
            if (map_has(&view->services, e->key)) {
                effects.along[effects.along_count++] = e->key;
            }
        }
        map_each (e, &entry->negative) {
            if (move_is_on(view, e->key, node)) {
                effects.blocking[effects.blocking_count++] = e->key;
            }
        }
    }
    *ret = effects;
    return 0;
}
