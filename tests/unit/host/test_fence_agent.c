// SPDX-License-Identifier: Apache-2.0
// Running fence agents, with small scripts in their place: what they are told and how, what their
// ends mean, and that nothing of them stays.
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/parse.h"
#include "common/host/fence_agent.h"
#include "common/host/file.h"
#include "common/host/host_clock.h"
#include "common/model/fence_config.h"
#include "common/model/fence_metadata.h"
#include "tests/lib/test.h"

enum { LONG_MS = 20 * 1000, SHORT_MS = 300, TEXT_MAX = 64 * 1024 };

struct fixture {
    struct arena *arena;
    char *folder;
    struct fence_device *device;
    struct map secrets;
};

static int setup(void **state)
{
    struct arena *arena = arena_new();
    struct fixture *f = arena_new_of(arena, struct fixture);
    f->arena = arena;
    f->folder = arena_strdup(arena, "/tmp/fence-agent.XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    assert_int_equal(setenv("HA_MANAGER_FENCE_DIR", f->folder, 1), 0);
    f->device = fence_device_new(arena, "d1");
    f->device->agent = "fence_test";
    f->device->timeout_s = 5;
    map_put(&f->device->nodes, "node1", NULL);
    map_put(&f->device->nodes, "node2", arena_strdup(arena, "p2"));
    map_put(&f->device->params, "ip", arena_strdup(arena, "10.0.0.1"));
    map_init_arena(&f->secrets, arena);
    map_put(&f->secrets, "password", arena_strdup(arena, "hunter2"));
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    static const char *const files[] = {"fence_test", "seen", "count", "child"};
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        (void)unlink(arena_printf(f->arena, "%s/%s", f->folder, files[i]));
    }
    assert_int_equal(rmdir(f->folder), 0);
    arena_free(f->arena);
    return 0;
}

// The agent: a shell script, with the folder in $D.
static void agent_is(struct fixture *f, const char *script)
{
    const char *text = arena_printf(f->arena, "#!/bin/sh\nD=%s\n%s\n", f->folder, script);
    const char *path = arena_printf(f->arena, "%s/fence_test", f->folder);
    assert_int_equal(file_replace(path, text, strlen(text), 0755, NULL), 0);
}

static const char *file_text(struct fixture *f, const char *name)
{
    char *text = NULL;
    size_t size;
    if (file_read(f->arena, arena_printf(f->arena, "%s/%s", f->folder, name), TEXT_MAX, &text,
                  &size, NULL) < 0) {
        return "";
    }
    return text;
}

static int run(struct fixture *f, const char *node, enum fence_action action,
               struct fence_answer *answer)
{
    return fence_agent_run(f->arena, f->device, &f->secrets, node, action, LONG_MS, answer, NULL);
}

static void options_come_on_standard_input_only(void **state)
{
    struct fixture *f = *state;
    agent_is(f, "{ echo \"args:$#\"; env; cat /proc/$$/cmdline; } >$D/child; cat >$D/seen");
    assert_int_equal(setenv("LEAK", "of-the-caller", 1), 0);
    assert_int_equal(run(f, "node2", FENCE_ACTION_OFF, NULL), FENCE_POWER_DONE);
    assert_string_equal(
        file_text(f, "seen"),
        "action=off\nip=10.0.0.1\npassword=hunter2\nnodename=node2\nplug=p2\nport=p2\n");
    assert_non_null(strstr(file_text(f, "child"), "args:0\n"));
    assert_null(strstr(file_text(f, "child"), "hunter2"));
    assert_null(strstr(file_text(f, "child"), "of-the-caller"));
}

static void node_with_its_own_device_has_no_plug(void **state)
{
    struct fixture *f = *state;
    agent_is(f, "cat >$D/seen");
    assert_int_equal(run(f, "node1", FENCE_ACTION_ON, NULL), FENCE_POWER_DONE);
    assert_string_equal(file_text(f, "seen"),
                        "action=on\nip=10.0.0.1\npassword=hunter2\nnodename=node1\n");
    assert_int_equal(run(f, NULL, FENCE_ACTION_MONITOR, NULL), FENCE_POWER_DONE);
    assert_string_equal(file_text(f, "seen"), "action=monitor\nip=10.0.0.1\npassword=hunter2\n");
}

