// SPDX-License-Identifier: Apache-2.0
// Random campaigns against the replicated store: requests, leases, partitions, crashes before and
// after the disk, power lost by many in the moment of a cut, lost disks, a Corosync that dies,
// pauses, nodes added and removed, two versions of the program, a quorum device, a quorum forced on
// several sides, every step in random order. After each campaign
// everything is mended, and what was promised must be there; after a forced quorum, there or set
// aside.
//
//   prop_replica [FIRST LAST]   seeds; without arguments the range that fits a normal test run
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/replica/replica.h"
#include "common/base/alloc.h"
#include "common/base/parse.h"
#include "common/base/prng.h"
#include "common/model/event.h"
#include "common/port/store.h"
#include "tests/lib/replica_net.h"
#include "tests/lib/test.h"

enum {
    SEEDS = 250,
    ACTIONS = 400,
    // A: clocks do not drift here and nobody needs time to stop, so that no margin is needed below
    // the lease time, and none hides a fault.
    AUTHORITY_MS = NET_LEASE_MS,
    GUARDED_MAX = 4096,
    LARGE_BYTES = REPLICA_MESSAGE_MAX + REPLICA_MESSAGE_MAX / 2, // of a value that takes two parts
};

static const char LEASE[] = "mutex";

// A node's client that wants to hold the lease.
struct holder {
    bool is_asking;
    size_t request;
    uint64_t term;
    int64_t authority_until_ms; // time of the network
};

struct guarded {
    uint64_t version, term;
};

struct campaign {
    struct net *net;
    struct prng prng;
    struct holder holders[NET_NODES_MAX];
    unsigned keys;
    uint64_t counter_done, counter_unknown;
    size_t counter_requests[ACTIONS];
    size_t counter_requests_count;
    struct guarded guarded[GUARDED_MAX];
    size_t guarded_count;
    uint64_t terms[GUARDED_MAX];
    int64_t terms_told_ms[GUARDED_MAX];
    size_t terms_count;
    unsigned fault_percent, tick_ms_max, steps_max; // differ from seed to seed
    bool has_grown;
    bool may_force; // the operator misuses "expected"
    char *large;
    int wiped; // the node that has lost its disk and not got it back, or −1
    bool was_wiped;
};

// Over all campaigns: that they do what they are meant to.
struct coverage {
    uint64_t committed, unknown, refused, grants, breaks, resyncs, epochs, blocked;
    uint64_t by_device, forced, asides, only_aside, undecided;
};

static struct coverage coverage;

static uint64_t roll(struct campaign *campaign, uint64_t bound)
{
    return prng_below(&campaign->prng, bound);
}

static unsigned any_node(struct campaign *campaign)
{
    return (unsigned)roll(campaign, campaign->net->nodes_count);
}

// --- hearing -------------------------------------------------------------------------------------

// INV-2 and INV-5 as the lease gives them: what one holder may still believe ends before another
// is granted anything.
static void check_authority(struct campaign *campaign, unsigned node, int64_t until_ms)
{
    struct net *net = campaign->net;
    struct holder *holder = &campaign->holders[node];
    if (until_ms > holder->authority_until_ms) {
        holder->authority_until_ms = until_ms;
    }
    // A quorum that is forced on two sides grants twice.
    for (unsigned i = 0; i < NET_NODES_MAX && until_ms > net->now_ms && !net->is_forced; i++) {
        if (i != node && campaign->holders[i].authority_until_ms > net->now_ms) {
            net_fail(net, "nodes %u and %u hold the lease at once", i + 1, node + 1);
        }
    }
}

