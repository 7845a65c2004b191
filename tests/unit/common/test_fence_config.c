// SPDX-License-Identifier: Apache-2.0
// Fence devices: the document, its errors, who can switch what off, secrets.
#include <errno.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/strbuf.h"
#include "common/model/fence_config.h"
#include "tests/lib/fixture.h"

static struct fence_config *parse_ok(struct arena *arena, const char *text)
{
    struct fence_config *config = NULL;
    struct error err = {0};
    if (fence_config_parse(arena, text, &config, &err) < 0) {
        fail_msg("'%s': %s", text, err.text);
    }
    return config;
}

static void no_text_is_no_device(void **state)
{
    assert_int_equal(parse_ok(*state, NULL)->devices.count, 0);
    assert_int_equal(parse_ok(*state, "")->devices.count, 0);
    assert_int_equal(parse_ok(*state, "")->self_test_interval_s, 0);
}

static void device_has_what_is_written(void **state)
{
    struct fence_config *config = parse_ok(
        *state, "options: fencing\n\tself_test_interval_s 3600\n\n"
                "device: pdu\n\tagent fence_apc\n\tnodes node2:4,node1:a:b\n\tlevel 2\n\tdelay 5\n"
                "\ttimeout 30\n\tdisabled\n\tparam.ip 10.0.0.2\n\tparam.login a b=c\n");
    const struct fence_device *device = map_find(&config->devices, "pdu");
    assert_non_null(device);
    assert_int_equal(config->self_test_interval_s, 3600);
    assert_string_equal(device->agent, "fence_apc");
    assert_string_equal(map_find(&device->nodes, "node1"), "a:b");
    assert_string_equal(map_find(&device->nodes, "node2"), "4");
    assert_int_equal(device->level, 2);
    assert_int_equal(device->delay_s, 5);
    assert_int_equal(device->timeout_s, 30);
    assert_true(device->disabled);
    assert_string_equal(map_find(&device->params, "ip"), "10.0.0.2");
    assert_string_equal(map_find(&device->params, "login"), "a b=c");
}

static void device_without_settings_has_the_defaults(void **state)
{
    struct fence_config *config = parse_ok(*state, "device: d1\n\tagent fence_x\n\tnodes n1\n");
    const struct fence_device *device = map_find(&config->devices, "d1");
    assert_int_equal(device->level, 1);
    assert_int_equal(device->delay_s, 0);
    assert_int_equal(device->timeout_s, FENCE_TIMEOUT_DEFAULT_S);
    assert_false(device->disabled);
    assert_true(map_has(&device->nodes, "n1"));
    assert_null(map_find(&device->nodes, "n1"));
}

static void written_form_is_sorted_and_without_defaults(void **state)
{
    const char *text =
        "device: zz\n\tagent fence_x\n\tnodes n2,n1:1\n\tlevel 1\n\ttimeout 20\n\tdisabled 0\n"
        "\tparam.b 2\n\tparam.a\n\n"
        "device: aa\n\tagent fence_y\n\tnodes n1\n\tdelay 3\n\n"
        "options: fencing\n\tself_test_interval_s 60\n";
    assert_string_equal(fence_config_format(*state, parse_ok(*state, text)),
                        "options: fencing\n\tself_test_interval_s 60\n\n"
                        "device: aa\n\tagent fence_y\n\tnodes n1\n\tdelay 3\n\n"
                        "device: zz\n\tagent fence_x\n\tnodes n1:1,n2\n\tparam.a\n\tparam.b 2\n\n");
}

