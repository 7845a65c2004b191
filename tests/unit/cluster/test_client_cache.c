// SPDX-License-Identifier: Apache-2.0
// The local view of the store: what a reader is told since when, also over reconnections and over
// the adoption of a history with lower versions.
#include <string.h>

#include "common/base/arena.h"
#include "common/base/json.h"
#include "common/base/strbuf.h"
#include "common/host/client_cache.h"
#include "common/port/store.h"
#include "tests/lib/fixture.h"

struct change {
    const char *key, *value; // NULL value: deleted
    int64_t version;
};

static struct json *entries_of(struct arena *arena, const struct change *changes, size_t count)
{
    struct json *list = json_new_array(arena);
    for (size_t i = 0; i < count; i++) {
        struct json *entry = json_new_object(arena);
        json_put_string(entry, "key", changes[i].key);
        json_put_string(entry, "value", changes[i].value);
        json_put_int(entry, "version", changes[i].version);
        json_append(list, entry);
    }
    return list;
}

static bool apply(struct arena *arena, struct client_cache *cache, const char *key,
                  const char *value, int64_t version)
{
    struct change change = {key, value, version};
    return client_cache_apply(cache, entries_of(arena, &change, 1), (uint64_t)version);
}

static bool load(struct arena *arena, struct client_cache *cache, const struct change *changes,
                 size_t count, uint64_t version)
{
    client_cache_load_begin(cache);
    client_cache_load(cache, entries_of(arena, changes, count / 2));
    client_cache_load(cache, entries_of(arena, changes + count / 2, count - count / 2));
    return client_cache_load_end(cache, version);
}

// "a=1@5 b=-@7": what is read, and the token in *since.
static const char *view(struct arena *arena, const struct client_cache *cache, const char *prefix,
                        uint64_t *since)
{
    struct store_entries entries;
    struct strbuf text CLEANUP(strbuf_done) = {0};
    client_cache_read(cache, prefix, *since, arena, &entries);
    for (size_t i = 0; i < entries.count; i++) {
        const struct store_entry *e = &entries.entries[i];
        strbuf_appendf(&text, "%s%s=%s@%d", i > 0 ? " " : "", e->key,
                       e->value != NULL ? e->value : "-", (int)e->version);
    }
    *since = entries.version;
    return arena_strdup(arena, strbuf_text(&text));
}

static void reader_sees_each_change_once(void **state)
{
    struct client_cache cache;
    client_cache_init(&cache);
    uint64_t since = 0;
    assert_true(apply(*state, &cache, "t/a", "1", 5));
    assert_true(apply(*state, &cache, "t/b", "1", 6));
    assert_true(apply(*state, &cache, "u/c", "1", 7));
    assert_string_equal(view(*state, &cache, "t/", &since), "t/a=1@5 t/b=1@6");
    assert_string_equal(view(*state, &cache, "t/", &since), "");
    assert_true(apply(*state, &cache, "t/a", NULL, 8));
    assert_true(apply(*state, &cache, "t/b", "2", 9));
    assert_string_equal(view(*state, &cache, "t/", &since), "t/a=-@8 t/b=2@9");
    since = 0;
    assert_string_equal(view(*state, &cache, "t/", &since), "t/b=2@9");
    client_cache_done(&cache);
}

