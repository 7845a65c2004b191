// SPDX-License-Identifier: Apache-2.0
// Join information: it comes back as it was, and what is something else is refused.
#include <errno.h>
#include <string.h>

#include "cli/join_info.h"
#include "common/base/arena.h"
#include "common/base/digest.h"
#include "common/base/error.h"
#include "common/model/corosync_conf.h"
#include "tests/lib/fixture.h"

static const struct join_info sample = {.address = "10.0.0.2", .fingerprint = "AA:BB"};

static char *sample_make(struct arena *arena)
{
    static const char *const addresses[COROSYNC_LINKS_MAX] = {"10.0.0.2", "10.1.0.2"};
    struct corosync_conf *conf = NULL;
    assert_int_equal(corosync_conf_new(arena, "lab", 1000, &conf, NULL), 0);
    assert_int_equal(corosync_conf_add_node(conf, "node2", addresses, NULL), 0);
    return join_info_format(arena, conf, corosync_conf_find_node(conf, "node2"), &sample);
}

static void join_info_comes_back_as_it_was(void **state)
{
    const char *text = sample_make(*state);
    struct join_info info = {0};
    assert_null(strpbrk(text, " \n\t"));
    assert_int_equal(join_info_parse(*state, text, &info, NULL), 0);
    assert_string_equal(info.address, sample.address);
    assert_string_equal(info.fingerprint, sample.fingerprint);
}

static void join_info_has_what_clients_look_for(void **state)
{
    static const char expected[] =
        "{\"fingerprint\":\"AA:BB\",\"ipAddress\":\"10.0.0.2\",\"peerLinks\":{\"0\":\"10.0.0.2\","
        "\"1\":\"10.1.0.2\"},\"ring_addr\":[\"10.0.0.2\",\"10.1.0.2\"],\"totem\":";
    char *bytes = NULL;
    size_t size = 0;
    assert_int_equal(digest_base64_decode(*state, sample_make(*state), &bytes, &size), 0);
    assert_true(strncmp(bytes, expected, sizeof(expected) - 1) == 0);
    assert_non_null(strstr(bytes, "\"cluster_name\":\"lab\""));
}

static void join_info_of_another_kind_is_refused(void **state)
{
    static const char *const texts[] = {
        "", "{}", "[1]", "7", "{\"kind\":\"ha-cluster-join\"}",
    };
    struct error err = {0};
    struct join_info info = {0};
    assert_int_equal(join_info_parse(*state, "no base64 at all", &info, &err), -EINVAL);
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        const char *text = digest_base64_encode(*state, texts[i], strlen(texts[i]));
        fixture_row(texts[i], join_info_parse(*state, text, &info, &err) == -EINVAL);
        assert_null(info.address);
    }
}

static void join_info_with_a_wrong_value_is_refused(void **state)
{
    static const struct {
        const char *text;
        const char *words;
    } rows[] = {
        {"{\"ipAddress\":\"10.0.0.2\"}", "fingerprint"},
        {"{\"fingerprint\":\"AA\"}", "ipAddress"},
        {"{\"ipAddress\":1,\"fingerprint\":\"AA\"}", "ipAddress"},
        {"{\"ipAddress\":\"a/b\",\"fingerprint\":\"AA\"}", "'a/b' is not"},
        {"{\"ipAddress\":\"root@a\",\"fingerprint\":\"AA\"}", "'root@a' is not"},
        {"{\"ipAddress\":\"\",\"fingerprint\":\"AA\"}", "'' is not"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct error err = {0};
        struct join_info info = {0};
        const char *text = digest_base64_encode(*state, rows[i].text, strlen(rows[i].text));
        fixture_row(rows[i].text, join_info_parse(*state, text, &info, &err) == -EBADMSG);
        fixture_row(rows[i].text, strstr(err.text, rows[i].words) != NULL);
        assert_null(info.address);
    }
}

static void join_info_that_was_cut_is_refused_wherever_it_was_cut(void **state)
{
    const char *text = sample_make(*state);
    for (size_t size = strlen(text) - 1; size > 0; size--) {
        struct join_info info = {0};
        const char *cut = arena_memdup(*state, text, size);
        assert_int_equal(join_info_parse(*state, cut, &info, NULL), -EINVAL);
        assert_null(info.address);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(join_info_comes_back_as_it_was),
        fixture_test(join_info_has_what_clients_look_for),
        fixture_test(join_info_of_another_kind_is_refused),
        fixture_test(join_info_with_a_wrong_value_is_refused),
        fixture_test(join_info_that_was_cut_is_refused_wherever_it_was_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