static void on_lease_answer(struct campaign *campaign, const struct net_request *request)
{
    struct holder *holder = &campaign->holders[request->node];
    holder->is_asking = false;
    if (request->answer.code < 0) {
        holder->term = request->answer.code == -EPERM ? 0 : holder->term;
        return;
    }
    if (request->what.kind == REPLICA_REQUEST_LEASE_RELEASE) {
        holder->term = 0;
        return;
    }
    if (request->answer.term == request->answer.version) {
        for (size_t i = 0; i < campaign->terms_count; i++) {
            // A slow node may hear of its grant after it has been broken again.
            bool was_before = campaign->terms_told_ms[i] < request->asked_ms;
            if (!campaign->net->is_forced &&
                (campaign->terms[i] == request->answer.term ||
                 (was_before && campaign->terms[i] > request->answer.term))) {
                net_fail(campaign->net, "a term does not grow");
            }
        }
        campaign->terms_told_ms[campaign->terms_count] = campaign->net->now_ms;
        campaign->terms[campaign->terms_count++] = request->answer.term;
        coverage.grants++;
        coverage.breaks += request->what.kind == REPLICA_REQUEST_LEASE_BREAK ? 1 : 0;
    }
    holder->term = request->answer.term;
    check_authority(campaign, request->node, request->asked_ms + AUTHORITY_MS);
}

static void on_answer(struct net *net, const struct net_request *request, void *userdata)
{
    struct campaign *campaign = userdata;
    bool is_done = request->answer.code == 0;
    coverage.committed += is_done ? 1 : 0;
    coverage.unknown += request->answer.code == -ETIMEDOUT ? 1 : 0;
    coverage.refused += !is_done && request->answer.code != -ETIMEDOUT ? 1 : 0;
    if (request->what.kind != REPLICA_REQUEST_TXN) {
        on_lease_answer(campaign, request);
        return;
    }
    if (is_done && request->what.lease != NULL) {
        campaign->guarded[campaign->guarded_count++] =
            (struct guarded){request->answer.version, request->what.term};
    }
    // Who is told "done" can read it.
    uint64_t version = 0;
    const char *value = is_done ? net_value(net, request->node, request->key, &version) : NULL;
    if (is_done && (value == NULL || version < request->answer.version)) {
        net_fail(net, "'%s' is done and cannot be read", request->key);
    }
}

static void on_event(struct net *net, unsigned node, const struct event *event, void *userdata)
{
    (void)node;
    (void)userdata;
    coverage.resyncs += strcmp(event->name, "store-resync") == 0 ? 1 : 0;
    coverage.epochs += strcmp(event->name, "store-serving") == 0 ? 1 : 0;
    coverage.by_device += event_find(event, "device") != NULL ? 1 : 0;
    coverage.asides += strcmp(event->name, "store-set-aside") == 0 ? 1 : 0;
    coverage.blocked += event_find(event, "blank") != NULL ? 1 : 0;
    coverage.undecided += strcmp(event->name, "store-waiting") == 0 &&
                                  event_find(event, "blank") == NULL &&
                                  event_find(event, "missing") == NULL && !net->has_device
                              ? 1
                              : 0;
    if (strcmp(event->name, "store-message-ignored") == 0) {
        net_fail(net, "node %u ignored a message: %s", node + 1, event_find(event, "reason"));
    }
}

// --- doing ---------------------------------------------------------------------------------------

static void act_write(struct campaign *campaign, unsigned node)
{
    char key[32];
    bool is_volatile = roll(campaign, 4) == 0;
    (void)snprintf(key, sizeof(key), "%s%u", is_volatile ? "live/" : "key/", campaign->keys++);
    const struct holder *holder = &campaign->holders[node];
    bool is_large = roll(campaign, 100) == 0;
    const struct replica_op op = {key, is_large ? campaign->large : "value",
                                  is_large ? LARGE_BYTES : 5, STORE_ANY};
    struct replica_request request = {.kind = REPLICA_REQUEST_TXN, .ops = &op, .ops_count = 1};
    static const char *const owners[NET_NODES_MAX] = {"node1", "node2", "node3", "node4", "node5"};
    if (holder->term != 0 && roll(campaign, 2) == 0) {
        request.lease = LEASE;
        request.owner = owners[node];
        request.term = holder->term;
    }
    (void)net_request(campaign->net, node, &request);
}

