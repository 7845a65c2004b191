// SPDX-License-Identifier: Apache-2.0
// What an LRM writes of itself and its services: what differs, all of it at once, and again when it
// is not known to be there.
#include <errno.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/map.h"
#include "common/model/lrm_status.h"
#include "common/port/store.h"
#include "lrm/report.h"
#include "tests/lib/fake_store.h"
#include "tests/lib/fixture.h"

enum { FRESH_MS = 1000 };

struct teller {
    struct arena *arena; // the test's
    struct fake_store *store;
    struct lrm_report *report;
    struct lrm_status *status;
    struct map results;
    int64_t now_ms;
};

static void teller_init(struct teller *teller, void **state)
{
    *teller = (struct teller){.arena = *state, .store = fake_store_new()};
    teller->report = lrm_report_new("alpha", FRESH_MS);
    teller->status = lrm_status_new(teller->arena);
    map_init_arena(&teller->results, teller->arena);
}

static void teller_done(struct teller *teller)
{
    lrm_report_free(teller->report);
    fake_store_free(teller->store);
}

// Code INT64_MAX: there is no result any more.
static void say(struct teller *teller, const char *sid, const char *uid, int64_t code)
{
    if (code == INT64_MAX) {
        (void)map_remove(&teller->results, sid);
        return;
    }
    struct lrm_result *result = arena_new_of(teller->arena, struct lrm_result);
    *result =
        (struct lrm_result){.uid = uid, .sid = sid, .state = SVC_STATE_STARTED, .exit_code = code};
    map_put(&teller->results, sid, result);
}

static int write_all(struct teller *teller)
{
    struct error err = {0};
    teller->now_ms++;
    teller->status->timestamp_s++;
    return lrm_report_write(teller->report, fake_store_port(teller->store), teller->status,
                            &teller->results, teller->arena, teller->now_ms, &err);
}

// "u1=0": uid and code as they are in the store; "-": nothing, "?": not readable.
static const char *stored(const struct teller *teller, const char *sid)
{
    const char *text =
        fake_store_get(teller->store, arena_printf(teller->arena, "live/result/alpha/%s", sid));
    struct lrm_result *result = NULL;
    if (text == NULL) {
        return "-";
    }
    if (lrm_result_parse(teller->arena, text, strlen(text), &result, NULL) < 0) {
        return "?";
    }
    return arena_printf(teller->arena, "%s=%d", result->uid, (int)result->exit_code);
}

static void put(struct teller *teller, const char *sid, const char *uid, int64_t code)
{
    const struct lrm_result result = {
        .uid = uid, .sid = sid, .state = SVC_STATE_STARTED, .exit_code = code};
    fake_store_put(teller->store, arena_printf(teller->arena, "live/result/alpha/%s", sid),
                   lrm_result_format(teller->arena, &result));
}

static uint64_t version(const struct teller *teller, const char *sid)
{
    return fake_store_version(teller->store,
                              arena_printf(teller->arena, "live/result/alpha/%s", sid));
}

static uint64_t status_version(const struct teller *teller)
{
    return fake_store_version(teller->store, "live/lrm/alpha");
}

static void only_what_changed_is_written_together_with_the_status(void **state)
{
    struct teller teller;
    teller_init(&teller, state);
    say(&teller, "ct:101", "u1", 0);
    say(&teller, "ct:102", "u2", 0);
    assert_int_equal(write_all(&teller), 0);
    assert_int_equal(fake_store_commits(teller.store), 1);
    uint64_t first = version(&teller, "ct:101");
    assert_int_equal(write_all(&teller), 0);
    assert_int_equal(fake_store_commits(teller.store), 1); // nothing new
    say(&teller, "ct:102", "u2", 1);
    say(&teller, "ct:103", "u3", 0);
    teller.status->mode = LRM_MODE_MAINTENANCE;
    assert_int_equal(write_all(&teller), 0);
    assert_int_equal(fake_store_commits(teller.store), 2);
    assert_string_equal(stored(&teller, "ct:102"), "u2=1");
    assert_string_equal(stored(&teller, "ct:103"), "u3=0");
    assert_int_equal(version(&teller, "ct:101"), first);
    assert_int_equal(version(&teller, "ct:102"), status_version(&teller));
    assert_int_equal(version(&teller, "ct:103"), status_version(&teller));
    assert_non_null(strstr(fake_store_get(teller.store, "live/lrm/alpha"), "maintenance"));
    assert_null(strstr(fake_store_get(teller.store, "live/lrm/alpha"), "results"));
    say(&teller, "ct:101", "u1", INT64_MAX);
    assert_int_equal(write_all(&teller), 0);
    assert_string_equal(stored(&teller, "ct:101"), "-");
    assert_int_equal(write_all(&teller), 0);
    assert_int_equal(fake_store_commits(teller.store), 3);
    teller_done(&teller);
}

