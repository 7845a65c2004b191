// SPDX-License-Identifier: Apache-2.0
// Section files: what is read, what is skipped with which warning, writing, comments.
#include <errno.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/strbuf.h"
#include "common/model/section_config.h"
#include "tests/lib/fixture.h"

static struct section_file parse_ok(struct arena *arena, const char *text)
{
    struct section_file file;
    assert_int_equal(section_file_parse(arena, text, strlen(text), &file, NULL), 0);
    return file;
}

// What was read, in a form that is easy to compare: "type/id{key=value;…}" for each section, then
// "!warning".
static const char *read_as_text(struct arena *arena, const char *text)
{
    struct section_file file = parse_ok(arena, text);
    struct strbuf out CLEANUP(strbuf_done) = {0};
    for (size_t i = 0; i < file.count; i++) {
        strbuf_appendf(&out, "%s/%s{", file.sections[i].type, file.sections[i].id);
        for (size_t k = 0; k < file.sections[i].count; k++) {
            strbuf_appendf(&out, "%s=%s;", file.sections[i].properties[k].key,
                           file.sections[i].properties[k].value);
        }
        strbuf_append_char(&out, '}');
    }
    for (size_t i = 0; i < file.warnings_count; i++) {
        strbuf_appendf(&out, "!%s", file.warnings[i]);
    }
    return arena_strdup(arena, strbuf_text(&out));
}

