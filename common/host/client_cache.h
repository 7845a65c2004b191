// SPDX-License-Identifier: Apache-2.0
// The local view of the store behind cluster_client: the entries below the subscribed prefixes, as
// ha-clusterd tells them. Not for use elsewhere.
//
// `since` is a token of this view, not a version of the store: it grows by at least one with every
// change that came in, also when the cluster adopted a history with lower versions, so that a
// reader never misses a change.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"
#include "common/base/map.h"

struct arena;
struct json;
struct store_entries;
struct store_entry;

struct client_cache {
    struct map entries; // key → struct cache_entry *
    struct map loading; // the snapshot that is coming in
    // First part of the key, up to its first slash, and below "live/" the first two parts →
    // uint64_t *: last token.
    struct map changed;
    uint64_t token;
    size_t deleted;           // how many of the entries say "deleted"
    uint64_t lowest, highest; // versions that changed something since client_cache_mark()
};

void client_cache_init(struct client_cache *cache);
void client_cache_done(struct client_cache *cache);
// Begins, continues and ends the replacement of the whole view; what it does not name is deleted.
// The end returns whether anything differs.
void client_cache_load_begin(struct client_cache *cache);
void client_cache_load(struct client_cache *cache, const struct json *entries);
void client_cache_load_entry(struct client_cache *cache, const struct store_entry *entry);
bool client_cache_load_end(struct client_cache *cache, uint64_t version);
// Committed changes, in their order. Returns whether anything differs.
bool client_cache_apply(struct client_cache *cache, const struct json *entries, uint64_t version);
bool client_cache_apply_entries(struct client_cache *cache, const struct store_entry *entries,
                                size_t count, uint64_t version);
// Since the last mark: did anything but version `own` change?
void client_cache_mark(struct client_cache *cache);
bool client_cache_has_foreign(const struct client_cache *cache, uint64_t own) WARN_UNUSED;
// As store_read(); copies into the arena.
void client_cache_read(const struct client_cache *cache, const char *prefix, uint64_t since,
                       struct arena *arena, struct store_entries *ret);
