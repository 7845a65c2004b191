// SPDX-License-Identifier: Apache-2.0
// /metrics: every line is one that the readers of the form take, counters never shrink, and the
// dashboard asks only for what there is.
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/exec/exec_totals.h"
#include "api/exec/metrics.h"
#include "api/task/task_list.h"
#include "cli/cluster_view.h"
#include "cli/session.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/map.h"
#include "common/base/parse.h"
#include "common/model/latency.h"
#include "common/model/timing.h"
#include "common/port/store.h"
#include "tests/lib/fake_membership.h"
#include "tests/lib/fake_store.h"
#include "tests/lib/fixture.h"

enum { NOW_S = 1000 };

static const char status_text[] =
    "{\"epoch\":7,\"store_version\":3298534883333,\"store_trouble\":\"slow\","
    "\"members\":[{\"node\":\"node1\",\"votes\":1},{\"node\":\"node2\",\"votes\":2}],"
    "\"watchdog\":{\"running\":true},\"links\":[{\"latency_us\":250},{\"latency_us\":410}],"
    "\"leases\":[{\"name\":\"ha_agent_node1_lock\",\"owner\":\"node1\",\"silent_ms\":1250,"
    "\"breakable_in_ms\":8750},{\"name\":\"ha_agent_node2_lock\",\"unknown\":true,"
    "\"silent_ms\":0,\"breakable_in_ms\":40},{\"name\":\"ha_manager_lock\",\"owner\":\"node1\","
    "\"silent_ms\":5,\"breakable_in_ms\":9000}]}";

static struct store_entry entry_at(struct arena *arena, int number, const char *event,
                                   const char *level, const char *fields)
{
    const char *value =
        arena_printf(arena,
                     "{\"time_ms\":%d,\"at\":\"node1/crm\",\"level\":\"%s\",\"event\":\"%s\","
                     "\"fields\":%s}",
                     number, level, event, fields);
    return (struct store_entry){.key = arena_printf(arena, "history/%016d", number),
                                .value = value,
                                .size_bytes = strlen(value),
                                .version = (uint64_t)number};
}

static void totals_take(struct exec_totals *totals, const struct store_entry *entries, size_t count,
                        uint64_t version)
{
    exec_totals_read(
        totals, &(struct store_entries){.entries = entries, .count = count, .version = version});
}

// A node is missed at 2 s, its service runs at 9.5 s.
static void totals_fill(struct arena *arena, struct exec_totals *totals)
{
    const struct store_entry entries[] = {
        entry_at(arena, 2000, "node-state", "notice",
                 "{\"node\":\"node2\",\"from\":\"online\",\"to\":\"unknown\"}"),
        entry_at(arena, 8000, "fence-confirmed", "notice",
                 "{\"node\":\"node2\",\"proof\":\"lease\"}"),
        entry_at(arena, 8001, "recover", "notice",
                 "{\"sid\":\"ct:100\",\"from\":\"node2\",\"to\":\"node1\"}"),
        entry_at(arena, 9500, "service-running", "notice",
                 "{\"sid\":\"ct:100\",\"node\":\"node1\"}"),
        entry_at(arena, 9600, "service-failed", "warning",
                 "{\"sid\":\"ct:100\",\"node\":\"node1\"}"),
    };
    totals_take(totals, NULL, 0, 1);
    totals_take(totals, entries, ARRAY_SIZE(entries), 9600);
}

static void latency_fill(struct latency_figures *figures)
{
    struct latency *round = &figures->kinds[LATENCY_KIND_ROUND];
    struct latency *disk = &figures->kinds[LATENCY_KIND_DISK];
    round->counts[0] = 4;
    round->counts[3] = 1;
    round->sum_us = 1234;
    disk->counts[LATENCY_BOUNDS_COUNT] = 1;
    disk->sum_us = 11000000;
    disk->size_bytes = 4096;
}

