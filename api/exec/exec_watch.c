// SPDX-License-Identifier: Apache-2.0
// Streams: what some calls would answer to a user, told whenever it differs from what was told
// last. Those of the same user are looked at once. A stream that has not been read yet is not
// written to: it is told the newest state when it has.
#include <stdlib.h>
#include <string.h>

#include "api/exec/execd.h"
#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/json.h"
#include "common/base/map.h"
#include "common/host/loop.h"
#include "common/model/store_keys.h"
#include "common/port/history.h"
#include "common/port/store.h"

enum {
    WATCH_STEP_MS = 500,    // no more often than this
    WATCH_REST_MS = 2000,   // some answers change with time alone
    WATCH_CHECK_MS = 10000, // whether the one who asks still may
    STATUS_BUSY = 503,
};

static const char *const watch_paths[] = {
    "/cluster/status",
    "/cluster/resources",
    "/cluster/ha/status/current",
    "/cluster/ha/resources",
    "/cluster/ha/rules",
    "/cluster/ha/leases",
    "/cluster/tasks",
    "/nodes",
};

struct watch {
    struct watch *next;
    struct exec_connection *connection;
    int64_t id;
    struct arena *arena; // of what follows
    struct credentials credentials;
    char *user, *token, *label; // on the heap
    int64_t checked_ms;
    char *told[ARRAY_SIZE(watch_paths)]; // as text, on the heap; NULL: nothing yet
    int64_t after;                       // number of the entry of the history told last; -1: none
    bool behind;                         // it has to read the history from there
};

struct watch_list {
    struct execd *daemon;
    struct watch *watches;
    size_t count;
    struct loop_source *timer;
    int64_t looked_ms;
    uint64_t history; // how far of it was read
};

// What one user is shown.
struct look {
    struct json *data[ARRAY_SIZE(watch_paths)];
    char *text[ARRAY_SIZE(watch_paths)];
};

static void watch_free(struct watch *watch)
{
    for (size_t i = 0; i < ARRAY_SIZE(watch_paths); i++) {
        free(watch->told[i]);
    }
    free(watch->user);
    free(watch->token);
    free(watch->label);
    arena_free(watch->arena);
    free(watch);
}

static void timer_set(struct watch_list *list, int64_t at_ms)
{
    if (list->watches != NULL) {
        loop_timer_set(list->timer, at_ms);
    }
}

void watch_list_wake(struct watch_list *list)
{
    int64_t now_ms = clock_now_ms(&list->daemon->clock);
    int64_t at_ms = list->looked_ms + WATCH_STEP_MS;
    timer_set(list, at_ms > now_ms ? at_ms : now_ms);
}

// False: the one who asks may no more.
static bool watch_check(struct watch_list *list, struct watch *watch, const char **ret_reason)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct caller caller;
    enum identity_result result =
        execd_identify(list->daemon, arena, &watch->credentials, METHOD_VERB_GET, &caller);
    if (result != IDENTITY_KNOWN) {
        *ret_reason = identity_reason(result);
        return !list->daemon->view.readable; // then nothing is known of anybody
    }
    free(watch->user);
    free(watch->token);
    free(watch->label);
    watch->user = alloc_strdup(caller.user);
    watch->token = caller.token != NULL ? alloc_strdup(caller.token) : NULL;
    watch->label = alloc_strdup(caller.label);
    watch->checked_ms = clock_now_ms(&list->daemon->clock);
    return true;
}

static const struct look *look_make(struct watch_list *list, struct arena *arena, struct map *looks,
                                    const struct watch *watch)
{
    struct look *look = map_find(looks, watch->label);
    if (look != NULL) {
        return look;
    }
    const struct caller caller = {
        .user = watch->user, .token = watch->token, .label = watch->label};
    look = arena_new_of(arena, struct look);
    for (size_t i = 0; i < ARRAY_SIZE(watch_paths); i++) {
        look->data[i] = call_queue_look(list->daemon, arena, watch_paths[i], &caller);
        look->text[i] = look->data[i] != NULL ? json_to_text(arena, look->data[i]) : NULL;
    }
    map_put(looks, watch->label, look);
    return look;
}

