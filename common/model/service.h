// SPDX-License-Identifier: Apache-2.0
// The master's record of one service: the JSON value under "service/<sid>".
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/enum_table.h"
#include "common/base/macros.h"

struct arena;
struct error;

enum svc_state {
    SVC_STATE_REQUEST_START,
    SVC_STATE_REQUEST_START_BALANCE,
    SVC_STATE_STARTED,
    SVC_STATE_REQUEST_STOP,
    SVC_STATE_STOPPED,
    SVC_STATE_MIGRATE,
    SVC_STATE_RELOCATE,
    SVC_STATE_FREEZE,
    SVC_STATE_FENCE,
    SVC_STATE_RECOVERY,
    SVC_STATE_ERROR,
    SVC_STATE_MAX
};
ENUM_TABLE_DECLARE(svc_state);

enum service_command_kind {
    SERVICE_COMMAND_NONE,
    SERVICE_COMMAND_MIGRATE,
    SERVICE_COMMAND_RELOCATE,
    SERVICE_COMMAND_STOP
};

// A command accepted by the master and not yet carried out.
struct service_command {
    enum service_command_kind kind;
    const char *target; // migrate, relocate
    int64_t timeout_s;  // stop
};

enum { SERVICE_TIMEOUT_NONE = -1 };

struct service {
    const char *sid;
    enum svc_state state;
    const char *node;
    const char *uid;    // renewed with each new task for the LRM; ties a result to the very request
    const char *target; // NULL unless moving
    int64_t timeout_s;  // SERVICE_TIMEOUT_NONE unless a stop with timeout
    struct service_command cmd;
    bool running; // a start was confirmed; only meaningful in started
    // It may run on its node without the protection of a lease: nobody looked after it until now,
    // and the node's LRM has not answered for it yet. A free lease proves nothing then.
    bool unguarded;
    const char **failed_nodes; // in the order of failure, may repeat
    size_t failed_nodes_count;
    const char *maintenance_node; // where to return after maintenance, or NULL
    const char *error;            // why it is in error, in words, or NULL
    const char *output;           // the last lines of what failed then, or NULL
    const char *halted_by;        // stopped for want of this storage on its node, or NULL
    int64_t attempts;             // how often it went into error since it ran, or stopped, last
    int64_t retry_at_s;           // in error: when it is tried again; wall clock, for display
                                  // only. 0: it is not
};

// Keys: state node uid target timeout cmd running failed_nodes maintenance_node error
// output halted_by attempts retry_at. Unknown keys are
// ignored.
int service_parse(struct arena *arena, const char *sid, const char *text, size_t size_bytes,
                  struct service **ret, struct error *err) WARN_UNUSED;
char *service_format(struct arena *arena, const struct service *service) WARN_UNUSED;
// The record as JSON tree, for documents that embed it.
struct json;
struct json *service_to_json(struct arena *arena, const struct service *service) WARN_UNUSED;
int service_from_json(struct arena *arena, const char *sid, const struct json *json,
                      struct service **ret, struct error *err) WARN_UNUSED;