static void exit_status_rows(void **state)
{
    static const struct {
        const char *script;
        enum fence_action action;
        int result, exit_status;
    } rows[] = {
        {"exit 0", FENCE_ACTION_STATUS, FENCE_POWER_ON, 0},
        {"exit 2", FENCE_ACTION_STATUS, FENCE_POWER_OFF, 2},
        {"exit 1", FENCE_ACTION_STATUS, -EIO, 1},
        {"exit 3", FENCE_ACTION_STATUS, -EIO, 3},
        {"exit 127", FENCE_ACTION_STATUS, -EIO, 127},
        {"kill -9 $$", FENCE_ACTION_STATUS, -EIO, -1},
        {"exit 0", FENCE_ACTION_OFF, FENCE_POWER_DONE, 0},
        {"exit 2", FENCE_ACTION_OFF, -EIO, 2},
        {"exit 0", FENCE_ACTION_MONITOR, FENCE_POWER_DONE, 0},
        {"exit 2", FENCE_ACTION_MONITOR, -EIO, 2},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct fence_answer answer = {.exit_status = 99};
        agent_is(f, rows[i].script);
        int r = run(f, "node1", rows[i].action, &answer);
        if (r != rows[i].result || answer.exit_status != rows[i].exit_status) {
            fail_msg("row %zu '%s': %d, status %d", i, rows[i].script, r, answer.exit_status);
        }
    }
}

static void words_are_one_line_without_secrets(void **state)
{
    struct fixture *f = *state;
    struct fence_answer answer;
    struct error err = {0};
    agent_is(f, "echo ' login with hunter2,'; echo 'xhunter2y\tfailed' >&2; exit 1");
    int r = fence_agent_run(f->arena, f->device, &f->secrets, "node1", FENCE_ACTION_STATUS, LONG_MS,
                            &answer, &err);
    assert_int_equal(r, -EIO);
    assert_string_equal(answer.words, "login with ***, x***y failed");
    assert_string_equal(
        err.text,
        "agent 'fence_test' failed its 'status' with status 1: login with ***, x***y failed");
}

static void long_output_is_cut_and_hides_a_cut_secret(void **state)
{
    struct fixture *f = *state;
    struct fence_answer answer;
    // Far more than any pipe holds; a secret lies across every possible end.
    agent_is(f, "i=0; while [ $i -lt 30000 ]; do echo hunter2hunter2hunter2; i=$((i+1)); done");
    assert_int_equal(run(f, "node1", FENCE_ACTION_STATUS, &answer), FENCE_POWER_ON);
    assert_true(strlen(answer.words) <= 4096 + 3);
    assert_null(strstr(answer.words, "hunt"));
}

static void agent_that_hangs_is_ended_with_all_it_started(void **state)
{
    struct fixture *f = *state;
    struct fence_answer answer;
    struct error err = {0};
    // One child in its session, one that left it, one whose parent is gone.
    agent_is(
        f,
        "sleep 1000 & setsid sleep 1000 & (sleep 1000 & echo $! >$D/child); echo here; sleep 1000");
    int r = fence_agent_run(f->arena, f->device, NULL, "node1", FENCE_ACTION_OFF, SHORT_MS, &answer,
                            &err);
    assert_int_equal(r, -ETIMEDOUT);
    assert_int_equal(answer.exit_status, -1);
    assert_string_equal(answer.words, "here");
    assert_non_null(strstr(err.text, "did not end its 'off' in time"));
    int64_t pid = 0;
    struct parse_words words = parse_list(f->arena, file_text(f, "child"));
    assert_int_equal(words.count, 1);
    assert_int_equal(parse_int64(words.words[0], 1, INT32_MAX, &pid), 0);
    assert_int_equal(kill((pid_t)pid, 0), -1);
    assert_int_equal(errno, ESRCH);
}

static void agent_that_ends_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    agent_is(f, "(setsid sleep 1000 & echo $! >$D/child); exit 0");
    assert_int_equal(run(f, "node1", FENCE_ACTION_OFF, NULL), FENCE_POWER_DONE);
    int64_t pid = 0;
    struct parse_words words = parse_list(f->arena, file_text(f, "child"));
    assert_int_equal(parse_int64(words.words[0], 1, INT32_MAX, &pid), 0);
    assert_int_equal(kill((pid_t)pid, 0), -1);
}

