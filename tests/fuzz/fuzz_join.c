// SPDX-License-Identifier: Apache-2.0
// Any bytes as what somebody pastes on a node that joins: as they are, and as what is in the
// base64. A line is one thing or the other, never both; what is read is written, and reads again
// the same.
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "cli/join_info.h"
#include "cli/join_string.h"
#include "common/base/arena.h"
#include "common/base/digest.h"
#include "common/base/error.h"
#include "tests/fuzz/fuzz.h"

static void line_try(struct arena *arena, const char *line)
{
    struct join_info info = {0};
    struct join_string join = {0};
    struct error err = {0};
    int info_r = join_info_parse(arena, line, &info, &err);
    assert(info_r == 0 || info_r == -EINVAL || info_r == -EBADMSG);
    assert((info_r == 0) == (info.address != NULL));
    if (info_r == 0) {
        // It becomes a part of an address of the web: nothing but a host.
        assert(info.address[0] != '\0');
        assert(strpbrk(info.address, "/@?#[]% \t\r\n\\") == NULL);
        assert(info.fingerprint != NULL);
    } else {
        assert(err.text[0] != '\0');
    }
    int join_r = join_string_parse(arena, line, &join, &err);
    assert(join_r == 0 || join_r == -EINVAL);
    assert((join_r == 0) == (join.node != NULL));
    assert(join_r < 0 || info_r < 0);
    if (join_r == 0) {
        struct join_string again = {0};
        const char *written = join_string_format(arena, &join);
        int r = join_string_parse(arena, written, &again, &err);
        assert(r == 0);
        assert(strcmp(join_string_format(arena, &again), written) == 0);
        assert(again.authkey_size_bytes == join.authkey_size_bytes);
        assert(again.authkey_size_bytes <= JOIN_AUTHKEY_MAX);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    line_try(arena, arena_memdup(arena, data, size_bytes));
    line_try(arena, digest_base64_encode(arena, data, size_bytes));
    return 0;
}
