// SPDX-License-Identifier: Apache-2.0
// Commands: the one-line form, its errors, the envelope in the store.
#include <errno.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/model/command.h"
#include "tests/lib/fixture.h"

static void command_lines_round_trip(void **state)
{
    static const struct {
        const char *text;
        const char *written;
        enum command_kind kind;
    } rows[] = {
        {"migrate ct:100 node2", "migrate ct:100 node2", COMMAND_KIND_MIGRATE},
        {"  relocate\tvm:101  n1 ", "relocate vm:101 n1", COMMAND_KIND_RELOCATE},
        {"stop ct:100 0", "stop ct:100 0", COMMAND_KIND_STOP},
        {"stop ct:100 060", "stop ct:100 60", COMMAND_KIND_STOP},
        {"enable-node-maintenance n1", "enable-node-maintenance n1",
         COMMAND_KIND_ENABLE_NODE_MAINTENANCE},
        {"disable-node-maintenance n1", "disable-node-maintenance n1",
         COMMAND_KIND_DISABLE_NODE_MAINTENANCE},
        {"disarm-ha freeze", "disarm-ha freeze", COMMAND_KIND_DISARM_HA},
        {"disarm-ha ignore", "disarm-ha ignore", COMMAND_KIND_DISARM_HA},
        {"arm-ha", "arm-ha", COMMAND_KIND_ARM_HA},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct command *command = NULL;
        fixture_row(rows[i].text, command_parse_text(*state, rows[i].text, &command, NULL) == 0);
        fixture_row(rows[i].text, command->kind == rows[i].kind);
        fixture_row(rows[i].text, command->id == NULL && command->by == NULL);
        fixture_row(rows[i].text,
                    strcmp(command_format_text(*state, command), rows[i].written) == 0);
    }
}

static void command_bad_line_says_the_form(void **state)
{
    static const char all[] = "allowed are migrate, relocate, stop, enable-node-maintenance, "
                              "disable-node-maintenance, disarm-ha, arm-ha";
    static const struct {
        const char *text;
        const char *error;
    } rows[] = {
        {"", "unknown command ''"},
        {"fly ct:100 n1", "unknown command 'fly'"},
        {"migrate ct:100", "invalid command 'migrate ct:100': expected 'migrate <sid> <node>'"},
        {"migrate ct:100 n1 n2",
         "invalid command 'migrate ct:100 n1 n2': expected 'migrate <sid> <node>'"},
        {"migrate ct n1", "invalid service id 'ct': expected <type>:<name>"},
        {"relocate ct:100 -",
         "invalid node name '-': expected letters, digits and inner '-', at most 63"},
        {"stop ct:100", "invalid command 'stop ct:100': expected 'stop <sid> <seconds>'"},
        {"stop ct:100 -1", "invalid timeout '-1': expected a whole number of seconds"},
        {"stop ct:100 5s", "invalid timeout '5s': expected a whole number of seconds"},
        {"stop 100 5", "invalid service id '100': expected <type>:<name>"},
        {"disarm-ha none", "invalid mode 'none': expected freeze or ignore"},
        {"disarm-ha", "invalid command 'disarm-ha': expected 'disarm-ha freeze|ignore'"},
        {"arm-ha now", "invalid command 'arm-ha now': expected 'arm-ha'"},
        {"enable-node-maintenance a.b",
         "invalid node name 'a.b': expected letters, digits and inner '-', at most 63"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct command *command = NULL;
        struct error err = {0};
        fixture_row(rows[i].text,
                    command_parse_text(*state, rows[i].text, &command, &err) == -EINVAL);
        fixture_row(rows[i].text, command == NULL);
        const char *expected =
            i < 2 ? arena_printf(*state, "%s: %s", rows[i].error, all) : rows[i].error;
        if (strcmp(err.text, expected) != 0) {
            fail_msg("row '%s': got '%s'", rows[i].text, err.text);
        }
    }
}

static void command_envelope_round_trips(void **state)
{
    static const char text[] = "{\"by\":\"root\",\"id\":\"c1\",\"text\":\"stop ct:100 30\"}";
    struct command *command = NULL;
    assert_int_equal(command_parse(*state, text, strlen(text), &command, NULL), 0);
    assert_string_equal(command->id, "c1");
    assert_string_equal(command->by, "root");
    assert_string_equal(command->sid, "ct:100");
    assert_int_equal(command->timeout_s, 30);
    assert_string_equal(command_format(*state, command), text);
}

static void command_bad_envelope_is_refused(void **state)
{
    static const char *const rows[] = {"{}",
                                       "[]",
                                       "{\"id\":\"c1\"}",
                                       "{\"text\":\"arm-ha\"}",
                                       "{\"id\":1,\"text\":\"arm-ha\"}",
                                       "{\"id\":\"c1\",\"text\":\"arm\"}",
                                       "{\"id\":\"c1\",\"by\":1,\"text\":\"arm-ha\"}",
                                       "x"};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct command *command = NULL;
        fixture_row(rows[i],
                    command_parse(*state, rows[i], strlen(rows[i]), &command, NULL) == -EINVAL);
        fixture_row(rows[i], command == NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(command_lines_round_trip),
        fixture_test(command_bad_line_says_the_form),
        fixture_test(command_envelope_round_trips),
        fixture_test(command_bad_envelope_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
