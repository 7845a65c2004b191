// SPDX-License-Identifier: Apache-2.0
// One entry of the history.
#include "cli/history_edit.h"

#include "cli/session.h"
#include "common/base/arena.h"
#include "common/model/store_keys.h"
#include "common/port/history.h"
#include "common/port/store.h"

enum { MS_PER_S = 1000 };

int history_edit_ops(struct arena *arena, const struct session *session, const struct event *event,
                     int64_t now_s, const struct store_op **ret_ops, size_t *ret_count,
                     struct error *err)
{
    struct history history = {0};
    struct store_entries entries;
    int r = store_read(session->store, STORE_PREFIX_HISTORY, 0, arena, &entries, err);
    if (r < 0) {
        return r;
    }
    history_update(&history, &entries);
    history_write(&history, arena, arena_printf(arena, "%s/tool", session->node), now_s * MS_PER_S,
                  &event, 1, ret_ops, ret_count);
    history_done(&history);
    return 0;
}
