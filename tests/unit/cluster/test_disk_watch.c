// SPDX-License-Identifier: Apache-2.0
// What is said of the disks, and which writes are refused because of them.
#include <errno.h>
#include <string.h>

#include "cluster/disk_watch.h"
#include "cluster/engine.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "tests/lib/fake_engine.h"
#include "tests/lib/fixture.h"

static const char *const nodes[] = {"n1", "n2", "n3"};

struct place {
    struct arena *arena;
    struct engine *engine;
    struct disk_watch *watch;
};

static int setup(void **state)
{
    struct arena *arena = arena_new();
    struct place *place = arena_new_of(arena, struct place);
    place->arena = arena;
    place->engine = fake_engine_new(nodes, ARRAY_SIZE(nodes));
    place->watch = disk_watch_new(place->engine);
    *state = place;
    return 0;
}

static int teardown(void **state)
{
    struct place *place = *state;
    disk_watch_free(place->watch);
    fake_engine_free(place->engine);
    arena_free(place->arena);
    return 0;
}

static void turn(struct place *place)
{
    uint64_t request;
    int code;
    disk_watch_turn(place->watch);
    while (fake_engine_next_answer(place->engine, &request, &code)) {
        assert_true(disk_watch_answered(place->watch, request));
        assert_false(disk_watch_answered(place->watch, request));
    }
}

static int check(struct place *place, const char *key, const char *lease, struct error *err)
{
    const struct replica_op op = {.key = key, .value = "x", .size_bytes = 1};
    const struct replica_request request = {
        .kind = REPLICA_REQUEST_TXN, .lease = lease, .ops = &op, .ops_count = 1};
    return disk_watch_check(place->watch, &request, err);
}

static void well_disks_refuse_nothing_and_say_nothing(void **state)
{
    struct place *place = *state;
    turn(place);
    fake_engine_advance(place->engine, 5000);
    turn(place);
    assert_int_equal(check(place, "config/rules", NULL, NULL), 0);
    assert_int_equal(fake_engine_requests(place->engine), 0);
    assert_int_equal(fake_engine_events(place->engine, "store-disk-well"), 0);
}

static void state_of_the_own_disk_is_told_once_to_all(void **state)
{
    struct place *place = *state;
    disk_watch_full(place->watch, true);
    turn(place);
    turn(place);
    fake_engine_advance(place->engine, 2000);
    turn(place);
    assert_int_equal(fake_engine_events(place->engine, "store-disk-full"), 1);
    assert_string_equal(fake_engine_get(place->engine, place->arena, "live/disk/n1"), "full");
    assert_int_equal(fake_engine_requests(place->engine), 1);

    disk_watch_full(place->watch, false);
    disk_watch_low(place->watch, true);
    turn(place);
    assert_int_equal(fake_engine_events(place->engine, "store-disk-low"), 1);
    assert_string_equal(fake_engine_get(place->engine, place->arena, "live/disk/n1"), "low");

    disk_watch_low(place->watch, false);
    turn(place);
    assert_int_equal(fake_engine_events(place->engine, "store-disk-well"), 1);
    assert_null(fake_engine_get(place->engine, place->arena, "live/disk/n1"));
}

static void word_of_a_former_start_is_taken_back(void **state)
{
    struct place *place = *state;
    fake_engine_put(place->engine, "live/disk/n1", "full");
    turn(place);
    assert_null(fake_engine_get(place->engine, place->arena, "live/disk/n1"));
}

static void report_that_failed_is_made_again(void **state)
{
    struct place *place = *state;
    fake_engine_refuse(place->engine, -EHOSTDOWN);
    disk_watch_low(place->watch, true);
    turn(place);
    assert_null(fake_engine_get(place->engine, place->arena, "live/disk/n1"));
    fake_engine_refuse(place->engine, 0);
    fake_engine_advance(place->engine, 1000);
    turn(place);
    assert_string_equal(fake_engine_get(place->engine, place->arena, "live/disk/n1"), "low");
}

