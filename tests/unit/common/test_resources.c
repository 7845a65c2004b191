// SPDX-License-Identifier: Apache-2.0
// Options of a resource: defaults, allowed values, errors that leave it unchanged, the stored form.
#include <errno.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/strbuf.h"
#include "common/model/resources.h"
#include "tests/lib/fixture.h"

static const char *format(struct arena *arena, const struct resource *resource)
{
    struct strbuf out CLEANUP(strbuf_done) = {0};
    resource_format(resource, &out);
    return arena_strdup(arena, strbuf_text(&out));
}

static void resource_new_has_the_defaults(void **state)
{
    struct resource *resource = resource_new(*state, "ct:100");
    assert_string_equal(resource->sid, "ct:100");
    assert_int_equal(resource->state, REQUEST_STATE_STARTED);
    assert_true(resource->failback);
    assert_int_equal(resource->max_restart, 1);
    assert_int_equal(resource->max_relocate, 1);
    assert_null(resource->group);
    assert_null(resource->comment);
    assert_string_equal(format(*state, resource), "ct: 100\n\n");
}

static void resource_set_rows(void **state)
{
    static const struct {
        const char *key, *value;
        const char *line; // of the formatted section, "" for none
        const char *error;
    } rows[] = {
        {"state", "started", "\tstate started\n", NULL},
        {"state", "enabled", "\tstate started\n", NULL},
        {"state", "stopped", "\tstate stopped\n", NULL},
        {"state", "disabled", "\tstate disabled\n", NULL},
        {"state", "ignored", "\tstate ignored\n", NULL},
        {"state", "on", NULL,
         "key 'state': unknown value 'on': allowed are started, stopped, disabled, ignored, enabled"},
        {"failback", "0", "\tfailback 0\n", NULL},
        {"failback", "yes", "\tfailback 1\n", NULL},
        {"failback", "", "\tfailback 1\n", NULL},
        {"failback", "2", NULL, "key 'failback': expected 0 or 1, not '2'"},
        {"max_restart", "0", "\tmax_restart 0\n", NULL},
        {"max_restart", "1000", "\tmax_restart 1000\n", NULL},
        {"max_restart", "1001", NULL,
         "key 'max_restart': expected a whole number from 0 to 1000, not '1001'"},
        {"max_restart", "-1", NULL,
         "key 'max_restart': expected a whole number from 0 to 1000, not '-1'"},
        {"max_relocate", "2", "\tmax_relocate 2\n", NULL},
        {"max_relocate", "", NULL,
         "key 'max_relocate': expected a whole number from 0 to 1000, not ''"},
        {"max_relocate", "2x", NULL,
         "key 'max_relocate': expected a whole number from 0 to 1000, not '2x'"},
        {"probe", "tcp:web:80", "\tprobe tcp:web:80\n", NULL},
        {"probe", "http://web/x", "\tprobe http://web/x\n", NULL},
        {"probe", "ping", NULL,
         "key 'probe': 'ping': expected exec:/path/to/program [argument ...], tcp:host:port, http://host[:port]/path or agent"},
        {"probe_failures", "1", "\tprobe_failures 1\n", NULL},
        {"probe_failures", "0", NULL,
         "key 'probe_failures': expected a whole number from 1 to 100, not '0'"},
        {"probe_interval", "60", "\tprobe_interval 60\n", NULL},
        {"probe_timeout", "31", NULL,
         "key 'probe_timeout': expected a whole number from 1 to 30, not '31'"},
        {"restart_limit", "5", "\trestart_limit 5\n", NULL},
        {"restart_window", "3600", "\trestart_window 3600\n", NULL},
        {"retry_interval", "30", "\tretry_interval 30\n", NULL},
        {"retry_interval", "0", "\tretry_interval 0\n", NULL},
        {"retry_interval", "-1", NULL,
         "key 'retry_interval': expected a whole number from 0 to 604800, not '-1'"},
        {"probe", "agent", "\tprobe agent\n", NULL},
        {"group", "group1", "\tgroup group1\n", NULL},
        {"group", "1", NULL,
         "key 'group': invalid name '1': expected a letter, then at least one of letters, digits, '_', '-'"},
        {"comment", "50 % more", "\tcomment 50 %25 more\n", NULL},
        {"comment", "", "", NULL},
        {"nodes", "node1", NULL,
         "unknown key 'nodes': allowed are comment, failback, group, max_relocate, max_restart, probe, probe_failures, probe_interval, probe_timeout, restart_limit, restart_window, retry_interval, state"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct resource *resource = resource_new(*state, "vm:101");
        struct error err = {0};
        const char *before = format(*state, resource);
        int r = resource_set(*state, resource, rows[i].key, rows[i].value, &err);
        const char *after = format(*state, resource);
        if (rows[i].error != NULL) {
            fixture_row(rows[i].value, r == -EINVAL);
            fixture_row(rows[i].value, strcmp(before, after) == 0);
            if (strcmp(err.text, rows[i].error) != 0) {
                fail_msg("row '%s': got '%s'", rows[i].error, err.text);
            }
            continue;
        }
        fixture_row(rows[i].value, r == 0);
        const char *expected = arena_printf(*state, "vm: 101\n%s\n", rows[i].line);
        if (strcmp(after, expected) != 0) {
            fail_msg("row '%s %s': got '%s'", rows[i].key, rows[i].value, after);
        }
    }
}

static void resource_comment_too_long_is_refused(void **state)
{
    struct resource *resource = resource_new(*state, "ct:100");
    char *comment = arena_alloc(*state, RESOURCE_COMMENT_MAX + 2);
    memset(comment, 'x', RESOURCE_COMMENT_MAX);
    assert_int_equal(resource_set(*state, resource, "comment", comment, NULL), 0);
    comment[RESOURCE_COMMENT_MAX] = 'x';
    assert_int_equal(resource_set(*state, resource, "comment", comment, NULL), -EINVAL);
}

static void resource_unset_gives_the_default_back(void **state)
{
    static const char *const keys[] = {
        "comment",        "failback",       "group",          "max_relocate",  "max_restart",
        "probe",          "probe_failures", "probe_interval", "probe_timeout", "restart_limit",
        "restart_window", "retry_interval", "state"};
    static const char *const values[] = {"x", "0", "group1", "7",  "8",  "tcp:a:1", "4",
                                         "5", "6", "9",      "11", "13", "disabled"};
    struct resource *resource = resource_new(*state, "ct:100");
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        assert_int_equal(resource_set(*state, resource, keys[i], values[i], NULL), 0);
    }
    assert_string_equal(format(*state, resource),
                        "ct: 100\n\tcomment x\n\tfailback 0\n\tgroup group1\n"
                        "\tmax_relocate 7\n\tmax_restart 8\n\tprobe tcp:a:1\n\tprobe_failures 4\n"
                        "\tprobe_interval 5\n\tprobe_timeout 6\n\trestart_limit 9\n"
                        "\trestart_window 11\n\tretry_interval 13\n\tstate disabled\n\n");
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        // Each one alone, and none of the others.
        const char *before = format(*state, resource);
        assert_int_equal(resource_unset(resource, keys[i], NULL), 0);
        const char *line = arena_printf(*state, "\t%s %s\n", keys[i], values[i]);
        const char *found = strstr(before, line);
        assert_non_null(found);
        const char *expected =
            arena_printf(*state, "%.*s%s", (int)(found - before), before, found + strlen(line));
        assert_string_equal(format(*state, resource), expected);
    }
    assert_string_equal(format(*state, resource), "ct: 100\n\n");
    assert_int_equal(resource->state, REQUEST_STATE_STARTED);
    assert_true(resource->failback);
    assert_int_equal(resource->max_restart, 1);
    assert_int_equal(resource->max_relocate, 1);
    assert_null(resource->probe);
    assert_int_equal(resource->probe_failures, RESOURCE_PROBE_FAILURES);
    assert_int_equal(resource->probe_interval_s, RESOURCE_PROBE_INTERVAL_S);
    assert_int_equal(resource->probe_timeout_s, RESOURCE_PROBE_TIMEOUT_S);
    assert_int_equal(resource->restart_limit, 0);
    assert_int_equal(resource->restart_window_s, RESOURCE_RESTART_WINDOW_S);
    assert_int_equal(resource->retry_interval_s, 0);
    struct error err = {0};
    assert_int_equal(resource_unset(resource, "sid", &err), -EINVAL);
    assert_true(strstr(err.text, "unknown key 'sid'") != NULL);
}

