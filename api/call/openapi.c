// SPDX-License-Identifier: Apache-2.0
// Rows as JSON Schema.
#include "api/call/openapi.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "api/call/method.h"
#include "api/call/parameters.h"
#include "api/call/router.h"
#include "common/base/arena.h"
#include "common/base/json.h"
#include "common/base/strbuf.h"

static struct json *object_of(struct arena *arena, const char *key, const char *text)
{
    struct json *object = json_new_object(arena);
    json_put_string(object, key, text);
    return object;
}

static void schema_bounds(struct json *schema, const struct parameter *row)
{
    if (row->has_minimum) {
        json_put_int(schema, "minimum", row->minimum);
    }
    if (row->has_maximum && !parameter_is_indexed(row)) {
        json_put_int(schema, "maximum", row->maximum);
    }
    if (row->length_max > 0) {
        json_put_int(schema, "maxLength", (int64_t)row->length_max);
    }
}

// Of one value; of a list it is that of its entries.
static struct json *schema_of_value(struct arena *arena, const struct parameter *row)
{
    enum parameter_type type = row->type == PARAMETER_TYPE_LIST ? PARAMETER_TYPE_STRING : row->type;
    struct json *schema = object_of(arena, "type", parameter_type_to_string(type));
    if (row->format != PARAMETER_FORMAT_NONE) {
        json_put_string(schema, "format", parameter_format_to_string(row->format));
    }
    schema_bounds(schema, row);
    if (row->values != NULL) {
        struct json *values = json_new_array(arena);
        for (size_t i = 0; row->values[i] != NULL; i++) {
            json_append(values, json_new_string(arena, row->values[i]));
        }
        json_put(schema, "enum", values);
    }
    return schema;
}

static struct json *schema_of(struct arena *arena, const struct parameter *row)
{
    struct json *schema = schema_of_value(arena, row);
    if (row->type == PARAMETER_TYPE_LIST) {
        struct json *list = object_of(arena, "type", "array");
        json_put(list, "items", schema);
        schema = list;
    }
    json_put_string(schema, "description", row->description);
    if (row->default_text != NULL) {
        json_put_string(schema, "x-default", row->default_text);
    }
    return schema;
}

static bool row_is_in_path(const struct method *method, const struct parameter *row)
{
    const char *at = method->path;
    size_t length = strlen(row->name);
    while ((at = strchr(at, '{')) != NULL) {
        at++;
        if (strncmp(at, row->name, length) == 0 && at[length] == '}') {
            return true;
        }
    }
    return false;
}

typedef void (*row_use)(struct json *into, const char *name, const struct parameter *row);

// An indexed row stands for as many as it has numbers.
static void row_expand(struct arena *arena, const struct parameter *row, struct json *into,
                       row_use use)
{
    if (!parameter_is_indexed(row)) {
        use(into, row->name, row);
        return;
    }
    for (int64_t i = 0; i <= row->maximum; i++) {
        use(into, arena_printf(arena, "%.*s%" PRId64, (int)strcspn(row->name, "["), row->name, i),
            row);
    }
}

static void query_add(struct json *parameters, const char *name, const struct parameter *row)
{
    struct arena *arena = parameters->arena;
    struct json *parameter = object_of(arena, "name", name);
    json_put_string(parameter, "in", "query");
    json_put_bool(parameter, "required", row->required);
    json_put(parameter, "schema", schema_of(arena, row));
    json_append(parameters, parameter);
}

static void property_add(struct json *body, const char *name, const struct parameter *row)
{
    json_put(json_find(body, "properties"), name, schema_of(body->arena, row));
    if (row->required) {
        json_append(json_find(body, "required"), json_new_string(body->arena, name));
    }
}

static void path_add(struct json *parameters, const struct parameter *row)
{
    struct json *parameter = object_of(parameters->arena, "name", row->name);
    json_put_string(parameter, "in", "path");
    json_put_bool(parameter, "required", true);
    json_put(parameter, "schema", schema_of(parameters->arena, row));
    json_append(parameters, parameter);
}

static struct json *body_new(struct arena *arena)
{
    struct json *body = object_of(arena, "type", "object");
    json_put_bool(body, "additionalProperties", false);
    json_put(body, "properties", json_new_object(arena));
    json_put(body, "required", json_new_array(arena));
    return body;
}

static void body_put(struct json *operation, struct json *body)
{
    struct arena *arena = operation->arena;
    struct json *content = json_new_object(arena);
    static const char *const types[] = {"application/json", "application/x-www-form-urlencoded"};
    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        struct json *type = json_new_object(arena);
        json_put(type, "schema", body);
        json_put(content, types[i], type);
    }
    struct json *request = json_new_object(arena);
    json_put(request, "content", content);
    json_put(operation, "requestBody", request);
}

static const char *access_words(struct arena *arena, const struct method *method)
{
    switch (method->access) {
    case METHOD_ACCESS_WORLD:
        return "anyone";
    case METHOD_ACCESS_USER:
        return "anyone who is logged in; shows what the caller may see";
    case METHOD_ACCESS_ROOT:
        return "root@pam, without a token";
    case METHOD_ACCESS_PRIVILEGE:
        break;
    }
    return arena_printf(arena, "%s on %s", privilege_to_string(method->privilege),
                        method->access_path != NULL ? method->access_path : "/");
}

