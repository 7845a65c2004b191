// SPDX-License-Identifier: Apache-2.0
// The status of a cluster, line by line, from the documents in the store.
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/cluster_view.h"
#include "cli/status_rows.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/strbuf.h"
#include "tests/lib/fake_session.h"
#include "tests/lib/test.h"

enum { NOW_S = 1760004672 }; // Thu Oct  9 10:11:12 2025
#define DATE "Thu Oct  9 10:11:12 2025"

struct fixture {
    struct arena *arena;
    struct fake_session fake;
    struct cluster_view view;
    struct status_clock clock;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->arena = arena_new();
    f->clock = (struct status_clock){.now_s = NOW_S, .stale_s = 30};
    fake_session_init(&f->fake, 2);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    fake_session_done(&f->fake);
    arena_free(f->arena);
    free(f);
    return 0;
}

static void put(struct fixture *f, const char *key, const char *value)
{
    fake_store_put(f->fake.store, key, value);
}

static void put_live(struct fixture *f, const char *key, const char *format, int64_t timestamp_s)
{
    struct strbuf text CLEANUP(strbuf_done) = {0};
    strbuf_appendf(&text, "{%s,\"timestamp\":%lld}", format, (long long)timestamp_s);
    put(f, key, strbuf_text(&text));
}

static void read_view(struct fixture *f)
{
    struct error err = {0};
    f->fake.session.quorate = f->fake.membership.list.quorate;
    assert_int_equal(cluster_view_read(f->arena, &f->fake.session, &f->view, &err), 0);
}

// All lines as `ha-manager status` prints them.
static const char *lines(struct fixture *f)
{
    struct strbuf text CLEANUP(strbuf_done) = {0};
    read_view(f);
    struct json *rows = status_rows(f->arena, &f->view, &f->clock);
    for (size_t i = 0; i < rows->count; i++) {
        strbuf_appendf(&text, "%s %s\n", json_find_string(rows->items[i], "type"),
                       json_find_string(rows->items[i], "status"));
    }
    return arena_strdup(f->arena, strbuf_text(&text));
}

#define MASTER               "\"node\":\"node1\""
#define ACTIVE               "\"state\":\"active\",\"mode\":\"active\""
#define IDLE                 "\"state\":\"wait_for_agent_lock\",\"mode\":\"active\""
#define RESULT(sid)          "{\"exit_code\":0,\"sid\":\"" sid "\",\"state\":\"started\",\"uid\":\"u1\"}"
#define SERVICE(node, state) "{\"node\":\"" node "\",\"state\":\"" state "\",\"uid\":\"u1\"}"
#define RUNNING(node)        "{\"node\":\"" node "\",\"state\":\"started\",\"uid\":\"u1\",\"running\":1}"
#define GUEST(sid, node)     "{\"sid\":\"" sid "\",\"node\":\"" node "\",\"config\":{}}"

static void put_cluster(struct fixture *f)
{
    put_live(f, "live/master", MASTER, NOW_S);
    put_live(f, "live/lrm/node1", ACTIVE, NOW_S);
    put_live(f, "live/lrm/node2", IDLE, NOW_S);
    put(f, "guest/ct:100", GUEST("ct:100", "node1"));
    put(f, "resource/ct:100", "ct: 100\n\n");
    put(f, "service/ct:100", RUNNING("node1"));
}

static void status_healthy_cluster_is_one_line_each(void **state)
{
    struct fixture *f = *state;
    put_cluster(f);
    put(f, "guest/ct:101", GUEST("ct:101", "node2"));
    put(f, "resource/ct:101", "ct: 101\n\tstate stopped\n\n");
    put(f, "resource/ct:102", "ct: 102\n\n");
    assert_string_equal(lines(f), "quorum OK\n"
                                  "master node1 (active, " DATE ")\n"
                                  "fencing armed (CRM watchdog active)\n"
                                  "lrm node1 (active, watchdog active, " DATE ")\n"
                                  "lrm node2 (idle, watchdog standby, " DATE ")\n"
                                  "service ct:100 (node1, started)\n"
                                  "service ct:101 (node2, queued)\n"
                                  "service ct:102 (---, not found)\n");
}

