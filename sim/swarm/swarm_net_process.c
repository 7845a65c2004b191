// SPDX-License-Identifier: Apache-2.0
// The transport of one ha-clusterd: what its Corosync tells it, in turns behind the gate of the
// process. Group and quorum are told apart, in no fixed order; a configuration is quorate only when
// the quorum was told for the very ring that the group stands on, as on the real one.
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "sim/swarm/swarm_net_internal.h"

enum {
    QUORUM_US_MIN = 1000, // behind the change of the group, or before it
    QUORUM_US_MAX = 4000,
    LOST_US_MIN = 5000,
    LOST_US_MAX = 10000,
};

static int64_t now_us(const struct net_process *process)
{
    return swarm_queue_now_us(process->node->net->spec.queue);
}

// ---- What is told.

static bool is_member(const struct net_process *process, size_t node)
{
    const struct net_group *group = process->group;
    for (size_t i = 0; group != NULL && i < group->count; i++) {
        if (group->members[i].node == node) {
            return true;
        }
    }
    return false;
}

static void nodes_mark(struct net_process *process)
{
    const struct net_node *own = process->node;
    for (size_t i = 0; i < process->nodes_count; i++) {
        struct transport_node *node = &process->nodes[i];
        node->online =
            own->is_up && own->ring != NULL && own->net->nodes[node->id - 1]->ring == own->ring;
        node->member = is_member(process, node->id - 1);
    }
}

static uint32_t votes_of(const struct net_process *process, size_t node)
{
    const struct net_node *its = process->node->net->nodes[node];
    return its->is_configured ? its->votes : 0;
}

static uint32_t votes_of_all(const struct net_process *process)
{
    uint32_t votes = 0;
    for (size_t i = 0; i < process->nodes_count; i++) {
        votes += process->nodes[i].votes;
    }
    return votes;
}

static void configuration_tell_alone(struct net_process *process)
{
    const struct replica_member self = {
        .id = (uint32_t)process->node->index + 1,
        .votes = votes_of(process, process->node->index),
    };
    const struct replica_configuration configuration = {
        .members = &self,
        .count = 1,
        .quorum_votes = UINT32_MAX,
    };
    process->callbacks.configured(process->callbacks.userdata, &configuration);
}

static void configuration_tell(struct net_process *process)
{
    const struct net_group *group = process->group;
    nodes_mark(process);
    if (!is_member(process, process->node->index)) {
        configuration_tell_alone(process);
        return;
    }
    struct replica_member members[REPLICA_MEMBERS_MAX];
    uint32_t votes = 0;
    assert(group->count <= REPLICA_MEMBERS_MAX);
    for (size_t i = 0; i < group->count; i++) {
        members[i] = (struct replica_member){
            .id = (uint32_t)group->members[i].node + 1,
            .votes = votes_of(process, group->members[i].node),
        };
        votes += members[i].votes;
    }
    uint32_t quorum = process->expected / 2 + 1;
    bool is_known = process->is_quorum_known && process->quorum_ring == group->ring;
    const struct replica_configuration configuration = {
        .ring = group->ring,
        .members = members,
        .count = group->count,
        .quorate = is_known && process->quorate && votes >= quorum,
        .undecided = !is_known,
        .quorum_votes = quorum,
        .expected_votes = process->expected,
        .forced = process->expected < votes_of_all(process),
        .all_votes = votes_of_all(process),
    };
    process->callbacks.configured(process->callbacks.userdata, &configuration);
}

static void group_forget(struct net_process *process)
{
    if (process->group != NULL) {
        net_item_release((struct net_item){.group = process->group});
        process->group = NULL;
    }
}

