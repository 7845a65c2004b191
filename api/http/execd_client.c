// SPDX-License-Identifier: Apache-2.0
// Frames to and from ha-execd. Which answer means what is the users' business.
#include "api/http/execd_client.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "api/http/net_event.h"
#include "api/http/parse/json_slice.h"
#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/json.h"
#include "common/base/parse.h"
#include "common/host/ipc.h"

enum { RETRY_FIRST_MS = 100, RETRY_MAX_MS = 2000, SLOT_BITS = 12 };
static_assert(EXECD_REQUESTS_MAX == 1 << SLOT_BITS, "a slot's place is a part of the number");

struct slot {
    int64_t number; // 0: free
    execd_answer answer;
    void *userdata;
    bool stream;
    int64_t seconds_left;
};

struct execd_client {
    struct event_base *base;
    char *path;
    execd_change change;
    void *userdata;
    struct ipc_stream *stream; // NULL: not connected
    struct event *readable;
    struct event *writable;
    struct event *retry;
    struct event *tick;
    int64_t retry_ms;
    int64_t round; // makes numbers of a slot differ
    size_t used;   // slots
    size_t next;   // where the search for a free one begins
    struct slot slots[EXECD_REQUESTS_MAX];
};

static void connection_close(struct execd_client *client);

static void slot_free(struct execd_client *client, struct slot *slot)
{
    *slot = (struct slot){0};
    client->used--;
}

static struct slot *slot_find(struct execd_client *client, int64_t number)
{
    struct slot *slot = &client->slots[number & (EXECD_REQUESTS_MAX - 1)];
    return number > 0 && slot->number == number ? slot : NULL;
}

static struct slot *slot_take(struct execd_client *client)
{
    if (client->used == EXECD_REQUESTS_MAX) {
        return NULL;
    }
    while (client->slots[client->next].number != 0) {
        client->next = (client->next + 1) % EXECD_REQUESTS_MAX;
    }
    struct slot *slot = &client->slots[client->next];
    client->round++;
    slot->number = client->round << SLOT_BITS | (int64_t)client->next;
    client->next = (client->next + 1) % EXECD_REQUESTS_MAX;
    client->used++;
    return slot;
}

// The user may send, forget or end the connection from inside.
static void slot_lose(struct execd_client *client, struct slot *slot, enum execd_loss loss)
{
    struct slot lost = *slot;
    slot_free(client, slot);
    lost.answer(lost.userdata, NULL, 0, loss);
}

static void retry_plan(struct execd_client *client)
{
    struct timeval delay = {.tv_sec = client->retry_ms / 1000,
                            .tv_usec = client->retry_ms % 1000 * 1000};
    client->retry_ms = client->retry_ms * 2 > RETRY_MAX_MS ? RETRY_MAX_MS : client->retry_ms * 2;
    (void)evtimer_add(client->retry, &delay);
}

static void flush(struct execd_client *client)
{
    if (ipc_stream_flush(client->stream) < 0) {
        connection_close(client);
    } else if (ipc_stream_is_pending(client->stream)) {
        (void)event_add(client->writable, NULL);
    }
}

static void on_writable(evutil_socket_t fd, short what, void *userdata)
{
    (void)fd;
    (void)what;
    flush(userdata);
}

static void frame_take(struct execd_client *client, const char *frame, size_t frame_bytes)
{
    static const char *const names[] = {"id", "notify"};
    struct json_slice members[2];
    char digits[24] = "";
    int64_t number = 0;
    if (json_slice_members(frame, frame_bytes, names, members, 2) < 0 ||
        members[0].size_bytes >= sizeof(digits)) {
        return;
    }
    if (members[0].text != NULL) {
        memcpy(digits, members[0].text, members[0].size_bytes);
    }
    struct slot *slot =
        parse_int64(digits, 1, INT64_MAX, &number) == 0 ? slot_find(client, number) : NULL;
    if (slot == NULL) {
        return; // forgotten meanwhile
    }
    struct slot found = *slot;
    if (!slot->stream || members[1].text == NULL) {
        slot_free(client, slot);
    }
    found.answer(found.userdata, frame, frame_bytes, EXECD_LOSS_NONE);
}

static void on_readable(evutil_socket_t fd, short what, void *userdata)
{
    (void)fd;
    (void)what;
    struct execd_client *client = userdata;
    int filled = ipc_stream_fill(client->stream);
    const char *frame;
    size_t size;
    int r = 1;
    // Users cannot end the connection from inside, only this file does.
    while (client->stream != NULL &&
           (r = ipc_stream_next(client->stream, &frame, &size, NULL)) > 0) {
        frame_take(client, frame, size);
    }
    if (client->stream != NULL && (filled < 0 || r < 0)) {
        connection_close(client);
    }
}

