// SPDX-License-Identifier: Apache-2.0
// Who waits how long for ha-clusterd: a daemon's round must not stand still, a tool must not give
// up while the cluster sorts itself after a node has come or gone.
#include "common/host/client_internal.h"
#include "tests/lib/fixture.h"

static void daemons_are_impatient_and_tools_are_patient(void **state)
{
    (void)state;
    int loop; // only told from none
    struct cluster_client daemon = {.loop = (struct loop *)&loop};
    client_patience_init(&daemon.patience, 2000, 2000);
    const struct cluster_client tool = {.loop = NULL};
    assert_int_equal(client_commit_timeout_ms(&daemon), 2000);
    assert_int_equal(client_read_timeout_ms(&daemon), 2000);
    assert_int_equal(client_commit_timeout_ms(&tool), 20 * 1000);
    assert_int_equal(client_read_timeout_ms(&tool), 10 * 1000);
}

// A cluster that takes its time gets it, and is not asked the same again and again.
static void patience_grows_with_each_answer_that_did_not_come(void **state)
{
    (void)state;
    struct client_patience patience;
    client_patience_init(&patience, 250, 2000);
    assert_int_equal(patience.now_ms, 250);
    static const int64_t grown_ms[] = {500, 1000, 2000, 2000};
    for (size_t i = 0; i < ARRAY_SIZE(grown_ms); i++) {
        client_patience_note(&patience, false, patience.now_ms);
        assert_int_equal(patience.now_ms, grown_ms[i]);
    }
    client_patience_note(&patience, true, 250); // still too slow for less
    assert_int_equal(patience.now_ms, 2000);
    client_patience_note(&patience, true, 249);
    assert_int_equal(patience.now_ms, 250);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patience_grows_with_each_answer_that_did_not_come),
        cmocka_unit_test(daemons_are_impatient_and_tools_are_patient),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
