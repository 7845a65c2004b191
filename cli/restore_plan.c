// SPDX-License-Identifier: Apache-2.0
// Comparing a backup with the store.
#include "cli/restore_plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/map.h"
#include "common/base/strbuf.h"
#include "common/model/backup.h"
#include "common/model/guest.h"
#include "common/model/resources.h"
#include "common/model/service.h"
#include "common/model/store_keys.h"
#include "common/port/store.h"

enum {
    TXN_BYTES = 1024 * 1024, // and one value more
    TXN_OPS = 256,
};

// In this order: what others need comes before them, and resources, which set all in motion, last.
// The keys of tickets are not among them: who logged in logs in again.
static const char *const prefixes[] = {
    STORE_PREFIX_STORAGE,
    STORE_PREFIX_FENCE_SECRET,
    STORE_KEY_FENCE,
    STORE_KEY_DATACENTER,
    STORE_PREFIX_USER_SECRET,
    STORE_PREFIX_TOKEN_SECRET,
    STORE_PREFIX_ROLE,
    STORE_PREFIX_USER_GROUP,
    STORE_PREFIX_USER,
    STORE_PREFIX_TOKEN,
    STORE_KEY_ACL,
    STORE_PREFIX_GUEST,
    STORE_PREFIX_NOTIFY_SECRET,
    STORE_KEY_NOTIFICATIONS,
    STORE_KEY_GROUPS,
    STORE_KEY_GROUP_VIEW,
    STORE_KEY_RULES,
    STORE_PREFIX_RESOURCE,
};

// The place of a key in that order, or −1: not restored.
static int key_rank(const char *key)
{
    for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
        size_t length = strlen(prefixes[i]);
        bool is_folder = prefixes[i][length - 1] == '/';
        if (is_folder ? strncmp(key, prefixes[i], length) == 0 : strcmp(key, prefixes[i]) == 0) {
            return (int)i;
        }
    }
    return -1;
}

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static int compare_key(const void *key, const void *entry)
{
    return strcmp(key, ((const struct store_entry *)entry)->key);
}

static const struct store_entry *entry_find(const struct store_entries *entries, const char *key)
{
    const struct store_entry *entry =
        entries->count == 0
            ? NULL
            : bsearch(key, entries->entries, entries->count, sizeof(*entry), compare_key);
    return entry != NULL && entry->value != NULL ? entry : NULL;
}

static bool is_node(const struct restore_spec *spec, const char *node)
{
    for (size_t i = 0; i < spec->nodes_count; i++) {
        if (strcmp(spec->nodes[i], node) == 0) {
            return true;
        }
    }
    return false;
}

// The guest as it is to be: its definition of the backup, its place of now.
static int guest_change(const struct restore_spec *spec, struct arena *arena,
                        const struct store_entry *now, struct restore_change *change,
                        struct error *err)
{
    const char *sid = change->key + strlen(STORE_PREFIX_GUEST);
    struct guest *guest;
    struct guest *current;
    int r = guest_parse(arena, change->value, change->size_bytes, &guest, err);
    if (r < 0) {
        return error_prefix(err, "guest '%s' of the backup", sid);
    }
    if (now != NULL) {
        r = guest_parse(arena, now->value, now->size_bytes, &current, err);
        if (r < 0) {
            return error_prefix(err, "guest '%s' of this cluster", sid);
        }
        guest->node = current->node;
        guest->lock = current->lock;
    } else if (!is_node(spec, guest->node)) {
        change->stray_node = guest->node;
        guest->node = spec->place != NULL ? spec->place : guest->node;
    }
    change->value = guest_format(arena, guest);
    change->size_bytes = strlen(change->value);
    return 0;
}

// The resource, not to run.
static int resource_stop(struct arena *arena, struct restore_change *change, struct error *err)
{
    struct strbuf text CLEANUP(strbuf_done) = {0};
    struct resource *resource;
    int r = resource_parse(arena, change->value, &resource, err);
    if (r == 0 && resource->state == REQUEST_STATE_STARTED) {
        r = resource_set(arena, resource, "state", request_state_to_string(REQUEST_STATE_STOPPED),
                         err);
        resource_format(resource, &text);
        change->value = arena_strdup(arena, strbuf_text(&text));
        change->size_bytes = text.size_bytes;
    }
    return r < 0 ? error_prefix(err, "'%s' of the backup", change->key) : 0;
}

