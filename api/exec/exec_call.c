// SPDX-License-Identifier: Apache-2.0
// The way of a call: who asks, which row it is, whether he may, whether it is for another node,
// whether the parameters are right; then it is carried out here or in a child.
#include "api/exec/exec_call.h"

#include <string.h>

#include "api/auth/ticket.h"
#include "api/call/call_access.h"
#include "api/call/method.h"
#include "api/call/parameters.h"
#include "common/base/arena.h"
#include "common/base/json.h"
#include "common/model/store_keys.h"

void execd_refresh(struct execd *daemon)
{
    exec_view_refresh(&daemon->view);
    daemon->host.rights = daemon->view.rights;
}

static struct identity_book book_of(struct execd *daemon)
{
    return (struct identity_book){.rights = daemon->view.rights,
                                  .secrets = &daemon->view.secrets,
                                  .now_s = clock_wall_s(&daemon->clock)};
}

enum identity_result execd_identify(struct execd *daemon, struct arena *arena,
                                    const struct credentials *credentials, enum method_verb verb,
                                    struct caller *ret)
{
    execd_refresh(daemon);
    const struct identity_book book = book_of(daemon);
    return identity_check(arena, &book, credentials, verb, ret);
}

static const struct member *member_find(const struct execd *daemon, const char *node)
{
    const struct member_list *members = &daemon->view.cluster.members;
    for (size_t i = 0; i < members->count; i++) {
        if (strcmp(members->members[i].node, node) == 0) {
            return &members->members[i];
        }
    }
    return NULL;
}

// Where that node's API is; NULL and the call refused when it cannot be reached.
static struct json *forward_find(struct execd *daemon, struct call *call, const char *node)
{
    const struct member *member = member_find(daemon, node);
    struct session_value value;
    struct json *where;
    if (member == NULL) {
        call_refuse(call, CALL_STATUS_FAILED, "no such cluster node '%s'", node);
        return NULL;
    }
    if (!member->present && !member->online) {
        call_refuse(call, EXEC_STATUS_UNREACHABLE, "node '%s' is offline", node);
        return NULL;
    }
    const char *key = arena_printf(call->arena, STORE_PREFIX_LIVE_API "%s", node);
    int r = session_read(call->arena, &daemon->view.session, key, &value, NULL);
    if (r < 0 || value.text == NULL ||
        json_parse(call->arena, value.text, value.size_bytes, &where, NULL) < 0 ||
        json_find_string(where, "address") == NULL ||
        json_find_string(where, "fingerprint") == NULL) {
        call_refuse(call, EXEC_STATUS_UNREACHABLE, "node '%s' has not told where its API is", node);
        return NULL;
    }
    json_put_string(where, "node", node);
    return where;
}

// Says to the other node from where the call comes. Nobody else can: what signs it is a secret of
// the cluster, and the client never sees it. Before the first login there is none; then the call
// comes from this node.
static void origin_tell(const struct exec_call *exec, const struct exec_request *request,
                        const char *node, struct json *where)
{
    const struct identity_book book = book_of(exec->queue->daemon);
    const struct ticket_origin origin = {.node = node,
                                         .method = request->method,
                                         .path = request->path,
                                         .address = exec->call.caller.address};
    struct ticket_keys keys = {0};
    if (origin.address != NULL && identity_keys(exec->arena, &book, &keys)) {
        json_put_string(where, "client",
                        ticket_origin_make(exec->arena, &keys, &origin, book.now_s));
    }
}

// From where a call comes: as ha-apid sees it, or as the node that handed it on has signed it.
static const char *origin_find(const struct call_queue *queue, struct arena *arena,
                               const struct exec_request *request)
{
    struct execd *daemon = queue->daemon;
    const struct ticket_origin origin = {
        .node = daemon->setup.node, .method = request->method, .path = request->path};
    const char *address = request->address;
    struct ticket_keys keys = {0};
    if (!request->forwarded || request->client == NULL) {
        return address;
    }
    execd_refresh(daemon);
    const struct identity_book book = book_of(daemon);
    if (!identity_keys(arena, &book, &keys) ||
        !ticket_origin_check(arena, &keys, request->client, &origin, book.now_s, &address)) {
        return request->address; // anybody can send such a header
    }
    return address;
}

