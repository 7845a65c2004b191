// SPDX-License-Identifier: Apache-2.0
// Distribution of corosync.conf: written everywhere before anyone has Corosync read it, and a node
// that joins gets its vote when it has come. In a mount namespace of its own, over an empty
// /etc/corosync.
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "cluster/conf_sync.h"
#include "cluster/engine.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/host/file.h"
#include "common/host/paths.h"
#include "common/model/corosync_conf.h"
#include "tests/lib/fake_engine.h"
#include "tests/lib/fixture.h"

#define STORE_KEY "config/corosync"

static const char *const nodes[] = {"n1", "n2", "n3"};

struct place {
    struct arena *arena;
    struct engine *engine;
    struct conf_sync *sync;
};

static int setup(void **state)
{
    struct arena *arena = arena_new();
    struct place *place = arena_new_of(arena, struct place);
    place->arena = arena;
    place->engine = fake_engine_new(nodes, ARRAY_SIZE(nodes));
    place->sync = conf_sync_new(place->engine);
    if (unlink(PATH_COROSYNC_CONF) < 0 && errno != ENOENT) {
        return -1;
    }
    *state = place;
    return 0;
}

static int teardown(void **state)
{
    struct place *place = *state;
    conf_sync_free(place->sync);
    fake_engine_free(place->engine);
    arena_free(place->arena);
    return 0;
}

// A configuration of the nodes n1 … n<count>; the last one is joining.
static const char *conf_text(struct arena *arena, int version, int count, bool joining)
{
    const char *list = "";
    for (int i = 1; i <= count; i++) {
        bool last = joining && i == count;
        list = arena_printf(arena,
                            "%s    node {\n        name: n%d\n        nodeid: %d\n"
                            "        quorum_votes: %d\n        ring0_addr: 10.0.0.%d\n%s    }\n",
                            list, i, i, last ? 0 : 1, i, last ? "        ha_joining: yes\n" : "");
    }
    return arena_printf(arena,
                        "totem {\n    version: 2\n    cluster_name: c\n    config_version: %d\n"
                        "    transport: knet\n}\nnodelist {\n%s}\nquorum {\n"
                        "    provider: corosync_votequorum\n}\n",
                        version, list);
}

static void file_write(const char *text)
{
    struct error err = {0};
    assert_int_equal(file_replace(PATH_COROSYNC_CONF, text, strlen(text), 0644, &err), 0);
}

static int64_t file_version(struct arena *arena)
{
    char *text;
    size_t size_bytes;
    struct corosync_conf *conf;
    struct error err = {0};
    if (file_read(arena, PATH_COROSYNC_CONF, COROSYNC_CONF_SIZE_MAX, &text, &size_bytes, &err) <
        0) {
        return -1;
    }
    assert_int_equal(corosync_conf_parse(arena, "file", text, size_bytes, &conf, &err), 0);
    return corosync_conf_version(conf);
}

static void turn(struct place *place)
{
    uint64_t request;
    int code;
    conf_sync_request(place->sync);
    conf_sync_turn(place->sync);
    while (fake_engine_next_answer(place->engine, &request, &code)) {
        assert_true(conf_sync_answered(place->sync, request, code));
        assert_false(conf_sync_answered(place->sync, request, code));
    }
}

static void turns(struct place *place)
{
    for (int i = 0; i < 4; i++) {
        turn(place);
    }
}

static void report(struct place *place, const char *node, int version)
{
    fake_engine_put(place->engine, arena_printf(place->arena, "live/corosync/%s", node),
                    arena_printf(place->arena, "{\"config_version\":%d}", version));
}

