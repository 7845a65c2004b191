// SPDX-License-Identifier: Apache-2.0
// The tree: making and reading it. json_reader.c turns text into a tree, json_writer.c a tree into
// text.
#include "common/base/json.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/parse.h"

enum { JSON_CAPACITY_MIN = 8 };

static struct json *json_new(struct arena *arena, enum json_node_type type)
{
    struct json *json = arena_new_of(arena, struct json);
    json->type = type;
    json->arena = arena;
    return json;
}

struct json *json_new_null(struct arena *arena)
{
    return json_new(arena, JSON_TYPE_NULL);
}

struct json *json_new_bool(struct arena *arena, bool value)
{
    struct json *json = json_new(arena, JSON_TYPE_BOOL);
    json->boolean = value;
    return json;
}

struct json *json_new_int(struct arena *arena, int64_t value)
{
    struct json *json = json_new(arena, JSON_TYPE_INT);
    json->integer = value;
    return json;
}

struct json *json_new_double(struct arena *arena, double value)
{
    assert(isfinite(value));
    struct json *json = json_new(arena, JSON_TYPE_DOUBLE);
    json->real = value;
    return json;
}

struct json *json_new_string(struct arena *arena, const char *value)
{
    struct json *json = json_new(arena, JSON_TYPE_STRING);
    json->string = arena_strdup(arena, value);
    return json;
}

struct json *json_new_array(struct arena *arena)
{
    return json_new(arena, JSON_TYPE_ARRAY);
}

struct json *json_new_object(struct arena *arena)
{
    struct json *json = json_new(arena, JSON_TYPE_OBJECT);
    map_init_arena(&json->members, arena);
    return json;
}

void json_append(struct json *array, struct json *item)
{
    assert(array->type == JSON_TYPE_ARRAY);
    assert(item != NULL);
    if (array->count == array->capacity) {
        size_t capacity = array->capacity > 0 ? 2 * array->capacity : JSON_CAPACITY_MIN;
        struct json **items = arena_array_of(array->arena, struct json *, capacity);
        if (array->count > 0) {
            memcpy(items, array->items, array->count * sizeof(*items));
        }
        array->items = items;
        array->capacity = capacity;
    }
    array->items[array->count++] = item;
}

void json_put(struct json *object, const char *key, struct json *value)
{
    assert(object->type == JSON_TYPE_OBJECT);
    assert(value != NULL);
    map_put(&object->members, key, value);
}

void json_put_string(struct json *object, const char *key, const char *value)
{
    if (value != NULL) {
        json_put(object, key, json_new_string(object->arena, value));
    }
}

void json_put_int(struct json *object, const char *key, int64_t value)
{
    json_put(object, key, json_new_int(object->arena, value));
}

void json_put_bool(struct json *object, const char *key, bool value)
{
    json_put(object, key, json_new_bool(object->arena, value));
}

struct json *json_find(const struct json *object, const char *key)
{
    return object->type == JSON_TYPE_OBJECT ? map_find(&object->members, key) : NULL;
}

const char *json_find_string(const struct json *object, const char *key)
{
    const struct json *member = json_find(object, key);
    return member != NULL && member->type == JSON_TYPE_STRING ? member->string : NULL;
}

static int json_is_missing(const char *key, struct error *err)
{
    return error_set(err, -EINVAL, "key '%s' is missing", key);
}

int json_get_string(const struct json *object, const char *key, const char **ret, struct error *err)
{
    if (json_find(object, key) == NULL) {
        return json_is_missing(key, err);
    }
    return json_get_string_if(object, key, ret, err);
}

int json_get_int(const struct json *object, const char *key, int64_t min, int64_t max, int64_t *ret,
                 struct error *err)
{
    if (json_find(object, key) == NULL) {
        return json_is_missing(key, err);
    }
    return json_get_int_if(object, key, min, max, ret, err);
}

int json_get_string_if(const struct json *object, const char *key, const char **ret,
                       struct error *err)
{
    const struct json *member = json_find(object, key);
    if (member == NULL) {
        return 0;
    }
    if (member->type != JSON_TYPE_STRING) {
        return error_set(err, -EINVAL, "key '%s': expected a string", key);
    }
    *ret = member->string;
    return 0;
}

int json_get_object_if(const struct json *object, const char *key, const struct json **ret,
                       struct error *err)
{
    const struct json *member = json_find(object, key);
    if (member == NULL) {
        return 0;
    }
    if (member->type != JSON_TYPE_OBJECT) {
        return error_set(err, -EINVAL, "key '%s': expected an object", key);
    }
    *ret = member;
    return 0;
}

int json_get_int_if(const struct json *object, const char *key, int64_t min, int64_t max,
                    int64_t *ret, struct error *err)
{
    const struct json *member = json_find(object, key);
    if (member == NULL) {
        return 0;
    }
    int64_t value = 0;
    int r = -EINVAL;
    if (member->type == JSON_TYPE_INT) {
        value = member->integer;
        r = value >= min && value <= max ? 0 : -ERANGE;
    } else if (member->type == JSON_TYPE_STRING) {
        r = parse_int64(member->string, min, max, &value);
    }
    if (r < 0) {
        return error_set(err, -EINVAL,
                         "key '%s': expected a whole number from %" PRId64 " to %" PRId64, key, min,
                         max);
    }
    *ret = value;
    return 0;
}

int json_get_double_if(const struct json *object, const char *key, double *ret, struct error *err)
{
    const struct json *member = json_find(object, key);
    if (member == NULL) {
        return 0;
    }
    if (member->type == JSON_TYPE_INT) {
        *ret = (double)member->integer;
        return 0;
    }
    if (member->type == JSON_TYPE_DOUBLE) {
        *ret = member->real;
        return 0;
    }
    if (member->type == JSON_TYPE_STRING && parse_double(member->string, ret) == 0) {
        return 0;
    }
    return error_set(err, -EINVAL, "key '%s': expected a number", key);
}

int json_get_bool_if(const struct json *object, const char *key, bool *ret, struct error *err)
{
    const struct json *member = json_find(object, key);
    if (member == NULL) {
        return 0;
    }
    if (member->type == JSON_TYPE_BOOL) {
        *ret = member->boolean;
        return 0;
    }
    if (member->type == JSON_TYPE_INT && (member->integer == 0 || member->integer == 1)) {
        *ret = member->integer == 1;
        return 0;
    }
    if (member->type == JSON_TYPE_STRING && parse_bool(member->string, ret) == 0) {
        return 0;
    }
    return error_set(err, -EINVAL, "key '%s': expected true or false", key);
}
