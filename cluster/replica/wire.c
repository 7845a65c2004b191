// SPDX-License-Identifier: Apache-2.0
// Reading and writing of numbers, texts and bytes with bounds.
#include "cluster/replica/wire.h"

#include <assert.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/strbuf.h"

enum { TEXT_NULL = UINT16_MAX }; // in the place of a text's length

static void wire_put_number(struct strbuf *out, uint64_t value, size_t size_bytes)
{
    unsigned char bytes[8];
    for (size_t i = 0; i < size_bytes; i++) {
        bytes[i] = (unsigned char)(value >> (8 * i));
    }
    strbuf_append_bytes(out, bytes, size_bytes);
}

void wire_put_u8(struct strbuf *out, uint8_t value)
{
    wire_put_number(out, value, 1);
}

void wire_put_u16(struct strbuf *out, uint16_t value)
{
    wire_put_number(out, value, 2);
}

void wire_put_u32(struct strbuf *out, uint32_t value)
{
    wire_put_number(out, value, 4);
}

void wire_put_u64(struct strbuf *out, uint64_t value)
{
    wire_put_number(out, value, 8);
}

void wire_put_text(struct strbuf *out, const char *text)
{
    if (text == NULL) {
        wire_put_u16(out, TEXT_NULL);
        return;
    }
    size_t length = strlen(text);
    assert(length < TEXT_NULL);
    wire_put_u16(out, (uint16_t)length);
    strbuf_append_bytes(out, text, length);
}

void wire_put_bytes(struct strbuf *out, const void *data, size_t size_bytes)
{
    assert(size_bytes <= UINT32_MAX);
    wire_put_u32(out, (uint32_t)size_bytes);
    strbuf_append_bytes(out, data, size_bytes);
}

struct wire_reader wire_reader_of(const void *data, size_t size_bytes)
{
    return (struct wire_reader){.at = data, .left_bytes = size_bytes};
}

// The next bytes, or NULL and failed.
static const unsigned char *wire_take(struct wire_reader *reader, size_t size_bytes)
{
    if (reader->failed || size_bytes > reader->left_bytes) {
        reader->failed = true;
        return NULL;
    }
    const unsigned char *taken = reader->at;
    reader->at += size_bytes;
    reader->left_bytes -= size_bytes;
    return taken;
}

static uint64_t wire_get_number(struct wire_reader *reader, size_t size_bytes)
{
    const unsigned char *bytes = wire_take(reader, size_bytes);
    uint64_t value = 0;
    for (size_t i = 0; bytes != NULL && i < size_bytes; i++) {
        value |= (uint64_t)bytes[i] << (8 * i);
    }
    return value;
}

uint8_t wire_get_u8(struct wire_reader *reader)
{
    return (uint8_t)wire_get_number(reader, 1);
}

uint16_t wire_get_u16(struct wire_reader *reader)
{
    return (uint16_t)wire_get_number(reader, 2);
}

uint32_t wire_get_u32(struct wire_reader *reader)
{
    return (uint32_t)wire_get_number(reader, 4);
}

uint64_t wire_get_u64(struct wire_reader *reader)
{
    return wire_get_number(reader, 8);
}

const char *wire_get_text(struct wire_reader *reader, struct arena *arena)
{
    size_t length = wire_get_u16(reader);
    if (reader->failed || length == TEXT_NULL) {
        return NULL;
    }
    const unsigned char *bytes = wire_take(reader, length);
    if (bytes == NULL || memchr(bytes, '\0', length) != NULL) {
        reader->failed = true;
        return NULL;
    }
    return arena_memdup(arena, bytes, length);
}

const void *wire_get_bytes(struct wire_reader *reader, size_t *ret_size_bytes)
{
    size_t size_bytes = wire_get_u32(reader);
    const unsigned char *bytes = wire_take(reader, size_bytes);
    *ret_size_bytes = bytes != NULL ? size_bytes : 0;
    return bytes != NULL ? bytes : (const unsigned char *)"";
}

bool wire_is_complete(const struct wire_reader *reader)
{
    return !reader->failed && reader->left_bytes == 0;
}