static void newer_configuration_is_written_and_reported(void **state)
{
    struct place *place = *state;
    file_write(conf_text(place->arena, 3, 3, false));
    const char *newer = conf_text(place->arena, 5, 3, false);
    fake_engine_put(place->engine, STORE_KEY, newer);
    turns(place);
    assert_int_equal(file_version(place->arena), 5);
    assert_int_equal(fake_engine_events(place->engine, "corosync-conf-written"), 1);
    assert_string_equal(fake_engine_get(place->engine, place->arena, "live/corosync/n1"),
                        "{\"config_version\":5}");
    size_t requests = fake_engine_requests(place->engine);
    turns(place);
    assert_int_equal(fake_engine_requests(place->engine), requests); // said once
}

static void configuration_that_is_not_newer_is_not_written(void **state)
{
    struct place *place = *state;
    for (int version = 3; version <= 5; version++) {
        file_write(conf_text(place->arena, 5, 3, false));
        fake_engine_put(place->engine, STORE_KEY, conf_text(place->arena, version, 3, false));
        turns(place);
        assert_int_equal(file_version(place->arena), 5);
    }
    assert_int_equal(fake_engine_events(place->engine, "corosync-conf-written"), 0);
}

static void configuration_that_cannot_be_used_is_refused_once(void **state)
{
    struct place *place = *state;
    struct {
        const char *name, *text;
    } rows[] = {
        {"not a configuration", "totem {\n"},
        {"without this node",
         "totem {\n    version: 2\n    cluster_name: c\n    config_version: 9\n}\n"
         "nodelist {\n    node {\n        name: x\n        nodeid: 9\n"
         "        ring0_addr: 10.0.0.9\n    }\n}\n"},
    };
    file_write(conf_text(place->arena, 3, 3, false));
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        fake_engine_put(place->engine, STORE_KEY, rows[i].text);
        turns(place);
        fixture_row(rows[i].name, file_version(place->arena) == 3);
    }
    size_t told = fake_engine_events(place->engine, "corosync-conf-failed");
    turns(place);
    assert_int_equal(fake_engine_events(place->engine, "corosync-conf-failed"), told);
    assert_true(told > 0);
}

static void without_quorum_nothing_is_written(void **state)
{
    struct place *place = *state;
    file_write(conf_text(place->arena, 3, 3, false));
    fake_engine_put(place->engine, STORE_KEY, conf_text(place->arena, 5, 3, false));
    fake_engine_set_quorate(place->engine, false);
    turns(place);
    assert_int_equal(file_version(place->arena), 3);
}

static void first_node_reloads_when_all_online_ones_have_it(void **state)
{
    struct place *place = *state;
    file_write(conf_text(place->arena, 5, 3, false));
    fake_engine_set_running(place->engine, 4);
    report(place, "n2", 4);
    report(place, "n3", 5);
    turns(place);
    assert_int_equal(fake_engine_reloads(place->engine), 0);
    report(place, "n2", 5);
    turn(place);
    assert_int_equal(fake_engine_reloads(place->engine), 1);
    assert_int_equal(fake_engine_events(place->engine, "corosync-reloaded"), 1);
    turns(place);
    assert_int_equal(fake_engine_reloads(place->engine), 1); // not again at once
    fake_engine_set_running(place->engine, 5);
    fake_engine_advance(place->engine, 10000);
    turns(place);
    assert_int_equal(fake_engine_reloads(place->engine), 1);
}

static void node_that_is_off_is_not_waited_for(void **state)
{
    struct place *place = *state;
    file_write(conf_text(place->arena, 5, 3, false));
    fake_engine_set_running(place->engine, 4);
    report(place, "n2", 5);
    fake_engine_set_online(place->engine, "n3", false);
    turns(place);
    assert_int_equal(fake_engine_reloads(place->engine), 1);
}

static void other_node_reloads_only_after_a_while(void **state)
{
    struct place *place = *state;
    file_write(conf_text(place->arena, 5, 3, false));
    fake_engine_set_first(place->engine, false);
    fake_engine_set_running(place->engine, 4);
    report(place, "n2", 5);
    report(place, "n3", 5);
    turns(place);
    fake_engine_advance(place->engine, 2000);
    turns(place);
    assert_int_equal(fake_engine_reloads(place->engine), 0);
    fake_engine_advance(place->engine, 1500);
    turns(place);
    assert_int_equal(fake_engine_reloads(place->engine), 1);
}

