// SPDX-License-Identifier: Apache-2.0
// The replicated store when nothing goes wrong: forming, writing, reading, comparing, joining.
#include <errno.h>
#include <string.h>

#include "common/port/store.h"
#include "tests/lib/replica_net.h"
#include "tests/lib/test.h"

static void cluster_formed_serves_and_commits(void **state)
{
    (void)state;
    struct net *net = net_new(3);
    net_settle(net);
    size_t put = net_put(net, 0, "guest/ct:100", "here", STORE_ABSENT);
    net_settle(net);
    assert_true(net_answer(net, put)->is_answered);
    assert_int_equal(net_answer(net, put)->answer.code, 0);
    for (unsigned i = 0; i < 3; i++) {
        uint64_t version = 0;
        assert_string_equal(net_value(net, i, "guest/ct:100", &version), "here");
        assert_int_equal(version, net_answer(net, put)->answer.version);
    }
    net_check_equal(net);
    net_free(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cluster_formed_serves_and_commits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
