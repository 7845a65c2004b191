// SPDX-License-Identifier: Apache-2.0
// What ha-watchdogd answers and does to its device, on a clock and a device of the test's own.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/strbuf.h"
#include "common/host/file.h"
#include "common/model/event.h"
#include "common/model/timing.h"
#include "common/port/clock.h"
#include "common/port/event_sink.h"
#include "tests/lib/test.h"
#include "watchdog/device.h"
#include "watchdog/feeder.h"

enum { START_MS = 100000, FILE_MAX = 4096 };

struct fixture {
    struct clock clock; // first
    int64_t now_ms;
    int64_t jump_ms; // added after the next reading, once: a stall between two looks at the clock
    struct event_sink sink;
    struct strbuf events; // names, each followed by a blank
    struct device device;
    struct strbuf acts; // of the device: arm, feed, stop, expire, overdue
    int arm_result;
    bool unstoppable;
    struct timing timing;
    char folder[32];
    char *path;
    struct arena *arena;
    struct feeder *feeder;
};

#define FIXTURE_OF(type_pointer, member)                                                           \
    ((struct fixture *)(void *)((char *)(type_pointer)-offsetof(struct fixture, member)))

static int64_t fake_now(struct clock *clock)
{
    struct fixture *f = FIXTURE_OF(clock, clock);
    int64_t now_ms = f->now_ms;
    f->now_ms += f->jump_ms;
    f->jump_ms = 0;
    return now_ms;
}

static const struct clock_ops fake_clock_ops = {.now_ms = fake_now};

static void fake_emit(struct event_sink *sink, const struct event *event)
{
    struct fixture *f = FIXTURE_OF(sink, sink);
    strbuf_appendf(&f->events, "%s ", event->name);
}

static const struct event_sink_ops fake_sink_ops = {.emit = fake_emit};

static int fake_arm(struct device *device, struct error *err)
{
    struct fixture *f = FIXTURE_OF(device, device);
    if (f->arm_result < 0) {
        return error_set(err, f->arm_result, "the device is broken");
    }
    strbuf_append(&f->acts, "arm ");
    return 0;
}

static int fake_feed(struct device *device, struct error *err)
{
    (void)err;
    strbuf_append(&FIXTURE_OF(device, device)->acts, "feed ");
    return 0;
}

static int fake_disarm(struct device *device, bool *ret_counting, struct error *err)
{
    (void)err;
    struct fixture *f = FIXTURE_OF(device, device);
    strbuf_append(&f->acts, "stop ");
    *ret_counting = f->unstoppable;
    return 0;
}

static void fake_expire(struct device *device)
{
    strbuf_append(&FIXTURE_OF(device, device)->acts, "expire ");
}

static void fake_overdue(struct device *device)
{
    strbuf_append(&FIXTURE_OF(device, device)->acts, "overdue ");
}

static const struct device_ops fake_device_ops = {
    .arm = fake_arm,
    .feed = fake_feed,
    .disarm = fake_disarm,
    .expire = fake_expire,
    .overdue = fake_overdue,
};

