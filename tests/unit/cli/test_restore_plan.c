// SPDX-License-Identifier: Apache-2.0
// What a restore writes and what it leaves alone.
#include <errno.h>
#include <string.h>

#include "cli/restore_plan.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/model/backup.h"
#include "common/port/store.h"
#include "tests/lib/fixture.h"

#define GUEST(sid, node, memory)                                                                   \
    "{\"config\":{\"memory\":\"" memory "\"},\"node\":\"" node "\",\"sid\":\"" sid "\"}"

#define ENTRY(key, text, version)                                                                  \
    {                                                                                              \
        key, text, sizeof(text) - 1, version                                                       \
    }

static const struct backup_entry saved[] = {
    ENTRY("cluster/profile", "fast", 1),
    ENTRY("command/1", "x", 2),
    ENTRY("config/corosync", "totem {}", 3),
    {"config/groups", NULL, 0, 4}, // deleted then
    ENTRY("config/rules", "new rules\n", 4),
    ENTRY("guest/ct:101", GUEST("ct:101", "n1", "64"), 5),
    ENTRY("guest/ct:102", GUEST("ct:102", "gone", "64"), 6),
    ENTRY("manager/status", "{}", 7),
    ENTRY("replica/chronicle", "x", 8),
    ENTRY("resource/ct:101", "ct: 101\n\tstate started\n", 9),
    ENTRY("secret/fence/ipmi1", "password=x\n", 10),
    ENTRY("service/ct:101", "{}", 11),
    ENTRY("storage/a", "same", 12),
};

static const struct store_entry present[] = {
    ENTRY("config/groups", "group: g\n", 20),
    ENTRY("config/rules", "old rules\n", 21),
    ENTRY("guest/ct:101", GUEST("ct:101", "n2", "32"), 22),
    ENTRY("manager/status", "{\"x\":1}", 23),
    ENTRY("resource/ct:109", "ct: 109\n", 24),
    ENTRY("storage/a", "same", 25),
};

static const char *const nodes[] = {"n1", "n2"};

static struct restore_spec spec_of(struct arena *arena)
{
    struct backup *backup = arena_new_of(arena, struct backup);
    struct store_entries *now = arena_new_of(arena, struct store_entries);
    *backup = (struct backup){.entries = saved, .entries_count = ARRAY_SIZE(saved)};
    *now = (struct store_entries){.entries = present, .count = ARRAY_SIZE(present)};
    return (struct restore_spec){
        .backup = backup,
        .now = now,
        .nodes = nodes,
        .nodes_count = ARRAY_SIZE(nodes),
    };
}

static const struct restore_change *change_find(const struct restore_plan *plan, const char *key)
{
    for (size_t i = 0; i < plan->count; i++) {
        if (strcmp(plan->changes[i].key, key) == 0) {
            return &plan->changes[i];
        }
    }
    return NULL;
}

static void plan_has_what_operators_wanted(void **state)
{
    static const struct {
        const char *key;
        enum restore_kind kind; // 0: not touched
        uint64_t expect;
    } rows[] = {
        {"cluster/profile", 0, 0},
        {"command/1", 0, 0},
        {"config/corosync", 0, 0},
        {"config/groups", RESTORE_KIND_EXTRA, 20},
        {"config/rules", RESTORE_KIND_CHANGE, 21},
        {"guest/ct:101", RESTORE_KIND_CHANGE, 22},
        {"guest/ct:102", RESTORE_KIND_ADD, STORE_ABSENT},
        {"manager/status", 0, 0},
        {"replica/chronicle", 0, 0},
        {"resource/ct:101", RESTORE_KIND_ADD, STORE_ABSENT},
        {"resource/ct:109", RESTORE_KIND_EXTRA, 24},
        {"secret/fence/ipmi1", RESTORE_KIND_ADD, STORE_ABSENT},
        {"service/ct:101", 0, 0},
        {"storage/a", RESTORE_KIND_SAME, 25},
    };
    struct restore_spec spec = spec_of(*state);
    struct restore_plan plan;
    struct error err = {0};
    assert_int_equal(restore_plan_make(&spec, *state, &plan, &err), 0);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct restore_change *change = change_find(&plan, rows[i].key);
        fixture_row(rows[i].key, (change == NULL) == (rows[i].kind == 0));
        fixture_row(rows[i].key, change == NULL || change->kind == rows[i].kind);
        fixture_row(rows[i].key, change == NULL || change->expect == rows[i].expect);
    }
    // Resources come last: they set all else in motion.
    assert_non_null(strstr(plan.changes[plan.count - 1].key, "resource/"));
    assert_string_equal(plan.changes[0].key, "storage/a");
}

static void exact_restore_deletes_what_is_extra(void **state)
{
    struct restore_spec spec = spec_of(*state);
    struct restore_plan plan;
    const struct store_op *ops;
    size_t at = 0;
    spec.exact = true;
    assert_int_equal(restore_plan_make(&spec, *state, &plan, NULL), 0);
    assert_int_equal(change_find(&plan, "resource/ct:109")->kind, RESTORE_KIND_DELETE);
    assert_int_equal(change_find(&plan, "config/groups")->kind, RESTORE_KIND_DELETE);
    size_t count = restore_plan_next(&plan, *state, &at, &ops);
    assert_int_equal(count, 7); // all but storage/a
    size_t deleted = 0;
    for (size_t i = 0; i < count; i++) {
        deleted += ops[i].value == NULL ? 1 : 0;
        assert_true(ops[i].expect != STORE_ANY);
    }
    assert_int_equal(deleted, 2);
    assert_int_equal(restore_plan_next(&plan, *state, &at, &ops), 0);
}

