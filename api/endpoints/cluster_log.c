// SPDX-License-Identifier: Apache-2.0
// The history of the cluster (common/port/history.h), as it is and in the words of the older log.
#include <inttypes.h>
#include <string.h>

#include "api/call/call.h"
#include "api/endpoints/endpoints.h"
#include "api/endpoints/parameter_rows.h"
#include "cli/session.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/strbuf.h"
#include "common/model/event.h"
#include "common/model/store_keys.h"
#include "common/port/history.h"
#include "common/port/store.h"

enum { HISTORY_LIMIT = 200, LOG_LIMIT = 50 };

// Entries with a higher number, ascending. False: the call is refused.
static bool history_read(struct call *call, int64_t after, struct json ***ret, size_t *ret_count)
{
    struct store_entries entries;
    struct error err = {0};
    if (store_read(call->host->session->store, STORE_PREFIX_HISTORY, 0, call->arena, &entries,
                   &err) < 0) {
        call_fail(call, &err);
        return false;
    }
    struct json **rows = arena_array_of(call->arena, struct json *, entries.count);
    size_t count = 0;
    for (size_t i = 0; i < entries.count; i++) {
        const struct store_entry *entry = &entries.entries[i];
        int64_t number = 0;
        if (entry->value != NULL &&
            history_show(call->arena, entry->key, entry->value, entry->size_bytes, &rows[count],
                         NULL) == 0 &&
            json_get_int(rows[count], "number", 0, INT64_MAX, &number, NULL) == 0 &&
            number > after) {
            count++;
        }
    }
    *ret = rows;
    *ret_count = count;
    return true;
}

static void history_list(struct call *call)
{
    struct json **rows;
    size_t count;
    if (!history_read(call, call_int(call, "after", 0), &rows, &count)) {
        return;
    }
    // After a number the oldest that follow it, so that nothing is passed over; else the newest.
    size_t limit = (size_t)call_int(call, "limit", HISTORY_LIMIT);
    size_t shown = count < limit ? count : limit;
    size_t first = call_has(call, "after") ? 0 : count - shown;
    struct json *list = json_new_array(call->arena);
    for (size_t i = first; i < first + shown; i++) {
        json_append(list, rows[i]);
    }
    call_return(call, list);
}

// ---- The older log.

// Severities as syslog(3) has them.
static int64_t log_priority(const char *level)
{
    static const char *const levels[] = {[3] = "error", [4] = "warning", [5] = "notice"};
    for (size_t i = 0; i < ARRAY_SIZE(levels); i++) {
        if (levels[i] != NULL && strcmp(level, levels[i]) == 0) {
            return (int64_t)i;
        }
    }
    return 6;
}

// "fence-begin: node=node2"
static const char *log_words(struct arena *arena, const char *event, const struct json *fields)
{
    struct strbuf words CLEANUP(strbuf_done);
    strbuf_init(&words);
    strbuf_append(&words, event);
    const char *before = ": ";
    json_each (e, fields) {
        const struct json *value = e->value;
        const char *text =
            value->type == JSON_TYPE_STRING ? value->string : json_to_text(arena, value);
        strbuf_appendf(&words, "%s%s=%s", before, e->key, text);
        before = " ";
    }
    return arena_strdup(arena, strbuf_text(&words));
}

static struct json *log_row(struct arena *arena, const struct json *entry)
{
    struct json *row = json_new_object(arena);
    const struct json *fields = json_find(entry, "fields");
    const char *at = json_find_string(entry, "at");
    const char *level = json_find_string(entry, "level");
    const char *event = json_find_string(entry, "event");
    const char *user = fields != NULL ? json_find_string(fields, "user") : NULL;
    const char *slash = at != NULL ? strchr(at, '/') : NULL;
    int64_t number = 0;
    ignore_result(json_get_int(entry, "number", 0, INT64_MAX, &number, NULL)); // it was read above
    json_put_string(row, "id", arena_printf(arena, "%" PRId64, number));
    json_put_int(row, "uid", number);
    json_put_int(row, "time", number / 1000000);
    json_put_string(row, "node",
                    slash != NULL ? arena_memdup(arena, at, (size_t)(slash - at)) : at);
    json_put_string(row, "tag", slash != NULL ? slash + 1 : "");
    json_put_int(row, "pid", 0);
    json_put_string(row, "user", user != NULL ? user : "");
    json_put_int(row, "pri", log_priority(level != NULL ? level : ""));
    json_put_string(row, "msg", log_words(arena, event != NULL ? event : "", fields));
    return row;
}

// Newest first. Who may not read all of it sees what he did.
static void log_list(struct call *call)
{
    struct json **rows;
    size_t count;
    if (!history_read(call, 0, &rows, &count)) {
        return;
    }
    bool all = call_may(call, PRIVILEGE_SYS_AUDIT, "/");
    int64_t left = call_int(call, "max", LOG_LIMIT);
    struct json *list = json_new_array(call->arena);
    for (size_t i = count; i > 0 && left > 0; i--) {
        struct json *row = log_row(call->arena, rows[i - 1]);
        if (all || strcmp(json_find_string(row, "user"), call->caller.label) == 0) {
            json_append(list, row);
            left--;
        }
    }
    call_return(call, list);
}

// ---- The rows.

static const struct parameter parameters_history[] = {
    {.name = "limit",
     .type = PARAMETER_TYPE_INTEGER,
     .has_minimum = true,
     .minimum = 1,
     .has_maximum = true,
     .maximum = HISTORY_KEEP,
     .default_text = "200",
     .description = "how many entries at most"},
    {.name = "after",
     .type = PARAMETER_TYPE_INTEGER,
     .has_minimum = true,
     .description = "only entries with a higher number, from the oldest on"}};

static const struct parameter parameters_log[] = {{.name = "max",
                                                   .type = PARAMETER_TYPE_INTEGER,
                                                   .has_minimum = true,
                                                   .minimum = 1,
                                                   .default_text = "50",
                                                   .description = "how many entries at most"}};

static const struct method methods[] = {
    {.verb = METHOD_VERB_GET,
     .path = "/cluster/ha/history",
     .description = "what was decided and why, and who changed what; ascending",
     PARAMETERS(parameters_history),
     MAY_READ_HA,
     .kind = METHOD_KIND_READ,
     .returns = "array",
     .run = history_list},
    {.verb = METHOD_VERB_GET,
     .path = "/cluster/log",
     .description = "the history as one line each, newest first; without Sys.Audit on / what the "
                    "caller did",
     PARAMETERS(parameters_log),
     .access = METHOD_ACCESS_USER,
     .kind = METHOD_KIND_READ,
     .returns = "array",
     .run = log_list},
};

const struct method_table endpoints_cluster_log = {methods, ARRAY_SIZE(methods)};
