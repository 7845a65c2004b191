// SPDX-License-Identifier: Apache-2.0
// What is made of the nodes' answers.
#include <stdlib.h>
#include <string.h>

#include "cli/check_rows.h"
#include "common/base/arena.h"
#include "common/base/json.h"
#include "common/host/udp_probe.h"
#include "tests/lib/fixture.h"

#define STATUS                                                                                     \
    "{\"mode\":\"cluster\",\"quorate\":true,\"forced\":false,\"version\":\"1.0\","                 \
    "\"profile\":\"balanced\",\"total_votes\":3,\"expected_votes\":3,\"quorum\":2,"                \
    "\"config_version\":7}"
#define MEMBERS                                                                                    \
    "[{\"node\":\"n1\",\"votes\":1,\"online\":true,\"corosync\":true},"                            \
    "{\"node\":\"n2\",\"votes\":1,\"online\":true,\"corosync\":true},"                             \
    "{\"node\":\"n3\",\"votes\":1,\"online\":true,\"corosync\":true}]"

static const char answer_format[] =
    "{\"version\":\"1.0\",\"hostname\":\"%s\",\"wall_s\":1000,\"checksum\":\"aa\","
    "\"config_version\":7,\"daemons\":{\"ha-crm\":true,\"ha-lrm\":true},"
    "\"watchdog\":{\"running\":true,\"device\":\"/dev/watchdog\",\"soft\":false,"
    "\"timeout_ms\":3000},"
    "\"timing\":{\"lease_margin_ms\":20,\"authority_margin_ms\":900},"
    "\"links\":[{\"node\":\"n1\",\"link\":0,\"connected\":true,\"latency_us\":300}],"
    "\"disk_free_mib\":5000,\"disk_total_mib\":10000,"
    "\"storages\":[{\"storage\":\"s1\",\"path\":\"/mnt/s1\"}]}";

struct fixture {
    struct arena *arena;
    struct map answers, files, fences;
    struct check_input input;
    struct check_rows *rows;
};

static struct json *parse(struct fixture *f, const char *text)
{
    struct json *json = NULL;
    assert_int_equal(json_parse(f->arena, text, strlen(text), &json, NULL), 0);
    return json;
}

