// SPDX-License-Identifier: Apache-2.0
// Mostly all is well and nothing is bound: only storages that some node lacks are looked for.
#include "crm/core/storage_reach.h"

#include "common/base/arena.h"
#include "common/model/storage.h"
#include "common/model/storage_state.h"
#include "crm/core/master_round.h"

struct storage_lack {
    struct node_set never; // not meant to have it
    struct node_set lost;  // should have it, and have not now
    bool stays;            // services wait where they are until it is back …
    bool halts;            // … and are stopped meanwhile
};

static bool lack_is_lost(const struct crm_documents *documents, const char *node, const char *id)
{
    const struct map *states = map_find(&documents->storage_states, node);
    const struct storage_state *state = states != NULL ? map_find(states, id) : NULL;
    return state != NULL && state->condition != STORAGE_CONDITION_READY;
}

// NULL: every node has it.
static struct storage_lack *lack_find(const struct master_round *round,
                                      const struct storage *storage)
{
    struct storage_lack lack = {.stays = storage->on_loss != STORAGE_LOSS_MOVE,
                                .halts = storage->on_loss == STORAGE_LOSS_STOP};
    for (int i = 0; i < round->nodes_count; i++) {
        const char *node = round->nodes[i].name;
        if (!storage_has_node(storage, node)) {
            node_set_add(&lack.never, i);
        } else if (lack_is_lost(round->input->documents, node, storage->id)) {
            node_set_add(&lack.lost, i);
        }
    }
    if (node_set_is_empty(&lack.never) && node_set_is_empty(&lack.lost)) {
        return NULL;
    }
    struct storage_lack *copy = arena_new_of(round->arena, struct storage_lack);
    *copy = lack;
    return copy;
}

static void reach_bind_item(const struct master_round *round, const struct map *lacks,
                            struct item *item)
{
    struct node_set unreachable = {{0}};
    for (size_t i = 0; i < item->slot->storages_count; i++) {
        const struct storage_lack *lack = map_find(lacks, item->slot->storages[i]);
        if (lack == NULL) {
            continue;
        }
        struct node_set lost = lack->lost;
        if (lack->halts && node_set_has(&lost, item->node) && item->halted_by == NULL) {
            item->halted_by = item->slot->storages[i];
        }
        if (lack->stays && item->node != NODE_NONE) {
            node_set_remove(&lost, item->node);
        }
        node_set_unite(&unreachable, &lack->never);
        node_set_unite(&unreachable, &lost);
    }
    if (!node_set_is_empty(&unreachable)) {
        struct node_set *bound = arena_new_of(round->arena, struct node_set);
        *bound = unreachable;
        item->unreachable = bound;
    }
}

void storage_reach_bind(struct master_round *round)
{
    struct map lacks;
    if (round->classic) {
        return;
    }
    map_init_arena(&lacks, round->arena);
    map_each (entry, &round->input->documents->storages) {
        const struct storage *storage = entry->value;
        struct storage_lack *lack = storage->disabled ? NULL : lack_find(round, storage);
        if (lack != NULL) {
            map_put(&lacks, entry->key, lack);
        }
    }
    for (size_t i = 0; lacks.count > 0 && i < round->items_count; i++) {
        reach_bind_item(round, &lacks, &round->items[i]);
    }
}

const char *storage_reach_lacking(const struct master_round *round, const struct item *item,
                                  int node)
{
    const struct crm_documents *documents = round->input->documents;
    const char *name = round->nodes[node].name;
    for (size_t i = 0; i < item->slot->storages_count; i++) {
        const char *id = item->slot->storages[i];
        const struct storage *storage = map_find(&documents->storages, id);
        if (storage != NULL && !storage->disabled &&
            (!storage_has_node(storage, name) || lack_is_lost(documents, name, id))) {
            return id;
        }
    }
    return NULL;
}