static bool connection_open(struct execd_client *client)
{
    int fd;
    if (ipc_connect(client->path, &fd) < 0) {
        return false;
    }
    client->stream = ipc_stream_new(fd);
    client->readable = net_event_new(client->base, fd, EV_READ | EV_PERSIST, on_readable, client);
    client->writable = net_event_new(client->base, fd, EV_WRITE, on_writable, client);
    (void)event_add(client->readable, NULL);
    (void)evtimer_del(client->retry);
    client->retry_ms = RETRY_FIRST_MS;
    client->change(client->userdata, true);
    return client->stream != NULL;
}

static void connection_close(struct execd_client *client)
{
    if (client->stream == NULL) {
        return;
    }
    event_free(client->readable);
    event_free(client->writable);
    ipc_stream_free(client->stream);
    client->stream = NULL;
    retry_plan(client);
    client->change(client->userdata, false);
    // Users may send from inside: what goes over the next connection is not lost with this one.
    int64_t last = client->round << SLOT_BITS | (EXECD_REQUESTS_MAX - 1);
    for (size_t i = 0; i < EXECD_REQUESTS_MAX; i++) {
        if (client->slots[i].number != 0 && client->slots[i].number <= last) {
            slot_lose(client, &client->slots[i], EXECD_LOSS_CONNECTION);
        }
    }
}

static void on_retry(evutil_socket_t fd, short what, void *userdata)
{
    (void)fd;
    (void)what;
    struct execd_client *client = userdata;
    if (client->stream == NULL && !connection_open(client)) {
        retry_plan(client);
    }
}

static void on_tick(evutil_socket_t fd, short what, void *userdata)
{
    (void)fd;
    (void)what;
    struct execd_client *client = userdata;
    for (size_t i = 0; i < EXECD_REQUESTS_MAX && client->used > 0; i++) {
        struct slot *slot = &client->slots[i];
        if (slot->number != 0 && !slot->stream && --slot->seconds_left <= 0) {
            slot_lose(client, slot, EXECD_LOSS_TIME);
        }
    }
}

struct execd_client *execd_client_new(struct event_base *base, const char *path,
                                      execd_change change, void *userdata)
{
    struct execd_client *client = alloc_zero(sizeof(*client));
    struct timeval second = {.tv_sec = 1};
    client->base = base;
    client->path = alloc_strdup(path);
    client->change = change;
    client->userdata = userdata;
    client->retry_ms = RETRY_FIRST_MS;
    client->retry = net_timer_new(base, on_retry, client);
    client->tick = net_event_new(base, -1, EV_PERSIST, on_tick, client);
    (void)evtimer_add(client->tick, &second);
    return client;
}

void execd_client_free(struct execd_client *client)
{
    if (client == NULL) {
        return;
    }
    if (client->stream != NULL) {
        event_free(client->readable);
        event_free(client->writable);
        ipc_stream_free(client->stream);
    }
    event_free(client->retry);
    event_free(client->tick);
    free(client->path);
    free(client);
}

void execd_client_start(struct execd_client *client)
{
    on_retry(-1, 0, client);
}

int64_t execd_client_send(struct execd_client *client, struct arena *arena, const char *op,
                          struct json *request, bool stream, execd_answer answer, void *userdata)
{
    if (client->stream == NULL && !connection_open(client)) {
        return -ENOTCONN;
    }
    struct slot *slot = slot_take(client);
    if (slot == NULL) {
        return -ENOBUFS;
    }
    int64_t number = slot->number;
    json_put_string(request, "op", op);
    json_put_int(request, "id", number);
    const char *text = json_to_text(arena, request);
    int r = ipc_stream_send(client->stream, text, strlen(text));
    if (r == -ENOBUFS || r == -EMSGSIZE) {
        slot_free(client, slot);
        return -ENOBUFS;
    }
    if (r < 0) {
        // Nobody has read it: as if the connection had been closed before.
        slot_free(client, slot);
        connection_close(client);
        return -ENOTCONN;
    }
    slot->answer = answer;
    slot->userdata = userdata;
    slot->stream = stream;
    slot->seconds_left = EXECD_ANSWER_TIMEOUT_S;
    if (ipc_stream_is_pending(client->stream)) {
        (void)event_add(client->writable, NULL);
    }
    return number;
}

void execd_client_forget(struct execd_client *client, int64_t number)
{
    struct slot *slot = slot_find(client, number);
    if (slot == NULL) {
        return;
    }
    bool stream = slot->stream;
    slot_free(client, slot);
    if (!stream || client->stream == NULL) {
        return;
    }
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct json *request = json_new_object(arena);
    json_put_string(request, "op", "unwatch");
    json_put_int(request, "id", number);
    const char *text = json_to_text(arena, request);
    if (ipc_stream_send(client->stream, text, strlen(text)) == 0) {
        flush(client);
    }
}