static void status_that_gets_old_is_written_again_alone(void **state)
{
    struct teller teller;
    teller_init(&teller, state);
    say(&teller, "ct:101", "u1", 0);
    assert_int_equal(write_all(&teller), 0);
    uint64_t first = version(&teller, "ct:101");
    teller.now_ms += FRESH_MS;
    assert_int_equal(write_all(&teller), 0);
    assert_true(status_version(&teller) > first);
    assert_int_equal(version(&teller, "ct:101"), first);
    teller_done(&teller);
}

static void what_an_earlier_process_left_is_reconciled(void **state)
{
    struct teller teller;
    teller_init(&teller, state);
    put(&teller, "ct:101", "u0", 0);
    put(&teller, "ct:102", "u2", 0);
    put(&teller, "ct:103", "u3", 0);
    fake_store_put(teller.store, "live/result/alpha/ct:104", "nonsense");
    fake_store_put(teller.store, "live/result/alpha/ct:105", "nonsense");
    uint64_t same = version(&teller, "ct:103");
    say(&teller, "ct:102", "u2", 1);
    say(&teller, "ct:103", "u3", 0);
    say(&teller, "ct:104", "u4", 0);
    assert_int_equal(write_all(&teller), 0);
    assert_int_equal(status_version(&teller), same + 3); // the two of nonsense, and this one
    assert_string_equal(stored(&teller, "ct:101"), "-");
    assert_string_equal(stored(&teller, "ct:102"), "u2=1");
    assert_int_equal(version(&teller, "ct:103"), same);
    assert_string_equal(stored(&teller, "ct:104"), "u4=0");
    assert_string_equal(stored(&teller, "ct:105"), "-");
    teller_done(&teller);
}

// The write may take effect later: what it set is written again even where the view says that all
// is as it should be.
static void what_is_not_known_to_be_there_is_written_again(void **state)
{
    for (int late = 0; late < 2; late++) {
        struct teller teller;
        teller_init(&teller, state);
        say(&teller, "ct:101", "u1", 0);
        say(&teller, "ct:102", "u2", 0);
        assert_int_equal(write_all(&teller), 0);
        uint64_t first = version(&teller, "ct:102");
        say(&teller, "ct:101", "u1", 1);
        say(&teller, "ct:103", "u3", 0);
        fake_store_fail(teller.store, 0, 0, -ETIMEDOUT);
        assert_int_equal(write_all(&teller), -ETIMEDOUT);
        assert_int_equal(write_all(&teller), -ETIMEDOUT);
        fake_store_fail(teller.store, 0, 0, 0);
        if (late > 0) {
            put(&teller, "ct:101", "u1", 1);
            put(&teller, "ct:103", "u3", 0);
        }
        say(&teller, "ct:101", "u1", 0);
        say(&teller, "ct:103", "u3", INT64_MAX);
        assert_int_equal(write_all(&teller), 0);
        assert_string_equal(stored(&teller, "ct:101"), "u1=0");
        assert_string_equal(stored(&teller, "ct:103"), "-");
        assert_int_equal(version(&teller, "ct:101"), status_version(&teller));
        assert_int_equal(version(&teller, "ct:103"), status_version(&teller));
        assert_int_equal(version(&teller, "ct:102"), first);
        uint64_t commits = fake_store_commits(teller.store);
        assert_int_equal(write_all(&teller), 0);
        assert_int_equal(fake_store_commits(teller.store), commits); // and then it is known
        teller_done(&teller);
    }
}

static void removal_that_failed_is_repeated(void **state)
{
    struct teller teller;
    teller_init(&teller, state);
    say(&teller, "ct:101", "u1", 0);
    assert_int_equal(write_all(&teller), 0);
    say(&teller, "ct:101", "u1", INT64_MAX);
    fake_store_fail(teller.store, 0, 0, -EHOSTDOWN);
    assert_int_equal(write_all(&teller), -EHOSTDOWN);
    fake_store_fail(teller.store, 0, 0, 0);
    lrm_report_forget(teller.report);
    assert_int_equal(write_all(&teller), 0);
    assert_string_equal(stored(&teller, "ct:101"), "-");
    teller_done(&teller);
}

