// SPDX-License-Identifier: Apache-2.0
// Compresses in one go: what is compressed here is in memory as a whole.
#include "api/http/compression.h"

#include <assert.h>
#include <limits.h>
#include <zlib.h>

#include "common/base/arena.h"

enum { WINDOW_BITS = 15, GZIP_FORM = 16, MEMORY_LEVEL = 8, LEVEL = 4 };

char *compression_run(struct arena *arena, bool gzip, const char *text, size_t size_bytes,
                      size_t *ret_size_bytes)
{
    z_stream stream = {0};
    assert(size_bytes < UINT_MAX / 2);
    int r = deflateInit2(&stream, LEVEL, Z_DEFLATED, WINDOW_BITS + (gzip ? GZIP_FORM : 0),
                         MEMORY_LEVEL, Z_DEFAULT_STRATEGY);
    assert(r == Z_OK); // it fails without memory only
    uLong bound = deflateBound(&stream, (uLong)size_bytes);
    char *out = arena_alloc(arena, bound);
    stream.next_in = (const Bytef *)text;
    stream.avail_in = (uInt)size_bytes;
    stream.next_out = (Bytef *)out;
    stream.avail_out = (uInt)bound;
    r = deflate(&stream, Z_FINISH);
    assert(r == Z_STREAM_END); // the bound is one
    *ret_size_bytes = bound - stream.avail_out;
    (void)deflateEnd(&stream);
    return out;
}
