// SPDX-License-Identifier: Apache-2.0
// Reading. What cannot be parsed counts as not there: those who need it complain of it.
#include "answers/why_facts.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "answers/what_if.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/model/command.h"
#include "common/model/guest.h"
#include "common/model/lrm_status.h"
#include "common/model/manager_status.h"
#include "common/model/resources.h"
#include "common/model/service.h"
#include "common/model/store_keys.h"
#include "common/port/history.h"
#include "common/port/store.h"

enum { WHY_HISTORY_MAX = 50 }; // entries of one service that are looked at

// ---- values

static int facts_read(struct why_facts *facts, const char *key, const char **ret, struct error *err)
{
    struct store_entries entries;
    int r = store_read(facts->source->store, key, 0, facts->arena, &entries, err);
    *ret = NULL;
    for (size_t i = 0; r == 0 && i < entries.count; i++) {
        if (strcmp(entries.entries[i].key, key) == 0) {
            *ret = entries.entries[i].value;
        }
    }
    return r;
}

// NULL: not there, or not readable.
static const char *facts_find(struct why_facts *facts, const char *prefix, const char *name)
{
    const char *text = NULL;
    const char *key = arena_printf(facts->arena, "%s%s", prefix, name);
    return facts_read(facts, key, &text, NULL) == 0 ? text : NULL;
}

static void facts_read_service(struct why_facts *facts)
{
    struct arena *arena = facts->arena;
    const char *text = facts_find(facts, STORE_PREFIX_RESOURCE, facts->sid);
    struct resource *resource = NULL;
    struct guest *guest = NULL;
    struct service *record = NULL;
    if (text != NULL && resource_parse(arena, text, &resource, NULL) == 0) {
        facts->resource = resource;
    }
    text = facts_find(facts, STORE_PREFIX_GUEST, facts->sid);
    if (text != NULL && guest_parse(arena, text, strlen(text), &guest, NULL) == 0) {
        facts->guest = guest;
    }
    text = facts_find(facts, STORE_PREFIX_SERVICE, facts->sid);
    if (text != NULL && service_parse(arena, facts->sid, text, strlen(text), &record, NULL) == 0) {
        facts->record = record;
    }
}

static void facts_read_node(struct why_facts *facts)
{
    struct arena *arena = facts->arena;
    const char *node = facts->record->node;
    const char *text = facts_find(facts, STORE_PREFIX_LRM, node);
    struct lrm_status *lrm = NULL;
    struct lrm_result *result = NULL;
    facts->node = map_find(&facts->manager->nodes, node);
    if (text != NULL && lrm_status_parse(arena, text, strlen(text), &lrm, NULL) == 0) {
        facts->lrm = lrm;
    }
    text = facts_find(facts, arena_printf(arena, "%s%s/", STORE_PREFIX_RESULT, node), facts->sid);
    if (text != NULL && facts->record->uid != NULL &&
        lrm_result_parse(arena, text, strlen(text), &result, NULL) == 0 &&
        strcmp(result->uid, facts->record->uid) == 0) {
        facts->result = result;
    }
}

static void facts_read_manager(struct why_facts *facts)
{
    struct arena *arena = facts->arena;
    const char *text = facts_find(facts, STORE_KEY_MANAGER_STATUS, "");
    struct manager_status *status = NULL;
    struct json *sign = NULL;
    facts->manager = manager_status_new(arena);
    if (text != NULL && manager_status_parse(arena, text, strlen(text), &status, NULL) == 0) {
        facts->manager = status;
    }
    text = facts_find(facts, STORE_KEY_LIVE_MASTER, "");
    if (text != NULL && json_parse(arena, text, strlen(text), &sign, NULL) == 0) {
        ignore_result(
            json_get_int_if(sign, "timestamp", 0, INT64_MAX, &facts->master_seen_s, NULL));
    }
    facts->rules = facts_find(facts, STORE_KEY_RULES, "");
}

static void facts_read_commands(struct why_facts *facts)
{
    struct store_entries entries;
    if (store_read(facts->source->store, STORE_PREFIX_COMMAND, 0, facts->arena, &entries, NULL) <
        0) {
        return;
    }
    for (size_t i = 0; i < entries.count; i++) {
        struct command *command = NULL;
        if (entries.entries[i].value != NULL &&
            command_parse(facts->arena, entries.entries[i].value, entries.entries[i].size_bytes,
                          &command, NULL) == 0 &&
            command->sid != NULL && strcmp(command->sid, facts->sid) == 0) {
            facts->command = command_format_text(facts->arena, command);
        }
    }
}

