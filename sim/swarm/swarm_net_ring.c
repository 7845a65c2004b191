// SPDX-License-Identifier: Apache-2.0
// One ring: total order while it turns, and what each side gets of the rest when it has stopped.
#include <assert.h>
#include <stdlib.h>

#include "common/base/alloc.h"
#include "common/base/prng.h"
#include "sim/swarm/swarm_net_internal.h"

enum {
    BYTES_PER_US = 50, // that pass on a ring
    PERCENT = 100,
    ON_THE_RING_PERCENT = 60, // of what is under way when a ring stops, sender by sender
};

// ---- Lists.

void net_items_push(struct net_items *items, struct net_item item)
{
    if (items->count == items->capacity) {
        size_t capacity = items->capacity == 0 ? 16 : 2 * items->capacity;
        struct net_item *larger = alloc_zero(capacity * sizeof(*larger));
        for (size_t i = 0; i < items->count; i++) {
            larger[i] = items->items[(items->first + i) % items->capacity];
        }
        free(items->items);
        items->items = larger;
        items->first = 0;
        items->capacity = capacity;
    }
    items->items[(items->first + items->count++) % items->capacity] = item;
}

struct net_item net_items_take(struct net_items *items)
{
    assert(items->count > 0);
    struct net_item item = items->items[items->first];
    items->first = (items->first + 1) % items->capacity;
    items->count--;
    return item;
}

void net_items_clear(struct net_items *items)
{
    while (items->count > 0) {
        net_item_release(net_items_take(items));
    }
    free(items->items);
    *items = (struct net_items){0};
}

struct net_item net_item_share(struct net_item item)
{
    if (item.message != NULL) {
        item.message->references++;
    } else {
        item.group->references++;
    }
    return item;
}

void net_item_release(struct net_item item)
{
    if (item.message != NULL && --item.message->references == 0) {
        free(item.message);
    }
    if (item.group != NULL && --item.group->references == 0) {
        free(item.group);
    }
}

// ---- Order.

static struct net_node *member_at(const struct net_ring *ring, size_t i)
{
    return ring->net->nodes[ring->members[i]];
}

bool net_ring_turns(const struct net_ring *ring)
{
    for (size_t i = 0; i < ring->count; i++) {
        const struct net_node *node = member_at(ring, i);
        if (node->ring != ring || !net_node_is_awake(node)) {
            return false;
        }
        for (size_t k = 0; k < i; k++) {
            if (!net_is_mutual(ring->net, ring->members[i], ring->members[k])) {
                return false;
            }
        }
    }
    return true;
}

static void node_take(struct net_node *node, struct net_item item)
{
    if (node->process != NULL && node->joined == node->process->id) {
        net_process_take(node->process, net_item_share(item));
    }
}

// A multicast goes to all whose process is in the group; one that joins or leaves changes the group
// at this place of the order.
static void message_deliver(struct net_ring *ring, struct net_item item)
{
    const struct net_message *message = item.message;
    struct net_node *sender = ring->net->nodes[message->sender];
    if (message->joined == 0 && !message->is_leaving) {
        for (size_t i = 0; i < ring->count; i++) {
            node_take(member_at(ring, i), item);
        }
        return;
    }
    sender->joined = message->joined;
    net_ring_announce(ring, false);
}

static void message_order(struct net_ring *ring, struct net_item item)
{
    item.message->position = ++ring->positions;
    ring->net->messages++;
    ring->net->bytes += item.message->size_bytes;
}

static void tail_deliver(struct net_ring *ring)
{
    while (ring->tail.count > 0) {
        struct net_item item = net_items_take(&ring->tail);
        message_deliver(ring, item);
        net_item_release(item);
    }
    ring->is_stopped = false;
}

static struct net_item node_unsend(struct net_node *node)
{
    struct net_item item = net_items_take(&node->sent);
    node->sent_bytes -= item.message->size_bytes;
    return item;
}

static void ring_due(void *userdata)
{
    struct net_ring *ring = userdata;
    if (!net_ring_turns(ring)) {
        net_ring_stop(ring);
        return;
    }
    tail_deliver(ring);
    uint64_t before = ring->net->bytes;
    for (size_t i = 0; i < ring->count; i++) {
        struct net_node *node = member_at(ring, (ring->turn + i) % ring->count);
        // What is sent meanwhile goes the next time round.
        for (size_t left = node->sent.count; left > 0; left--) {
            struct net_item item = node_unsend(node);
            message_order(ring, item);
            message_deliver(ring, item);
            net_item_release(item);
        }
    }
    ring->turn = (ring->turn + 1) % ring->count;
    int64_t took_us = (int64_t)(ring->net->bytes - before) / BYTES_PER_US;
    ring->busy_until_us = swarm_queue_now_us(ring->net->spec.queue) + took_us;
}

