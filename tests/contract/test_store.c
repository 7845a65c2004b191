// SPDX-License-Identifier: Apache-2.0
// What the store port promises, put to the store of the tests, to a tool's connection to a real
// ha-clusterd, and to a daemon's (which reads from its local view).
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/host/cluster_client.h"
#include "common/host/host_clock.h"
#include "common/host/loop.h"
#include "common/port/clock.h"
#include "common/port/store.h"
#include "tests/lib/clusterd_fixture.h"
#include "tests/lib/fake_store.h"
#include "tests/lib/test.h"

enum kind { KIND_FAKE, KIND_TOOL, KIND_DAEMON };

struct subject {
    enum kind kind;
    const char *name;
    struct arena *arena;
    struct store *store;
    struct fake_store *fake;
    struct cluster_client *client;
    struct cluster_client *tool; // beside a daemon's
    struct loop *loop;
    uint64_t term; // of the lease "guard"
};

static void nothing(void *userdata)
{
    (void)userdata; // the view is looked at by calls
}

static void must(const struct subject *subject, int r, const struct error *err)
{
    if (r < 0) {
        fail_msg("%s: %s", subject->name, err->text);
    }
}

// A lease that this node holds.
static void guard_take(struct subject *subject)
{
    if (subject->kind == KIND_FAKE) {
        subject->term = 7;
        fake_store_hold(subject->fake, "ha_manager_lock", "n1", 7);
        return;
    }
    struct json *request = json_new_object(subject->arena);
    json_put_string(request, "op", "lease");
    json_put_string(request, "action", "acquire");
    json_put_string(request, "name", "ha_manager_lock");
    json_put_string(request, "owner", "n1");
    struct json *answer = NULL;
    struct error err = {0};
    struct cluster_client *client = subject->tool != NULL ? subject->tool : subject->client;
    must(subject, cluster_client_call(client, subject->arena, request, 5000, &answer, &err), &err);
    int64_t term = 0;
    assert_int_equal(json_get_int(answer, "term", 1, INT64_MAX, &term, &err), 0);
    subject->term = (uint64_t)term;
}

static void subject_open(struct subject *subject, struct arena *arena)
{
    struct error err = {0};
    subject->arena = arena;
    if (subject->kind == KIND_FAKE) {
        subject->fake = fake_store_new();
        subject->store = fake_store_port(subject->fake);
        return;
    }
    must(subject, cluster_client_connect(&subject->client, &err), &err);
    if (subject->kind == KIND_DAEMON) {
        static const char *const prefixes[] = {"t/", "live/t/", NULL};
        subject->tool = subject->client;
        must(subject, loop_new(&subject->loop, &err), &err);
        subject->client = cluster_client_new(subject->loop, "n1", prefixes, nothing, NULL);
    }
    subject->store = cluster_client_store(subject->client);
    int r = store_refresh(subject->store, &err);
    for (int i = 0; r < 0 && i < 500; i++) {
        (void)poll(NULL, 0, 10); // to let time pass
        r = store_refresh(subject->store, &err);
    }
    must(subject, r, &err);
}

static void subject_close(struct subject *subject)
{
    if (subject->fake != NULL) {
        fake_store_free(subject->fake);
    }
    cluster_client_free(subject->client);
    cluster_client_free(subject->tool);
    loop_free(subject->loop);
}

typedef void (*expectation)(struct subject *subject);