static void guest_that_is_known_keeps_its_place(void **state)
{
    struct restore_spec spec = spec_of(*state);
    struct restore_plan plan;
    assert_int_equal(restore_plan_make(&spec, *state, &plan, NULL), 0);
    const struct restore_change *known = change_find(&plan, "guest/ct:101");
    assert_non_null(strstr(known->value, "\"n2\""));
    assert_non_null(strstr(known->value, "\"64\"")); // the definition is the backup's
    assert_null(known->stray_node);
    const struct restore_change *stray = change_find(&plan, "guest/ct:102");
    assert_string_equal(stray->stray_node, "gone");
    assert_non_null(strstr(stray->value, "\"gone\""));

    spec.place = "n1";
    assert_int_equal(restore_plan_make(&spec, *state, &plan, NULL), 0);
    stray = change_find(&plan, "guest/ct:102");
    assert_string_equal(stray->stray_node, "gone");
    assert_non_null(strstr(stray->value, "\"n1\""));
    assert_non_null(strstr(change_find(&plan, "guest/ct:101")->value, "\"n2\""));
}

static void stopped_restore_starts_nothing(void **state)
{
    struct restore_spec spec = spec_of(*state);
    struct restore_plan plan;
    spec.stopped = true;
    assert_int_equal(restore_plan_make(&spec, *state, &plan, NULL), 0);
    assert_non_null(strstr(change_find(&plan, "resource/ct:101")->value, "stopped"));
}

// What an interrupted restore has written is the same the next time.
static void second_restore_has_only_the_rest_to_do(void **state)
{
    struct arena *arena = *state;
    struct restore_spec spec = spec_of(arena);
    struct restore_plan plan;
    assert_int_equal(restore_plan_make(&spec, arena, &plan, NULL), 0);
    struct store_entry *entries = arena_array_of(arena, struct store_entry, ARRAY_SIZE(present));
    memcpy(entries, present, sizeof(present));
    const struct restore_change *written = change_find(&plan, "guest/ct:101");
    entries[2].value = written->value;
    entries[2].size_bytes = written->size_bytes;
    struct store_entries now = {.entries = entries, .count = ARRAY_SIZE(present)};
    spec.now = &now;
    assert_int_equal(restore_plan_make(&spec, arena, &plan, NULL), 0);
    assert_int_equal(change_find(&plan, "guest/ct:101")->kind, RESTORE_KIND_SAME);
    assert_int_equal(change_find(&plan, "config/rules")->kind, RESTORE_KIND_CHANGE);
}

static void large_plan_is_cut_into_transactions(void **state)
{
    enum { GUESTS = 600, VALUE_BYTES = 8000 };
    struct arena *arena = *state;
    struct backup_entry *entries = arena_array_of(arena, struct backup_entry, GUESTS);
    char *value = arena_alloc(arena, VALUE_BYTES);
    memset(value, 'x', VALUE_BYTES);
    for (size_t i = 0; i < GUESTS; i++) {
        entries[i] =
            (struct backup_entry){arena_printf(arena, "storage/%04zu", i), value, VALUE_BYTES, 1};
    }
    const struct backup backup = {.entries = entries, .entries_count = GUESTS};
    const struct store_entries now = {0};
    struct restore_spec spec = {.backup = &backup, .now = &now};
    struct restore_plan plan;
    const struct store_op *ops;
    size_t at = 0;
    size_t total = 0;
    size_t parts = 0;
    size_t count;
    assert_int_equal(restore_plan_make(&spec, arena, &plan, NULL), 0);
    while ((count = restore_plan_next(&plan, arena, &at, &ops)) > 0) {
        assert_true(count * VALUE_BYTES < 2 * 1024 * 1024);
        total += count;
        parts++;
    }
    assert_int_equal(total, GUESTS);
    assert_true(parts > 3);
}

static void damaged_guest_is_refused_by_name(void **state)
{
    static const struct backup_entry bad[] = {ENTRY("guest/ct:101", "{}", 1)};
    const struct backup backup = {.entries = bad, .entries_count = 1};
    const struct store_entries now = {0};
    struct restore_spec spec = {.backup = &backup, .now = &now};
    struct restore_plan plan = {.count = 99};
    struct error err = {0};
    assert_int_equal(restore_plan_make(&spec, *state, &plan, &err), -EINVAL);
    assert_non_null(strstr(err.text, "ct:101"));
    assert_int_equal(plan.count, 99);
}

static void running_services_are_named(void **state)
{
    static const struct store_entry records[] = {
        ENTRY("service/ct:101", "{\"node\":\"n1\",\"state\":\"started\",\"uid\":\"u\"}", 1),
        ENTRY("service/ct:102", "{\"node\":\"n1\",\"state\":\"stopped\",\"uid\":\"u\"}", 2),
        ENTRY("service/ct:103", "rubbish", 3),
        {"service/ct:104", NULL, 0, 4},
    };
    const struct store_entries now = {.entries = records, .count = ARRAY_SIZE(records)};
    const struct store_entries rest = {.entries = records + 1, .count = 1};
    const char *running = restore_plan_running(&now, *state);
    assert_non_null(running);
    assert_non_null(strstr(running, "ct:101 (started)"));
    assert_null(strstr(running, "ct:102"));
    assert_non_null(strstr(running, "ct:103"));
    assert_null(restore_plan_running(&rest, *state));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(plan_has_what_operators_wanted),
        fixture_test(exact_restore_deletes_what_is_extra),
        fixture_test(guest_that_is_known_keeps_its_place),
        fixture_test(stopped_restore_starts_nothing),
        fixture_test(second_restore_has_only_the_rest_to_do),
        fixture_test(large_plan_is_cut_into_transactions),
        fixture_test(damaged_guest_is_refused_by_name),
        fixture_test(running_services_are_named),
    };
    return cmocka_run_group_tests_name("restore_plan", tests, NULL, NULL);
}
