// SPDX-License-Identifier: Apache-2.0
// Operations on the cluster itself: expected votes, Corosync's configuration, the daemon's own
// start, leaving.
#include "cluster/server_ops_cluster.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cluster/expected_guard.h"
#include "cluster/server_internal.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/host/file.h"
#include "common/host/paths.h"
#include "common/model/event.h"
#include "common/model/store_keys.h"
#include "common/model/timing.h"
#include "common/port/event_sink.h"

enum { COMM_MAX = 64 };

static void refuse(const struct server_call *call, int code, const char *words)
{
    server_refuse(call->client, call->arena, call->id, code, words);
}

static void answer(const struct server_call *call, struct json *members)
{
    server_answer(call->client, call->arena, call->id, members);
}

void server_ops_cluster_membership(struct server *server)
{
    bool quorate = engine_is_quorate(server->engine);
    if (quorate) {
        server->no_quorum_ms = 0;
    } else if (server->no_quorum_ms == 0) {
        server->no_quorum_ms = engine_now_ms(server->engine);
    }
}

bool server_has_client(const struct server *server, const char *program)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    for (const struct server_client *c = server->clients; c != NULL; c = c->next) {
        char *name;
        size_t size;
        const char *path = arena_printf(arena, "/proc/%d/comm", (int)c->pid);
        if (c->watches && !c->ended && file_read(arena, path, COMM_MAX, &name, &size, NULL) == 0) {
            name[strcspn(name, "\n")] = '\0';
            if (strcmp(name, program) == 0) {
                return true;
            }
        }
    }
    return false;
}

// ---- Expected votes.

static bool is_named(const struct json *list, const char *name)
{
    for (size_t i = 0; list != NULL && list->type == JSON_TYPE_ARRAY && i < list->count; i++) {
        const struct json *item = list->items[i];
        if (item->type == JSON_TYPE_STRING && strcmp(item->string, name) == 0) {
            return true;
        }
    }
    return false;
}

// How long the absent node's agent lease may still be in force, as far as can be known here. While
// there is no quorum a lease that is not known may have been renewed until quorum was lost.
static int64_t absent_wait_ms(struct server *server, struct arena *arena, const char *node)
{
    const char *name = arena_printf(arena, LEASE_AGENT_FORMAT, node);
    int64_t now_ms = engine_now_ms(server->engine);
    int64_t lease_ms = server->spec.timing->lease_ms;
    struct replica_lease lease = {0};
    bool known = replica_find_lease(engine_replica(server->engine), now_ms, name, &lease);
    bool given_up = known && (lease.owner == NULL || strcmp(lease.owner, node) != 0);
    if (given_up) {
        return 0; // by the node itself, or taken from it when that was proven safe
    }
    int64_t silent_ms = known ? lease.silent_ms : now_ms - server->no_quorum_ms;
    int64_t wait_ms =
        engine_is_quorate(server->engine) ? lease.breakable_in_ms : lease_ms - silent_ms;
    return wait_ms > 0 ? wait_ms : 0;
}

static struct expected_question question_read(const struct server_call *call)
{
    struct server *server = call->server;
    struct engine_membership membership;
    struct transport_facts facts;
    const struct transport *transport = engine_transport(server->engine);
    engine_membership(server->engine, call->arena, &membership);
    transport->ops->facts(transport, NULL, &facts);
    struct expected_absent *absent =
        arena_array_of(call->arena, struct expected_absent, membership.count);
    struct expected_question question = {
        .expected_votes = facts.expected_votes,
        .present_votes = facts.total_votes,
        .quorate = membership.quorate,
        .absent = absent,
    };
    int64_t away_ms = engine_now_ms(server->engine) - server->no_quorum_ms;
    int64_t left_ms = server->spec.timing->lease_ms - away_ms;
    question.quorum_wait_ms = !membership.quorate && left_ms > 0 ? left_ms : 0;
    const struct json *on = json_find(call->request, "on");
    for (size_t i = 0; i < membership.count; i++) {
        const struct transport_node *node = membership.members[i].node;
        question.all_votes += node->votes;
        // Whether its ha-clusterd is in our group, not whether Corosync runs there, decides who
        // could be renewing a lease elsewhere.
        if (node->member || strcmp(node->name, server->spec.node) == 0) {
            continue;
        }
        absent[question.absent_count++] = (struct expected_absent){
            .node = node->name,
            .wait_ms = absent_wait_ms(server, call->arena, node->name),
            .is_on = is_named(on, node->name),
        };
    }
    return question;
}