static void feeder_open(struct fixture *f, const char *boot_id)
{
    feeder_free(f->feeder);
    struct feeder_ports ports = {.clock = &f->clock, .device = &f->device, .events = &f->sink};
    f->feeder = feeder_new(&ports, &f->timing, f->path, boot_id);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    f->clock.ops = &fake_clock_ops;
    f->now_ms = START_MS;
    f->sink.ops = &fake_sink_ops;
    f->device = (struct device){.ops = &fake_device_ops, .name = "fake", .independent = true};
    timing_get(TIMING_PROFILE_BALANCED, &f->timing);
    (void)snprintf(f->folder, sizeof(f->folder), "/tmp/test_feeder.XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    f->arena = arena_new();
    f->path = arena_printf(f->arena, "%s/state", f->folder);
    feeder_open(f, "boot-1");
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    (void)unlink(f->path);
    (void)rmdir(f->folder);
    feeder_free(f->feeder);
    strbuf_done(&f->events);
    strbuf_done(&f->acts);
    arena_free(f->arena);
    free(f);
    return 0;
}

// The answer to a message of the client, which is greeted first when it has no name yet.
static const char *say(struct fixture *f, const char *name, const char *line)
{
    char client[FEEDER_CLIENT_NAME_MAX + 1] = "";
    struct strbuf answer CLEANUP(strbuf_done) = {0};
    if (name[0] != '\0') {
        feeder_handle(f->feeder, client, arena_printf(f->arena, "hello %s", name), &answer);
        strbuf_clear(&answer);
    }
    feeder_check(f->feeder);
    feeder_handle(f->feeder, client, line, &answer);
    return arena_strdup(f->arena, strbuf_text(&answer));
}

static const char *arm(struct fixture *f, const char *name, int64_t in_ms)
{
    return say(f, name, arena_printf(f->arena, "deadline %lld", (long long)(f->now_ms + in_ms)));
}

static void assert_acts(struct fixture *f, const char *want)
{
    assert_string_equal(strbuf_text(&f->acts), want);
    strbuf_clear(&f->acts);
}

static void start(struct fixture *f)
{
    struct error err = {0};
    assert_int_equal(feeder_start(f->feeder, &err), 0);
}

static void start_with_nobody_armed_tries_the_device_and_stops_it(void **state)
{
    struct fixture *f = *state;
    start(f);
    assert_acts(f, "arm stop ");
    assert_int_equal(feeder_wake_ms(f->feeder), INT64_MAX);
    assert_false(feeder_is_armed(f->feeder));
}

static void start_with_a_device_that_cannot_stop_feeds_it_for_ever(void **state)
{
    struct fixture *f = *state;
    f->unstoppable = true;
    start(f);
    assert_acts(f, "arm stop ");
    for (int i = 0; i < 3; i++) {
        f->now_ms = feeder_wake_ms(f->feeder);
        feeder_check(f->feeder);
    }
    assert_acts(f, "feed feed feed ");
}

static void start_with_a_broken_device_fails_with_its_words(void **state)
{
    struct fixture *f = *state;
    struct error err = {0};
    f->arm_result = -EINVAL;
    assert_int_equal(feeder_start(f->feeder, &err), -EINVAL);
    assert_string_equal(err.text, "the device is broken");
}

static void client_armed_is_fed_every_granule_until_its_deadline(void **state)
{
    struct fixture *f = *state;
    start(f);
    assert_acts(f, "arm stop ");
    assert_string_equal(arm(f, "ha-lrm", 1000), "ok");
    assert_acts(f, "arm ");
    int64_t deadline_ms = f->now_ms + 1000;
    while (f->now_ms < deadline_ms) {
        f->now_ms = feeder_wake_ms(f->feeder);
        feeder_check(f->feeder);
    }
    assert_int_equal(f->now_ms, deadline_ms); // it wakes at the deadline itself
    assert_acts(f, "feed feed feed expire "); // every 250 ms, and not at the deadline
}

static void wake_after_a_stall_past_the_deadline_expires_before_it_answers(void **state)
{
    struct fixture *f = *state;
    start(f);
    assert_string_equal(arm(f, "ha-lrm", 5000), "ok");
    strbuf_clear(&f->acts);
    f->now_ms += 20000;
    const char *answer = arm(f, "ha-lrm", 5000);
    assert_memory_equal(answer, "error expired", strlen("error expired"));
    assert_acts(f, "expire ");
}

static void stall_between_look_and_feed_expires_instead_of_feeding(void **state)
{
    struct fixture *f = *state;
    start(f);
    assert_string_equal(arm(f, "ha-lrm", 5000), "ok");
    strbuf_clear(&f->acts);
    f->now_ms += 1000;
    f->jump_ms = 10000; // the first look is fine, the second is not
    feeder_check(f->feeder);
    assert_acts(f, "expire ");
}

static void expiry_with_a_device_that_does_nothing_is_made_good_by_the_process(void **state)
{
    struct fixture *f = *state;
    start(f);
    assert_string_equal(arm(f, "ha-lrm", 1000), "ok");
    strbuf_clear(&f->acts);
    f->now_ms += 1000;
    feeder_check(f->feeder);
    assert_acts(f, "expire ");
    int64_t overdue_ms = f->now_ms + f->timing.watchdog_ms + f->timing.granularity_ms;
    assert_int_equal(feeder_wake_ms(f->feeder), overdue_ms);
    f->now_ms = overdue_ms - 1;
    feeder_check(f->feeder);
    assert_acts(f, "");
    f->now_ms = overdue_ms;
    feeder_check(f->feeder);
    assert_acts(f, "overdue ");
}

static void goodbye_of_the_last_client_stops_the_device(void **state)
{
    struct fixture *f = *state;
    start(f);
    assert_string_equal(arm(f, "ha-crm", 5000), "ok");
    assert_string_equal(arm(f, "ha-lrm", 5000), "ok");
    strbuf_clear(&f->acts);
    assert_string_equal(say(f, "ha-crm", "goodbye"), "ok");
    assert_acts(f, "");
    assert_string_equal(say(f, "ha-lrm", "goodbye"), "ok");
    assert_acts(f, "stop ");
    // Armed anew it is fed at once, however short ago the last food was.
    assert_string_equal(arm(f, "ha-lrm", 5000), "ok");
    assert_acts(f, "arm ");
}

static void client_that_vanished_keeps_its_deadline_and_finds_it_again(void **state)
{
    struct fixture *f = *state;
    start(f);
    assert_string_equal(arm(f, "ha-lrm", 5000), "ok");
    feeder_forget(f->feeder, "ha-lrm");
    assert_non_null(strstr(strbuf_text(&f->events), "watchdog-client-lost"));
    char client[FEEDER_CLIENT_NAME_MAX + 1] = "";
    struct strbuf answer CLEANUP(strbuf_done) = {0};
    feeder_handle(f->feeder, client, "hello ha-lrm", &answer);
    assert_string_equal(strbuf_text(&answer), "ok 105000");
    assert_string_equal(arm(f, "ha-lrm", 6000), "ok");
    f->now_ms += 5500;
    feeder_check(f->feeder);
    assert_null(strstr(strbuf_text(&f->acts), "expire"));
}

static void first_client_with_a_broken_device_is_not_armed(void **state)
{
    struct fixture *f = *state;
    start(f);
    f->arm_result = -EIO;
    assert_string_equal(arm(f, "ha-lrm", 5000), "error the watchdog device does not work");
    assert_false(feeder_is_armed(f->feeder));
    // Once it works again, so does the next attempt.
    f->arm_result = 0;
    f->now_ms += f->timing.granularity_ms;
    assert_string_equal(arm(f, "ha-lrm", 5000), "ok");
}

static void client_late_is_warned_about_once(void **state)
{
    struct fixture *f = *state;
    start(f);
    assert_string_equal(arm(f, "ha-lrm", f->timing.authority_ms), "ok");
    strbuf_clear(&f->events);
    f->now_ms += f->timing.authority_ms * 2 / 3 + 10;
    feeder_check(f->feeder);
    f->now_ms += 300;
    feeder_check(f->feeder);
    assert_string_equal(strbuf_text(&f->events), "watchdog-late ");
}

static void messages_are_answered(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *name, *line, *want;
    } rows[] = {
        {"", "deadline 105000", "error say 'hello NAME' first"},
        {"", "goodbye", "error say 'hello NAME' first"},
        {"", "hello HA", "error a name is 1 to 32 of a-z and '-'"},
        {"", "hello abcdefghijklmnopqrstuvwxyzabcdefg", "error a name is 1 to 32 of a-z and '-'"},
        {"", "hello a b", "error say 'hello NAME' first"},
        {"", "", "error say 'hello NAME' first"},
        {"ha-lrm", "hello ha-lrm", "ok"},
        {"ha-lrm", "deadline", "error unknown message: 'hello NAME', 'deadline MS', 'goodbye'"},
        {"ha-lrm", "deadline 10x", "error a deadline is a number of milliseconds"},
        {"ha-lrm", "deadline -5", "error a deadline is a number of milliseconds"},
        {"ha-lrm", "deadline 99999", "error stale: the deadline has passed already"},
        {"ha-lrm", "deadline 108001", "error the deadline is more than 8000 ms ahead"},
        {"ha-lrm", "deadline 9223372036854775807", "error the deadline is more than 8000 ms ahead"},
        {"ha-lrm", "deadline 108000", "ok"},
        {"ha-lrm", "deadline 1", "ok"}, // armed by now: a move back is ignored
        {"ha-lrm", "goodbye now", "error unknown message: 'hello NAME', 'deadline MS', 'goodbye'"},
        {"ha-lrm", "goodbye", "ok"},
        {"ha-lrm", "goodbye", "ok"},
    };
    start(f);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *got = say(f, rows[i].name, rows[i].line);
        if (strcmp(got, rows[i].want) != 0) {
            fail_msg("'%s': got '%s', want '%s'", rows[i].line, got, rows[i].want);
        }
    }
}

