// SPDX-License-Identifier: Apache-2.0
// corosync.conf: what is refused and with which words, what survives a round trip, and who may be
// added.
#include <errno.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/model/corosync_conf.h"
#include "tests/lib/fixture.h"

static struct corosync_conf *conf_of(struct arena *arena, const char *text)
{
    struct corosync_conf *conf = NULL;
    struct error err = {0};
    int r = corosync_conf_parse(arena, "t.conf", text, strlen(text), &conf, &err);
    if (r < 0) {
        fail_msg("%s", err.text);
    }
    return conf;
}

#define TWO_NODES                                                                                  \
    "totem {\n  version: 2\n  cluster_name: lab\n  config_version: 4\n}\nnodelist {\n"             \
    "  node {\n    name: a\n    nodeid: 1\n    ring0_addr: 10.0.0.1\n  }\n"                        \
    "  node {\n    name: b\n    nodeid: 3\n    quorum_votes: 2\n    ring0_addr: 10.0.0.2\n  }\n}\n"

static void corosync_conf_of_two_nodes_is_read(void **state)
{
    struct corosync_conf *conf = conf_of(*state, TWO_NODES);
    size_t count;
    const struct corosync_node *nodes = corosync_conf_nodes(conf, &count);
    assert_int_equal(count, 2);
    assert_string_equal(corosync_conf_cluster_name(conf), "lab");
    assert_int_equal(corosync_conf_version(conf), 4);
    assert_string_equal(nodes[1].name, "b");
    assert_int_equal(nodes[1].id, 3);
    assert_int_equal(nodes[1].votes, 2);
    assert_int_equal(nodes[0].votes, 1);
    assert_string_equal(nodes[1].addresses[0], "10.0.0.2");
    assert_null(nodes[1].addresses[1]);
}

static void corosync_conf_formatted_and_read_again_is_the_same_text(void **state)
{
    const char *text = corosync_conf_format(
        *state, conf_of(*state, "# a comment\n" TWO_NODES "logging {\n  logger_subsys {\n"
                                "    subsys: QUORUM\n  }\n}\n"));
    assert_non_null(strstr(text, "    subsys: QUORUM\n"));
    assert_string_equal(text, corosync_conf_format(*state, conf_of(*state, text)));
}

