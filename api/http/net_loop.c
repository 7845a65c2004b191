// SPDX-License-Identifier: Apache-2.0
// Around libevent's base.
#include "api/http/net_loop.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "api/http/net_event.h"
#include "common/base/alloc.h"
#include "common/base/error.h"

struct net_signal {
    struct event *event;
    void (*callback)(void *userdata);
    void *userdata;
};

struct event *net_event_new(struct event_base *base, evutil_socket_t fd, short what,
                            event_callback_fn callback, void *userdata)
{
    struct event *event = alloc_zero(event_get_struct_event_size());
    int r = event_assign(event, base, fd, what, callback, userdata);
    assert(r == 0);
    return event;
}

struct event *net_timer_new(struct event_base *base, event_callback_fn callback, void *userdata)
{
    return net_event_new(base, -1, 0, callback, userdata);
}

int net_loop_new(struct event_base **ret, struct error *err)
{
    struct event_base *base = event_base_new();
    if (base == NULL) {
        return error_set(err, -EIO, "cannot make an event loop");
    }
    *ret = base;
    return 0;
}

void net_loop_free(struct event_base *base)
{
    if (base != NULL) {
        event_base_free(base);
    }
}

int net_loop_run(struct event_base *base, struct error *err)
{
    return event_base_dispatch(base) < 0 ? error_set(err, -EIO, "the event loop failed") : 0;
}

void net_loop_stop(struct event_base *base)
{
    (void)event_base_loopbreak(base); // it fails without a base only
}

static void on_signal(evutil_socket_t signo, short what, void *userdata)
{
    (void)signo;
    (void)what;
    struct net_signal *source = userdata;
    source->callback(source->userdata);
}

struct net_signal *net_signal_new(struct event_base *base, int signo,
                                  void (*callback)(void *userdata), void *userdata)
{
    struct net_signal *source = alloc_zero(sizeof(*source));
    source->callback = callback;
    source->userdata = userdata;
    source->event = net_event_new(base, signo, EV_SIGNAL | EV_PERSIST, on_signal, source);
    int r = event_add(source->event, NULL);
    assert(r == 0);
    return source;
}

void net_signal_free(struct net_signal *source)
{
    if (source != NULL) {
        event_free(source->event);
        free(source);
    }
}
