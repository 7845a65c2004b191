// SPDX-License-Identifier: Apache-2.0
// Cluster-wide options.
#include <errno.h>
#include <math.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/model/options.h"
#include "tests/lib/fixture.h"

static struct options parse_ok(struct arena *arena, const char *text)
{
    struct options options;
    struct error err = {0};
    if (options_parse(arena, text, &options, &err) < 0) {
        fail_msg("'%s': %s", text, err.text);
    }
    return options;
}

static bool is_near(double a, double b)
{
    return fabs(a - b) < 1e-12;
}

static void options_of_nothing_are_the_defaults(void **state)
{
    static const char *const rows[] = {"", "\n# x\n\n", "keyboard: en-us\nfencing: both\n",
                                       "a_b-c.d:\n"};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct options options = parse_ok(*state, rows[i]);
        fixture_row(rows[i], options.shutdown_policy == SHUTDOWN_POLICY_CONDITIONAL);
        fixture_row(rows[i], options.shutdown_policy_unknown == NULL);
        fixture_row(rows[i], options.scheduler == SCHEDULER_MODE_BASIC);
        fixture_row(rows[i], options.scheduler_unknown == NULL);
        fixture_row(rows[i], !options.rebalance_on_start && !options.auto_rebalance);
        fixture_row(rows[i], is_near(options.auto_rebalance_threshold, 0.3));
        fixture_row(rows[i], options.auto_rebalance_method == REBALANCE_METHOD_BRUTEFORCE);
        fixture_row(rows[i], options.lease_loss == LEASE_LOSS_STOP);
        fixture_row(rows[i], !options.auto_rebalance_method_unknown);
        fixture_row(rows[i], options.auto_rebalance_hold_rounds == 3);
        fixture_row(rows[i], is_near(options.auto_rebalance_margin, 0.1));
        fixture_row(rows[i], options.max_workers == 4);
    }
}

static void options_are_read(void **state)
{
    struct options options =
        parse_ok(*state, "ha: shutdown_policy=migrate,lease_loss=reset\r\n"
                         "crs: ha=static,ha-rebalance-on-start=1,ha-auto-rebalance=yes,"
                         "ha-auto-rebalance-threshold=0.5,ha-auto-rebalance-method=topsis,"
                         "ha-auto-rebalance-hold-duration=0,ha-auto-rebalance-margin=0,future=1\n"
                         "max_workers: 8 \n");
    assert_int_equal(options.shutdown_policy, SHUTDOWN_POLICY_MIGRATE);
    assert_int_equal(options.lease_loss, LEASE_LOSS_RESET);
    assert_int_equal(options.scheduler, SCHEDULER_MODE_STATIC);
    assert_true(options.rebalance_on_start);
    assert_true(options.auto_rebalance);
    assert_true(is_near(options.auto_rebalance_threshold, 0.5));
    assert_int_equal(options.auto_rebalance_method, REBALANCE_METHOD_TOPSIS);
    assert_null(options.shutdown_policy_unknown);
    assert_null(options.scheduler_unknown);
    assert_false(options.auto_rebalance_method_unknown);
    assert_int_equal(options.auto_rebalance_hold_rounds, 0);
    assert_true(is_near(options.auto_rebalance_margin, 0));
    assert_int_equal(options.max_workers, 8);
}

static void options_fraction_and_percentage_are_understood(void **state)
{
    static const struct {
        const char *text;
        double fraction;
    } rows[] = {{"0", 0}, {"0.3", 0.3}, {"1", 1}, {"30", 0.3}, {"100", 1}, {"2.5", 0.025}};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const char *text =
            arena_printf(*state, "crs: ha-auto-rebalance-threshold=%s,ha-auto-rebalance-margin=%s",
                         rows[i].text, rows[i].text);
        struct options options = parse_ok(*state, text);
        fixture_row(rows[i].text, is_near(options.auto_rebalance_threshold, rows[i].fraction));
        fixture_row(rows[i].text, is_near(options.auto_rebalance_margin, rows[i].fraction));
    }
}

static void options_unknown_choices_are_kept_for_the_report(void **state)
{
    struct options options =
        parse_ok(*state, "ha: shutdown_policy=wait\ncrs: ha=magic,ha-auto-rebalance-method=luck\n");
    assert_int_equal(options.shutdown_policy, SHUTDOWN_POLICY_CONDITIONAL);
    assert_string_equal(options.shutdown_policy_unknown, "wait");
    assert_int_equal(options.scheduler, SCHEDULER_MODE_BASIC);
    assert_string_equal(options.scheduler_unknown, "magic");
    assert_true(options.auto_rebalance_method_unknown);
}