static char *metrics_of(struct arena *arena, struct exec_totals *totals, bool with_status)
{
    struct fake_store *store = fake_store_new();
    struct fake_membership membership;
    struct cluster_view view;
    struct timing timing;
    struct json *status = NULL;
    struct task_entry tasks[] = {{.status = "OK"}, {.status = "no"}, {.status = NULL}};
    const struct task_entries task_entries = {tasks, ARRAY_SIZE(tasks)};
    fake_membership_init(&membership, 2);
    fake_store_put(store, "live/master", "{\"node\":\"node1\",\"timestamp\":998}");
    fake_store_put(store, "live/lrm/node1",
                   "{\"state\":\"active\",\"mode\":\"active\",\"timestamp\":995,\"results\":{}}");
    fake_store_put(store, "manager/status",
                   "{\"master_node\":\"node1\",\"node_status\":{\"node1\":\"online\",\"node2\":"
                   "\"fence\"}}");
    fake_store_put(store, "resource/ct:100", "ct: 100\n\tstate started\n");
    fake_store_put(store, "service/ct:100",
                   "{\"state\":\"started\",\"node\":\"node1\",\"uid\":\"u\",\"running\":1,"
                   "\"attempts\":3,\"failed_nodes\":[\"node2\"]}");
    const struct session session = {.store = fake_store_port(store),
                                    .membership = &membership.membership,
                                    .node = "node1",
                                    .quorate = true};
    struct error err = {0};
    assert_int_equal(cluster_view_read(arena, &session, &view, &err), 0);
    timing_get(TIMING_PROFILE_BALANCED, &timing);
    assert_int_equal(json_parse(arena, status_text, strlen(status_text), &status, &err), 0);
    struct latency_figures figures = {0};
    latency_fill(&figures);
    const struct metrics_source source = {.view = &view,
                                          .totals = totals,
                                          .tasks = &task_entries,
                                          .status = with_status ? status : NULL,
                                          .timing = &timing,
                                          .version = "1\"2\\3\n4",
                                          .answer_ms = 3,
                                          .now_s = NOW_S,
                                          .calls_busy = 2,
                                          .clusterd = with_status ? &figures : NULL,
                                          .crm = &figures,
                                          .lrm = with_status ? &figures : NULL};
    char *text = metrics_text(arena, &source);
    fake_store_free(store);
    return text;
}

// ---- The form.

static const char *name_skip(const char *at)
{
    if (!isalpha((unsigned char)*at) && *at != '_') {
        return NULL;
    }
    while (isalnum((unsigned char)*at) || *at == '_') {
        at++;
    }
    return at;
}

// Past "{a="b",…}", or NULL.
static const char *labels_skip(const char *at)
{
    while (*at == '{' || *at == ',') {
        at = name_skip(at + 1);
        if (at == NULL || at[0] != '=' || at[1] != '"') {
            return NULL;
        }
        for (at += 2; *at != '"'; at++) {
            if (*at == '\0' || (*at == '\\' && (at++, strchr("\\\"n", *at) == NULL))) {
                return NULL;
            }
        }
        at++;
    }
    return *at == '}' ? at + 1 : NULL;
}

static bool sample_is_good(const char *line, const char *family, const char *type)
{
    const char *end = name_skip(line);
    size_t base = strlen(family);
    if (end == NULL || strncmp(line, family, base) != 0) {
        return false;
    }
    size_t rest = (size_t)(end - line) - base;
    static const char *const ends[] = {"_bucket", "_sum", "_count"};
    bool suffix = rest == 0 && strcmp(type, "histogram") != 0;
    for (size_t i = 0; i < ARRAY_SIZE(ends) && strcmp(type, "histogram") == 0; i++) {
        suffix = suffix || (rest == strlen(ends[i]) && strncmp(line + base, ends[i], rest) == 0);
    }
    end = *end == '{' ? labels_skip(end) : end;
    if (!suffix || end == NULL || *end != ' ') {
        return false;
    }
    double number;
    return parse_double(end + 1, &number) == 0;
}

static void text_check(struct arena *arena, const char *text)
{
    struct map families, samples;
    const char *family = "";
    const char *type = "";
    map_init_arena(&families, arena);
    map_init_arena(&samples, arena);
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        char *line = arena_memdup(arena, text, length);
        assert_int_equal(text[length], '\n');
        text += length + 1;
        char *words[4] = {line, NULL, NULL, NULL};
        for (size_t i = 1; i < 4 && line[0] == '#'; i++) {
            words[i] = strchr(words[i - 1], ' ');
            assert_non_null(words[i]);
            *words[i]++ = '\0';
        }
        if (line[0] == '#' && strcmp(words[1], "HELP") == 0) {
            assert_false(map_has(&families, words[2])); // each once, all its samples together
            family = words[2];
            type = "";
            map_put(&families, family, line);
        } else if (line[0] == '#') {
            assert_string_equal(words[1], "TYPE");
            assert_string_equal(words[2], family);
            type = words[3];
            assert_true(strcmp(type, "gauge") == 0 || strcmp(type, "counter") == 0 ||
                        strcmp(type, "histogram") == 0);
            bool total = strlen(family) > 6 &&
                         strcmp(family + strlen(family) - strlen("_total"), "_total") == 0;
            assert_int_equal(strcmp(type, "counter") == 0, total);
            assert_int_equal(strncmp(family, "ha_manager_", 11), 0);
        } else {
            if (!sample_is_good(line, family, type)) {
                fail_msg("not a sample of %s (%s): %s", family, type, line);
            }
            *strrchr(line, ' ') = '\0';
            assert_false(map_has(&samples, line)); // no series twice
            map_put(&samples, line, line);
        }
    }
    assert_true(families.count > 30);
}

