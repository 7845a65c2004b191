// SPDX-License-Identifier: Apache-2.0
#include "common/host/client_patience.h"

#include <assert.h>

void client_patience_init(struct client_patience *patience, int64_t least_ms, int64_t most_ms)
{
    assert(0 < least_ms && least_ms <= most_ms);
    *patience = (struct client_patience){least_ms, most_ms, least_ms};
}

void client_patience_note(struct client_patience *patience, bool answered, int64_t took_ms)
{
    if (!answered) {
        int64_t twice_ms = patience->now_ms * 2;
        patience->now_ms = twice_ms < patience->most_ms ? twice_ms : patience->most_ms;
    } else if (took_ms < patience->least_ms) {
        patience->now_ms = patience->least_ms;
    }
}
