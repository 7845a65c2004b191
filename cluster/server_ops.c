// SPDX-License-Identifier: Apache-2.0
// The operations of the socket. Each answers its request once, at once or when the store has
// decided.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/engine_rules.h"
#include "cluster/server_internal.h"
#include "cluster/server_ops_cluster.h"
#include "cluster/status.h"
#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/host/host_clock.h"
#include "common/host/protocol.h"
#include "common/model/store_keys.h"
#include "common/model/timing.h"
#include "common/port/store.h"
#include "ha_config.h"

enum { PREFIXES_MAX = 64 };

static void refuse(const struct server_call *call, int code, const char *words)
{
    server_refuse(call->client, call->arena, call->id, code, words);
}

static void answer(const struct server_call *call, struct json *members)
{
    server_answer(call->client, call->arena, call->id, members);
}

// ---- Reading.

static void op_hello(const struct server_call *call)
{
    int64_t protocol = 0;
    struct error err = {0};
    if (json_get_int(call->request, "protocol", 1, INT32_MAX, &protocol, &err) < 0) {
        refuse(call, -EINVAL, err.text);
        return;
    }
    if (protocol != PROTOCOL_VERSION) {
        refuse(call, -EPROTO,
               arena_printf(call->arena,
                            "this program and ha-clusterd (%s) are of different versions: restart "
                            "the one that is older",
                            HA_VERSION));
        return;
    }
    const struct server_spec *spec = &call->server->spec;
    call->client->greeted = true;
    struct json *members = json_new_object(call->arena);
    json_put_string(members, "node", spec->node);
    json_put_string(members, "version", HA_VERSION);
    json_put_int(members, "protocol", PROTOCOL_VERSION);
    json_put_string(members, "cluster", spec->cluster);
    json_put_string(members, "profile", timing_profile_to_string(spec->timing->profile));
    json_put_int(members, "authority_ms", spec->timing->authority_ms);
    json_put_int(members, "renew_ms", spec->timing->renew_ms);
    json_put_int(members, "lease_ms", spec->timing->lease_ms);
    answer(call, members);
}

static void op_read(const struct server_call *call)
{
    struct replica *replica = engine_replica(call->server->engine);
    const char *prefix = "";
    const char *after = NULL;
    int64_t since = 0;
    struct error err = {0};
    if (json_get_string_if(call->request, "prefix", &prefix, &err) < 0 ||
        json_get_string_if(call->request, "after", &after, &err) < 0 ||
        json_get_int_if(call->request, "since", 0, INT64_MAX, &since, &err) < 0) {
        refuse(call, -EINVAL, err.text);
        return;
    }
    if ((uint64_t)since < replica_horizon(replica)) {
        since = 0; // what was deleted since then is not known any more: all that is there
    }
    const struct replica_row *rows;
    size_t count;
    replica_read(replica, prefix, (uint64_t)since, call->arena, &rows, &count);
    struct json *members = json_new_object(call->arena);
    struct json *entries = json_new_array(call->arena);
    size_t page_bytes = 0;
    for (size_t i = 0; i < count; i++) {
        if (after != NULL && strcmp(rows[i].key, after) <= 0) {
            continue;
        }
        json_append(entries, server_row(call->arena, &rows[i]));
        page_bytes += rows[i].size_bytes + strlen(rows[i].key);
        if (page_bytes > PROTOCOL_PAGE_BYTES && i + 1 < count) {
            json_put_string(members, "next", rows[i].key);
            break;
        }
    }
    json_put(members, "entries", entries);
    json_put_int(members, "version", (int64_t)replica_version(replica));
    json_put_bool(members, "quorate", engine_is_quorate(call->server->engine));
    answer(call, members);
}

struct json *server_ops_membership(struct server *server, struct arena *arena)
{
    struct engine_membership membership;
    engine_membership(server->engine, arena, &membership);
    struct json *message = json_new_object(arena);
    json_put_string(message, "node", server->spec.node);
    json_put_bool(message, "quorate", membership.quorate);
    json_put_bool(message, "forced", membership.forced);
    json_put_int(message, "epoch", (int64_t)membership.epoch);
    struct json *members = json_new_array(arena);
    for (size_t i = 0; i < membership.count; i++) {
        const struct engine_member *m = &membership.members[i];
        struct json *member = json_new_object(arena);
        json_put_string(member, "node", m->node->name);
        json_put_int(member, "id", m->node->id);
        json_put_int(member, "votes", m->node->votes);
        json_put_string(member, "address", m->node->address);
        json_put_bool(member, "online", m->online);
        json_put_bool(member, "corosync", m->node->online);
        json_append(members, member);
    }
    json_put(message, "members", members);
    return message;
}

static void op_membership(const struct server_call *call)
{
    answer(call, server_ops_membership(call->server, call->arena));
}

static void op_status(const struct server_call *call)
{
    answer(call, status_document(call->server, call->arena));
}

static void op_leases(const struct server_call *call)
{
    struct json *members = json_new_object(call->arena);
    json_put(members, "leases", status_leases(call->server, call->arena));
    answer(call, members);
}

