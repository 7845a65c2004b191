// SPDX-License-Identifier: Apache-2.0
// What clients see of tasks, and the lines of the index.
#include <string.h>

#include "api/task/task_list.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "tests/lib/fixture.h"

#define UPID(start, type, id, user) "UPID:n1:00000001:00000002:" start ":" type ":" id ":" user ":"

static const char index_text[] = UPID("5F000001", "vzstart", "100", "root@pam") " 5F000002 OK\n" UPID(
    "5F000003", "vzstop", "100",
    "root@pam!t") " 5F000004 no such thing\n"
                  "torn line\n" UPID("5F000005", "hastart", "101", "user@pve") " 5F000006 WARNINGS: 2\n" UPID(
                      "5F000007", "clusterjoin", "",
                      "root@pam") " 5F000008 unknown\n" UPID("5F000009", "vzstart", "102",
                                                             "root@pam") " 5F00";

static void entries_read(struct arena *arena, struct task_entries *ret)
{
    task_index_parse(arena, index_text, sizeof(index_text) - 1, ret);
    // And one that runs.
    struct task_entry *all = arena_array_of(arena, struct task_entry, ret->count + 1);
    memcpy(all, ret->entries, ret->count * sizeof(*all));
    all[ret->count] = (struct task_entry){.name = UPID("5F00000A", "vzstart", "103", "user@pve")};
    assert_int_equal(upid_parse(arena, all[ret->count].name, &all[ret->count].upid, NULL), 0);
    ret->entries = all;
    ret->count++;
}

static void index_reads_whole_lines_only(void **state)
{
    struct task_entries entries;
    task_index_parse(*state, index_text, sizeof(index_text) - 1, &entries);
    assert_int_equal(entries.count, 4);
    assert_int_equal(entries.entries[1].end_s, 0x5f000004);
    assert_string_equal(entries.entries[1].status, "no such thing");
    assert_string_equal(entries.entries[1].upid.user, "root@pam!t");
}

static void line_reads_as_written(void **state)
{
    static const struct {
        const char *status, *read;
    } table[] = {
        {"OK", "OK"},
        {"a\nb\tc", "a b c"},
        {"bad \xff byte", "bad ? byte"},
        {"gr\xc3\xbc\xc3\x9f"
         "e",
         "gr\xc3\xbc\xc3\x9f"
         "e"},
        {"", ""},
    };
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        const char *line = task_index_line(*state, UPID("5F000001", "vzstart", "100", "root@pam"),
                                           7, table[i].status);
        struct task_entries entries;
        task_index_parse(*state, line, strlen(line), &entries);
        fixture_row(table[i].status, entries.count == 1 && entries.entries[0].end_s == 7);
        fixture_row(table[i].status, strcmp(entries.entries[0].status, table[i].read) == 0);
    }
}

static void long_status_is_cut_at_a_character(void **state)
{
    char status[TASK_STATUS_MAX + 10];
    memset(status, 'x', sizeof(status));
    memcpy(status + TASK_STATUS_MAX - 1, "\xc3\xbc", 2);
    status[sizeof(status) - 1] = '\0';
    struct task_entries entries;
    const char *line =
        task_index_line(*state, UPID("5F000001", "vzstart", "100", "root@pam"), 7, status);
    task_index_parse(*state, line, strlen(line), &entries);
    assert_int_equal(entries.count, 1);
    assert_int_equal(strlen(entries.entries[0].status), TASK_STATUS_MAX - 1);
}

// The starts' last digits, in the order of the list.
static const char *starts_of(struct arena *arena, const struct json *list)
{
    char *text = arena_alloc(arena, list->count + 1);
    for (size_t i = 0; i < list->count; i++) {
        text[i] = strchr(json_find_string(list->items[i], "upid") + 26, ':')[-1];
    }
    return text;
}

