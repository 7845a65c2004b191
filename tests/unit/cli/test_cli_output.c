// SPDX-License-Identifier: Apache-2.0
// Each document in each form, compared as a whole.
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/output.h"
#include "cli/text_table.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/strbuf.h"
#include "tests/lib/test.h"

static const struct output_column columns[] = {
    {.key = "sid"},
    {.key = "size", .title = "memory", .kind = OUTPUT_COLUMN_BYTES, .right = true},
    {.key = "tags"},
    {.key = "up", .kind = OUTPUT_COLUMN_DURATION},
};

#define LIST                                                                                       \
    "[{\"sid\":\"vm:101\",\"size\":268435456,\"tags\":[\"a\",\"b\"],\"up\":93784},"                \
    "{\"sid\":\"ct:100\",\"size\":12,\"up\":61}]"

struct row {
    const char *name;
    const char *json;
    struct output output;
    const char *want;
};

static const struct row list_rows[] = {
    {"boxes",
     LIST,
     {.utf8 = true, .human_readable = true},
     "┌────────┬────────────┬──────┬─────────────┐\n"
     "│ sid    │     memory │ tags │ up          │\n"
     "╞════════╪════════════╪══════╪═════════════╡\n"
     "│ ct:100 │       12 B │      │ 00:01:01    │\n"
     "│ vm:101 │ 256.00 MiB │ a, b │ 1d 02:03:04 │\n"
     "└────────┴────────────┴──────┴─────────────┘\n"},
    {"ascii",
     LIST,
     {.human_readable = false},
     "+--------+-----------+------+-------+\n"
     "| sid    |    memory | tags | up    |\n"
     "+========+===========+======+=======+\n"
     "| ct:100 |        12 |      | 61    |\n"
     "| vm:101 | 268435456 | a, b | 93784 |\n"
     "+--------+-----------+------+-------+\n"},
    {"no border",
     LIST,
     {.noborder = true, .utf8 = true},
     "sid       memory tags up\n"
     "ct:100        12      61\n"
     "vm:101 268435456 a, b 93784\n"},
    {"no border, no header",
     LIST,
     {.noborder = true, .noheader = true},
     "ct:100        12      61\n"
     "vm:101 268435456 a, b 93784\n"},
    {"no header",
     "[{\"sid\":\"ct:100\"}]",
     {.noheader = true},
     "+--------+--+--+--+\n"
     "| ct:100 |  |  |  |\n"
     "+--------+--+--+--+\n"},
    {"empty list prints nothing", "[]", {.utf8 = true}, ""},
    {"control characters cannot disturb the terminal",
     "[{\"sid\":\"a\\u001b[2J\\n\\u009bb\"}]",
     {.noborder = true, .noheader = true},
     "a\\u001b[2J\\n\\u009bb   \n"},
    {"wide and accented characters keep the columns",
     "[{\"sid\":\"日本\",\"size\":1},{\"sid\":\"bücher\",\"size\":2}]",
     {.noborder = true, .noheader = true},
     "bücher 2  \n"
     "日本   1  \n"},
    {"json", LIST, {.format = OUTPUT_FORMAT_JSON}, LIST "\n"},
    {"json of nothing", "[]", {.format = OUTPUT_FORMAT_JSON}, "[]\n"},
    {"yaml",
     "[{\"sid\":\"ct:100\",\"tags\":[\"a\",[\"b\",{\"c\":1,\"d\":{}}]],\"x\":{\"y\":null,\"z\":true}}]",
     {.format = OUTPUT_FORMAT_YAML},
     "---\n"
     "- sid: ct:100\n"
     "  tags:\n"
     "    - a\n"
     "    - - b\n"
     "      - c: 1\n"
     "        d: {}\n"
     "  x:\n"
     "    \"y\": null\n"
     "    z: true\n"},
    {"yaml of nothing", "[]", {.format = OUTPUT_FORMAT_YAML}, "---\n[]\n"},
};

