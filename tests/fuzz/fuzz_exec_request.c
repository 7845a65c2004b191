// SPDX-License-Identifier: Apache-2.0
// Any text as a request to ha-execd, up to where its handler would be called: what has been checked
// has the types and bounds of its row, and is the same when it is checked again.
#include <assert.h>
#include <string.h>

#include "api/call/method.h"
#include "api/call/parameters.h"
#include "api/call/router.h"
#include "api/endpoints/endpoints.h"
#include "api/exec/exec_request.h"
#include "common/base/arena.h"
#include "common/base/json.h"
#include "tests/fuzz/fuzz.h"

static enum json_node_type type_of(enum parameter_type type)
{
    switch (type) {
    case PARAMETER_TYPE_STRING:
        return JSON_TYPE_STRING;
    case PARAMETER_TYPE_INTEGER:
        return JSON_TYPE_INT;
    case PARAMETER_TYPE_NUMBER:
        return JSON_TYPE_DOUBLE;
    case PARAMETER_TYPE_BOOLEAN:
        return JSON_TYPE_BOOL;
    case PARAMETER_TYPE_LIST:
        return JSON_TYPE_ARRAY;
    case PARAMETER_TYPE_MAX:
        break;
    }
    return JSON_TYPE_MAX;
}

static void values_look(const struct method *method, const struct json *values)
{
    json_each (e, values) {
        const struct parameter *row = parameters_row(method, e->key);
        const struct json *value = e->value;
        assert(row != NULL);
        assert(value->type == type_of(row->type));
        if (row->type == PARAMETER_TYPE_INTEGER) {
            assert(!row->has_minimum || value->integer >= row->minimum);
            assert(!row->has_maximum || value->integer <= row->maximum);
        }
        for (size_t i = 0; i < value->count; i++) {
            assert(value->items[i]->type == JSON_TYPE_STRING);
        }
    }
}

static void call_look(struct arena *arena, const struct exec_request *request)
{
    const struct router *router = router_new(arena, endpoints_all);
    enum method_verb verb;
    struct route route;
    struct json *values, *again;
    if (method_verb_from_string(request->method, &verb) < 0) {
        return;
    }
    router_find(router, arena, verb, request->path, &route);
    if (route.method == NULL ||
        !parameters_check(arena, route.method, route.path, request->parameters, &values)) {
        return;
    }
    values_look(route.method, values);
    // The parts of the path are texts in the path and perhaps numbers among the values.
    bool good = parameters_check(arena, route.method, json_new_object(arena), values, &again);
    assert(good);
    assert(strcmp(json_to_text(arena, values), json_to_text(arena, again)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    const char *text = arena_memdup(arena, data, size_bytes);
    struct exec_request request;
    int64_t id = -1;
    int r = exec_request_parse(arena, text, size_bytes, &id, &request, NULL);
    assert(id >= 0);
    if (r == 0) {
        assert(request.id == id && id > 0);
    }
    if (r == 0 && request.op == EXEC_OP_CALL) {
        call_look(arena, &request);
    }
    return 0;
}
