// SPDX-License-Identifier: Apache-2.0
// UTF-8: length of a sequence, encoding of a code point.
#include "common/base/utf8.h"

#include <assert.h>
#include <stdbool.h>

size_t utf8_length(const char *text, size_t size_bytes)
{
    // Ranges of the second byte keep out overlong forms, surrogates and what lies above U+10FFFF.
    static const struct {
        unsigned char first_min, first_max, second_min, second_max;
        size_t length;
    } forms[] = {
        {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
        {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
        {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    if (size_bytes == 0) {
        return 0;
    }
    unsigned char first = (unsigned char)text[0];
    if (first < 0x80) {
        return 1;
    }
    for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
        if (first < forms[i].first_min || first > forms[i].first_max) {
            continue;
        }
        if (size_bytes < forms[i].length || (unsigned char)text[1] < forms[i].second_min ||
            (unsigned char)text[1] > forms[i].second_max) {
            return 0;
        }
        for (size_t k = 2; k < forms[i].length; k++) {
            if (((unsigned char)text[k] & 0xc0) != 0x80) {
                return 0;
            }
        }
        return forms[i].length;
    }
    return 0;
}

static char utf8_byte(uint32_t marker, uint32_t bits)
{
    return (char)(unsigned char)(marker | bits);
}

size_t utf8_encode(uint32_t code, char buffer[UTF8_SEQUENCE_MAX])
{
    assert(code <= 0x10ffff);
    assert(code < 0xd800 || code > 0xdfff);
    if (code < 0x80) {
        buffer[0] = utf8_byte(0, code);
        return 1;
    }
    if (code < 0x800) {
        buffer[0] = utf8_byte(0xc0, code >> 6);
        buffer[1] = utf8_byte(0x80, code & 0x3f);
        return 2;
    }
    if (code < 0x10000) {
        buffer[0] = utf8_byte(0xe0, code >> 12);
        buffer[1] = utf8_byte(0x80, (code >> 6) & 0x3f);
        buffer[2] = utf8_byte(0x80, code & 0x3f);
        return 3;
    }
    buffer[0] = utf8_byte(0xf0, code >> 18);
    buffer[1] = utf8_byte(0x80, (code >> 12) & 0x3f);
    buffer[2] = utf8_byte(0x80, (code >> 6) & 0x3f);
    buffer[3] = utf8_byte(0x80, code & 0x3f);
    return 4;
}
