// SPDX-License-Identifier: Apache-2.0
// The membership port: what ha-clusterd last said about nodes and quorum; a tool asks for it each
// time.
#include <errno.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/host/client_internal.h"

// What the map of nodes has.
#define MEMBER_ONLINE  1U
#define MEMBER_PRESENT 2U

void client_membership_update(struct cluster_client *client, const struct json *message)
{
    struct client_membership_port *port = &client->membership;
    map_clear(&port->nodes);
    const struct json *members = json_find(message, "members");
    for (size_t i = 0; members != NULL && i < members->count; i++) {
        const char *node = json_find_string(members->items[i], "node");
        bool online = false;
        ignore_result(
            json_get_bool_if(members->items[i], "online", &online, NULL)); // absent: false
        bool present = false;
        ignore_result(json_get_bool_if(members->items[i], "corosync", &present, NULL)); // likewise
        if (node != NULL) {
            unsigned flags = (online ? MEMBER_ONLINE : 0U) | (present ? MEMBER_PRESENT : 0U);
            map_put(&port->nodes, node, (void *)(uintptr_t)flags);
        }
    }
    port->quorate = false;
    ignore_result(json_get_bool_if(message, "quorate", &port->quorate, NULL)); // absent: false
    port->forced = false;
    ignore_result(json_get_bool_if(message, "forced", &port->forced, NULL)); // absent: false
    int64_t epoch = 0;
    ignore_result(json_get_int_if(message, "epoch", 0, INT64_MAX, &epoch, NULL)); // absent: 0
    port->epoch = (uint64_t)epoch;
    port->known = true;
}

static int membership_ask(struct cluster_client *client, struct error *err)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct json *request = json_new_object(arena);
    json_put_string(request, "op", "membership");
    struct json *answer;
    int r =
        cluster_client_call(client, arena, request, client_read_timeout_ms(client), &answer, err);
    if (r < 0) {
        return r;
    }
    client_membership_update(client, answer);
    return 0;
}

static int client_membership_get(struct membership *membership, struct arena *arena,
                                 struct member_list *ret, struct error *err)
{
    struct client_membership_port *port = (struct client_membership_port *)membership;
    if (port->client->loop == NULL) {
        int r = membership_ask(port->client, err);
        if (r < 0) {
            return r;
        }
    } else if (!port->known) {
        return error_set(err, -ENOTCONN, "no connection to ha-clusterd");
    }
    struct member_list list = {
        .members = arena_array_of(arena, struct member, port->nodes.count),
        .quorate = port->quorate,
        .epoch = port->epoch,
        .forced = port->forced,
    };
    map_each (e, &port->nodes) {
        struct member *member = &list.members[list.count++];
        member->node = arena_strdup(arena, e->key);
        uintptr_t flags = (uintptr_t)e->value;
        member->online = port->quorate && (flags & MEMBER_ONLINE) != 0;
        member->present = (flags & MEMBER_PRESENT) != 0;
    }
    *ret = list;
    return 0;
}

static const struct membership_ops client_membership_ops = {.get = client_membership_get};

void client_membership_init(struct cluster_client *client)
{
    client->membership.base.ops = &client_membership_ops;
    client->membership.client = client;
    map_init(&client->membership.nodes, NULL);
}

void client_membership_done(struct cluster_client *client)
{
    map_done(&client->membership.nodes);
}
