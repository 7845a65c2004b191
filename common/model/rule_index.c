// SPDX-License-Identifier: Apache-2.0
// One sorted array of pairs.
#include "common/model/rule_index.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/map.h"
#include "common/model/rules.h"

static int compare_entries(const void *left, const void *right)
{
    const struct rule_index_entry *a = left;
    const struct rule_index_entry *b = right;
    int order = strcmp(a->sid, b->sid);
    if (order != 0) {
        return order;
    }
    return a->position < b->position ? -1 : a->position > b->position;
}

static int compare_positions(const void *left, const void *right)
{
    const struct rule_index_entry *a = *(const struct rule_index_entry *const *)left;
    const struct rule_index_entry *b = *(const struct rule_index_entry *const *)right;
    return a->position < b->position ? -1 : a->position > b->position;
}

void rule_index_init(struct arena *arena, struct rule_index *index, struct rule *const *rules,
                     size_t count)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++) {
        total += rules[i]->resources.count;
    }
    *index = (struct rule_index){.arena = arena,
                                 .entries = arena_array_of(arena, struct rule_index_entry, total)};
    for (size_t i = 0; i < count; i++) {
        map_each (e, &rules[i]->resources) {
            index->entries[index->count++] =
                (struct rule_index_entry){.sid = e->key, .rule = rules[i], .position = i};
        }
    }
    qsort(index->entries, index->count, sizeof(index->entries[0]), compare_entries);
}

size_t rule_index_find(const struct rule_index *index, const char *sid,
                       const struct rule_index_entry **ret_first)
{
    size_t low = 0;
    size_t high = index->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(index->entries[middle].sid, sid) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    size_t end = low;
    while (end < index->count && strcmp(index->entries[end].sid, sid) == 0) {
        end++;
    }
    *ret_first = index->entries + low;
    return end - low;
}

struct rule_list rule_index_collect(const struct rule_index *index, const struct map *resources)
{
    size_t total = 0;
    const struct rule_index_entry *first = NULL;
    map_each (e, resources) {
        total += rule_index_find(index, e->key, &first);
    }
    const struct rule_index_entry **found =
        arena_array_of(index->arena, const struct rule_index_entry *, total);
    size_t count = 0;
    map_each (e, resources) {
        size_t users = rule_index_find(index, e->key, &first);
        for (size_t i = 0; i < users; i++) {
            found[count++] = &first[i];
        }
    }
    qsort(found, count, sizeof(found[0]), compare_positions);
    struct rule_list list = {.rules = arena_array_of(index->arena, struct rule *, count),
                             .positions = arena_array_of(index->arena, size_t, count)};
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || found[i]->position != found[i - 1]->position) {
            list.rules[list.count] = found[i]->rule;
            list.positions[list.count++] = found[i]->position;
        }
    }
    return list;
}
