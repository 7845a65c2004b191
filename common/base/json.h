// SPDX-License-Identifier: Apache-2.0
// JSON documents as plain trees in an arena. Parsing is strict (RFC 8259, UTF-8, no duplicate keys,
// nothing after the document, at most JSON_DEPTH_MAX levels); writing sorts keys and has one form
// for each number, so that documents can be compared byte by byte.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"
#include "common/base/map.h"

struct arena;
struct error;
struct strbuf;

enum { JSON_DEPTH_MAX = 32 };

enum json_node_type {
    JSON_TYPE_NULL,
    JSON_TYPE_BOOL,
    JSON_TYPE_INT,
    JSON_TYPE_DOUBLE,
    JSON_TYPE_STRING,
    JSON_TYPE_ARRAY,
    JSON_TYPE_OBJECT,
    JSON_TYPE_MAX
};

struct json {
    enum json_node_type type;
    struct arena *arena;
    bool boolean;
    int64_t integer;
    double real;
    const char *string;  // NUL-terminated; text with an embedded NUL is refused by the parser
    struct json **items; // JSON_TYPE_ARRAY
    size_t count;        // of items
    size_t capacity;
    struct map members; // JSON_TYPE_OBJECT: key → struct json *
};

// -EINVAL with position and reason. `size_bytes` counts the text without a NUL.
int json_parse(struct arena *arena, const char *text, size_t size_bytes, struct json **ret_json,
               struct error *err) WARN_UNUSED;
// The same for a document that has to be an object.
int json_parse_object(struct arena *arena, const char *text, size_t size_bytes,
                      struct json **ret_json, struct error *err) WARN_UNUSED;

struct json *json_new_null(struct arena *arena) WARN_UNUSED;
struct json *json_new_bool(struct arena *arena, bool value) WARN_UNUSED;
struct json *json_new_int(struct arena *arena, int64_t value) WARN_UNUSED;
struct json *json_new_double(struct arena *arena, double value) WARN_UNUSED; // finite
struct json *json_new_string(struct arena *arena, const char *value) WARN_UNUSED;
struct json *json_new_array(struct arena *arena) WARN_UNUSED;
struct json *json_new_object(struct arena *arena) WARN_UNUSED;

void json_append(struct json *array, struct json *item);
void json_put(struct json *object, const char *key, struct json *value);
// A NULL value adds no member.
void json_put_string(struct json *object, const char *key, const char *value);
void json_put_int(struct json *object, const char *key, int64_t value);
void json_put_bool(struct json *object, const char *key, bool value);

// The member, or NULL when absent or when `object` is not an object.
struct json *json_find(const struct json *object, const char *key) WARN_UNUSED;
// The member's text, or NULL when absent or of another type.
const char *json_find_string(const struct json *object, const char *key) WARN_UNUSED;

// Typed reading for parsers of documents. A required member that is missing, or a member of a wrong
// type, gives -EINVAL and an error that names the key and what is expected. Numbers written as text
// ("1") are accepted as numbers.
int json_get_string(const struct json *object, const char *key, const char **ret,
                    struct error *err) WARN_UNUSED;
int json_get_int(const struct json *object, const char *key, int64_t min, int64_t max, int64_t *ret,
                 struct error *err) WARN_UNUSED;
// As above, but an absent member leaves the result unchanged and is no error.
int json_get_string_if(const struct json *object, const char *key, const char **ret,
                       struct error *err) WARN_UNUSED;
int json_get_int_if(const struct json *object, const char *key, int64_t min, int64_t max,
                    int64_t *ret, struct error *err) WARN_UNUSED;
int json_get_double_if(const struct json *object, const char *key, double *ret,
                       struct error *err) WARN_UNUSED;
int json_get_bool_if(const struct json *object, const char *key, bool *ret,
                     struct error *err) WARN_UNUSED;
int json_get_object_if(const struct json *object, const char *key, const struct json **ret,
                       struct error *err) WARN_UNUSED;

enum json_style { JSON_STYLE_COMPACT, JSON_STYLE_PRETTY };
void json_format(const struct json *json, enum json_style style, struct strbuf *out);
// Compact text in the arena.
char *json_to_text(struct arena *arena, const struct json *json) WARN_UNUSED;

// for (const struct map_entry *e …): e->key, e->value is struct json *.
#define json_each(e, object) map_each (e, &(object)->members)