// --- The hand-over to the next process. ---

static void next_process_takes_armed_clients_over_and_feeds(void **state)
{
    struct fixture *f = *state;
    start(f);
    assert_string_equal(arm(f, "ha-lrm", 5000), "ok");
    strbuf_clear(&f->acts);
    f->now_ms += 2000;
    feeder_open(f, "boot-1");
    start(f);
    assert_acts(f, "arm ");
    assert_true(feeder_is_armed(f->feeder));
    f->now_ms += 3000;
    feeder_check(f->feeder);
    assert_acts(f, "expire ");
}

static void next_process_after_the_deadline_expires_and_never_touches_the_device(void **state)
{
    struct fixture *f = *state;
    start(f);
    assert_string_equal(arm(f, "ha-lrm", 5000), "ok");
    strbuf_clear(&f->acts);
    f->now_ms += 6000;
    feeder_open(f, "boot-1");
    start(f);
    assert_acts(f, "expire ");
}

static void next_process_after_a_goodbye_is_free(void **state)
{
    struct fixture *f = *state;
    start(f);
    assert_string_equal(arm(f, "ha-lrm", 5000), "ok");
    assert_string_equal(say(f, "ha-lrm", "goodbye"), "ok");
    f->now_ms += 6000;
    feeder_open(f, "boot-1");
    start(f);
    assert_false(feeder_is_armed(f->feeder));
}