static void every_line_has_the_form(void **state)
{
    struct arena *arena = *state;
    struct exec_totals *totals = exec_totals_new();
    totals_fill(arena, totals);
    text_check(arena, metrics_of(arena, totals, true));
    text_check(arena, metrics_of(arena, totals, false));
    exec_totals_free(totals);
}

static void figures_are_those_of_the_documents(void **state)
{
    static const char *const lines[] = {
        "ha_manager_build_info{version=\"1\\\"2\\\\3\\n4\",node=\"node1\"} 1\n",
        "ha_manager_quorate 1\n",
        "ha_manager_node_online{node=\"node2\"} 1\n",
        "ha_manager_node_votes{node=\"node2\"} 2\n",
        "ha_manager_node_state{node=\"node2\",state=\"fence\"} 1\n",
        "ha_manager_node_state{node=\"node2\",state=\"online\"} 0\n",
        "ha_manager_master{node=\"node1\"} 1\n",
        "ha_manager_master_age_seconds 2\n",
        "ha_manager_lrm_state{node=\"node1\",state=\"active\"} 1\n",
        "ha_manager_lrm_age_seconds{node=\"node1\"} 5\n",
        "ha_manager_store_epoch 3\n",
        "ha_manager_store_writes 5\n",
        "ha_manager_store_trouble 1\n",
        "ha_manager_clusterd_answer_seconds 0.003\n",
        "ha_manager_lease_held{lease=\"ha_agent_node2_lock\",node=\"node2\"} 0\n",
        "ha_manager_lease_silent_seconds{lease=\"ha_agent_node1_lock\",node=\"node1\"} 1.250\n",
        "ha_manager_lease_proof_in_seconds{lease=\"ha_agent_node2_lock\",node=\"node2\"} 0.040\n",
        "ha_manager_lease_held{lease=\"ha_manager_lock\",node=\"node1\"} 1\n",
        "ha_manager_link_latency_microseconds 410\n",
        "ha_manager_timing_safe 1\n",
        "ha_manager_service_state{sid=\"ct:100\",state=\"started\"} 1\n",
        "ha_manager_service_state{sid=\"ct:100\",state=\"error\"} 0\n",
        "ha_manager_service_node{sid=\"ct:100\",node=\"node1\"} 1\n",
        "ha_manager_service_running{sid=\"ct:100\"} 1\n",
        "ha_manager_service_failed_attempts{sid=\"ct:100\"} 3\n",
        "ha_manager_service_failed_nodes{sid=\"ct:100\"} 1\n",
        "ha_manager_services{state=\"started\"} 1\n",
        "ha_manager_service_starts_total{sid=\"ct:100\"} 1\n",
        "ha_manager_service_failures_total{sid=\"ct:100\"} 1\n",
        "ha_manager_service_recoveries_total{sid=\"ct:100\"} 1\n",
        "ha_manager_failover_seconds_bucket{le=\"5.000\"} 0\n",
        "ha_manager_failover_seconds_bucket{le=\"10.000\"} 1\n",
        "ha_manager_failover_seconds_bucket{le=\"+Inf\"} 1\n",
        "ha_manager_failover_seconds_sum 7.500\n",
        "ha_manager_failover_seconds_count 1\n",
        "ha_manager_fences_total{proof=\"lease\"} 1\n",
        "ha_manager_events_total{level=\"warning\"} 1\n",
        "ha_manager_events_total{level=\"notice\"} 4\n",
        "ha_manager_api_calls_total{code=\"2xx\"} 2\n",
        "ha_manager_api_calls_total{code=\"4xx\"} 1\n",
        "ha_manager_api_call_seconds_count 2\n",
        "ha_manager_tasks{status=\"failed\"} 1\n",
        "ha_manager_api_calls_busy 2\n",
        "ha_manager_round_seconds_bucket{daemon=\"ha-lrm\",le=\"0.000100\"} 4\n",
        "ha_manager_round_seconds_bucket{daemon=\"ha-crm\",le=\"0.001\"} 5\n",
        "ha_manager_round_seconds_bucket{daemon=\"ha-crm\",le=\"+Inf\"} 5\n",
        "ha_manager_round_seconds_sum{daemon=\"ha-crm\"} 0.001234\n",
        "ha_manager_round_seconds_count{daemon=\"ha-crm\"} 5\n",
        "ha_manager_store_commit_seconds_count 0\n",
        "ha_manager_lease_renewal_seconds_count 0\n",
        "ha_manager_store_disk_seconds_bucket{le=\"10.000\"} 0\n",
        "ha_manager_store_disk_seconds_sum 11.000\n",
        "ha_manager_store_disk_bytes_total 4096\n",
    };
    struct arena *arena = *state;
    struct exec_totals *totals = exec_totals_new();
    totals_fill(arena, totals);
    exec_totals_call(totals, 200, false, 3);
    exec_totals_call(totals, 200, false, 30);
    exec_totals_call(totals, 401, true, 3000); // late on purpose
    const char *text = metrics_of(arena, totals, true);
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
        fixture_row(lines[i], strstr(text, lines[i]) != NULL);
    }
    exec_totals_free(totals);
}