static void act_count(struct campaign *campaign, unsigned node)
{
    uint64_t version = STORE_ABSENT;
    const char *value = net_value(campaign->net, node, "counter", &version);
    uint64_t count = 0;
    char next[32];
    if (value != NULL && parse_uint64(value, &count) < 0) {
        net_fail(campaign->net, "the counter is '%s'", value);
    }
    (void)snprintf(next, sizeof(next), "%" PRIu64, count + 1);
    campaign->counter_requests[campaign->counter_requests_count++] =
        net_put(campaign->net, node, "counter", next, version);
}

static void act_lease(struct campaign *campaign, unsigned node)
{
    struct net *net = campaign->net;
    struct holder *holder = &campaign->holders[node];
    struct replica_lease lease;
    if (holder->is_asking || !net_is_serving(net, node)) {
        return;
    }
    bool is_known =
        replica_find_lease(net->nodes[node].replica, net_clock(net, node), LEASE, &lease);
    enum replica_request_kind kind = REPLICA_REQUEST_LEASE_ACQUIRE;
    if (holder->term != 0 && roll(campaign, 8) == 0) {
        kind = REPLICA_REQUEST_LEASE_RELEASE;
        holder->authority_until_ms = net->now_ms; // given up before it is sent
    } else if (holder->term != 0 && roll(campaign, 2) == 0) {
        kind = REPLICA_REQUEST_LEASE_RENEW;
    } else if (is_known && lease.owner != NULL && lease.owner[4] != (char)('1' + node)) {
        kind = REPLICA_REQUEST_LEASE_BREAK;
        if (lease.breakable_in_ms > 0) {
            return;
        }
    }
    holder->is_asking = true;
    holder->request = net_lease(net, node, kind, LEASE, holder->term, lease.version);
}

static void act_steps(struct campaign *campaign)
{
    // A node that gets few of the steps is a slow or paused one.
    unsigned favourite = any_node(campaign);
    for (uint64_t i = roll(campaign, campaign->steps_max); i > 0; i--) {
        unsigned node = roll(campaign, 2) == 0 ? favourite : any_node(campaign);
        (void)net_step(campaign->net, node, (enum net_step)roll(campaign, NET_STEP_MAX));
    }
}

static void act_split(struct campaign *campaign)
{
    unsigned parts[NET_NODES_MAX];
    unsigned kept[NET_NODES_MAX];
    unsigned parts_count = 2 + (roll(campaign, 4) == 0 ? 1 : 0);
    for (unsigned i = 0; i < NET_NODES_MAX; i++) {
        parts[i] = (unsigned)roll(campaign, parts_count);
        kept[i] = (unsigned)(50 * roll(campaign, 3));
    }
    net_split(campaign->net, parts, kept);
    if (campaign->net->has_device) {
        net_give_device(campaign->net, (int)roll(campaign, parts_count + 1) - 1);
    }
}

// Long enough for the device's vote to count.
static void act_patience(struct campaign *campaign)
{
    for (unsigned i = 0; i < 60; i++) {
        net_tick(campaign->net, 300);
        net_run(campaign->net);
    }
}

static void act_decide(struct campaign *campaign, unsigned node)
{
    struct net *net = campaign->net;
    if (net->has_device && roll(campaign, 2) == 0) {
        act_patience(campaign);
    } else if (net->has_device) {
        net_give_device(net, (int)roll(campaign, 3) - 1);
    } else if (campaign->may_force && net->nodes[node].is_alive) {
        coverage.forced++;
        net_force_expected(net, node, 1 + (unsigned)roll(campaign, 2));
    }
}

static bool node_has_history(const struct net *net, unsigned node)
{
    return net->nodes[node].disk_version >> REPLICA_EPOCH_SHIFT > 0;
}

