// SPDX-License-Identifier: Apache-2.0
// Keeps the deadlines of the clients and decides whether the device may be fed. It knows no clock,
// device or socket. INV-5: after the first deadline that passed, no input makes mux_may_feed() say
// true again.
#include "watchdog/mux.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/map.h"
#include "common/base/planted.h"

struct mux_entry {
    int64_t deadline_ms;
};

struct mux {
    struct map clients; // name → struct mux_entry *
    char *expired;      // set once, never cleared
};

struct mux *mux_new(void)
{
    struct mux *mux = alloc_zero(sizeof(*mux));
    map_init(&mux->clients, free);
    return mux;
}

void mux_free(struct mux *mux)
{
    if (mux != NULL) {
        map_done(&mux->clients);
        free(mux->expired);
        free(mux);
    }
}

void mux_freep(struct mux **mux)
{
    mux_free(*mux);
}

bool mux_may_feed(struct mux *mux, int64_t now_ms)
{
    if (mux->expired != NULL) {
        return false;
    }
    map_each (e, &mux->clients) {
        struct mux_entry *entry = e->value;
        if (entry->deadline_ms <= now_ms && planted_is(PLANTED_EXPIRY_FORGIVEN)) {
            entry->deadline_ms = now_ms + 1000;
        }
        if (entry->deadline_ms <= now_ms) {
            mux->expired = alloc_strdup(e->key);
            return false;
        }
    }
    return true;
}

static void entry_put(struct mux *mux, const char *client, int64_t deadline_ms)
{
    struct mux_entry *entry = alloc_zero(sizeof(*entry));
    entry->deadline_ms = deadline_ms;
    map_put(&mux->clients, client, entry);
}

int mux_arm(struct mux *mux, const char *client, int64_t now_ms, int64_t deadline_ms)
{
    // The check comes first: a client that stalled past its own deadline must not revive itself
    // (INV-5).
    if (!mux_may_feed(mux, now_ms)) {
        return -ETIME;
    }
    struct mux_entry *entry = map_find(&mux->clients, client);
    if (entry == NULL && deadline_ms <= now_ms) {
        return -EINVAL;
    }
    if (entry == NULL) {
        entry_put(mux, client, deadline_ms);
    } else if (deadline_ms > entry->deadline_ms) {
        entry->deadline_ms = deadline_ms;
    }
    assert(mux_deadline_ms(mux) > now_ms);
    return 0;
}

int mux_disarm(struct mux *mux, const char *client, int64_t now_ms)
{
    if (!mux_may_feed(mux, now_ms)) {
        return -ETIME;
    }
    (void)map_remove(&mux->clients, client); // not armed is fine
    return 0;
}

void mux_restore(struct mux *mux, const char *client, int64_t deadline_ms)
{
    assert(mux->expired == NULL);
    entry_put(mux, client, deadline_ms);
}

int64_t mux_deadline_ms(const struct mux *mux)
{
    int64_t earliest_ms = INT64_MAX;
    map_each (e, &mux->clients) {
        const struct mux_entry *entry = e->value;
        if (entry->deadline_ms < earliest_ms) {
            earliest_ms = entry->deadline_ms;
        }
    }
    return earliest_ms;
}

const char *mux_expired_client(const struct mux *mux)
{
    return mux->expired;
}

size_t mux_count(const struct mux *mux)
{
    return mux->clients.count;
}

const char *mux_client(const struct mux *mux, size_t index, int64_t *ret_deadline_ms)
{
    assert(index < mux->clients.count);
    const struct mux_entry *entry = mux->clients.entries[index].value;
    *ret_deadline_ms = entry->deadline_ms;
    return mux->clients.entries[index].key;
}

int mux_find(const struct mux *mux, const char *client, int64_t *ret_deadline_ms)
{
    const struct mux_entry *entry = map_find(&mux->clients, client);
    if (entry == NULL) {
        return -ENOENT;
    }
    *ret_deadline_ms = entry->deadline_ms;
    return 0;
}
