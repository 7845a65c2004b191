// SPDX-License-Identifier: Apache-2.0
// The guest document. What the configuration's keys mean is decided by the agents.
#include "common/model/guest.h"

#include <errno.h>
#include <inttypes.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/model/sid.h"

struct guest *guest_new(struct arena *arena, const char *sid, const char *node)
{
    struct guest *guest = arena_new_of(arena, struct guest);
    guest->sid = arena_strdup(arena, sid);
    guest->node = arena_strdup(arena, node);
    map_init_arena(&guest->config, arena);
    return guest;
}

struct guest *guest_clone(struct arena *arena, const struct guest *guest)
{
    struct guest *clone = guest_new(arena, guest->sid, guest->node);
    clone->lock = arena_strdup(arena, guest->lock);
    clone->arrival = arena_strdup(arena, guest->arrival);
    map_each (e, &guest->config) {
        map_put(&clone->config, e->key, arena_strdup(arena, e->value));
    }
    return clone;
}

static int guest_read_config(struct arena *arena, const struct json *json, struct map *config,
                             struct error *err)
{
    const struct json *members = NULL;
    int r = json_get_object_if(json, "config", &members, err);
    if (r < 0 || members == NULL) {
        return r;
    }
    json_each (e, members) {
        const struct json *value = e->value;
        const char *text = NULL;
        if (value->type == JSON_TYPE_STRING) {
            text = value->string;
        } else if (value->type == JSON_TYPE_INT) {
            text = arena_printf(arena, "%" PRId64, value->integer);
        } else {
            return error_set(err, -EINVAL, "key 'config': key '%s': expected a string", e->key);
        }
        map_put(config, e->key, arena_strdup(arena, text));
    }
    return 0;
}

int guest_parse(struct arena *arena, const char *text, size_t size_bytes, struct guest **ret,
                struct error *err)
{
    struct json *json = NULL;
    const char *sid = NULL;
    const char *node = NULL;
    const char *lock = NULL;
    const char *arrival = NULL;
    int r = json_parse(arena, text, size_bytes, &json, err);
    if (r < 0 || (r = json_get_string(json, "sid", &sid, err)) < 0 ||
        (r = json_get_string(json, "node", &node, err)) < 0 ||
        (r = json_get_string_if(json, "lock", &lock, err)) < 0 ||
        (r = json_get_string_if(json, "arrival", &arrival, err)) < 0) {
        return r;
    }
    if (sid_check(sid, err) < 0) {
        return error_prefix(err, "key 'sid'");
    }
    if (node_name_check(node, err) < 0) {
        return error_prefix(err, "key 'node'");
    }
    struct guest *guest = guest_new(arena, sid, node);
    guest->lock = arena_strdup(arena, lock);
    guest->arrival = arena_strdup(arena, arrival);
    r = guest_read_config(arena, json, &guest->config, err);
    if (r < 0) {
        return r;
    }
    *ret = guest;
    return 0;
}

char *guest_format(struct arena *arena, const struct guest *guest)
{
    struct json *json = json_new_object(arena);
    json_put_string(json, "sid", guest->sid);
    json_put_string(json, "node", guest->node);
    json_put_string(json, "lock", guest->lock);
    json_put_string(json, "arrival", guest->arrival);
    struct json *config = json_new_object(arena);
    map_each (e, &guest->config) {
        json_put_string(config, e->key, e->value);
    }
    json_put(json, "config", config);
    return json_to_text(arena, json);
}