void net_ring_wake(struct net_ring *ring)
{
    if (swarm_timer_is_set(&ring->timer)) {
        return;
    }
    const struct swarm_net_spec *spec = &ring->net->spec;
    int64_t at_us = swarm_queue_now_us(spec->queue) +
                    net_random_us(ring->net, spec->delay_us_min / 2, spec->delay_us_max / 2);
    swarm_timer_set(&ring->timer, at_us > ring->busy_until_us ? at_us : ring->busy_until_us);
}

// ---- The end.

void net_ring_stop(struct net_ring *ring)
{
    if (ring->is_stopped) {
        return;
    }
    ring->is_stopped = true;
    for (size_t i = 0; i < ring->count; i++) {
        struct net_node *node = member_at(ring, (ring->turn + i) % ring->count);
        if (node->ring != ring || node->sent.count == 0) {
            continue;
        }
        // The token gets as far as somewhere: who comes after that has put nothing on the ring.
        if (prng_below(ring->net->spec.prng, PERCENT) >= ON_THE_RING_PERCENT) {
            continue;
        }
        for (size_t left = prng_below(ring->net->spec.prng, node->sent.count + 1); left > 0;
             left--) {
            struct net_item item = node_unsend(node);
            message_order(ring, item);
            net_items_push(&ring->tail, item);
        }
    }
}

static bool is_in(const size_t *side, size_t count, size_t node)
{
    for (size_t i = 0; i < count; i++) {
        if (side[i] == node) {
            return true;
        }
    }
    return false;
}

void net_ring_leave(struct net_ring *ring, const size_t *side, size_t count)
{
    net_ring_stop(ring);
    // Virtual synchrony: those who stay together deliver the same part of what was under way, and
    // of the rest only what one of them sent.
    size_t kept =
        ring->tail.count > 0 ? (size_t)prng_below(ring->net->spec.prng, ring->tail.count + 1) : 0;
    for (size_t i = 0; i < ring->tail.count; i++) {
        struct net_item item = ring->tail.items[(ring->tail.first + i) % ring->tail.capacity];
        const struct net_message *message = item.message;
        if (i >= kept && !is_in(side, count, message->sender)) {
            continue;
        }
        if (message->joined != 0 || message->is_leaving) {
            if (is_in(side, count, message->sender)) {
                ring->net->nodes[message->sender]->joined = message->joined;
            }
            continue; // the next ring's group says it
        }
        for (size_t k = 0; k < count; k++) {
            node_take(ring->net->nodes[side[k]], item);
        }
    }
}

// ---- What its members are told.

void net_ring_announce(struct net_ring *ring, bool is_new_ring)
{
    struct net_group *group = alloc_zero(sizeof(*group) + ring->count * sizeof(struct net_member));
    group->references = 1;
    group->ring = ring->number;
    group->is_new_ring = is_new_ring;
    for (size_t i = 0; i < ring->count; i++) {
        const struct net_node *node = member_at(ring, i);
        if (node->joined != 0) {
            group->members[group->count++] = (struct net_member){
                .node = node->index,
                .process = node->joined,
            };
        }
    }
    const struct net_item item = {.group = group};
    for (size_t i = 0; i < ring->count; i++) {
        node_take(member_at(ring, i), item);
    }
    net_item_release(item);
}

void net_ring_tell_quorum(struct net_ring *ring)
{
    ring->votes = 0;
    for (size_t i = 0; i < ring->count; i++) {
        // One that was deleted may still be in the ring.
        ring->votes += member_at(ring, i)->is_configured ? member_at(ring, i)->votes : 0;
    }
    if (ring->expected < ring->votes) {
        ring->expected = ring->votes; // it rises by itself
    }
    ring->quorate = ring->votes >= ring->expected / 2 + 1;
    for (size_t i = 0; i < ring->count; i++) {
        struct net_node *node = member_at(ring, i);
        if (node->ring != ring) {
            continue;
        }
        node->expected = ring->expected;
        if (node->process != NULL) {
            net_process_tell_quorum(node->process);
        }
    }
}

struct net_ring *net_ring_new(struct swarm_net *net, const size_t *members, size_t count)
{
    struct net_ring *ring = alloc_zero(sizeof(*ring));
    ring->net = net;
    ring->number = ++net->rings_made;
    ring->members = alloc_memdup(members, count * sizeof(*members));
    ring->count = count;
    swarm_timer_init(&ring->timer, net->spec.queue, NULL, ring_due, ring);
    ring->next = net->rings;
    net->rings = ring;
    return ring;
}

void net_ring_free(struct net_ring *ring)
{
    for (struct net_ring **at = &ring->net->rings; *at != NULL; at = &(*at)->next) {
        if (*at == ring) {
            *at = ring->next;
            break;
        }
    }
    swarm_timer_stop(&ring->timer);
    net_items_clear(&ring->tail);
    free(ring->members);
    free(ring);
}