// True: the call is another node's, and has been dealt with.
static bool call_is_elsewhere(struct exec_call *exec, const struct json *path,
                              const struct exec_request *request)
{
    struct execd *daemon = exec->queue->daemon;
    const char *node = json_find_string(path, "node");
    if (!exec->call.method->on_node || node == NULL || strcmp(node, daemon->setup.node) == 0 ||
        strcmp(node, "localhost") == 0) {
        return false;
    }
    if (request->forwarded) {
        call_refuse(&exec->call, CALL_STATUS_FAILED, "node '%s' is not this node", node);
        exec_call_answer(exec);
        return true;
    }
    struct json *where = forward_find(daemon, &exec->call, node);
    if (where == NULL) {
        exec_call_answer(exec);
        return true;
    }
    struct json *answer = json_new_object(exec->arena);
    origin_tell(exec, request, node, where);
    json_put(answer, "forward", where);
    exec_call_send(exec, answer);
    return true;
}

static void errors_refuse(struct call *call, struct json *errors)
{
    call->errors = errors;
    call->status = CALL_STATUS_BAD;
    call->message = "Parameter verification failed.";
}

// Known who asks, and which row it is.
static void call_check(struct exec_call *exec, const struct exec_request *request,
                       const struct json *path)
{
    struct call *call = &exec->call;
    struct json *values;
    if (!parameters_check(exec->arena, call->method, path, NULL, &values)) {
        errors_refuse(call, values);
        exec_call_answer(exec);
        return;
    }
    if (!call_access_check(call, values)) {
        exec_call_answer(exec);
        return;
    }
    if (call_is_elsewhere(exec, path, request)) {
        return;
    }
    if (!parameters_check(exec->arena, call->method, path, request->parameters, &values)) {
        errors_refuse(call, values);
        exec_call_answer(exec);
        return;
    }
    call->parameters = values;
    switch (call->method->kind) {
    case METHOD_KIND_READ:
        call->method->run(call);
        exec_call_answer(exec);
        break;
    case METHOD_KIND_WORK:
        exec_call_queue(exec);
        break;
    }
}

// True: go on; else the call is refused.
static bool call_identify(struct exec_call *exec, const struct exec_request *request,
                          enum method_verb verb, bool for_world)
{
    struct execd *daemon = exec->queue->daemon;
    struct call *call = &exec->call;
    const char *address = call->caller.address;
    enum identity_result result =
        execd_identify(daemon, exec->arena, &request->credentials, verb, &call->caller);
    call->caller.address = address;
    exec->anonymous = result != IDENTITY_KNOWN;
    if (result == IDENTITY_KNOWN) {
        return true;
    }
    call->caller = (struct caller){.address = address};
    if (for_world) {
        return true;
    }
    if (!daemon->view.readable) {
        call_refuse(call, CALL_STATUS_FAILED, "%s", daemon->view.problem.text);
        return false;
    }
    exec->bare = true;
    call_refuse(call, CALL_STATUS_UNAUTHORIZED, "%s", identity_reason(result));
    return false;
}

void call_queue_take(struct call_queue *queue, struct exec_connection *connection,
                     struct arena *arena, const struct exec_request *request)
{
    struct exec_call *exec = exec_call_new(queue, connection, arena, request->id);
    struct call *call = &exec->call;
    enum method_verb verb;
    struct route route = {0};
    bool known = method_verb_from_string(request->method, &verb) == 0;
    call->caller.address = origin_find(queue, arena, request);
    if (known) {
        router_find(queue->daemon->router, arena, verb, request->path, &route);
    }
    call->method = route.method;
    bool for_world = route.method != NULL && route.method->access == METHOD_ACCESS_WORLD;
    if (!call_identify(exec, request, known ? verb : METHOD_VERB_POST, for_world)) {
        exec_call_answer(exec);
    } else if (route.index != NULL) {
        call_return(call, route.index);
        exec_call_answer(exec);
    } else if (route.method == NULL) {
        call_refuse(call, CALL_STATUS_UNKNOWN, "Method '%s %s' not implemented", request->method,
                    request->path);
        exec_call_answer(exec);
    } else {
        call_check(exec, request, route.path);
    }
}

struct json *call_queue_look(struct execd *daemon, struct arena *arena, const char *path,
                             const struct caller *caller)
{
    struct route route;
    struct call call = {.arena = arena, .host = &daemon->host, .total = -1, .caller = *caller};
    router_find(daemon->router, arena, METHOD_VERB_GET, path, &route);
    call.method = route.method;
    if (route.method == NULL || route.method->kind != METHOD_KIND_READ ||
        !call_access_check(&call, route.path)) {
        return NULL;
    }
    struct json *values;
    if (!parameters_check(arena, route.method, route.path, json_new_object(arena), &values)) {
        return NULL;
    }
    call.parameters = values;
    route.method->run(&call);
    return call.status == CALL_STATUS_OK ? call.data : NULL;
}
