// SPDX-License-Identifier: Apache-2.0
// ha-cluster backup and restore against a real ha-clusterd, the disaster included: a new, empty
// node gets back what another one had.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/host/cluster_client.h"
#include "common/host/file.h"
#include "common/model/backup.h"
#include "common/port/store.h"
#include "tests/lib/clusterd_fixture.h"
#include "tests/lib/test.h"

static const struct {
    const char *key, *value;
    bool restored;
} rows[] = {
    {"config/datacenter", "ha: shutdown_policy=freeze\n", true},
    {"config/rules", "node-affinity: r1\n\tnodes n1\n\tresources ct:100\n", true},
    {"guest/ct:100", "{\"config\":{\"memory\":\"64\"},\"node\":\"n1\",\"sid\":\"ct:100\"}", true},
    {"guest/ct:101", "{\"config\":{},\"node\":\"old\",\"sid\":\"ct:101\"}", true},
    {"manager/status", "{}", false},
    {"resource/ct:100", "ct: 100\n\tstate started\n", true},
    {"secret/fence/ipmi", "password=\303\244\t\"\n", true},
    {"service/ct:100", "{\"node\":\"n1\",\"state\":\"started\",\"uid\":\"u\"}", false},
    {"storage/a", "dir: a\n\tpath /mnt\n", true},
};

static void rows_put(void)
{
    struct cluster_client *client CLEANUP(cluster_client_freep) = NULL;
    struct error err = {0};
    assert_int_equal(cluster_client_connect(&client, &err), 0);
    struct store_op ops[ARRAY_SIZE(rows)];
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        ops[i] = (struct store_op){.key = rows[i].key,
                                   .value = rows[i].value,
                                   .size_bytes = strlen(rows[i].value),
                                   .expect = STORE_ANY};
    }
    struct store_txn txn = {.ops = ops, .count = ARRAY_SIZE(rows)};
    assert_int_equal(store_commit(cluster_client_store(client), &txn, NULL, &err), 0);
}

static const char *value_of(struct arena *arena, const char *key)
{
    struct cluster_client *client CLEANUP(cluster_client_freep) = NULL;
    struct store_entries entries;
    struct error err = {0};
    assert_int_equal(cluster_client_connect(&client, &err), 0);
    assert_int_equal(store_read(cluster_client_store(client), key, 0, arena, &entries, &err), 0);
    return entries.count > 0 ? arena_strdup(arena, entries.entries[0].value) : NULL;
}

// Runs ha-cluster and returns its exit status; *ret_text is all it said.
static int run(struct clusterd_fixture *fixture, const char *arguments, char **ret_text)
{
    const char *program = getenv("HA_CLUSTER");
    const char *output = arena_printf(fixture->arena, "%s/output", fixture->folder);
    size_t size_bytes;
    struct error err = {0};
    assert_non_null(program);
    int status =
        system(arena_printf(fixture->arena, "'%s' %s >'%s' 2>&1", program, arguments, output));
    assert_true(WIFEXITED(status));
    assert_int_equal(file_read(fixture->arena, output, 1 << 20, ret_text, &size_bytes, &err), 0);
    return WEXITSTATUS(status);
}

#define RUN(fixture, text, ...) run((fixture), arena_printf((fixture)->arena, __VA_ARGS__), (text))

static char *backup_make(struct clusterd_fixture *fixture)
{
    char *text;
    char *path = arena_printf(fixture->arena, "%s/backup.json", fixture->folder);
    rows_put();
    if (RUN(fixture, &text, "backup '%s'", path) != 0) {
        fail_msg("%s", text);
    }
    assert_non_null(strstr(text, "as a password"));
    return path;
}

static void begin_anew(struct clusterd_fixture *fixture)
{
    clusterd_fixture_kill(fixture);
    int r = system(arena_printf(fixture->arena, "rm '%s'/store.db*", fixture->folder));
    assert_int_equal(r, 0);
    clusterd_fixture_start(fixture);
}