static void corosync_conf_that_is_wrong_is_refused_with_its_line(void **state)
{
    static const struct {
        const char *text, *words;
    } rows[] = {
        {"totem {\n", "t.conf: section 'totem' of line 1 has no '}'"},
        {"}\n", "t.conf: line 1: '}' without a section"},
        {"\nversion 2\n", "t.conf: line 2: expected 'key: value', 'section {' or '}'"},
        {"{\n}\n", "t.conf: line 1: a section needs a name before '{'"},
        {"totem {\n config_version: new\n}\n", "line 2: config_version 'new' is not a number"},
        {"nodelist {\n node {\n nodeid: 1\n }\n}", "line 2: a node needs 'name'"},
        {"nodelist {\n node {\n name: a\n }\n}", "line 2: node 'a' needs 'nodeid'"},
        {"nodelist {\n node {\n name: a\n nodeid: 1x\n }\n}", "line 2: node 'a' needs 'nodeid'"},
        {"nodelist {\n node {\n name: a\n nodeid: 1\n }\n}", "line 2: a node needs ring0_addr"},
        {"nodelist {\n node {\n name: a\n nodeid: 1\n ring0_addr: x\n }\n node {\n name: a\n"
         " nodeid: 2\n ring0_addr: y\n }\n}",
         "line 7: node 'a' (2) is there twice"},
        {"nodelist {\n node {\n name: a\n nodeid: 1\n ring0_addr: x\n }\n node {\n name: b\n"
         " nodeid: 2\n ring0_addr: x\n }\n}",
         "line 7: ring0_addr 'x' is that of node 'a' too"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct corosync_conf *conf = NULL;
        struct error err = {0};
        int r =
            corosync_conf_parse(*state, "t.conf", rows[i].text, strlen(rows[i].text), &conf, &err);

        fixture_row(rows[i].words, r == -EINVAL);
        assert_null(conf);
        fixture_row(rows[i].words, strstr(err.text, rows[i].words) != NULL);
    }
}

static void corosync_conf_added_node_gets_the_lowest_free_id_and_a_new_version(void **state)
{
    struct corosync_conf *conf = conf_of(*state, TWO_NODES);
    const char *links[COROSYNC_LINKS_MAX] = {"10.0.0.3"};
    assert_int_equal(corosync_conf_add_node(conf, "c", links, NULL), 0);
    assert_int_equal(corosync_conf_version(conf), 5);
    assert_int_equal(corosync_conf_find_node(conf, "c")->id, 2);
    conf = conf_of(*state, corosync_conf_format(*state, conf));
    assert_string_equal(corosync_conf_find_node(conf, "c")->addresses[0], "10.0.0.3");
}

static void corosync_conf_added_node_has_no_vote_until_it_is_admitted(void **state)
{
    struct corosync_conf *conf = conf_of(*state, TWO_NODES);
    const char *links[COROSYNC_LINKS_MAX] = {"10.0.0.3"};
    assert_int_equal(corosync_conf_add_node(conf, "c", links, NULL), 0);
    conf = conf_of(*state, corosync_conf_format(*state, conf));
    assert_true(corosync_conf_find_node(conf, "c")->joining);
    assert_int_equal(corosync_conf_find_node(conf, "c")->votes, 0);
    corosync_conf_admit_node(conf, "a"); // is no such node
    corosync_conf_admit_node(conf, "x");
    assert_int_equal(corosync_conf_version(conf), 5);
    corosync_conf_admit_node(conf, "c");
    conf = conf_of(*state, corosync_conf_format(*state, conf));
    assert_int_equal(corosync_conf_version(conf), 6);
    assert_false(corosync_conf_find_node(conf, "c")->joining);
    assert_int_equal(corosync_conf_find_node(conf, "c")->votes, 1);
    assert_int_equal(corosync_conf_find_node(conf, "b")->votes, 2);
    assert_null(strstr(corosync_conf_format(*state, conf), "joining"));
}

static void corosync_conf_node_that_does_not_fit_is_refused_and_changes_nothing(void **state)
{
    static const struct {
        const char *name, *link0, *link1;
        int code;
        const char *words;
    } rows[] = {
        {"a", "10.0.0.9", NULL, -EEXIST, "node 'a' is in the cluster already"},
        {"c", "10.0.0.2", NULL, -EEXIST, "address '10.0.0.2' on link 0 is that of node 'b'"},
        {"c", "10.0.0.9", "10.1.0.9", -EINVAL, "the cluster has no link 1"},
        {"c", NULL, NULL, -EINVAL, "an address on link 0 is missing"},
        {"c_", "10.0.0.9", NULL, -EINVAL, ""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct corosync_conf *conf = conf_of(*state, TWO_NODES);
        const char *before = corosync_conf_format(*state, conf);
        const char *links[COROSYNC_LINKS_MAX] = {rows[i].link0, rows[i].link1};
        struct error err = {0};

        assert_int_equal(corosync_conf_add_node(conf, rows[i].name, links, &err), rows[i].code);
        fixture_row(rows[i].words, strstr(err.text, rows[i].words) != NULL);
        assert_string_equal(corosync_conf_format(*state, conf), before);
    }
}

static void corosync_conf_of_a_new_cluster_holds_its_first_node(void **state)
{
    struct corosync_conf *conf = NULL;
    const char *links[COROSYNC_LINKS_MAX] = {"10.0.0.1", "10.1.0.1"};
    assert_int_equal(corosync_conf_new(*state, "lab", 1000, &conf, NULL), 0);
    assert_int_equal(corosync_conf_add_node(conf, "a", links, NULL), 0);
    assert_int_equal(corosync_conf_version(conf), 1);
    assert_int_equal(corosync_conf_find_node(conf, "a")->votes, 1);
    const char *text = corosync_conf_format(*state, conf);
    assert_non_null(strstr(text, "  token: 1000\n  token_coefficient: 0\n"));
    assert_non_null(strstr(text, "  crypto_cipher: aes256\n  crypto_hash: sha256\n"));
    assert_non_null(strstr(text, "    ring1_addr: 10.1.0.1\n"));
    struct corosync_conf *refused = NULL;
    assert_int_equal(corosync_conf_new(*state, "sixteen-letters1", 1000, &refused, NULL), -EINVAL);
    assert_null(refused);
}

static void corosync_conf_removed_node_is_gone_and_its_id_free(void **state)
{
    struct corosync_conf *conf = conf_of(*state, TWO_NODES);
    struct error err = {0};
    assert_int_equal(corosync_conf_remove_node(conf, "x", &err), -ENOENT);
    assert_int_equal(corosync_conf_version(conf), 4);
    assert_int_equal(corosync_conf_remove_node(conf, "a", NULL), 0);
    conf = conf_of(*state, corosync_conf_format(*state, conf));
    assert_int_equal(corosync_conf_version(conf), 5);
    assert_null(corosync_conf_find_node(conf, "a"));
    assert_string_equal(corosync_conf_find_node(conf, "b")->addresses[0], "10.0.0.2");
    assert_int_equal(corosync_conf_remove_node(conf, "b", &err), -EINVAL);
    assert_non_null(strstr(err.text, "'b' is the last one"));
    const char *links[COROSYNC_LINKS_MAX] = {"10.0.0.1"};
    assert_int_equal(corosync_conf_add_node(conf, "a", links, NULL), 0);
    assert_int_equal(corosync_conf_find_node(conf, "a")->id, 1);
}

static void corosync_conf_token_is_set_in_its_place(void **state)
{
    struct corosync_conf *conf = NULL;
    const char *links[COROSYNC_LINKS_MAX] = {"10.0.0.1"};
    assert_int_equal(corosync_conf_new(*state, "lab", 1000, &conf, NULL), 0);
    assert_int_equal(corosync_conf_add_node(conf, "a", links, NULL), 0);
    assert_int_equal(corosync_conf_token_ms(conf), 1000);
    corosync_conf_set_token(conf, 2000);
    conf = conf_of(*state, corosync_conf_format(*state, conf));
    assert_int_equal(corosync_conf_token_ms(conf), 2000);
    assert_int_equal(corosync_conf_version(conf), 2);
    conf = conf_of(*state, "totem {\n  consensus: 9\n}\n");
    corosync_conf_set_token(conf, 2000);
    assert_string_equal(corosync_conf_format(*state, conf),
                        "totem {\n  token: 2000\n  token_coefficient: 0\n"
                        "  config_version: 1\n}\n");
}

static void corosync_conf_device_comes_and_goes(void **state)
{
    struct corosync_conf *conf = NULL;
    const char *links[COROSYNC_LINKS_MAX] = {"10.0.0.1"};
    struct corosync_device device = {.host = "q", .algorithm = "ffsplit", .tls = "off"};
    struct corosync_device found;
    assert_int_equal(corosync_conf_new(*state, "lab", 1000, &conf, NULL), 0);
    assert_int_equal(corosync_conf_add_node(conf, "a", links, NULL), 0);
    const char *before = strstr(corosync_conf_format(*state, conf), "\n\nquorum {");
    assert_false(corosync_conf_device(conf, &found));
    corosync_conf_set_device(conf, &device);
    const char *text = corosync_conf_format(*state, conf);
    assert_non_null(strstr(text, "quorum {\n  provider: corosync_votequorum\n  device {\n"
                                 "    model: net\n    votes: 1\n    timeout: 4000\n"
                                 "    sync_timeout: 8000\n    net {\n      host: q\n"
                                 "      algorithm: ffsplit\n      tls: off\n    }\n  }\n}\n"));
    conf = conf_of(*state, text);
    assert_true(corosync_conf_device(conf, &found));
    assert_string_equal(found.host, "q");
    assert_string_equal(found.algorithm, "ffsplit");
    assert_string_equal(found.tls, "off");
    device.algorithm = "lms";
    corosync_conf_set_device(conf, &device);
    assert_null(strstr(corosync_conf_format(*state, conf), "votes: 1\n    timeout"));
    corosync_conf_set_device(conf, NULL);
    conf = conf_of(*state, corosync_conf_format(*state, conf));
    assert_false(corosync_conf_device(conf, &found));
    assert_int_equal(corosync_conf_version(conf), 4);
    assert_string_equal(strstr(corosync_conf_format(*state, conf), "\n\nquorum {"), before);
}

static void corosync_conf_address_on_two_links_is_refused(void **state)
{
    struct corosync_conf *conf = NULL;
    struct error err = {0};
    const char *links[COROSYNC_LINKS_MAX] = {"10.0.0.1", "10.1.0.1", "10.0.0.1"};
    assert_int_equal(corosync_conf_new(*state, "lab", 1000, &conf, NULL), 0);
    assert_int_equal(corosync_conf_add_node(conf, "a", links, &err), -EINVAL);
    assert_non_null(strstr(err.text, "address '10.0.0.1' on link 2 is that of another link too"));
}

static void corosync_conf_example_of_the_package_is_no_cluster(void **state)
{
    assert_false(corosync_conf_is_example(conf_of(*state, TWO_NODES)));
    assert_true(corosync_conf_is_example(conf_of(
        *state, "totem {\n\tcluster_name: debian\n}\nnodelist {\n\tnode {\n\t\tname: node1\n"
                "\t\tnodeid: 1\n\t\tring0_addr: 127.0.0.1\n\t}\n}\n")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(corosync_conf_of_two_nodes_is_read),
        fixture_test(corosync_conf_formatted_and_read_again_is_the_same_text),
        fixture_test(corosync_conf_that_is_wrong_is_refused_with_its_line),
        fixture_test(corosync_conf_added_node_gets_the_lowest_free_id_and_a_new_version),
        fixture_test(corosync_conf_added_node_has_no_vote_until_it_is_admitted),
        fixture_test(corosync_conf_node_that_does_not_fit_is_refused_and_changes_nothing),
        fixture_test(corosync_conf_of_a_new_cluster_holds_its_first_node),
        fixture_test(corosync_conf_removed_node_is_gone_and_its_id_free),
        fixture_test(corosync_conf_token_is_set_in_its_place),
        fixture_test(corosync_conf_device_comes_and_goes),
        fixture_test(corosync_conf_address_on_two_links_is_refused),
        fixture_test(corosync_conf_example_of_the_package_is_no_cluster),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
