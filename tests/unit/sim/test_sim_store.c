// SPDX-License-Identifier: Apache-2.0
// The simulated store: incremental reading, conditions, the lease guard, views of the past.
#include <errno.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/port/lease.h"
#include "common/port/store.h"
#include "sim/sim_lease.h"
#include "sim/sim_store.h"
#include "tests/lib/fixture.h"

struct bench {
    struct sim_store store;
    struct sim_leases leases;
    struct arena *arena;
};

static int bench_setup(void **state)
{
    static struct bench bench;
    sim_store_init(&bench.store);
    sim_leases_init(&bench.leases);
    bench.arena = arena_new();
    *state = &bench;
    return 0;
}

static int bench_teardown(void **state)
{
    struct bench *bench = *state;
    sim_store_done(&bench->store);
    sim_leases_done(&bench->leases);
    arena_free(bench->arena);
    return 0;
}

// "key=value key=- …" of what a reader gets.
static const char *read_all(struct bench *bench, const char *prefix, uint64_t since, uint64_t as_of)
{
    struct store_entries entries;
    const char *text = "";
    sim_store_read(&bench->store, prefix, since, as_of, bench->arena, &entries);
    assert_int_equal(entries.version, as_of);
    for (size_t i = 0; i < entries.count; i++) {
        const struct store_entry *e = &entries.entries[i];
        assert_true(e->version <= as_of);
        text = arena_printf(bench->arena, "%s%s%s=%s", text, i > 0 ? " " : "", e->key,
                            e->value != NULL ? e->value : "-");
    }
    return text;
}

static const char *read_now(struct bench *bench, const char *prefix, uint64_t since)
{
    return read_all(bench, prefix, since, bench->store.version);
}

static int commit(struct bench *bench, const struct store_op *ops, size_t count, const char *lease,
                  uint64_t term)
{
    const struct store_txn txn = {
        .lease = lease, .owner = "a", .term = term, .ops = ops, .count = count};
    return sim_store_commit(&bench->store, &bench->leases, &txn, NULL, NULL);
}

static void reader_gets_what_changed_and_what_was_deleted(void **state)
{
    struct bench *b = *state;
    sim_store_put(&b->store, "x/1", "one");
    sim_store_put(&b->store, "x/2", "two");
    sim_store_put(&b->store, "y/1", "other");
    assert_string_equal(read_now(b, "x/", 0), "x/1=one x/2=two");
    uint64_t since = b->store.version;
    assert_string_equal(read_now(b, "x/", since), "");
    sim_store_put(&b->store, "x/1", NULL);
    sim_store_put(&b->store, "x/3", "three");
    assert_string_equal(read_now(b, "x/", since), "x/1=- x/3=three");
    assert_string_equal(read_now(b, "x/", 0), "x/2=two x/3=three");
}

static void changes_come_in_the_order_of_keys_and_once_each(void **state)
{
    struct bench *b = *state;
    sim_store_put(&b->store, "x/2", "one");
    uint64_t since = b->store.version;
    const char *const keys[] = {"x/3", "y/1", "x/2", "x/1", "x/3"};
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        sim_store_put(&b->store, keys[i], arena_printf(b->arena, "%zu", i));
    }
    assert_string_equal(read_now(b, "x/", since), "x/1=3 x/2=2 x/3=4");
    assert_string_equal(read_now(b, "x/", since + 3), "x/1=3 x/3=4");
    assert_string_equal(read_now(b, "", since), "x/1=3 x/2=2 x/3=4 y/1=1");
}

static void reader_that_is_cut_off_sees_the_past(void **state)
{
    struct bench *b = *state;
    b->store.keeps_history = true;
    sim_store_put(&b->store, "x/1", "old");
    sim_store_put(&b->store, "x/2", "stays");
    uint64_t cut = b->store.version;
    sim_store_put(&b->store, "x/1", "new");
    sim_store_put(&b->store, "x/2", NULL);
    sim_store_put(&b->store, "x/3", "unseen");
    assert_string_equal(read_all(b, "x/", 0, cut), "x/1=old x/2=stays");
    assert_string_equal(read_all(b, "x/", cut, cut), "");
    assert_string_equal(read_now(b, "x/", cut), "x/1=new x/2=- x/3=unseen");
    assert_string_equal(sim_store_find(&b->store, "x/1"), "new");
}

static void transaction_is_refused_whole_when_a_key_has_changed(void **state)
{
    struct bench *b = *state;
    sim_store_put(&b->store, "x/1", "one");
    uint64_t version = b->store.version;
    sim_store_put(&b->store, "x/1", "changed");
    const struct store_op ops[] = {{"x/2", "two", 3, STORE_ABSENT}, {"x/1", "mine", 4, version}};
    assert_int_equal(commit(b, ops, 2, NULL, 0), -EAGAIN);
    assert_null(sim_store_find(&b->store, "x/2"));
    assert_string_equal(sim_store_find(&b->store, "x/1"), "changed");
    const struct store_op again[] = {{"x/2", "two", 3, STORE_ABSENT},
                                     {"x/1", "mine", 4, b->store.version}};
    assert_int_equal(commit(b, again, 2, NULL, 0), 0);
    assert_string_equal(sim_store_find(&b->store, "x/1"), "mine");
}

static void absent_is_expected_of_deleted_keys_too(void **state)
{
    struct bench *b = *state;
    sim_store_put(&b->store, "x/1", "one");
    const struct store_op op = {"x/1", "new", 3, STORE_ABSENT};
    assert_int_equal(commit(b, &op, 1, NULL, 0), -EAGAIN);
    sim_store_put(&b->store, "x/1", NULL);
    assert_int_equal(commit(b, &op, 1, NULL, 0), 0);
}

static void guarded_transaction_needs_the_lease_with_its_term(void **state)
{
    struct bench *b = *state;
    uint64_t term = 0;
    int64_t until_ms = 0;
    const struct store_op op = {"x/1", "v", 1, STORE_ANY};
    assert_int_equal(commit(b, &op, 1, "l", 1), -EPERM);
    assert_int_equal(sim_leases_acquire(&b->leases, "l", "a", 0, 1000, &term, &until_ms),
                     LEASE_ACQUIRED);
    assert_int_equal(commit(b, &op, 1, "l", term + 1), -EPERM);
    assert_int_equal(commit(b, &op, 1, "l", term), 0);
    assert_int_equal(sim_leases_acquire(&b->leases, "l", "b", 5000, 1000, &term, &until_ms),
                     LEASE_ACQUIRED);
    assert_int_equal(commit(b, &op, 1, "l", term), -EPERM);
}

static void transaction_of_two_classes_is_refused(void **state)
{
    struct bench *b = *state;
    const struct store_op ops[] = {{"live/x", "v", 1, STORE_ANY}, {"x/1", "v", 1, STORE_ANY}};
    assert_int_equal(commit(b, ops, 2, NULL, 0), -EINVAL);
}

#define bench_test(function) cmocka_unit_test_setup_teardown(function, bench_setup, bench_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        bench_test(reader_gets_what_changed_and_what_was_deleted),
        bench_test(changes_come_in_the_order_of_keys_and_once_each),
        bench_test(reader_that_is_cut_off_sees_the_past),
        bench_test(transaction_is_refused_whole_when_a_key_has_changed),
        bench_test(absent_is_expected_of_deleted_keys_too),
        bench_test(guarded_transaction_needs_the_lease_with_its_term),
        bench_test(transaction_of_two_classes_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