static void next_process_of_another_boot_forgets_the_clients(void **state)
{
    struct fixture *f = *state;
    start(f);
    assert_string_equal(arm(f, "ha-lrm", 5000), "ok");
    f->now_ms += 6000;
    strbuf_clear(&f->acts);
    feeder_open(f, "boot-2");
    start(f);
    assert_acts(f, "arm stop ");
    assert_false(feeder_is_armed(f->feeder));
}

static void next_process_with_a_file_it_cannot_read_refuses_before_the_device(void **state)
{
    struct fixture *f = *state;
    static const char *const texts[] = {
        "",
        "boot\n",
        "boat boot-1\n",
        "boot boot-1\nclient ha-lrm\n",
        "boot boot-1\nclient ha-lrm soon\n",
        "boot boot-1\nclient ha-lrm 105000\nrubbish\n",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct error err = {0};
        assert_int_equal(file_replace(f->path, texts[i], strlen(texts[i]), 0600, &err), 0);
        feeder_open(f, "boot-1");
        if (feeder_start(f->feeder, &err) != -EBADMSG) {
            fail_msg("'%s' was taken", texts[i]);
        }
        assert_non_null(strstr(err.text, f->path)); // the place is named
    }
    assert_acts(f, "");
}

static void hand_over_that_cannot_be_written_is_told_once_and_protects_on(void **state)
{
    struct fixture *f = *state;
    start(f);
    f->path = arena_printf(f->arena, "%s/missing/state", f->folder);
    feeder_open(f, "boot-1");
    start(f);
    strbuf_clear(&f->events);
    assert_string_equal(arm(f, "ha-lrm", 5000), "ok");
    assert_string_equal(arm(f, "ha-lrm", 6000), "ok");
    assert_string_equal(strbuf_text(&f->events), "watchdog-state-failed watchdog-armed ");
    f->path = arena_printf(f->arena, "%s/state", f->folder);
}

