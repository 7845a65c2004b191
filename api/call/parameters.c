// SPDX-License-Identifier: Apache-2.0
// Types, bounds and formats of parameters, in the words that clients of the field know.
#include "api/call/parameters.h"

#include <inttypes.h>
#include <string.h>

#include "api/call/method.h"
#include "api/call/parameter_format.h"
#include "common/base/arena.h"
#include "common/base/json.h"
#include "common/base/parse.h"
#include "common/base/strbuf.h"

enum { LENGTH_MAX = 4096, LIST_ITEMS_MAX = 1024, WORDS_MAX = 200 };

#define UNKNOWN_WORDS                                                                              \
    "property is not defined in schema and the schema does not allow additional properties"

bool parameter_is_indexed(const struct parameter *row)
{
    return strchr(row->name, '[') != NULL;
}

static bool row_has_name(const struct parameter *row, const char *name)
{
    size_t base = strcspn(row->name, "[");
    int64_t index;
    if (row->name[base] == '\0') {
        return strcmp(row->name, name) == 0;
    }
    return strncmp(row->name, name, base) == 0 &&
           parse_int64(name + base, 0, row->maximum, &index) == 0 &&
           (name[base] != '0' || name[base + 1] == '\0') && name[base] != '+' && name[base] != '-';
}

const struct parameter *parameters_row(const struct method *method, const char *name)
{
    for (size_t i = 0; i < method->parameters_count; i++) {
        if (row_has_name(&method->parameters[i], name)) {
            return &method->parameters[i];
        }
    }
    return NULL;
}

// The value as text, when it is one that a form can have; else NULL.
static const char *scalar_text(struct arena *arena, const struct json *value)
{
    switch (value->type) {
    case JSON_TYPE_STRING:
        return value->string;
    case JSON_TYPE_BOOL:
        return value->boolean ? "1" : "0";
    case JSON_TYPE_INT:
    case JSON_TYPE_DOUBLE:
        return json_to_text(arena, value);
    case JSON_TYPE_NULL:
    case JSON_TYPE_ARRAY:
    case JSON_TYPE_OBJECT:
    case JSON_TYPE_MAX:
        break;
    }
    return NULL;
}

static const char *type_words(struct arena *arena, const struct parameter *row,
                              const struct json *value)
{
    const char *text = scalar_text(arena, value);
    text = text != NULL ? text : json_to_text(arena, value);
    return arena_printf(arena, "type check ('%s') failed - got '%.*s'",
                        parameter_type_to_string(row->type), WORDS_MAX, text);
}

static const char *values_words(struct arena *arena, const struct parameter *row, const char *text)
{
    struct strbuf list CLEANUP(strbuf_done) = {0};
    if (row->values == NULL) {
        return NULL;
    }
    for (size_t i = 0; row->values[i] != NULL; i++) {
        if (strcmp(row->values[i], text) == 0) {
            return NULL;
        }
        strbuf_appendf(&list, "%s%s", i > 0 ? ", " : "", row->values[i]);
    }
    return arena_printf(arena, "value '%.*s' does not have a value in the enumeration '%s'",
                        WORDS_MAX, text, strbuf_text(&list));
}

static const char *bounds_words(struct arena *arena, const struct parameter *row, double value)
{
    if (row->has_minimum && value < (double)row->minimum) {
        return arena_printf(arena, "value must have a minimum value of %" PRId64, row->minimum);
    }
    if (row->has_maximum && value > (double)row->maximum) {
        return arena_printf(arena, "value must have a maximum value of %" PRId64, row->maximum);
    }
    return NULL;
}

// Each returns NULL and the value, or the words of what is wrong.

static const char *string_check(struct arena *arena, const struct parameter *row,
                                const struct json *value, struct json **ret)
{
    const char *text = scalar_text(arena, value);
    if (text == NULL) {
        return type_words(arena, row, value);
    }
    size_t length_max = row->length_max > 0 ? row->length_max : LENGTH_MAX;
    if (strlen(text) > length_max) {
        return arena_printf(arena, "value may only be %zu characters long", length_max);
    }
    const char *words = values_words(arena, row, text);
    if (words == NULL) {
        words = parameter_format_fault(arena, row->format, text);
    }
    *ret = json_new_string(arena, text);
    return words;
}

static const char *integer_check(struct arena *arena, const struct parameter *row,
                                 const struct json *value, struct json **ret)
{
    const char *text = value->type == JSON_TYPE_BOOL ? NULL : scalar_text(arena, value);
    int64_t number;
    if (text == NULL || parse_int64(text, INT64_MIN, INT64_MAX, &number) < 0) {
        return type_words(arena, row, value);
    }
    const char *words = values_words(arena, row, text);
    if (words == NULL) {
        words = bounds_words(arena, row, (double)number);
    }
    if (words == NULL && row->format != PARAMETER_FORMAT_NONE) {
        words = parameter_format_fault(arena, row->format, text);
    }
    *ret = json_new_int(arena, number);
    return words;
}