static void watch_tell(struct watch *watch, struct arena *arena, const struct look *look)
{
    struct json *data = json_new_object(arena);
    for (size_t i = 0; i < ARRAY_SIZE(watch_paths); i++) {
        if (look->text[i] != NULL &&
            (watch->told[i] == NULL || strcmp(watch->told[i], look->text[i]) != 0)) {
            free(watch->told[i]);
            watch->told[i] = alloc_strdup(look->text[i]);
            json_put(data, watch_paths[i], look->data[i]);
        }
    }
    if (data->members.count > 0) {
        struct json *message = json_new_object(arena);
        json_put_int(message, "id", watch->id);
        json_put_string(message, "notify", "state");
        json_put(message, "data", data);
        exec_connection_send(watch->connection, message);
    }
}

// ---- The history.

static void entries_read(const struct watch_list *list, struct arena *arena, uint64_t since,
                         struct store_entries *ret)
{
    if (store_read(list->daemon->view.session.store, STORE_PREFIX_HISTORY, since, arena, ret,
                   NULL) < 0) {
        *ret = (struct store_entries){.version = since};
    }
}

static bool watch_may_read(const struct watch_list *list, struct arena *arena,
                           const struct watch *watch)
{
    const struct call call = {.arena = arena,
                              .host = &list->daemon->host,
                              .caller = {.user = watch->user, .token = watch->token}};
    return call_may(&call, PRIVILEGE_SYS_AUDIT, "/");
}

// Those of the entries that it has not been told; they ascend.
static void watch_tell_entries(struct watch *watch, struct arena *arena,
                               const struct store_entries *entries)
{
    for (size_t i = 0; i < entries->count; i++) {
        const struct store_entry *entry = &entries->entries[i];
        struct json *data;
        int64_t number = 0;
        if (entry->value == NULL ||
            history_show(arena, entry->key, entry->value, entry->size_bytes, &data, NULL) < 0 ||
            json_get_int(data, "number", 0, INT64_MAX, &number, NULL) < 0 ||
            number <= watch->after) {
            continue;
        }
        struct json *message = json_new_object(arena);
        json_put_int(message, "id", watch->id);
        json_put_string(message, "notify", "event");
        json_put_int(message, "number", number);
        json_put(message, "data", data);
        watch->after = number;
        exec_connection_send(watch->connection, message);
    }
}

// Who did not say after which one begins with those to come.
static int64_t newest_number(struct arena *arena, const struct store_entries *entries)
{
    for (size_t i = entries->count; i > 0; i--) {
        const struct store_entry *entry = &entries->entries[i - 1];
        struct json *data;
        int64_t number;
        if (entry->value != NULL &&
            history_show(arena, entry->key, entry->value, entry->size_bytes, &data, NULL) == 0 &&
            json_get_int(data, "number", 0, INT64_MAX, &number, NULL) == 0) {
            return number;
        }
    }
    return 0;
}

static void watch_tell_history(const struct watch_list *list, struct watch *watch,
                               struct arena *arena, const struct store_entries *changed)
{
    struct store_entries all;
    if (!watch_may_read(list, arena, watch)) {
        return;
    }
    if (!watch->behind) {
        watch_tell_entries(watch, arena, changed);
        return;
    }
    entries_read(list, arena, 0, &all);
    watch->behind = false;
    if (watch->after < 0) {
        watch->after = newest_number(arena, &all);
    }
    watch_tell_entries(watch, arena, &all);
}

static void watch_end(struct watch *watch, struct arena *arena, const char *reason)
{
    struct json *message = json_new_object(arena);
    json_put_int(message, "id", watch->id);
    json_put_int(message, "status", CALL_STATUS_UNAUTHORIZED);
    json_put_string(message, "message", reason);
    json_put_bool(message, "bare", true);
    exec_connection_send(watch->connection, message);
}