static void bad_documents_name_line_device_and_key(void **state)
{
#define DEVICE "device: d1\n\tagent fence_x\n\tnodes n1\n"
    static const struct {
        const char *text, *words;
    } rows[] = {
        {"device: d1\n\tnodes n1\n", "line 1: device 'd1': key 'agent' is missing"},
        {"device: d1\n\tagent fence_x\n", "line 1: device 'd1': key 'nodes' is missing"},
        {DEVICE "\tcolour red\n",
         "line 4: device 'd1': unknown key 'colour': allowed are agent, delay, disabled, level, nodes, "
         "param.<name>, timeout"},
        {DEVICE "\tlevel 0\n",
         "line 4: device 'd1': key 'level': '0' is not a whole number from 1 to 9"},
        {DEVICE "\tlevel 10\n",
         "line 4: device 'd1': key 'level': '10' is not a whole number from 1 to 9"},
        {DEVICE "\tdelay -1\n",
         "line 4: device 'd1': key 'delay': '-1' is not a whole number from 0 to 300"},
        {DEVICE "\ttimeout 20s\n",
         "line 4: device 'd1': key 'timeout': '20s' is not a whole number from 1 to 600"},
        {DEVICE "\ttimeout 0\n",
         "line 4: device 'd1': key 'timeout': '0' is not a whole number from 1 to 600"},
        {DEVICE "\tdisabled x\n", "line 4: device 'd1': key 'disabled': expected 0 or 1, not 'x'"},
        {DEVICE "\tlevel 1\n\tlevel 2\n", "line 5: duplicate key 'level'"},
        {DEVICE "\tparam.action off\n",
         "line 4: device 'd1': parameter 'action' cannot be set: the action is set by the one who gives the "
         "order"},
        {DEVICE "\tparam.port 3\n",
         "line 4: device 'd1': parameter 'port' cannot be set: give the plug with its node, as NODE:PLUG in "
         "'nodes'"},
        {DEVICE "\tparam.debug_file /x\n",
         "line 4: device 'd1': parameter 'debug_file' cannot be set: the agent "
         "would write secrets into that file"},
        {DEVICE "\tparam.a/b 3\n",
         "line 4: device 'd1': invalid parameter 'a/b': expected at most 64 letters, "
         "digits, '_', '-'"},
        {DEVICE "\tparam.a \x01\n",
         "line 4: device 'd1': invalid value of parameter 'a': expected at most 1024 "
         "bytes of one line, without control characters and without blanks at its ends"},
        {"device: d1\n\tagent /bin/sh\n\tnodes n1\n",
         "line 2: device 'd1': '/bin/sh' is no name of a fence agent: expected fence_… of letters, digits, '_', "
         "'-', without a path"},
        {"device: d1\n\tagent fence_\n\tnodes n1\n",
         "line 2: device 'd1': 'fence_' is no name of a fence agent: expected fence_… of letters, digits, '_', "
         "'-', without a path"},
        {"device: d1\n\tagent fence_x/../sh\n\tnodes n1\n",
         "line 2: device 'd1': 'fence_x/../sh' is no name of a fence agent: expected fence_… of letters, digits, "
         "'_', '-', without a path"},
        {"device: d1\n\tagent fence_x\n\tnodes n1:\n",
         "line 3: device 'd1': key 'nodes': the plug of node 'n1' is not one word of 1 to 128 bytes"},
        {"device: d1\n\tagent fence_x\n\tnodes n1,n1:2\n",
         "line 3: device 'd1': key 'nodes': node 'n1' is named twice"},
        {"device: d1\n\tagent fence_x\n\tnodes ,\n",
         "line 3: device 'd1': key 'nodes': no node is named: expected NODE[:PLUG],…"},
        {DEVICE "\n" DEVICE, "line 5: a second device 'd1'"},
        {"devise: d1\n\tagent fence_x\n\tnodes n1\n",
         "line 1: unknown type 'devise': allowed are device, options"},
        {"device: 1\n\tagent fence_x\n\tnodes n1\n",
         "line 1: invalid name '1': expected a letter, then at least one of letters, digits, '_', '-'"},
        {"nonsense\n", "line 1: expected '<type>: <id>'"},
        {"options: other\n", "line 1: unknown options 'other': allowed is 'options: fencing'"},
        {"options: fencing\n\tself_test 1\n",
         "line 2: options: unknown key 'self_test': allowed is self_test_interval_s"},
        {"options: fencing\n\tself_test_interval_s 59\n",
         "line 2: options: key 'self_test_interval_s': '59' is not a whole number from 60 to 31536000"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct fence_config *config = NULL;
        struct error err = {0};
        fixture_row(rows[i].text,
                    fence_config_parse(*state, rows[i].text, &config, &err) == -EINVAL);
        fixture_row(rows[i].text, config == NULL);
        if (strcmp(err.text, rows[i].words) != 0) {
            fail_msg("row '%s': got '%s'", rows[i].text, err.text);
        }
    }
}

static void devices_of_a_node_are_by_level_then_name(void **state)
{
    struct fence_config *config =
        parse_ok(*state, "device: bb\n\tagent fence_x\n\tnodes n1,n2\n\n"
                         "device: zz\n\tagent fence_x\n\tnodes n1\n\n"
                         "device: a1\n\tagent fence_x\n\tnodes n1\n\tlevel 3\n\n"
                         "device: off\n\tagent fence_x\n\tnodes n1\n\tdisabled 1\n\n"
                         "device: other\n\tagent fence_x\n\tnodes n2\n");
    const struct fence_device **devices = NULL;
    size_t count = 0;
    fence_config_devices_of(*state, config, "n1", &devices, &count);
    assert_int_equal(count, 3);
    assert_string_equal(devices[0]->name, "bb");
    assert_string_equal(devices[1]->name, "zz");
    assert_string_equal(devices[2]->name, "a1");
    fence_config_devices_of(*state, config, "n3", &devices, &count);
    assert_int_equal(count, 0);
}

static void copy_is_the_same_device(void **state)
{
    const char *text =
        "device: pdu\n\tagent fence_apc\n\tnodes n1:3,n2\n\tlevel 2\n\tdelay 1\n\ttimeout 9\n"
        "\tdisabled 1\n\tparam.a b\n\n";
    struct fence_config *config = parse_ok(*state, text);
    struct fence_config *other = fence_config_new(*state);
    map_put(&other->devices, "pdu", fence_device_copy(*state, map_find(&config->devices, "pdu")));
    assert_string_equal(fence_config_format(*state, other), text);
}

static void passwords_are_told_from_other_parameters(void **state)
{
    (void)state;
    static const char *const secret[] = {
        "password", "passwd",     "snmp_priv_passwd", "hexadecimal_kg", "api_key",
        "token",    "secret_key", "community",        "apikey",         "snmp_auth_passwd"};
    static const char *const open[] = {
        "ip",       "login",         "password_script", "passwd_script",
        "username", "power_timeout", "identity_file",   "token_file"};
    for (size_t i = 0; i < ARRAY_SIZE(secret); i++) {
        fixture_row(secret[i], fence_param_is_secret(secret[i]));
    }
    for (size_t i = 0; i < ARRAY_SIZE(open); i++) {
        fixture_row(open[i], !fence_param_is_secret(open[i]));
    }
}

static void secrets_read_and_written(void **state)
{
    struct map secrets;
    map_init_arena(&secrets, *state);
    assert_int_equal(
        fence_secrets_parse(*state, "# mine\n\npassword=a=b c\nlogin=", &secrets, NULL), 0);
    assert_int_equal(secrets.count, 2);
    assert_string_equal(map_find(&secrets, "password"), "a=b c");
    assert_string_equal(fence_secrets_format(*state, &secrets), "login=\npassword=a=b c\n");
}

static void bad_secrets_are_refused_without_showing_them(void **state)
{
    static const struct {
        const char *text, *words;
    } rows[] = {
        {"x=1\nhunter2\n", "line 2: expected key=value"},
        {"a=1\na=hunter2\n", "line 2: 'a' is given twice, or more than 64 keys"},
        {"password=hunter2 \n",
         "line 1: invalid value of parameter 'password': expected at most 1024 bytes of one "
         "line, without control characters and without blanks at its ends"},
        {"action=hunter2\n",
         "line 1: parameter 'action' cannot be set: the action is set by the one who gives "
         "the order"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct map secrets;
        struct error err = {0};
        map_init_arena(&secrets, *state);
        fixture_row(rows[i].text,
                    fence_secrets_parse(*state, rows[i].text, &secrets, &err) == -EINVAL);
        assert_string_equal(err.text, rows[i].words);
        fixture_row(rows[i].text, strstr(err.text, "hunter2") == NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(no_text_is_no_device),
        fixture_test(device_has_what_is_written),
        fixture_test(device_without_settings_has_the_defaults),
        fixture_test(written_form_is_sorted_and_without_defaults),
        fixture_test(bad_documents_name_line_device_and_key),
        fixture_test(devices_of_a_node_are_by_level_then_name),
        fixture_test(copy_is_the_same_device),
        fixture_test(passwords_are_told_from_other_parameters),
        fixture_test(secrets_read_and_written),
        fixture_test(bad_secrets_are_refused_without_showing_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