static void status_new_cluster_has_no_master(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(lines(f), "quorum OK\n"
                                  "fencing standby (CRM watchdog standby)\n"
                                  "lrm node1 (unable to read lrm status)\n"
                                  "lrm node2 (unable to read lrm status)\n");
}

static void status_without_quorum_says_so_and_shows_what_is_old(void **state)
{
    struct fixture *f = *state;
    put_cluster(f);
    put_live(f, "live/master", MASTER, NOW_S - 31);
    put_live(f, "live/lrm/node2", ACTIVE, NOW_S - 31);
    f->fake.membership.list.quorate = false;
    f->fake.membership.members[0].online = false;
    f->fake.membership.members[1].online = false;
    assert_string_equal(
        lines(f), "quorum No quorum on node 'node1'!\n"
                  "master node1 (old timestamp - dead?, Thu Oct  9 10:10:41 2025)\n"
                  "fencing standby (CRM watchdog standby)\n"
                  "lrm node1 (active, watchdog active, " DATE ")\n"
                  "lrm node2 (old timestamp - dead?, watchdog standby, Thu Oct  9 10:10:41 2025)\n"
                  "service ct:100 (node1, started)\n");
}

static void status_of_a_node_that_left_is_old_at_once(void **state)
{
    struct fixture *f = *state;
    put_cluster(f);
    f->fake.membership.members[1].online = false;
    assert_non_null(strstr(lines(f), "lrm node2 (old timestamp - dead?, watchdog standby, "));
}

struct lrm_row {
    const char *name;
    const char *lrm;
    int64_t age_s;
    const char *want;
};

static const struct lrm_row lrm_rows[] = {
    {"active", ACTIVE, 0, "node2 (active, watchdog active"},
    {"idle", IDLE, 0, "node2 (idle, watchdog standby"},
    {"just not old", ACTIVE, 30, "node2 (active, watchdog active"},
    {"old", ACTIVE, 31, "node2 (old timestamp - dead?, watchdog standby"},
    {"small difference of clocks", ACTIVE, -2, "node2 (active, watchdog active"},
    {"drift", ACTIVE, -3, "node2 (detected time drift!, watchdog standby"},
    {"maintenance", "\"state\":\"maintenance\",\"mode\":\"maintenance\",\"results\":{}", 0,
     "node2 (maintenance mode, watchdog active"},
    {"maintenance, old", "\"state\":\"maintenance\",\"mode\":\"maintenance\",\"results\":{}", 60,
     "node2 (maintenance mode, watchdog standby"},
    {"restart", "\"state\":\"active\",\"mode\":\"restart\",\"results\":{}", 0,
     "node2 (restart mode, watchdog active"},
    {"restart, old", "\"state\":\"active\",\"mode\":\"restart\",\"results\":{}", 60,
     "node2 (old timestamp - dead?, watchdog standby"},
    {"disarmed", "\"state\":\"wait_for_agent_lock\",\"mode\":\"disarm\",\"results\":{}", 0,
     "node2 (disarm mode, watchdog released"},
    {"lost lock", "\"state\":\"lost_agent_lock\",\"mode\":\"active\",\"results\":{}", 0,
     "node2 (lost_agent_lock, watchdog standby"},
};

static void status_of_an_lrm_tells_mode_and_watchdog(void **state)
{
    struct fixture *f = *state;
    put_cluster(f);
    for (size_t i = 0; i < ARRAY_SIZE(lrm_rows); i++) {
        put_live(f, "live/lrm/node2", lrm_rows[i].lrm, NOW_S - lrm_rows[i].age_s);
        const char *text = lines(f);
        if (strstr(text, lrm_rows[i].want) == NULL) {
            print_error("%s:\n%s", lrm_rows[i].name, text);
        }
        assert_non_null(strstr(text, lrm_rows[i].want));
    }
}

static void status_of_a_waiting_lrm_with_work_is_no_idleness(void **state)
{
    struct fixture *f = *state;
    put_cluster(f);
    put(f, "service/ct:100", RUNNING("node2"));
    assert_non_null(strstr(lines(f), "lrm node2 (wait_for_agent_lock, watchdog standby"));
}