static void expected_tell(const struct server_call *call, const struct expected_question *question)
{
    struct event *event = event_new(
        call->arena, question->force ? EVENT_LEVEL_WARNING : EVENT_LEVEL_NOTICE, "expected-votes");
    event_int(event, "votes", question->votes);
    event_int(event, "before", question->expected_votes);
    event_emit(call->server->spec.events, event_int(event, "forced", question->force ? 1 : 0));
}

void server_ops_expected(const struct server_call *call)
{
    struct error err = {0};
    struct transport *transport = engine_transport(call->server->engine);
    struct expected_question question = question_read(call);
    int64_t wait_ms = 0;
    int r = json_get_int(call->request, "votes", 1, UINT16_MAX, &question.votes, &err);
    if (r == 0) {
        r = json_get_bool_if(call->request, "force", &question.force, &err);
    }
    if (r == 0 && call->server->spec.cluster != NULL) {
        r = expected_guard_check(&question, &wait_ms, &err);
    }
    if (r == 0) {
        r = transport->ops->set_expected(transport, (uint32_t)question.votes, &err);
    }
    if (r == -EBUSY && wait_ms > 0) {
        // A refusal with a number for those who wait by themselves.
        struct json *members = json_new_object(call->arena);
        json_put_int(members, "retry_in_ms", wait_ms);
        json_put_string(members, "reason", err.text);
        answer(call, members);
        return;
    }
    if (r < 0) {
        refuse(call, r, err.text);
        return;
    }
    expected_tell(call, &question);
    answer(call, NULL);
}

// ---- The rest.

void server_ops_reload(const struct server_call *call)
{
    struct error err = {0};
    struct transport *transport = engine_transport(call->server->engine);
    int r = transport->ops->reload(transport, &err);
    if (r < 0) {
        refuse(call, r, err.text);
    } else {
        answer(call, NULL);
    }
}

void server_ops_restart(const struct server_call *call)
{
    answer(call, NULL);
    call->server->spec.wish(call->server->spec.userdata, SERVER_WISH_RESTART);
}

void server_ops_set_aside(const struct server_call *call)
{
    if (call->server->spec.cluster != NULL) {
        refuse(call, -EPERM, "this node is in a cluster: its store is not its own");
        return;
    }
    answer(call, NULL);
    call->server->spec.wish(call->server->spec.userdata, SERVER_WISH_SET_ASIDE);
}

// Before the node's files of the cluster are removed ("check") and after it, when what is left is
// this daemon's database. While its services may still run under a lease the node is no stranger.
void server_ops_leave(const struct server_call *call)
{
    struct server *server = call->server;
    bool check = false;
    struct error err = {0};
    if (json_get_bool_if(call->request, "check", &check, &err) < 0) {
        refuse(call, -EINVAL, err.text);
        return;
    }
    int64_t wait_ms = server->spec.cluster == NULL || engine_is_quorate(server->engine)
                          ? 0
                          : absent_wait_ms(server, call->arena, server->spec.node);
    if (server->spec.cluster == NULL) {
        refuse(call, -ENOENT, "this node is in no cluster");
    } else if (engine_is_quorate(server->engine)) {
        refuse(call, -EBUSY,
               "this node is a working member of its cluster: it leaves by 'ha-cluster "
               "delete-node' on another member, while it is off");
    } else if (wait_ms > 0) {
        refuse(call, -EBUSY,
               arena_printf(call->arena,
                            "this node's lease may still be in force: try again in %lld s",
                            (long long)(wait_ms + 999) / 1000));
    } else if (!check && access(PATH_COROSYNC_CONF, F_OK) == 0) {
        refuse(call, -EEXIST, "'" PATH_COROSYNC_CONF "' is there: this node is still configured");
    } else {
        answer(call, NULL);
        if (!check) {
            server->spec.wish(server->spec.userdata, SERVER_WISH_LEAVE);
        }
    }
}