static void for_each_store(void **state, expectation check)
{
    struct clusterd_fixture *fixture = *state;
    struct subject subjects[] = {
        {.kind = KIND_FAKE, .name = "fake"},
        {.kind = KIND_TOOL, .name = "tool"},
        {.kind = KIND_DAEMON, .name = "daemon"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(subjects); i++) {
        if (i > 0) { // each with an empty store
            clusterd_fixture_kill(fixture);
            int r = system(arena_printf(fixture->arena, "rm -f '%s'/*", fixture->folder));
            assert_int_equal(r, 0);
            clusterd_fixture_start(fixture);
        }
        subject_open(&subjects[i], fixture->arena);
        check(&subjects[i]);
        subject_close(&subjects[i]);
    }
}

static int put_if(struct subject *subject, const char *key, const char *value, uint64_t expect,
                  uint64_t *ret_version)
{
    struct store_op op = {
        .key = key,
        .value = value,
        .size_bytes = value != NULL ? strlen(value) : 0,
        .expect = expect,
    };
    struct store_txn txn = {.ops = &op, .count = 1};
    return store_commit(subject->store, &txn, ret_version, NULL);
}

static uint64_t put(struct subject *subject, const char *key, const char *value)
{
    uint64_t version = 0;
    int r = put_if(subject, key, value, STORE_ANY, &version);
    if (r < 0) {
        fail_msg("%s: cannot write '%s': %d", subject->name, key, r);
    }
    return version;
}

static struct store_entries get(struct subject *subject, const char *prefix, uint64_t since)
{
    struct store_entries entries = {0};
    struct error err = {0};
    must(subject, store_read(subject->store, prefix, since, subject->arena, &entries, &err), &err);
    return entries;
}

static void written_is_read_check(struct subject *subject)
{
    assert_int_equal(get(subject, "t/", 0).count, 0);
    uint64_t version = put(subject, "t/b", "two");
    put(subject, "t/a", "one \"quoted\"\n\xc3\xa4");
    put(subject, "t/c", "");
    put(subject, "u/x", "elsewhere");
    struct store_entries entries = get(subject, "t/", 0);
    assert_int_equal(entries.count, 3);
    assert_string_equal(entries.entries[0].key, "t/a");
    assert_string_equal(entries.entries[0].value, "one \"quoted\"\n\xc3\xa4");
    assert_string_equal(entries.entries[1].value, "two");
    assert_int_equal(entries.entries[1].version, version);
    assert_int_equal(entries.entries[1].size_bytes, 3);
    assert_string_equal(entries.entries[2].value, "");
    assert_int_equal(get(subject, "u/", 0).count, 1);
}

static void written_is_read(void **state)
{
    for_each_store(state, written_is_read_check);
}

static void wrong_version_is_refused_check(struct subject *subject)
{
    uint64_t version = 0;
    assert_int_equal(put_if(subject, "t/a", "1", STORE_ABSENT, &version), 0);
    uint64_t unchanged = 77;
    assert_int_equal(put_if(subject, "t/a", "2", STORE_ABSENT, &unchanged), -EAGAIN);
    assert_int_equal(put_if(subject, "t/a", "2", version - 1, &unchanged), -EAGAIN);
    assert_int_equal(put_if(subject, "t/none", "2", version, &unchanged), -EAGAIN);
    assert_int_equal(unchanged, 77);
    assert_string_equal(get(subject, "t/", 0).entries[0].value, "1");
    assert_int_equal(put_if(subject, "t/a", "2", version, NULL), 0);
    assert_string_equal(get(subject, "t/", 0).entries[0].value, "2");
    assert_int_equal(put_if(subject, "t/a", NULL, STORE_ANY, NULL), 0);
    assert_int_equal(put_if(subject, "t/a", "3", STORE_ABSENT, NULL), 0);
}

static void write_with_wrong_version_is_refused(void **state)
{
    for_each_store(state, wrong_version_is_refused_check);
}

static void all_or_nothing_check(struct subject *subject)
{
    put(subject, "t/b", "old");
    struct store_op ops[] = {
        {.key = "t/a", .value = "new", .size_bytes = 3, .expect = STORE_ANY},
        {.key = "t/b", .value = "new", .size_bytes = 3, .expect = STORE_ABSENT},
    };
    struct store_txn txn = {.ops = ops, .count = 2};
    assert_int_equal(store_commit(subject->store, &txn, NULL, NULL), -EAGAIN);
    assert_int_equal(get(subject, "t/", 0).count, 1);
    ops[1].expect = STORE_ANY;
    uint64_t version = 0;
    assert_int_equal(store_commit(subject->store, &txn, &version, NULL), 0);
    struct store_entries entries = get(subject, "t/", 0);
    assert_int_equal(entries.count, 2);
    assert_int_equal(entries.entries[0].version, version);
    assert_int_equal(entries.entries[1].version, version);
}

static void transaction_takes_effect_as_a_whole(void **state)
{
    for_each_store(state, all_or_nothing_check);
}

static void changes_since_check(struct subject *subject)
{
    put(subject, "t/a", "1");
    put(subject, "t/b", "1");
    put(subject, "t/c", "1");
    struct error err = {0};
    must(subject, store_refresh(subject->store, &err), &err);
    uint64_t since = get(subject, "t/", 0).version;
    assert_int_equal(get(subject, "t/", since).count, 0);
    put(subject, "t/c", "2");
    put(subject, "t/a", NULL);
    must(subject, store_refresh(subject->store, &err), &err);
    struct store_entries entries = get(subject, "t/", since);
    assert_int_equal(entries.count, 2);
    assert_string_equal(entries.entries[0].key, "t/a");
    assert_null(entries.entries[0].value);
    assert_string_equal(entries.entries[1].value, "2");
    assert_int_equal(get(subject, "t/", entries.version).count, 0);
    assert_int_equal(get(subject, "t/", 0).count, 2);
}

static void reader_is_told_what_changed_since(void **state)
{
    for_each_store(state, changes_since_check);
}

static int put_guarded(struct subject *subject, const char *owner, uint64_t term)
{
    struct store_op op = {.key = "t/g", .value = "x", .size_bytes = 1, .expect = STORE_ANY};
    struct store_txn txn = {
        .lease = "ha_manager_lock",
        .owner = owner,
        .term = term,
        .ops = &op,
        .count = 1,
    };
    return store_commit(subject->store, &txn, NULL, NULL);
}

static void guard_check(struct subject *subject)
{
    assert_int_equal(put_guarded(subject, "n1", 1), -EPERM);
    guard_take(subject);
    assert_int_equal(put_guarded(subject, "n1", subject->term - 1), -EPERM);
    assert_int_equal(put_guarded(subject, "n2", subject->term), -EPERM);
    assert_int_equal(get(subject, "t/", 0).count, 0);
    assert_int_equal(put_guarded(subject, "n1", subject->term), 0);
    assert_int_equal(get(subject, "t/", 0).count, 1);
}

static void guarded_write_needs_the_lease_and_its_term(void **state)
{
    for_each_store(state, guard_check);
}

static void state_survives_kill_of_the_daemon(void **state)
{
    struct clusterd_fixture *fixture = *state;
    struct subject subject = {.kind = KIND_TOOL, .name = "tool"};
    subject_open(&subject, fixture->arena);
    put(&subject, "t/a", "durable");
    put(&subject, "live/t/a", "volatile");
    subject_close(&subject);
    clusterd_fixture_kill(fixture);
    clusterd_fixture_start(fixture);
    subject_open(&subject, fixture->arena);
    assert_string_equal(get(&subject, "t/", 0).entries[0].value, "durable");
    assert_int_equal(get(&subject, "live/t/", 0).count, 0);
    subject_close(&subject);
}

static void quit_when_two_are_seen(void *userdata)
{
    struct subject *subject = userdata;
    if (store_refresh(subject->store, NULL) == 0 && get(subject, "t/", 0).count == 2) {
        loop_quit(subject->loop, 0);
    }
}

static void quit_in_vain(void *userdata)
{
    loop_quit(((struct subject *)userdata)->loop, 1);
}

static void reconnected_daemon_hears_of_what_it_missed(void **state)
{
    static const char *const prefixes[] = {"t/", "live/t/", NULL};
    struct clusterd_fixture *fixture = *state;
    struct subject subject = {.kind = KIND_DAEMON, .name = "daemon"};
    struct error err = {0};
    subject_open(&subject, fixture->arena);
    cluster_client_free(subject.client); // instead of it one that calls back
    subject.client =
        cluster_client_new(subject.loop, "n1", prefixes, quit_when_two_are_seen, &subject);
    subject.store = cluster_client_store(subject.client);
    int r = store_refresh(subject.store, &err);
    for (int i = 0; r < 0 && i < 500; i++) {
        (void)poll(NULL, 0, 10); // to let time pass
        r = store_refresh(subject.store, &err);
    }
    put(&subject, "t/a", "1");
    put(&subject, "live/t/a", "1");
    must(&subject, store_refresh(subject.store, &err), &err);
    uint64_t since = get(&subject, "t/", 0).version;
    clusterd_fixture_kill(fixture);
    assert_int_equal(store_refresh(subject.store, &err), -ENOTCONN);
    assert_int_equal(get(&subject, "t/", 0).count, 1); // the last view can still be read
    clusterd_fixture_start(fixture);
    struct subject other = {.kind = KIND_TOOL, .name = "tool"};
    subject_open(&other, fixture->arena);
    put(&other, "t/b", "2");
    subject_close(&other);

    struct clock clock;
    host_clock_init(&clock);
    struct loop_source *guard = loop_add_timer(subject.loop, quit_in_vain, &subject);
    loop_timer_set(guard, clock_now_ms(&clock) + 5000);
    assert_int_equal(loop_run(subject.loop, &err), 0);
    assert_int_equal(get(&subject, "t/", since).count, 1);
    struct store_entries volatile_ones = get(&subject, "live/t/", since);
    assert_int_equal(volatile_ones.count, 1);
    assert_null(volatile_ones.entries[0].value); // gone with the daemon, and told so
    loop_source_free(guard);
    subject_close(&subject);
}

static void large_values_and_many_keys_come_through(void **state)
{
    struct clusterd_fixture *fixture = *state;
    struct subject subject = {.kind = KIND_TOOL, .name = "tool"};
    subject_open(&subject, fixture->arena);
    enum { BIG_BYTES = 300 * 1024 }; // more than one message takes
    char *big = arena_alloc(fixture->arena, STORE_VALUE_MAX + 2);
    memset(big, 'x', STORE_VALUE_MAX + 1);
    assert_int_equal(put_if(&subject, "t/big", big, STORE_ANY, NULL), -E2BIG);
    big[BIG_BYTES] = '\0';
    assert_int_equal(put_if(&subject, "t/big", big, STORE_ANY, NULL), 0);
    assert_string_equal(get(&subject, "t/", 0).entries[0].value, big);
    big[10 * 1024] = '\0';
    for (int n = 0; n < 500; n++) {
        put(&subject, arena_printf(fixture->arena, "live/t/%04d", n), big);
    }
    struct store_entries entries = get(&subject, "live/t/", 0); // 5 MB: several pages
    assert_int_equal(entries.count, 500);
    for (int n = 0; n < 500; n++) {
        assert_string_equal(entries.entries[n].key, arena_printf(fixture->arena, "live/t/%04d", n));
    }
    subject_close(&subject);
}

static void malformed_writes_are_refused(void **state)
{
    struct clusterd_fixture *fixture = *state;
    struct subject subject = {.kind = KIND_TOOL, .name = "tool"};
    subject_open(&subject, fixture->arena);
    assert_int_equal(put_if(&subject, "", "x", STORE_ANY, NULL), -EINVAL);
    assert_int_equal(put_if(&subject, "t/a", "\xff", STORE_ANY, NULL), -EINVAL);
    struct store_op ops[] = {
        {.key = "t/a", .value = "x", .size_bytes = 1, .expect = STORE_ANY},
        {.key = "live/a", .value = "x", .size_bytes = 1, .expect = STORE_ANY},
    };
    struct store_txn txn = {.ops = ops, .count = 2};
    assert_int_equal(store_commit(subject.store, &txn, NULL, NULL), -EINVAL);
    assert_int_equal(get(&subject, "t/", 0).count, 0);
    subject_close(&subject);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        clusterd_fixture_test(written_is_read),
        clusterd_fixture_test(write_with_wrong_version_is_refused),
        clusterd_fixture_test(transaction_takes_effect_as_a_whole),
        clusterd_fixture_test(reader_is_told_what_changed_since),
        clusterd_fixture_test(guarded_write_needs_the_lease_and_its_term),
        clusterd_fixture_test(state_survives_kill_of_the_daemon),
        clusterd_fixture_test(reconnected_daemon_hears_of_what_it_missed),
        clusterd_fixture_test(large_values_and_many_keys_come_through),
        clusterd_fixture_test(malformed_writes_are_refused),
    };
    return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
