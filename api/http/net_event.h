// SPDX-License-Identifier: Apache-2.0
// libevent's events. Its event_new() has the name of ours (common/model/event.h), which the linker
// would take for it: these are to be used instead, and the compiler sees to it.
#pragma once

#include <event2/event.h>

#include "common/base/macros.h"

// Both are released by event_free(). Never NULL.
struct event *net_event_new(struct event_base *base, evutil_socket_t fd, short what,
                            event_callback_fn callback, void *userdata) WARN_UNUSED;
struct event *net_timer_new(struct event_base *base, event_callback_fn callback,
                            void *userdata) WARN_UNUSED;

#undef evtimer_new
#undef evsignal_new
#pragma GCC poison event_new evtimer_new evsignal_new