static void hung_disk_is_slow_until_it_moves(void **state)
{
    struct place *place = *state;
    disk_watch_written(place->watch, 1, 100);
    fake_engine_advance(place->engine, 4000);
    disk_watch_written(place->watch, 2, 100);
    turn(place);
    assert_int_equal(disk_watch_health(place->watch), DISK_HEALTH_WELL);
    fake_engine_advance(place->engine, 1000);
    turn(place);
    assert_int_equal(disk_watch_health(place->watch), DISK_HEALTH_SLOW);
    assert_int_equal(fake_engine_events(place->engine, "store-disk-slow"), 1);
    disk_watch_persisted(place->watch, 1);
    turn(place);
    assert_int_equal(disk_watch_health(place->watch), DISK_HEALTH_WELL);
    disk_watch_persisted(place->watch, 2);
    fake_engine_advance(place->engine, 60000);
    turn(place);
    assert_int_equal(disk_watch_health(place->watch), DISK_HEALTH_WELL);
    assert_int_equal(fake_engine_events(place->engine, "store-disk-slow"), 1);
}

static void too_much_waiting_is_hopeless(void **state)
{
    struct place *place = *state;
    for (uint64_t batch = 1; batch <= 3; batch++) {
        assert_false(disk_watch_is_hopeless(place->watch));
        disk_watch_written(place->watch, batch, (size_t)200 * 1024 * 1024);
    }
    assert_true(disk_watch_is_hopeless(place->watch));
    disk_watch_persisted(place->watch, 2);
    assert_false(disk_watch_is_hopeless(place->watch));
}

static void writes_are_refused_when_no_quorum_can_take_them(void **state)
{
    static const struct {
        const char *name, *n1, *n2, *n3;
        const char *offline;
        int plain, guarded; // codes
    } rows[] = {
        {"all well", NULL, NULL, NULL, NULL, 0, 0},
        {"own full, others well", "full", NULL, NULL, NULL, 0, 0},
        {"another full", NULL, "full", NULL, NULL, 0, 0},
        {"two full", NULL, "full", "full", NULL, -ENOSPC, -ENOSPC},
        {"two low", "low", NULL, "low", NULL, -ENOSPC, 0},
        {"one full, one low", "full", NULL, "low", NULL, -ENOSPC, 0},
        {"one full, one off", NULL, "full", NULL, "n3", -ENOSPC, -ENOSPC},
        {"an unknown word", NULL, "broken", "broken", NULL, -ENOSPC, -ENOSPC},
        {"two slow", NULL, "slow", "slow", NULL, -EBUSY, -EBUSY},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        assert_int_equal(teardown(state), 0);
        assert_int_equal(setup(state), 0);
        struct place *place = *state;
        struct error err = {0};
        disk_watch_full(place->watch, rows[i].n1 != NULL && strcmp(rows[i].n1, "full") == 0);
        disk_watch_low(place->watch, rows[i].n1 != NULL && strcmp(rows[i].n1, "low") == 0);
        fake_engine_put(place->engine, "live/disk/n2", rows[i].n2);
        fake_engine_put(place->engine, "live/disk/n3", rows[i].n3);
        if (rows[i].offline != NULL) {
            fake_engine_set_online(place->engine, rows[i].offline, false);
        }
        int r = check(place, "config/rules", NULL, &err);
        fixture_row(rows[i].name, r == rows[i].plain);
        fixture_row(rows[i].name, r == 0 || strstr(err.text, "nothing was changed") != NULL);
        r = check(place, "manager/status", "ha_manager_lock", NULL);
        fixture_row(rows[i].name, r == rows[i].guarded);
        fixture_row(rows[i].name, check(place, "live/x", NULL, NULL) == 0);
    }
}

static void status_names_nodes_that_are_not_well(void **state)
{
    struct place *place = *state;
    struct json *status = json_new_object(place->arena);
    disk_watch_describe(place->watch, status);
    assert_null(json_find(status, "store_disks"));
    assert_null(json_find(status, "store_trouble"));
    fake_engine_put(place->engine, "live/disk/n2", "full");
    disk_watch_low(place->watch, true);
    disk_watch_describe(place->watch, status);
    assert_string_equal(json_find_string(status, "store_disks"), "n1: low, n2: full");
    assert_string_equal(json_find_string(status, "store_trouble"), "low");
}

#define watch_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        watch_test(well_disks_refuse_nothing_and_say_nothing),
        watch_test(state_of_the_own_disk_is_told_once_to_all),
        watch_test(word_of_a_former_start_is_taken_back),
        watch_test(report_that_failed_is_made_again),
        watch_test(hung_disk_is_slow_until_it_moves),
        watch_test(too_much_waiting_is_hopeless),
        watch_test(writes_are_refused_when_no_quorum_can_take_them),
        watch_test(status_names_nodes_that_are_not_well),
    };
    return cmocka_run_group_tests_name("disk_watch", tests, NULL, NULL);
}
