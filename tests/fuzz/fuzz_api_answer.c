// SPDX-License-Identifier: Apache-2.0
// Any bytes as an answer of ha-execd: members lie within the text, and a reason phrase is one line.
#include <assert.h>
#include <string.h>

#include "api/http/parse/api_answer.h"
#include "api/http/parse/json_slice.h"
#include "common/base/arena.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    static const char *const names[] = {"id", "data"};
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    const char *text = arena_memdup(arena, data, size_bytes);
    struct json_slice slices[2];
    if (json_slice_members(text, size_bytes, names, slices, 2) == 0) {
        for (size_t i = 0; i < 2; i++) {
            assert(slices[i].text == NULL || (slices[i].text >= text && slices[i].size_bytes > 0));
            assert(slices[i].text == NULL ||
                   slices[i].text + slices[i].size_bytes < text + size_bytes);
        }
    }
    assert(json_weigh(text, size_bytes) <= size_bytes);
    for (enum api_format format = API_FORMAT_JSON; format <= API_FORMAT_EXTJS; format++) {
        struct api_answer answer;
        if (api_answer_read(arena, format, text, size_bytes, &answer, NULL) == 0 &&
            !answer.is_forward) {
            assert(answer.status >= 200 && answer.status < 600);
            assert(strpbrk(answer.reason, "\r\n") == NULL);
        }
    }
    return 0;
}
