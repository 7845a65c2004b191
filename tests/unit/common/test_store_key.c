// SPDX-License-Identifier: Apache-2.0
// Reading one key, among others that begin with it.
#include <errno.h>
#include <stdlib.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/port/store.h"
#include "tests/lib/fake_store.h"
#include "tests/lib/fixture.h"

static int read_key(struct fake_store *fake, struct arena *arena, const char *key,
                    const struct store_entry **ret)
{
    return store_read_key(fake_store_port(fake), key, arena, ret, NULL);
}

static void key_is_found_beside_longer_ones(void **state)
{
    struct arena *arena = *state;
    struct fake_store *fake = fake_store_new();
    const struct store_entry *entry = NULL;
    fake_store_put(fake, "live/load/node1", "one");
    fake_store_put(fake, "live/load/node10", "ten");
    assert_int_equal(read_key(fake, arena, "live/load/node1", &entry), 0);
    assert_string_equal(entry->value, "one");
    assert_int_equal(entry->version, fake_store_version(fake, "live/load/node1"));
    fake_store_free(fake);
}

static void key_that_only_begins_others_does_not_exist(void **state)
{
    struct arena *arena = *state;
    struct fake_store *fake = fake_store_new();
    static const struct store_entry before = {.key = "x"};
    const struct store_entry *entry = &before;
    fake_store_put(fake, "live/load/node10", "ten");
    assert_int_equal(read_key(fake, arena, "live/load/node1", &entry), 0);
    assert_null(entry);
    fake_store_free(fake);
}

static void key_that_cannot_be_read_leaves_the_result(void **state)
{
    struct arena *arena = *state;
    struct fake_store *fake = fake_store_new();
    static const struct store_entry before = {.key = "x"};
    const struct store_entry *entry = &before;
    fake_store_put(fake, "k", "v");
    fake_store_fail(fake, 0, -ENOTCONN, 0);
    assert_int_equal(read_key(fake, arena, "k", &entry), -ENOTCONN);
    assert_ptr_equal(entry, &before);
    fake_store_free(fake);
}

static void entry_that_was_deleted_is_not_found(void **state)
{
    (void)state;
    static const struct store_entry rows[] = {{.key = "a", .value = NULL},
                                              {.key = "b", .value = "v"}};
    const struct store_entries entries = {.entries = rows, .count = ARRAY_SIZE(rows)};
    assert_null(store_entries_find(&entries, "a"));
    assert_ptr_equal(store_entries_find(&entries, "b"), &rows[1]);
    assert_null(store_entries_find(&(struct store_entries){0}, "b"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(key_is_found_beside_longer_ones),
        fixture_test(key_that_only_begins_others_does_not_exist),
        fixture_test(key_that_cannot_be_read_leaves_the_result),
        fixture_test(entry_that_was_deleted_is_not_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