// ---- history

const char *why_event_name(const struct json *entry)
{
    const char *name = json_find_string(entry, "event");
    return name != NULL ? name : "";
}

const char *why_event_field(const struct json *entry, const char *key)
{
    return json_find_string(json_find(entry, "fields"), key);
}

// Commands name the service in their text.
static bool history_concerns(const struct json *entry, const char *sid)
{
    const char *of = why_event_field(entry, "sid");
    const char *text = why_event_field(entry, "text");
    if (of != NULL || text == NULL) {
        return of != NULL && strcmp(of, sid) == 0;
    }
    const char *found = strstr(text, sid);
    size_t length = strlen(sid);
    return found != NULL && found > text && found[-1] == ' ' &&
           (found[length] == ' ' || found[length] == '\0');
}

static void facts_read_history(struct why_facts *facts)
{
    struct store_entries entries;
    facts->history = json_new_array(facts->arena);
    if (store_read(facts->source->store, STORE_PREFIX_HISTORY, 0, facts->arena, &entries, NULL) <
        0) {
        return;
    }
    for (size_t i = entries.count; i > 0 && facts->history->count < WHY_HISTORY_MAX; i--) {
        const struct store_entry *entry = &entries.entries[i - 1];
        struct json *shown = NULL;
        // Parsing all would take longer than all the rest.
        if (entry->value != NULL && strstr(entry->value, facts->sid) != NULL &&
            history_show(facts->arena, entry->key, entry->value, entry->size_bytes, &shown, NULL) ==
                0 &&
            history_concerns(shown, facts->sid)) {
            json_append(facts->history, shown);
        }
    }
}

size_t why_find_event(const struct why_facts *facts, size_t first, const char *name)
{
    size_t at = first;
    while (at < facts->history->count &&
           strcmp(why_event_name(facts->history->items[at]), name) != 0) {
        at++;
    }
    return at < facts->history->count ? at : facts->history->count;
}

int64_t why_event_age_s(const struct why_facts *facts, const struct json *entry)
{
    double time_s = 0.0;
    if (json_get_double_if(entry, "time", &time_s, NULL) < 0 || !(time_s > 0.0)) {
        return -1;
    }
    int64_t age_s = facts->wall_s - (int64_t)time_s;
    return age_s > 0 ? age_s : 0;
}

const char *why_duration(struct arena *arena, int64_t seconds)
{
    enum { MINUTE = 60, HOUR = 3600, DAY = 86400 };
    if (seconds < 2 * MINUTE) {
        return arena_printf(arena, "%" PRId64 " s", seconds);
    }
    if (seconds < HOUR) {
        return arena_printf(arena, "%" PRId64 " min", seconds / MINUTE);
    }
    if (seconds < DAY) {
        return arena_printf(arena, "%" PRId64 " h %" PRId64 " min", seconds / HOUR,
                            seconds % HOUR / MINUTE);
    }
    return arena_printf(arena, "%" PRId64 " d %" PRId64 " h", seconds / DAY, seconds % DAY / HOUR);
}

// ---- all

int why_facts_read(struct arena *arena, const struct what_if_source *source, const char *sid,
                   struct why_facts *ret, struct error *err)
{
    struct why_facts facts = {.arena = arena,
                              .source = source,
                              .sid = arena_strdup(arena, sid),
                              .wall_s = source->wall_ms / 1000};
    const char *text = NULL;
    int r = facts_read(&facts, arena_printf(arena, "%s%s", STORE_PREFIX_RESOURCE, sid), &text, err);
    if (r < 0) {
        return r;
    }
    facts_read_service(&facts);
    if (text == NULL && facts.guest == NULL && facts.record == NULL) {
        return error_set(err, -ENOENT, "no service '%s'", sid);
    }
    facts_read_manager(&facts);
    if (facts.record != NULL) {
        facts_read_node(&facts);
    }
    facts_read_commands(&facts);
    facts_read_history(&facts);
    *ret = facts;
    return 0;
}