static void op_watch(const struct server_call *call)
{
    struct server_client *client = call->client;
    const struct json *prefixes = json_find(call->request, "prefixes");
    if (client->watches) {
        refuse(call, -EEXIST, "this connection watches already");
        return;
    }
    if (prefixes == NULL || prefixes->type != JSON_TYPE_ARRAY || prefixes->count > PREFIXES_MAX) {
        refuse(call, -EINVAL, "'prefixes' must be a list of texts");
        return;
    }
    for (size_t i = 0; i < prefixes->count; i++) {
        if (prefixes->items[i]->type != JSON_TYPE_STRING) {
            refuse(call, -EINVAL, "'prefixes' must be a list of texts");
            return;
        }
    }
    client->prefixes = alloc_zero((prefixes->count + 1) * sizeof(char *));
    for (size_t i = 0; i < prefixes->count; i++) {
        client->prefixes[client->prefixes_count++] = alloc_strdup(prefixes->items[i]->string);
    }
    client->watches = true;
    answer(call, NULL);
    const struct replica_row *rows;
    size_t count;
    replica_read(engine_replica(call->server->engine), "", 0, call->arena, &rows, &count);
    server_send_rows(client, "snapshot", rows, count, true);
    struct json *membership = server_ops_membership(call->server, call->arena);
    json_put_string(membership, "notify", "membership");
    server_send(client, membership);
}

// ---- Changing.

static struct server_pending *pending_add(const struct server_call *call, const char *lease)
{
    struct server_pending *pending = alloc_zero(sizeof(*pending));
    pending->request = engine_reserve(call->server->engine);
    pending->client = call->client;
    pending->id = call->id;
    pending->since_us = host_clock_us();
    pending->lease = lease != NULL ? alloc_strdup(lease) : NULL;
    pending->next = call->server->pending;
    call->server->pending = pending;
    return pending;
}

// A client acts for its own node only.
static int read_owner(const struct server_call *call, const char **ret, struct error *err)
{
    const char *owner = NULL;
    int r = json_get_string(call->request, "owner", &owner, err);
    if (r == 0 && strcmp(owner, call->server->spec.node) != 0) {
        r = error_set(err, -EPERM, "'%s' cannot hold a lease here: this is node '%s'", owner,
                      call->server->spec.node);
    }
    if (r == 0) {
        *ret = owner;
    }
    return r;
}

static int read_op(const struct json *json, struct replica_op *ret, struct error *err)
{
    struct replica_op op = {.expect = STORE_ANY};
    int64_t expect = -1;
    int r = json_get_string(json, "key", &op.key, err);
    if (r == 0) {
        r = json_get_string_if(json, "value", &op.value, err);
    }
    if (r == 0) {
        r = json_get_int_if(json, "expect", 0, INT64_MAX, &expect, err);
    }
    if (r < 0) {
        return r;
    }
    op.size_bytes = op.value != NULL ? strlen(op.value) : 0;
    if (expect >= 0) {
        op.expect = (uint64_t)expect;
    }
    *ret = op;
    return 0;
}

static int read_txn(const struct server_call *call, struct replica_request *ret, struct error *err)
{
    const struct json *list = json_find(call->request, "ops");
    if (list == NULL || list->type != JSON_TYPE_ARRAY || list->count > STORE_TXN_OPS_MAX) {
        return error_set(err, -EINVAL, "'ops' must be a list of up to %d writes",
                         STORE_TXN_OPS_MAX);
    }
    struct replica_op *ops = arena_array_of(call->arena, struct replica_op, list->count);
    for (size_t i = 0; i < list->count; i++) {
        int r = read_op(list->items[i], &ops[i], err);
        if (r < 0) {
            return r;
        }
    }
    struct replica_request request = {
        .kind = REPLICA_REQUEST_TXN,
        .ops = ops,
        .ops_count = list->count,
    };
    int64_t term = 0;
    int r = json_get_string_if(call->request, "lease", &request.lease, err);
    if (r == 0 && request.lease != NULL) {
        r = read_owner(call, &request.owner, err);
        r = r == 0 ? json_get_int(call->request, "term", 0, INT64_MAX, &term, err) : r;
    }
    request.term = (uint64_t)term;
    if (r == 0) {
        *ret = request;
    }
    return r;
}

static void op_txn(const struct server_call *call)
{
    struct replica_request request;
    struct error err = {0};
    int r = read_txn(call, &request, &err);
    if (r == 0) {
        r = engine_check_txn(call->server->engine, &request, &err);
    }
    if (r < 0) {
        refuse(call, r, err.text);
        return;
    }
    const struct server_pending *pending = pending_add(call, NULL);
    engine_request(call->server->engine, pending->request, &request);
}

// ---- Leases.

bool server_ops_can_lease(struct server *server, const char *name, int64_t *ret_in_ms)
{
    struct lease_way way;
    if (!engine_is_quorate(server->engine)) {
        return false; // the membership's change will tell
    }
    return engine_lease_way(server->engine, name, &way, ret_in_ms);
}