static void prepare(struct fixture *f)
{
    static const char *const nodes[] = {"n1", "n2", "n3"};
    map_init_arena(&f->answers, f->arena);
    map_init_arena(&f->files, f->arena);
    map_init_arena(&f->fences, f->arena);
    for (size_t i = 0; i < ARRAY_SIZE(nodes); i++) {
        map_put(&f->answers, nodes[i], parse(f, arena_printf(f->arena, answer_format, nodes[i])));
        map_put(&f->files, nodes[i], parse(f, "{\"config_version\":7}"));
    }
    f->input = (struct check_input){
        .node = "n1",
        .host = "n1",
        .status = parse(f, STATUS),
        .members = parse(f, MEMBERS),
        .answers = &f->answers,
        .files = &f->files,
        .stored_version = 7,
        .fences = &f->fences,
        .now_s = 1000000,
    };
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->arena = arena_new();
    f->rows = arena_new_of(f->arena, struct check_rows);
    f->rows->arena = f->arena;
    prepare(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    arena_free(f->arena);
    free(f);
    return 0;
}

static void make(struct fixture *f)
{
    f->rows->count = 0;
    check_rows_make(f->rows, &f->input);
}

// The first row of the subject with this level, or NULL.
static const struct check_row *find(const struct fixture *f, const char *subject,
                                    enum check_level level)
{
    for (size_t i = 0; i < f->rows->count; i++) {
        const struct check_row *row = &f->rows->rows[i];
        if (strcmp(row->subject, subject) == 0 && row->level == level) {
            return row;
        }
    }
    return NULL;
}

static void check_of_a_healthy_cluster_is_ok_throughout(void **state)
{
    struct fixture *f = *state;
    static const char *const subjects[] = {
        "quorum", "nodes",    "daemons", "versions",      "clocks", "links",   "store",
        "timing", "watchdog", "fencing", "corosync.conf", "disk",   "storage", "ports"};
    make(f);
    for (size_t i = 0; i < f->rows->count; i++) {
        fixture_row(f->rows->rows[i].words, f->rows->rows[i].level == CHECK_LEVEL_OK);
    }
    for (size_t i = 0; i < ARRAY_SIZE(subjects); i++) {
        fixture_row(subjects[i], find(f, subjects[i], CHECK_LEVEL_OK) != NULL);
    }
    assert_string_equal(find(f, "quorum", CHECK_LEVEL_OK)->words,
                        "3 of 3 votes, quorum 2: 1 node may fail");
}

struct damage_row {
    const char *name;
    const char *subject;
    enum check_level level;
    const char *words; // a part of them
    const char *key;   // of node n2's answer
    const char *value; // JSON in its place
};

static const struct damage_row damages[] = {
    {"daemon", "daemons", CHECK_LEVEL_ERROR, "node 'n2': ha-lrm does not run", "daemons",
     "{\"ha-crm\":true}"},
    {"version", "versions", CHECK_LEVEL_WARNING, "node 'n2' runs version 0.9", "version",
     "\"0.9\""},
    {"renamed", "name", CHECK_LEVEL_ERROR, "node 'n2' is called 'x' now", "hostname", "\"x\""},
    {"clock", "clocks", CHECK_LEVEL_WARNING, "the clock of 'n2' is 3 s ahead of that of 'n1'",
     "wall_s", "1003"},
    {"link down", "links", CHECK_LEVEL_WARNING, "link 1 from 'n2' to 'n3' is down", "links",
     "[{\"node\":\"n3\",\"link\":1,\"connected\":false}]"},
    {"slow link", "links", CHECK_LEVEL_WARNING, "takes 5.1 ms, above 5 ms", "links",
     "[{\"node\":\"n3\",\"link\":0,\"connected\":true,\"latency_us\":5100}]"},
    {"old configuration", "corosync.conf", CHECK_LEVEL_WARNING,
     "node 'n2' runs with version 6, its file has 7", "config_version", "6"},
    {"soft watchdog", "watchdog", CHECK_LEVEL_WARNING, "software watchdog only", "watchdog",
     "{\"running\":true,\"soft\":true}"},
    {"no watchdog", "watchdog", CHECK_LEVEL_ERROR, "ha-watchdogd does not run", "watchdog",
     "{\"running\":false}"},
    {"unsafe", "timing", CHECK_LEVEL_ERROR, "node 'n2': unsafe timing: 1 < 2", "timing",
     "{\"unsafe\":\"unsafe timing: 1 < 2\"}"},
    {"low margin", "timing", CHECK_LEVEL_WARNING, "99 ms (no needless reset)", "timing",
     "{\"lease_margin_ms\":20,\"authority_margin_ms\":99}"},
    {"store", "store", CHECK_LEVEL_ERROR, "node 'n2' has another state than 'n1'", "checksum",
     "\"bb\""},
    {"disk low", "disk", CHECK_LEVEL_WARNING, "900 MiB (9 %) are free", "disk_free_mib", "900"},
    {"disk full", "disk", CHECK_LEVEL_ERROR, "63 MiB", "disk_free_mib", "63"},
    {"storage", "storage", CHECK_LEVEL_ERROR, "'s1' on node 'n2' (/mnt/s1): no answer in time",
     "storages", "[{\"storage\":\"s1\",\"path\":\"/mnt/s1\",\"problem\":\"no answer in time\"}]"},
};

static void check_names_what_is_wrong_and_a_remedy(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_SIZE(damages); i++) {
        const struct damage_row *damage = &damages[i];
        prepare(f);
        json_put(map_find(&f->answers, "n2"), damage->key, parse(f, damage->value));
        make(f);
        const struct check_row *row = find(f, damage->subject, damage->level);
        fixture_row(damage->name, row != NULL);
        fixture_row(damage->name, row != NULL && strstr(row->words, damage->words) != NULL);
        fixture_row(damage->name, row != NULL && row->remedy != NULL);
        fixture_row(damage->name, find(f, damage->subject, CHECK_LEVEL_OK) == NULL ||
                                      strcmp(damage->subject, "name") == 0);
    }
}

