// SPDX-License-Identifier: Apache-2.0
// What is foretold of clusters whose future can be told by hand. That it comes true is
// prop-what-if's.
#include <errno.h>
#include <string.h>

#include "answers/what_if_document.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "tests/lib/fixture.h"
#include "tests/unit/answers/answer_documents.h"

static const char *const node1[] = {"node1"};
static const char *const node2[] = {"node2"};
static const char *const node12[] = {"node1", "node2"};

// A document as most tests begin: three nodes, of which node2 runs ct:100 and vm:101.
static void three_nodes(struct answer_documents *documents, struct arena *arena)
{
    answer_documents_init(documents, arena, TIMING_PROFILE_FAST, 3);
    answer_documents_add(documents, "ct:100", "node2", "\"memory\":\"1024\"");
    answer_documents_add(documents, "vm:101", "node2", "\"memory\":\"2048\"");
    answer_documents_add(documents, "ct:102", "node1", "");
}

static struct what_if_answer ask(struct answer_documents *documents,
                                 const struct what_if_question *question)
{
    struct what_if_answer answer = {0};
    struct error err = {0};
    uint64_t commits = fake_store_commits(documents->store);
    int r = what_if_ask(documents->arena, &documents->source, question, &answer, &err);
    assert_string_equal(err.text, "");
    assert_int_equal(r, 0);
    assert_int_equal(fake_store_commits(documents->store), commits); // nothing is written
    return answer;
}

static struct what_if_answer lose(struct answer_documents *documents, const char *const *nodes,
                                  size_t count)
{
    const struct what_if_question question = {.lost = nodes, .lost_count = count};
    return ask(documents, &question);
}

static const struct what_if_service *find(const struct what_if_answer *answer, const char *sid)
{
    for (size_t i = 0; i < answer->services_count; i++) {
        if (strcmp(answer->services[i].sid, sid) == 0) {
            return &answer->services[i];
        }
    }
    return NULL;
}

static const struct what_if_service *need(const struct what_if_answer *answer, const char *sid)
{
    const struct what_if_service *service = find(answer, sid);
    assert_non_null(service);
    return service;
}

static void lost_node_services_are_spread_over_the_others(void **state)
{
    struct answer_documents documents;
    three_nodes(&documents, *state);
    struct what_if_answer answer = lose(&documents, node2, 1);
    assert_true(answer.is_quorate);
    assert_true(answer.is_settled);
    assert_int_equal(answer.services_count, 2);
    // node1 has one already, so that the first goes to node3; then they are equal.
    assert_string_equal(need(&answer, "ct:100")->to, "node3");
    assert_string_equal(need(&answer, "vm:101")->to, "node1");
    assert_true(need(&answer, "vm:101")->runs);
    assert_string_equal(need(&answer, "vm:101")->from, "node2");
    assert_int_equal(answer.nodes_count, 3);
    assert_int_equal(answer.nodes[0].services_before, 1);
    assert_int_equal(answer.nodes[0].services_after, 2);
    assert_int_equal(answer.nodes[0].memory_after - answer.nodes[0].memory_before,
                     INT64_C(2048) * 1024 * 1024);
    assert_true(answer.nodes[1].is_lost);
    assert_int_equal(answer.nodes[1].services_after, 0);
    answer_documents_done(&documents);
}

static void lost_master_is_followed_by_another(void **state)
{
    struct answer_documents documents;
    three_nodes(&documents, *state);
    struct what_if_answer answer = lose(&documents, node1, 1);
    assert_int_equal(answer.services_count, 1);
    assert_string_equal(need(&answer, "ct:102")->to, "node3");
    answer_documents_done(&documents);
}

