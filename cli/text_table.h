// SPDX-License-Identifier: Apache-2.0
// Bordered tables of text, and the width text takes on a terminal. Used by output.c.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/base/macros.h"

struct arena;
struct output;
struct strbuf;

struct table {
    const char **titles; // count: columns
    const char **cells;  // rows × columns, made printable by table_cell()
    const bool *right;
    size_t columns;
    size_t rows;
};

// The text with control characters written as escapes, so that no cell can disturb the terminal. In
// the arena.
char *table_cell(struct arena *arena, const char *text) WARN_UNUSED;
// How many columns the text takes: characters, not bytes; wide ones count as two.
size_t table_width(const char *text) WARN_UNUSED;
void text_table_format(const struct output *output, const struct table *table, struct strbuf *out);
