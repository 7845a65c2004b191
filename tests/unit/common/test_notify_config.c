// SPDX-License-Identifier: Apache-2.0
// Targets of notifications: their text, and which events they want.
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/model/notify_config.h"
#include "tests/lib/fixture.h"

static const char all[] = "webhook: chat\n\turl https://chat.example.org/hook\n\theader X-Token\n"
                          "\tcafile /etc/ssl/own.pem\n\trate 30\n\tsince 17\n\n"
                          "mail: ops\n\tto a@example.org,b@example.org\n\tfrom ha@example.org\n"
                          "\tdisabled 1\n\trate 5\n\tsince 0\n"
                          "\trule.1 event=fence-*,recover level=warning node=node1 sid=ct:*\n"
                          "\trule.2 level=error\n\n"
                          "exec: page\n\tprogram /usr/local/bin/page\n\tuser pager\n\trate 30\n"
                          "\tsince 0\n\n";

static void config_comes_back_as_it_was_written(void **state)
{
    struct arena *arena = *state;
    struct notify_config *config, *again;
    struct error err = {0};
    if (notify_config_parse(arena, all, &config, &err) < 0) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(config->targets.count, 3);
    const struct notify_target *ops = map_find(&config->targets, "ops");
    assert_int_equal(ops->kind, NOTIFY_KIND_MAIL);
    assert_int_equal(ops->rules_count, 2);
    assert_true(ops->disabled);
    char *text = notify_config_format(arena, config);
    assert_int_equal(notify_config_parse(arena, text, &again, &err), 0);
    assert_string_equal(notify_config_format(arena, again), text);
    assert_non_null(strstr(text, "rule.1 event=fence-*,recover level=warning node=node1 sid=ct:*"));
    assert_int_equal(notify_config_parse(arena, NULL, &config, &err), 0);
    assert_int_equal(config->targets.count, 0);
}

static void what_is_wrong_is_refused(void **state)
{
    static const struct {
        const char *text, *words;
    } rows[] = {
        {"mail: aa\n\tfrom b@c\n", "target 'aa' of kind mail needs 'to'"},
        {"mail: aa\n\tto -oQ/tmp@b\n", "is not a list of mail addresses"},
        {"mail: aa\n\tto a@b,-f\n", "is not a list of mail addresses"},
        {"mail: aa\n\tto a@b c@d\n", "is not a list of mail addresses"},
        {"mail: aa\n\tto a@b\n\turl https://x\n", "is of a target of kind webhook"},
        {"webhook: aa\n\turl ftp://x\n", "is not an address https://"},
        {"webhook: aa\n\turl https://user:word@x\n", "without a user"},
        {"webhook: aa\n\turl https://x\n\theader X:Y\n", "is not the name of a header"},
        {"exec: aa\n\tprogram page\n", "is not an absolute path"},
        {"exec: aa\n\tprogram /p\n\trate 0\n", "expected 1 to"},
        {"exec: aa\n\tprogram /p\n\trule x=y\n", "is no part of a rule"},
        {"exec: aa\n\tprogram /p\n\trule level=loud\n", "unknown level 'loud'"},
        {"exec: aa\n\tprogram /p\n\trule event=\n", "is no list of patterns"},
        {"exec: aa\n\tprogram /p\n\tcolour red\n", "unknown key 'colour'"},
        {"pigeon: aa\n\tto b\n", "unknown type 'pigeon'"},
    };
    struct arena *arena = *state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct notify_config *config = NULL;
        struct error err = {0};
        int r = notify_config_parse(arena, rows[i].text, &config, &err);
        if (r == 0 || strstr(err.text, rows[i].words) == NULL || config != NULL) {
            fail_msg("%s: '%s'", rows[i].text, err.text);
        }
    }
}

static void rules_choose_events(void **state)
{
    static const char fence[] = "{\"event\":\"fence-begin\",\"level\":\"warning\","
                                "\"fields\":{\"node\":\"node2\"}}";
    static const char recover[] = "{\"event\":\"recover\",\"level\":\"notice\",\"fields\":"
                                  "{\"sid\":\"ct:100\",\"from\":\"node2\",\"to\":\"node1\"}}";
    static const struct {
        const char *rule, *entry;
        bool wanted;
    } rows[] = {
        {"event=fence-begin", fence, true},
        {"event=fence-*", fence, true},
        {"event=*-begin", fence, true},
        {"event=f*e-b*n", fence, true},
        {"event=f*e-b*x", fence, false},
        {"event=fence", fence, false},
        {"event=fence-begin?", fence, false},
        {"event=recover,fence-*", fence, true},
        {"event=?ecover", recover, true},
        {"level=error", fence, false},
        {"level=warning", fence, true},
        {"level=notice", fence, true},
        {"level=warning", recover, false},
        {"node=node2", fence, true},
        {"node=node1", fence, false},
        {"node=node2", recover, true},
        {"node=node3", recover, false},
        {"sid=ct:*", recover, true},
        {"sid=ct:*", fence, false},
        {"event=recover sid=ct:101", recover, false},
        {"event=recover sid=ct:10?,ct:200 node=node1 level=info", recover, true},
    };
    struct arena *arena = *state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct notify_target *target = notify_target_new(arena, "x", NOTIFY_KIND_MAIL);
        struct json *entry;
        struct error err = {0};
        assert_int_equal(json_parse(arena, rows[i].entry, strlen(rows[i].entry), &entry, &err), 0);
        assert_true(notify_target_wants(target, entry)); // no rule: all
        assert_int_equal(notify_target_set(arena, target, "rule", rows[i].rule, &err), 0);
        if (notify_target_wants(target, entry) != rows[i].wanted) {
            fail_msg("rule '%s' and %s", rows[i].rule, rows[i].entry);
        }
    }
}

static void secrets_go_to_safe_places_only(void **state)
{
    (void)state;
    assert_true(notify_url_keeps_secrets("https://a.example.org/x"));
    assert_true(notify_url_keeps_secrets("http://127.0.0.1:80/x"));
    assert_true(notify_url_keeps_secrets("http://localhost"));
    assert_true(notify_url_keeps_secrets("http://[::1]:8/"));
    assert_false(notify_url_keeps_secrets("http://a.example.org/x"));
    assert_false(notify_url_keeps_secrets("http://127.0.0.1.example.org/x"));
    assert_int_equal(notify_secret_check("abc", NULL), 0);
    assert_true(notify_secret_check("a\r\nb", NULL) < 0);
    assert_true(notify_secret_check("", NULL) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(config_comes_back_as_it_was_written),
        fixture_test(what_is_wrong_is_refused),
        fixture_test(rules_choose_events),
        fixture_test(secrets_go_to_safe_places_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
