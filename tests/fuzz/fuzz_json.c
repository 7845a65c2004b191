// SPDX-License-Identifier: Apache-2.0
// Any bytes as JSON: what is read is written, read again and written again as the same bytes, in
// both styles.
#include <assert.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/json.h"
#include "common/base/strbuf.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct json *json = NULL;
    if (json_parse(arena, (const char *)data, size_bytes, &json, NULL) < 0) {
        return 0;
    }
    const char *text = json_to_text(arena, json);
    struct json *again = NULL;
    int r = json_parse(arena, text, strlen(text), &again, NULL);
    assert(r == 0);
    assert(strcmp(json_to_text(arena, again), text) == 0);
    struct strbuf pretty CLEANUP(strbuf_done) = {0};
    json_format(json, JSON_STYLE_PRETTY, &pretty);
    r = json_parse(arena, strbuf_text(&pretty), pretty.size_bytes, &again, NULL);
    assert(r == 0);
    assert(strcmp(json_to_text(arena, again), text) == 0);
    return 0;
}
