// SPDX-License-Identifier: Apache-2.0
// Who waits how long for ha-clusterd: a daemon's round must not stand still, a tool must not give
// up while the cluster sorts itself after a node has come or gone.
#include "common/host/client_internal.h"
#include "tests/lib/fixture.h"

static void daemons_are_impatient_and_tools_are_patient(void **state)
{
    (void)state;
    int loop; // only told from none
    const struct cluster_client daemon = {.loop = (struct loop *)&loop};
    const struct cluster_client tool = {.loop = NULL};
    assert_int_equal(client_commit_timeout_ms(&daemon), 2000);
    assert_int_equal(client_read_timeout_ms(&daemon), 2000);
    assert_int_equal(client_commit_timeout_ms(&tool), 20 * 1000);
    assert_int_equal(client_read_timeout_ms(&tool), 10 * 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(daemons_are_impatient_and_tools_are_patient),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
