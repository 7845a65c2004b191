// SPDX-License-Identifier: Apache-2.0
// What resource agents say of themselves, and parameters that do not fit it.
#include <errno.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/model/ocf_metadata.h"
#include "tests/lib/fixture.h"

#define HEAD                                                                                       \
    "<?xml version=\"1.0\"?>\n<!DOCTYPE resource-agent SYSTEM \"ra-api-1.dtd\">\n"                 \
    "<resource-agent name=\"db\" version=\"1.0\">\n<version>1.0</version>\n"                       \
    "<shortdesc lang=\"en\">A &lt;data&gt; base</shortdesc>\n<parameters>\n"
#define PARAMETERS                                                                                 \
    "<parameter name=\"data\" unique=\"1\" required=\"1\">\n"                                      \
    "<longdesc lang=\"en\">Where the\ndata are.</longdesc>\n"                                      \
    "<shortdesc lang=\"en\">Folder of\n  the data</shortdesc><content type=\"string\"/>"           \
    "</parameter>\n<parameter name=\"port\" required=\"0\"><content type=\"integer\" "             \
    "default=\"5432\" /></parameter>\n"                                                            \
    "<parameter name=\"user\" required=\"1\"><content type=\"string\" default=\"postgres\"/>"      \
    "</parameter><parameter name=\"mode\" required=\"1\"><content default=\"\"/></parameter>"
#define ACTIONS                                                                                    \
    "</parameters>\n<actions>\n<action name=\"start\" timeout=\"120s\" />\n"                       \
    "<action name=\"stop\" timeout=\"2min\" />\n"                                                  \
    "<action name=\"monitor\" depth=\"10\" timeout=\"60\" interval=\"90\"/>\n"                     \
    "<action name=\"monitor\" depth=\"0\" timeout=\"30000ms\" interval=\"30s\"/>\n"                \
    "<action name=\"monitor\" depth=\"0\" timeout=\"31\" interval=\"29s\" role=\"Promoted\"/>\n"   \
    "<action name=\"promote\" timeout=\"soon\"/>\n"
#define TAIL "</actions></resource-agent>\n"

static struct ocf_metadata parse_ok(struct arena *arena, const char *text)
{
    struct ocf_metadata metadata;
    struct error err = {0};
    if (ocf_metadata_parse(arena, text, &metadata, &err) < 0) {
        fail_msg("%s", err.text);
    }
    return metadata;
}

static void parameters_and_times_are_read(void **state)
{
    struct ocf_metadata metadata = parse_ok(*state, HEAD PARAMETERS ACTIONS TAIL);
    assert_string_equal(metadata.agent, "db");
    assert_string_equal(metadata.about, "A <data> base");
    assert_int_equal(metadata.parameters.count, 4);
    const struct ocf_parameter *data = map_find(&metadata.parameters, "data");
    assert_true(data->required);
    assert_false(data->has_default);
    assert_string_equal(data->about, "Folder of the data");
    const struct ocf_parameter *port = map_find(&metadata.parameters, "port");
    assert_false(port->required);
    assert_true(port->has_default);
    assert_int_equal(ocf_metadata_timeout_ms(&metadata, "start"), 120000);
    assert_int_equal(ocf_metadata_timeout_ms(&metadata, "stop"), 120000);
    assert_int_equal(ocf_metadata_timeout_ms(&metadata, "monitor"), 30000);
    assert_int_equal(ocf_metadata_timeout_ms(&metadata, "promote"), 0);
    assert_int_equal(ocf_metadata_timeout_ms(&metadata, "demote"), 0);
    assert_int_equal(metadata.monitor_interval_ms, 30000);
}

static void what_is_no_metadata_is_refused(void **state)
{
    static const struct {
        const char *text;
        const char *error;
    } rows[] = {
        {"", "what it prints as metadata names no actions"},
        {"usage: db {start|stop}", "what it prints as metadata names no actions"},
        {"<actions><action name=\"start\"/><action name=\"stop\"/></actions>",
         "it has no action 'monitor', so no service can be made of it"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct ocf_metadata metadata;
        struct error err = {0};
        fixture_row(rows[i].text,
                    ocf_metadata_parse(*state, rows[i].text, &metadata, &err) == -EINVAL);
        fixture_row(rows[i].text, strcmp(err.text, rows[i].error) == 0);
    }
}

static void parameters_that_do_not_fit_are_named(void **state)
{
    static const struct {
        const char *params[3];
        const char *error; // NULL: fine
    } rows[] = {
        {{"data", "mode"}, NULL},
        {{"data", "mode", "port"}, NULL},
        {{"mode"}, "missing parameters: 'data' (Folder of the data)"},
        {{"user"}, "missing parameters: 'data' (Folder of the data), 'mode'"},
        {{"dta", "data"}, "unknown parameter 'dta': did you mean 'data'?"},
        {{"colour"}, "unknown parameter 'colour': the agent has none of a similar name"},
    };
    struct ocf_metadata metadata = parse_ok(*state, HEAD PARAMETERS ACTIONS TAIL);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct error err = {0};
        struct map params;
        map_init_arena(&params, *state);
        for (size_t p = 0; p < ARRAY_SIZE(rows[i].params) && rows[i].params[p] != NULL; p++) {
            map_put(&params, rows[i].params[p], arena_strdup(*state, "x"));
        }
        int r = ocf_metadata_check(&metadata, &params, &err);
        if (r != (rows[i].error != NULL ? -EINVAL : 0) ||
            strcmp(err.text, rows[i].error != NULL ? rows[i].error : "") != 0) {
            fail_msg("row %zu: %d '%s'", i, r, err.text);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(parameters_and_times_are_read),
        fixture_test(what_is_no_metadata_is_refused),
        fixture_test(parameters_that_do_not_fit_are_named),
    };
    return cmocka_run_group_tests_name("ocf_metadata", tests, NULL, NULL);
}