static void seconds_are_the_lease_and_no_more_than_the_worst_failover(void **state)
{
    for (int profile = TIMING_PROFILE_FAST; profile < TIMING_PROFILE_CLASSIC; profile++) {
        const char *row = timing_profile_to_string((enum timing_profile)profile);
        struct answer_documents documents;
        answer_documents_init(&documents, *state, (enum timing_profile)profile, 3);
        answer_documents_add(&documents, "ct:100", "node2", "");
        struct what_if_answer answer = lose(&documents, node2, 1);
        const struct what_if_service *service = need(&answer, "ct:100");
        fixture_row(row, service->after_ms >= documents.source.timing.lease_ms);
        fixture_row(row, service->after_ms <= answer.worst_ms);
        fixture_row(row, answer.worst_ms == timing_worst_failover_ms(&documents.source.timing));
        answer_documents_done(&documents);
    }
}

static void service_that_no_node_may_have_is_nowhere_with_the_reason(void **state)
{
    static const struct {
        const char *name, *key, *value, *reason;
    } rows[] = {
        {"strict rule", "config/rules",
         "node-affinity: only\n\tresources ct:100\n\tnodes node2\n\tstrict 1\n",
         "node1: a rule about nodes does not list it; node3: a rule about nodes does not list it"},
        {"storage", "storage/here", "dir: here\n\tpath /srv\n\tnodes node2\n",
         "node1: storage 'here' is not there; node3: storage 'here' is not there"},
        {"kept apart", "config/rules",
         "resource-affinity: away\n\tresources ct:100,ct:102,ct:103\n\taffinity negative\n",
         "node1: ct:102 is there, and a rule keeps them apart; node3: ct:103 is there, and a rule "
         "keeps them apart"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct answer_documents documents;
        three_nodes(&documents, *state);
        answer_documents_add(&documents, "ct:100", "node2", "\"rootfs\":\"here:ct-100\"");
        answer_documents_add(&documents, "ct:103", "node3", "");
        answer_documents_put(&documents, rows[i].key, rows[i].value);
        struct what_if_answer answer = lose(&documents, node2, 1);
        const struct what_if_service *service = need(&answer, "ct:100");
        fixture_row(rows[i].name, service->to == NULL && !service->runs);
        fixture_row(rows[i].name, service->state_after == SVC_STATE_RECOVERY);
        fixture_row(rows[i].name, service->after_ms == -1);
        fixture_row(rows[i].name, strcmp(service->reason, rows[i].reason) == 0);
        fixture_row(rows[i].name, need(&answer, "vm:101")->runs);
        answer_documents_done(&documents);
    }
}

static void locked_guest_moves_and_does_not_start(void **state)
{
    static const struct {
        const char *lock;
        bool runs;
    } rows[] = {{"backup", true}, {"mine", false}};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct answer_documents documents;
        three_nodes(&documents, *state);
        answer_documents_put(&documents, "guest/ct:100",
                             arena_printf(*state,
                                          "{\"sid\":\"ct:100\",\"node\":\"node2\",\"lock\":\"%s\","
                                          "\"config\":{}}",
                                          rows[i].lock));
        struct what_if_answer answer = lose(&documents, node2, 1);
        const struct what_if_service *service = need(&answer, "ct:100");
        fixture_row(rows[i].lock, service->runs == rows[i].runs);
        fixture_row(rows[i].lock,
                    rows[i].runs ||
                        strcmp(service->reason, "it is in error: the guest is locked") == 0);
        answer_documents_done(&documents);
    }
}

static void lost_quorum_stops_everything(void **state)
{
    struct answer_documents documents;
    three_nodes(&documents, *state);
    answer_documents_add(&documents, "ct:103", "node3", "");
    struct what_if_answer answer = lose(&documents, node12, 2);
    assert_false(answer.is_quorate);
    assert_int_equal(answer.votes_after, 1);
    assert_int_equal(answer.votes_needed, 2);
    assert_int_equal(answer.services_count, 4);
    for (size_t i = 0; i < answer.services_count; i++) {
        assert_null(answer.services[i].to);
        assert_false(answer.services[i].runs);
    }
    assert_string_equal(need(&answer, "ct:103")->reason,
                        "no quorum is left: its node stops it when its authority ends");
    assert_string_equal(need(&answer, "ct:100")->reason,
                        "no quorum is left: nobody may recover it");
    assert_int_equal(answer.nodes[2].services_before, 1);
    assert_int_equal(answer.nodes[2].services_after, 0);
    answer_documents_done(&documents);
}

