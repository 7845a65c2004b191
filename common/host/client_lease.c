// SPDX-License-Identifier: Apache-2.0
// The lease port. It never waits: a question is sent when one is due, and what is known is
// returned. What the answers mean is decided in common/model/lease_claim.c.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/host/client_internal.h"
#include "common/host/loop.h"
#include "common/model/lease_claim.h"

struct client_lease {
    struct lease_claim claim;
    int64_t asked_id; // the question on its way; 0: none
};

static void lease_free(void *value)
{
    free(value);
}

static struct client_lease *lease_get(struct client_lease_port *port, const char *name)
{
    struct client_lease *lease = map_find(&port->held, name);
    if (lease == NULL) {
        lease = alloc_zero(sizeof(*lease));
        map_put(&port->held, name, lease);
    }
    return lease;
}

static int lease_send_release(struct cluster_client *client, const char *name, uint64_t term)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct json *request = json_new_object(arena);
    json_put_string(request, "op", "lease");
    json_put_string(request, "action", "release");
    json_put_string(request, "name", name);
    json_put_string(request, "owner", client->owner);
    json_put_int(request, "term", (int64_t)term);
    int64_t id;
    return client_send(client, request, &id);
}

static void lease_ask(struct cluster_client *client, const char *name, struct client_lease *lease)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct json *request = json_new_object(arena);
    json_put_string(request, "op", "lease");
    json_put_string(request, "action", "acquire");
    json_put_string(request, "name", name);
    json_put_string(request, "owner", client->owner);
    int64_t before_ms = clock_now_ms(&client->clock);
    int64_t id;
    if (client_send(client, request, &id) < 0) {
        return; // disconnected; asked again when the connection is back
    }
    lease->asked_id = id;
    lease_claim_asked(&lease->claim, before_ms, client->renew_ms);
}

static bool lease_is_due(const struct cluster_client *client, const struct client_lease *lease,
                         int64_t now_ms)
{
    return client_is_ready(client) && !cluster_client_is_outdated(client) &&
           lease_claim_is_due(&lease->claim, now_ms);
}

// 0, or why nothing can be asked now.
static int lease_refused(const struct cluster_client *client, struct error *err)
{
    if (!client_is_ready(client)) {
        return error_set(err, -ENOTCONN, "no connection to ha-clusterd");
    }
    if (cluster_client_is_outdated(client)) {
        return error_set(
            err, -EPERM,
            "this daemon runs with timing profile '%s', ha-clusterd with '%s': restart "
            "it",
            client->expected_profile, client->profile);
    }
    return client->membership.quorate ? 0 : error_set(err, -EHOSTDOWN, "no quorum");
}

static int client_lease_acquire(struct lease *base, const char *name, struct lease_grant *ret,
                                struct error *err)
{
    struct client_lease_port *port = (struct client_lease_port *)base;
    struct cluster_client *client = port->client;
    if (client->loop == NULL) {
        return error_set(err, -ENOTSUP, "only daemons hold leases");
    }
    struct client_lease *lease = lease_get(port, name);
    lease_claim_want(&lease->claim);
    if (lease_is_due(client, lease, clock_now_ms(&client->clock))) {
        lease_ask(client, name, lease);
    }
    int64_t now_ms = clock_now_ms(&client->clock);
    lease_claim_expire(&lease->claim, now_ms);
    // Without quorum it cannot be renewed, held or not. What is held counts again when quorum
    // returns in time.
    bool no_quorum = client_is_ready(client) && !client->membership.quorate;
    if (no_quorum || !lease->claim.is_held) {
        int r = lease_refused(client, err);
        if (r < 0) {
            return r;
        }
    }
    return lease_claim_answer(&lease->claim, now_ms, ret, err);
}

static int client_lease_release(struct lease *base, const char *name, struct error *err)
{
    struct client_lease_port *port = (struct client_lease_port *)base;
    struct cluster_client *client = port->client;
    struct client_lease *lease = map_find(&port->held, name);
    uint64_t term = 0;
    if (lease == NULL || !lease_claim_release(&lease->claim, &term)) {
        return error_set(err, -ENOENT, "lease '%s' is not held", name);
    }
    lease->asked_id = 0; // the answer means nothing any more
    return lease_send_release(client, name, term) < 0
               ? error_set(err, -ENOTCONN, "no connection to ha-clusterd")
               : 0;
}