static void counters_begin_with_the_daemon_and_never_shrink(void **state)
{
    struct arena *arena = *state;
    struct exec_totals *totals = exec_totals_new();
    // What was there before is understood, and not counted.
    const struct store_entry before[] = {
        entry_at(arena, 1000, "node-state", "notice", "{\"node\":\"node2\",\"to\":\"unknown\"}"),
        entry_at(arena, 1001, "recover", "notice", "{\"sid\":\"ct:100\",\"from\":\"node2\"}"),
        entry_at(arena, 1002, "service-running", "notice", "{\"sid\":\"ct:101\"}"),
    };
    totals_take(totals, before, ARRAY_SIZE(before), 1002);
    assert_int_equal(totals->failover.count, 0);
    const struct store_entry after[] = {
        entry_at(arena, 4000, "service-running", "notice", "{\"sid\":\"ct:100\"}"),
    };
    totals_take(totals, after, 1, 4000);
    assert_int_equal(totals->failover.count, 1);
    assert_int_equal(totals->failover.sum_us, 3000000);
    // Entries that are removed take nothing away.
    const struct store_entry removed[] = {{.key = "history/0000000000004000", .version = 5000}};
    totals_take(totals, removed, 1, 5000);
    assert_int_equal(totals->failover.count, 1);
    const struct service_totals *service = map_find(&totals->services, "ct:100");
    assert_int_equal(service->starts, 1);
    exec_totals_free(totals);
}

static void what_is_no_failover_is_not_counted_as_one(void **state)
{
    struct arena *arena = *state;
    struct exec_totals *totals = exec_totals_new();
    const struct store_entry entries[] = {
        entry_at(arena, 10, "service-running", "notice", "{\"sid\":\"ct:100\"}"),
        entry_at(arena, 20, "recover", "notice", "{\"sid\":\"ct:100\",\"from\":\"node2\"}"),
        entry_at(arena, 30, "service-state", "notice", "{\"sid\":\"ct:100\",\"to\":\"error\"}"),
        entry_at(arena, 40, "service-running", "notice", "{\"sid\":\"ct:100\"}"),
    };
    totals_take(totals, NULL, 0, 1);
    totals_take(totals, entries, ARRAY_SIZE(entries), 40);
    assert_int_equal(totals->failover.count, 0);
    const struct service_totals *service = map_find(&totals->services, "ct:100");
    assert_int_equal(service->starts, 2);
    assert_int_equal(service->errors, 1);
    const struct store_entry gone[] = {
        entry_at(arena, 50, "service-removed", "notice", "{\"sid\":\"ct:100\"}")};
    totals_take(totals, gone, 1, 50);
    assert_null(map_find(&totals->services, "ct:100"));
    exec_totals_free(totals);
}

// ---- The dashboard.

static char *file_text(struct arena *arena, const char *path)
{
    enum { SIZE_MAX_BYTES = 256 * 1024 };
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    char *text = arena_alloc(arena, SIZE_MAX_BYTES + 1);
    text[fread(text, 1, SIZE_MAX_BYTES, file)] = '\0';
    fclose(file);
    return text;
}

static void dashboard_asks_for_what_there_is(void **state)
{
    struct arena *arena = *state;
    struct exec_totals *totals = exec_totals_new();
    totals_fill(arena, totals);
    const char *text = metrics_of(arena, totals, true);
    const char *path = getenv("HA_DASHBOARD");
    assert_non_null(path);
    const char *at = file_text(arena, path);
    struct json *json;
    assert_int_equal(json_parse(arena, at, strlen(at), &json, NULL), 0);
    size_t asked = 0;
    while ((at = strstr(at, "ha_manager_")) != NULL) {
        size_t length = strspn(at, "abcdefghijklmnopqrstuvwxyz_");
        const char *name = arena_memdup(arena, at, length);
        bool plain = strstr(text, arena_printf(arena, "\n%s ", name)) != NULL;
        bool labelled = strstr(text, arena_printf(arena, "\n%s{", name)) != NULL;
        fixture_row(name, plain || labelled);
        at += length;
        asked++;
    }
    assert_true(asked > 25);
    exec_totals_free(totals);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(every_line_has_the_form),
        fixture_test(figures_are_those_of_the_documents),
        fixture_test(counters_begin_with_the_daemon_and_never_shrink),
        fixture_test(what_is_no_failover_is_not_counted_as_one),
        fixture_test(dashboard_asks_for_what_there_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