static void expected_recovers_on_what_is_left(void **state)
{
    const struct what_if_question question = {.lost = node12, .lost_count = 2, .forced = true};
    struct answer_documents documents;
    three_nodes(&documents, *state);
    struct what_if_answer answer = ask(&documents, &question);
    assert_false(answer.is_quorate);
    assert_true(answer.forced);
    assert_string_equal(need(&answer, "ct:100")->to, "node3");
    assert_string_equal(need(&answer, "ct:102")->to, "node3");
    assert_int_equal(answer.nodes[2].services_after, 3);
    answer_documents_done(&documents);
}

// A quorum device has a vote, too; nodes may have none.
static void votes_are_counted_as_given(void **state)
{
    struct answer_documents documents;
    answer_documents_init(&documents, *state, TIMING_PROFILE_FAST, 2);
    answer_documents_add(&documents, "ct:100", "node2", "");
    assert_false(lose(&documents, node2, 1).is_quorate);
    documents.source.other_votes = 1;
    documents.source.expected_votes = 3;
    struct what_if_answer answer = lose(&documents, node2, 1);
    assert_true(answer.is_quorate);
    assert_string_equal(need(&answer, "ct:100")->to, "node1");
    static const int64_t none = 0;
    map_put(&documents.source.votes, "node1", (void *)(uintptr_t)&none);
    assert_false(lose(&documents, node2, 1).is_quorate);
    answer_documents_done(&documents);
}

static void maintenance_moves_what_can_move(void **state)
{
    const struct what_if_question question = {.maintenance = node2, .maintenance_count = 1};
    struct answer_documents documents;
    three_nodes(&documents, *state);
    answer_documents_put(&documents, "config/rules",
                         "node-affinity: only\n\tresources vm:101\n\tnodes node2\n\tstrict 1\n");
    struct what_if_answer answer = ask(&documents, &question);
    assert_string_equal(need(&answer, "ct:100")->to, "node3");
    assert_null(find(&answer, "vm:101")); // it stays, and runs on
    assert_int_equal(answer.nodes[1].services_after, 1);
    assert_true(answer.nodes[1].is_in_maintenance);
    answer_documents_done(&documents);
}

static void stopped_service_stops_where_it_is(void **state)
{
    static const char *const sids[] = {"ct:100"};
    const struct what_if_question question = {.stopped = sids, .stopped_count = 1};
    struct answer_documents documents;
    three_nodes(&documents, *state);
    struct what_if_answer answer = ask(&documents, &question);
    const struct what_if_service *service = need(&answer, "ct:100");
    assert_int_equal(answer.services_count, 1);
    assert_int_equal(service->state_after, SVC_STATE_STOPPED);
    assert_string_equal(service->to, "node2");
    assert_null(service->reason); // as it was wanted
    answer_documents_done(&documents);
}

static void stopped_service_follows_when_its_node_is_lost(void **state)
{
    struct answer_documents documents;
    three_nodes(&documents, *state);
    answer_documents_add_stopped(&documents, "ct:104", "node2");
    struct what_if_answer answer = lose(&documents, node2, 1);
    const struct what_if_service *service = need(&answer, "ct:104");
    assert_non_null(service->to);
    assert_false(service->runs);
    assert_null(service->reason);
    answer_documents_done(&documents);
}

