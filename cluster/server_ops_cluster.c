// SPDX-License-Identifier: Apache-2.0
// Operations on the cluster itself: expected votes, Corosync's configuration, the daemon's own
// start, leaving.
#include "cluster/server_ops_cluster.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cluster/engine_rules.h"
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

static void wish_read_on(const struct server_call *call, struct expected_wish *wish)
{
    const struct json *list = json_find(call->request, "on");
    if (list == NULL || list->type != JSON_TYPE_ARRAY) {
        return;
    }
    const char **on = arena_array_of(call->arena, const char *, list->count);
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i]->type == JSON_TYPE_STRING) {
            on[wish->on_count++] = list->items[i]->string;
        }
    }
    wish->on = on;
}

void server_ops_expected(const struct server_call *call)
{
    struct error err = {0};
    struct expected_wish wish = {0};
    int64_t wait_ms = 0;
    int r = json_get_int(call->request, "votes", 1, UINT16_MAX, &wish.votes, &err);
    if (r == 0) {
        r = json_get_bool_if(call->request, "force", &wish.force, &err);
    }
    if (r == 0) {
        wish_read_on(call, &wish);
        r = engine_expect(call->server->engine, &wish, &wait_ms, &err);
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
                          : engine_absent_wait_ms(server->engine, server->spec.node);
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
