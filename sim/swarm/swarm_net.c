// SPDX-License-Identifier: Apache-2.0
// Who hears whom, and which rings form when.
#include "sim/swarm/swarm_net.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/prng.h"
#include "sim/swarm/swarm_net_internal.h"

enum {
    US_PER_MS = 1000,
    START_MS = 600, // until links are up
    LOSS_LOOKS = 8, // for each token's time, while packets are lost
    PERCENT = 100,
    SHY_PERCENT = 25, // of nodes that wake, and are alone first
};

int64_t net_random_us(struct swarm_net *net, int64_t min_us, int64_t max_us)
{
    return min_us >= max_us
               ? min_us
               : min_us + (int64_t)prng_below(net->spec.prng, (uint64_t)(max_us - min_us));
}

static int64_t now_us(const struct swarm_net *net)
{
    return swarm_queue_now_us(net->spec.queue);
}

static bool path_is_open(const struct swarm_net *net, size_t from, size_t to)
{
    return net->paths[from * net->paths_side + to];
}

bool net_node_is_awake(const struct net_node *node)
{
    return node->is_up && !node->gate->is_closed;
}

bool net_is_mutual(const struct swarm_net *net, size_t a, size_t b)
{
    return a == b || (net->nodes[a]->is_configured && net->nodes[b]->is_configured &&
                      path_is_open(net, a, b) && path_is_open(net, b, a));
}

// ---- A ring forms.

struct forming {
    struct swarm_net *net;
    size_t *members;
    size_t count;
};

static bool forming_has(const struct forming *forming, size_t node)
{
    for (size_t i = 0; i < forming->count; i++) {
        if (forming->members[i] == node) {
            return true;
        }
    }
    return false;
}

static bool forming_hears(const struct forming *forming, size_t node)
{
    for (size_t i = 0; i < forming->count; i++) {
        if (!net_is_mutual(forming->net, forming->members[i], node)) {
            return false;
        }
    }
    return true;
}

// A ring that turns joins as a whole or not at all: else two parts would take turns with those in
// the middle for ever.
static void forming_add_ring(struct forming *forming, const struct net_ring *ring)
{
    for (size_t i = 0; i < ring->count; i++) {
        if (!forming_hears(forming, ring->members[i])) {
            return;
        }
    }
    for (size_t i = 0; i < ring->count; i++) {
        if (!forming_has(forming, ring->members[i])) {
            forming->members[forming->count++] = ring->members[i];
        }
    }
}

static void forming_add(struct forming *forming, const struct net_node *node)
{
    if (!net_node_is_awake(node) || forming_has(forming, node->index)) {
        return;
    }
    if (node->ring != NULL && net_ring_turns(node->ring)) {
        forming_add_ring(forming, node->ring);
    } else if (forming_hears(forming, node->index)) {
        forming->members[forming->count++] = node->index;
    }
}

static int compare_places(const void *a, const void *b)
{
    const size_t *x = a;
    const size_t *y = b;
    return (*x > *y) - (*x < *y);
}

static void ring_unuse(struct net_ring *ring)
{
    if (--ring->users == 0) {
        net_ring_free(ring);
    }
}

// Who leaves a ring leaves it together with those that come along.
static void members_leave(struct swarm_net *net, const size_t *members, size_t count)
{
    size_t *side = alloc_zero(count * sizeof(*side));
    for (size_t i = 0; i < count; i++) {
        struct net_ring *ring = net->nodes[members[i]]->ring;
        if (ring == NULL) {
            continue;
        }
        size_t together = 0;
        for (size_t k = i; k < count; k++) {
            if (net->nodes[members[k]]->ring == ring) {
                side[together++] = members[k];
            }
        }
        net_ring_leave(ring, side, together);
        for (size_t k = 0; k < together; k++) {
            net->nodes[side[k]]->ring = NULL;
        }
        ring->users -= together - 1;
        ring_unuse(ring);
    }
    free(side);
}

// Whoever was quorate says how many votes to expect; if nobody was, whoever expects the most.
static uint32_t expected_of(const struct swarm_net *net, const size_t *members, size_t count)
{
    uint32_t of_quorate = 0;
    uint32_t of_all = 0;
    for (size_t i = 0; i < count; i++) {
        const struct net_node *node = net->nodes[members[i]];
        bool is_quorate = node->ring != NULL && node->ring->quorate;
        of_all = node->expected > of_all ? node->expected : of_all;
        if (is_quorate && node->expected > of_quorate) {
            of_quorate = node->expected;
        }
    }
    return of_quorate > 0 ? of_quorate : of_all;
}

