// SPDX-License-Identifier: Apache-2.0
// The lease port. It never waits: a question is sent when one is due, and what is known is
// returned.
//
// Authority (docs/store.md, "Leases"): it is counted from the clock as read *before* the renewal
// was sent, and only a committed renewal, told by an answer, counts. Nothing else prolongs it; when
// the connection is lost it just runs out. The other nodes count the lease time from a later
// moment, the delivery of that renewal, which is what makes it safe (INV-2, INV-5).
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/host/client_internal.h"
#include "common/host/loop.h"

enum {
    RETRY_MS = 200,     // after a refusal that is not "busy"
    UNANSWERED_MS = 50, // when to look again while the answer is on its way; it wakes the daemon
    LOST_MS = 3000,     // a question without an answer for so long is asked again
};

struct client_lease {
    bool held;     // granted, and not known to have ended
    bool fresh;    // granted, and the daemon was not told yet
    bool unwanted; // given back while the question was on its way: a grant goes back at once
    uint64_t term;
    enum lease_origin origin; // of the term
    int64_t authority_until_ms;
    int64_t asked_id;     // the question on its way; 0: none
    int64_t asked_ms;     // our clock before it was sent
    int64_t ask_at_ms;    // not before
    struct error refusal; // the last answer was an error; code 0: it was not
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

// Authority that has run out is gone for good: what comes later is a new grant to the daemon.
static void lease_expire(struct client_lease *lease, int64_t now_ms)
{
    if (lease->held && now_ms >= lease->authority_until_ms) {
        lease->held = false;
        lease->fresh = false;
    }
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
    lease_expire(lease, before_ms);
    int64_t id;
    if (client_send(client, request, &id) < 0) {
        return; // disconnected; asked again when the connection is back
    }
    lease->asked_id = id;
    lease->asked_ms = before_ms;
    lease->ask_at_ms = before_ms + client->renew_ms;
}

static bool lease_is_due(const struct cluster_client *client, const struct client_lease *lease,
                         int64_t now_ms)
{
    if (!client_is_ready(client) || cluster_client_is_outdated(client)) {
        return false;
    }
    if (lease->asked_id != 0) {
        return now_ms - lease->asked_ms >= LOST_MS;
    }
    return now_ms >= lease->ask_at_ms;
}

static int lease_refused(const struct cluster_client *client, const struct client_lease *lease,
                         struct error *err)
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
    if (!client->membership.quorate) {
        return error_set(err, -EHOSTDOWN, "no quorum");
    }
    if (lease->refusal.code < 0) {
        return error_set(err, lease->refusal.code, "%s", lease->refusal.text);
    }
    return LEASE_BUSY;
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
    lease->unwanted = false;
    if (lease_is_due(client, lease, clock_now_ms(&client->clock))) {
        lease_ask(client, name, lease);
    }
    int64_t now_ms = clock_now_ms(&client->clock);
    lease_expire(lease, now_ms);
    int answer;
    if (client_is_ready(client) && !client->membership.quorate) {
        // Held or not, it cannot be renewed. What is held counts again when quorum returns in time.
        answer = lease_refused(client, lease, err);
    } else if (lease->held) {
        answer = lease->fresh ? LEASE_ACQUIRED : LEASE_RENEWED;
        lease->fresh = false;
    } else {
        answer = lease_refused(client, lease, err);
    }
    if (answer < 0) {
        return answer;
    }
    int64_t retry_at_ms = lease->asked_id != 0 ? now_ms + UNANSWERED_MS : lease->ask_at_ms;
    *ret = (struct lease_grant){
        .term = lease->term,
        .origin = lease->origin,
        .authority_until_ms = lease->held ? lease->authority_until_ms : 0,
        .retry_at_ms = retry_at_ms,
    };
    return answer;
}

static int client_lease_release(struct lease *base, const char *name, struct error *err)
{
    struct client_lease_port *port = (struct client_lease_port *)base;
    struct cluster_client *client = port->client;
    struct client_lease *lease = map_find(&port->held, name);
    // One whose authority has run out can be given back too: the word that what it protected has
    // ended spares the others the rest of their wait. The term tells which grant is meant.
    if (lease == NULL || lease->term == 0) {
        if (lease != NULL) {
            lease->unwanted = lease->asked_id != 0;
        }
        return error_set(err, -ENOENT, "lease '%s' is not held", name);
    }
    // From here on it is not held, whatever becomes of the message: at worst it ends by itself.
    uint64_t term = lease->term;
    *lease = (struct client_lease){0};
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

static void lease_granted(struct cluster_client *client, struct client_lease *lease, uint64_t term,
                          enum lease_origin origin)
{
    int64_t now_ms = clock_now_ms(&client->clock);
    lease_expire(lease, now_ms);
    if (term != lease->term) {
        lease->origin = origin; // a renewal says nothing about how the term began
    }
    int64_t until_ms = lease->asked_ms + client->authority_ms;
    if (until_ms <= now_ms) {
        lease->term = term;
        return; // came too late to mean anything; the next one may not
    }
    lease->fresh = lease->fresh || !lease->held;
    lease->held = true;
    lease->term = term;
    assert(until_ms <= now_ms + client->authority_ms);
    if (until_ms > lease->authority_until_ms) {
        lease->authority_until_ms = until_ms;
    }
}

// An error leaves what is held as it is: authority runs out by the clock, not by bad news.
static void lease_failed(struct cluster_client *client, struct client_lease *lease,
                         const struct json *answer)
{
    ignore_result(client_answer_code(answer, &lease->refusal));
    lease->ask_at_ms = clock_now_ms(&client->clock) + RETRY_MS;
    loop_timer_set(client->lease.timer, lease->ask_at_ms);
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
    error_clear(&lease->refusal);
    client_announce(client);
    const char *result = json_find_string(answer, "result");
    int64_t term = 0;
    if (result == NULL) {
        lease_failed(client, lease, answer);
    } else if (strcmp(result, "granted") == 0 &&
               json_get_int(answer, "term", 1, INT64_MAX, &term, NULL) == 0) {
        if (lease->unwanted) {
            ignore_result(lease_send_release(client, name, (uint64_t)term)); // or it ends by itself
            *lease = (struct client_lease){0};
            return true;
        }
        lease_granted(client, lease, (uint64_t)term, lease_origin_of(answer));
    } else {
        // Someone else holds it, so that we do not, whatever our clock says.
        int64_t retry_ms = RETRY_MS;
        ignore_result(
            json_get_int_if(answer, "retry_in_ms", 0, INT32_MAX, &retry_ms, NULL)); // or the above
        lease->held = false;
        lease->fresh = false;
        lease->term = 0;
        lease->ask_at_ms = clock_now_ms(&client->clock) + (retry_ms > 0 ? retry_ms : 1);
    }
    return true;
}

void client_lease_wake(struct cluster_client *client, const char *name)
{
    int64_t now_ms = clock_now_ms(&client->clock);
    map_each (e, &client->lease.held) {
        struct client_lease *lease = e->value;
        if (!lease->held && (name == NULL || strcmp(name, e->key) == 0)) {
            lease->ask_at_ms = now_ms;
        }
    }
}

void client_lease_disconnected(struct cluster_client *client)
{
    map_each (e, &client->lease.held) {
        struct client_lease *lease = e->value;
        // Whether the question arrived is not known and does not matter: nothing was granted that
        // we know of. The term is kept, for the claim after ha-clusterd has come back.
        lease->asked_id = 0;
        lease->ask_at_ms = 0;
        error_clear(&lease->refusal);
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
