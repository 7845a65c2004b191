// SPDX-License-Identifier: Apache-2.0
// What a node tells of its use.
#include <errno.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/model/node_figures.h"
#include "tests/lib/fixture.h"

#define GUEST                                                                                      \
    "\"ct:100\":{\"cpu\":0.5,\"in\":4,\"mem\":64000,\"out\":5,\"pid\":7,\"read\":2,\"start\":900," \
    "\"write\":3}"
#define FIGURES(cpu, mem, guests)                                                                  \
    "{\"at\":1000,\"boot\":100,\"cpu\":" cpu ",\"cpus\":4,\"disk\":5,\"guests\":{" guests          \
    "},\"local\":1,\"maxdisk\":640,\"maxlocal\":64,\"maxmem\":64000,\"maxswap\":0,\"mem\":" mem    \
    ",\"swap\":0,\"wait\":0.0}"

static void node_figures_text_round_trips(void **state)
{
    static const char text[] = FIGURES("0.25", "1000", GUEST);
    struct node_figures *figures = NULL;
    assert_int_equal(node_figures_parse(*state, text, strlen(text), &figures, NULL), 0);
    assert_string_equal(node_figures_format(*state, figures), text);
    assert_int_equal(figures->cpus, 4);
    const struct guest_figures *guest = map_find(&figures->guests, "ct:100");
    assert_non_null(guest);
    assert_int_equal(guest->start_s, 900);
    assert_int_equal(guest->read_bytes, 2);
    assert_int_equal(guest->write_bytes, 3);
    assert_int_equal(guest->in_bytes, 4);
    assert_int_equal(guest->out_bytes, 5);
}

static void node_figures_bad_text_names_the_key(void **state)
{
    static const struct {
        const char *text, *words;
    } rows[] = {
        {"[]", "object"},
        {"{\"mem\":-1}", "mem"},
        {"{\"cpu\":-0.5}", "cpu"},
        {"{\"wait\":\"x\"}", "wait"},
        {"{\"guests\":[]}", "guests"},
        {"{\"guests\":{\"ct:100\":{\"pid\":\"x\"}}}", "ct:100"},
        {"{\"guests\":{\"ct:100\":{\"out\":-1}}}", "out"},
        {"{\"at\":1", ""},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct node_figures *figures = (struct node_figures *)state;
        struct error err = {0};
        int r = node_figures_parse(*state, rows[i].text, strlen(rows[i].text), &figures, &err);
        fixture_row(rows[i].text, r == -EINVAL);
        fixture_row(rows[i].text, figures == (struct node_figures *)state);
        fixture_row(rows[i].text, strstr(err.text, rows[i].words) != NULL);
    }
}

static struct node_figures *figures_of(void **state, const char *text)
{
    struct node_figures *figures = NULL;
    assert_int_equal(node_figures_parse(*state, text, strlen(text), &figures, NULL), 0);
    return figures;
}

static void node_figures_small_differences_are_near(void **state)
{
    static const char base[] = FIGURES("0.25", "1000", GUEST);
    static const struct {
        const char *name, *text;
        bool near;
    } rows[] = {
        {"the same", base, true},
        {"a little", FIGURES("0.26", "1900", GUEST), true},
        {"processors", FIGURES("0.3", "1000", GUEST), false},
        {"memory", FIGURES("0.25", "3000", GUEST), false},
        {"no guest", FIGURES("0.25", "1000", ""), false},
        {"it wrote a little",
         FIGURES("0.25", "1000",
                 "\"ct:100\":{\"cpu\":0.5,\"mem\":64000,\"pid\":7,\"start\":900,"
                 "\"write\":1000000}"),
         true},
        {"it wrote",
         FIGURES("0.25", "1000",
                 "\"ct:100\":{\"cpu\":0.5,\"mem\":64000,\"pid\":7,\"start\":900,"
                 "\"write\":2000000}"),
         false},
        {"it was sent something",
         FIGURES("0.25", "1000",
                 "\"ct:100\":{\"cpu\":0.5,\"mem\":64000,\"pid\":7,\"start\":900,"
                 "\"in\":2000000}"),
         false},
        {"another guest", FIGURES("0.25", "1000", "\"ct:101\":{\"cpu\":0.5,\"mem\":64000}"), false},
        {"it was started again",
         FIGURES("0.25", "1000", "\"ct:100\":{\"cpu\":0.5,\"mem\":64000,\"pid\":8,\"start\":990}"),
         false},
        {"it works",
         FIGURES("0.25", "1000", "\"ct:100\":{\"cpu\":0.9,\"mem\":64000,\"pid\":7,\"start\":900}"),
         false},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        bool near = node_figures_is_near(figures_of(state, base), figures_of(state, rows[i].text));
        fixture_row(rows[i].name, near == rows[i].near);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(node_figures_text_round_trips),
        fixture_test(node_figures_bad_text_names_the_key),
        fixture_test(node_figures_small_differences_are_near),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
