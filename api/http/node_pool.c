// SPDX-License-Identifier: Apache-2.0
// A list, the one given last in front.
#include "api/http/node_pool.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "api/http/net_event.h"
#include "common/base/alloc.h"

struct idle_connection {
    struct idle_connection *next;
    struct node_pool *pool;
    char *address, *fingerprint;
    int port;
    struct bufferevent *bev;
    struct event *timer;
};

struct node_pool {
    struct event_base *base;
    struct idle_connection *first;
};

static bool is_of(const struct idle_connection *idle, const struct node_peer *peer)
{
    return idle->port == peer->port && strcmp(idle->address, peer->address) == 0 &&
           strcmp(idle->fingerprint, peer->fingerprint) == 0;
}

// Out of the list; the connection itself is the caller's.
static struct bufferevent *idle_free(struct idle_connection *idle)
{
    struct idle_connection **at = &idle->pool->first;
    struct bufferevent *bev = idle->bev;
    while (*at != idle) {
        at = &(*at)->next;
    }
    *at = idle->next;
    bufferevent_setcb(bev, NULL, NULL, NULL, NULL);
    event_free(idle->timer);
    free(idle->address);
    free(idle->fingerprint);
    free(idle);
    return bev;
}

static void idle_close(struct idle_connection *idle)
{
    bufferevent_free(idle_free(idle));
}

static void on_timer(evutil_socket_t fd, short what, void *userdata)
{
    (void)fd;
    (void)what;
    idle_close(userdata);
}

// What is said without being asked, and the end: of no use any more.
static void on_read(struct bufferevent *bev, void *userdata)
{
    if (evbuffer_get_length(bufferevent_get_input(bev)) > 0) {
        idle_close(userdata);
    }
}

static void on_event(struct bufferevent *bev, short what, void *userdata)
{
    (void)bev;
    (void)what;
    idle_close(userdata);
}

struct node_pool *node_pool_new(struct event_base *base)
{
    struct node_pool *pool = alloc_zero(sizeof(*pool));
    pool->base = base;
    return pool;
}

void node_pool_free(struct node_pool *pool)
{
    if (pool == NULL) {
        return;
    }
    while (pool->first != NULL) {
        idle_close(pool->first);
    }
    free(pool);
}

struct bufferevent *node_pool_take(struct node_pool *pool, const struct node_peer *peer)
{
    for (struct idle_connection *idle = pool->first; idle != NULL; idle = idle->next) {
        if (is_of(idle, peer)) {
            return idle_free(idle);
        }
    }
    return NULL;
}

// Closes the last one of the peer, or of all, when there are as many as there may be.
static void pool_bound(struct node_pool *pool, const struct node_peer *peer)
{
    struct idle_connection *last = NULL;
    struct idle_connection *last_of_peer = NULL;
    size_t count = 0;
    size_t of_peer = 0;
    for (struct idle_connection *idle = pool->first; idle != NULL; idle = idle->next) {
        last = idle;
        count++;
        if (is_of(idle, peer)) {
            last_of_peer = idle;
            of_peer++;
        }
    }
    if (of_peer >= NODE_POOL_NODE_MAX) {
        idle_close(last_of_peer);
    } else if (count >= NODE_POOL_MAX) {
        idle_close(last);
    }
}

void node_pool_give(struct node_pool *pool, const struct node_peer *peer, struct bufferevent *bev)
{
    struct timeval time = {.tv_sec = NODE_POOL_IDLE_S};
    pool_bound(pool, peer);
    struct idle_connection *idle = alloc_zero(sizeof(*idle));
    *idle = (struct idle_connection){
        .next = pool->first,
        .pool = pool,
        .address = alloc_strdup(peer->address),
        .fingerprint = alloc_strdup(peer->fingerprint),
        .port = peer->port,
        .bev = bev,
    };
    pool->first = idle;
    idle->timer = net_timer_new(pool->base, on_timer, idle);
    (void)evtimer_add(idle->timer, &time);
    bufferevent_setcb(bev, on_read, NULL, on_event, idle);
    (void)bufferevent_enable(bev, EV_READ | EV_WRITE);
}