// One disk at a time may be lost, and only when all others have had the store: of blank nodes alone
// nobody could tell that there ever was one.
static bool may_wipe(const struct campaign *campaign, unsigned node)
{
    const struct net *net = campaign->net;
    for (unsigned i = 0; i < net->nodes_count; i++) {
        if (i != node && !node_has_history(net, i)) {
            return false;
        }
    }
    // A lost disk is a lost file: what it alone had confirmed after a forced quorum is gone.
    return net->nodes_count > 1 && campaign->wiped < 0 && !campaign->may_force && !net->has_device;
}

static void act_stop(struct campaign *campaign, unsigned node, bool power_lost, size_t batches_kept)
{
    net_crash(campaign->net, node, power_lost, batches_kept);
    campaign->holders[node].is_asking = false;
    campaign->holders[node].term = 0;
}

static void act_crash(struct campaign *campaign, unsigned node)
{
    struct net *net = campaign->net;
    bool power_lost = roll(campaign, 2) == 0;
    act_stop(campaign, node, power_lost, (size_t)roll(campaign, 3));
    if (campaign->wiped >= 0 && node_has_history(net, (unsigned)campaign->wiped)) {
        campaign->wiped = -1;
    }
    if (may_wipe(campaign, node) && roll(campaign, 6) == 0) {
        net_wipe_disk(net, node);
        campaign->wiped = (int)node;
        campaign->was_wiped = true;
    }
}

static void act_start(struct campaign *campaign, unsigned node)
{
    struct net *net = campaign->net;
    net->nodes[node].lowest_format = 2; // the one before it chooses histories by their length
    net->nodes[node].highest_format = (uint8_t)(2 + roll(campaign, 2));
    net_start(net, node);
}

// Writes of all, of which one node hears late: what the others do meanwhile is missing to it when
// it is cut off, and of what comes later it gets its own.
static void act_lag(struct campaign *campaign, unsigned slow)
{
    struct net *net = campaign->net;
    for (uint64_t i = roll(campaign, 10); i > 0; i--) {
        unsigned writer = roll(campaign, 2) == 0 ? slow : any_node(campaign);
        if (net->nodes[writer].is_alive) {
            act_write(campaign, writer);
        }
        for (uint64_t n = roll(campaign, campaign->steps_max); n > 0; n--) {
            unsigned node = any_node(campaign);
            enum net_step step = (enum net_step)roll(campaign, NET_STEP_MAX);
            (void)net_step(net, node, node == slow ? NET_STEP_ORDER : step);
        }
    }
}

// The network is cut under way, and in the next moments nodes lose power. Some come back.
static void act_blackout(struct campaign *campaign)
{
    struct net *net = campaign->net;
    if (roll(campaign, 2) == 0) {
        net_run(net);
    }
    unsigned slow = any_node(campaign);
    act_lag(campaign, slow);
    if (roll(campaign, 4) == 0) {
        act_split(campaign);
    } else {
        unsigned parts[NET_NODES_MAX] = {0};
        unsigned kept[NET_NODES_MAX] = {0};
        parts[slow] = 1;
        kept[slow] = (unsigned)(50 * roll(campaign, 2));
        net_split(net, parts, kept);
    }
    act_steps(campaign);
    for (unsigned node = 0; node < net->nodes_count; node++) {
        if (net->nodes[node].is_alive && roll(campaign, 8) > 0) {
            act_stop(campaign, node, true, (size_t)roll(campaign, 6));
            act_steps(campaign);
        }
    }
    if (roll(campaign, 4) > 0) {
        net_heal(net);
    }
    for (unsigned node = 0; node < net->nodes_count; node++) {
        if (!net->nodes[node].is_alive && roll(campaign, 3) > 0) {
            act_start(campaign, node);
        }
    }
    if (roll(campaign, 2) == 0) {
        net_run(net);
        net_tick(net, 600);
        net_run(net);
    }
}

