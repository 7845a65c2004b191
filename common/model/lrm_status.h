// SPDX-License-Identifier: Apache-2.0
// What an LRM says of itself, the JSON value under "live/lrm/<node>", and of each of its services,
// the values under "live/result/<node>/<sid>": apart from each other, so that no document grows
// with the number of services.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/enum_table.h"
#include "common/base/macros.h"
#include "common/base/map.h"
#include "common/model/service.h"

struct arena;
struct error;

enum lrm_state {
    LRM_STATE_STARTUP,
    LRM_STATE_WAIT_FOR_AGENT_LOCK,
    LRM_STATE_ACTIVE,
    LRM_STATE_MAINTENANCE,
    LRM_STATE_LOST_AGENT_LOCK,
    LRM_STATE_MAX
};
ENUM_TABLE_DECLARE(lrm_state);

enum lrm_mode {
    LRM_MODE_ACTIVE,
    LRM_MODE_MAINTENANCE,
    LRM_MODE_DISARM,
    LRM_MODE_RESTART,
    LRM_MODE_SHUTDOWN,
    LRM_MODE_UNKNOWN,
    LRM_MODE_MAX
};
ENUM_TABLE_DECLARE(lrm_mode);

// Exit codes of executions, as the reference system numbers them.
enum lrm_code {
    LRM_CODE_FAILED_TO_RUN = -1, // the worker could not be run or died by a signal
    LRM_CODE_SUCCESS = 0,
    LRM_CODE_ERROR = 1,
    LRM_CODE_TRY_AGAIN = 2, // never reported
    LRM_CODE_WRONG_NODE = 3,
    LRM_CODE_UNKNOWN_TYPE = 4,
    LRM_CODE_UNKNOWN_COMMAND = 5,
    LRM_CODE_INVALID_PARAMETER = 6,
    LRM_CODE_UNKNOWN_SERVICE = 7,
    LRM_CODE_IGNORED = 8,
};

struct lrm_result {
    const char *uid;
    const char *sid;
    enum svc_state state; // the command that was executed
    int64_t exit_code;    // enum lrm_code
    const char *reason;   // words for the operator when it failed, or NULL
    const char *output;   // the last lines of what failed, or NULL
    const char *health;   // what its probe said last, in words; NULL: it has none
};

struct lrm_status {
    enum lrm_state state;
    enum lrm_mode mode;
    int64_t timestamp_s; // wall clock, for display only
    uint64_t version;    // not in the document: when it was written, where the reader noted that
    // uid → struct lrm_result *: those that stand in the document itself. LRMs write none there;
    // documents made by hand may have some, and tools show results so.
    struct map results;
};

struct lrm_status *lrm_status_new(struct arena *arena) WARN_UNUSED;
int lrm_status_parse(struct arena *arena, const char *text, size_t size_bytes,
                     struct lrm_status **ret, struct error *err) WARN_UNUSED;
char *lrm_status_format(struct arena *arena, const struct lrm_status *status) WARN_UNUSED;
int lrm_result_parse(struct arena *arena, const char *text, size_t size_bytes,
                     struct lrm_result **ret, struct error *err) WARN_UNUSED;
char *lrm_result_format(struct arena *arena, const struct lrm_result *result) WARN_UNUSED;
// A copy in one piece of memory, to be released with free().
struct lrm_result *lrm_result_clone(const struct lrm_result *result) WARN_UNUSED;
// Whether they say the same.
bool lrm_result_is_equal(const struct lrm_result *a, const struct lrm_result *b) WARN_UNUSED;
