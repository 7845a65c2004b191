// SPDX-License-Identifier: Apache-2.0
// What fence agents say of themselves, and devices that do not fit it.
#include <errno.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/model/fence_config.h"
#include "common/model/fence_metadata.h"
#include "tests/lib/fixture.h"

#define HEAD                                                                                       \
    "<?xml version=\"1.0\" ?>\n<!-- <parameter name=\"no\"/> -->\n"                                \
    "<resource-agent name=\"fence_x\" shortdesc=\"A &lt;switch&gt;\" >\n<longdesc>long</longdesc>\n<parameters>\n"
#define PARAMETERS                                                                                                 \
    "\t<parameter name=\"action\" unique=\"0\" required=\"1\">\n\t\t<getopt mixed=\"-o, --action=[action]\" />\n"  \
    "\t\t<content type=\"string\" default=\"reboot\"  />\n\t\t<shortdesc lang=\"en\">Fencing action</shortdesc>\n" \
    "\t</parameter>\n"                                                                                             \
    "\t<parameter name=\"ip\" required=\"1\" obsoletes=\"ipaddr\"><content type=\"string\"/>\n"                    \
    "\t\t<shortdesc lang=\"en\">IP address\n   or host &amp; name</shortdesc></parameter>\n"                       \
    "\t<parameter name=\"ipaddr\" required=\"1\" deprecated=\"1\"/>\n"                                             \
    "\t<parameter name='password' required=\"0\"/>\n"                                                              \
    "\t<parameter name=\"ipport\" required=\"1\"><content type=\"integer\" default=\"623\"/></parameter>\n"
#define PLUG                                                                                       \
    "<parameter name=\"plug\" required=\"1\" obsoletes=\"port\"/><parameter name=\"port\" required=\"1\"/>"
#define ACTIONS                                                                                    \
    "</parameters>\n<actions>\n<action name=\"on\" automatic=\"0\"/><action name=\"off\" /><action name=\"status\"/>"
#define TAIL "</actions>\n</resource-agent>\n"

static struct fence_metadata parse_ok(struct arena *arena, const char *text)
{
    struct fence_metadata metadata;
    struct error err = {0};
    if (fence_metadata_parse(arena, text, &metadata, &err) < 0) {
        fail_msg("%s", err.text);
    }
    return metadata;
}

static void parameters_and_actions_are_read(void **state)
{
    struct fence_metadata metadata = parse_ok(*state, HEAD PARAMETERS ACTIONS TAIL);
    assert_string_equal(metadata.agent, "fence_x");
    assert_string_equal(metadata.about, "A <switch>");
    assert_int_equal(metadata.parameters.count, 5);
    assert_false(map_has(&metadata.parameters, "no"));
    const struct fence_parameter *ip = map_find(&metadata.parameters, "ip");
    assert_true(ip->required);
    assert_false(ip->has_default);
    assert_string_equal(ip->obsoletes, "ipaddr");
    assert_string_equal(ip->about, "IP address or host & name");
    const struct fence_parameter *ipport = map_find(&metadata.parameters, "ipport");
    assert_true(ipport->has_default);
    const struct fence_parameter *password = map_find(&metadata.parameters, "password");
    assert_false(password->required);
    assert_int_equal(metadata.actions.count, 3);
    assert_false(metadata.on_is_automatic);
}

static void what_is_no_metadata_is_refused(void **state)
{
    static const char *const rows[] = {
        "",
        "Usage: fence_x",
        "<",
        "<a b=\"",
        "<!-- ",
        "<?",
        "<parameter name=\"x\">",
        "<action name=\"off\"/>",
        "<parameter name=\"x",
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct fence_metadata metadata = {.agent = "unchanged"};
        fixture_row(rows[i], fence_metadata_parse(*state, rows[i], &metadata, NULL) == -EINVAL);
        assert_string_equal(metadata.agent, "unchanged");
    }
}

static void device_rows(void **state)
{
    static const struct {
        const char *name, *metadata, *device, *secrets, *words; // words NULL: fits
    } rows[] = {
        {"fits", HEAD PARAMETERS ACTIONS TAIL, "\tparam.ip 1\n", "password=x\n", NULL},
        {"old name", HEAD PARAMETERS ACTIONS TAIL, "\tparam.ipaddr 1\n", "", NULL},
        {"missing", HEAD PARAMETERS ACTIONS TAIL, "", "",
         "agent 'fence_x': missing parameters: 'ip' (IP address or host & name)"},
        {"given as secret", HEAD PARAMETERS ACTIONS TAIL, "", "ip=1\n", NULL},
        {"unknown", HEAD PARAMETERS ACTIONS TAIL, "\tparam.ip 1\n\tparam.colour red\n", "",
         "agent 'fence_x': unknown parameter 'colour': the agent has none of a similar name"},
        {"misspelt", HEAD PARAMETERS ACTIONS TAIL, "\tparam.ip 1\n\tparam.ippport 9\n", "",
         "agent 'fence_x': unknown parameter 'ippport': did you mean 'ipport'?"},
        {"unknown secret", HEAD PARAMETERS ACTIONS TAIL, "\tparam.ip 1\n", "pasword=x\n",
         "agent 'fence_x': unknown parameter 'pasword': did you mean 'password'?"},
        {"no plug", HEAD PARAMETERS PLUG ACTIONS TAIL, "\tparam.ip 1\n", "",
         "agent 'fence_x': the agent needs the plug of node 'n2': write it as n2:PLUG in 'nodes'"},
        {"cannot tell", HEAD PARAMETERS "</parameters><actions><action name=\"off\"/>" TAIL,
         "\tparam.ip 1\n", "",
         "agent 'fence_x' cannot tell a node's status: it gives no proof that a node is off"},
        {"cannot switch", HEAD PARAMETERS "</parameters><actions><action name=\"status\"/>" TAIL,
         "\tparam.ip 1\n", "",
         "agent 'fence_x' cannot switch a node off: it gives no proof that a node is off"},
        {"only an access",
         HEAD PARAMETERS ACTIONS "<action name=\"on\" on_target=\"1\" automatic=\"1\"/>" TAIL,
         "\tparam.ip 1\n", "",
         "agent 'fence_x' only closes an access (disks, network) and leaves the node on: its services would go on "
         "running there"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct arena *arena = *state;
        struct fence_metadata metadata = parse_ok(arena, rows[i].metadata);
        struct fence_config *config = NULL;
        struct map secrets;
        struct error err = {0};
        map_init_arena(&secrets, arena);
        const char *text =
            arena_printf(arena, "device: d1\n\tagent fence_x\n\tnodes n1:1,n2\n%s", rows[i].device);
        fixture_row(rows[i].name, fence_config_parse(arena, text, &config, NULL) == 0);
        fixture_row(rows[i].name, fence_secrets_parse(arena, rows[i].secrets, &secrets, NULL) == 0);
        int r = fence_metadata_check(arena, &metadata, map_find(&config->devices, "d1"), &secrets,
                                     &err);
        fixture_row(rows[i].name, (r == 0) == (rows[i].words == NULL));
        if (rows[i].words != NULL && strcmp(err.text, rows[i].words) != 0) {
            fail_msg("row '%s': got '%s'", rows[i].name, err.text);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(parameters_and_actions_are_read),
        fixture_test(what_is_no_metadata_is_refused),
        fixture_test(device_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
