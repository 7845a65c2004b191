// SPDX-License-Identifier: Apache-2.0
// The sentences about services whose documents say it all.
#include <errno.h>
#include <string.h>

#include "answers/why.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "tests/lib/fixture.h"
#include "tests/unit/answers/answer_documents.h"

static struct json *ask(struct answer_documents *documents, const char *sid)
{
    struct json *document = NULL;
    struct error err = {0};
    int r = why_ask(documents->arena, &documents->source, sid, &document, &err);
    assert_string_equal(err.text, "");
    assert_int_equal(r, 0);
    return document;
}

static bool says(const struct json *document, const char *sentence)
{
    const struct json *words = json_find(document, "words");
    for (size_t i = 0; i < words->count; i++) {
        if (strcmp(words->items[i]->string, sentence) == 0) {
            return true;
        }
    }
    for (size_t i = 0; i < words->count; i++) {
        print_message("# %s\n", words->items[i]->string);
    }
    return false;
}

static void three_nodes(struct answer_documents *documents, struct arena *arena)
{
    answer_documents_init(documents, arena, TIMING_PROFILE_FAST, 3);
    answer_documents_add(documents, "ct:100", "node2", "\"rootfs\":\"disk:ct-100\"");
    answer_documents_add(documents, "ct:101", "node1", "");
}

// One more document, and the sentence that follows from it.
static void document_gives_its_sentence(void **state)
{
    static const struct {
        const char *name, *key, *value, *sentence;
    } rows[] = {
        {"it runs", "x", "", "It runs on node2."},
        {"wanted", "x", "", "It is wanted to run."},
        {"order", "x", "",
         "If its place were chosen now, the order would be: node3, node1, node2 (by the number of "
         "services)."},
        {"disabled", "resource/ct:100", "ct: 100\n\tstate disabled\n",
         "It is disabled: it is stopped and stays where it is."},
        {"stopped", "resource/ct:100", "ct: 100\n\tstate stopped\n",
         "It is wanted stopped: it is not started, and follows when its node fails."},
        {"ignored", "resource/ct:100", "ct: 100\n\tstate ignored\n",
         "It is ignored: HA does nothing with it."},
        {"not under HA", "resource/ct:100", NULL, "It is not under HA."},
        {"not confirmed", "service/ct:100",
         "{\"node\":\"node2\",\"state\":\"started\",\"uid\":\"u1\"}",
         "node2 is to run it, and has not confirmed that it runs."},
        {"moving", "service/ct:100",
         "{\"node\":\"node2\",\"state\":\"migrate\",\"uid\":\"u1\",\"target\":\"node3\"}",
         "It is moving from node2 to node3, running if it can."},
        {"recovery", "service/ct:100", "{\"node\":\"node2\",\"state\":\"recovery\",\"uid\":\"u1\"}",
         "node2 is fenced, and another node is looked for."},
        {"error", "service/ct:100",
         "{\"node\":\"node2\",\"state\":\"error\",\"uid\":\"u1\",\"error\":\"no disk\","
         "\"failed_nodes\":[\"node2\",\"node1\"]}",
         "It is in error, on node2: no disk."},
        {"tries", "service/ct:100",
         "{\"node\":\"node2\",\"state\":\"error\",\"uid\":\"u1\",\"failed_nodes\":[\"node2\","
         "\"node1\"]}",
         "It failed on node2, node1, 2 of 2 times that max_relocate allows: used up."},
        {"retry", "service/ct:100",
         "{\"node\":\"node2\",\"state\":\"error\",\"uid\":\"u1\",\"retry_at\":1760000090}",
         "It is tried again in 90 s."},
        {"halted", "service/ct:100",
         "{\"node\":\"node2\",\"state\":\"stopped\",\"uid\":\"u1\",\"halted_by\":\"disk\"}",
         "It waits for storage 'disk' on node2."},
        {"result", "live/result/node2/ct:100",
         "{\"uid\":\"u-ct:100\",\"sid\":\"ct:100\",\"state\":\"started\",\"exit_code\":1,"
         "\"reason\":\"no memory\",\"output\":\"out of it\"}",
         "Its last task on node2 failed: no memory; it printed: out of it."},
        {"command", "command/1", "{\"id\":\"1\",\"text\":\"migrate ct:100 node3\"}",
         "The command 'migrate ct:100 node3' waits for the master."},
        {"no sign of the LRM", "live/lrm/node2",
         "{\"state\":\"active\",\"mode\":\"active\",\"timestamp\":1759999000}",
         "The LRM of node2 gave its last sign of life 16 min ago."},
        {"no LRM", "live/lrm/node2", NULL, "The LRM of node2 has never said anything."},
        {"restart", "live/lrm/node2",
         "{\"state\":\"active\",\"mode\":\"restart\",\"timestamp\":1760000000}",
         "The LRM of node2 is in mode restart."},
        {"no sign of the master", "live/master", "{\"node\":\"node1\",\"timestamp\":1759990000}",
         "The master, node1, gave its last sign of life 2 h 46 min ago."},
        {"disarmed", "manager/status",
         "{\"master_node\":\"node1\",\"node_status\":{\"node2\":\"online\"},\"disarm\":{\"mode\":"
         "\"freeze\",\"state\":\"disarmed\"}}",
         "HA is disarmed (mode freeze): `ha-manager crm-command arm-ha` ends that."},
        {"storage", "storage/disk", "dir: disk\n\tpath /srv\n\tnodes node1,node3\n",
         "Its storage 'disk' is not there on node2."},
        {"storage, order", "storage/disk", "dir: disk\n\tpath /srv\n\tnodes node1\n",
         "If its place were chosen now, the order would be: node1 (by the number of services)."},
        {"rule", "config/rules",
         "node-affinity: near\n\tresources ct:100\n\tnodes node1:3,node2\n\tstrict 1\n",
         "Rule 'near' allows only node1:3,node2."},
        {"rule, order", "config/rules",
         "node-affinity: near\n\tresources ct:100\n\tnodes node1:3,node2\n\tstrict 1\n",
         "If its place were chosen now, the order would be: node1, node2 (by the number of "
         "services)."},
        {"better place", "config/rules",
         "node-affinity: near\n\tresources ct:100\n\tnodes node1:3,node2\n",
         "It would rather be on node1."},
        {"rule that is not used", "config/rules",
         "node-affinity: near\n\tresources ct:100\n\tnodes node1:3,node2\n\nresource-affinity: "
         "far\n\tresources ct:100,ct:101\n\taffinity negative\n",
         "Rule 'far' keeps it apart from ct:101, but it is not used: resources are in a resource "
         "affinity rule and in a node affinity rule with more than one priority."},
        {"apart", "config/rules",
         "resource-affinity: far\n\tresources ct:100,ct:101\n\taffinity negative\n",
         "Rule 'far' keeps it apart from ct:101."},
        {"disabled rule", "config/rules",
         "resource-affinity: far\n\tresources ct:100,ct:101\n\taffinity negative\n\tdisable\n",
         "Rule 'far' keeps it apart from ct:101, but it is disabled."},
        {"nowhere", "config/rules",
         "node-affinity: only\n\tresources ct:100\n\tnodes node7\n\tstrict 1\n",
         "No node can have it as things are."},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct answer_documents documents;
        three_nodes(&documents, *state);
        answer_documents_put(&documents, rows[i].key, rows[i].value);
        fixture_row(rows[i].name, says(ask(&documents, "ct:100"), rows[i].sentence));
        answer_documents_done(&documents);
    }
}

