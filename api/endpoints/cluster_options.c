// SPDX-License-Identifier: Apache-2.0
// /cluster/options: what holds for all of the cluster.
#include <string.h>

#include "api/call/call.h"
#include "api/endpoints/endpoint_support.h"
#include "api/endpoints/endpoints.h"
#include "api/endpoints/parameter_rows.h"
#include "cli/session.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/model/event.h"
#include "common/model/options.h"
#include "common/model/store_keys.h"
#include "common/port/store.h"

static const char *const option_keys[] = {"ha", "crs", "max_workers", NULL};

// Each "key: value" line as a member.
static struct json *options_document(struct arena *arena, const char *text)
{
    struct json *object = json_new_object(arena);
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        const char *line = arena_memdup(arena, text, length);
        size_t key = strcspn(line, ":");
        if (line[key] == ':' && line[0] != '#' && key > 0) {
            const char *value = line + key + 1;
            value += strspn(value, " \t");
            json_put_string(object, arena_memdup(arena, line, key), value);
        }
        text += length + (text[length] == '\n' ? 1 : 0);
    }
    return object;
}

static void options_get(struct call *call)
{
    struct session_value value;
    struct error err = {0};
    if (session_read(call->arena, call->host->session, STORE_KEY_DATACENTER, &value, &err) < 0) {
        call_fail(call, &err);
        return;
    }
    call_return(call, options_document(call->arena, value.text != NULL ? value.text : ""));
}

static bool options_is_deleted(const struct call *call, const char *key)
{
    const struct json *list = call_list(call, "delete");
    for (size_t i = 0; list != NULL && i < list->count; i++) {
        if (strcmp(list->items[i]->string, key) == 0) {
            return true;
        }
    }
    return false;
}

// The text with all that was asked for changed; false when something is wrong with a value.
static bool options_change(struct call *call, const char **text)
{
    for (size_t i = 0; option_keys[i] != NULL; i++) {
        const char *key = option_keys[i];
        bool deleted = options_is_deleted(call, key);
        const char *value = deleted ? NULL : endpoint_text(call, key);
        struct error err = {0};
        char *edited = NULL;
        if (value == NULL && !deleted) {
            continue;
        }
        if (options_edit(call->arena, *text, key, value, &edited, &err) < 0) {
            call_fault(call, key, "%s", err.text);
            return false;
        }
        *text = edited;
    }
    return true;
}

static void options_put(struct call *call)
{
    struct session_value value;
    struct map set;
    struct error err = {0};
    int r = session_read(call->arena, call->host->session, STORE_KEY_DATACENTER, &value, &err);
    if (r < 0) {
        call_fail(call, &err);
        return;
    }
    const char *text = value.text != NULL ? value.text : "";
    if (!options_change(call, &text)) {
        return;
    }
    struct store_op op = {.key = STORE_KEY_DATACENTER,
                          .value = text,
                          .size_bytes = strlen(text),
                          .expect = value.version};
    if (session_write(call->host->session, "the options", &op, 1, &err) < 0) {
        call_fail(call, &err);
        return;
    }
    map_init_arena(&set, call->arena);
    endpoint_texts(call, option_keys, &set);
    endpoint_tell(call, event_new(call->arena, EVENT_LEVEL_NOTICE, "options-changed"), "changed",
                  endpoint_summary(call, &set, endpoint_text(call, "delete")));
}

static const struct parameter parameters_put[] = {
    {.name = "ha", .description = "shutdown_policy=…, lease_loss=…: see ha-cluster(1)"},
    {.name = "crs", .description = "how places are chosen: ha=basic|static|dynamic,…"},
    {.name = "max_workers",
     .type = PARAMETER_TYPE_INTEGER,
     .has_minimum = true,
     .minimum = 1,
     .has_maximum = true,
     .maximum = 64,
     .description = "tasks of a node's LRM at once"},
    PARAMETER_DELETE};

static const struct method methods[] = {
    {.verb = METHOD_VERB_GET,
     .path = "/cluster/options",
     .description = "what holds for all of the cluster",
     .access = METHOD_ACCESS_PRIVILEGE,
     .privilege = PRIVILEGE_SYS_AUDIT,
     .kind = METHOD_KIND_READ,
     .returns = "object",
     .run = options_get},
    {.verb = METHOD_VERB_PUT,
     .path = "/cluster/options",
     .description = "change it",
     PARAMETERS(parameters_put),
     .access = METHOD_ACCESS_PRIVILEGE,
     .privilege = PRIVILEGE_SYS_MODIFY,
     .kind = METHOD_KIND_WORK,
     .returns = "null",
     .run = options_put},
};

const struct method_table endpoints_options = {methods, ARRAY_SIZE(methods)};
