// SPDX-License-Identifier: Apache-2.0
// The checks before expected votes are overruled, in words for the operator.
#include "cluster/expected_guard.h"

#include <errno.h>
#include <inttypes.h>

#include "common/base/error.h"
#include "common/base/planted.h"

static const char risk[] = "if these nodes are running and only the network is cut, services will "
                           "run twice";

static int64_t quorum_of(int64_t votes)
{
    return votes / 2 + 1;
}

static int number_check(const struct expected_question *q, struct error *err)
{
    if (q->votes < 1 || q->votes > q->all_votes) {
        return error_set(err, -EINVAL,
                         "expected votes must be from 1 to %" PRId64
                         ", the votes of all nodes of the configuration, not %" PRId64,
                         q->all_votes, q->votes);
    }
    if (quorum_of(q->votes) > q->present_votes) {
        return error_set(err, -EINVAL,
                         "with %" PRId64 " expected votes the quorum would be %" PRId64
                         ", and %" PRId64 " %s present: at most %" PRId64 " would make one",
                         q->votes, quorum_of(q->votes), q->present_votes,
                         q->present_votes == 1 ? "is" : "are", 2 * q->present_votes - 1);
    }
    if (!q->quorate) {
        return 0;
    }
    if (q->votes == q->expected_votes) {
        return error_set(err, -EINVAL, "%" PRId64 " votes are expected already", q->votes);
    }
    if (q->absent_count == 0) {
        return error_set(err, -EINVAL,
                         "all nodes are present: there is nothing to overrule; to make the cluster "
                         "smaller for good use 'ha-cluster delete-node'");
    }
    if (q->votes < q->present_votes) {
        return error_set(err, -EINVAL, "%" PRId64 " votes are present: fewer cannot be expected",
                         q->present_votes);
    }
    return 0;
}

int expected_guard_check(const struct expected_question *q, int64_t *ret_wait_ms, struct error *err)
{
    int r = number_check(q, err);
    if (r < 0 || planted_is(PLANTED_EXPECTED_UNGUARDED)) {
        return r;
    }
    // Raised while quorate, and the quorum stays: only safer than before.
    bool is_raised = q->quorate && q->votes > q->expected_votes;
    const struct expected_absent *longest = NULL;
    for (size_t i = 0; i < q->absent_count && !q->force && !is_raised; i++) {
        const struct expected_absent *absent = &q->absent[i];
        if (absent->is_on) {
            *ret_wait_ms = 0;
            return error_set(err, -EBUSY,
                             "node '%s' is switched on, its fence device says: switch it off first "
                             "('ha-cluster fence off %s'); --force overrules this, but %s",
                             absent->node, absent->node, risk);
        }
        if (absent->wait_ms > 0 && (longest == NULL || absent->wait_ms > longest->wait_ms)) {
            longest = absent;
        }
    }
    int64_t quorum_wait_ms = q->force || q->quorate || q->absent_count == 0 ? 0 : q->quorum_wait_ms;
    if (quorum_wait_ms > (longest != NULL ? longest->wait_ms : 0)) {
        *ret_wait_ms = quorum_wait_ms;
        return error_set(
            err, -EBUSY,
            "this node has not been without quorum for long enough, and the others may have "
            "begun to run services meanwhile: wait %" PRId64
            " s (or use --wait), and make sure that they are off; --force does not wait, "
            "but %s",
            (quorum_wait_ms + 999) / 1000, risk);
    }
    if (longest == NULL) {
        return 0;
    }
    *ret_wait_ms = longest->wait_ms;
    return error_set(err, -EBUSY,
                     "node '%s' may still be running services under its lease: wait %" PRId64
                     " s (or use --wait), and make sure that it is off; --force does not wait, but "
                     "%s",
                     longest->node, (longest->wait_ms + 999) / 1000, risk);
}