static void deliver_due(void *userdata)
{
    struct net_process *process = userdata;
    bool is_changed = false;
    while (process->inbox.count > 0) {
        struct net_item item = net_items_take(&process->inbox);
        if (item.message != NULL) {
            process->callbacks.delivered(process->callbacks.userdata,
                                         (uint32_t)item.message->sender + 1, item.message->bytes,
                                         item.message->size_bytes);
        } else {
            group_forget(process);
            process->group = net_item_share(item).group;
            configuration_tell(process);
            is_changed = true;
        }
        net_item_release(item);
    }
    process->callbacks.turned(process->callbacks.userdata);
    if (is_changed) {
        process->callbacks.changed(process->callbacks.userdata);
    }
}

void net_process_take(struct net_process *process, struct net_item item)
{
    struct swarm_net *net = process->node->net;
    net_items_push(&process->inbox, item);
    if (!swarm_timer_is_set(&process->deliver)) {
        swarm_timer_set(&process->deliver,
                        now_us(process) + net_random_us(net, net->spec.delay_us_min / 2,
                                                        net->spec.delay_us_max / 2));
    }
}

static void quorum_due(void *userdata)
{
    struct net_process *process = userdata;
    const struct net_ring *ring = process->node->ring;
    if (ring == NULL) {
        return; // lost meanwhile
    }
    bool is_news = !process->is_quorum_known || process->quorum_ring != ring->number ||
                   process->quorate != ring->quorate || process->expected != ring->expected ||
                   process->votes != ring->votes;
    process->is_quorum_known = true;
    process->quorum_ring = ring->number;
    process->quorate = ring->quorate;
    process->expected = ring->expected;
    process->votes = ring->votes;
    if (is_news) {
        configuration_tell(process);
        process->callbacks.turned(process->callbacks.userdata);
        process->callbacks.changed(process->callbacks.userdata);
    }
}

void net_process_tell_quorum(struct net_process *process)
{
    swarm_timer_set(&process->quorum,
                    now_us(process) +
                        net_random_us(process->node->net, QUORUM_US_MIN, QUORUM_US_MAX));
}

// ---- Coming and going.

static struct net_message *message_new(const struct net_node *node, const void *bytes,
                                       size_t size_bytes)
{
    struct net_message *message = alloc_resize(NULL, sizeof(*message) + size_bytes);
    *message = (struct net_message){
        .references = 1,
        .sender = node->index,
        .size_bytes = size_bytes,
    };
    if (size_bytes > 0) {
        memcpy(message->bytes, bytes, size_bytes);
    }
    return message;
}

void net_process_joins(struct net_process *process)
{
    struct net_message *message = message_new(process->node, NULL, 0);
    message->joined = process->id;
    net_node_send(process->node, message);
}

// Corosync is gone: what it had not handed over is gone with it.
static void lost_due(void *userdata)
{
    struct net_process *process = userdata;
    group_forget(process);
    process->is_quorum_known = false;
    configuration_tell(process);
    process->callbacks.turned(process->callbacks.userdata);
    process->callbacks.changed(process->callbacks.userdata);
}

void net_process_lost(struct net_process *process)
{
    net_items_clear(&process->inbox);
    swarm_timer_stop(&process->deliver);
    swarm_timer_stop(&process->quorum);
    swarm_timer_set(&process->lost,
                    now_us(process) + net_random_us(process->node->net, LOST_US_MIN, LOST_US_MAX));
}

void net_process_rename(struct net_process *process)
{
    const struct swarm_net *net = process->node->net;
    process->nodes = alloc_resize(process->nodes, (net->count + 1) * sizeof(*process->nodes));
    process->nodes_count = 0;
    for (size_t i = 0; i < net->count; i++) {
        const struct net_node *node = net->nodes[net->by_name[i]];
        if (node->is_configured || node == process->node) {
            process->nodes[process->nodes_count++] = (struct transport_node){
                .id = (uint32_t)node->index + 1,
                .name = node->name,
                .address = "",
                .votes = node->is_configured ? node->votes : 0,
            };
        }
    }
    nodes_mark(process);
}

// ---- The transport.

