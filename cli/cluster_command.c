// SPDX-License-Identifier: Apache-2.0
// The queue of commands as a tool sees it.
#include "cli/cluster_command.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "cli/cluster_view.h"
#include "cli/session.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/host/host_clock.h"
#include "common/host/host_ids.h"
#include "common/model/command.h"
#include "common/model/store_keys.h"
#include "common/port/clock.h"
#include "common/port/store.h"

enum { COMMAND_POLL_MS = 50 };

int cluster_command_send(struct arena *arena, const struct session *session,
                         struct command *command, struct error *err)
{
    struct ids ids;
    host_ids_init(&ids);
    command->id = ids_next(&ids, arena);
    command->by = session->node;
    const char *value = command_format(arena, command);
    struct store_op op = {.key = arena_printf(arena, STORE_PREFIX_COMMAND "%s", command->id),
                          .value = value,
                          .size_bytes = strlen(value),
                          .expect = STORE_ABSENT};
    return session_write(session, "the queue of commands", &op, 1, err);
}

static int command_read_answer(struct arena *arena, const struct session_value *value,
                               struct error *err)
{
    struct json *answer = NULL;
    const char *result = NULL;
    int r = json_parse(arena, value->text, value->size_bytes, &answer, err);
    if (r == 0) {
        r = json_get_string(answer, "result", &result, err);
    }
    if (r < 0) {
        return error_prefix(err, "the master's answer");
    }
    if (strcmp(result, "ok") != 0) {
        const char *reason = json_find_string(answer, "reason");
        return error_set(err, -ECANCELED, "the master refused: %s",
                         reason != NULL ? reason : "it gave no reason");
    }
    return 0;
}

int cluster_command_wait(struct arena *arena, const struct session *session,
                         const struct command *command, int64_t timeout_ms, struct error *err)
{
    const char *key = arena_printf(arena, STORE_PREFIX_ANSWER "%s", command->id);
    struct timespec pause = {.tv_nsec = COMMAND_POLL_MS * 1000000L};
    struct clock clock;
    host_clock_init(&clock);
    int64_t until_ms = clock_now_ms(&clock) + timeout_ms;
    for (;;) {
        struct session_value value;
        int r = store_refresh(session->store, err);
        if (r < 0) {
            return error_prefix(err, "the command is queued, but its answer cannot be read");
        }
        r = session_read(arena, session, key, &value, err);
        if (r < 0) {
            return r;
        }
        if (value.text != NULL) {
            return command_read_answer(arena, &value, err);
        }
        if (clock_now_ms(&clock) >= until_ms) {
            return error_set(err, -ETIMEDOUT,
                             "the command is queued, but no master has answered it yet");
        }
        (void)nanosleep(&pause, NULL); // waking up early only means to look again earlier
    }
}

bool cluster_command_has_taker(const struct cluster_view *view, int64_t now_s, int64_t stale_s)
{
    return view->has_master_timestamp && now_s - view->master_timestamp_s <= stale_s;
}