static void act_fault(struct campaign *campaign)
{
    struct net *net = campaign->net;
    unsigned node = any_node(campaign);
    switch (roll(campaign, 12)) {
    case 11:
        net_lose_corosync(net, node);
        break;
    case 10:
    case 9:
        act_blackout(campaign);
        break;
    case 8:
        act_decide(campaign, node);
        break;
    case 6:
        net_flap_quorum(net, node);
        break;
    case 7:
        // The votes change under way, and are told to each node at another point of its deliveries.
        if (!campaign->has_grown && !net->has_device && net->nodes_count < NET_NODES_MAX &&
            roll(campaign, 3) == 0) {
            campaign->has_grown = true;
            net_add_node(net);
            net_start(net, net->nodes_count - 1);
        }
        break;
    case 0:
        act_split(campaign);
        break;
    case 1:
        net_heal(net);
        break;
    case 2:
        net_tick(net, (int64_t)roll(campaign, 6000));
        break;
    default:
        if (net->nodes[node].is_alive) {
            act_crash(campaign, node);
        } else {
            act_start(campaign, node);
        }
        break;
    }
}

static void check_leases(struct campaign *campaign)
{
    struct net *net = campaign->net;
    struct replica_lease first;
    int first_node = -1;
    for (unsigned i = 0; i < net->nodes_count; i++) {
        struct replica_lease lease;
        if (!net_is_serving(net, i) ||
            !replica_find_lease(net->nodes[i].replica, net_clock(net, i), LEASE, &lease)) {
            continue;
        }
        bool is_same_ring = first_node >= 0 && net->nodes[i].ring == net->nodes[first_node].ring;
        if (is_same_ring && (first.version != lease.version || first.term != lease.term)) {
            net_fail(net, "nodes %d and %u know different leases", first_node + 1, i + 1);
        }
        first = first_node < 0 ? lease : first;
        first_node = first_node < 0 ? (int)i : first_node;
    }
}

static void act(struct campaign *campaign)
{
    unsigned node = any_node(campaign);
    bool is_alive = campaign->net->nodes[node].is_alive;
    uint64_t choice = roll(campaign, 100);
    if (roll(campaign, 100) < campaign->fault_percent) {
        act_fault(campaign);
    } else if (choice < 25 && is_alive) {
        act_write(campaign, node);
    } else if (choice < 35 && is_alive) {
        act_count(campaign, node);
    } else if (choice < 60 && is_alive) {
        act_lease(campaign, node);
    } else if (choice < 80) {
        net_tick(campaign->net, (int64_t)roll(campaign, campaign->tick_ms_max));
    } else if (choice < 85) {
        net_run(campaign->net);
        net_check_equal(campaign->net);
        check_leases(campaign);
    }
    act_steps(campaign);
}

// --- checking ------------------------------------------------------------------------------------

static void mend(struct campaign *campaign)
{
    struct net *net = campaign->net;
    bool is_whole = true;
    for (unsigned i = 0; i < net->nodes_count; i++) {
        is_whole = is_whole && net->nodes[i].part == net->nodes[0].part;
    }
    if (!is_whole) {
        net_heal(net);
    }
    for (unsigned i = 0; i < net->nodes_count; i++) {
        if (!net->nodes[i].is_alive) {
            net_start(net, i);
        }
    }
    net_settle(net);
    net_tick(net, 40000); // whoever waits for an answer gets one
    net_run(net);
    campaign->wiped = -1;
}

static bool is_set_aside(const struct net *net, const char *key)
{
    for (unsigned i = 0; i < NET_NODES_MAX; i++) {
        if (map_has(&net->nodes[i].aside, key)) {
            return true;
        }
    }
    return false;
}

