// SPDX-License-Identifier: Apache-2.0
// Reading and writing, and comparing coarsely.
#include "common/model/node_figures.h"

#include <errno.h>
#include <stdbool.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"

static const double NEAR_CPU = 0.02;       // of all processors
static const int64_t NEAR_PART = 64;       // of the maximum
static const double NEAR_GUEST_CPU = 0.05; // cores
static const int64_t NEAR_START_S = 2;     // it is computed from two clocks
static const int64_t NEAR_TRAFFIC = 1024 * 1024;

struct node_figures *node_figures_new(struct arena *arena)
{
    struct node_figures *figures = arena_new_of(arena, struct node_figures);
    map_init_arena(&figures->guests, arena);
    return figures;
}

static int figures_read(const struct json *json, const char *key, int64_t *ret, struct error *err)
{
    return json_get_int_if(json, key, 0, INT64_MAX, ret, err);
}

static int figures_read_cpu(const struct json *json, const char *key, double *ret,
                            struct error *err)
{
    double cpu = 0.0;
    int r = json_get_double_if(json, key, &cpu, err);
    if (r == 0 && cpu < 0.0) {
        return error_set(err, -EINVAL, "key '%s': expected a number that is not negative", key);
    }
    *ret = r == 0 ? cpu : *ret;
    return r;
}

static int figures_read_guests(struct arena *arena, const struct json *json,
                               struct node_figures *figures, struct error *err)
{
    const struct json *guests = NULL;
    int r = json_get_object_if(json, "guests", &guests, err);
    if (r < 0 || guests == NULL) {
        return r;
    }
    json_each (e, guests) {
        struct guest_figures *guest = arena_new_of(arena, struct guest_figures);
        r = figures_read_cpu(e->value, "cpu", &guest->cpu, err);
        if (r < 0 || (r = figures_read(e->value, "mem", &guest->mem_bytes, err)) < 0 ||
            (r = figures_read(e->value, "start", &guest->start_s, err)) < 0 ||
            (r = figures_read(e->value, "pid", &guest->pid, err)) < 0 ||
            (r = figures_read(e->value, "read", &guest->read_bytes, err)) < 0 ||
            (r = figures_read(e->value, "write", &guest->write_bytes, err)) < 0 ||
            (r = figures_read(e->value, "in", &guest->in_bytes, err)) < 0 ||
            (r = figures_read(e->value, "out", &guest->out_bytes, err)) < 0) {
            return error_prefix(err, "guest '%s'", e->key);
        }
        map_put(&figures->guests, e->key, guest);
    }
    return 0;
}

int node_figures_parse(struct arena *arena, const char *text, size_t size_bytes,
                       struct node_figures **ret, struct error *err)
{
    struct json *json = NULL;
    struct node_figures *figures = node_figures_new(arena);
    const struct {
        const char *key;
        int64_t *value;
    } rows[] = {
        {"at", &figures->at_s},
        {"boot", &figures->boot_s},
        {"cpus", &figures->cpus},
        {"mem", &figures->mem_bytes},
        {"maxmem", &figures->mem_max_bytes},
        {"swap", &figures->swap_bytes},
        {"maxswap", &figures->swap_max_bytes},
        {"disk", &figures->disk_bytes},
        {"maxdisk", &figures->disk_max_bytes},
        {"local", &figures->local_bytes},
        {"maxlocal", &figures->local_max_bytes},
    };
    int r = json_parse_object(arena, text, size_bytes, &json, err);
    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(rows); i++) {
        r = figures_read(json, rows[i].key, rows[i].value, err);
    }
    if (r == 0) {
        r = figures_read_cpu(json, "cpu", &figures->cpu, err);
    }
    if (r == 0) {
        r = figures_read_cpu(json, "wait", &figures->wait, err);
    }
    if (r == 0) {
        r = figures_read_guests(arena, json, figures, err);
    }
    if (r == 0) {
        *ret = figures;
    }
    return r;
}

