// SPDX-License-Identifier: Apache-2.0
// Port: where events go.
#pragma once

#include "common/base/macros.h"

struct event;
struct event_sink;

struct event_sink_ops {
    void (*emit)(struct event_sink *sink, const struct event *event);
};

struct event_sink {
    const struct event_sink_ops *ops;
};

// The event is copied or printed before this returns.
static inline void event_emit(struct event_sink *sink, const struct event *event)
{
    sink->ops->emit(sink, event);
}