// A reader of one part of the store is not told of others, and misses nothing of its own that came
// in between.
static void reader_of_one_part_misses_nothing_while_others_change(void **state)
{
    struct client_cache cache;
    client_cache_init(&cache);
    uint64_t t = 0;
    uint64_t below = 0;
    uint64_t all = 0;
    assert_true(apply(*state, &cache, "t/a", "1", 5));
    assert_true(apply(*state, &cache, "u/b/c", "1", 6));
    assert_string_equal(view(*state, &cache, "t/", &t), "t/a=1@5");
    assert_string_equal(view(*state, &cache, "u/b/", &below), "u/b/c=1@6");
    assert_string_equal(view(*state, &cache, "", &all), "t/a=1@5 u/b/c=1@6");
    assert_true(apply(*state, &cache, "u/b/c", "2", 7));
    assert_string_equal(view(*state, &cache, "t/", &t), "");
    assert_true(apply(*state, &cache, "t/a", "2", 8));
    assert_true(apply(*state, &cache, "u/x", "1", 9));
    assert_string_equal(view(*state, &cache, "t/", &t), "t/a=2@8");
    assert_string_equal(view(*state, &cache, "u/b/", &below), "u/b/c=2@7");
    assert_string_equal(view(*state, &cache, "", &all), "t/a=2@8 u/b/c=2@7 u/x=1@9");
    // Another history with lower versions is a change too.
    struct change other[] = {{"t/a", "1", 4}, {"u/x", "1", 9}};
    assert_true(load(*state, &cache, other, 2, 4));
    assert_string_equal(view(*state, &cache, "t/", &t), "t/a=1@4");
    assert_string_equal(view(*state, &cache, "u/b/", &below), "u/b/c=-@4");
    client_cache_done(&cache);
}

static void same_change_again_is_none(void **state)
{
    struct client_cache cache;
    client_cache_init(&cache);
    assert_true(apply(*state, &cache, "t/a", "1", 5));
    assert_false(apply(*state, &cache, "t/a", "1", 5));
    assert_false(apply(*state, &cache, "t/z", NULL, 6)); // was never there
    client_cache_done(&cache);
}

static void new_snapshot_tells_only_what_differs(void **state)
{
    struct client_cache cache;
    uint64_t since = 0;
    client_cache_init(&cache);
    static const struct change first[] = {{"t/a", "1", 1}, {"t/b", "1", 2}, {"t/c", "1", 3}};
    assert_true(load(*state, &cache, first, 3, 3));
    (void)view(*state, &cache, "t/", &since);
    assert_false(load(*state, &cache, first, 3, 3));
    assert_string_equal(view(*state, &cache, "t/", &since), "");
    static const struct change second[] = {{"t/a", "1", 1}, {"t/c", "2", 9}, {"t/d", "1", 8}};
    assert_true(load(*state, &cache, second, 3, 9));
    assert_string_equal(view(*state, &cache, "t/", &since), "t/b=-@9 t/c=2@9 t/d=1@8");
    client_cache_done(&cache);
}

// What was written in a part of the cluster that lost is taken back: the versions are lower then.
static void change_to_a_lower_version_is_not_missed(void **state)
{
    struct client_cache cache;
    uint64_t since = 0;
    client_cache_init(&cache);
    assert_true(apply(*state, &cache, "t/a", "lost", 50));
    (void)view(*state, &cache, "t/", &since);
    assert_true(apply(*state, &cache, "t/a", "kept", 20));
    assert_string_equal(view(*state, &cache, "t/", &since), "t/a=kept@20");
    static const struct change snapshot[] = {{"t/a", "older", 10}};
    assert_true(load(*state, &cache, snapshot, 1, 30));
    assert_string_equal(view(*state, &cache, "t/", &since), "t/a=older@10");
    client_cache_done(&cache);
}

static void own_change_is_told_from_foreign_ones(void **state)
{
    struct client_cache cache;
    client_cache_init(&cache);
    client_cache_mark(&cache);
    assert_false(client_cache_has_foreign(&cache, 5));
    apply(*state, &cache, "t/a", "1", 5);
    apply(*state, &cache, "t/b", "1", 5);
    assert_false(client_cache_has_foreign(&cache, 5));
    assert_true(client_cache_has_foreign(&cache, 6));
    apply(*state, &cache, "t/c", "1", 6);
    assert_true(client_cache_has_foreign(&cache, 5));
    assert_true(client_cache_has_foreign(&cache, 6));
    client_cache_mark(&cache);
    assert_false(client_cache_has_foreign(&cache, 6));
    client_cache_done(&cache);
}

