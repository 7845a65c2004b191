// SPDX-License-Identifier: Apache-2.0
// Compiling happens only when something changed; binding turns names into indexes once a round, so
// that placements compare bits and not names.
#include "crm/core/affinity.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/model/groups.h"
#include "common/model/rules.h"
#include "common/model/rules_check.h"
#include "common/model/rules_compile.h"
#include "crm/core/manager.h"
#include "crm/core/master_round.h"
#include "crm/core/pointer_table.h"

// ---- compiling

static const char *affinity_rules_text(const struct master_round *round)
{
    const char *text = round->new_rules != NULL ? round->new_rules : round->input->documents->rules;
    return text != NULL ? text : "";
}

static const char *affinity_groups_text(const struct master_round *round)
{
    const char *text = round->groups_remove ? NULL : round->input->documents->groups;
    return text != NULL ? text : "";
}

// The reference compares the members with the nodes that it had stored before it looked at them. So
// it does not notice a node that only fencing made known.
static bool affinity_knows_members(const struct master_round *round)
{
    for (int i = 0; i < round->nodes_count; i++) {
        if (round->nodes[i].known != round->nodes[i].listed) {
            return false;
        }
    }
    return true;
}

static bool affinity_knows_nodes(const struct master_round *round)
{
    if (round->classic) {
        return affinity_knows_members(round);
    }
    const struct map *nodes = &round->manager->rules.nodes;
    size_t present = 0;
    for (int i = 0; i < round->nodes_count; i++) {
        if (!round->nodes[i].present) {
            continue;
        }
        if (present >= nodes->count ||
            strcmp(nodes->entries[present].key, round->nodes[i].name) != 0) {
            return false;
        }
        present++;
    }
    return present == nodes->count;
}

static bool affinity_is_current(const struct master_round *round)
{
    const struct manager_rules *rules = &round->manager->rules;
    if (rules->arena == NULL || strcmp(rules->rules_text, affinity_rules_text(round)) != 0 ||
        strcmp(rules->groups_text, affinity_groups_text(round)) != 0) {
        return false;
    }
    // Which resource is in which group stands in the resources.
    bool members_same = rules->groups_text[0] == '\0' ||
                        rules->resources_version == round->input->documents->resources_version;
    return (members_same || round->classic) && affinity_knows_nodes(round);
}

static void affinity_tell_warnings(struct master_round *round, const char *file,
                                   const char *const *warnings, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct event *event = master_round_event(round, EVENT_LEVEL_WARNING, "config-skipped");
        master_round_text(round, event, "file", file);
        master_round_text(round, event, "reason", warnings[i]);
    }
}

static void affinity_tell_problems(struct master_round *round, const struct map *problems)
{
    map_each (entry, problems) {
        const struct rule_problems *of_rule = entry->value;
        for (size_t i = 0; i < of_rule->count; i++) {
            struct event *event = master_round_event(round, EVENT_LEVEL_INFO, "rule-dropped");
            master_round_text(round, event, "rule", entry->key);
            master_round_text(round, event, "reason", of_rule->reasons[i]);
        }
    }
}

// resource → the group it names
static void affinity_collect_members(const struct master_round *round, struct map *members)
{
    for (size_t i = 0; i < round->items_count; i++) {
        const struct resource *resource = round->items[i].slot->resource;
        if (resource != NULL && resource->group != NULL) {
            map_put(members, resource->sid, (void *)(uintptr_t)resource->group);
        }
    }
}

static void affinity_read_groups(struct master_round *round, struct manager_rules *rules,
                                 struct rule_set *set)
{
    struct error err = {0};
    struct group_set groups;
    int r = group_set_parse(rules->arena, rules->groups_text, strlen(rules->groups_text), &groups,
                            &err);
    assert(r == 0); // what cannot be read is skipped; only a NUL is an error, and no string has one
    affinity_tell_warnings(round, "groups", groups.warnings, groups.warnings_count);
    rules->groups = groups.groups;
    struct map members;
    map_init_arena(&members, rules->arena);
    affinity_collect_members(round, &members);
    group_set_add_rules(&groups, &members, set);
}

static void affinity_compile_all(struct master_round *round, struct manager_rules *rules)
{
    struct error err = {0};
    struct rule_set set;
    int r = rule_set_parse(rules->arena, rules->rules_text, strlen(rules->rules_text), &set, &err);
    assert(r == 0); // as above
    set.merge_once = round->classic;
    affinity_tell_warnings(round, "rules", set.warnings, set.warnings_count);
    if (rules->groups_text[0] != '\0') {
        affinity_read_groups(round, rules, &set);
    }
    struct map problems;
    map_init_arena(&problems, rules->arena);
    rules->affinity = rules_compile(rules->arena, &set, &rules->nodes, &problems);
    affinity_tell_problems(round, &problems);
}

