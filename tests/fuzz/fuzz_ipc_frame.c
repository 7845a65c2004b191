// SPDX-License-Identifier: Apache-2.0
// Any bytes as frames: the same ones come out however the bytes are cut, and after a bad length
// none.
#include <assert.h>
#include <errno.h>

#include "common/base/strbuf.h"
#include "common/host/ipc.h"
#include "tests/fuzz/fuzz.h"

// All frames of the bytes, given in pieces, with their lengths.
static void decode(const uint8_t *data, size_t size_bytes, size_t piece_bytes, struct strbuf *out)
{
    struct ipc_decoder decoder = {0};
    int r = 0;
    for (size_t at = 0; at < size_bytes && r >= 0; at += piece_bytes) {
        size_t left = size_bytes - at;
        ipc_decoder_append(&decoder, data + at, left < piece_bytes ? left : piece_bytes);
        const char *frame = NULL;
        size_t length = 0;
        while ((r = ipc_decoder_next(&decoder, &frame, &length, NULL)) > 0) {
            assert(length > 0 && length <= IPC_FRAME_MAX);
            strbuf_appendf(out, "%zu:", length);
            strbuf_append_bytes(out, frame, length);
        }
    }
    assert(r == 0 || r == -EPROTO);
    strbuf_appendf(out, "%d", r);
    ipc_decoder_done(&decoder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    static const size_t pieces[] = {1, 3, 4, 5, 64};
    struct strbuf whole CLEANUP(strbuf_done) = {0};
    decode(data, size_bytes, size_bytes + 1, &whole);
    for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
        struct strbuf cut CLEANUP(strbuf_done) = {0};
        decode(data, size_bytes, pieces[i], &cut);
        assert(cut.size_bytes == whole.size_bytes);
        for (size_t k = 0; k < cut.size_bytes; k++) {
            assert(cut.text[k] == whole.text[k]);
        }
    }
    return 0;
}