static void deleted_entries_are_forgotten_in_time_and_live_ones_never(void **state)
{
    struct client_cache cache;
    client_cache_init(&cache);
    uint64_t since = 0;
    apply(*state, &cache, "t/live", "1", 1);
    for (int i = 0; i < 70000; i++) {
        struct arena *arena CLEANUP(arena_freep) = arena_new();
        const char *key = arena_printf(arena, "t/%05d", i);
        apply(arena, &cache, key, "x", 2 * i + 2);
        apply(arena, &cache, key, NULL, 2 * i + 3);
    }
    assert_true(cache.entries.count < 40000);
    assert_string_equal(view(*state, &cache, "t/", &since), "t/live=1@1");
    since -= 2; // a reader that lags a little misses nothing
    assert_string_equal(view(*state, &cache, "t/", &since), "t/69999=-@140001");
    client_cache_done(&cache);
}

static void deletions_of_one_batch_are_told_however_many(void **state)
{
    enum { COUNT = 40000 };
    struct client_cache cache;
    client_cache_init(&cache);
    struct change *changes = arena_array_of(*state, struct change, COUNT);
    for (int i = 0; i < COUNT; i++) {
        changes[i] = (struct change){arena_printf(*state, "live/t/%05d", i), "x", 1};
    }
    (void)load(*state, &cache, changes, COUNT, 1);
    struct store_entries entries;
    client_cache_read(&cache, "live/t/", 0, *state, &entries);
    assert_int_equal(entries.count, COUNT);
    uint64_t since = entries.version;
    for (int i = 0; i < COUNT; i++) {
        changes[i].value = NULL;
        changes[i].version = 2;
    }
    (void)client_cache_apply(&cache, entries_of(*state, changes, COUNT), 2);
    client_cache_read(&cache, "live/t/", since, *state, &entries);
    assert_int_equal(entries.count, COUNT);
    client_cache_done(&cache);
}

// Signs of life below "live/" come all the time; who reads another part there is told of its own.
static void reader_below_live_misses_nothing_while_others_change(void **state)
{
    struct client_cache cache;
    client_cache_init(&cache);
    uint64_t results = 0;
    uint64_t own = 0;
    uint64_t all = 0;
    assert_true(apply(*state, &cache, "live/result/n1/a", "1", 5));
    assert_true(apply(*state, &cache, "live/lrm/n1", "1", 6));
    assert_string_equal(view(*state, &cache, "live/result/", &results), "live/result/n1/a=1@5");
    assert_string_equal(view(*state, &cache, "live/result/n1/", &own), "live/result/n1/a=1@5");
    assert_string_equal(view(*state, &cache, "live/", &all),
                        "live/lrm/n1=1@6 live/result/n1/a=1@5");
    assert_true(apply(*state, &cache, "live/lrm/n1", "2", 7));
    assert_string_equal(view(*state, &cache, "live/result/", &results), "");
    assert_string_equal(view(*state, &cache, "live/", &all), "live/lrm/n1=2@7");
    assert_true(apply(*state, &cache, "live/result/n1/a", NULL, 8));
    assert_string_equal(view(*state, &cache, "live/result/", &results), "live/result/n1/a=-@8");
    assert_string_equal(view(*state, &cache, "live/result/n1/", &own), "live/result/n1/a=-@8");
    assert_string_equal(view(*state, &cache, "live/", &all), "live/result/n1/a=-@8");
    client_cache_done(&cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(reader_sees_each_change_once),
        fixture_test(reader_of_one_part_misses_nothing_while_others_change),
        fixture_test(same_change_again_is_none),
        fixture_test(new_snapshot_tells_only_what_differs),
        fixture_test(change_to_a_lower_version_is_not_missed),
        fixture_test(own_change_is_told_from_foreign_ones),
        fixture_test(deleted_entries_are_forgotten_in_time_and_live_ones_never),
        fixture_test(deletions_of_one_batch_are_told_however_many),
        fixture_test(reader_below_live_misses_nothing_while_others_change),
    };
    return cmocka_run_group_tests_name("client_cache", tests, NULL, NULL);
}