static void ring_form(struct swarm_net *net, size_t *members, size_t count)
{
    qsort(members, count, sizeof(*members), compare_places);
    uint32_t expected = expected_of(net, members, count);
    members_leave(net, members, count);
    struct net_ring *ring = net_ring_new(net, members, count);
    ring->expected = expected;
    ring->users = count;
    for (size_t i = 0; i < count; i++) {
        struct net_node *node = net->nodes[members[i]];
        node->ring = ring;
        node->form_us = 0;
        node->is_shy = false;
    }
    net_ring_announce(ring, true);
    net_ring_tell_quorum(ring);
    for (size_t i = 0; i < count; i++) {
        if (net->nodes[members[i]]->sent.count > 0) {
            net_ring_wake(ring);
        }
    }
}

static bool is_same_ring(const struct swarm_net *net, const struct forming *forming)
{
    const struct net_ring *ring = net->nodes[forming->members[0]]->ring;
    return ring != NULL && ring->count == forming->count && net_ring_turns(ring);
}

// Greedy, by the lowest id, so that the same network always gives the same rings.
static void node_form(struct swarm_net *net, struct net_node *node)
{
    struct forming forming = {
        .net = net,
        .members = alloc_zero(net->count * sizeof(size_t)),
    };
    forming_add(&forming, node);
    for (size_t i = 0; i < net->count && !node->is_shy; i++) {
        forming_add(&forming, net->nodes[i]);
    }
    if (!is_same_ring(net, &forming)) {
        ring_form(net, forming.members, forming.count);
    } else {
        node->ring->merge_us = 0; // who was heard is gone again
    }
    free(forming.members);
}

// ---- Looking.

static bool rings_can_merge(const struct net_ring *a, const struct net_ring *b)
{
    for (size_t i = 0; i < a->count; i++) {
        for (size_t k = 0; k < b->count; k++) {
            if (!net_is_mutual(a->net, a->members[i], b->members[k])) {
                return false;
            }
        }
    }
    return true;
}

static bool ring_sees_another(const struct net_ring *ring)
{
    for (const struct net_ring *other = ring->net->rings; other != NULL; other = other->next) {
        if (other != ring && net_ring_turns(other) && rings_can_merge(ring, other)) {
            return true;
        }
    }
    return false;
}

static int64_t ms(int64_t milliseconds)
{
    return milliseconds * US_PER_MS;
}

static void rings_look(struct swarm_net *net)
{
    bool is_one = net->rings == NULL || net->rings->next == NULL;
    for (struct net_ring *ring = net->rings; ring != NULL; ring = ring->next) {
        if (is_one || !net_ring_turns(ring) || !ring_sees_another(ring)) {
            ring->merge_us = 0;
        } else if (ring->merge_us == 0) {
            ring->merge_us = now_us(net) + net_random_us(net, ms(net->spec.token_ms),
                                                         ms(net->spec.token_ms) * 17 / 10);
        }
    }
}

// When does a node without a ring that turns look for another one?
static int64_t form_time(struct swarm_net *net, struct net_node *node, bool has_woken,
                         int64_t broken_us)
{
    int64_t token_us = ms(net->spec.token_ms);
    int64_t consensus_us = ms(net->spec.consensus_ms);
    if (node->ring == NULL) {
        return now_us(net) + ms(START_MS) + net_random_us(net, token_us / 2, token_us);
    }
    if (has_woken) {
        // Its timers ran out while it slept.
        node->is_shy = prng_below(net->spec.prng, PERCENT) < SHY_PERCENT;
        return now_us(net) + net_random_us(net, consensus_us / 2, consensus_us);
    }
    return broken_us;
}

static void nodes_look(struct swarm_net *net)
{
    // All that see a break now see the end of the consensus at once.
    int64_t broken_us = now_us(net) + ms(net->spec.token_ms + net->spec.consensus_ms) +
                        net_random_us(net, 0, ms(net->spec.token_ms) / 4);
    for (size_t i = 0; i < net->count; i++) {
        struct net_node *node = net->nodes[i];
        bool is_awake = net_node_is_awake(node);
        bool has_woken = is_awake && node->is_paused;
        node->is_paused = node->is_up && !is_awake;
        if (!is_awake || (node->ring != NULL && net_ring_turns(node->ring))) {
            node->form_us = 0;
            if (is_awake && (node->ring->is_stopped || node->sent.count > 0)) {
                net_ring_wake(node->ring); // it turns again
            }
        } else if (node->form_us == 0 || has_woken) {
            node->form_us = form_time(net, node, has_woken, broken_us);
        }
    }
}

