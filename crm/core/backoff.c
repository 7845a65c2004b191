// SPDX-License-Identifier: Apache-2.0
// Kept in memory only: a new master tries once more at once, which is harmless.
#include "crm/core/backoff.h"

#include "common/base/alloc.h"
#include "crm/core/manager.h"
#include "crm/core/master_round.h"

enum { BACKOFF_FIRST_MS = 10 * 1000, BACKOFF_MAX_MS = 600 * 1000, BACKOFF_DOUBLINGS_MAX = 6 };

void backoff_note(struct master_round *round, const struct item *item)
{
    if (round->classic) {
        return;
    }
    struct manager_backoff *entry = map_find(&round->manager->backoff, item->sid);
    if (entry == NULL) {
        entry = alloc_zero(sizeof(*entry));
        map_put(&round->manager->backoff, item->sid, entry);
    }
    int64_t doublings =
        entry->failures < BACKOFF_DOUBLINGS_MAX ? entry->failures : BACKOFF_DOUBLINGS_MAX;
    int64_t wait_ms = (int64_t)BACKOFF_FIRST_MS << doublings;
    entry->failures++;
    entry->until_ms = round->input->now_ms + (wait_ms < BACKOFF_MAX_MS ? wait_ms : BACKOFF_MAX_MS);
}

void backoff_clear(struct master_round *round, const struct item *item)
{
    (void)map_remove(&round->manager->backoff, item->sid);
}

bool backoff_is_waiting(struct master_round *round, const struct item *item)
{
    if (round->manager->backoff.count == 0) {
        return false;
    }
    const struct manager_backoff *entry = map_find(&round->manager->backoff, item->sid);
    if (entry == NULL || round->input->now_ms >= entry->until_ms) {
        return false;
    }
    master_round_wake(round, entry->until_ms);
    return true;
}
