// SPDX-License-Identifier: Apache-2.0
// One volatile key with a new id is the question; each node answers with the id under a key of its
// own.
#include "cli/inquiry.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "cli/session.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/host/host_clock.h"
#include "common/host/host_ids.h"
#include "common/model/store_keys.h"
#include "common/port/clock.h"
#include "common/port/membership.h"
#include "common/port/store.h"

// Longer than a node waits for its storages.
enum { ANSWER_MS = 5000, STEP_MS = 20 };

static bool answers_read(struct arena *arena, const struct session *session, const char *id,
                         struct map *answers)
{
    struct member_list members;
    struct error err = {0};
    if (membership_get(session->membership, arena, &members, &err) < 0) {
        return false;
    }
    bool complete = true;
    for (size_t i = 0; i < members.count; i++) {
        const char *node = members.members[i].node;
        struct session_value value;
        struct json *json = NULL;
        const char *key = arena_printf(arena, STORE_PREFIX_LIVE_CHECK "%s", node);
        if (!members.members[i].online || map_has(answers, node)) {
            continue;
        }
        bool read = session_read(arena, session, key, &value, &err) == 0 && value.text != NULL &&
                    json_parse(arena, value.text, value.size_bytes, &json, &err) == 0;
        const char *answered = read ? json_find_string(json, "inquiry") : NULL;
        if (answered != NULL && strcmp(answered, id) == 0) {
            map_put(answers, node, json);
        } else {
            complete = false;
        }
    }
    return complete;
}

int inquiry_make(struct arena *arena, const struct session *session, struct map *ret,
                 struct error *err)
{
    struct ids ids;
    struct clock clock;
    host_ids_init(&ids);
    host_clock_init(&clock);
    const char *id = ids_next(&ids, arena);
    const struct store_op op = {
        .key = STORE_KEY_LIVE_INQUIRY,
        .value = id,
        .size_bytes = strlen(id),
        .expect = STORE_ANY,
    };
    map_init_arena(ret, arena);
    int64_t end_ms = clock_now_ms(&clock) + ANSWER_MS;
    int r = session_write(session, "the inquiry", &op, 1, err);
    // The members have just changed, and agree anew; asking twice is harmless.
    while ((r == -EHOSTDOWN || r == -ETIMEDOUT) && clock_now_ms(&clock) < end_ms) {
        host_sleep_ms(STEP_MS);
        error_clear(err);
        r = session_write(session, "the inquiry", &op, 1, err);
    }
    if (r < 0) {
        return r;
    }
    end_ms = clock_now_ms(&clock) + ANSWER_MS;
    // What is shown at the end is what had come by then.
    while (store_refresh(session->store, err) == 0 && !answers_read(arena, session, id, ret) &&
           clock_now_ms(&clock) < end_ms) {
        host_sleep_ms(STEP_MS);
    }
    error_clear(err);
    return 0;
}
