// SPDX-License-Identifier: Apache-2.0
// A node's size and load as a document.
#include "common/model/node_load.h"

#include <errno.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/model/sid.h"

struct node_load *node_load_new(struct arena *arena)
{
    struct node_load *load = arena_new_of(arena, struct node_load);
    map_init_arena(&load->guests, arena);
    return load;
}

// A figure that must be there, and is not negative.
static int node_load_figure(const struct json *json, const char *key, double *ret,
                            struct error *err)
{
    double value = -1.0;
    int r = json_get_double_if(json, key, &value, err);
    if (r < 0) {
        return r;
    }
    if (value < 0.0) {
        return error_set(err, -EINVAL, "key '%s': expected a number that is not negative", key);
    }
    *ret = value;
    return 0;
}

static int node_load_guests(struct arena *arena, const struct json *json, struct node_load *load,
                            struct error *err)
{
    const struct json *guests = NULL;
    int r = json_get_object_if(json, "guests", &guests, err);
    if (r < 0 || guests == NULL) {
        return r;
    }
    json_each (e, guests) {
        struct guest_load *guest = arena_new_of(arena, struct guest_load);
        r = sid_check(e->key, err);
        if (r < 0 || (r = node_load_figure(e->value, "cpu", &guest->cpu, err)) < 0 ||
            (r = node_load_figure(e->value, "mem", &guest->mem, err)) < 0) {
            return error_prefix(err, "key 'guests': '%s'", e->key);
        }
        map_put(&load->guests, e->key, guest);
    }
    return 0;
}

int node_load_parse(struct arena *arena, const char *text, size_t size_bytes,
                    struct node_load **ret, struct error *err)
{
    struct json *json = NULL;
    int r = json_parse_object(arena, text, size_bytes, &json, err);
    if (r < 0) {
        return r;
    }
    struct node_load *load = node_load_new(arena);
    load->measured = json_find(json, "cpu") != NULL;
    if ((r = node_load_figure(json, "maxcpu", &load->maxcpu, err)) < 0 ||
        (r = node_load_figure(json, "maxmem", &load->maxmem, err)) < 0 ||
        (r = node_load_guests(arena, json, load, err)) < 0) {
        return r;
    }
    if (load->measured && ((r = node_load_figure(json, "cpu", &load->cpu, err)) < 0 ||
                           (r = node_load_figure(json, "mem", &load->mem, err)) < 0)) {
        return r;
    }
    *ret = load;
    return 0;
}

static void node_load_put(struct json *json, const char *key, double value)
{
    json_put(json, key, json_new_double(json->arena, value));
}

char *node_load_format(struct arena *arena, const struct node_load *load)
{
    struct json *json = json_new_object(arena);
    node_load_put(json, "maxcpu", load->maxcpu);
    node_load_put(json, "maxmem", load->maxmem);
    if (!load->measured) {
        return json_to_text(arena, json);
    }
    node_load_put(json, "cpu", load->cpu);
    node_load_put(json, "mem", load->mem);
    struct json *guests = json_new_object(arena);
    map_each (e, &load->guests) {
        const struct guest_load *guest = e->value;
        struct json *item = json_new_object(arena);
        node_load_put(item, "cpu", guest->cpu);
        node_load_put(item, "mem", guest->mem);
        json_put(guests, e->key, item);
    }
    json_put(json, "guests", guests);
    return json_to_text(arena, json);
}
