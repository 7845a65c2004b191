// SPDX-License-Identifier: Apache-2.0
// The local view of the store. Deleted entries are kept as such for readers that ask what changed;
// when there are too many, the older half of them is forgotten.
#include "common/host/client_cache.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/json.h"
#include "common/model/store_keys.h"
#include "common/port/store.h"

// A daemon reads in every round, so that it never lags by this many deletions.
enum { DELETED_MAX = 32 * 1024 };

enum { CACHE_PART_MAX = 32 }; // longer than the first parts of any key of ours

struct cache_entry {
    char *value; // NULL: deleted
    size_t size_bytes;
    uint64_t version; // in the store: what a write's condition names
    uint64_t seen;    // token of the view in which it changed
};

static void entry_free(void *value)
{
    struct cache_entry *entry = value;
    free(entry->value);
    free(entry);
}

void client_cache_init(struct client_cache *cache)
{
    *cache = (struct client_cache){0};
    map_init(&cache->entries, entry_free);
    map_init(&cache->loading, entry_free);
    map_init(&cache->changed, free);
    client_cache_mark(cache);
}

void client_cache_done(struct client_cache *cache)
{
    map_done(&cache->entries);
    map_done(&cache->loading);
    map_done(&cache->changed);
}

static struct cache_entry *entry_new(const struct store_entry *said)
{
    struct cache_entry *entry = alloc_zero(sizeof(*entry));
    entry->version = said->version;
    if (said->value != NULL) {
        entry->value = alloc_zero(said->size_bytes + 1);
        entry->size_bytes = said->size_bytes;
        memcpy(entry->value, said->value, said->size_bytes);
    }
    return entry;
}

// Reads {"key":…,"value":…,"version":…} of a peer that we trust to be well-formed, since it is our
// own daemon; what is not is skipped. False then. What is read is the document's.
static bool entry_from_json(const struct json *json, struct store_entry *ret)
{
    int64_t version = 0;
    struct store_entry entry = {
        .key = json_find_string(json, "key"),
        .value = json_find_string(json, "value"),
    };
    if (entry.key == NULL || json_get_int(json, "version", 0, INT64_MAX, &version, NULL) < 0) {
        return false;
    }
    entry.version = (uint64_t)version;
    entry.size_bytes = entry.value != NULL ? strlen(entry.value) : 0;
    *ret = entry;
    return true;
}

static bool entry_is_equal(const struct cache_entry *a, const struct cache_entry *b)
{
    if ((a->value == NULL) != (b->value == NULL)) {
        return false;
    }
    return a->value == NULL || (a->version == b->version && strcmp(a->value, b->value) == 0);
}

// How long the key's first part is, or the first two together below "live/", where some keys change
// all the time and others hardly ever; without the slash behind them. 0: it has none of that sort.
static size_t key_part(const char *key, bool two)
{
    static const char live[] = STORE_PREFIX_VOLATILE;
    size_t skipped = two ? sizeof(live) - 1 : 0;
    if (strncmp(key, live, skipped) != 0) {
        return 0;
    }
    const char *slash = strchr(key + skipped, '/');
    return slash != NULL && slash - key < CACHE_PART_MAX ? (size_t)(slash - key) : 0;
}

// The token of the last change among the keys that begin with the same part; NULL when none has
// changed yet.
static uint64_t *part_changed(const struct client_cache *cache, const char *key, size_t length)
{
    char part[CACHE_PART_MAX];
    memcpy(part, key, length);
    part[length] = '\0';
    return map_find(&cache->changed, part);
}

// As above, with as many parts as the prefix has; NULL for one without parts.
static const uint64_t *cache_changed(const struct client_cache *cache, const char *prefix)
{
    size_t length = key_part(prefix, true);
    length = length > 0 ? length : key_part(prefix, false);
    return length > 0 ? part_changed(cache, prefix, length) : NULL;
}

