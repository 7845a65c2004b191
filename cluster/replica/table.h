// SPDX-License-Identifier: Apache-2.0
// Rows by key, with a sum over them that tells two tables apart. Rows never change and are shared:
// the delivered and the committed table of a stream hold the same ones where they agree.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"
#include "common/base/map.h"

struct arena;
struct strbuf;
struct wire_reader;

enum { TABLE_ROW_BYTES = 32 }; // what a row takes beside its key and value, about

struct table_row {
    size_t references;
    uint64_t version;
    uint64_t digest; // over key, value and version
    size_t size_bytes;
    char value[]; // NUL-terminated
};

struct table {
    struct map rows;   // struct table_row
    uint64_t digest;   // over all rows, whatever their order
    size_t size_bytes; // of all rows
};

// A row with one reference, the caller's.
struct table_row *table_row_new(const char *key, const void *value, size_t size_bytes,
                                uint64_t version) WARN_UNUSED;
struct table_row *table_row_share(struct table_row *row) WARN_UNUSED;
void table_row_free(void *row);

void table_init(struct table *table);
void table_done(struct table *table);
struct table_row *table_find(const struct table *table, const char *key) WARN_UNUSED;
// Takes over the caller's reference.
void table_put(struct table *table, const char *key, struct table_row *row);
void table_remove(struct table *table, const char *key);
// Makes `table` hold the rows of `source`.
void table_copy(struct table *table, const struct table *source);

// One row as bytes; reading gives NULL when it is malformed, or not all there yet. The key is in
// the arena.
void table_format_row(const char *key, const struct table_row *row, struct strbuf *out);
struct table_row *table_parse_row(struct wire_reader *reader, struct arena *arena,
                                  const char **ret_key) WARN_UNUSED;
// How long table_format() makes the rows.
size_t table_format_size(const struct table *table) WARN_UNUSED;
// All rows as bytes; reading them into an empty table fails with -EBADMSG when they are malformed
// or not ascending.
void table_format(const struct table *table, struct strbuf *out);
int table_parse(struct wire_reader *reader, struct arena *arena, struct table *table) WARN_UNUSED;

// A sum over bytes, for telling things apart; `digest` is a start value or an earlier sum.
uint64_t table_digest_add(uint64_t digest, const void *data, size_t size_bytes) WARN_UNUSED;
uint64_t table_digest_add_number(uint64_t digest, uint64_t number) WARN_UNUSED;
// Mixes the bits, so that sums can be added up.
uint64_t table_digest_end(uint64_t digest) WARN_UNUSED;
