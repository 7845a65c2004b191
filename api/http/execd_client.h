// SPDX-License-Identifier: Apache-2.0
// The connection to ha-execd (docs/api.md): requests with their answers, in any order. It is made
// when it is needed and kept; after a loss it is tried again by itself.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"

struct arena;
struct event_base;
struct execd_client;
struct json;

enum {
    EXECD_REQUESTS_MAX = 4096,
    EXECD_ANSWER_TIMEOUT_S = 65, // calls that take longer are tasks
};

enum execd_loss {
    EXECD_LOSS_NONE,
    EXECD_LOSS_CONNECTION, // ha-execd is gone; what was asked for may have happened
    EXECD_LOSS_TIME,       // no answer in time
};

// One answer; of a stream one of many. `frame` is NULL with a loss, after which nothing comes.
typedef void (*execd_answer)(void *userdata, const char *frame, size_t frame_bytes,
                             enum execd_loss loss);
// The connection is there, or gone.
typedef void (*execd_change)(void *userdata, bool connected);

struct execd_client *execd_client_new(struct event_base *base, const char *path,
                                      execd_change change, void *userdata) WARN_UNUSED;
void execd_client_free(struct execd_client *client);
// Tries to connect now, and again and again until it works.
void execd_client_start(struct execd_client *client);

// Sends a request of that kind; "id" and "op" are put into the object. `stream`: many answers, no
// time limit. The request's number (> 0); -ENOTCONN: ha-execd is not there, nothing was sent;
// -ENOBUFS: too much is under way.
int64_t execd_client_send(struct execd_client *client, struct arena *arena, const char *op,
                          struct json *request, bool stream, execd_answer answer,
                          void *userdata) WARN_UNUSED;
// No answer is wanted any more; a stream is ended. Of a number that is done nothing happens.
void execd_client_forget(struct execd_client *client, int64_t number);
