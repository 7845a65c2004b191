// SPDX-License-Identifier: Apache-2.0
// Keeps what this node and its guests use, as its own meter tells it through the store: from the
// copy that the daemon has anyway, so that nothing is asked and nothing sent.
#include <string.h>

#include "api/endpoints/usage_book.h"
#include "api/exec/execd.h"
#include "common/base/arena.h"
#include "common/base/map.h"
#include "common/model/node_figures.h"
#include "common/model/store_keys.h"
#include "common/port/store.h"

enum {
    USAGE_STALE_S = 150, // a meter that is silent for longer does not work
    USAGE_PRUNE_S = 600,
};

static struct node_figures *figures_read(const struct execd *daemon, struct arena *arena)
{
    struct store_entries entries;
    struct node_figures *figures = NULL;
    const char *key = arena_printf(arena, STORE_PREFIX_LIVE_NODE "%s", daemon->setup.node);
    if (store_read(daemon->view.session.store, key, 0, arena, &entries, NULL) < 0) {
        return NULL;
    }
    for (size_t i = 0; i < entries.count; i++) {
        const struct store_entry *entry = &entries.entries[i];
        if (strcmp(entry->key, key) == 0 && entry->value != NULL &&
            node_figures_parse(arena, entry->value, entry->size_bytes, &figures, NULL) < 0) {
            figures = NULL;
        }
    }
    return figures;
}

static void usage_prune(struct execd *daemon, struct arena *arena)
{
    struct store_entries entries;
    struct map guests;
    map_init_arena(&guests, arena);
    if (store_read(daemon->view.session.store, STORE_PREFIX_GUEST, 0, arena, &entries, NULL) < 0) {
        return; // nobody knows now
    }
    for (size_t i = 0; i < entries.count; i++) {
        if (entries.entries[i].value != NULL) {
            map_put(&guests, entries.entries[i].key + strlen(STORE_PREFIX_GUEST), daemon);
        }
    }
    usage_book_prune(daemon->usage, &guests);
}

void execd_sample(struct execd *daemon)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    int64_t now_s = clock_wall_s(&daemon->clock);
    const struct node_figures *figures = figures_read(daemon, arena);
    if (figures != NULL && now_s - figures->at_s <= USAGE_STALE_S) {
        usage_book_take(daemon->usage, figures, now_s);
    }
    if (now_s % USAGE_PRUNE_S < USAGE_SAMPLE_S) {
        usage_prune(daemon, arena);
    }
}
