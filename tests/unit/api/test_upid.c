// SPDX-License-Identifier: Apache-2.0
// Names of tasks: one form, read as it was written.
#include <errno.h>
#include <string.h>

#include "api/call/upid.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "tests/lib/fixture.h"

#define GOOD "UPID:n1:00000CDF:003AE71F:6B038918:vzstart:100:root@pam!t:"

static void upid_reads_as_written(void **state)
{
    struct upid upid = {0};
    assert_int_equal(upid_parse(*state, GOOD, &upid, NULL), 0);
    assert_string_equal(upid.node, "n1");
    assert_int_equal(upid.pid, 0xcdf);
    assert_int_equal(upid.pstart, 0x3ae71f);
    assert_int_equal(upid.start_s, 0x6b038918);
    assert_string_equal(upid.type, "vzstart");
    assert_string_equal(upid.id, "100");
    assert_string_equal(upid.user, "root@pam!t");
    assert_string_equal(upid_format(*state, &upid), GOOD);
}

static void upid_may_have_nine_digits_and_no_id(void **state)
{
    struct upid upid = {0};
    const char *text = "UPID:n1:00000001:123456789:5F000000:clusterjoin::root@pam:";
    assert_int_equal(upid_parse(*state, text, &upid, NULL), 0);
    assert_true(upid.pstart == INT64_C(0x123456789));
    assert_string_equal(upid.id, "");
    assert_string_equal(upid_format(*state, &upid), text);
}

static void upid_of_another_form_is_refused(void **state)
{
    static const char *const table[] = {
        "",
        "UPID",
        "UPID:n1:00000CDF:003AE71F:6B038918:vzstart:100:root@pam",
        "UPID:n1:00000CDF:003AE71F:6B038918:vzstart:100:root@pam:x",
        "UPID:n1:00000CDF:003AE71F:6B038918:vzstart:100:root@pam::",
        "UPID:-:00000CDF:003AE71F:6B038918:vzstart:100:root@pam:",
        "UPID:n1:CDF:003AE71F:6B038918:vzstart:100:root@pam:",
        "UPID:n1:00000CDG:003AE71F:6B038918:vzstart:100:root@pam:",
        "UPID:n1:100000CDF:003AE71F:6B038918:vzstart:100:root@pam:",
        "UPID:n1:00000CDF:003AE71F:6B038918::100:root@pam:",
        "UPID:n1:00000CDF:003AE71F:6B038918:vzstart:../x:root@pam:",
        "UPID:n1:00000CDF:003AE71F:6B038918:vzstart:a b:root@pam:",
        "UPID:n1:00000CDF:003AE71F:6B038918:vzstart:100::",
        "XPID:n1:00000CDF:003AE71F:6B038918:vzstart:100:root@pam:",
    };
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        struct upid upid = {.pid = -7};
        struct error err = {0};
        fixture_row(table[i], upid_parse(*state, table[i], &upid, &err) == -EINVAL);
        fixture_row(table[i], strcmp(err.text, "unable to parse worker upid") == 0);
        fixture_row(table[i], upid.pid == -7);
    }
}

static void upid_never_breaks_its_form(void **state)
{
    const struct upid odd = {.node = "n1", .type = "a:b", .id = "../x y", .user = "root@pam\n"};
    struct upid upid = {0};
    assert_int_equal(upid_parse(*state, upid_format(*state, &odd), &upid, NULL), 0);
    assert_string_equal(upid.id, ".._x_y");
}

static void label_is_user_and_token(void **state)
{
    const char *token = "x";
    assert_string_equal(upid_user(*state, "root@pam!t", &token), "root@pam");
    assert_string_equal(token, "t");
    assert_string_equal(upid_user(*state, "root@pam", &token), "root@pam");
    assert_null(token);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(upid_reads_as_written),
        fixture_test(upid_may_have_nine_digits_and_no_id),
        fixture_test(upid_of_another_form_is_refused),
        fixture_test(upid_never_breaks_its_form),
        fixture_test(label_is_user_and_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
