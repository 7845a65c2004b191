// SPDX-License-Identifier: Apache-2.0
// The store port: reads of subscribed prefixes from the local view, other reads and all writes by
// calls. A write returns after its changes have come in, since ha-clusterd sends them before the
// answer.
#include <errno.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/utf8.h"
#include "common/host/client_internal.h"

static int client_refresh(struct store *store, struct error *err)
{
    struct cluster_client *client = ((struct client_store_port *)store)->client;
    bool quorate;
    if (client->loop == NULL) {
        struct arena *arena CLEANUP(arena_freep) = arena_new();
        struct member_list list;
        int r = membership_get(&client->membership.base, arena, &list, err);
        if (r < 0) {
            return r;
        }
        quorate = list.quorate;
    } else {
        client_pump(client);
        if (!client_is_ready(client)) {
            return error_set(err, -ENOTCONN, "no connection to ha-clusterd");
        }
        quorate = client->membership.quorate;
    }
    return quorate ? 0 : error_set(err, -EHOSTDOWN, "no quorum");
}

static bool prefix_is_watched(const struct cluster_client *client, const char *prefix)
{
    for (size_t i = 0; i < client->prefixes_count; i++) {
        if (strncmp(prefix, client->prefixes[i], strlen(client->prefixes[i])) == 0) {
            return true;
        }
    }
    return false;
}

// Entries that come in pages.
struct read_result {
    struct store_entry *entries;
    size_t count, capacity;
    uint64_t version;
};

static void result_append(struct arena *arena, struct read_result *result, const struct json *json)
{
    const char *key = json_find_string(json, "key");
    int64_t version = 0;
    if (key == NULL || json_get_int(json, "version", 0, INT64_MAX, &version, NULL) < 0) {
        return;
    }
    if (result->count == result->capacity) {
        size_t capacity = result->capacity == 0 ? 64 : result->capacity * 2;
        struct store_entry *entries = arena_array_of(arena, struct store_entry, capacity);
        if (result->count > 0) {
            memcpy(entries, result->entries, result->count * sizeof(*entries));
        }
        result->entries = entries;
        result->capacity = capacity;
    }
    const char *value = json_find_string(json, "value");
    result->entries[result->count++] = (struct store_entry){
        .key = key,
        .value = value,
        .size_bytes = value != NULL ? strlen(value) : 0,
        .version = (uint64_t)version,
    };
}

// One page; *ret_next is the key to go on after, or NULL at the end.
static int read_page(struct cluster_client *client, struct arena *arena, struct json *request,
                     struct read_result *result, const char **ret_next, struct error *err)
{
    struct json *answer;
    int r =
        cluster_client_call(client, arena, request, client_read_timeout_ms(client), &answer, err);
    if (r < 0) {
        return r;
    }
    const struct json *entries = json_find(answer, "entries");
    for (size_t i = 0; entries != NULL && i < entries->count; i++) {
        result_append(arena, result, entries->items[i]);
    }
    int64_t version = 0;
    ignore_result(json_get_int_if(answer, "version", 0, INT64_MAX, &version, NULL)); // absent: 0
    // The store may move on between pages. The first page's version is the one to read on from:
    // what changed since is told again, and nothing is missed.
    if (result->version == 0) {
        result->version = (uint64_t)version;
    }
    *ret_next = json_find_string(answer, "next");
    return 0;
}

static int client_read(struct store *store, const char *prefix, uint64_t since, struct arena *arena,
                       struct store_entries *ret, struct error *err)
{
    struct cluster_client *client = ((struct client_store_port *)store)->client;
    if (client->loop != NULL && prefix_is_watched(client, prefix)) {
        // Without a connection the last view can still be read; before the first one there is none.
        if (!client->viewed) {
            return error_set(err, -ENOTCONN, "no connection to ha-clusterd");
        }
        client_cache_read(&client->cache, prefix, since, arena, ret);
        return 0;
    }
    struct read_result result = {0};
    const char *next = NULL;
    do {
        struct json *request = json_new_object(arena);
        json_put_string(request, "op", "read");
        json_put_string(request, "prefix", prefix);
        json_put_string(request, "after", next);
        if (since > 0) {
            json_put_int(request, "since", (int64_t)since);
        }
        int r = read_page(client, arena, request, &result, &next, err);
        if (r < 0) {
            return r;
        }
    } while (next != NULL);
    *ret = (struct store_entries){
        .entries = result.entries,
        .count = result.count,
        .version = result.version,
    };
    return 0;
}