struct manager_row {
    const char *name;
    const char *manager;    // manager/status
    const char *datacenter; // or NULL
    const char *want;
};

static const struct manager_row manager_rows[] = {
    {"disarming",
     "{\"master_node\":\"node1\",\"node_status\":{},\"disarm\":{\"mode\":\"freeze\",\"state\":"
     "\"disarming\"}}",
     NULL, "fencing disarming, resource mode: freeze (CRM watchdog active)\n"},
    {"disarmed",
     "{\"master_node\":\"node1\",\"node_status\":{},\"disarm\":{\"mode\":\"freeze\",\"state\":"
     "\"disarmed\"}}",
     NULL, "fencing disarmed, resource mode: freeze (CRM watchdog released)\n"},
    {"disarmed, line of the master",
     "{\"master_node\":\"node1\",\"node_status\":{},\"disarm\":{\"mode\":\"ignore\",\"state\":"
     "\"disarmed\"}}",
     NULL, "master node1 (active, " DATE ") - disarmed, resource mode: ignore\n"},
    {"scheduler", "{\"master_node\":\"node1\",\"node_status\":{}}", "crs: ha=static\n",
     "master node1 (active, " DATE ") - static load CRS\n"},
};

static void status_of_the_manager_tells_disarm_and_scheduler(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_SIZE(manager_rows); i++) {
        put_cluster(f);
        put(f, "manager/status", manager_rows[i].manager);
        put(f, "config/datacenter", manager_rows[i].datacenter);
        const char *text = lines(f);
        if (strstr(text, manager_rows[i].want) == NULL) {
            print_error("%s:\n%s", manager_rows[i].name, text);
        }
        assert_non_null(strstr(text, manager_rows[i].want));
    }
}

struct shown_row {
    const char *requested; // NULL: no resource
    const char *service;   // NULL: unknown to the manager
    bool guest;
    const char *want;
};

static const struct shown_row shown_rows[] = {
    {NULL, RUNNING("node1"), true, "deleting"},
    {"ignored", NULL, true, "ignored"},
    {"started", NULL, false, "not found"},
    {"started", NULL, true, "queued"},
    {"started", SERVICE("node1", "stopped"), true, "starting"},
    {"disabled", SERVICE("node1", "stopped"), true, "disabled"},
    {"stopped", SERVICE("node1", "stopped"), true, "stopped"},
    {"started", RUNNING("node1"), true, "started"},
    {"stopped", RUNNING("node1"), true, "stopping"},
    {"disabled", RUNNING("node1"), true, "stopping"},
    {"started", SERVICE("node1", "started"), true, "starting"},
    {"stopped", SERVICE("node1", "started"), true, "starting"},
    {"disabled", SERVICE("node1", "error"), true, "clearing error flag"},
    {"started", SERVICE("node1", "error"), true, "error"},
    {"started", SERVICE("node1", "fence"), true, "fence"},
    {"started", SERVICE("node1", "recovery"), true, "recovery"},
    {"started", SERVICE("node1", "request_start"), true, "request_start"},
    {"stopped", SERVICE("node1", "request_stop"), true, "request_stop"},
    {"started", SERVICE("node1", "freeze"), true, "freeze"},
};

static void state_shown_follows_request_and_manager(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_SIZE(shown_rows); i++) {
        const struct shown_row *row = &shown_rows[i];
        const char *text = row->requested != NULL
                               ? arena_printf(f->arena, "ct: 100\n\tstate %s\n\n", row->requested)
                               : NULL;
        put(f, "resource/ct:100", text);
        put(f, "service/ct:100", row->service);
        put(f, "guest/ct:100", row->guest ? GUEST("ct:100", "node1") : NULL);
        read_view(f);
        const char *shown = status_shown_state(&f->view, "ct:100");
        if (strcmp(shown, row->want) != 0) {
            print_error("%s, %s: %s\n", row->requested, row->service, shown);
        }
        assert_string_equal(shown, row->want);
    }
}

