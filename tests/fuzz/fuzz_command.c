// SPDX-License-Identifier: Apache-2.0
// Any bytes as a command, in its one-line form and in its envelope: reading, writing, reading is a
// fixed point.
#include <assert.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/model/command.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct command *command = NULL;
    const char *line = arena_memdup(arena, data, size_bytes);
    if (command_parse_text(arena, line, &command, NULL) == 0) {
        const char *text = command_format_text(arena, command);
        int r = command_parse_text(arena, text, &command, NULL);
        assert(r == 0);
        assert(strcmp(command_format_text(arena, command), text) == 0);
    }
    if (command_parse(arena, (const char *)data, size_bytes, &command, NULL) == 0) {
        const char *text = command_format(arena, command);
        int r = command_parse(arena, text, strlen(text), &command, NULL);
        assert(r == 0);
        assert(strcmp(command_format(arena, command), text) == 0);
    }
    return 0;
}