static const char *number_check(struct arena *arena, const struct parameter *row,
                                const struct json *value, struct json **ret)
{
    const char *text = value->type == JSON_TYPE_BOOL ? NULL : scalar_text(arena, value);
    double number;
    if (value->type == JSON_TYPE_DOUBLE) {
        number = value->real;
    } else if (text == NULL || parse_double(text, &number) < 0) {
        return type_words(arena, row, value);
    }
    *ret = json_new_double(arena, number);
    return bounds_words(arena, row, number);
}

static const char *boolean_check(struct arena *arena, const struct parameter *row,
                                 const struct json *value, struct json **ret)
{
    const char *text = scalar_text(arena, value);
    if (text == NULL || (strcmp(text, "0") != 0 && strcmp(text, "1") != 0)) {
        return type_words(arena, row, value);
    }
    *ret = json_new_bool(arena, text[0] == '1');
    return NULL;
}

static const char *list_check(struct arena *arena, const struct parameter *row,
                              const struct json *value, struct json **ret)
{
    struct json *given = json_new_array(arena);
    if (value->type == JSON_TYPE_ARRAY) {
        for (size_t i = 0; i < value->count; i++) {
            json_append(given, value->items[i]);
        }
    } else {
        const char *text = scalar_text(arena, value);
        if (text == NULL) {
            return type_words(arena, row, value);
        }
        struct parse_words words = parse_list(arena, text);
        for (size_t i = 0; i < words.count; i++) {
            json_append(given, json_new_string(arena, words.words[i]));
        }
    }
    if (given->count > LIST_ITEMS_MAX) {
        return arena_printf(arena, "list may only have %d entries", LIST_ITEMS_MAX);
    }
    struct json *list = json_new_array(arena);
    for (size_t i = 0; i < given->count; i++) {
        struct json *item = NULL;
        const char *words = string_check(arena, row, given->items[i], &item);
        if (words != NULL) {
            return words;
        }
        json_append(list, item);
    }
    *ret = list;
    return NULL;
}

static const char *value_check(struct arena *arena, const struct parameter *row,
                               const struct json *value, struct json **ret)
{
    switch (row->type) {
    case PARAMETER_TYPE_STRING:
        return string_check(arena, row, value, ret);
    case PARAMETER_TYPE_INTEGER:
        return integer_check(arena, row, value, ret);
    case PARAMETER_TYPE_NUMBER:
        return number_check(arena, row, value, ret);
    case PARAMETER_TYPE_BOOLEAN:
        return boolean_check(arena, row, value, ret);
    case PARAMETER_TYPE_LIST:
        return list_check(arena, row, value, ret);
    case PARAMETER_TYPE_MAX:
        break;
    }
    return UNKNOWN_WORDS; // a row with no type of the table
}

struct checker {
    struct arena *arena;
    const struct method *method;
    struct json *values, *errors;
};

static void one_check(struct checker *checker, const char *name, const struct json *value)
{
    const struct parameter *row = parameters_row(checker->method, name);
    struct json *checked = NULL;
    if (value->type == JSON_TYPE_NULL) {
        return; // as if it had not been given
    }
    const char *words =
        row == NULL ? UNKNOWN_WORDS : value_check(checker->arena, row, value, &checked);
    if (words != NULL) {
        json_put_string(checker->errors, name, words);
    } else {
        json_put(checker->values, name, checked);
    }
}

bool parameters_check(struct arena *arena, const struct method *method, const struct json *path,
                      const struct json *given, struct json **ret)
{
    struct checker checker = {.arena = arena,
                              .method = method,
                              .values = json_new_object(arena),
                              .errors = json_new_object(arena)};
    json_each (e, path) {
        one_check(&checker, e->key, e->value);
    }
    if (given != NULL) {
        json_each (e, given) {
            const char *part = json_find_string(path, e->key);
            if (part == NULL) {
                one_check(&checker, e->key, e->value);
                continue;
            }
            const char *text = scalar_text(arena, e->value);
            if (text == NULL || strcmp(part, text) != 0) {
                json_put_string(checker.errors, e->key, "given twice with different values");
            }
        }
        for (size_t i = 0; i < method->parameters_count; i++) {
            const struct parameter *row = &method->parameters[i];
            if (row->required && !parameter_is_indexed(row) &&
                json_find(checker.values, row->name) == NULL &&
                json_find(checker.errors, row->name) == NULL) {
                json_put_string(checker.errors, row->name, PARAMETER_WORDS_MISSING);
            }
        }
    }
    bool good = checker.errors->members.count == 0;
    *ret = good ? checker.values : checker.errors;
    return good;
}
