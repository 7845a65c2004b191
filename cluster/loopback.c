// SPDX-License-Identifier: Apache-2.0
// The transport of a standalone node: what is sent is delivered to itself, in order, from the loop.
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/transport.h"
#include "common/base/alloc.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/host/loop.h"

enum { LOOPBACK_ID = 1, LOOPBACK_RING = 1 };

struct loopback_message {
    struct loopback_message *next;
    size_t size_bytes;
    unsigned char bytes[];
};

struct loopback {
    struct transport base;
    struct transport_callbacks callbacks;
    struct loop_source *timer; // due whenever there is something to deliver
    struct loopback_message *first, *last;
    size_t queued_bytes;
    struct transport_node node;
    char *name;
    bool configured;
};

static void loopback_send(struct transport *transport, const void *bytes, size_t size_bytes)
{
    struct loopback *loopback = (struct loopback *)transport;
    struct loopback_message *message = alloc_zero(sizeof(*message) + size_bytes);
    message->size_bytes = size_bytes;
    memcpy(message->bytes, bytes, size_bytes);
    if (loopback->last != NULL) {
        loopback->last->next = message;
    } else {
        loopback->first = message;
    }
    loopback->last = message;
    loopback->queued_bytes += size_bytes;
    loop_timer_set(loopback->timer, 0);
}

static void loopback_configure(struct loopback *loopback)
{
    struct replica_member self = {.id = LOOPBACK_ID, .votes = 1};
    struct replica_configuration configuration = {
        .ring = LOOPBACK_RING,
        .members = &self,
        .count = 1,
        .quorate = true,
        .quorum_votes = 1,
    };
    loopback->configured = true;
    loopback->callbacks.configured(loopback->callbacks.userdata, &configuration);
}

// Delivers what was queued before this turn; what that makes the daemon send comes next time.
static void loopback_due(void *userdata)
{
    struct loopback *loopback = userdata;
    if (!loopback->configured) {
        loopback_configure(loopback);
    }
    struct loopback_message *message = loopback->first;
    loopback->first = NULL;
    loopback->last = NULL;
    while (message != NULL) {
        struct loopback_message *next = message->next;
        loopback->queued_bytes -= message->size_bytes;
        loopback->callbacks.delivered(loopback->callbacks.userdata, LOOPBACK_ID, message->bytes,
                                      message->size_bytes);
        free(message);
        message = next;
    }
    loopback->callbacks.turned(loopback->callbacks.userdata);
}

static size_t loopback_queued_bytes(const struct transport *transport)
{
    const struct loopback *loopback = (const struct loopback *)transport;
    return loopback->queued_bytes;
}

static struct transport_nodes loopback_nodes(const struct transport *transport)
{
    const struct loopback *loopback = (const struct loopback *)transport;
    return (struct transport_nodes){.nodes = &loopback->node, .count = 1};
}

static int loopback_refuse(struct error *err)
{
    return error_set(err, -ENOTSUP, "this node is in no cluster");
}

static int loopback_set_expected(struct transport *transport, uint32_t votes, struct error *err)
{
    (void)transport; // a node alone has nothing to vote about
    (void)votes;
    return loopback_refuse(err);
}

static int loopback_reload(struct transport *transport, struct error *err)
{
    (void)transport; // and nothing to reload
    return loopback_refuse(err);
}

static void loopback_describe(const struct transport *transport, struct json *status)
{
    (void)transport; // nothing to add
    (void)status;
}

static void loopback_facts(const struct transport *transport, struct arena *arena,
                           struct transport_facts *ret)
{
    (void)transport; // no Corosync
    (void)arena;
    *ret = (struct transport_facts){0};
}

static int64_t loopback_config_version(const struct transport *transport)
{
    (void)transport; // no Corosync
    return -1;
}

static void loopback_free(struct transport *transport)
{
    struct loopback *loopback = (struct loopback *)transport;
    loop_source_free(loopback->timer);
    while (loopback->first != NULL) {
        struct loopback_message *next = loopback->first->next;
        free(loopback->first);
        loopback->first = next;
    }
    free(loopback->name);
    free(loopback);
}

static const struct transport_ops loopback_ops = {
    .send = loopback_send,
    .queued_bytes = loopback_queued_bytes,
    .nodes = loopback_nodes,
    .set_expected = loopback_set_expected,
    .reload = loopback_reload,
    .facts = loopback_facts,
    .describe = loopback_describe,
    .config_version = loopback_config_version,
    .free = loopback_free,
};

struct transport *loopback_new(struct loop *loop, const char *node,
                               const struct transport_callbacks *callbacks)
{
    struct loopback *loopback = alloc_zero(sizeof(*loopback));
    loopback->base.ops = &loopback_ops;
    loopback->callbacks = *callbacks;
    loopback->name = alloc_strdup(node);
    loopback->node = (struct transport_node){
        .id = LOOPBACK_ID,
        .name = loopback->name,
        .address = "",
        .votes = 1,
        .online = true,
        .member = true,
    };
    loopback->timer = loop_add_timer(loop, loopback_due, loopback);
    loop_timer_set(loopback->timer, 0);
    return &loopback->base;
}