static void what_got_lost_is_written_again(void **state)
{
    struct teller teller;
    teller_init(&teller, state);
    say(&teller, "ct:101", "u1", 0);
    say(&teller, "ct:102", "u2", 0);
    assert_int_equal(write_all(&teller), 0);
    fake_store_put(teller.store, "live/result/alpha/ct:101", NULL);
    fake_store_put(teller.store, "live/result/alpha/ct:102", "nonsense");
    assert_int_equal(write_all(&teller), 0);
    assert_string_equal(stored(&teller, "ct:101"), "u1=0");
    assert_string_equal(stored(&teller, "ct:102"), "u2=0");
    // A store that began anew does not tell what it has forgotten.
    struct fake_store *before = teller.store;
    teller.store = fake_store_new();
    lrm_report_forget(teller.report);
    assert_int_equal(write_all(&teller), 0);
    assert_string_equal(stored(&teller, "ct:101"), "u1=0");
    assert_true(status_version(&teller) > 0);
    fake_store_free(before);
    teller_done(&teller);
}

static void view_that_cannot_be_read_writes_nothing(void **state)
{
    struct teller teller;
    teller_init(&teller, state);
    fake_store_fail(teller.store, 0, -EIO, 0);
    assert_int_equal(write_all(&teller), -EIO);
    assert_int_equal(fake_store_commits(teller.store), 0);
    teller_done(&teller);
}

// Nothing new is said, but that it is there.
static void status_is_renewed_when_nothing_can_be_read(void **state)
{
    struct teller teller;
    teller_init(&teller, state);
    assert_int_equal(write_all(&teller), 0);
    fake_store_fail(teller.store, 0, -EIO, 0);
    say(&teller, "ct:101", "u1", 0);
    assert_int_equal(write_all(&teller), -EIO);
    assert_int_equal(fake_store_commits(teller.store), 1);
    teller.now_ms += FRESH_MS;
    assert_int_equal(write_all(&teller), -EIO);
    assert_int_equal(fake_store_commits(teller.store), 2);
    assert_string_equal(stored(&teller, "ct:101"), "-");
    teller.status->mode = LRM_MODE_MAINTENANCE;
    teller.now_ms += FRESH_MS;
    assert_int_equal(write_all(&teller), -EIO);
    assert_int_equal(fake_store_commits(teller.store), 2);
    fake_store_fail(teller.store, 0, 0, 0);
    assert_int_equal(write_all(&teller), 0);
    assert_string_equal(stored(&teller, "ct:101"), "u1=0");
    teller_done(&teller);
}

static void too_much_for_one_transaction_ends_with_the_status(void **state)
{
    enum { COUNT = 10001 };
    struct teller teller;
    teller_init(&teller, state);
    for (int i = 0; i < COUNT; i++) {
        say(&teller, arena_printf(teller.arena, "ct:%d", 10000 + i), "u", 0);
    }
    assert_int_equal(write_all(&teller), 0);
    assert_int_equal(fake_store_commits(teller.store), 2);
    assert_int_equal(version(&teller, "ct:10000"), 1);
    assert_int_equal(version(&teller, "ct:20000"), 2);
    assert_int_equal(status_version(&teller), 2);
    map_clear(&teller.results);
    assert_int_equal(write_all(&teller), 0);
    assert_int_equal(fake_store_commits(teller.store), 4);
    assert_string_equal(stored(&teller, "ct:10000"), "-");
    assert_string_equal(stored(&teller, "ct:20000"), "-");
    teller_done(&teller);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(only_what_changed_is_written_together_with_the_status),
        fixture_test(status_that_gets_old_is_written_again_alone),
        fixture_test(what_an_earlier_process_left_is_reconciled),
        fixture_test(what_is_not_known_to_be_there_is_written_again),
        fixture_test(removal_that_failed_is_repeated),
        fixture_test(what_got_lost_is_written_again),
        fixture_test(view_that_cannot_be_read_writes_nothing),
        fixture_test(status_is_renewed_when_nothing_can_be_read),
        fixture_test(too_much_for_one_transaction_ends_with_the_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