static void list_look(void *userdata)
{
    struct watch_list *list = userdata;
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct map looks;
    map_init_arena(&looks, arena);
    list->looked_ms = clock_now_ms(&list->daemon->clock);
    execd_refresh(list->daemon);
    struct store_entries changed;
    entries_read(list, arena, list->history, &changed);
    list->history = changed.version;
    struct watch **at = &list->watches;
    while (*at != NULL) {
        struct watch *watch = *at;
        const char *reason;
        if (list->looked_ms - watch->checked_ms >= WATCH_CHECK_MS &&
            !watch_check(list, watch, &reason)) {
            watch_end(watch, arena, reason);
            *at = watch->next;
            list->count--;
            watch_free(watch);
            continue;
        }
        if (exec_connection_is_clear(watch->connection)) {
            watch_tell(watch, arena, look_make(list, arena, &looks, watch));
            watch_tell_history(list, watch, arena, &changed);
        } else {
            watch->behind = true;
        }
        at = &watch->next;
    }
    timer_set(list, list->looked_ms + WATCH_REST_MS);
}

static void add_refuse(struct exec_connection *connection, int64_t id, int status,
                       const char *words)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct json *message = json_new_object(arena);
    json_put_int(message, "id", id);
    json_put_int(message, "status", status);
    json_put_string(message, "message", words);
    exec_connection_send(connection, message);
}

static bool list_has(const struct watch_list *list, const struct exec_connection *connection,
                     int64_t id)
{
    for (const struct watch *watch = list->watches; watch != NULL; watch = watch->next) {
        if (watch->connection == connection && watch->id == id) {
            return true;
        }
    }
    return false;
}

void watch_list_add(struct watch_list *list, struct exec_connection *connection,
                    const struct exec_request *request)
{
    const char *reason;
    if (list->count >= EXEC_WATCHES_MAX) {
        add_refuse(connection, request->id, STATUS_BUSY, "too many streams");
        return;
    }
    if (list_has(list, connection, request->id)) {
        add_refuse(connection, request->id, CALL_STATUS_BAD, "this id is in use");
        return;
    }
    struct watch *watch = alloc_zero(sizeof(*watch));
    watch->connection = connection;
    watch->id = request->id;
    watch->after = request->after;
    watch->behind = true;
    watch->arena = arena_new();
    watch->credentials = (struct credentials){
        .ticket = arena_strdup(watch->arena, request->credentials.ticket),
        .token = arena_strdup(watch->arena, request->credentials.token),
    };
    bool allowed = watch_check(list, watch, &reason);
    if (!allowed || watch->user == NULL) {
        watch_free(watch);
        if (allowed) {
            add_refuse(connection, request->id, CALL_STATUS_FAILED,
                       list->daemon->view.problem.text);
        } else {
            call_queue_refuse(list->daemon->calls, connection, request->id, reason);
        }
        return;
    }
    watch->next = list->watches;
    list->watches = watch;
    list->count++;
    watch_list_wake(list);
}

static void list_remove(struct watch_list *list, const struct exec_connection *connection,
                        int64_t id)
{
    struct watch **at = &list->watches;
    while (*at != NULL) {
        struct watch *watch = *at;
        if (watch->connection == connection && (id == 0 || watch->id == id)) {
            *at = watch->next;
            list->count--;
            watch_free(watch);
        } else {
            at = &watch->next;
        }
    }
}

void watch_list_remove(struct watch_list *list, const struct exec_connection *connection,
                       int64_t id)
{
    list_remove(list, connection, id);
}

void watch_list_forget(struct watch_list *list, const struct exec_connection *connection)
{
    list_remove(list, connection, 0);
}

struct watch_list *watch_list_new(struct execd *daemon)
{
    struct watch_list *list = alloc_zero(sizeof(*list));
    list->daemon = daemon;
    list->timer = loop_add_timer(daemon->loop, list_look, list);
    return list;
}

void watch_list_free(struct watch_list *list)
{
    if (list == NULL) {
        return;
    }
    while (list->watches != NULL) {
        struct watch *watch = list->watches;
        list->watches = watch->next;
        watch_free(watch);
    }
    loop_source_free(list->timer);
    free(list);
}