static void section_file_rows(void **state)
{
    static const struct {
        const char *text;
        const char *expected;
    } rows[] = {
        {"", ""},
        {"\n\n \n", ""},
        {"ct: 100\n", "ct/100{}"},
        {"ct: 100", "ct/100{}"},
        {"ct:100\n\tstate started\n", "ct/100{state=started;}"},
        {"CT:  100  \n", "ct/100{}"},
        {"t: i\n", "t/i{}"},
        {"AZ-az: Id\n", "az-az/Id{}"},
        {"ct: 100\r\n\tstate started\r\n\r\nvm: 101\r\n", "ct/100{state=started;}vm/101{}"},
        {"ct: 100\n  comment  two  words \n\tfailback\n", "ct/100{comment=two  words;failback=;}"},
        {"ct: 100\n\ta 1\nvm: 101\n\tb 2\n", "ct/100{a=1;}vm/101{b=2;}"},
        {"# a comment\nct: 100\n\t# inside\n\ta 1\n   #\n\tb 2\n", "ct/100{a=1;b=2;}"},
        {"a:b:c\n", "a:b/c{}"},
        {"a:: c\n", "a:/c{}"},
        {"a:b: c\n", "a:b/c{}"},
        {"ct: 100\n\ta 1\n\ta 2\n", "ct/100{a=1;}!line 3: duplicate key 'a'"},
        {"\ta 1\nct: 100\n", "ct/100{}!line 1: key 'a' is in no section"},
        {"ct: 100\n\n\ta 1\n", "ct/100{}!line 3: key 'a' is in no section"},
        {"ct 100\n\ta 1\n\nvm: 101\n",
         "vm/101{}!line 1: expected '<type>: <id>'!line 2: key 'a' is in no section"},
        {"vm: 101\nct: 100 x\n\ta 1\n",
         "vm/101{}!line 2: expected '<type>: <id>'!line 3: key 'a' is in no section"},
        {":100\n", "!line 1: expected '<type>: <id>'"},
        {"ct:\n", "!line 1: expected '<type>: <id>'"},
        {": 100\n", "!line 1: expected '<type>: <id>'"},
        {"ct\n", "!line 1: expected '<type>: <id>'"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const char *got = read_as_text(*state, rows[i].text);
        if (strcmp(got, rows[i].expected) != 0) {
            fail_msg("row '%s': got '%s'", rows[i].text, got);
        }
    }
}

static void section_file_with_nul_is_refused(void **state)
{
    struct section_file file = {.count = 4711};
    struct error err = {0};
    assert_int_equal(section_file_parse(*state, "ct: 100\n\0", 9, &file, &err), -EINVAL);
    assert_string_equal(err.text, "the text has a NUL byte");
    assert_int_equal(file.count, 4711);
}

static void section_lines_and_digest_are_of_the_text(void **state)
{
    struct section_file file = parse_ok(*state, "# x\n\nct: 100\n\ta 1\n");
    assert_int_equal(file.sections[0].line, 3);
    assert_int_equal(file.sections[0].properties[0].line, 4);
    assert_string_equal(parse_ok(*state, "abc").digest, "a9993e364706816aba3e25717850c26c9cd0d89d");
}

static void section_file_of_many_sections_is_read(void **state)
{
    struct strbuf text CLEANUP(strbuf_done) = {0};
    for (int i = 0; i < 1000; i++) {
        strbuf_appendf(&text,
                       "ct: %d\n\ta %d\n\tb x\n\tc x\n\td x\n\te x\n\tf x\n\tg x\n\th x\n\ti x\n\n",
                       i, i);
    }
    struct section_file file = parse_ok(*state, strbuf_text(&text));
    assert_int_equal(file.count, 1000);
    assert_int_equal(file.sections[999].count, 9);
    assert_string_equal(section_find(&file.sections[999], "a"), "999");
    assert_string_equal(section_find(&file.sections[0], "a"), "0");
    assert_null(section_find(&file.sections[0], "z"));
    assert_int_equal(file.warnings_count, 0);
}

static void section_writing(void **state)
{
    (void)state;
    struct strbuf out CLEANUP(strbuf_done) = {0};
    section_format_begin(&out, "ct", "100");
    section_format_property(&out, "comment", "two words");
    section_format_property(&out, "disable", NULL);
    section_format_property(&out, "empty", "");
    section_format_end(&out);
    assert_string_equal(strbuf_text(&out), "ct: 100\n\tcomment two words\n\tdisable\n\tempty\n\n");
}

static void comment_rows(void **state)
{
    static const struct {
        const char *plain;
        const char *stored;
    } rows[] = {
        {"", ""},
        {"plain text", "plain text"},
        {" at the ends ", "%20at the ends%20"},
        {" ", "%20"},
        {"100%", "100%25"},
        {"a\nb\tc", "a%0Ab%09c"},
        {"\xc3\xa4", "%C3%A4"},
        {"\x7f#x", "%7F#x"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        fixture_row(rows[i].stored,
                    strcmp(section_comment_encode(*state, rows[i].plain), rows[i].stored) == 0);
        fixture_row(rows[i].stored,
                    strcmp(section_comment_decode(*state, rows[i].stored), rows[i].plain) == 0);
    }
    // Written by hand: lower case digits, and signs that start no code.
    assert_string_equal(section_comment_decode(*state, "%c3%a4"), "\xc3\xa4");
    assert_string_equal(section_comment_decode(*state, "100% of %zz %4 %"), "100% of %zz %4 %");
    assert_string_equal(section_comment_decode(*state, "%00"), "%00");
}

static void section_warnings_have_room_for_each_line_and_section(void **state)
{
    struct section_file file;
    size_t max = 0;
    static const char text[] =
        "group: a\n\tnodes x\n\tcomment y\n\n\tlost line\ngroup: b\n\tnodes z\n";
    assert_int_equal(section_file_parse(*state, text, strlen(text), &file, NULL), 0);
    assert_int_equal(file.count, 2);
    assert_int_equal(file.warnings_count, 1);
    const char **warnings = section_file_warnings(*state, &file, &max);
    assert_int_equal(max, 1 + 2 + 3);
    assert_string_equal(warnings[0], file.warnings[0]);
}

static void section_that_has_to_be_the_only_one_is_it(void **state)
{
    const struct section *section = NULL;
    struct error err = {0};
    static const char *const rows[] = {"", "a: b\n\nc: d\n", "a: b\n\n\tlost line\n", "a\n"};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        fixture_row(rows[i], section_parse_one(*state, rows[i], &section, &err) == -EINVAL);
        fixture_row(rows[i], section == NULL);
    }
    assert_int_equal(section_parse_one(*state, "a: b\n\tc d\n", &section, &err), 0);
    assert_string_equal(section->id, "b");
    assert_int_equal(section->count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(section_file_rows),
        fixture_test(section_file_with_nul_is_refused),
        fixture_test(section_lines_and_digest_are_of_the_text),
        fixture_test(section_file_of_many_sections_is_read),
        cmocka_unit_test(section_writing),
        fixture_test(comment_rows),
        fixture_test(section_warnings_have_room_for_each_line_and_section),
        fixture_test(section_that_has_to_be_the_only_one_is_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