static void watch_set(struct swarm_net *net)
{
    int64_t next_us = INT64_MAX;
    for (size_t i = 0; i < net->count; i++) {
        int64_t form_us = net->nodes[i]->form_us;
        next_us = form_us > 0 && form_us < next_us ? form_us : next_us;
    }
    for (const struct net_ring *ring = net->rings; ring != NULL; ring = ring->next) {
        next_us = ring->merge_us > 0 && ring->merge_us < next_us ? ring->merge_us : next_us;
    }
    int64_t loss_us = now_us(net) + ms(net->spec.token_ms) / LOSS_LOOKS;
    if (net->loss_percent > 0 && loss_us < next_us) {
        next_us = loss_us;
    }
    if (next_us == INT64_MAX) {
        swarm_timer_stop(&net->watch);
    } else {
        swarm_timer_set(&net->watch, next_us);
    }
}

void net_look(struct swarm_net *net)
{
    nodes_look(net);
    rings_look(net);
    watch_set(net);
}

// Enough packets in a row are lost: the ring stops, and the same nodes make the next one.
static void rings_lose(struct swarm_net *net)
{
    for (struct net_ring *ring = net->rings; ring != NULL; ring = ring->next) {
        bool is_lost = ring->count > 1 && net_ring_turns(ring) &&
                       (int64_t)prng_below(net->spec.prng, 2 * PERCENT) < net->loss_percent;
        if (is_lost) {
            size_t *members = alloc_memdup(ring->members, ring->count * sizeof(*members));
            ring_form(net, members, ring->count);
            free(members);
            return; // the list has changed; the others' turn comes
        }
    }
}

static void watch_due(void *userdata)
{
    struct swarm_net *net = userdata;
    for (size_t i = 0; i < net->count; i++) {
        struct net_node *node = net->nodes[i];
        bool merges = node->ring != NULL && node->ring->merge_us > 0 &&
                      node->ring->merge_us <= now_us(net) && net_node_is_awake(node);
        if ((node->form_us > 0 && node->form_us <= now_us(net)) || merges) {
            node_form(net, node);
        }
    }
    if (net->loss_percent > 0) {
        rings_lose(net);
    }
    net_look(net);
}

static void gate_changed(void *userdata)
{
    net_look(((struct net_node *)userdata)->net);
}

void net_node_send(struct net_node *node, struct net_message *message)
{
    net_items_push(&node->sent, (struct net_item){.message = message});
    node->sent_bytes += message->size_bytes;
    if (node->ring != NULL) {
        net_ring_wake(node->ring);
    }
}

// ---- What happens to nodes.

struct swarm_net *swarm_net_new(const struct swarm_net_spec *spec)
{
    struct swarm_net *net = alloc_zero(sizeof(*net));
    net->spec = *spec;
    swarm_timer_init(&net->watch, spec->queue, NULL, watch_due, net);
    return net;
}

static void paths_grow(struct swarm_net *net)
{
    size_t side = net->paths_side == 0 ? 8 : 2 * net->paths_side;
    bool *paths = alloc_zero(side * side * sizeof(*paths));
    for (size_t from = 0; from < side; from++) {
        for (size_t to = 0; to < side; to++) {
            bool is_old = from < net->paths_side && to < net->paths_side;
            paths[from * side + to] = !is_old || path_is_open(net, from, to);
        }
    }
    free(net->paths);
    net->paths = paths;
    net->paths_side = side;
}

// Ours are few: inserted where it belongs.
static void names_add(struct swarm_net *net, size_t index)
{
    net->by_name = alloc_resize(net->by_name, net->count * sizeof(*net->by_name));
    size_t at = net->count - 1;
    while (at > 0 && strcmp(net->nodes[net->by_name[at - 1]]->name, net->nodes[index]->name) > 0) {
        net->by_name[at] = net->by_name[at - 1];
        at--;
    }
    net->by_name[at] = index;
}

