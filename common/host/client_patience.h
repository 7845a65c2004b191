// SPDX-License-Identifier: Apache-2.0
// How long a daemon's round waits for the answer to a write. While it waits it renews nothing, so
// it is impatient; but a cluster that always needs longer must not be asked the same again and
// again, so each answer that did not come makes it wait twice as long the next time.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct client_patience {
    int64_t least_ms, most_ms; // least = most: always the same
    int64_t now_ms;            // for the next write
};

void client_patience_init(struct client_patience *patience, int64_t least_ms, int64_t most_ms);
// `took_ms` is until the answer, or until it was given up.
void client_patience_note(struct client_patience *patience, bool answered, int64_t took_ms);
