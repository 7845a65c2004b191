// SPDX-License-Identifier: Apache-2.0
// Comparing a run with what a folder expects.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sim/expectation.h"
#include "tests/lib/fixture.h"
#include "tests/unit/sim/scenario_folder.h"

static void prepare(struct scenario_folder *folder)
{
    folder_write(folder, "cmdlist", "[[\"power node1 on\",\"power node2 on\",\"power node3 on\"]]");
    folder_write(folder, "service_config",
                 "{\"vm:101\":{\"node\":\"node1\",\"state\":\"started\"}}");
}

static int check(struct scenario_folder *folder)
{
    error_clear(&folder->err);
    return expectation_check(folder->path, TIMING_PROFILE_CLASSIC, &folder->err);
}

static void updated_expectation_matches(void **state)
{
    struct scenario_folder *folder = *state;
    prepare(folder);
    assert_int_equal(check(folder), -ENOENT);
    assert_int_equal(expectation_update(folder->path, TIMING_PROFILE_CLASSIC, &folder->err),
                     EXPECTATION_OUTCOME_MATCH);
    assert_int_equal(check(folder), EXPECTATION_OUTCOME_MATCH);
}

// The file with one line changed, left out or added.
static void change(struct scenario_folder *folder, const char *from, const char *to)
{
    char *text = folder_read(folder, "events.jsonl");
    struct strbuf changed CLEANUP(strbuf_done) = {0};
    char *place = strstr(text, from);
    assert_non_null(place);
    strbuf_append_bytes(&changed, text, (size_t)(place - text));
    strbuf_append(&changed, to);
    strbuf_append(&changed, place + strlen(from));
    folder_write(folder, "events.jsonl", strbuf_text(&changed));
    free(text);
}

static const char started_line[] =
    "{\"t\": 21, \"at\": \"node1/lrm\", \"event\": \"started\", \"sid\": \"vm:101\"}\n";
static const char start_line[] =
    "{\"t\": 21, \"at\": \"node1/lrm\", \"event\": \"start\", \"sid\": \"vm:101\"}\n";

static void each_difference_is_found(void **state)
{
    static const struct {
        const char *name;
        const char *from;
        const char *to;
        const char *error; // NULL: it still matches
    } rows[] = {
        {"line left out", started_line, "", "got"},
        {"time", "\"t\": 21, \"at\": \"node1/lrm\", \"event\": \"started\"",
         "\"t\": 22, \"at\": \"node1/lrm\", \"event\": \"started\"", "event "},
        {"field", "\"event\": \"started\", \"sid\": \"vm:101\"",
         "\"event\": \"started\", \"sid\": \"vm:102\"", "\"sid\":\"vm:102\""},
        {"kind", "\"event\": \"started\"", "\"event\": \"stopped\"", "\"stopped\""},
        {"fewer fields expected", ", \"sid\": \"vm:101\"", "", NULL},
        {"numbers as text", "\"t\": 21", "\"t\": \"21\"", NULL},
        {"kind that is not compared", "\"event\": \"started\"", "\"event\": \"sneezed\"", "line "},
        {"no JSON", "{\"t\": 21", "{t: 21", "events.jsonl: line "},
    };
    struct scenario_folder *folder = *state;
    prepare(folder);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        assert_int_equal(expectation_update(folder->path, TIMING_PROFILE_CLASSIC, &folder->err),
                         EXPECTATION_OUTCOME_MATCH);
        change(folder, rows[i].from, rows[i].to);
        int r = check(folder);
        bool matches = r == EXPECTATION_OUTCOME_MATCH;
        if (matches != (rows[i].error == NULL) ||
            (!matches && strstr(folder->err.text, rows[i].error) == NULL)) {
            fail_msg("row '%s': %d '%s'", rows[i].name, r, folder->err.text);
        }
    }
}

static void event_that_did_not_happen_is_missing(void **state)
{
    struct scenario_folder *folder = *state;
    prepare(folder);
    assert_int_equal(expectation_update(folder->path, TIMING_PROFILE_CLASSIC, &folder->err),
                     EXPECTATION_OUTCOME_MATCH);
    char *text = folder_read(folder, "events.jsonl");
    struct strbuf longer CLEANUP(strbuf_done) = {0};
    strbuf_append(&longer, text);
    strbuf_append(&longer, "{\"t\": 500, \"at\": \"node1/lrm\", \"event\": \"daemon-exit\"}\n");
    folder_write(folder, "events.jsonl", strbuf_text(&longer));
    free(text);
    assert_int_equal(check(folder), EXPECTATION_OUTCOME_DIFFERS);
    assert_non_null(strstr(folder->err.text, "missing, from event"));
}

static void order_counts_within_one_time_and_daemon_only(void **state)
{
    struct scenario_folder *folder = *state;
    struct strbuf both CLEANUP(strbuf_done) = {0};
    struct strbuf swapped CLEANUP(strbuf_done) = {0};
    prepare(folder);
    assert_int_equal(expectation_update(folder->path, TIMING_PROFILE_CLASSIC, &folder->err),
                     EXPECTATION_OUTCOME_MATCH);
    // Whole file backwards but for one pair: sorted by time and daemon it is the same again.
    strbuf_appendf(&both, "%s%s", start_line, started_line);
    strbuf_appendf(&swapped, "%s%s", started_line, start_line);
    change(folder, strbuf_text(&both), strbuf_text(&swapped));
    assert_int_equal(check(folder), EXPECTATION_OUTCOME_DIFFERS);
    change(folder, strbuf_text(&swapped), "");
    char *rest = folder_read(folder, "events.jsonl");
    struct strbuf moved CLEANUP(strbuf_done) = {0};
    strbuf_append(&moved, rest);
    strbuf_append(&moved, strbuf_text(&both));
    folder_write(folder, "events.jsonl", strbuf_text(&moved));
    free(rest);
    // At the end of the file now, after events of later times; but the lock and state events of the
    // same second come first, so their order among themselves is kept.
    assert_int_equal(check(folder), EXPECTATION_OUTCOME_MATCH);
}

static void broken_invariant_is_an_outcome_of_its_own(void **state)
{
    struct scenario_folder *folder = *state;
    prepare(folder);
    folder_write(folder, "events.jsonl", "");
    folder_write(folder, "service_status_node2", "{\"vm:101\":1}");
    assert_int_equal(check(folder), EXPECTATION_OUTCOME_INVARIANT);
}

#define folder_test(function)                                                                      \
    cmocka_unit_test_setup_teardown(function, folder_setup, folder_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        folder_test(updated_expectation_matches),
        folder_test(each_difference_is_found),
        folder_test(event_that_did_not_happen_is_missing),
        folder_test(order_counts_within_one_time_and_daemon_only),
        folder_test(broken_invariant_is_an_outcome_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
