// SPDX-License-Identifier: Apache-2.0
// The connection to ha-clusterd: making and remaking it, requests and their answers, notifications.
// The ports on top of it are in client_store.c, client_lease.c and client_membership.c. Daemons
// never wait here except in cluster_client_call(), and there for no longer than they say.
#include "common/host/cluster_client.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/strbuf.h"
#include "common/host/client_internal.h"
#include "common/host/host_clock.h"
#include "common/host/ipc.h"
#include "common/host/loop.h"
#include "common/host/paths.h"
#include "common/host/protocol.h"
#include "common/model/store_keys.h"
#include "common/port/membership.h"

enum { IS_GONE_WAIT_MS = 2000 };

static void client_disconnect(struct cluster_client *client);

static int not_running(struct error *err, int code, const char *path)
{
    if (code == -EACCES || code == -EPERM) {
        return error_set(err, -EACCES, "not allowed to talk to ha-clusterd: only root may");
    }
    return error_set(err, code,
                     "ha-clusterd is not running: nobody listens at '%s' (start it with 'systemctl "
                     "start ha-clusterd')",
                     path);
}

bool client_is_ready(const struct cluster_client *client)
{
    return client->stream != NULL && client->loaded && client->renew_ms > 0 &&
           client->membership.known;
}

void client_announce(struct cluster_client *client)
{
    if (client->announce != NULL) {
        loop_idle_request(client->announce);
    }
}

static void announce_ready(void *userdata)
{
    struct cluster_client *client = userdata;
    client->changed(client->userdata);
}

int client_answer_code(const struct json *answer, struct error *err)
{
    const char *words = json_find_string(answer, "error");
    if (words == NULL) {
        return 0;
    }
    int code = protocol_code_from_string(json_find_string(answer, "code"));
    return error_set(err, code, "%s", words);
}

static void client_watch_output(struct cluster_client *client)
{
    if (client->io != NULL) {
        uint32_t events = EPOLLIN;
        if (ipc_stream_is_pending(client->stream)) {
            events |= EPOLLOUT;
        }
        loop_io_set_events(client->io, events);
    }
}

int client_send(struct cluster_client *client, struct json *request, int64_t *ret_id)
{
    if (client->stream == NULL) {
        return -ENOTCONN;
    }
    int64_t id = ++client->last_id;
    json_put_int(request, "id", id);
    struct strbuf text CLEANUP(strbuf_done) = {0};
    json_format(request, JSON_STYLE_COMPACT, &text);
    int r = ipc_stream_send(client->stream, text.text, text.size_bytes);
    if (r == -EMSGSIZE) {
        return -E2BIG;
    }
    if (r < 0) {
        client_pump(client); // its last words say why
        if (client->stream != NULL) {
            client_disconnect(client);
        }
        return -ENOTCONN;
    }
    client_watch_output(client);
    *ret_id = id;
    return 0;
}

static void handle_hello(struct cluster_client *client, const struct json *answer)
{
    const char *node = json_find_string(answer, "node");
    if (node != NULL) {
        free(client->node);
        client->node = alloc_strdup(node);
    }
    const char *profile = json_find_string(answer, "profile");
    if (profile != NULL) {
        free(client->profile);
        client->profile = alloc_strdup(profile);
    }
    // Absent in an error answer: then the connection never becomes ready, and says why by its end.
    ignore_result(
        json_get_int_if(answer, "authority_ms", 1, INT32_MAX, &client->authority_ms, NULL));
    ignore_result(json_get_int_if(answer, "renew_ms", 1, INT32_MAX, &client->renew_ms, NULL));
    client_announce(client);
}

static uint64_t message_version(const struct json *message)
{
    int64_t version = 0;
    ignore_result(json_get_int_if(message, "version", 0, INT64_MAX, &version, NULL)); // absent: 0
    return (uint64_t)version;
}