static void cache_note_part(struct client_cache *cache, const char *key, size_t length,
                            uint64_t token)
{
    if (length == 0) {
        return;
    }
    uint64_t *changed = part_changed(cache, key, length);
    if (changed == NULL) {
        char *part CLEANUP(alloc_freep) = alloc_strdup(key);
        part[length] = '\0';
        changed = alloc_zero(sizeof(*changed));
        map_put(&cache->changed, part, changed);
    }
    *changed = token > *changed ? token : *changed;
}

static void cache_note_change(struct client_cache *cache, const char *key, uint64_t token)
{
    cache_note_part(cache, key, key_part(key, false), token);
    cache_note_part(cache, key, key_part(key, true), token);
}

// Puts the entry into the view when it says something new, and releases it otherwise.
static bool cache_put(struct client_cache *cache, const char *key, struct cache_entry *entry)
{
    const struct cache_entry *old = map_find(&cache->entries, key);
    if (old == NULL ? entry->value == NULL : entry_is_equal(old, entry)) {
        entry_free(entry);
        return false;
    }
    if (old != NULL && old->value == NULL) {
        cache->deleted--;
    }
    if (entry->value == NULL) {
        cache->deleted++;
    }
    cache->lowest = entry->version < cache->lowest ? entry->version : cache->lowest;
    cache->highest = entry->version > cache->highest ? entry->version : cache->highest;
    map_put(&cache->entries, key, entry);
    cache_note_change(cache, key, entry->seen);
    return true;
}

static int compare_tokens(const void *a, const void *b)
{
    const uint64_t *x = a;
    const uint64_t *y = b;
    return *x < *y ? -1 : *x > *y;
}

// Forgets the older half of the deleted entries, but none of the last batch: nobody can have read
// them.
static void cache_prune(struct client_cache *cache)
{
    if (cache->deleted <= DELETED_MAX) {
        return;
    }
    uint64_t *tokens = alloc_zero(cache->deleted * sizeof(*tokens));
    size_t count = 0;
    map_each (e, &cache->entries) {
        const struct cache_entry *entry = e->value;
        if (entry->value == NULL) {
            tokens[count++] = entry->seen;
        }
    }
    assert(count == cache->deleted);
    qsort(tokens, count, sizeof(*tokens), compare_tokens);
    uint64_t floor = tokens[count / 2] < cache->token ? tokens[count / 2] : cache->token - 1;
    free(tokens);
    struct map kept;
    map_init(&kept, entry_free);
    for (size_t i = 0; i < cache->entries.count; i++) {
        struct cache_entry *entry = cache->entries.entries[i].value;
        cache->entries.entries[i].value = NULL;
        if (entry->value == NULL && entry->seen <= floor) {
            cache->deleted--;
            entry_free(entry);
        } else {
            map_put(&kept, cache->entries.entries[i].key, entry);
        }
    }
    map_done(&cache->entries);
    cache->entries = kept;
}

// The token of a batch of changes: above all tokens before, and not below the store's version.
static uint64_t token_after(const struct client_cache *cache, uint64_t version)
{
    return version > cache->token ? version : cache->token + 1;
}

void client_cache_load_begin(struct client_cache *cache)
{
    map_clear(&cache->loading);
}

void client_cache_load(struct client_cache *cache, const struct json *entries)
{
    for (size_t i = 0; entries != NULL && i < entries->count; i++) {
        struct store_entry entry;
        if (entry_from_json(entries->items[i], &entry)) {
            client_cache_load_entry(cache, &entry);
        }
    }
}

void client_cache_load_entry(struct client_cache *cache, const struct store_entry *entry)
{
    map_put(&cache->loading, entry->key, entry_new(entry));
}

