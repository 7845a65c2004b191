// SPDX-License-Identifier: Apache-2.0
// Which names look like one: first those it may be a misspelling of, then those it is a part of.
#include "common/model/similar.h"

#include <string.h>

#include "common/base/map.h"
#include "common/base/strbuf.h"

enum { SIMILAR_MAX = 3, NAME_MAX_COMPARED = 64 };

static size_t smallest(size_t a, size_t b, size_t c)
{
    size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

// How many letters must be put in, taken out or changed to make one word of the other.
static size_t edit_distance(const char *a, const char *b)
{
    size_t row[NAME_MAX_COMPARED + 1];
    size_t length = strnlen(b, NAME_MAX_COMPARED);
    for (size_t k = 0; k <= length; k++) {
        row[k] = k;
    }
    for (size_t i = 0; a[i] != '\0' && i < NAME_MAX_COMPARED; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t k = 0; k < length; k++) {
            size_t above = row[k + 1];
            row[k + 1] = smallest(above + 1, row[k] + 1, diagonal + (a[i] == b[k] ? 0U : 1U));
            diagonal = above;
        }
    }
    return row[length];
}

// Misspelt, or, in a second look, part of the other.
static bool is_similar(const char *given, const char *name, bool parts)
{
    size_t length = strlen(given);
    if (parts) {
        return length >= 3 && strlen(name) >= 3 &&
               (strstr(name, given) != NULL || strstr(given, name) != NULL);
    }
    return edit_distance(given, name) <= 1 + length / 4;
}

static size_t similar_list(const struct map *names, const char *key, bool parts, struct strbuf *out)
{
    size_t count = 0;
    map_each (e, names) {
        if (count < SIMILAR_MAX && is_similar(key, e->key, parts)) {
            strbuf_appendf(out, "%s'%s'", count > 0 ? ", " : "", e->key);
            count++;
        }
    }
    return count;
}

size_t similar_names(const struct map *names, const char *given, struct strbuf *out)
{
    size_t count = similar_list(names, given, false, out);
    return count > 0 ? count : similar_list(names, given, true, out);
}