static void handle_notification(struct cluster_client *client, const char *kind,
                                const struct json *message)
{
    const struct json *entries = json_find(message, "entries");
    bool more = false;
    ignore_result(json_get_bool_if(message, "more", &more, NULL)); // absent: false
    if (strcmp(kind, "snapshot") == 0) {
        client_cache_load(&client->cache, entries);
        if (!more) {
            bool changed = client_cache_load_end(&client->cache, message_version(message));
            if (changed || !client->loaded) {
                client_announce(client);
            }
            client->loaded = true;
            client->viewed = true;
        }
    } else if (strcmp(kind, "changes") == 0) {
        bool changed = client_cache_apply(&client->cache, entries, message_version(message));
        // Within a call it is decided at the end whether this is news (call_announce()).
        if (changed && client->wanted_id == 0) {
            client_announce(client);
        }
    } else if (strcmp(kind, "membership") == 0) {
        client_membership_update(client, message);
        client_lease_wake(client, NULL);
        client_announce(client);
    } else if (strcmp(kind, "lease") == 0) {
        client_lease_wake(client, json_find_string(message, "name"));
        client_announce(client);
    }
}

// An answer that the caller waits for must outlive this frame, so it is parsed into his arena.
static void handle_frame(struct cluster_client *client, const char *frame, size_t size_bytes)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct json *message;
    if (json_parse(arena, frame, size_bytes, &message, NULL) < 0) {
        client_disconnect(client);
        return;
    }
    const char *kind = json_find_string(message, "notify");
    if (kind != NULL) {
        handle_notification(client, kind, message);
        return;
    }
    int64_t id = 0;
    ignore_result(
        json_get_int_if(message, "id", 1, INT64_MAX, &id, NULL)); // absent: nobody's answer
    if (id == 0) {
        // Not an answer: what ha-clusterd says before it closes a connection it does not want.
        ignore_result(client_answer_code(message, &client->refusal));
    } else if (id == client->wanted_id) {
        int r = json_parse(client->wanted_arena, frame, size_bytes, &client->wanted_answer, NULL);
        assert(r == 0); // it could be parsed just now
    } else if (id == client->hello_id) {
        handle_hello(client, message);
    } else {
        // Anything else is an answer that came too late for its caller.
        (void)client_lease_answer(client, id, message);
    }
}

void client_pump(struct cluster_client *client)
{
    if (client->stream == NULL) {
        return;
    }
    bool ended = ipc_stream_fill(client->stream) < 0;
    while (client->stream != NULL) {
        const char *frame;
        size_t size_bytes;
        int r = ipc_stream_next(client->stream, &frame, &size_bytes, NULL);
        if (r <= 0) {
            ended = ended || r < 0;
            break;
        }
        handle_frame(client, frame, size_bytes);
    }
    if (ended && client->stream != NULL) {
        client_disconnect(client);
    }
}

static void client_disconnect(struct cluster_client *client)
{
    loop_source_free(client->io);
    client->io = NULL;
    ipc_stream_free(client->stream);
    client->stream = NULL;
    client->hello_id = 0;
    client->loaded = false;
    client->membership.known = false;
    client_lease_disconnected(client);
    if (client->reconnect != NULL) {
        loop_timer_set(client->reconnect, clock_now_ms(&client->clock) + CLIENT_RECONNECT_MS);
        client_announce(client);
    }
}

static void io_ready(void *userdata, uint32_t events)
{
    struct cluster_client *client = userdata;
    if ((events & EPOLLOUT) != 0) {
        if (ipc_stream_flush(client->stream) < 0) {
            client_disconnect(client);
            return;
        }
        client_watch_output(client);
    }
    client_pump(client);
}

static struct json *request_new(struct arena *arena, const char *op)
{
    struct json *request = json_new_object(arena);
    json_put_string(request, "op", op);
    return request;
}

static int client_open(struct cluster_client *client, struct error *err)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    const char *path = paths_clusterd_socket(arena);
    int fd;
    int r = ipc_connect(path, &fd);
    if (r < 0) {
        return not_running(err, r, path);
    }
    client->stream = ipc_stream_new(fd);
    error_clear(&client->refusal);
    return 0;
}

static struct json *hello_new(struct arena *arena)
{
    struct json *hello = request_new(arena, "hello");
    json_put_int(hello, "protocol", PROTOCOL_VERSION);
    return hello;
}

// A daemon's connection: asks for everything at once; the answers come in through the loop.
static void client_connect_daemon(void *userdata)
{
    struct cluster_client *client = userdata;
    if (client_open(client, NULL) < 0) {
        loop_timer_set(client->reconnect, clock_now_ms(&client->clock) + CLIENT_RECONNECT_MS);
        return;
    }
    client->io =
        loop_add_io(client->loop, ipc_stream_fd(client->stream), EPOLLIN, io_ready, client);
    client_cache_load_begin(&client->cache);
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct json *watch = request_new(arena, "watch");
    struct json *prefixes = json_new_array(arena);
    for (size_t i = 0; i < client->prefixes_count; i++) {
        json_append(prefixes, json_new_string(arena, client->prefixes[i]));
    }
    json_put(watch, "prefixes", prefixes);
    int64_t watch_id;
    // A failure has set the timer for the next try.
    if (client_send(client, hello_new(arena), &client->hello_id) == 0) {
        ignore_result(client_send(client, watch, &watch_id));
    }
}

