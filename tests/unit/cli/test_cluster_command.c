// SPDX-License-Identifier: Apache-2.0
// Commands to the master: what is queued, and what its answer means.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cluster_command.h"
#include "cli/cluster_view.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/model/command.h"
#include "common/port/store.h"
#include "tests/lib/fake_session.h"
#include "tests/lib/test.h"

struct fixture {
    struct arena *arena;
    struct fake_session fake;
    struct command command;
    struct error err;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->arena = arena_new();
    fake_session_init(&f->fake, 1);
    f->command = (struct command){.kind = COMMAND_KIND_MIGRATE, .sid = "ct:100", .node = "node2"};
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    fake_session_done(&f->fake);
    arena_free(f->arena);
    free(f);
    return 0;
}

static void send(struct fixture *f)
{
    assert_int_equal(cluster_command_send(f->arena, &f->fake.session, &f->command, &f->err), 0);
}

static void command_sent_is_queued_under_its_own_id(void **state)
{
    struct fixture *f = *state;
    struct command *queued = NULL;
    send(f);
    const char *first = f->command.id;
    const char *text = fake_store_get(f->fake.store, arena_printf(f->arena, "command/%s", first));
    assert_non_null(text);
    assert_int_equal(command_parse(f->arena, text, strlen(text), &queued, &f->err), 0);
    assert_string_equal(command_format_text(f->arena, queued), "migrate ct:100 node2");
    assert_string_equal(queued->id, first);
    assert_string_equal(queued->by, "node1");
    send(f);
    assert_string_not_equal(f->command.id, first);
}

static void command_without_quorum_is_not_queued(void **state)
{
    struct fixture *f = *state;
    f->fake.session.quorate = false;
    assert_int_equal(cluster_command_send(f->arena, &f->fake.session, &f->command, &f->err),
                     -EHOSTDOWN);
    assert_int_equal(fake_store_commits(f->fake.store), 0);
}

struct answer_row {
    const char *answer; // NULL: none
    int code;
    const char *words;
};

static const struct answer_row answer_rows[] = {
    {"{\"result\":\"ok\"}", 0, ""},
    {"{\"result\":\"refused\",\"reason\":\"node 'node2' is not online\"}", -ECANCELED,
     "the master refused: node 'node2' is not online"},
    {"{\"result\":\"refused\"}", -ECANCELED, "the master refused: it gave no reason"},
    {"{}", -EINVAL, "the master's answer: "},
    {NULL, -ETIMEDOUT, "is queued, but no master has answered it yet"},
};

static void command_waited_for_ends_as_the_answer_says(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_SIZE(answer_rows); i++) {
        const struct answer_row *row = &answer_rows[i];
        struct error err = {0};
        send(f);
        const char *key = arena_printf(f->arena, "live/answer/%s", f->command.id);
        fake_store_put(f->fake.store, key, row->answer);
        int r = cluster_command_wait(f->arena, &f->fake.session, &f->command, 0, &err);
        if (r != row->code || strstr(err.text, row->words) == NULL) {
            print_error("%zu: %d '%s'\n", i, r, err.text);
        }
        assert_int_equal(r, row->code);
        assert_non_null(strstr(err.text, row->words));
    }
}

static void command_whose_answer_cannot_be_read_says_that_it_is_queued(void **state)
{
    struct fixture *f = *state;
    send(f);
    fake_store_fail(f->fake.store, -EHOSTDOWN, 0, 0);
    int r = cluster_command_wait(f->arena, &f->fake.session, &f->command, 0, &f->err);
    assert_int_equal(r, -EHOSTDOWN);
    assert_non_null(strstr(f->err.text, "the command is queued, but its answer cannot be read"));
}

static void command_has_a_taker_while_the_master_lives(void **state)
{
    struct cluster_view view = {.has_master_timestamp = true, .master_timestamp_s = 100};
    (void)state;
    assert_true(cluster_command_has_taker(&view, 130, 30));
    assert_false(cluster_command_has_taker(&view, 131, 30));
    view.has_master_timestamp = false;
    assert_false(cluster_command_has_taker(&view, 100, 30));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(command_sent_is_queued_under_its_own_id),
        TEST(command_without_quorum_is_not_queued),
        TEST(command_waited_for_ends_as_the_answer_says),
        TEST(command_whose_answer_cannot_be_read_says_that_it_is_queued),
        cmocka_unit_test(command_has_a_taker_while_the_master_lives),
    };
    return cmocka_run_group_tests_name("cluster_command", tests, NULL, NULL);
}