static void no_program_is_told_with_its_folders(void **state)
{
    struct fixture *f = *state;
    struct error err = {0};
    f->device->agent = "fence_there_is_none";
    int r =
        fence_agent_run(f->arena, f->device, NULL, "node1", FENCE_ACTION_OFF, LONG_MS, NULL, &err);
    assert_int_equal(r, -ENOENT);
    assert_non_null(strstr(err.text, "'fence_there_is_none'"));
    assert_non_null(strstr(err.text, "/usr/local/sbin"));
    f->device->agent = "../bin/sh";
    assert_int_equal(
        fence_agent_run(f->arena, f->device, NULL, "node1", FENCE_ACTION_OFF, LONG_MS, NULL, NULL),
        -EINVAL);
}

// A device that takes a while: its status becomes off with the third question.
#define COUNTING                                                                                   \
    "read line; [ $line = action=off ] && { echo switching; exit 0; }\n"                           \
    "n=$(cat $D/count 2>/dev/null); n=$((n+1)); echo $n >$D/count\n"

static void off_waits_for_the_status(void **state)
{
    struct fixture *f = *state;
    struct fence_answer answer;
    agent_is(f, COUNTING
             "[ $n -ge 3 ] && { echo 'Status: OFF'; exit 2; }; [ $n = 2 ] && exit 1; exit 0");
    assert_int_equal(fence_agent_off(f->arena, f->device, NULL, "node1", &answer, NULL),
                     FENCE_POWER_OFF);
    assert_string_equal(answer.words, "switching; Status: OFF");
    assert_string_equal(file_text(f, "count"), "3\n");
}

static void device_that_lies_proves_nothing(void **state)
{
    struct fixture *f = *state;
    struct error err = {0};
    f->device->timeout_s = 1;
    agent_is(
        f,
        "read line; [ $line = action=off ] && { echo done; exit 0; }\necho 'Status: ON'; exit 0");
    assert_int_equal(fence_agent_off(f->arena, f->device, NULL, "node1", NULL, &err), -ETIMEDOUT);
    assert_string_equal(
        err.text, "agent 'fence_test' ended its 'off' well, but the status is not off after 1 s: "
                  "Status: ON");
}

static void agent_that_says_2_to_everything_proves_nothing(void **state)
{
    struct fixture *f = *state;
    agent_is(f, "echo 'usage: fence_test'; exit 2");
    assert_int_equal(fence_agent_off(f->arena, f->device, NULL, "node1", NULL, NULL), -EIO);
}

static void order_that_fails_is_not_asked_for_its_status(void **state)
{
    struct fixture *f = *state;
    agent_is(f, "read line; [ $line = action=off ] && exit 1; echo asked >$D/seen; exit 2");
    assert_int_equal(fence_agent_off(f->arena, f->device, NULL, "node1", NULL, NULL), -EIO);
    assert_string_equal(file_text(f, "seen"), "");
}

static void metadata_is_what_it_prints_on_standard_output(void **state)
{
    struct fixture *f = *state;
    struct fence_metadata metadata;
    agent_is(f, "echo '<parameter name=\"noise\"/>' >&2; echo '<parameter name=\"ip\"/>'; "
                "echo '<action name=\"off\"/>'");
    assert_int_equal(fence_agent_metadata(f->arena, "fence_test", &metadata, NULL), 0);
    assert_true(map_has(&metadata.parameters, "ip"));
    assert_false(map_has(&metadata.parameters, "noise"));
    struct error err = {0};
    agent_is(f, "echo nothing");
    assert_int_equal(fence_agent_metadata(f->arena, "fence_test", &metadata, &err), -EINVAL);
    assert_string_equal(
        err.text,
        "agent 'fence_test': what it prints as metadata names no parameters or no actions");
}

#define agent_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        agent_test(options_come_on_standard_input_only),
        agent_test(node_with_its_own_device_has_no_plug),
        agent_test(exit_status_rows),
        agent_test(words_are_one_line_without_secrets),
        agent_test(long_output_is_cut_and_hides_a_cut_secret),
        agent_test(agent_that_hangs_is_ended_with_all_it_started),
        agent_test(agent_that_ends_leaves_nothing),
        agent_test(no_program_is_told_with_its_folders),
        agent_test(off_waits_for_the_status),
        agent_test(device_that_lies_proves_nothing),
        agent_test(agent_that_says_2_to_everything_proves_nothing),
        agent_test(order_that_fails_is_not_asked_for_its_status),
        agent_test(metadata_is_what_it_prints_on_standard_output),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