static void filter_takes_what_it_says(void **state)
{
    static const struct {
        const char *name;
        struct task_filter filter;
        const char *statuses, *starts;
        int64_t total;
    } table[] = {
        {"ended", {.limit = 50}, NULL, "7531", 4},
        {"that run", {.limit = 50, .source = TASK_SOURCE_ACTIVE}, NULL, "A", 1},
        {"all", {.limit = 50, .source = TASK_SOURCE_ALL}, NULL, "A7531", 5},
        {"a page", {.start = 1, .limit = 2, .source = TASK_SOURCE_ALL}, NULL, "75", 5},
        {"beyond the end", {.start = 9, .limit = 2}, NULL, "", 4},
        {"limit 0", {.limit = 0}, NULL, "", 4},
        {"guest", {.limit = 50, .vmid = 100}, NULL, "31", 2},
        {"type", {.limit = 50, .type = "vzstop"}, NULL, "3", 1},
        {"part of a user", {.limit = 50, .user = "pve"}, NULL, "5", 1},
        {"a user's own", {.limit = 50, .only_user = "root@pam"}, NULL, "731", 3},
        {"errors", {.limit = 50, .errors = true}, NULL, "53", 2},
        {"since", {.limit = 50, .since_s = 0x5f000005}, NULL, "75", 2},
        {"until", {.limit = 50, .until_s = 0x5f000003}, NULL, "31", 2},
        {"status ok", {.limit = 50}, "[\"ok\"]", "1", 1},
        {"status error or warning", {.limit = 50}, "[\"error\",\"warning\"]", "53", 2},
        {"status unknown", {.limit = 50}, "[\"unknown\"]", "7", 1},
    };
    struct task_entries entries;
    entries_read(*state, &entries);
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        struct task_filter filter = table[i].filter;
        struct json *statuses = NULL;
        int64_t total = -1;
        if (table[i].statuses != NULL) {
            assert_int_equal(
                json_parse(*state, table[i].statuses, strlen(table[i].statuses), &statuses, NULL),
                0);
            filter.statuses = statuses;
        }
        const struct json *list = task_list_filter(*state, &entries, &filter, &total);
        fixture_row(table[i].name, strcmp(starts_of(*state, list), table[i].starts) == 0);
        fixture_row(table[i].name, total == table[i].total);
    }
}

static void entry_is_shown_as_clients_know_it(void **state)
{
    struct task_entries entries;
    entries_read(*state, &entries);
    assert_string_equal(
        json_to_text(*state, task_entry_to_json(*state, &entries.entries[1])),
        "{\"endtime\":1593835524,\"id\":\"100\",\"node\":\"n1\",\"pid\":1,\"pstart\":2,"
        "\"starttime\":1593835523,\"status\":\"no such thing\",\"tokenid\":\"t\",\"type\":\"vzstop\","
        "\"upid\":\"" UPID("5F000003", "vzstop", "100", "root@pam!t") "\",\"user\":\"root@pam\"}");
    const struct json *runs = task_entry_to_json(*state, &entries.entries[4]);
    assert_null(json_find(runs, "status"));
    assert_null(json_find(runs, "endtime"));
}

static void live_list_reads_as_written(void **state)
{
    struct task_entries entries, read;
    struct error err = {0};
    entries_read(*state, &entries);
    const char *text = task_live_format(*state, &entries, 3);
    assert_int_equal(task_live_parse(*state, text, strlen(text), &read, &err), 0);
    assert_int_equal(read.count, 3);
    assert_null(read.entries[0].status); // the newest first
    assert_string_equal(read.entries[1].status, "unknown");
    assert_int_equal(read.entries[1].end_s, 0x5f000008);
    assert_string_equal(task_live_format(*state, &read, 3), text);
    assert_true(task_live_parse(*state, "{}", 2, &read, &err) < 0);
    assert_true(task_live_parse(*state, "[{\"upid\":\"x\"}]", 14, &read, &err) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(index_reads_whole_lines_only),      fixture_test(line_reads_as_written),
        fixture_test(long_status_is_cut_at_a_character), fixture_test(filter_takes_what_it_says),
        fixture_test(entry_is_shown_as_clients_know_it), fixture_test(live_list_reads_as_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
