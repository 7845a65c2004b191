// SPDX-License-Identifier: Apache-2.0
// Little-endian numbers, texts and bytes as they stand in messages, snapshots and transactions.
// Writing appends to a strbuf. Reading never leaves the bounds: what is not there reads as zero and
// marks the reader as failed.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"

struct arena;
struct strbuf;

void wire_put_u8(struct strbuf *out, uint8_t value);
void wire_put_u16(struct strbuf *out, uint16_t value);
void wire_put_u32(struct strbuf *out, uint32_t value);
void wire_put_u64(struct strbuf *out, uint64_t value);
// A text of less than 64 KiB; NULL is a value of its own.
void wire_put_text(struct strbuf *out, const char *text);
void wire_put_bytes(struct strbuf *out, const void *data, size_t size_bytes);

struct wire_reader {
    const unsigned char *at;
    size_t left_bytes;
    bool failed; // something was missing or malformed; stays
};

struct wire_reader wire_reader_of(const void *data, size_t size_bytes) WARN_UNUSED;
uint8_t wire_get_u8(struct wire_reader *reader) WARN_UNUSED;
uint16_t wire_get_u16(struct wire_reader *reader) WARN_UNUSED;
uint32_t wire_get_u32(struct wire_reader *reader) WARN_UNUSED;
uint64_t wire_get_u64(struct wire_reader *reader) WARN_UNUSED;
// In the arena; NULL when it was written as NULL or is malformed (a NUL byte inside).
const char *wire_get_text(struct wire_reader *reader, struct arena *arena) WARN_UNUSED;
// Points into what is read; never NULL.
const void *wire_get_bytes(struct wire_reader *reader, size_t *ret_size_bytes) WARN_UNUSED;
// True when nothing failed and nothing is left over.
bool wire_is_complete(const struct wire_reader *reader) WARN_UNUSED;
