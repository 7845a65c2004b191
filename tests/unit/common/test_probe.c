// SPDX-License-Identifier: Apache-2.0
// Forms of probes, good and bad.
#include <errno.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/model/probe.h"
#include "tests/lib/fixture.h"

static void network_probes_are_read(void **state)
{
    static const struct {
        const char *text;
        enum probe_kind kind;
        const char *host;
        int64_t port;
        const char *path; // or NULL
    } rows[] = {
        {"tcp:web:80", PROBE_TCP, "web", 80, NULL},
        {"tcp:[::1]:5432", PROBE_TCP, "::1", 5432, NULL},
        {"http://web", PROBE_HTTP, "web", 80, "/"},
        {"http://10.0.0.1:8080/status?x=1", PROBE_HTTP, "10.0.0.1", 8080, "/status?x=1"},
        {"http://[fe80::1]/", PROBE_HTTP, "fe80::1", 80, "/"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct probe probe;
        fixture_row(rows[i].text, probe_parse(*state, rows[i].text, &probe, NULL) == 0);
        fixture_row(rows[i].text, probe.kind == rows[i].kind && probe.port == rows[i].port);
        fixture_row(rows[i].text, strcmp(probe.host, rows[i].host) == 0);
        fixture_row(rows[i].text, (probe.path == NULL) == (rows[i].path == NULL));
        fixture_row(rows[i].text, probe.path == NULL || strcmp(probe.path, rows[i].path) == 0);
    }
}

static void program_is_read_with_its_arguments(void **state)
{
    struct probe probe;
    assert_int_equal(probe_parse(*state, "exec:/bin/check  -v web", &probe, NULL), 0);
    assert_int_equal(probe.kind, PROBE_EXEC);
    assert_string_equal(probe.argv[0], "/bin/check");
    assert_string_equal(probe.argv[1], "-v");
    assert_string_equal(probe.argv[2], "web");
    assert_null(probe.argv[3]);
}

static void agent_stands_alone(void **state)
{
    struct probe probe;
    assert_int_equal(probe_parse(*state, "agent", &probe, NULL), 0);
    assert_int_equal(probe.kind, PROBE_AGENT);
}

static void other_texts_are_refused(void **state)
{
    static const char *const rows[] = {
        "",           "ping",         "exec:",         "exec:check",     "tcp:web",
        "tcp::80",    "tcp:web:0",    "tcp:web:65536", "tcp:web:80/x",   "tcp:[::1",
        "http://",    "http:///x",    "http://a:b/",   "https://web/",   "http://u@web/",
        "tcp:a b:80", "http://w/a b", "tcp:web:80\n",  "http://[]:80/x", "agent:",
        "agent x",    "Agent",
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct probe probe;
        struct error err = {0};
        fixture_row(rows[i], probe_parse(*state, rows[i], &probe, &err) == -EINVAL);
        fixture_row(rows[i], strstr(err.text, "expected exec:/path/to/program") != NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(network_probes_are_read),
        fixture_test(program_is_read_with_its_arguments),
        fixture_test(agent_stands_alone),
        fixture_test(other_texts_are_refused),
    };
    return cmocka_run_group_tests_name("probe", tests, NULL, NULL);
}