static void resource_text_round_trips(void **state)
{
    static const char text[] =
        "vm: 240\n\tcomment mail%0Agateway\n\tmax_relocate 2\n\tstate started\n\n";
    struct resource *resource = NULL;
    assert_int_equal(resource_parse(*state, text, &resource, NULL), 0);
    assert_string_equal(resource->sid, "vm:240");
    assert_string_equal(resource->comment, "mail\ngateway");
    assert_int_equal(resource->max_relocate, 2);
    assert_true(resource->has_state);
    assert_false(resource->has_failback);
    assert_string_equal(format(*state, resource), text);
}

static void resource_bad_text_names_line_and_key(void **state)
{
    static const struct {
        const char *text;
        const char *error;
    } rows[] = {
        {"", "expected one section, found 0"},
        {"ct: 100\n\nvm: 101\n", "expected one section, found 2"},
        {"ct: 1\n",
         "line 1: invalid service id 'ct:1': expected a number of at least two digits after 'ct:'"},
        {"\nct: 100\n\tstate maybe\n",
         "line 3: key 'state': unknown value 'maybe': allowed are started, stopped, disabled, ignored, enabled"},
        {"ct: 100\n\tx 1\n",
         "line 2: unknown key 'x': allowed are comment, failback, group, max_relocate, max_restart, probe, probe_failures, probe_interval, probe_timeout, restart_limit, restart_window, retry_interval, state"},
        {"ct: 100\n\tstate started\n\tstate stopped\n", "line 3: duplicate key 'state'"},
        {"ct: 100\nrubbish\n", "line 2: expected '<type>: <id>'"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct resource *resource = NULL;
        struct error err = {0};
        fixture_row(rows[i].error,
                    resource_parse(*state, rows[i].text, &resource, &err) == -EINVAL);
        fixture_row(rows[i].error, resource == NULL);
        if (strcmp(err.text, rows[i].error) != 0) {
            fail_msg("row '%s': got '%s'", rows[i].error, err.text);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(resource_new_has_the_defaults),
        fixture_test(resource_set_rows),
        fixture_test(resource_comment_too_long_is_refused),
        fixture_test(resource_unset_gives_the_default_back),
        fixture_test(resource_text_round_trips),
        fixture_test(resource_bad_text_names_line_and_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