static void options_bad_value_names_line_and_key(void **state)
{
    static const struct {
        const char *text;
        const char *error;
    } rows[] = {
        {"rubbish", "line 1: expected '<key>: <value>'"},
        {"\n: x", "line 2: expected '<key>: <value>'"},
        {"a key: x", "line 1: expected '<key>: <value>'"},
        {" ha: x", "line 1: expected '<key>: <value>'"},
        {"ha: freeze", "line 1: key 'ha': expected '<option>=<value>', not 'freeze'"},
        {"ha:", "line 1: key 'ha': expected '<option>=<value>', not ''"},
        {"ha: lease_loss=wait",
         "line 1: key 'ha': option 'lease_loss': expected stop or reset, not 'wait'"},
        {"crs: ha=static,", "line 1: key 'crs': expected '<option>=<value>', not ''"},
        {"x: y\ncrs: ha-auto-rebalance=2",
         "line 2: key 'crs': option 'ha-auto-rebalance': expected 0 or 1, not '2'"},
        {"crs: ha-auto-rebalance-threshold=101",
         "line 1: key 'crs': option 'ha-auto-rebalance-threshold': "
         "expected a fraction from 0 to 1 or a percentage up to 100, not '101'"},
        {"crs: ha-auto-rebalance-margin=-1",
         "line 1: key 'crs': option 'ha-auto-rebalance-margin': "
         "expected a fraction from 0 to 1 or a percentage up to 100, not '-1'"},
        {"crs: ha-auto-rebalance-hold-duration=x",
         "line 1: key 'crs': option 'ha-auto-rebalance-hold-duration': "
         "expected a whole number of rounds from 0 to 1000000, not 'x'"},
        {"max_workers: 0",
         "line 1: key 'max_workers': expected a whole number from 1 to 1000, not '0'"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct options options = {.max_workers = 4711};
        struct error err = {0};
        fixture_row(rows[i].text, options_parse(*state, rows[i].text, &options, &err) == -EINVAL);
        fixture_row(rows[i].text, options.max_workers == 4711);
        if (strcmp(err.text, rows[i].error) != 0) {
            fail_msg("row '%s': got '%s'", rows[i].text, err.text);
        }
    }
}

static void options_edited_line_replaces_the_old_and_keeps_others(void **state)
{
    static const struct {
        const char *text, *key, *value, *result;
    } rows[] = {
        {"", "ha", "shutdown_policy=freeze", "ha: shutdown_policy=freeze\n"},
        {"keyboard: de\nha: shutdown_policy=migrate\n", "ha", "shutdown_policy=freeze",
         "keyboard: de\nha: shutdown_policy=freeze\n"},
        {"ha: shutdown_policy=migrate\nhat: x", "ha", NULL, "hat: x\n"},
        {"a: b", "crs", "ha=static,ha-auto-rebalance=1",
         "a: b\ncrs: ha=static,ha-auto-rebalance=1\n"},
        {"", "max_workers", "8", "max_workers: 8\n"},
        {"", "ha", NULL, ""},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char *edited = NULL;
        fixture_row(rows[i].result, options_edit(*state, rows[i].text, rows[i].key, rows[i].value,
                                                 &edited, NULL) == 0);
        fixture_row(rows[i].result, strcmp(edited, rows[i].result) == 0);
    }
}

static void options_that_mean_nothing_are_not_written(void **state)
{
    static const struct {
        const char *key, *value, *words;
    } rows[] = {
        {"haa", "x", "unknown key 'haa': allowed are crs, ha, max_workers"},
        {"ha", "shutdown_polizy=freeze", "unknown option 'shutdown_polizy': allowed are "},
        {"ha", "shutdown_policy=fries",
         "option 'shutdown_policy': unknown value 'fries': allowed are conditional, "},
        {"ha", "freeze", "unknown option 'freeze'"},
        {"crs", "ha=statik", "option 'ha': unknown value 'statik': allowed are basic, "},
        {"crs", "ha-auto-rebalance-method=x", "option 'ha-auto-rebalance-method': unknown value"},
        {"crs", "ha-auto-rebalance=2", "expected 0 or 1"},
        {"max_workers", "0", "from 1 to"},
        {"max_workers", "4\nha: x=y", "one line"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char *edited = NULL;
        struct error err = {0};
        fixture_row(rows[i].value,
                    options_edit(*state, "", rows[i].key, rows[i].value, &edited, &err) == -EINVAL);
        fixture_row(rows[i].value, edited == NULL);
        fixture_row(err.text, strstr(err.text, rows[i].words) != NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(options_of_nothing_are_the_defaults),
        fixture_test(options_are_read),
        fixture_test(options_fraction_and_percentage_are_understood),
        fixture_test(options_unknown_choices_are_kept_for_the_report),
        fixture_test(options_bad_value_names_line_and_key),
        fixture_test(options_edited_line_replaces_the_old_and_keeps_others),
        fixture_test(options_that_mean_nothing_are_not_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