static void locked_guest_that_does_not_run_is_named(void **state)
{
    struct answer_documents documents;
    three_nodes(&documents, *state);
    answer_documents_put(
        &documents, "guest/ct:100",
        "{\"sid\":\"ct:100\",\"node\":\"node2\",\"lock\":\"backup\",\"config\":{}}");
    answer_documents_put(&documents, "service/ct:100",
                         "{\"node\":\"node2\",\"state\":\"started\",\"uid\":\"u1\"}");
    assert_true(says(ask(&documents, "ct:100"), "Its guest is locked: backup."));
    answer_documents_done(&documents);
}

static void lost_node_is_counted_down(void **state)
{
    struct answer_documents documents;
    three_nodes(&documents, *state);
    answer_documents_leave(&documents, "node2");
    struct json *document = ask(&documents, "ct:100");
    assert_true(says(document, "Its node node2 is not online (online)."));
    assert_true(says(document, "node2 said something last 1 s ago; its services go elsewhere 7 s "
                               "after it fell silent, seldom later."));
    answer_documents_put(&documents, "service/ct:100",
                         "{\"node\":\"node2\",\"state\":\"started\",\"uid\":\"u1\",\"running\":1,"
                         "\"unguarded\":1}");
    assert_true(says(ask(&documents, "ct:100"),
                     "It may run there without the protection of a lease, so it is waited for "
                     "until the node is back."));
    documents.source.members.quorate = false;
    assert_true(says(ask(&documents, "ct:100"), "This part of the cluster has no quorum: nothing "
                                                "is decided, started or moved."));
    answer_documents_done(&documents);
}

#define STATE(from, to) "\"sid\":\"ct:100\",\"from\":\"" from "\",\"to\":\"" to "\""