static void backup_has_all_durable_keys(void **state)
{
    struct clusterd_fixture *fixture = *state;
    char *path = backup_make(fixture);
    char *text;
    size_t size_bytes;
    struct stat st;
    struct backup backup;
    struct error err = {0};
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(file_read(fixture->arena, path, 1 << 20, &text, &size_bytes, &err), 0);
    assert_int_equal(backup_parse(fixture->arena, text, size_bytes, &backup, &err), 0);
    assert_string_equal(backup.node, "n1");
    assert_null(backup.cluster);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        assert_string_equal(backup_find(&backup, rows[i].key)->value, rows[i].value);
    }
    for (size_t i = 0; i < backup.entries_count; i++) {
        assert_true(strncmp(backup.entries[i].key, "live/", 5) != 0);
    }
    assert_int_equal(RUN(fixture, &text, "backup show '%s'", path), 0);
    assert_non_null(strstr(text, "secret/fence/ipmi"));
    assert_null(strstr(text, "password"));
    assert_int_equal(RUN(fixture, &text, "backup show '%s' config/rules", path), 0);
    assert_string_equal(text, rows[1].value);
    assert_int_equal(RUN(fixture, &text, "backup show '%s' config/nothing", path), 1);
}

static void empty_node_gets_back_what_operators_wanted(void **state)
{
    struct clusterd_fixture *fixture = *state;
    char *path = backup_make(fixture);
    char *text;
    begin_anew(fixture);
    assert_int_equal(RUN(fixture, &text, "restore '%s' --dry-run", path), 0);
    assert_non_null(strstr(text, "add     resource/ct:100"));
    assert_non_null(strstr(text, "nothing was changed"));
    assert_null(value_of(fixture->arena, "resource/ct:100"));

    assert_int_equal(RUN(fixture, &text, "restore '%s' --place n1", path), 0);
    assert_non_null(strstr(text, "7 keys restored"));
    assert_non_null(strstr(text, "must not run there any more"));
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const char *value = value_of(fixture->arena, rows[i].key);
        if (strcmp(rows[i].key, "guest/ct:101") == 0) {
            assert_non_null(strstr(value, "\"n1\""));
        } else if (rows[i].restored) {
            assert_string_equal(value, rows[i].value);
        } else {
            assert_null(value);
        }
    }
    // As after one that was interrupted: what is there is there.
    assert_int_equal(RUN(fixture, &text, "restore '%s' --place n1", path), 0);
    assert_non_null(strstr(text, "0 keys restored"));
}

static void restore_under_running_services_needs_force(void **state)
{
    struct clusterd_fixture *fixture = *state;
    char *path = backup_make(fixture);
    char *text;
    assert_int_equal(RUN(fixture, &text, "restore '%s'", path), 1);
    assert_non_null(strstr(text, "ct:100 (started)"));
    assert_int_equal(RUN(fixture, &text, "restore '%s' --force", path), 0);
}

static void damaged_backup_is_refused(void **state)
{
    struct clusterd_fixture *fixture = *state;
    char *path = backup_make(fixture);
    char *text;
    size_t size_bytes;
    struct error err = {0};
    begin_anew(fixture);
    assert_int_equal(file_read(fixture->arena, path, 1 << 20, &text, &size_bytes, &err), 0);
    text[size_bytes / 2] ^= 1;
    assert_int_equal(file_replace(path, text, size_bytes, 0600, &err), 0);
    assert_int_equal(RUN(fixture, &text, "restore '%s' --force", path), 1);
    assert_non_null(strstr(text, "not a whole backup"));
    assert_null(value_of(fixture->arena, "resource/ct:100"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        clusterd_fixture_test(backup_has_all_durable_keys),
        clusterd_fixture_test(empty_node_gets_back_what_operators_wanted),
        clusterd_fixture_test(restore_under_running_services_needs_force),
        clusterd_fixture_test(damaged_backup_is_refused),
    };
    return cmocka_run_group_tests_name("backup", tests, NULL, NULL);
}