static enum lease_origin lease_origin_of(const struct json *answer)
{
    static const struct {
        const char *word;
        enum lease_origin origin;
    } words[] = {
        {"released", LEASE_ORIGIN_RELEASED},
        {"expired", LEASE_ORIGIN_EXPIRED},
        {"inherited", LEASE_ORIGIN_INHERITED},
        {"forgotten", LEASE_ORIGIN_FORGOTTEN},
    };
    const char *word = json_find_string(answer, "origin");
    for (size_t i = 0; word != NULL && i < ARRAY_SIZE(words); i++) {
        if (strcmp(word, words[i].word) == 0) {
            return words[i].origin;
        }
    }
    return LEASE_ORIGIN_NONE;
}

static void lease_granted(struct cluster_client *client, const char *name,
                          struct client_lease *lease, uint64_t term, enum lease_origin origin)
{
    int64_t now_ms = clock_now_ms(&client->clock);
    if (lease_claim_granted(&lease->claim, now_ms, client->authority_ms, term, origin)) {
        ignore_result(lease_send_release(client, name, term)); // or it ends by itself
    }
}

static void lease_failed(struct cluster_client *client, struct client_lease *lease,
                         const struct json *answer)
{
    struct error refusal = {0};
    ignore_result(client_answer_code(answer, &refusal)); // it is in the refusal
    lease_claim_failed(&lease->claim, clock_now_ms(&client->clock), &refusal);
    loop_timer_set(client->lease.timer, lease->claim.ask_at_ms);
}

bool client_lease_answer(struct cluster_client *client, int64_t id, const struct json *answer)
{
    struct client_lease *lease = NULL;
    const char *name = NULL;
    map_each (e, &client->lease.held) {
        struct client_lease *candidate = e->value;
        if (candidate->asked_id == id) {
            lease = candidate;
            name = e->key;
        }
    }
    if (lease == NULL) {
        return false;
    }
    lease->asked_id = 0;
    client_announce(client);
    const char *result = json_find_string(answer, "result");
    int64_t term = 0;
    if (result == NULL) {
        lease_failed(client, lease, answer);
    } else if (strcmp(result, "granted") == 0 &&
               json_get_int(answer, "term", 1, INT64_MAX, &term, NULL) == 0) {
        lease_granted(client, name, lease, (uint64_t)term, lease_origin_of(answer));
    } else {
        int64_t retry_ms = LEASE_CLAIM_RETRY_MS;
        ignore_result(
            json_get_int_if(answer, "retry_in_ms", 0, INT32_MAX, &retry_ms, NULL)); // or the above
        lease_claim_busy(&lease->claim, clock_now_ms(&client->clock), retry_ms);
    }
    return true;
}

void client_lease_wake(struct cluster_client *client, const char *name)
{
    int64_t now_ms = clock_now_ms(&client->clock);
    map_each (e, &client->lease.held) {
        struct client_lease *lease = e->value;
        if (name == NULL || strcmp(name, e->key) == 0) {
            lease_claim_wake(&lease->claim, now_ms);
        }
    }
}

void client_lease_disconnected(struct cluster_client *client)
{
    map_each (e, &client->lease.held) {
        struct client_lease *lease = e->value;
        lease->asked_id = 0;
        lease_claim_disconnected(&lease->claim);
    }
}

static const struct lease_ops client_lease_ops = {
    .acquire = client_lease_acquire,
    .release = client_lease_release,
};

static void timer_due(void *userdata)
{
    client_announce(userdata);
}

void client_lease_init(struct cluster_client *client)
{
    client->lease.base.ops = &client_lease_ops;
    client->lease.client = client;
    map_init(&client->lease.held, lease_free);
    if (client->loop != NULL) {
        client->lease.timer = loop_add_timer(client->loop, timer_due, client);
    }
}

void client_lease_done(struct cluster_client *client)
{
    loop_source_free(client->lease.timer);
    map_done(&client->lease.held);
}
