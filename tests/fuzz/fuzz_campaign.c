// SPDX-License-Identifier: Apache-2.0
// Any bytes as a campaign: what is taken is written and read again unchanged.
#include <assert.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/strbuf.h"
#include "sim/swarm/campaign.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct campaign *campaign = NULL;
    if (campaign_parse(arena, arena_memdup(arena, data, size_bytes), &campaign, NULL) < 0) {
        assert(campaign == NULL);
        return 0;
    }
    struct strbuf first CLEANUP(strbuf_done) = {0};
    struct strbuf second CLEANUP(strbuf_done) = {0};
    campaign_format(campaign, &first);
    int r = campaign_parse(arena, strbuf_text(&first), &campaign, NULL);
    assert(r == 0);
    campaign_format(campaign, &second);
    assert(strcmp(strbuf_text(&first), strbuf_text(&second)) == 0);
    return 0;
}