static struct json *responses_make(struct arena *arena, const struct method *method)
{
    struct json *data = json_new_object(arena);
    if (method->returns != NULL) {
        json_put_string(data, "type", method->returns);
    }
    struct json *properties = json_new_object(arena);
    json_put(properties, "data", data);
    struct json *schema = object_of(arena, "type", "object");
    json_put(schema, "properties", properties);
    struct json *type = json_new_object(arena);
    json_put(type, "schema", schema);
    struct json *content = json_new_object(arena);
    json_put(content, "application/json", type);
    struct json *good = object_of(arena, "description", "done");
    json_put(good, "content", content);
    struct json *responses = json_new_object(arena);
    json_put(responses, "200", good);
    json_put(responses, "default",
             object_of(arena, "description", "refused or failed; the reason phrase says why"));
    return responses;
}

static struct json *operation_make(struct arena *arena, const struct method *method)
{
    bool has_body = method->verb == METHOD_VERB_POST || method->verb == METHOD_VERB_PUT;
    struct json *operation = object_of(arena, "summary", method->description);
    struct json *parameters = json_new_array(arena);
    struct json *body = body_new(arena);
    for (size_t i = 0; i < method->parameters_count; i++) {
        const struct parameter *row = &method->parameters[i];
        if (row_is_in_path(method, row)) {
            path_add(parameters, row);
        } else {
            row_expand(arena, row, has_body ? body : parameters,
                       has_body ? property_add : query_add);
        }
    }
    if (parameters->count > 0) {
        json_put(operation, "parameters", parameters);
    }
    if (has_body && json_find(body, "properties")->members.count > 0) {
        body_put(operation, body);
    }
    json_put(operation, "responses", responses_make(arena, method));
    json_put_string(operation, "x-access", access_words(arena, method));
    if (method->access == METHOD_ACCESS_WORLD) {
        json_put(operation, "security", json_new_array(arena));
    }
    return operation;
}

static const char *verb_key(enum method_verb verb)
{
    switch (verb) {
    case METHOD_VERB_GET:
        return "get";
    case METHOD_VERB_POST:
        return "post";
    case METHOD_VERB_PUT:
        return "put";
    case METHOD_VERB_DELETE:
        return "delete";
    case METHOD_VERB_MAX:
        break;
    }
    abort(); // a row without a verb
}

// How one logs in: by a cookie (and, for changes, a header), or by a token.
static void security_put(struct json *document)
{
    struct arena *arena = document->arena;
    static const char *const schemes[][3] = {
        {"csrf", "header", "CSRFPreventionToken"},
        {"ticket", "cookie", "PVEAuthCookie"},
        {"token", "header", "Authorization"},
    };
    struct json *all = json_new_object(arena);
    for (size_t i = 0; i < ARRAY_SIZE(schemes); i++) {
        struct json *scheme = object_of(arena, "type", "apiKey");
        json_put_string(scheme, "in", schemes[i][1]);
        json_put_string(scheme, "name", schemes[i][2]);
        json_put(all, schemes[i][0], scheme);
    }
    struct json *components = json_new_object(arena);
    json_put(components, "securitySchemes", all);
    json_put(document, "components", components);
    struct json *ticket = json_new_object(arena), *token = json_new_object(arena);
    json_put(ticket, "csrf", json_new_array(arena));
    json_put(ticket, "ticket", json_new_array(arena));
    json_put(token, "token", json_new_array(arena));
    struct json *security = json_new_array(arena);
    json_append(security, ticket);
    json_append(security, token);
    json_put(document, "security", security);
}

struct json *openapi_make(struct arena *arena, const struct router *router, const char *version)
{
    struct json *info = object_of(arena, "title", "ha-manager");
    json_put_string(info, "version", version);
    struct json *servers = json_new_array(arena);
    json_append(servers, object_of(arena, "url", "/api2/json"));
    struct json *paths = json_new_object(arena);
    for (size_t i = 0; i < router_count(router); i++) {
        const struct method *method = router_at(router, i);
        struct json *path = json_find(paths, method->path);
        if (path == NULL) {
            path = json_new_object(arena);
            json_put(paths, method->path, path);
        }
        json_put(path, verb_key(method->verb), operation_make(arena, method));
    }
    struct json *document = object_of(arena, "openapi", "3.1.0");
    json_put(document, "info", info);
    json_put(document, "servers", servers);
    json_put(document, "paths", paths);
    security_put(document);
    return document;
}

void openapi_describe(const struct method *method, struct strbuf *out)
{
    strbuf_appendf(out, "%s %s\n  %s\n", method_verb_to_string(method->verb), method->path,
                   method->description);
    for (size_t i = 0; i < method->parameters_count; i++) {
        const struct parameter *row = &method->parameters[i];
        strbuf_appendf(out, "  %s <%s>%s  %s", row->name, parameter_type_to_string(row->type),
                       row->required ? " (required)" : "", row->description);
        if (row->default_text != NULL) {
            strbuf_appendf(out, " (default: %s)", row->default_text);
        }
        strbuf_append_char(out, '\n');
    }
}
