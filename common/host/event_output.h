// SPDX-License-Identifier: Apache-2.0
// The event_sink port of the daemons. Under a service manager whose journal collects this process's
// standard error, events go to the journal with structured fields: MESSAGE, PRIORITY, HA_EVENT,
// HA_AT, HA_SEQ and HA_<FIELD> for each field. Elsewhere each is one line on standard error, "<at>:
// <event as text>", or with HA_MANAGER_LOG=json one JSON object with t (RFC 3339, microseconds),
// seq (grows by one with each event of the process), at, level, event, fields.
#pragma once

#include "common/base/macros.h"

struct arena;
struct error;
struct event;
struct event_output;
struct event_sink;

// `at` is "<node>/<daemon>", copied.
struct event_output *event_output_new(const char *at) WARN_UNUSED;
void event_output_free(struct event_output *output);
void event_output_freep(struct event_output **output);
struct event_sink *event_output_sink(struct event_output *output) WARN_UNUSED;

// For a process that must never wait for a log: from now on events go through a pipe to a child
// that prints them, and are dropped while that pipe is full. Call before there are other children
// or threads. -errno with words.
int event_output_detach(struct event_output *output, struct error *err) WARN_UNUSED;
// The pipe's descriptor once detached, else -1: for those who close all they do not know.
int event_output_fd(const struct event_output *output) WARN_UNUSED;