static void failed_reload_is_told_and_tried_again(void **state)
{
    struct place *place = *state;
    file_write(conf_text(place->arena, 5, 1, false));
    fake_engine_set_running(place->engine, 4);
    report(place, "n2", 5);
    report(place, "n3", 5);
    fake_engine_set_reload_result(place->engine, -EIO);
    turns(place);
    assert_int_equal(fake_engine_events(place->engine, "corosync-reload-failed"), 1);
    fake_engine_advance(place->engine, 4000);
    turns(place);
    assert_true(fake_engine_reloads(place->engine) >= 2);
}

static void stopped_corosync_is_not_reloaded(void **state)
{
    struct place *place = *state;
    file_write(conf_text(place->arena, 5, 3, false));
    report(place, "n2", 5);
    report(place, "n3", 5);
    turns(place);
    assert_int_equal(fake_engine_reloads(place->engine), 0);
}

static void joining_node_gets_its_vote_when_it_has_come(void **state)
{
    static const struct {
        const char *name;
        bool online, first, all_have, admitted;
    } rows[] = {
        {"it has come", true, true, true, true},
        {"it is not there", false, true, true, false},
        {"another member does it", true, false, true, false},
        {"somebody has an older configuration", true, true, false, false},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        assert_int_equal(teardown(state), 0);
        assert_int_equal(setup(state), 0);
        struct place *place = *state;
        struct corosync_conf *conf;
        const char *text = conf_text(place->arena, 5, 3, true);
        file_write(text);
        fake_engine_put(place->engine, STORE_KEY, text);
        fake_engine_set_running(place->engine, 5);
        fake_engine_set_online(place->engine, "n3", rows[i].online);
        fake_engine_set_first(place->engine, rows[i].first);
        report(place, "n2", rows[i].all_have ? 5 : 4);
        report(place, "n3", 5);
        turns(place);
        text = fake_engine_get(place->engine, place->arena, STORE_KEY);
        assert_int_equal(
            corosync_conf_parse(place->arena, "store", text, strlen(text), &conf, NULL), 0);
        fixture_row(rows[i].name, corosync_conf_version(conf) == (rows[i].admitted ? 6 : 5));
        const struct corosync_node *node = corosync_conf_find_node(conf, "n3");
        fixture_row(rows[i].name, node->joining == !rows[i].admitted);
        fixture_row(rows[i].name, node->votes == (rows[i].admitted ? 1 : 0));
        fixture_row(rows[i].name, file_version(place->arena) == (rows[i].admitted ? 6 : 5));
    }
}

static void node_alone_without_a_file_reports_nothing(void **state)
{
    struct place *place = *state;
    turns(place);
    assert_int_equal(fake_engine_requests(place->engine), 0);
    assert_int_equal(file_version(place->arena), -1);
}

#define sync_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        sync_test(newer_configuration_is_written_and_reported),
        sync_test(configuration_that_is_not_newer_is_not_written),
        sync_test(configuration_that_cannot_be_used_is_refused_once),
        sync_test(without_quorum_nothing_is_written),
        sync_test(first_node_reloads_when_all_online_ones_have_it),
        sync_test(node_that_is_off_is_not_waited_for),
        sync_test(other_node_reloads_only_after_a_while),
        sync_test(failed_reload_is_told_and_tried_again),
        sync_test(stopped_corosync_is_not_reloaded),
        sync_test(joining_node_gets_its_vote_when_it_has_come),
        sync_test(node_alone_without_a_file_reports_nothing),
    };
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("tmpfs", "/etc/corosync", "tmpfs", 0, "size=1m") < 0) {
        print_message("1..0 # SKIP needs root, mount namespaces and /etc/corosync\n");
        return 0;
    }
    return cmocka_run_group_tests_name("conf_sync", tests, NULL, NULL);
}