static void process_send(struct transport *transport, const void *bytes, size_t size_bytes)
{
    struct net_process *process = (struct net_process *)transport;
    if (process->node->is_up) { // else nobody is left to take it
        net_node_send(process->node, message_new(process->node, bytes, size_bytes));
    }
}

static size_t process_queued_bytes(const struct transport *transport)
{
    return ((const struct net_process *)transport)->node->sent_bytes;
}

static struct transport_nodes process_nodes(const struct transport *transport)
{
    const struct net_process *process = (const struct net_process *)transport;
    return (struct transport_nodes){process->nodes, process->nodes_count};
}

static int process_set_expected(struct transport *transport, uint32_t votes, struct error *err)
{
    const struct net_process *process = (const struct net_process *)transport;
    struct net_ring *ring = process->node->ring;
    if (!process->node->is_up || ring == NULL) {
        return error_set(err, -ENOTCONN, "Corosync is not reachable");
    }
    if (votes < ring->votes) {
        return error_set(err, -EINVAL, "Corosync refuses fewer votes than are present");
    }
    ring->expected = votes;
    net_ring_tell_quorum(ring);
    return 0;
}

static int process_reload(struct transport *transport, struct error *err)
{
    (void)transport; // the configuration of all is that of the network
    (void)err;
    return 0;
}

static void process_facts(const struct transport *transport, struct arena *arena,
                          struct transport_facts *ret)
{
    (void)arena; // links are not told
    const struct net_process *process = (const struct net_process *)transport;
    const struct swarm_net_spec *spec = &process->node->net->spec;
    *ret = (struct transport_facts){0};
    if (process->is_quorum_known) {
        ret->quorum_votes = process->expected / 2 + 1;
        ret->expected_votes = process->expected;
        ret->total_votes = process->votes;
        ret->token_ms = spec->token_ms;
        ret->consensus_ms = spec->consensus_ms;
    }
}

static void process_describe(const struct transport *transport, struct json *status)
{
    (void)transport; // nobody reads it
    (void)status;
}

static int64_t process_config_version(const struct transport *transport)
{
    return ((const struct net_process *)transport)->node->is_up ? 1 : -1;
}

static void process_free(struct transport *transport)
{
    struct net_process *process = (struct net_process *)transport;
    struct net_node *node = process->node;
    node->process = NULL;
    if (node->is_up) {
        struct net_message *message = message_new(node, NULL, 0);
        message->is_leaving = true; // behind all that it has sent
        net_node_send(node, message);
    }
    swarm_timer_stop(&process->deliver);
    swarm_timer_stop(&process->quorum);
    swarm_timer_stop(&process->lost);
    net_items_clear(&process->inbox);
    group_forget(process);
    free(process->nodes);
    free(process);
}

static const struct transport_ops process_ops = {
    .send = process_send,
    .queued_bytes = process_queued_bytes,
    .nodes = process_nodes,
    .set_expected = process_set_expected,
    .reload = process_reload,
    .facts = process_facts,
    .describe = process_describe,
    .config_version = process_config_version,
    .free = process_free,
};

struct transport *swarm_net_open(struct swarm_net *net, size_t index, struct swarm_gate *gate,
                                 const struct transport_callbacks *callbacks)
{
    struct net_node *node = net->nodes[index];
    assert(node->process == NULL);
    struct net_process *process = alloc_zero(sizeof(*process));
    process->base.ops = &process_ops;
    process->node = node;
    process->callbacks = *callbacks;
    process->id = ++net->processes_made;
    swarm_timer_init(&process->deliver, net->spec.queue, gate, deliver_due, process);
    swarm_timer_init(&process->quorum, net->spec.queue, gate, quorum_due, process);
    swarm_timer_init(&process->lost, net->spec.queue, gate, lost_due, process);
    node->process = process;
    net_process_rename(process);
    if (node->is_up) {
        net_process_joins(process);
        if (node->ring != NULL) {
            net_process_tell_quorum(process);
        }
    }
    return &process->base;
}
