// SPDX-License-Identifier: Apache-2.0
// A connection to a running QEMU: commands with their answers, and events. Blocks, with a limit
// each; for worker processes and tools. One connection at a time is served by QEMU, so that a
// second one waits until the first is closed.
#pragma once

#include <stdint.h>

#include "common/base/macros.h"

struct arena;
struct error;
struct json;
struct qmp_client;

// Connects to the socket and waits for the greeting. -ENOENT, -ECONNREFUSED: nobody listens there;
// -ETIMEDOUT.
int qmp_client_connect(const char *path, int64_t timeout_ms, struct qmp_client **ret,
                       struct error *err) WARN_UNUSED;
// The same over a socket that is connected, which now belongs to the client (also on failure).
int qmp_client_open(int fd, int64_t timeout_ms, struct qmp_client **ret,
                    struct error *err) WARN_UNUSED;
// For the guest agent, which speaks alike but does not greet.
int qmp_client_open_silent(const char *path, struct qmp_client **ret,
                           struct error *err) WARN_UNUSED;
// First thing then: what stands in the line from before is read and dropped, on both sides.
int qmp_client_synchronize(struct qmp_client *client, int64_t timeout_ms, struct arena *arena,
                           struct error *err) WARN_UNUSED;
void qmp_client_free(struct qmp_client *client);
void qmp_client_freep(struct qmp_client **client);

// One command and its answer, in the arena; `ret` may be NULL. Events that come meanwhile are kept.
// -EPROTO: QEMU refused it, with its words; -ECONNRESET: the connection ended; -ETIMEDOUT;
// -EBADMSG. After the last three the connection is of no use any more.
int qmp_client_execute(struct qmp_client *client, const char *command, const struct json *arguments,
                       int64_t timeout_ms, struct arena *arena, const struct json **ret,
                       struct error *err) WARN_UNUSED;
// The next event's name, in the arena; NULL when none came in time.
int qmp_client_wait(struct qmp_client *client, int64_t timeout_ms, struct arena *arena,
                    const char **ret_event, struct error *err) WARN_UNUSED;
