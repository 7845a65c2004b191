// SPDX-License-Identifier: Apache-2.0
// Strict reading of numbers, durations and lists.
#include "common/base/parse.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/arena.h"

static bool parse_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

// The digits from `text` up to a character that is none; -EINVAL when there are none. Writes the
// end always.
static int parse_digits(const char *text, const char **ret_end, uint64_t *ret_value)
{
    uint64_t value = 0;
    bool overflow = false;
    const char *p = text;
    for (; parse_is_digit(*p); p++) {
        uint64_t digit = (uint64_t)(*p - '0');
        overflow = overflow || value > (UINT64_MAX - digit) / 10;
        value = value * 10 + digit;
    }
    *ret_end = p;
    if (p == text) {
        return -EINVAL;
    }
    if (overflow) {
        return -ERANGE;
    }
    *ret_value = value;
    return 0;
}

int parse_uint64(const char *text, uint64_t *ret_value)
{
    const char *end = NULL;
    uint64_t value = 0;
    int r = parse_digits(text, &end, &value);
    if (*end != '\0') {
        return -EINVAL;
    }
    if (r == 0) {
        *ret_value = value;
    }
    return r;
}

int parse_int64(const char *text, int64_t min, int64_t max, int64_t *ret_value)
{
    bool negative = text[0] == '-';
    uint64_t magnitude = 0;
    int r = parse_uint64(negative ? text + 1 : text, &magnitude);
    if (r < 0) {
        return r;
    }
    uint64_t limit = negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
    if (magnitude > limit) {
        return -ERANGE;
    }
    int64_t value = (int64_t)magnitude;
    if (negative) {
        // Written so that INT64_MIN has no overflow on the way.
        value = magnitude == 0 ? 0 : -(int64_t)(magnitude - 1) - 1;
    }
    if (value < min || value > max) {
        return -ERANGE;
    }
    *ret_value = value;
    return 0;
}

int parse_bool(const char *text, bool *ret_value)
{
    static const struct {
        const char *word;
        bool value;
    } words[] = {{"1", true},  {"yes", true}, {"on", true},   {"true", true},
                 {"0", false}, {"no", false}, {"off", false}, {"false", false}};
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (strcasecmp(text, words[i].word) == 0) {
            *ret_value = words[i].value;
            return 0;
        }
    }
    return -EINVAL;
}

int parse_double(const char *text, double *ret_value)
{
    const char *p = text[0] == '-' ? text + 1 : text;
    size_t whole = strspn(p, "0123456789");
    p += whole;
    if (whole == 0) {
        return -EINVAL;
    }
    if (*p == '.') {
        size_t fraction = strspn(p + 1, "0123456789");
        if (fraction == 0) {
            return -EINVAL;
        }
        p += 1 + fraction;
    }
    if (*p != '\0') {
        return -EINVAL;
    }
    double value = strtod(text, NULL);
    if (!isfinite(value)) {
        return -ERANGE;
    }
    *ret_value = value;
    return 0;
}

int parse_duration_ms(const char *text, int64_t *ret_ms)
{
    static const struct {
        const char *unit;
        uint64_t ms;
    } units[] = {{"", 1000}, {"ms", 1}, {"s", 1000}, {"m", 60 * 1000}, {"h", 3600 * 1000}};
    const char *end = NULL;
    uint64_t value = 0;
    int r = parse_digits(text, &end, &value);
    for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
        if (strcmp(end, units[i].unit) != 0) {
            continue;
        }
        if (r < 0) {
            return r;
        }
        if (value > (uint64_t)INT64_MAX / units[i].ms) {
            return -ERANGE;
        }
        *ret_ms = (int64_t)(value * units[i].ms);
        return 0;
    }
    return -EINVAL;
}

static struct parse_words parse_split(struct arena *arena, const char *text, const char *separators)
{
    // Each word needs one character and, except the last one, a separator.
    struct parse_words list = {arena_array_of(arena, const char *, strlen(text) / 2 + 1), 0};
    const char *p = text + strspn(text, separators);
    while (*p != '\0') {
        size_t length = strcspn(p, separators);
        list.words[list.count++] = arena_memdup(arena, p, length);
        p += length;
        p += strspn(p, separators);
    }
    return list;
}

struct parse_words parse_list(struct arena *arena, const char *text)
{
    return parse_split(arena, text, ",; \t\n\r\v\f");
}

struct parse_words parse_fields(struct arena *arena, const char *text)
{
    return parse_split(arena, text, " \t");
}
