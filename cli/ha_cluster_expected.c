// SPDX-License-Identifier: Apache-2.0
// Overruling the number of expected votes. What ha-clusterd can know of the others' leases it
// checks itself (cluster/expected_guard.h); here the power switches are asked.
#include <errno.h>
#include <string.h>

#include "cli/command_line.h"
#include "cli/fence_power.h"
#include "cli/ha_cluster.h"
#include "cli/session.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/host/host_clock.h"

// One try. *ret_wait_ms is 0 when it is done.
static int expected_try(struct cli *cli, const struct session *session, struct json *request,
                        int64_t *ret_wait_ms, const char **ret_reason, struct error *err)
{
    struct json *answer;
    *ret_wait_ms = 0;
    int r = ha_cluster_call(cli->arena, session->client, "expected", request, &answer, err);
    if (r == 0) {
        r = json_get_int_if(answer, "retry_in_ms", 0, INT32_MAX, ret_wait_ms, err);
    }
    if (r == 0 && *ret_wait_ms > 0) {
        const char *reason = json_find_string(answer, "reason");
        *ret_reason = reason != NULL ? reason : "the others may still be at work";
    }
    return r;
}

static int expected_run(struct cli *cli, const struct session *session, struct error *err)
{
    struct json *request = json_new_object(cli->arena);
    json_put_int(request, "votes", cli_int(cli, "votes"));
    json_put_bool(request, "force", cli_bool(cli, "force"));
    if (!cli_bool(cli, "force")) {
        fence_power_ask(cli, session, request);
    }
    for (;;) { // each turn waits as long as the lease that is in the way, which ends
        int64_t wait_ms;
        const char *reason = NULL;
        int r = expected_try(cli, session, request, &wait_ms, &reason, err);
        if (r < 0 || wait_ms == 0) {
            return r;
        }
        if (!cli_bool(cli, "wait")) {
            return error_set(err, -EBUSY, "%s", reason);
        }
        cli_printf(cli, "waiting for %lld s: a lease of the absent nodes may be in force …\n",
                   (long long)(wait_ms + 999) / 1000);
        cli_flush(cli);
        host_sleep_ms(wait_ms);
    }
}

int ha_cluster_expected(struct cli *cli, struct error *err)
{
    struct session session;
    int r = session_open(cli->arena, &session, err);
    if (r < 0) {
        return r;
    }
    r = expected_run(cli, &session, err);
    session_close(&session);
    if (r == 0) {
        cli_printf(cli, "expected votes set to %lld\n", (long long)cli_int(cli, "votes"));
    }
    return r;
}
