// SPDX-License-Identifier: Apache-2.0
// Bordered tables: box characters where the terminal has them, '+', '-' and '|' elsewhere.
#include "cli/text_table.h"

#include <stdint.h>
#include <wchar.h>

#include "cli/output.h"
#include "common/base/arena.h"
#include "common/base/strbuf.h"

// One line of a border: left end, filling, crossing, right end.
struct table_line {
    const char *left, *fill, *cross, *right;
};

static const struct table_line table_top[2] = {{"+", "-", "+", "+"}, {"┌", "─", "┬", "┐"}};
static const struct table_line table_middle[2] = {{"+", "=", "+", "+"}, {"╞", "═", "╪", "╡"}};
static const struct table_line table_bottom[2] = {{"+", "-", "+", "+"}, {"└", "─", "┴", "┘"}};

// Reads one character of UTF-8; a byte that begins none is returned as it is, as U+FFFD.
static const char *table_character(const char *text, uint32_t *ret_code)
{
    const unsigned char *s = (const unsigned char *)text;
    size_t more = s[0] >= 0xf0 ? 3 : s[0] >= 0xe0 ? 2 : s[0] >= 0xc2 ? 1 : 0;
    uint32_t code = s[0];
    if (s[0] < 0x80) {
        *ret_code = code;
        return text + 1;
    }
    code &= more == 3 ? 0x07U : more == 2 ? 0x0fU : 0x1fU;
    for (size_t i = 1; i <= more; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            more = 0;
            break;
        }
        code = code << 6 | (s[i] & 0x3fU);
    }
    *ret_code = more == 0 ? 0xfffd : code;
    return text + 1 + more;
}

static bool table_is_control(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x2028 || code == 0x2029 ||
           (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

char *table_cell(struct arena *arena, const char *text)
{
    struct strbuf out CLEANUP(strbuf_done) = {0};
    while (*text != '\0') {
        uint32_t code = 0;
        const char *next = table_character(text, &code);
        if (code == '\n' || code == '\t' || code == '\r') {
            strbuf_append(&out, code == '\n' ? "\\n" : code == '\t' ? "\\t" : "\\r");
        } else if (table_is_control(code)) {
            strbuf_appendf(&out, "\\u%04x", (unsigned)code);
        } else if (code == 0xfffd) {
            strbuf_append_char(&out, '?');
        } else {
            strbuf_append_bytes(&out, text, (size_t)(next - text));
        }
        text = next;
    }
    return arena_strdup(arena, strbuf_text(&out));
}

size_t table_width(const char *text)
{
    size_t width = 0;
    while (*text != '\0') {
        uint32_t code = 0;
        text = table_character(text, &code);
        int columns = wcwidth((wchar_t)code);
        // Outside a UTF-8 locale the C library knows no width: then one.
        width += columns >= 0 ? (size_t)columns : 1;
    }
    return width;
}

static void table_repeat(struct strbuf *out, const char *text, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        strbuf_append(out, text);
    }
}

static void table_border(const struct table *table, const size_t *widths,
                         const struct table_line *line, struct strbuf *out)
{
    strbuf_append(out, line->left);
    for (size_t c = 0; c < table->columns; c++) {
        strbuf_append(out, c > 0 ? line->cross : "");
        table_repeat(out, line->fill, widths[c] + 2);
    }
    strbuf_append(out, line->right);
    strbuf_append_char(out, '\n');
}

static void table_row(const struct output *output, const struct table *table, const size_t *widths,
                      const char *const *cells, struct strbuf *out)
{
    const char *bar = output->utf8 ? "│" : "|";
    for (size_t c = 0; c < table->columns; c++) {
        size_t pad = widths[c] - table_width(cells[c]);
        bool last = c + 1 == table->columns;
        strbuf_append(out, output->noborder ? (c > 0 ? " " : "") : bar);
        strbuf_append(out, output->noborder ? "" : " ");
        table_repeat(out, " ", table->right[c] ? pad : 0);
        strbuf_append(out, cells[c]);
        // No blanks at the end of a line.
        table_repeat(out, " ", table->right[c] || (last && output->noborder) ? 0 : pad);
        strbuf_append(out, output->noborder ? "" : " ");
    }
    strbuf_append(out, output->noborder ? "" : bar);
    strbuf_append_char(out, '\n');
}

void text_table_format(const struct output *output, const struct table *table, struct strbuf *out)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    size_t *widths = arena_array_of(arena, size_t, table->columns);
    size_t style = output->utf8 ? 1 : 0;
    for (size_t c = 0; c < table->columns; c++) {
        widths[c] = output->noheader ? 0 : table_width(table->titles[c]);
        for (size_t r = 0; r < table->rows; r++) {
            size_t width = table_width(table->cells[r * table->columns + c]);
            widths[c] = width > widths[c] ? width : widths[c];
        }
    }
    if (!output->noborder) {
        table_border(table, widths, &table_top[style], out);
    }
    if (!output->noheader) {
        table_row(output, table, widths, table->titles, out);
    }
    if (!output->noheader && !output->noborder) {
        table_border(table, widths, &table_middle[style], out);
    }
    for (size_t r = 0; r < table->rows; r++) {
        table_row(output, table, widths, table->cells + r * table->columns, out);
    }
    if (!output->noborder) {
        table_border(table, widths, &table_bottom[style], out);
    }
}
