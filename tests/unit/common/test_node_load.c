// SPDX-License-Identifier: Apache-2.0
// A node's load document.
#include <errno.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/model/node_load.h"
#include "tests/lib/fixture.h"

static void node_load_texts_round_trip(void **state)
{
    static const char *const rows[] = {
        "{\"maxcpu\":8.0,\"maxmem\":1024.0}",
        "{\"cpu\":0.25,\"guests\":{},\"maxcpu\":8.0,\"maxmem\":1024.0,\"mem\":512.0}",
        ("{\"cpu\":0.25,\"guests\":{\"ct:100\":{\"cpu\":0.125,\"mem\":64.0}},\"maxcpu\":8.0,"
         "\"maxmem\":1024.0,\"mem\":512.0}"),
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct node_load *load = NULL;
        fixture_row(rows[i], node_load_parse(*state, rows[i], strlen(rows[i]), &load, NULL) == 0);
        fixture_row(rows[i], strcmp(node_load_format(*state, load), rows[i]) == 0);
        fixture_row(rows[i], load->measured == (i > 0));
    }
}

static void node_load_bad_text_names_the_key(void **state)
{
    static const struct {
        const char *text, *words;
    } rows[] = {
        {"[]", "object"},
        {"{\"maxmem\":1}", "maxcpu"},
        {"{\"maxcpu\":1}", "maxmem"},
        {"{\"maxcpu\":-1,\"maxmem\":1}", "maxcpu"},
        {"{\"maxcpu\":\"x\",\"maxmem\":1}", "maxcpu"},
        {"{\"maxcpu\":1,\"maxmem\":1,\"cpu\":1}", "mem"},
        {"{\"maxcpu\":1,\"maxmem\":1,\"cpu\":1,\"mem\":1,\"guests\":[]}", "guests"},
        {"{\"maxcpu\":1,\"maxmem\":1,\"guests\":{\"nosid\":{\"cpu\":1,\"mem\":1}}}", "nosid"},
        {"{\"maxcpu\":1,\"maxmem\":1,\"guests\":{\"ct:1\":{\"cpu\":1}}}", "ct:1"},
        {"{\"maxcpu\":1", ""},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct node_load *load = (struct node_load *)state;
        struct error err = {0};
        int r = node_load_parse(*state, rows[i].text, strlen(rows[i].text), &load, &err);
        fixture_row(rows[i].text, r == -EINVAL);
        fixture_row(rows[i].text, load == (struct node_load *)state);
        fixture_row(rows[i].text, strstr(err.text, rows[i].words) != NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(node_load_texts_round_trip),
        fixture_test(node_load_bad_text_names_the_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