// All nodes read their configuration again: the votes of all change by these.
static void configuration_change(struct swarm_net *net, uint32_t added, uint32_t removed)
{
    for (size_t i = 0; i < net->count; i++) {
        struct net_node *node = net->nodes[i];
        node->expected = node->expected + added > removed ? node->expected + added - removed : 0;
        if (node->process != NULL) {
            net_process_rename(node->process);
        }
    }
    for (struct net_ring *ring = net->rings; ring != NULL; ring = ring->next) {
        ring->expected = ring->expected + added > removed ? ring->expected + added - removed : 0;
        net_ring_tell_quorum(ring);
    }
    net_look(net);
}

void swarm_net_add_node(struct swarm_net *net, const char *name, uint32_t votes,
                        struct swarm_gate *gate)
{
    assert(net->count < SWARM_NODES_MAX);
    struct net_node *node = alloc_zero(sizeof(*node));
    size_t index = net->count++;
    node->net = net;
    node->index = index;
    node->name = alloc_strdup(name);
    node->votes = votes;
    node->gate = gate;
    node->is_configured = true;
    gate->changed = gate_changed;
    gate->userdata = node;
    net->nodes = alloc_resize(net->nodes, net->count * sizeof(struct net_node *));
    net->nodes[index] = node;
    if (net->count > net->paths_side) {
        paths_grow(net);
    }
    names_add(net, index);
    configuration_change(net, votes, 0);
}

void swarm_net_remove_node(struct swarm_net *net, size_t index)
{
    struct net_node *node = net->nodes[index];
    if (node->is_configured) {
        node->is_configured = false;
        configuration_change(net, 0, node->votes);
    }
}

static uint32_t votes_of_all(const struct swarm_net *net)
{
    uint32_t votes = 0;
    for (size_t i = 0; i < net->count; i++) {
        votes += net->nodes[i]->is_configured ? net->nodes[i]->votes : 0;
    }
    return votes;
}

void swarm_net_start(struct swarm_net *net, size_t index)
{
    struct net_node *node = net->nodes[index];
    if (node->is_up) {
        return;
    }
    node->is_up = true;
    node->is_paused = false;
    node->expected = votes_of_all(net);
    if (node->process != NULL) {
        net_process_joins(node->process);
    }
    net_look(net);
}

void swarm_net_kill(struct swarm_net *net, size_t index)
{
    struct net_node *node = net->nodes[index];
    if (!node->is_up) {
        return;
    }
    if (node->ring != NULL) {
        net_ring_stop(node->ring); // some of what it sent may be with the others already
        ring_unuse(node->ring);
    }
    node->is_up = false;
    node->is_paused = false;
    node->is_shy = false;
    node->ring = NULL;
    node->joined = 0;
    net_items_clear(&node->sent);
    node->sent_bytes = 0;
    if (node->process != NULL) {
        net_process_lost(node->process);
    }
    net_look(net);
}

bool swarm_net_is_up(const struct swarm_net *net, size_t node)
{
    return net->nodes[node]->is_up;
}

void swarm_net_set_path(struct swarm_net *net, size_t from, size_t to, bool is_open)
{
    net->paths[from * net->paths_side + to] = is_open;
    net_look(net);
}

void swarm_net_set_loss(struct swarm_net *net, int64_t percent)
{
    net->loss_percent = percent;
    net_look(net);
}

bool swarm_net_is_quorate(const struct swarm_net *net, size_t node)
{
    const struct net_node *own = net->nodes[node];
    return own->is_up && own->ring != NULL && own->ring->quorate;
}

bool swarm_net_shares_ring(const struct swarm_net *net, size_t node, size_t other)
{
    const struct net_ring *ring = net->nodes[node]->ring;
    return ring != NULL && ring == net->nodes[other]->ring;
}

uint64_t swarm_net_messages(const struct swarm_net *net)
{
    return net->messages;
}

uint64_t swarm_net_bytes(const struct swarm_net *net)
{
    return net->bytes;
}

void swarm_net_free(struct swarm_net *net)
{
    if (net == NULL) {
        return;
    }
    swarm_timer_stop(&net->watch);
    while (net->rings != NULL) {
        net_ring_free(net->rings);
    }
    for (size_t i = 0; i < net->count; i++) {
        struct net_node *node = net->nodes[i];
        assert(node->process == NULL); // it uses the network
        node->gate->changed = NULL;
        net_items_clear(&node->sent);
        free(node->name);
        free(node);
    }
    free(net->nodes);
    free(net->by_name);
    free(net->paths);
    free(net);
}
