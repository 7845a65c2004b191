// SPDX-License-Identifier: Apache-2.0
// Well-formed UTF-8, checked over all code points and over the classic malformed forms.
#include <string.h>

#include "common/base/utf8.h"
#include "tests/lib/fixture.h"

static void utf8_of_every_scalar_value_round_trips(void **state)
{
    (void)state;
    for (uint32_t code = 0; code <= 0x10ffff; code++) {
        if (code >= 0xd800 && code <= 0xdfff) {
            continue;
        }
        char bytes[UTF8_SEQUENCE_MAX];
        size_t length = utf8_encode(code, bytes);
        assert_int_equal(length, code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4);
        assert_int_equal(utf8_length(bytes, length), length);
        if (length > 1) {
            assert_int_equal(utf8_length(bytes, length - 1), 0);
        }
    }
}

static void utf8_malformed_is_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "\x80",             // continuation alone
        "\xbf",             // likewise
        "\xc0\x80",         // overlong NUL
        "\xc1\xbf",         // overlong
        "\xe0\x80\x80",     // overlong
        "\xe0\x9f\xbf",     // overlong
        "\xf0\x80\x80\x80", // overlong
        "\xf0\x8f\xbf\xbf", // overlong
        "\xed\xa0\x80",     // surrogate
        "\xed\xbf\xbf",     // surrogate
        "\xf4\x90\x80\x80", // above the last code point
        "\xf5\x80\x80\x80", // likewise
        "\xfe",             // never a byte of UTF-8
        "\xff",             // likewise
        "\xc3",             // cut
        "\xc3(",            // second byte missing
        "\xe2\x82",         // cut
        "\xe2\x82(",        // third byte missing
        "\xf0\x9f\x98(",    // fourth byte missing
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        if (utf8_length(rows[i], strlen(rows[i])) != 0) {
            fail_msg("row %zu is taken for well-formed", i);
        }
    }
    assert_int_equal(utf8_length("", 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf8_of_every_scalar_value_round_trips),
        cmocka_unit_test(utf8_malformed_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