static void answer_busy(struct server_client *client, struct arena *arena, int64_t id,
                        const char *name, int64_t in_ms)
{
    struct json *members = json_new_object(arena);
    json_put_string(members, "result", "busy");
    json_put_int(members, "retry_in_ms", in_ms);
    map_put(&client->waits, name, client); // any value: it is a set
    server_answer(client, arena, id, members);
}

static void lease_acquire_op(const struct server_call *call, const char *name)
{
    int64_t in_ms = 0;
    struct lease_way way;
    if (!engine_is_quorate(call->server->engine)) {
        refuse(call, -EHOSTDOWN, "no quorum");
        return;
    }
    const struct server_spec *spec = &call->server->spec;
    const char *refusal = spec->lease_refusal != NULL ? spec->lease_refusal(spec->userdata) : NULL;
    if (refusal != NULL) {
        refuse(call, -EPERM, refusal);
        return;
    }
    if (!engine_lease_way(call->server->engine, name, &way, &in_ms)) {
        answer_busy(call->client, call->arena, call->id, name, in_ms);
        return;
    }
    struct server_pending *pending = pending_add(call, name);
    pending->origin = way.origin;
    engine_request(call->server->engine, pending->request, &way.request);
}

static void lease_release_op(const struct server_call *call, const char *name)
{
    int64_t term = 0;
    struct error err = {0};
    if (json_get_int(call->request, "term", 1, INT64_MAX, &term, &err) < 0) {
        refuse(call, -EINVAL, err.text);
        return;
    }
    struct replica_request request = {
        .kind = REPLICA_REQUEST_LEASE_RELEASE,
        .lease = name,
        .owner = call->server->spec.node,
        .term = (uint64_t)term,
    };
    struct server_pending *pending = pending_add(call, name);
    pending->release = true;
    engine_request(call->server->engine, pending->request, &request);
}

static void op_lease(const struct server_call *call)
{
    const char *action = NULL;
    const char *name = NULL;
    const char *owner = NULL;
    struct error err = {0};
    int r = json_get_string(call->request, "action", &action, &err);
    if (r == 0) {
        r = json_get_string(call->request, "name", &name, &err);
    }
    if (r == 0) {
        r = read_owner(call, &owner, &err);
    }
    if (r < 0) {
        refuse(call, r, err.text);
    } else if (strcmp(action, "acquire") == 0) {
        lease_acquire_op(call, name);
    } else if (strcmp(action, "release") == 0) {
        lease_release_op(call, name);
    } else {
        refuse(call, -EINVAL, "'action' must be acquire or release");
    }
}

static void lease_answered(const struct server_pending *pending, struct arena *arena,
                           const struct replica_answer *result)
{
    struct json *members = json_new_object(arena);
    if (pending->release || result->code == 0) {
        json_put_string(members, "result", pending->release ? "released" : "granted");
        json_put_int(members, "term", (int64_t)result->term);
        json_put_string(members, "origin", pending->origin); // absent: it was one's own
        server_answer(pending->client, arena, pending->id, members);
        return;
    }
    // Someone was first.
    int64_t in_ms = 0;
    (void)server_ops_can_lease(pending->client->server, pending->lease, &in_ms);
    answer_busy(pending->client, arena, pending->id, pending->lease, in_ms);
}

void server_ops_answered(const struct server_pending *pending, const struct replica_answer *result)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    bool busy = result->code == -EBUSY || result->code == -EAGAIN || result->code == -EPERM;
    if (pending->lease != NULL && (result->code == 0 || (busy && !pending->release))) {
        lease_answered(pending, arena, result);
        return;
    }
    if (result->code < 0) {
        server_refuse(pending->client, arena, pending->id, result->code,
                      result->reason != NULL ? result->reason : "refused");
        return;
    }
    struct json *members = json_new_object(arena);
    json_put_int(members, "version", (int64_t)result->version);
    server_answer(pending->client, arena, pending->id, members);
}

static const struct {
    const char *name;
    void (*run)(const struct server_call *call);
} ops[] = {
    {"expected", server_ops_expected},
    {"hello", op_hello},
    {"lease", op_lease},
    {"leases", op_leases},
    {"leave", server_ops_leave},
    {"membership", op_membership},
    {"read", op_read},
    {"reload", server_ops_reload},
    {"restart", server_ops_restart},
    {"set-aside", server_ops_set_aside},
    {"status", op_status},
    {"txn", op_txn},
    {"watch", op_watch},
};

void server_ops_run(const struct server_call *call)
{
    const char *name = json_find_string(call->request, "op");
    if (name == NULL) {
        refuse(call, -EINVAL, "'op' is missing");
        return;
    }
    if (!call->client->greeted && strcmp(name, "hello") != 0) {
        refuse(call, -EPROTO, "the first request must be 'hello'");
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
        if (strcmp(ops[i].name, name) == 0) {
            ops[i].run(call);
            return;
        }
    }
    refuse(call, -ENOTSUP, arena_printf(call->arena, "unknown operation '%.40s'", name));
}