// The measured load goes with the guest, so that balancing comes to rest.
static void measured_load_follows_its_guest(void **state)
{
    struct answer_documents documents;
    three_nodes(&documents, *state);
    answer_documents_put(&documents, "config/datacenter",
                         "crs: ha=dynamic,ha-auto-rebalance=1,ha-auto-rebalance-threshold=0.2,"
                         "ha-auto-rebalance-hold-duration=1\n");
    static const char *const loads[][2] = {
        {"live/load/node1", "{\"maxcpu\":8,\"maxmem\":16000000000,\"cpu\":0.1,\"mem\":1000000000,"
                            "\"guests\":{\"ct:102\":{\"cpu\":0.1,\"mem\":1000000}}}"},
        {"live/load/node2", "{\"maxcpu\":8,\"maxmem\":16000000000,\"cpu\":6.5,\"mem\":9000000000,"
                            "\"guests\":{\"ct:100\":{\"cpu\":3,\"mem\":4000000000},"
                            "\"vm:101\":{\"cpu\":3,\"mem\":4000000000}}}"},
        {"live/load/node3", "{\"maxcpu\":8,\"maxmem\":16000000000,\"cpu\":0.1,\"mem\":1000000000,"
                            "\"guests\":{}}"}};
    for (size_t i = 0; i < ARRAY_SIZE(loads); i++) {
        answer_documents_put(&documents, loads[i][0], loads[i][1]);
    }
    struct what_if_answer answer = lose(&documents, node1, 1);
    assert_true(answer.was_settled); // by then both have left node2, one for each of the others
    assert_true(answer.is_settled);
    assert_int_equal(answer.nodes[0].services_before, 2);
    assert_int_equal(answer.nodes[1].services_before, 0);
    assert_int_equal(answer.nodes[2].services_before, 1);
    assert_int_equal(answer.nodes[1].services_after, 1);
    assert_int_equal(answer.nodes[2].services_after, 2);
    assert_int_equal(answer.nodes[1].memory_max, INT64_C(16000000000));
    answer_documents_done(&documents);
}

static void silent_lrm_does_nothing_that_it_is_told(void **state)
{
    struct answer_documents documents;
    three_nodes(&documents, *state);
    answer_documents_put(&documents, "live/lrm/node3",
                         arena_printf(*state,
                                      "{\"state\":\"active\",\"mode\":\"active\",\"timestamp\":%d}",
                                      ANSWER_WALL_S - 3600));
    struct what_if_answer answer = lose(&documents, node2, 1);
    assert_string_equal(need(&answer, "ct:100")->to, "node1");
    assert_string_equal(need(&answer, "vm:101")->to, "node1");
    answer_documents_done(&documents);
}