// How it came to its node, from what the history has; entries from old to new.
static void history_tells_how_it_came(void **state)
{
    static const struct {
        const char *name;
        const char *entries[4][2];
        const char *sentence;
    } rows[] = {
        {"nothing", {{0}}, "How it came to node2 is not in the history any more."},
        {"added",
         {{"service-added", "\"sid\":\"ct:100\",\"node\":\"node2\""}},
         "It is on node2, where its guest was when it came under HA, 7 min ago."},
        {"started",
         {{"service-state", STATE("request_start", "started") ",\"node\":\"node2\""}},
         "It has been on node2 for 7 min: it was started where its guest was."},
        {"recovered",
         {{"recover", "\"sid\":\"ct:100\",\"from\":\"node1\",\"to\":\"node2\",\"proof\":\"lease\""},
          {"service-state", STATE("recovery", "started") ",\"node\":\"node2\""}},
         "It has been on node2 for 6 min: it was recovered from node1, by the proof 'lease'."},
        {"command",
         {{"command", "\"text\":\"relocate ct:100 node2\",\"by\":\"root@node3\""},
          {"service-state",
           STATE("started", "relocate") ",\"node\":\"node3\",\"target\":\"node2\""},
          {"service-state", STATE("relocate", "started") ",\"node\":\"node2\""}},
         "It has been on node2 for 5 min: it was moved (relocate) from node3, by the command "
         "'relocate ct:100 node2' of root@node3."},
        {"command over the API",
         {{"command-given",
           "\"sid\":\"ct:100\",\"command\":\"migrate ct:100 node2\",\"user\":\"op@pam\""},
          {"service-state", STATE("started", "migrate") ",\"node\":\"node3\",\"target\":\"node2\""},
          {"service-state", STATE("migrate", "started") ",\"node\":\"node2\""}},
         "It has been on node2 for 5 min: it was moved (migrate) from node3, by the command "
         "'migrate ct:100 node2' of op@pam."},
        {"balancing",
         {{"auto-rebalance", "\"sid\":\"ct:100\",\"node\":\"node2\""},
          {"service-state", STATE("started", "migrate") ",\"node\":\"node3\",\"target\":\"node2\""},
          {"service-state", STATE("migrate", "started") ",\"node\":\"node2\""}},
         "It has been on node2 for 5 min: it was moved (migrate) from node3, to even out the load "
         "(auto-rebalance)."},
        {"failure",
         {{"service-failed", "\"sid\":\"ct:100\",\"node\":\"node3\""},
          {"service-state",
           STATE("started", "relocate") ",\"node\":\"node3\",\"target\":\"node2\""},
          {"service-state", STATE("relocate", "started") ",\"node\":\"node2\""}},
         "It has been on node2 for 5 min: it was moved (relocate) from node3, since it failed on "
         "node3."},
        {"a command for another is no cause",
         {{"command", "\"text\":\"relocate ct:1000 node2\",\"by\":\"root@node3\""},
          {"service-state",
           STATE("started", "relocate") ",\"node\":\"node3\",\"target\":\"node2\""},
          {"service-state", STATE("relocate", "started") ",\"node\":\"node2\""}},
         "It has been on node2 for 5 min: it was moved (relocate) from node3, since rules, the "
         "load or a maintenance made it the better place."},
        {"an older command is no cause",
         {{"command", "\"text\":\"relocate ct:100 node3\",\"by\":\"root@node3\""},
          {"service-state", STATE("relocate", "started") ",\"node\":\"node3\""},
          {"service-state",
           STATE("started", "relocate") ",\"node\":\"node3\",\"target\":\"node2\""},
          {"service-state", STATE("relocate", "started") ",\"node\":\"node2\""}},
         "It has been on node2 for 4 min: it was moved (relocate) from node3, since rules, the "
         "load or a maintenance made it the better place."},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct answer_documents documents;
        three_nodes(&documents, *state);
        for (size_t n = 0; n < ARRAY_SIZE(rows[i].entries) && rows[i].entries[n][0] != NULL; n++) {
            answer_documents_tell(&documents, 60 * (7 - (int64_t)n), rows[i].entries[n][0],
                                  rows[i].entries[n][1]);
        }
        fixture_row(rows[i].name, says(ask(&documents, "ct:100"), rows[i].sentence));
        answer_documents_done(&documents);
    }
}

static void places_have_their_words(void **state)
{
    struct answer_documents documents;
    three_nodes(&documents, *state);
    answer_documents_put(
        &documents, "config/rules",
        "node-affinity: near\n\tresources ct:100\n\tnodes node1,node2\n\tstrict 1\n"
        "\nresource-affinity: far\n\tresources ct:100,ct:101\n\taffinity "
        "negative\n");
    const struct json *places = json_find(ask(&documents, "ct:100"), "places");
    assert_int_equal(places->count, 3);
    assert_string_equal(json_find_string(places->items[0], "words"),
                        "ct:101 is there, and a rule keeps them apart");
    assert_string_equal(json_find_string(places->items[1], "words"), "choice 1");
    assert_string_equal(json_find_string(places->items[2], "words"),
                        "a rule about nodes does not list it");
    answer_documents_done(&documents);
}

static void unknown_service_is_refused(void **state)
{
    struct answer_documents documents;
    struct json *document = NULL;
    struct error err = {0};
    three_nodes(&documents, *state);
    assert_int_equal(why_ask(*state, &documents.source, "ct:9", &document, &err), -ENOENT);
    assert_string_equal(err.text, "no service 'ct:9'");
    answer_documents_done(&documents);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(document_gives_its_sentence),
        fixture_test(locked_guest_that_does_not_run_is_named),
        fixture_test(lost_node_is_counted_down),
        fixture_test(history_tells_how_it_came),
        fixture_test(places_have_their_words),
        fixture_test(unknown_service_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