static int change_make(const struct restore_spec *spec, struct arena *arena,
                       const struct backup_entry *entry, struct restore_change *ret,
                       struct error *err)
{
    const struct store_entry *now = entry_find(spec->now, entry->key);
    struct restore_change change = {
        .key = entry->key,
        .value = entry->value,
        .size_bytes = entry->size_bytes,
        .expect = now != NULL ? now->version : STORE_ABSENT,
    };
    int r = 0;
    if (starts_with(entry->key, STORE_PREFIX_GUEST)) {
        r = guest_change(spec, arena, now, &change, err);
    } else if (spec->stopped && starts_with(entry->key, STORE_PREFIX_RESOURCE)) {
        r = resource_stop(arena, &change, err);
    }
    if (r < 0) {
        return r;
    }
    bool same = now != NULL && now->size_bytes == change.size_bytes &&
                memcmp(now->value, change.value, change.size_bytes) == 0;
    change.kind = same ? RESTORE_KIND_SAME : now != NULL ? RESTORE_KIND_CHANGE : RESTORE_KIND_ADD;
    *ret = change;
    return 0;
}

static int compare_change(const void *a, const void *b)
{
    const struct restore_change *x = a;
    const struct restore_change *y = b;
    int rank = key_rank(x->key) - key_rank(y->key);
    return rank != 0 ? rank : strcmp(x->key, y->key);
}

int restore_plan_make(const struct restore_spec *spec, struct arena *arena,
                      struct restore_plan *ret, struct error *err)
{
    size_t count = 0;
    struct restore_change *changes = arena_array_of(arena, struct restore_change,
                                                    spec->backup->entries_count + spec->now->count);
    for (size_t i = 0; i < spec->backup->entries_count; i++) {
        const struct backup_entry *entry = &spec->backup->entries[i];
        if (entry->value == NULL || key_rank(entry->key) < 0) {
            continue;
        }
        int r = change_make(spec, arena, entry, &changes[count], err);
        if (r < 0) {
            return r;
        }
        count++;
    }
    for (size_t i = 0; i < spec->now->count; i++) {
        const struct store_entry *now = &spec->now->entries[i];
        const struct backup_entry *entry = backup_find(spec->backup, now->key);
        if (now->value == NULL || key_rank(now->key) < 0 ||
            (entry != NULL && entry->value != NULL)) {
            continue;
        }
        changes[count++] = (struct restore_change){
            .kind = spec->exact ? RESTORE_KIND_DELETE : RESTORE_KIND_EXTRA,
            .key = now->key,
            .expect = now->version,
        };
    }
    if (count > 0) {
        qsort(changes, count, sizeof(*changes), compare_change);
    }
    *ret = (struct restore_plan){.changes = changes, .count = count};
    return 0;
}

static bool is_written(const struct restore_change *change)
{
    return change->kind == RESTORE_KIND_ADD || change->kind == RESTORE_KIND_CHANGE ||
           change->kind == RESTORE_KIND_DELETE;
}

size_t restore_plan_next(const struct restore_plan *plan, struct arena *arena, size_t *at,
                         const struct store_op **ret_ops)
{
    struct store_op *ops = arena_array_of(arena, struct store_op, TXN_OPS);
    size_t count = 0;
    size_t size_bytes = 0;
    while (*at < plan->count && count < TXN_OPS && size_bytes < TXN_BYTES) {
        const struct restore_change *change = &plan->changes[(*at)++];
        if (!is_written(change)) {
            continue;
        }
        ops[count++] = (struct store_op){
            .key = change->key,
            .value = change->kind == RESTORE_KIND_DELETE ? NULL : change->value,
            .size_bytes = change->size_bytes,
            .expect = change->expect,
        };
        size_bytes += change->size_bytes + strlen(change->key);
    }
    *ret_ops = ops;
    return count;
}

static bool is_at_rest(enum svc_state state)
{
    return state == SVC_STATE_STOPPED || state == SVC_STATE_ERROR;
}

const char *restore_plan_running(const struct store_entries *now, struct arena *arena)
{
    struct strbuf text CLEANUP(strbuf_done) = {0};
    for (size_t i = 0; i < now->count; i++) {
        const struct store_entry *entry = &now->entries[i];
        struct service *service;
        if (entry->value == NULL || !starts_with(entry->key, STORE_PREFIX_SERVICE)) {
            continue;
        }
        const char *sid = entry->key + strlen(STORE_PREFIX_SERVICE);
        const char *comma = text.size_bytes > 0 ? ", " : "";
        if (service_parse(arena, sid, entry->value, entry->size_bytes, &service, NULL) < 0) {
            strbuf_appendf(&text, "%s%s (its record cannot be read)", comma, sid);
        } else if (!is_at_rest(service->state)) {
            strbuf_appendf(&text, "%s%s (%s)", comma, sid, svc_state_to_string(service->state));
        }
    }
    return text.size_bytes > 0 ? arena_strdup(arena, strbuf_text(&text)) : NULL;
}
