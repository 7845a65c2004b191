// SPDX-License-Identifier: Apache-2.0
// Any bytes as cluster-wide options: what is read lies in the documented ranges, and bad text
// changes nothing.
#include <assert.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/model/options.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct options options = {.max_workers = -1};
    if (options_parse(arena, arena_memdup(arena, data, size_bytes), &options, NULL) < 0) {
        assert(options.max_workers == -1);
        return 0;
    }
    assert((unsigned)options.shutdown_policy < SHUTDOWN_POLICY_MAX);
    assert((unsigned)options.scheduler < SCHEDULER_MODE_MAX);
    assert((unsigned)options.auto_rebalance_method < REBALANCE_METHOD_MAX);
    assert(options.auto_rebalance_threshold >= 0);
    assert(options.auto_rebalance_threshold <= 1);
    assert(options.auto_rebalance_margin >= 0);
    assert(options.auto_rebalance_margin <= 1);
    assert(options.auto_rebalance_hold_rounds >= 0);
    assert(options.max_workers >= 1);
    return 0;
}
