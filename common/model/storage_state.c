// SPDX-License-Identifier: Apache-2.0
// The conditions of a node's storages as a document.
#include "common/model/storage_state.h"

#include <errno.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/model/sid.h"

ENUM_TABLE(storage_condition, STORAGE_CONDITION_MAX, "ready", "missing", "stalled");

static int state_parse(struct arena *arena, const struct json *json, struct storage_state *ret,
                       struct error *err)
{
    struct storage_state state = {0};
    const char *condition = NULL;
    int r = json_get_string(json, "condition", &condition, err);
    if (r < 0) {
        return r;
    }
    if (storage_condition_from_string(condition, &state.condition) < 0) {
        return error_set(err, -EINVAL, "key 'condition': unknown word '%s'", condition);
    }
    if ((r = json_get_string_if(json, "reason", &state.reason, err)) < 0 ||
        (r = json_get_int_if(json, "total", 0, INT64_MAX, &state.total_bytes, err)) < 0 ||
        (r = json_get_int_if(json, "available", 0, INT64_MAX, &state.available_bytes, err)) < 0) {
        return r;
    }
    state.reason = arena_strdup(arena, state.reason);
    *ret = state;
    return 0;
}

int storage_states_parse(struct arena *arena, const char *text, size_t size_bytes,
                         struct map *ret_states, struct error *err)
{
    struct json *json = NULL;
    struct map states;
    int r = json_parse_object(arena, text, size_bytes, &json, err);
    if (r < 0) {
        return r;
    }
    map_init_arena(&states, arena);
    json_each (e, json) {
        struct storage_state *state = arena_new_of(arena, struct storage_state);
        r = config_id_check(e->key, err);
        if (r < 0 || (r = state_parse(arena, e->value, state, err)) < 0) {
            return error_prefix(err, "key '%s'", e->key);
        }
        map_put(&states, e->key, state);
    }
    *ret_states = states;
    return 0;
}

char *storage_states_format(struct arena *arena, const struct map *states)
{
    struct json *json = json_new_object(arena);
    map_each (e, states) {
        const struct storage_state *state = e->value;
        struct json *item = json_new_object(arena);
        json_put_string(item, "condition", storage_condition_to_string(state->condition));
        json_put_string(item, "reason", state->reason);
        if (state->total_bytes > 0) {
            json_put_int(item, "total", state->total_bytes);
            json_put_int(item, "available", state->available_bytes);
        }
        json_put(json, e->key, item);
    }
    return json_to_text(arena, json);
}
