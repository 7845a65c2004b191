// SPDX-License-Identifier: Apache-2.0
// The event loop of this program as its main() sees it.
#pragma once

#include "common/base/macros.h"

struct error;
struct event_base;
struct net_signal;

int net_loop_new(struct event_base **ret, struct error *err) WARN_UNUSED;
void net_loop_free(struct event_base *base);
// Runs until net_loop_stop().
int net_loop_run(struct event_base *base, struct error *err) WARN_UNUSED;
void net_loop_stop(struct event_base *base);

struct net_signal *net_signal_new(struct event_base *base, int signo,
                                  void (*callback)(void *userdata), void *userdata) WARN_UNUSED;
void net_signal_free(struct net_signal *source);