static const struct json *parse(struct arena *arena, const char *text)
{
    struct json *json = NULL;
    struct error err = {0};
    if (json_parse(arena, text, strlen(text), &json, &err) != 0) {
        print_error("%s\n", err.text);
    }
    assert_non_null(json);
    return json;
}

static void output_list_has_each_form(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(list_rows); i++) {
        struct arena *arena CLEANUP(arena_freep) = arena_new();
        struct strbuf out CLEANUP(strbuf_done) = {0};
        const struct row *row = &list_rows[i];
        output_list(&row->output, parse(arena, row->json), columns, ARRAY_SIZE(columns), &out);
        if (strcmp(strbuf_text(&out), row->want) != 0) {
            print_error("%s:\n%s", row->name, strbuf_text(&out));
        }
        assert_string_equal(strbuf_text(&out), row->want);
    }
}

static void output_object_is_a_table_of_pairs(void **state)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct strbuf out CLEANUP(strbuf_done) = {0};
    const struct output output = {.noborder = true};
    (void)state;
    output_object(&output, parse(arena, "{\"sid\":\"ct:100\",\"b\":2,\"a\":[1]}"), NULL, 0, &out);
    assert_string_equal(strbuf_text(&out), "key value\na   1\nb   2\nsid ct:100\n");
}

struct yaml_row {
    const char *text; // as JSON
    const char *want;
};

static const struct yaml_row yaml_rows[] = {
    {"\"plain words\"", "plain words"},
    {"\"ct:100\"", "ct:100"},
    {"\"/var/lib\"", "/var/lib"},
    {"\"\"", "\"\""},
    {"\"yes\"", "\"yes\""},
    {"\"No\"", "\"No\""},
    {"\"null\"", "\"null\""},
    {"\"~\"", "\"~\""},
    {"\"12\"", "\"12\""},
    {"\"1:30\"", "\"1:30\""},
    {"\"0x1f\"", "\"0x1f\""},
    {"\".5\"", "\".5\""},
    {"\"-\"", "\"-\""},
    {"\"- a\"", "\"- a\""},
    {"\"a: b\"", "\"a: b\""},
    {"\"a:\"", "\"a:\""},
    {"\"a #b\"", "\"a #b\""},
    {"\"{a}\"", "\"{a}\""},
    {"\"a \"", "\"a \""},
    {"\" a\"", "\" a\""},
    {"\"a\\nb\"", "\"a\\nb\""},
    {"\"it's\"", "\"it's\""},
    {"\"*a\"", "\"*a\""},
    {"\"bücher\"", "\"bücher\""},
    {"12", "12"},
    {"false", "false"},
    {"null", "null"},
};

static void yaml_scalar_is_quoted_when_it_could_be_taken_for_something_else(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(yaml_rows); i++) {
        struct arena *arena CLEANUP(arena_freep) = arena_new();
        struct strbuf out CLEANUP(strbuf_done) = {0};
        output_yaml(parse(arena, yaml_rows[i].text), &out);
        const char *want = arena_printf(arena, "---\n%s\n", yaml_rows[i].want);
        assert_string_equal(strbuf_text(&out), want);
    }
}

static void date_is_in_the_short_form(void **state)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    (void)state;
    assert_string_equal(output_date(arena, 1760004672), "Thu Oct  9 10:11:12 2025");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(output_list_has_each_form),
        cmocka_unit_test(output_object_is_a_table_of_pairs),
        cmocka_unit_test(yaml_scalar_is_quoted_when_it_could_be_taken_for_something_else),
        cmocka_unit_test(date_is_in_the_short_form),
    };
    // The width of characters comes from the locale; times are local.
    if (setlocale(LC_CTYPE, "C.UTF-8") == NULL || setenv("TZ", "UTC", 1) < 0) {
        return 1;
    }
    tzset();
    return cmocka_run_group_tests_name("output", tests, NULL, NULL);
}
