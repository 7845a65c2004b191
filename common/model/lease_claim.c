// SPDX-License-Identifier: Apache-2.0
#include "common/model/lease_claim.h"

#include <assert.h>

#include "common/base/planted.h"

void lease_claim_expire(struct lease_claim *claim, int64_t now_ms)
{
    if (claim->is_held && now_ms >= claim->authority_until_ms) {
        claim->is_held = false;
        claim->is_fresh = false;
    }
}

bool lease_claim_is_due(const struct lease_claim *claim, int64_t now_ms)
{
    if (claim->is_asked) {
        return now_ms - claim->asked_ms >= LEASE_CLAIM_LOST_MS;
    }
    return now_ms >= claim->ask_at_ms;
}

void lease_claim_asked(struct lease_claim *claim, int64_t before_ms, int64_t renew_ms)
{
    lease_claim_expire(claim, before_ms);
    claim->is_asked = true;
    claim->asked_ms = before_ms;
    claim->ask_at_ms = before_ms + renew_ms;
}

static void claim_answered(struct lease_claim *claim)
{
    claim->is_asked = false;
    error_clear(&claim->refusal);
}

bool lease_claim_granted(struct lease_claim *claim, int64_t now_ms, int64_t authority_ms,
                         uint64_t term, enum lease_origin origin)
{
    claim_answered(claim);
    if (claim->is_unwanted) {
        *claim = (struct lease_claim){0};
        return true;
    }
    lease_claim_expire(claim, now_ms);
    if (term != claim->term) {
        claim->origin = origin; // a renewal says nothing about how the term began
    }
    claim->term = term;
    int64_t until_ms = claim->asked_ms + authority_ms;
    if (planted_is(PLANTED_AUTHORITY_FROM_ANSWER)) {
        until_ms = now_ms + authority_ms;
    }
    if (until_ms <= now_ms) {
        return false; // came too late to mean anything; the next one may not
    }
    claim->is_fresh = claim->is_fresh || !claim->is_held;
    claim->is_held = true;
    assert(until_ms <= now_ms + authority_ms);
    if (until_ms > claim->authority_until_ms) {
        claim->authority_until_ms = until_ms;
    }
    return false;
}

// Someone else holds it, so that we do not, whatever our clock says.
void lease_claim_busy(struct lease_claim *claim, int64_t now_ms, int64_t retry_in_ms)
{
    claim_answered(claim);
    claim->is_held = false;
    claim->is_fresh = false;
    claim->term = 0;
    claim->ask_at_ms = now_ms + (retry_in_ms > 0 ? retry_in_ms : 1);
}

// An error leaves what is held as it is: authority runs out by the clock, not by bad news.
void lease_claim_failed(struct lease_claim *claim, int64_t now_ms, const struct error *refusal)
{
    claim_answered(claim);
    claim->refusal = *refusal;
    claim->ask_at_ms = now_ms + LEASE_CLAIM_RETRY_MS;
}

// It does not matter: nothing was granted that we know of. The term is kept, for the claim after
// ha-clusterd has come back.
void lease_claim_disconnected(struct lease_claim *claim)
{
    claim_answered(claim);
    claim->ask_at_ms = 0;
}

int lease_claim_answer(struct lease_claim *claim, int64_t now_ms, struct lease_grant *ret,
                       struct error *err)
{
    lease_claim_expire(claim, now_ms);
    int answer = LEASE_BUSY;
    if (claim->is_held) {
        answer = claim->is_fresh ? LEASE_ACQUIRED : LEASE_RENEWED;
        claim->is_fresh = false;
    } else if (claim->refusal.code < 0) {
        return error_set(err, claim->refusal.code, "%s", claim->refusal.text);
    }
    *ret = (struct lease_grant){
        .term = claim->term,
        .origin = claim->origin,
        .authority_until_ms = claim->is_held ? claim->authority_until_ms : 0,
        .retry_at_ms = claim->is_asked ? now_ms + LEASE_CLAIM_UNANSWERED_MS : claim->ask_at_ms,
    };
    return answer;
}

void lease_claim_want(struct lease_claim *claim)
{
    claim->is_unwanted = false;
}

bool lease_claim_release(struct lease_claim *claim, uint64_t *ret_term)
{
    // One whose authority has run out can be given back too: the word that what it protected has
    // ended spares the others the rest of their wait. The term tells which grant is meant.
    if (claim->term == 0) {
        claim->is_unwanted = claim->is_asked;
        return false;
    }
    *ret_term = claim->term;
    // At worst it ends by itself. A question under way is forgotten with it, and so its answer.
    *claim = (struct lease_claim){0};
    return true;
}

void lease_claim_wake(struct lease_claim *claim, int64_t now_ms)
{
    if (!claim->is_held) {
        int64_t paced_ms = claim->asked_ms + LEASE_CLAIM_PACE_MS;
        bool is_paced = now_ms < paced_ms && !planted_is(PLANTED_LEASE_STORM);
        claim->ask_at_ms = is_paced ? paced_ms : now_ms;
    }
}
