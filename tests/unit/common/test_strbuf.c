// SPDX-License-Identifier: Apache-2.0
// The growing text.
#include <stdlib.h>
#include <string.h>

#include "common/base/strbuf.h"
#include "tests/lib/fixture.h"

static void strbuf_empty_has_a_text(void **state)
{
    (void)state;
    struct strbuf buf;
    strbuf_init(&buf);
    assert_string_equal(strbuf_text(&buf), "");
    char *text = strbuf_steal(&buf);
    assert_string_equal(text, "");
    free(text);
    strbuf_clear(&buf);
    strbuf_done(&buf);
}

static void strbuf_append_grows(void **state)
{
    (void)state;
    struct strbuf buf CLEANUP(strbuf_done) = {0};
    for (int i = 0; i < 1000; i++) {
        strbuf_append(&buf, "ab");
        strbuf_append_char(&buf, 'c');
    }
    assert_int_equal(buf.size_bytes, 3000);
    assert_int_equal(strlen(strbuf_text(&buf)), 3000);
    assert_memory_equal(strbuf_text(&buf) + 2997, "abc", 4);
}

static void strbuf_append_bytes_keeps_nul(void **state)
{
    (void)state;
    struct strbuf buf CLEANUP(strbuf_done) = {0};
    strbuf_append_bytes(&buf, "a\0b", 3);
    strbuf_append_bytes(&buf, NULL, 0);
    assert_int_equal(buf.size_bytes, 3);
    assert_memory_equal(buf.text, "a\0b", 4);
}

static void strbuf_appendf_formats_at_the_end(void **state)
{
    (void)state;
    struct strbuf buf CLEANUP(strbuf_done) = {0};
    strbuf_append(&buf, "x");
    strbuf_appendf(&buf, "%05d|%s", 42, "y");
    strbuf_appendf(&buf, "%0500d", 1);
    assert_int_equal(buf.size_bytes, 508);
    assert_memory_equal(strbuf_text(&buf), "x00042|y000", 11);
}

static void strbuf_clear_keeps_memory(void **state)
{
    (void)state;
    struct strbuf buf CLEANUP(strbuf_done) = {0};
    strbuf_append(&buf, "abc");
    const char *before = buf.text;
    strbuf_clear(&buf);
    assert_string_equal(strbuf_text(&buf), "");
    strbuf_append(&buf, "d");
    assert_ptr_equal(buf.text, before);
    assert_string_equal(strbuf_text(&buf), "d");
}

static void strbuf_steal_empties(void **state)
{
    (void)state;
    struct strbuf buf CLEANUP(strbuf_done) = {0};
    strbuf_append(&buf, "abc");
    char *text = strbuf_steal(&buf);
    assert_string_equal(text, "abc");
    assert_string_equal(strbuf_text(&buf), "");
    strbuf_append(&buf, "d");
    assert_string_equal(text, "abc");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strbuf_empty_has_a_text),
        cmocka_unit_test(strbuf_append_grows),
        cmocka_unit_test(strbuf_append_bytes_keeps_nul),
        cmocka_unit_test(strbuf_appendf_formats_at_the_end),
        cmocka_unit_test(strbuf_clear_keeps_memory),
        cmocka_unit_test(strbuf_steal_empties),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