static void check_of_ports_says_what_came_back(void **state)
{
    struct fixture *f = *state;
    static const struct {
        enum udp_answer answer;
        const char *words, *remedy;
    } table[] = {
        {UDP_REFUSED, "nothing listens", "start Corosync there"},
        {UDP_UNREACHABLE, "nobody there has the address", "switch it on"},
        {UDP_SILENT, "nothing comes back", "let udp port 5406 through the firewalls"},
        {UDP_FORBIDDEN, "may not send", "through this node's firewall"},
        {UDP_UNKNOWN, "it is a name", "numeric"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        const struct check_port port = {"n3", "10.0.0.3", 1, 5406, (int)table[i].answer};
        f->input.ports = &port;
        f->input.ports_count = 1;
        make(f);
        const struct check_row *row = find(f, "ports", CHECK_LEVEL_WARNING);
        assert_non_null(row);
        fixture_row(table[i].words, strstr(row->words, table[i].words) != NULL);
        fixture_row(table[i].words, strstr(row->words, "'n3', link 1, udp port 5406 of 10.0.0.3"));
        fixture_row(table[i].words, strstr(row->remedy, table[i].remedy) != NULL);
        assert_null(find(f, "ports", CHECK_LEVEL_OK));
    }
}

static void check_of_a_node_that_is_off_warns_of_it_and_of_the_margin(void **state)
{
    struct fixture *f = *state;
    struct json *status = parse(f, STATUS);
    struct json *members = parse(f, MEMBERS);
    json_put_int(status, "total_votes", 2);
    json_put_bool(members->items[2], "online", false);
    json_put_bool(members->items[2], "corosync", false);
    (void)map_remove(&f->answers, "n3");
    f->input.status = status;
    f->input.members = members;
    make(f);
    assert_non_null(strstr(find(f, "nodes", CHECK_LEVEL_WARNING)->words, "'n3' is offline"));
    assert_non_null(strstr(find(f, "quorum", CHECK_LEVEL_WARNING)->words, "no node may fail"));
    json_put_bool(status, "quorate", false);
    make(f);
    assert_non_null(find(f, "quorum", CHECK_LEVEL_ERROR));
    json_put_bool(members->items[2], "corosync", true);
    make(f);
    assert_non_null(strstr(find(f, "nodes", CHECK_LEVEL_ERROR)->words, "ha-clusterd does not"));
}

static void check_of_fence_devices_wants_a_test_of_late(void **state)
{
    struct fixture *f = *state;
    map_put(&f->fences, "ipmi1", NULL);
    make(f);
    assert_non_null(strstr(find(f, "fencing", CHECK_LEVEL_WARNING)->words, "was not tested"));
    map_put(&f->fences, "ipmi1", parse(f, "{\"passed\":true,\"timestamp\":300000}"));
    make(f);
    assert_non_null(strstr(find(f, "fencing", CHECK_LEVEL_WARNING)->words, "8 days ago"));
    map_put(&f->fences, "ipmi1",
            parse(f, "{\"passed\":false,\"reason\":\"wrong password\",\"timestamp\":999999}"));
    make(f);
    assert_non_null(strstr(find(f, "fencing", CHECK_LEVEL_ERROR)->words, "wrong password"));
}

static void check_of_a_renamed_machine_is_an_error(void **state)
{
    struct fixture *f = *state;
    f->input.host = "other";
    make(f);
    assert_non_null(strstr(find(f, "name", CHECK_LEVEL_ERROR)->words, "is called 'other'"));
}

static void check_of_empty_documents_does_not_crash(void **state)
{
    struct fixture *f = *state;
    f->input.status = parse(f, "{}");
    f->input.members = NULL;
    map_put(&f->answers, "n1", parse(f, "{}"));
    make(f);
    assert_true(f->rows->count > 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(check_of_a_healthy_cluster_is_ok_throughout),
        TEST(check_names_what_is_wrong_and_a_remedy),
        TEST(check_of_ports_says_what_came_back),
        TEST(check_of_a_node_that_is_off_warns_of_it_and_of_the_margin),
        TEST(check_of_fence_devices_wants_a_test_of_late),
        TEST(check_of_a_renamed_machine_is_an_error),
        TEST(check_of_empty_documents_does_not_crash),
    };
    return cmocka_run_group_tests_name("check_rows", tests, NULL, NULL);
}