static struct cluster_client *client_new(struct loop *loop)
{
    struct cluster_client *client = alloc_zero(sizeof(*client));
    client->loop = loop;
    host_clock_init(&client->clock);
    client_cache_init(&client->cache);
    client_patience_init(&client->patience, CLIENT_COMMIT_TIMEOUT_MS, CLIENT_COMMIT_TIMEOUT_MS);
    client_store_init(client);
    client_lease_init(client);
    client_membership_init(client);
    return client;
}

struct cluster_client *cluster_client_new(struct loop *loop, const char *owner,
                                          const char *const *prefixes,
                                          cluster_client_changed changed, void *userdata)
{
    struct cluster_client *client = client_new(loop);
    client->owner = alloc_strdup(owner);
    client->changed = changed;
    client->userdata = userdata;
    while (prefixes != NULL && prefixes[client->prefixes_count] != NULL) {
        client->prefixes_count++;
    }
    client->prefixes = alloc_zero((client->prefixes_count + 1) * sizeof(char *));
    for (size_t i = 0; i < client->prefixes_count; i++) {
        client->prefixes[i] = alloc_strdup(prefixes[i]);
    }
    client->announce = loop_add_idle(loop, announce_ready, client);
    client->reconnect = loop_add_timer(loop, client_connect_daemon, client);
    client_connect_daemon(client);
    return client;
}

int cluster_client_connect(struct cluster_client **ret, struct error *err)
{
    struct cluster_client *client CLEANUP(cluster_client_freep) = client_new(NULL);
    int r = client_open(client, err);
    if (r < 0) {
        return r;
    }
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct json *answer;
    r = cluster_client_call(client, arena, hello_new(arena), CLIENT_CONNECT_TIMEOUT_MS, &answer,
                            err);
    if (r < 0) {
        return error_prefix(err, "cannot talk to ha-clusterd");
    }
    handle_hello(client, answer);
    *ret = steal_ptr(client);
    return 0;
}

void cluster_client_free(struct cluster_client *client)
{
    if (client == NULL) {
        return;
    }
    loop_source_free(client->io);
    loop_source_free(client->reconnect);
    loop_source_free(client->announce);
    ipc_stream_free(client->stream);
    client_cache_done(&client->cache);
    client_lease_done(client);
    client_membership_done(client);
    for (size_t i = 0; i < client->prefixes_count; i++) {
        free(client->prefixes[i]);
    }
    free(client->prefixes);
    free(client->owner);
    free(client->node);
    free(client->profile);
    free(client->expected_profile);
    free(client);
}

void cluster_client_freep(struct cluster_client **client)
{
    cluster_client_free(*client);
}

static bool node_is_online(struct cluster_client *client, struct arena *arena, const char *node)
{
    struct member_list list = {0};
    if (membership_get(cluster_client_membership(client), arena, &list, NULL) < 0) {
        return true; // not known
    }
    for (size_t i = 0; i < list.count; i++) {
        if (strcmp(list.members[i].node, node) == 0) {
            return list.members[i].online || !list.quorate;
        }
    }
    return false;
}

int cluster_client_is_gone(void *client, const char *node, bool *ret, struct error *err)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct json *request = json_new_object(arena);
    struct json *answer = NULL;
    const char *owner = NULL;
    const char *name = arena_printf(arena, LEASE_AGENT_FORMAT, node);
    json_put_string(request, "op", "leases");
    int r = cluster_client_call(client, arena, request, IS_GONE_WAIT_MS, &answer, err);
    if (r < 0) {
        return r;
    }
    const struct json *leases = json_find(answer, "leases");
    for (size_t i = 0; leases != NULL && i < leases->count; i++) {
        const char *lease = json_find_string(leases->items[i], "name");
        if (lease != NULL && strcmp(lease, name) == 0) {
            owner = json_find_string(leases->items[i], "owner");
        }
    }
    // Of a node that is away its fencing decides, which may have been by a device, while it still
    // had its lease.
    *ret = (owner != NULL && strcmp(owner, node) != 0) || !node_is_online(client, arena, node);
    return 0;
}

