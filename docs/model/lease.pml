// SPDX-License-Identifier: Apache-2.0
// Lease, watchdog, fence and recovery of one service, in discrete time: may it run twice? README.md
// tells what the model covers and how it is checked. Every process may stand still for any time
// between any two of its steps; only the watchdog's device keeps time. All times are counted down or
// up to a bound, so the state space is finite though time is not: it is searched completely.
//
// The rule is weakened by one of
//   WEAK_FROM_FEED   authority is counted from when the feeder hears of the renewal
//   WEAK_SELF        a renewal that only its sender has delivered counts as confirmed
//   WEAK_KAPPA       the survivors' wait has room for one H, not two
//   WEAK_DISARM      the watchdog is let go before the services are proven to be gone
//   WEAK_BREAK       a break takes the lease whatever version it has by then

#define A 3 // authority, from before the renewal was sent
#define H 4 // the device resets the machine so long after its last food
#define Q 1 // timers late by up to a period
#define R 1 // from the reset until nothing of the machine is left
#ifdef WEAK_KAPPA
#define L (A + H + Q + R)
#else
#define L (A + 2 * H + Q + R)
#endif

mtype = {here, fence, there};               // the service's record
mtype = {holder, survivors, nobody};        // who has the lease
mtype = {none, sent, alone, committed};     // the renewal under way
mtype = {down, starting, up};               // the service on the holder's node

// The store, as the quorum has it.
mtype record = here;
mtype lease = nobody;
byte silent = 0;             // since the survivors delivered a renewal, up to L
bool break_sent = false;
bool break_outdated = false; // a renewal was ordered since

// The holder's node: LRM, workers, feeder, device.
mtype service = down;
mtype known = there;         // the record as of the last confirmation
mtype renewal = none;
mtype renewal_record = there;
byte renewal_age = 0;        // since before it was sent, up to A
byte authority = 0;          // until the deadline
bool armed = false;
bool food_ready = false;     // the feeder saw that the deadline lies ahead
bool proven = false;         // the services were killed and their groups seen empty
byte device = 0;             // until it fires
byte resetting = 0;          // until nothing is left

// The survivors' side.
bool running_there = false;

#define alive (resetting == 0)
#ifdef WEAK_SELF
#define confirmed (renewal == committed || renewal == alone)
#else
#define confirmed (renewal == committed)
#endif
#ifdef WEAK_FROM_FEED
#define authority_confirmed A
#else
#define authority_confirmed (A - renewal_age)
#endif
#ifdef WEAK_DISARM
#define may_disarm true
#else
#define may_disarm (proven && service == down)
#endif
#ifdef WEAK_BREAK
#define may_break true
#else
#define may_break (!break_outdated)
#endif
#define clear_node \
    service = down; known = there; renewal = none; renewal_record = there; renewal_age = 0; authority = 0; \
    armed = false; food_ready = false; proven = false; device = 0
#define once assert(!(service == up && running_there))

active proctype time()
{
    do
    :: d_step {
        true ->
        printf("-- tick\n");
        if :: silent < L -> silent++ :: else fi;
        if :: renewal != none && renewal_age < A -> renewal_age++ :: else fi;
        if :: authority > 0 -> authority-- :: else fi;
        if
        :: resetting > 1 -> resetting--
        :: resetting == 1 -> resetting = 0; clear_node; printf("node: gone, and starts anew\n")
        :: resetting == 0 && armed && device > 1 -> device--
        :: resetting == 0 && armed && device <= 1 ->
            device = 0; resetting = R; printf("device: fires\n")
        :: else
        fi }
    od
}

// LRM and its workers. What hardware still does until a reset is through (R) is what they had begun:
// a start under way may come to life even then.
active proctype node()
{
    do
    :: d_step { alive && renewal == none ->
        renewal = sent; renewal_age = 0; printf("node: sends a renewal\n") }
    :: d_step { alive && renewal == sent ->
        renewal = alone; printf("network: the renewal reaches its sender alone\n") }
    :: d_step { alive && (renewal == alone || renewal == sent || renewal == committed) ->
        renewal = none; printf("network: lost\n") }
    // Expiry is final: an armed feeder takes no further deadline once the last one has passed.
    :: d_step { alive && (!armed || authority > 0) && !food_ready && confirmed && authority_confirmed > 0 ->
        authority = authority_confirmed;
        if :: renewal == committed -> known = renewal_record :: else fi;
        if :: !armed -> armed = true; device = H :: else fi;
        renewal = none; renewal_record = there; renewal_age = 0; proven = false;
        printf("node: renewal confirmed, authority for %d\n", authority) }
    :: d_step { alive && service == down && armed && authority > 0 && known == here ->
        service = starting; proven = false; printf("node: may start the service\n") }
    :: d_step { service == starting ->
        service = up; printf("node: SERVICE RUNS\n"); once }
    // Fence by stopping, at whatever moment: kill services and workers, prove, let the watchdog go.
    :: d_step { alive && armed && !proven ->
        service = down; proven = true; printf("node: killed, and proven to be empty\n") }
    :: d_step { alive && armed && !food_ready && may_disarm ->
        armed = false; device = 0; authority = 0; proven = false;
        printf("node: watchdog let go\n") }
    // Its own word: it has stopped and gives the lease back.
    :: d_step { alive && !armed && service == down && renewal == none && lease == holder ->
        lease = nobody; known = there; break_outdated = true; printf("node: gives the lease back\n") }
    od
}

active proctype feeder()
{
    do
    :: d_step { alive && armed && !food_ready && authority > 0 ->
        food_ready = true; printf("feeder: the deadline lies ahead\n") }
    :: d_step { alive && food_ready ->
        food_ready = false; device = H; printf("feeder: feeds\n") }
    od
}

// The order in which a quorum delivers what was sent.
active proctype store()
{
    do
    :: d_step { alive && renewal == sent && lease != survivors ->
        renewal = committed; lease = holder; renewal_record = record; silent = 0; break_outdated = true;
        printf("store: renewal delivered\n") }
    :: d_step { break_sent && may_break ->
        lease = survivors; break_sent = false; break_outdated = false;
        printf("store: the survivors have the lease\n") }
    :: d_step { break_sent && break_outdated ->
        break_sent = false; break_outdated = false; printf("store: break refused\n") }
    od
}

// The master and the node that takes the service over. Who of them is master does not matter: each
// write of a master carries its term.
active proctype survivor()
{
    do
    :: d_step { record == here && !running_there ->
        record = fence; printf("master: is to be fenced\n") }
    :: d_step { record == fence && lease != survivors ->
        record = here; printf("master: fencing called off\n") }
    :: d_step { record == fence && lease == holder && silent == L && !break_sent ->
        break_sent = true; break_outdated = false; printf("master: asks for the lease after %d\n", L) }
    :: d_step { record == fence && lease == nobody ->
        lease = survivors; printf("master: takes the lease that was given back\n") }
    :: d_step { record == fence && lease == survivors ->
        record = there; printf("master: recovers the service\n") }
    :: d_step { record == there && lease == survivors ->
        lease = nobody; printf("master: gives the lease back\n") }
    :: d_step { record == there && !running_there ->
        running_there = true; printf("survivor: SERVICE RUNS\n"); once }
    :: d_step { record == there && running_there ->
        running_there = false; record = here; printf("survivor: stopped, and moved back\n") }
    od
}