static bool text_is_utf8(const char *text, size_t size_bytes)
{
    size_t at = 0;
    while (at < size_bytes) {
        size_t length = utf8_length(text + at, size_bytes - at);
        if (length == 0 || text[at] == '\0') {
            return false;
        }
        at += length;
    }
    return true;
}

static int op_to_json(struct arena *arena, const struct store_op *op, struct json **ret,
                      struct error *err)
{
    size_t key_bytes = strlen(op->key);
    if (key_bytes == 0 || key_bytes > STORE_KEY_MAX || !text_is_utf8(op->key, key_bytes)) {
        return error_set(err, -EINVAL, "bad key '%.64s'", op->key);
    }
    struct json *json = json_new_object(arena);
    json_put_string(json, "key", op->key);
    if (op->value != NULL) {
        if (op->size_bytes > STORE_VALUE_MAX) {
            return error_set(err, -E2BIG, "value of '%s' is larger than %d bytes", op->key,
                             STORE_VALUE_MAX);
        }
        if (!text_is_utf8(op->value, op->size_bytes)) {
            return error_set(err, -EINVAL, "value of '%s' is not text in UTF-8", op->key);
        }
        json_put_string(json, "value", arena_memdup(arena, op->value, op->size_bytes));
    }
    if (op->expect != STORE_ANY) {
        json_put_int(json, "expect", (int64_t)op->expect);
    }
    *ret = json;
    return 0;
}

static int client_commit(struct store *store, const struct store_txn *txn, uint64_t *ret_version,
                         struct error *err)
{
    struct cluster_client *client = ((struct client_store_port *)store)->client;
    if (client->loop != NULL && !client_is_ready(client)) {
        return error_set(err, -ENOTCONN, "no connection to ha-clusterd");
    }
    if (txn->count > STORE_TXN_OPS_MAX) {
        return error_set(err, -E2BIG, "transaction has more than %d writes", STORE_TXN_OPS_MAX);
    }
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct json *request = json_new_object(arena);
    json_put_string(request, "op", "txn");
    if (txn->lease != NULL) {
        json_put_string(request, "lease", txn->lease);
        json_put_string(request, "owner", txn->owner);
        json_put_int(request, "term", (int64_t)txn->term);
    }
    struct json *ops = json_new_array(arena);
    for (size_t i = 0; i < txn->count; i++) {
        struct json *op = NULL;
        int r = op_to_json(arena, &txn->ops[i], &op, err);
        if (r < 0) {
            return r;
        }
        json_append(ops, op);
    }
    json_put(request, "ops", ops);
    struct json *answer;
    int64_t begun_ms = clock_now_ms(&client->clock);
    int r =
        cluster_client_call(client, arena, request, client_commit_timeout_ms(client), &answer, err);
    client_patience_note(&client->patience, r != -ETIMEDOUT,
                         clock_now_ms(&client->clock) - begun_ms);
    if (r < 0) {
        return r;
    }
    int64_t version = 0;
    r = json_get_int(answer, "version", 0, INT64_MAX, &version, err);
    if (r < 0) {
        return error_set(err, -EIO, "ha-clusterd gave an answer without version");
    }
    if (ret_version != NULL) {
        *ret_version = (uint64_t)version;
    }
    return 0;
}

static const struct store_ops client_store_ops = {
    .refresh = client_refresh,
    .read = client_read,
    .commit = client_commit,
};

void client_store_init(struct cluster_client *client)
{
    client->store.base.ops = &client_store_ops;
    client->store.client = client;
}