// Somebody else keeps the deadlines: no file is touched.
static int keeper_load(void *userdata, struct arena *arena, char **ret_text, struct error *err)
{
    const struct strbuf *kept = userdata;
    if (kept->size_bytes == 0) {
        return error_set(err, -ENOENT, "nothing is kept");
    }
    *ret_text = arena_strdup(arena, strbuf_text(kept));
    return 0;
}

static int keeper_save(void *userdata, const char *text, size_t size_bytes, struct error *err)
{
    (void)err;
    struct strbuf *kept = userdata;
    strbuf_clear(kept);
    strbuf_append_bytes(kept, text, size_bytes);
    return 0;
}

static void deadlines_with_a_keeper_are_kept_there_alone(void **state)
{
    struct fixture *f = *state;
    struct strbuf kept CLEANUP(strbuf_done) = {0};
    struct strbuf answer CLEANUP(strbuf_done) = {0};
    const struct feeder_keeper keeper = {keeper_load, keeper_save, &kept};
    const struct feeder_ports ports = {
        .clock = &f->clock, .device = &f->device, .events = &f->sink, .keeper = &keeper};
    char client[FEEDER_CLIENT_NAME_MAX + 1] = "";
    for (int process = 0; process < 2; process++) {
        feeder_free(f->feeder);
        f->feeder = feeder_new(&ports, &f->timing, f->path, "boot-1");
        assert_int_equal(feeder_start(f->feeder, NULL), 0);
        assert_int_equal(feeder_is_armed(f->feeder), process == 1);
        client[0] = '\0';
        strbuf_clear(&answer);
        feeder_handle(f->feeder, client, "hello ha-lrm", &answer);
        assert_string_equal(strbuf_text(&answer), process == 0 ? "ok" : "ok 101000");
        feeder_handle(f->feeder, client, "deadline 101000", &answer);
    }
    assert_int_equal(access(f->path, F_OK), -1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(start_with_nobody_armed_tries_the_device_and_stops_it),
        TEST(start_with_a_device_that_cannot_stop_feeds_it_for_ever),
        TEST(start_with_a_broken_device_fails_with_its_words),
        TEST(client_armed_is_fed_every_granule_until_its_deadline),
        TEST(wake_after_a_stall_past_the_deadline_expires_before_it_answers),
        TEST(stall_between_look_and_feed_expires_instead_of_feeding),
        TEST(expiry_with_a_device_that_does_nothing_is_made_good_by_the_process),
        TEST(goodbye_of_the_last_client_stops_the_device),
        TEST(client_that_vanished_keeps_its_deadline_and_finds_it_again),
        TEST(first_client_with_a_broken_device_is_not_armed),
        TEST(client_late_is_warned_about_once),
        TEST(messages_are_answered),
        TEST(next_process_takes_armed_clients_over_and_feeds),
        TEST(next_process_after_the_deadline_expires_and_never_touches_the_device),
        TEST(next_process_after_a_goodbye_is_free),
        TEST(next_process_of_another_boot_forgets_the_clients),
        TEST(next_process_with_a_file_it_cannot_read_refuses_before_the_device),
        TEST(deadlines_with_a_keeper_are_kept_there_alone),
        TEST(hand_over_that_cannot_be_written_is_told_once_and_protects_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