void affinity_update(struct master_round *round)
{
    if (affinity_is_current(round)) {
        return;
    }
    struct manager_rules *rules = &round->manager->rules;
    arena_free(rules->arena);
    *rules = (struct manager_rules){.arena = arena_new()};
    rules->rules_text = arena_strdup(rules->arena, affinity_rules_text(round));
    rules->groups_text = arena_strdup(rules->arena, affinity_groups_text(round));
    rules->resources_version = round->input->documents->resources_version;
    map_init_arena(&rules->groups, rules->arena);
    map_init_arena(&rules->nodes, rules->arena);
    for (int i = 0; i < round->nodes_count; i++) {
        if (round->nodes[i].present) {
            map_put(&rules->nodes, round->nodes[i].name, NULL);
        }
    }
    affinity_compile_all(round, rules);
}

void affinity_apply_groups(struct master_round *round)
{
    const struct map *groups = &round->manager->rules.groups;
    // In classic replay a group counts that there is not, as well as no file at all.
    bool any = round->classic || affinity_groups_text(round)[0] != '\0';
    for (size_t i = 0; any && i < round->items_count; i++) {
        struct item *item = &round->items[i];
        const struct resource *resource = item->slot->resource;
        if (resource != NULL && resource->group != NULL && !item->drop_group) {
            const struct group *group = map_find(groups, resource->group);
            item->failback = group == NULL || !group->nofailback;
        }
    }
}

// ---- binding

// The sets of a node rule.
struct affinity_sets {
    struct node_set allowed;
    struct node_set preferred;
    struct node_set preferred_held; // the same if nobody is held off
};

struct affinity_binder {
    const struct master_round *round;
    struct pointer_table
        sets; // a rule's compiled nodes, which its resources share → struct affinity_sets *
    struct pointer_table items; // struct affinity_entry * → struct item *
};

struct node_set affinity_prefer(const struct master_round *round, const struct map *nodes,
                                const struct node_set *without)
{
    struct node_set preferred = {{0}};
    int64_t highest = INT64_MIN;
    map_each (entry, nodes) {
        const struct rule_node *named = entry->value;
        int node = master_round_node(round, entry->key);
        if (!node_set_has(&round->online, node) || node_set_has(without, node)) {
            continue;
        }
        if (named->priority > highest) {
            highest = named->priority;
            preferred = (struct node_set){{0}};
        }
        if (named->priority == highest) {
            node_set_add(&preferred, node);
        }
    }
    return preferred;
}

static void affinity_resolve(const struct master_round *round, const struct map *nodes,
                             struct affinity_sets *sets)
{
    static const struct node_set none = {{0}};
    map_each (entry, nodes) {
        int node = master_round_node(round, entry->key);
        if (node_set_has(&round->online, node)) {
            node_set_add(&sets->allowed, node);
        }
    }
    sets->preferred = affinity_prefer(round, nodes, &round->held);
    sets->preferred_held = affinity_prefer(round, nodes, &none);
}

static const struct affinity_sets *affinity_get_sets(struct affinity_binder *binder,
                                                     const struct map *nodes)
{
    struct affinity_sets *sets = pointer_table_find(&binder->sets, nodes->entries);
    if (sets == NULL) {
        sets = arena_new_of(binder->round->arena, struct affinity_sets);
        affinity_resolve(binder->round, nodes, sets);
        pointer_table_add(&binder->sets, nodes->entries, sets);
    }
    return sets;
}

static struct item **affinity_find_items(const struct affinity_binder *binder,
                                         const struct map *partners, size_t *ret_count)
{
    struct item **items = arena_array_of(binder->round->arena, struct item *, partners->count);
    size_t count = 0;
    map_each (entry, partners) {
        struct item *item = pointer_table_find(&binder->items, entry->value);
        if (item != NULL) {
            items[count++] = item;
        }
    }
    *ret_count = count;
    return items;
}

static void affinity_bind_item(struct affinity_binder *binder, const struct affinity_entry *entry,
                               struct item *item)
{
    struct item_affinity *bound = arena_new_of(binder->round->arena, struct item_affinity);
    bound->has_nodes = entry->has_nodes;
    if (entry->has_nodes) {
        assert(entry->nodes.count > 0); // a rule without nodes is none
        const struct affinity_sets *sets = affinity_get_sets(binder, &entry->nodes);
        bound->nodes = &entry->nodes;
        bound->allowed = sets->allowed;
        bound->preferred = sets->preferred;
        bound->preferred_held = sets->preferred_held;
    }
    bound->positives = affinity_find_items(binder, &entry->positive, &bound->positives_count);
    bound->negatives = affinity_find_items(binder, &entry->negative, &bound->negatives_count);
    item->affinity = bound;
}

void affinity_bind(struct master_round *round)
{
    const struct map *entries = &round->manager->rules.affinity->entries;
    struct affinity_binder binder = {.round = round};
    pointer_table_init(round->arena, &binder.sets, entries->count);
    pointer_table_init(round->arena, &binder.items, entries->count);
    size_t at = 0; // both are ascending by sid
    map_each (entry, entries) {
        while (at < round->items_count && strcmp(round->items[at].sid, entry->key) < 0) {
            at++;
        }
        if (at < round->items_count && strcmp(round->items[at].sid, entry->key) == 0) {
            pointer_table_add(&binder.items, entry->value, &round->items[at]);
        }
    }
    map_each (entry, entries) {
        struct item *item = pointer_table_find(&binder.items, entry->value);
        if (item != NULL) {
            affinity_bind_item(&binder, entry->value, item);
        }
    }
}