// Whether there may have been two histories of which one was given up: a quorum was forced, or all
// who could tell which one was confirmed were there, and one had lost its disk.
static bool has_two_histories(const struct campaign *campaign)
{
    const struct net *net = campaign->net;
    size_t asides = 0;
    for (unsigned i = 0; i < net->nodes_count; i++) {
        asides += net->nodes[i].asides_count;
    }
    return net->is_forced || (campaign->was_wiped && asides > 0);
}

static void check_write(struct campaign *campaign, const struct net_request *request)
{
    struct net *net = campaign->net;
    bool is_unknown = request->answer.code == -ETIMEDOUT || request->answer.code == -EPIPE;
    if (is_unknown || strncmp(request->key, "key/", 4) != 0) {
        return;
    }
    if (has_two_histories(campaign) && request->answer.code == 0 &&
        is_set_aside(net, request->key)) {
        coverage.only_aside += net_value(net, 0, request->key, NULL) == NULL ? 1 : 0;
        return;
    }
    for (unsigned i = 0; i < net->nodes_count; i++) {
        uint64_t version = 0;
        const char *value = net_value(net, i, request->key, &version);
        if (request->answer.code == 0 && (value == NULL || version != request->answer.version)) {
            net_fail(net, "node %u: '%s' was done and is lost or done twice", i + 1, request->key);
        }
        if (request->answer.code < 0 && value != NULL) {
            net_fail(net, "node %u: '%s' was refused and is there", i + 1, request->key);
        }
    }
}

// What a reader was ever told stays, whether its writer heard of it or not.
static void check_told(struct campaign *campaign)
{
    struct net *net = campaign->net;
    map_each (entry, &net->told) {
        const char *key = strchr(entry->key, ' ') + 1;
        uint64_t told = 0;
        char number[32];
        (void)snprintf(number, sizeof(number), "%.*s", (int)(key - 1 - entry->key), entry->key);
        uint64_t version = 0;
        if (strncmp(key, "key/", 4) == 0 && strcmp(entry->value, "(deleted)") != 0 &&
            (parse_uint64(number, &told) < 0 || net_value(net, 0, key, &version) == NULL ||
             version != told)) {
            net_fail(net, "'%s' was read and is lost", key);
        }
    }
}

static void check_counter(struct campaign *campaign)
{
    struct net *net = campaign->net;
    uint64_t done = 0;
    uint64_t unknown = 0;
    for (size_t i = 0; i < campaign->counter_requests_count; i++) {
        int code = net_answer(net, campaign->counter_requests[i])->answer.code;
        done += code == 0 ? 1 : 0;
        unknown += code == -ETIMEDOUT || code == -EPIPE ? 1 : 0;
    }
    const char *value = net_value(net, 0, "counter", NULL);
    uint64_t count = 0;
    if (value != NULL && parse_uint64(value, &count) < 0) {
        net_fail(net, "the counter is '%s'", value);
    }
    if (count < done || count > done + unknown) {
        net_fail(net, "the counter is %" PRIu64 ", %" PRIu64 " were done, %" PRIu64 " unknown",
                 count, done, unknown);
    }
}

static void check_all(struct campaign *campaign)
{
    struct net *net = campaign->net;
    net_check_equal(net);
    for (size_t i = 0; i < net->requests.count; i++) {
        const struct net_request *request = net_answer(net, i);
        if (!request->is_answered) {
            net_fail(net, "request %zu is not answered", i + 1);
        }
        if (request->what.kind == REPLICA_REQUEST_TXN) {
            check_write(campaign, request);
        }
    }
    check_leases(campaign);
    if (has_two_histories(campaign)) {
        return; // one too many for the rest
    }
    for (unsigned i = 0; i < net->nodes_count; i++) {
        if (net->nodes[i].asides_count > 0) {
            net_fail(net, "node %u: set aside without a forced quorum", i + 1);
        }
    }
    check_counter(campaign);
    check_told(campaign);
    // INV-4: what was written under a term was written before any later term was granted.
    for (size_t i = 0; i < campaign->guarded_count; i++) {
        for (size_t n = 0; n < campaign->terms_count; n++) {
            if (campaign->terms[n] > campaign->guarded[i].term &&
                campaign->terms[n] < campaign->guarded[i].version) {
                net_fail(net, "written under a term that had ended");
            }
        }
    }
}