bool client_cache_load_end(struct client_cache *cache, uint64_t version)
{
    uint64_t token = token_after(cache, version);
    bool changed = false;
    for (size_t i = 0; i < cache->entries.count; i++) {
        const char *key = cache->entries.entries[i].key;
        const struct cache_entry *entry = cache->entries.entries[i].value;
        if (entry->value != NULL && !map_has(&cache->loading, key)) {
            struct cache_entry *gone = alloc_zero(sizeof(*gone));
            gone->version = version;
            gone->seen = token;
            changed = cache_put(cache, key, gone) || changed;
        }
    }
    for (size_t i = 0; i < cache->loading.count; i++) {
        struct cache_entry *entry = cache->loading.entries[i].value;
        cache->loading.entries[i].value = NULL;
        entry->seen = token;
        changed = cache_put(cache, cache->loading.entries[i].key, entry) || changed;
    }
    map_clear(&cache->loading); // its values were taken over one by one above
    if (changed || version > cache->token) {
        cache->token = token;
    }
    cache_prune(cache);
    return changed;
}

static bool cache_apply_entry(struct client_cache *cache, const struct store_entry *said,
                              uint64_t token)
{
    struct cache_entry *entry = entry_new(said);
    entry->seen = token;
    return cache_put(cache, said->key, entry);
}

static void cache_apply_end(struct client_cache *cache, uint64_t token, uint64_t version,
                            bool changed)
{
    if (changed || version > cache->token) {
        cache->token = token;
    }
    cache_prune(cache);
}

bool client_cache_apply(struct client_cache *cache, const struct json *entries, uint64_t version)
{
    uint64_t token = token_after(cache, version);
    bool changed = false;
    for (size_t i = 0; entries != NULL && i < entries->count; i++) {
        struct store_entry entry;
        if (entry_from_json(entries->items[i], &entry)) {
            changed = cache_apply_entry(cache, &entry, token) || changed;
        }
    }
    cache_apply_end(cache, token, version, changed);
    return changed;
}

bool client_cache_apply_entries(struct client_cache *cache, const struct store_entry *entries,
                                size_t count, uint64_t version)
{
    uint64_t token = token_after(cache, version);
    bool changed = false;
    for (size_t i = 0; i < count; i++) {
        changed = cache_apply_entry(cache, &entries[i], token) || changed;
    }
    cache_apply_end(cache, token, version, changed);
    return changed;
}

void client_cache_mark(struct client_cache *cache)
{
    cache->lowest = UINT64_MAX;
    cache->highest = 0;
}

bool client_cache_has_foreign(const struct client_cache *cache, uint64_t own)
{
    if (cache->lowest > cache->highest) {
        return false; // nothing changed
    }
    return cache->lowest != own || cache->highest != own;
}

void client_cache_read(const struct client_cache *cache, const char *prefix, uint64_t since,
                       struct arena *arena, struct store_entries *ret)
{
    size_t length = strlen(prefix);
    const uint64_t *changed = cache_changed(cache, prefix);
    if (since > 0 && changed != NULL && *changed <= since) {
        *ret = (struct store_entries){.version = cache->token}; // most reads of most rounds
        return;
    }
    size_t first = map_lower_bound(&cache->entries, prefix);
    size_t end = first;
    while (end < cache->entries.count &&
           strncmp(cache->entries.entries[end].key, prefix, length) == 0) {
        end++;
    }
    struct store_entry *found = arena_array_of(arena, struct store_entry, end - first);
    size_t count = 0;
    for (size_t i = first; i < end; i++) {
        const struct cache_entry *entry = cache->entries.entries[i].value;
        if (since > 0 ? entry->seen <= since : entry->value == NULL) {
            continue;
        }
        found[count].key = arena_strdup(arena, cache->entries.entries[i].key);
        if (entry->value != NULL) {
            found[count].value = arena_memdup(arena, entry->value, entry->size_bytes);
        }
        found[count].size_bytes = entry->size_bytes;
        found[count].version = entry->version;
        count++;
    }
    *ret = (struct store_entries){.entries = found, .count = count, .version = cache->token};
}
