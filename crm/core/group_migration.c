// SPDX-License-Identifier: Apache-2.0
// Tried now and then while there are groups. Every node must be online, working, and of a version
// that knows rules. Until then groups are used as rules in memory, so that nothing depends on when
// this happens.
#include "crm/core/group_migration.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/parse.h"
#include "common/base/strbuf.h"
#include "common/model/groups.h"
#include "common/model/rules.h"
#include "crm/core/manager.h"
#include "crm/core/master_round.h"

enum { GROUP_MIGRATION_RETRY_ROUNDS = 6, GROUP_VERSION_PARTS = 4, GROUP_VERSION_TEXT_MAX = 64 };

// major, minor, patch and revision; −1 for no revision, which is newer than any.
struct group_version {
    int64_t parts[GROUP_VERSION_PARTS];
};

static const struct group_version group_version_min = {{9, 0, 0, 16}};

// Reads digits from *text on. False when there are none.
static bool group_version_number(const char **text, int64_t *ret_value)
{
    char digits[GROUP_VERSION_TEXT_MAX] = {0};
    size_t count = strspn(*text, "0123456789");
    if (count == 0 || count >= sizeof(digits)) {
        return false;
    }
    memcpy(digits, *text, count);
    *text += count;
    return parse_int64(digits, 0, INT64_MAX, ret_value) == 0;
}

static bool group_version_parse(const char *text, struct group_version *ret)
{
    struct group_version version = {{0, 0, 0, -1}};
    const char *rest = text;
    if (!group_version_number(&rest, &version.parts[0]) || *rest != '.') {
        return false;
    }
    rest++;
    if (!group_version_number(&rest, &version.parts[1]) || (*rest != '.' && *rest != '-')) {
        return false;
    }
    rest++;
    if (!group_version_number(&rest, &version.parts[2])) {
        return false;
    }
    if (*rest == '~') {
        rest++;
        if (!group_version_number(&rest, &version.parts[3])) {
            return false;
        }
    }
    *ret = version;
    return true;
}

static bool group_version_suffices(const struct group_version *version)
{
    for (size_t i = 0; i + 1 < GROUP_VERSION_PARTS; i++) {
        if (version->parts[i] != group_version_min.parts[i]) {
            return version->parts[i] > group_version_min.parts[i];
        }
    }
    int64_t revision = version->parts[GROUP_VERSION_PARTS - 1];
    return revision < 0 || revision >= group_version_min.parts[GROUP_VERSION_PARTS - 1];
}

static bool group_is_active(enum svc_state state)
{
    return state != SVC_STATE_STOPPED && state != SVC_STATE_FREEZE && state != SVC_STATE_ERROR &&
           state != SVC_STATE_REQUEST_START;
}

static bool group_node_is_busy(const struct master_round *round, int node)
{
    for (size_t i = 0; i < round->items_count; i++) {
        const struct item *item = &round->items[i];
        if (item->record != NULL && (item->node == node || item->target == node) &&
            group_is_active(item->record->state)) {
            return true;
        }
    }
    return false;
}

// Why the node keeps the migration from happening, or NULL.
static const char *group_node_obstacle(const struct master_round *round, int node)
{
    const struct round_node *entry = &round->nodes[node];
    if (entry->state != NODE_STATE_ONLINE) {
        return "it is not online";
    }
    if (entry->lrm == NULL) {
        return "its LRM is not known";
    }
    bool works =
        entry->lrm->state == LRM_STATE_ACTIVE ||
        (entry->lrm->state == LRM_STATE_WAIT_FOR_AGENT_LOCK && !group_node_is_busy(round, node));
    if (!works) {
        return "its LRM is neither active nor idle";
    }
    if (entry->mode != LRM_MODE_ACTIVE) {
        return "its LRM is in another mode than active";
    }
    const char *text = map_find(&round->input->documents->versions, entry->name);
    struct group_version version;
    if (!round->classic) {
        return NULL; // all versions of this software know rules
    }
    if (text == NULL) {
        return "its version is not known";
    }
    if (!group_version_parse(text, &version)) {
        return "its version cannot be read";
    }
    return group_version_suffices(&version) ? NULL : "its version is too old";
}

static bool group_migration_is_possible(struct master_round *round)
{
    if (!round->input->members.quorate) {
        return false;
    }
    for (int i = 0; i < round->nodes_count; i++) {
        const char *obstacle = round->nodes[i].present ? group_node_obstacle(round, i) : NULL;
        if (obstacle != NULL) {
            struct event *event = master_round_event_of(
                round, EVENT_LEVEL_ERROR, "group-migration-failed", NULL, round->nodes[i].name);
            master_round_text(round, event, "reason", obstacle);
            return false;
        }
    }
    return true;
}

static void group_migrate_resource(struct item *item, const struct map *groups)
{
    const struct resource *resource = item->slot->resource;
    const struct group *group = map_find(groups, resource->group);
    item->drop_group = true;
    item->failback_off = group != NULL && group->nofailback;
    item->failback = resource->failback && !item->failback_off;
}

static int group_migration_run(struct master_round *round, struct error *err)
{
    const struct crm_documents *documents = round->input->documents;
    const char *rules_text = documents->rules != NULL ? documents->rules : "";
    struct group_set groups;
    struct rule_set rules;
    int r =
        group_set_parse(round->arena, documents->groups, strlen(documents->groups), &groups, err);
    assert(r == 0); // what cannot be read is skipped; only a NUL is an error, and no string has one
    r = rule_set_parse(round->arena, rules_text, strlen(rules_text), &rules, err);
    assert(r == 0);
    if (!round->classic && (groups.warnings_count > 0 || rules.warnings_count > 0)) {
        // What cannot be read would be lost by writing the files anew.
        const char *warning = groups.warnings_count > 0 ? groups.warnings[0] : rules.warnings[0];
        return error_set(err, -EINVAL, "%s: %s", groups.warnings_count > 0 ? "groups" : "rules",
                         warning);
    }
    struct map members;
    map_init_arena(&members, round->arena);
    for (size_t i = 0; i < round->items_count; i++) {
        struct item *item = &round->items[i];
        if (item->slot->resource != NULL && item->slot->resource->group != NULL) {
            map_put(&members, item->sid, (void *)(uintptr_t)item->slot->resource->group);
            group_migrate_resource(item, &groups.groups);
        }
    }
    group_set_add_rules(&groups, &members, &rules);
    struct strbuf text CLEANUP(strbuf_done) = {0};
    rule_set_format(&rules, &text);
    round->new_rules = arena_strdup(round->arena, strbuf_text(&text));
    round->groups_remove = true;
    return 0;
}

void group_migration_process(struct master_round *round)
{
    const struct crm_documents *documents = round->input->documents;
    if (documents->groups == NULL || documents->groups[0] == '\0' || !round->tick) {
        return;
    }
    round->manager->group_rounds--;
    if (round->manager->group_rounds > 0) {
        return;
    }
    round->manager->group_rounds = GROUP_MIGRATION_RETRY_ROUNDS;
    struct error err = {0};
    if (!group_migration_is_possible(round)) {
        return;
    }
    if (group_migration_run(round, &err) < 0) {
        struct event *event =
            master_round_event(round, EVENT_LEVEL_ERROR, "group-migration-failed");
        master_round_text(round, event, "reason", err.text);
        return;
    }
    (void)master_round_event(round, EVENT_LEVEL_NOTICE, "group-migration-done");
}