char *node_figures_format(struct arena *arena, const struct node_figures *figures)
{
    struct json *json = json_new_object(arena);
    struct json *guests = json_new_object(arena);
    json_put_int(json, "at", figures->at_s);
    json_put_int(json, "boot", figures->boot_s);
    json_put(json, "cpu", json_new_double(arena, figures->cpu));
    json_put(json, "wait", json_new_double(arena, figures->wait));
    json_put_int(json, "cpus", figures->cpus);
    json_put_int(json, "mem", figures->mem_bytes);
    json_put_int(json, "maxmem", figures->mem_max_bytes);
    json_put_int(json, "swap", figures->swap_bytes);
    json_put_int(json, "maxswap", figures->swap_max_bytes);
    json_put_int(json, "disk", figures->disk_bytes);
    json_put_int(json, "maxdisk", figures->disk_max_bytes);
    json_put_int(json, "local", figures->local_bytes);
    json_put_int(json, "maxlocal", figures->local_max_bytes);
    map_each (e, &figures->guests) {
        const struct guest_figures *guest = e->value;
        struct json *item = json_new_object(arena);
        json_put(item, "cpu", json_new_double(arena, guest->cpu));
        json_put_int(item, "mem", guest->mem_bytes);
        json_put_int(item, "start", guest->start_s);
        json_put_int(item, "pid", guest->pid);
        json_put_int(item, "read", guest->read_bytes);
        json_put_int(item, "write", guest->write_bytes);
        json_put_int(item, "in", guest->in_bytes);
        json_put_int(item, "out", guest->out_bytes);
        json_put(guests, e->key, item);
    }
    json_put(json, "guests", guests);
    return json_to_text(arena, json);
}

static bool figures_near(int64_t a, int64_t b, int64_t slack)
{
    return a - b <= slack && b - a <= slack;
}

static bool figures_near_cpu(double a, double b, double slack)
{
    return a - b <= slack && b - a <= slack;
}

static bool figures_near_traffic(const struct guest_figures *a, const struct guest_figures *b)
{
    return figures_near(a->read_bytes, b->read_bytes, NEAR_TRAFFIC) &&
           figures_near(a->write_bytes, b->write_bytes, NEAR_TRAFFIC) &&
           figures_near(a->in_bytes, b->in_bytes, NEAR_TRAFFIC) &&
           figures_near(a->out_bytes, b->out_bytes, NEAR_TRAFFIC);
}

bool node_figures_is_near(const struct node_figures *a, const struct node_figures *b)
{
    if (a->guests.count != b->guests.count || a->cpus != b->cpus ||
        a->mem_max_bytes != b->mem_max_bytes || a->disk_max_bytes != b->disk_max_bytes ||
        !figures_near(a->boot_s, b->boot_s, NEAR_START_S) ||
        !figures_near_cpu(a->cpu, b->cpu, NEAR_CPU) ||
        !figures_near(a->mem_bytes, b->mem_bytes, a->mem_max_bytes / NEAR_PART) ||
        !figures_near(a->disk_bytes, b->disk_bytes, a->disk_max_bytes / NEAR_PART) ||
        !figures_near(a->local_bytes, b->local_bytes, a->local_max_bytes / NEAR_PART)) {
        return false;
    }
    map_each (e, &a->guests) {
        const struct guest_figures *one = e->value;
        const struct guest_figures *other = map_find(&b->guests, e->key);
        if (other == NULL || one->pid != other->pid ||
            !figures_near(one->start_s, other->start_s, NEAR_START_S) ||
            !figures_near_cpu(one->cpu, other->cpu, NEAR_GUEST_CPU) ||
            !figures_near_traffic(one, other) ||
            !figures_near(one->mem_bytes, other->mem_bytes, a->mem_max_bytes / NEAR_PART)) {
            return false;
        }
    }
    return true;
}
