// SPDX-License-Identifier: Apache-2.0
// The join string: it comes back as it was, and a paste that lost or changed something is refused.
#include <errno.h>
#include <string.h>

#include "cli/join_string.h"
#include "common/base/arena.h"
#include "common/base/digest.h"
#include "common/base/error.h"
#include "tests/lib/fixture.h"

static const struct join_string sample = {
    .version = "1.2.3",
    .cluster = "lab",
    .node = "node4",
    .profile = "fast",
    .corosync_conf = "totem {\n}\n",
    .authkey = "k\0ey",
    .authkey_size_bytes = 4,
};

static void join_string_comes_back_as_it_was(void **state)
{
    const char *text = join_string_format(*state, &sample);
    struct join_string join = {0};
    assert_null(strpbrk(text, " \n\t"));
    assert_int_equal(join_string_parse(*state, text, &join, NULL), 0);
    assert_string_equal(join.version, sample.version);
    assert_string_equal(join.cluster, sample.cluster);
    assert_string_equal(join.node, sample.node);
    assert_string_equal(join.profile, sample.profile);
    assert_string_equal(join.corosync_conf, sample.corosync_conf);
    assert_int_equal(join.authkey_size_bytes, 4);
    assert_memory_equal(join.authkey, sample.authkey, 4);
}

static void join_string_that_was_cut_is_refused_wherever_it_was_cut(void **state)
{
    char *text = join_string_format(*state, &sample);
    for (size_t size = strlen(text) - 1; size > 0; size--) {
        struct join_string join = {0};
        char *cut = arena_strdup(*state, text);
        cut[size] = '\0';
        assert_int_equal(join_string_parse(*state, cut, &join, NULL), -EINVAL);
        assert_null(join.node);
    }
}

static void join_string_that_was_changed_is_refused(void **state)
{
    char *bytes;
    size_t size;
    char *text = join_string_format(*state, &sample);
    assert_int_equal(digest_base64_decode(*state, text, &bytes, &size), 0);
    char *at = strstr(bytes, "node4");
    assert_non_null(at);
    at[4] = '5';
    struct join_string join = {0};
    struct error err = {0};
    text = digest_base64_encode(*state, bytes, size);
    assert_int_equal(join_string_parse(*state, text, &join, &err), -EINVAL);
    assert_non_null(strstr(err.text, "it was changed on the way"));
}

static void join_string_of_something_else_is_refused(void **state)
{
    static const char *const rows[] = {"", "node2", "bm9uc2Vuc2U=", "e30=", "W10="};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct join_string join = {0};
        struct error err = {0};
        fixture_row(rows[i], join_string_parse(*state, rows[i], &join, &err) == -EINVAL);
        fixture_row(rows[i], strstr(err.text, "not a join string") != NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(join_string_comes_back_as_it_was),
        fixture_test(join_string_that_was_cut_is_refused_wherever_it_was_cut),
        fixture_test(join_string_that_was_changed_is_refused),
        fixture_test(join_string_of_something_else_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