static void change_nodes(struct campaign *campaign)
{
    struct net *net = campaign->net;
    if (net->nodes_count < NET_NODES_MAX && roll(campaign, 2) == 0) {
        net_add_node(net);
        net_start(net, net->nodes_count - 1);
    } else if (net->nodes_count > 2) {
        unsigned last = net->nodes_count - 1;
        act_crash(campaign, last);
        net_settle(net);
        net_wipe_disk(net, last);
        net_remove_node(net);
        campaign->wiped = campaign->wiped == (int)last ? -1 : campaign->wiped;
    }
    net_settle(net);
}

static void campaign_run(uint64_t seed)
{
    struct campaign *campaign = alloc_zero(sizeof(*campaign));
    prng_init(&campaign->prng, seed);
    struct net *net = net_new((unsigned)(1 + roll(campaign, 4)));
    campaign->net = net;
    campaign->wiped = -1;
    campaign->fault_percent = (unsigned)(1 + roll(campaign, 10));
    campaign->tick_ms_max = (unsigned)(20 + roll(campaign, 400));
    campaign->steps_max = (unsigned)(5 + roll(campaign, 60));
    campaign->large = alloc_zero(LARGE_BYTES + 1);
    memset(campaign->large, 'x', LARGE_BYTES);
    (void)snprintf(net->label, sizeof(net->label), "seed %" PRIu64, seed);
    uint64_t mode = roll(campaign, 4);
    if (mode == 0) {
        net_give_device(net, 0);
    }
    campaign->may_force = mode == 1;
    net->tell_quorum_late = roll(campaign, 3) == 0;
    net->on_answer = on_answer;
    net->on_event = on_event;
    net->userdata = campaign;
    if (roll(campaign, 2) == 0) {
        net_settle(net);
    }
    for (unsigned half = 0; half < 2; half++) {
        for (unsigned i = 0; i < ACTIONS / 2; i++) {
            act(campaign);
        }
        mend(campaign);
        check_all(campaign);
        campaign->has_grown =
            half == 0 && roll(campaign, 2) == 0 && !net->has_device && !campaign->may_force;
        if (campaign->has_grown) {
            change_nodes(campaign);
        }
    }
    net_free(net);
    free(campaign->large);
    free(campaign);
}

static uint64_t first_seed = 1;
static uint64_t last_seed = SEEDS;

static void campaigns_keep_every_promise(void **state)
{
    (void)state;
    for (uint64_t seed = first_seed; seed <= last_seed; seed++) {
        campaign_run(seed);
    }
    print_message("# committed %" PRIu64 ", unknown %" PRIu64 ", refused %" PRIu64
                  ", grants %" PRIu64 ", breaks %" PRIu64 ", resyncs %" PRIu64 ", epochs %" PRIu64
                  ", blocked %" PRIu64 ", by device %" PRIu64 ", forced %" PRIu64
                  ", set aside %" PRIu64 ", only there %" PRIu64 ", undecided %" PRIu64 "\n",
                  coverage.committed, coverage.unknown, coverage.refused, coverage.grants,
                  coverage.breaks, coverage.resyncs, coverage.epochs, coverage.blocked,
                  coverage.by_device, coverage.forced, coverage.asides, coverage.only_aside,
                  coverage.undecided);
}

int main(int argc, char **argv)
{
    if (argc == 3 &&
        (parse_uint64(argv[1], &first_seed) < 0 || parse_uint64(argv[2], &last_seed) < 0)) {
        (void)fprintf(stderr, "usage: %s [FIRST LAST]\n", argv[0]); // nothing to do about it
        return 2;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(campaigns_keep_every_promise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