static void state_shown_while_ha_ignores_all_is_ignore(void **state)
{
    struct fixture *f = *state;
    put_cluster(f);
    put(f, "manager/status",
        "{\"node_status\":{},\"disarm\":{\"mode\":\"ignore\",\"state\":\"disarmed\"}}");
    read_view(f);
    assert_string_equal(status_shown_state(&f->view, "ct:100"), "ignore");
    assert_false(cluster_view_manages(&f->view, "ct:100"));
}

static void row_of_a_service_has_its_fields(void **state)
{
    struct fixture *f = *state;
    put_cluster(f);
    read_view(f);
    struct json *rows = status_rows(f->arena, &f->view, &f->clock);
    assert_string_equal(
        json_to_text(f->arena, rows->items[rows->count - 1]),
        "{\"crm_state\":\"started\",\"failback\":1,\"id\":\"service:ct:100\",\"max_relocate\":1,"
        "\"max_restart\":1,\"node\":\"node1\",\"request_state\":\"started\",\"sid\":\"ct:100\","
        "\"state\":\"started\",\"status\":\"ct:100 (node1, started)\",\"type\":\"service\"}");
}

static void document_that_cannot_be_read_is_left_out_and_named(void **state)
{
    struct fixture *f = *state;
    put_cluster(f);
    put(f, "service/ct:101", "{broken");
    put(f, "resource/ct:102", "ct: 102\n\tcolour red\n\n");
    assert_null(strstr(lines(f), "ct:101"));
    assert_int_equal(f->view.problems_count, 2);
    assert_non_null(strstr(f->view.problems[0], "cannot read 'resource/ct:102': line 2"));
    assert_non_null(strstr(f->view.problems[1], "cannot read 'service/ct:101': "));
}

static void documents_are_those_of_the_reference(void **state)
{
    struct fixture *f = *state;
    put_cluster(f);
    put(f, "manager/status", "{\"master_node\":\"node1\",\"node_status\":{\"node1\":\"online\"}}");
    put(f, "live/result/node1/ct:100", RESULT("ct:100"));
    put(f, "live/result/node9/ct:109", RESULT("ct:109"));
    read_view(f);
    struct json *all = status_documents(f->arena, &f->view);
    const struct json *manager = json_find(all, "manager_status");
    assert_string_equal(json_to_text(f->arena, json_find(all, "quorum")),
                        "{\"node\":\"node1\",\"quorate\":1}");
    assert_string_equal(json_to_text(f->arena, json_find(manager, "node_status")),
                        "{\"node1\":\"online\"}");
    assert_string_equal(json_find_string(manager, "master_node"), "node1");
    assert_int_equal(json_find(manager, "timestamp")->integer, NOW_S);
    assert_non_null(json_find(json_find(manager, "service_status"), "ct:100"));
    const struct json *lrms = json_find(all, "lrm_status");
    assert_string_equal(json_to_text(f->arena, json_find(json_find(lrms, "node1"), "results")),
                        "{\"u1\":{\"exit_code\":0,\"sid\":\"ct:100\",\"state\":\"started\"}}");
    assert_string_equal(json_to_text(f->arena, json_find(json_find(lrms, "node2"), "results")),
                        "{}");
    assert_null(json_find(lrms, "node9"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(status_healthy_cluster_is_one_line_each),
        TEST(status_new_cluster_has_no_master),
        TEST(status_without_quorum_says_so_and_shows_what_is_old),
        TEST(status_of_a_node_that_left_is_old_at_once),
        TEST(status_of_an_lrm_tells_mode_and_watchdog),
        TEST(status_of_a_waiting_lrm_with_work_is_no_idleness),
        TEST(status_of_the_manager_tells_disarm_and_scheduler),
        TEST(state_shown_follows_request_and_manager),
        TEST(state_shown_while_ha_ignores_all_is_ignore),
        TEST(row_of_a_service_has_its_fields),
        TEST(document_that_cannot_be_read_is_left_out_and_named),
        TEST(documents_are_those_of_the_reference),
    };
    if (setenv("TZ", "UTC", 1) < 0) {
        return 1;
    }
    tzset();
    return cmocka_run_group_tests_name("status_rows", tests, NULL, NULL);
}