static void question_that_cannot_be_asked_is_refused(void **state)
{
    static const char *const nobody[] = {"node9"};
    static const char *const node3[] = {"node3"};
    static const struct {
        const char *name;
        struct what_if_question question;
        bool no_quorum, classic;
        int code;
        const char *words;
    } rows[] = {
        {"no such node",
         {.lost = nobody, .lost_count = 1},
         false,
         false,
         -ENOENT,
         "no node 'node9' in this cluster"},
        {"offline",
         {.lost = node3, .lost_count = 1},
         false,
         false,
         -EINVAL,
         "node 'node3' is not online, so it cannot be lost"},
        {"offline, maintenance",
         {.maintenance = node3, .maintenance_count = 1},
         false,
         false,
         -EINVAL,
         "node 'node3' is not online, so it cannot be taken out for maintenance"},
        {"no such service",
         {.stopped = nobody, .stopped_count = 1},
         false,
         false,
         -ENOENT,
         "no resource 'node9' is under HA"},
        {"no quorum",
         {.lost = node2, .lost_count = 1},
         true,
         false,
         -EHOSTDOWN,
         "there is no quorum here now: nothing is decided, so nothing can be foreseen"},
        {"classic",
         {.lost = node2, .lost_count = 1},
         false,
         true,
         -EINVAL,
         "the classic times are for replays only"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct answer_documents documents;
        struct what_if_answer answer;
        struct error err = {0};
        three_nodes(&documents, *state);
        answer_documents_leave(&documents, "node3");
        documents.source.members.quorate = !rows[i].no_quorum;
        if (rows[i].classic) {
            timing_get(TIMING_PROFILE_CLASSIC, &documents.source.timing);
        }
        int r = what_if_ask(*state, &documents.source, &rows[i].question, &answer, &err);
        fixture_row(rows[i].name, r == rows[i].code);
        fixture_row(rows[i].name, strcmp(err.text, rows[i].words) == 0);
        answer_documents_done(&documents);
    }
}

static void unreadable_store_is_told(void **state)
{
    const struct what_if_question question = {.lost = node2, .lost_count = 1};
    struct answer_documents documents;
    struct what_if_answer answer;
    struct error err = {0};
    three_nodes(&documents, *state);
    fake_store_fail(documents.store, 0, -EIO, 0);
    assert_int_equal(what_if_ask(*state, &documents.source, &question, &answer, &err), -EIO);
    answer_documents_done(&documents);
}

static void same_question_has_the_same_answer(void **state)
{
    const struct what_if_question question = {.lost = node2, .lost_count = 1};
    struct answer_documents documents;
    three_nodes(&documents, *state);
    struct what_if_answer one = ask(&documents, &question);
    struct what_if_answer other = ask(&documents, &question);
    assert_string_equal(json_to_text(*state, what_if_document(*state, &question, &one)),
                        json_to_text(*state, what_if_document(*state, &question, &other)));
    answer_documents_done(&documents);
}

static const char *words_of(struct arena *arena, const struct what_if_question *question,
                            const struct what_if_answer *answer)
{
    const struct json *words = json_find(what_if_document(arena, question, answer), "words");
    const char *text = "";
    for (size_t i = 0; i < words->count; i++) {
        text = arena_printf(arena, "%s%s\n", text, words->items[i]->string);
    }
    return text;
}

static void document_says_it_in_words(void **state)
{
    struct what_if_service services[] = {
        {.sid = "ct:100", .to = "node1", .ran = true, .runs = true, .after_ms = 6021},
        {.sid = "ct:101", .ran = true, .after_ms = -1},
        {.sid = "ct:102", .to = "node1", .after_ms = -1}};
    struct what_if_question question = {.lost = node2, .lost_count = 1};
    struct what_if_answer answer = {.votes_before = 3,
                                    .votes_after = 2,
                                    .votes_needed = 2,
                                    .is_quorate = true,
                                    .was_settled = true,
                                    .is_settled = true,
                                    .has_devices = true,
                                    .late_ms = 2200,
                                    .services = services,
                                    .services_count = 3,
                                    .services_total = 9};
    assert_string_equal(words_of(*state, &question, &answer),
                        "The quorum stays: 2 of 3 votes are left, 2 are needed.\n"
                        "1 service runs then elsewhere or anew, the last after 6.0 s (seldom up "
                        "to 2.2 s more) and the time that its start takes; a fence device can be "
                        "quicker.\n"
                        "1 that does not run goes to another node.\n"
                        "1 that runs now runs no more.\n");
    answer.services_count = 0;
    answer.is_settled = false;
    question.lost_count = 0;
    assert_string_equal(words_of(*state, &question, &answer),
                        "No service is touched: all 9 stay as they are.\n"
                        "It does not come to rest: this is how it is after some hours.\n");
    question.lost_count = 1;
    answer.is_settled = true;
    answer.is_quorate = false;
    answer.votes_after = 0;
    assert_string_equal(words_of(*state, &question, &answer),
                        "The quorum is lost: 0 of 3 votes are left, 2 are needed.\n"
                        "No node is left: nothing runs until nodes are back.\n"
                        "No service is touched: all 9 stay as they are.\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(lost_node_services_are_spread_over_the_others),
        fixture_test(lost_master_is_followed_by_another),
        fixture_test(seconds_are_the_lease_and_no_more_than_the_worst_failover),
        fixture_test(service_that_no_node_may_have_is_nowhere_with_the_reason),
        fixture_test(locked_guest_moves_and_does_not_start),
        fixture_test(lost_quorum_stops_everything),
        fixture_test(expected_recovers_on_what_is_left),
        fixture_test(votes_are_counted_as_given),
        fixture_test(maintenance_moves_what_can_move),
        fixture_test(stopped_service_stops_where_it_is),
        fixture_test(stopped_service_follows_when_its_node_is_lost),
        fixture_test(measured_load_follows_its_guest),
        fixture_test(silent_lrm_does_nothing_that_it_is_told),
        fixture_test(question_that_cannot_be_asked_is_refused),
        fixture_test(unreadable_store_is_told),
        fixture_test(same_question_has_the_same_answer),
        fixture_test(document_says_it_in_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