struct cluster_client *cluster_client_of_store(struct store *store)
{
    return ((struct client_store_port *)store)->client;
}

uint64_t cluster_client_token(const struct cluster_client *client)
{
    return client->cache.token;
}

struct store *cluster_client_store(struct cluster_client *client)
{
    return &client->store.base;
}

struct lease *cluster_client_lease(struct cluster_client *client)
{
    return &client->lease.base;
}

struct membership *cluster_client_membership(struct cluster_client *client)
{
    return &client->membership.base;
}

// Waits for the answer that client->wanted_id names.
static int client_wait(struct cluster_client *client, int64_t until_ms, struct error *err)
{
    for (;;) {
        client_pump(client);
        if (client->wanted_answer != NULL) {
            return 0;
        }
        if (client->stream == NULL && client->refusal.code < 0) {
            return error_set(err, client->refusal.code, "%s", client->refusal.text);
        }
        if (client->stream == NULL) {
            return error_set(err, -ETIMEDOUT,
                             "ha-clusterd closed the connection before it answered");
        }
        int64_t left_ms = until_ms - clock_now_ms(&client->clock);
        if (left_ms <= 0) {
            return error_set(err, -ETIMEDOUT, "ha-clusterd did not answer in time");
        }
        int r = ipc_stream_wait(client->stream, left_ms);
        if (r < 0) {
            return error_set_errno(err, -ETIMEDOUT, "cannot wait for ha-clusterd");
        }
        if (ipc_stream_is_pending(client->stream) && ipc_stream_flush(client->stream) < 0) {
            client_disconnect(client);
        }
    }
}

// What the caller has written itself comes back as a change while he waits, before his answer. It
// is no news to him, and must not be: a daemon that writes in each round would never rest.
static void call_announce(struct cluster_client *client, const struct json *answer)
{
    uint64_t own = answer != NULL ? message_version(answer) : 0;
    if (client_cache_has_foreign(&client->cache, own)) {
        client_announce(client);
    }
}

int cluster_client_call(struct cluster_client *client, struct arena *arena,
                        const struct json *request, int64_t timeout_ms, struct json **ret_answer,
                        struct error *err)
{
    assert(client->wanted_id == 0); // one call at a time
    int64_t until_ms = clock_now_ms(&client->clock) + timeout_ms;
    // The caller's document stays as it is; the id goes into a shallow copy.
    struct json *numbered = json_new_object(arena);
    json_each (e, request) {
        json_put(numbered, e->key, e->value);
    }
    int64_t id;
    int r = client_send(client, numbered, &id);
    if (r == -E2BIG) {
        return error_set(err, r, "the request is too large (limit %d MiB)",
                         IPC_FRAME_MAX / (1024 * 1024));
    }
    if (r < 0 && client->refusal.code < 0) {
        return error_set(err, client->refusal.code, "%s", client->refusal.text);
    }
    if (r < 0) {
        return not_running(err, r, paths_clusterd_socket(arena));
    }
    client->wanted_id = id;
    client->wanted_arena = arena;
    client->wanted_answer = NULL;
    client_cache_mark(&client->cache);
    r = client_wait(client, until_ms, err);
    struct json *answer = client->wanted_answer;
    client->wanted_id = 0;
    client->wanted_arena = NULL;
    client->wanted_answer = NULL;
    call_announce(client, answer);
    if (r == 0) {
        r = client_answer_code(answer, err);
    }
    if (r < 0) {
        return r;
    }
    *ret_answer = answer;
    return 0;
}

void cluster_client_expect_profile(struct cluster_client *client, const char *profile)
{
    free(client->expected_profile);
    client->expected_profile = alloc_strdup(profile);
}

void cluster_client_set_patience(struct cluster_client *client, int64_t patience_ms)
{
    client_patience_init(&client->patience, patience_ms, CLIENT_COMMIT_TIMEOUT_MS);
}

bool cluster_client_is_outdated(const struct cluster_client *client)
{
    return client->profile != NULL && client->expected_profile != NULL &&
           strcmp(client->profile, client->expected_profile) != 0;
}

const char *cluster_client_node(struct cluster_client *client, struct arena *arena)
{
    return arena_strdup(arena, client->node);
}
