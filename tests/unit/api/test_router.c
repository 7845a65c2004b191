// SPDX-License-Identifier: Apache-2.0
// Paths and verbs, folders, and the document of all calls.
#include <string.h>

#include "api/call/openapi.h"
#include "api/call/router.h"
#include "common/base/arena.h"
#include "common/base/json.h"
#include "common/base/strbuf.h"
#include "tests/lib/fixture.h"

static const struct parameter node_rows[] = {
    {.name = "node", .required = true, .description = "a node"},
    {.name = "limit",
     .type = PARAMETER_TYPE_INTEGER,
     .has_minimum = true,
     .description = "how many",
     .default_text = "5"},
    {.name = "link[n]", .maximum = 2, .description = "links"},
};
#define ROWS .parameters = node_rows, .parameters_count = ARRAY_SIZE(node_rows)

static const struct method first_rows[] = {
    {.verb = METHOD_VERB_GET, .path = "/version", .description = "version", .returns = "object"},
    {.verb = METHOD_VERB_GET, .path = "/nodes", .description = "nodes"},
    {.verb = METHOD_VERB_GET, .path = "/nodes/{node}/tasks", .description = "tasks", ROWS},
    {.verb = METHOD_VERB_GET, .path = "/nodes/{node}/tasks/{upid}/log", .description = "log"},
    {.verb = METHOD_VERB_POST, .path = "/nodes/{node}/tasks", .description = "more", ROWS},
};
static const struct method second_rows[] = {
    {.verb = METHOD_VERB_GET, .path = "/cluster/ha/rules/{rule}", .description = "a rule"},
    {.verb = METHOD_VERB_PUT, .path = "/cluster/ha/rules/{rule}", .description = "set"},
    {.verb = METHOD_VERB_GET, .path = "/cluster/ha/rules/all", .description = "all"},
    {.verb = METHOD_VERB_GET, .path = "/cluster/ha/rules/deep/er", .description = "deep"},
    {.verb = METHOD_VERB_GET, .path = "/nodes/{node}/lxc/{vmid}/config", .description = "config"},
    {.verb = METHOD_VERB_POST, .path = "/access/ticket", .description = "ticket"},
    {.verb = METHOD_VERB_GET, .path = "/cluster/config/nodes", .description = "nodes"},
};
static const struct method_table first = {first_rows, ARRAY_SIZE(first_rows)};
static const struct method_table second = {second_rows, ARRAY_SIZE(second_rows)};
static const struct method_table *const tables[] = {&first, &second, NULL};

static void path_leads_to_its_row(void **state)
{
    static const struct {
        enum method_verb verb;
        const char *path, *description, *values;
    } table[] = {
        {METHOD_VERB_GET, "/version", "version", "{}"},
        {METHOD_VERB_GET, "version/", "version", "{}"},
        {METHOD_VERB_GET, "//nodes//n1//tasks", "tasks", "{\"node\":\"n1\"}"},
        {METHOD_VERB_POST, "/nodes/n1/tasks", "more", "{\"node\":\"n1\"}"},
        {METHOD_VERB_GET, "/nodes/n1/tasks/u/log", "log", "{\"node\":\"n1\",\"upid\":\"u\"}"},
        {METHOD_VERB_GET, "/cluster/ha/rules/r1", "a rule", "{\"rule\":\"r1\"}"},
        {METHOD_VERB_GET, "/cluster/ha/rules/all", "all", "{}"},
        {METHOD_VERB_PUT, "/cluster/ha/rules/r1", "set", "{\"rule\":\"r1\"}"},
        {METHOD_VERB_PUT, "/cluster/ha/rules/all", NULL, NULL},
        {METHOD_VERB_GET, "/nothing", NULL, NULL},
        {METHOD_VERB_POST, "/version", NULL, NULL},
        {METHOD_VERB_GET, "/version/x", NULL, NULL},
        {METHOD_VERB_GET, "/{node}", NULL, NULL},
        {METHOD_VERB_GET, "/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r", NULL, NULL},
    };
    const struct router *router = router_new(*state, tables);
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        struct route route;
        router_find(router, *state, table[i].verb, table[i].path, &route);
        if (table[i].description == NULL) {
            fixture_row(table[i].path, route.method == NULL && route.index == NULL);
            continue;
        }
        fixture_row(table[i].path, route.method != NULL && route.index == NULL);
        fixture_row(table[i].path, strcmp(route.method->description, table[i].description) == 0);
        fixture_row(table[i].path, strcmp(json_to_text(*state, route.path), table[i].values) == 0);
    }
}

static void folder_lists_what_is_in_it(void **state)
{
    static const struct {
        const char *path, *index;
    } table[] = {
        {"/", "[{\"subdir\":\"access\"},{\"subdir\":\"cluster\"},{\"subdir\":\"nodes\"},"
              "{\"subdir\":\"version\"}]"},
        {"/cluster", "[{\"name\":\"config\"},{\"name\":\"ha\"}]"},
        {"/cluster/config", "[{\"name\":\"nodes\"}]"},
        {"/cluster/ha", "[{\"id\":\"rules\"}]"},
        {"/cluster/ha/rules", "[{\"name\":\"all\"},{\"name\":\"deep\"}]"},
        {"/cluster/ha/rules/deep", "[{\"name\":\"er\"}]"},
        {"/access", "[{\"subdir\":\"ticket\"}]"},
        {"/nodes/n1", "[{\"name\":\"lxc\"},{\"name\":\"tasks\"}]"},
        {"/nodes/n1/lxc/100", "[{\"subdir\":\"config\"}]"},
        {"/nodes/n1/tasks/u", "[{\"name\":\"log\"}]"},
    };
    const struct router *router = router_new(*state, tables);
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        struct route route;
        router_find(router, *state, METHOD_VERB_GET, table[i].path, &route);
        fixture_row(table[i].path, route.method == NULL && route.index != NULL);
        fixture_row(table[i].path, strcmp(json_to_text(*state, route.index), table[i].index) == 0);
        router_find(router, *state, METHOD_VERB_POST, table[i].path, &route);
        fixture_row(table[i].path, route.method == NULL && route.index == NULL);
    }
}

static void router_with_twins(void *arena)
{
    static const struct method_table *const twins[] = {&first, &first, NULL};
    assert_non_null(router_new(arena, twins));
}

static void twins_are_a_mistake(void **state)
{
    assert_true(fixture_aborts(router_with_twins, *state));
}

static const struct json *find(const struct json *json, const char *const *keys)
{
    for (size_t i = 0; keys[i] != NULL; i++) {
        json = json_find(json, keys[i]);
        assert_non_null(json);
    }
    return json;
}

#define FIND(json, ...) find((json), (const char *const[]){__VA_ARGS__, NULL})

static void document_has_all_calls(void **state)
{
    const struct router *router = router_new(*state, tables);
    const struct json *document = openapi_make(*state, router, "1.0");
    assert_string_equal(json_find_string(document, "openapi"), "3.1.0");
    size_t count = 0;
    json_each (e, FIND(document, "paths")) {
        count += ((const struct json *)e->value)->members.count;
    }
    assert_int_equal(count, router_count(router));
    const struct json *parameters =
        FIND(document, "paths", "/nodes/{node}/tasks", "get", "parameters");
    assert_int_equal(parameters->count, 5); // node, limit, link0 … link2
    assert_string_equal(json_find_string(parameters->items[0], "in"), "path");
    assert_string_equal(json_find_string(parameters->items[1], "in"), "query");
    const struct json *body = FIND(document, "paths", "/nodes/{node}/tasks", "post", "requestBody",
                                   "content", "application/json", "schema", "properties");
    assert_int_equal(body->members.count, 4);
    assert_string_equal(json_find_string(FIND(body, "limit"), "type"), "integer");
}

static void call_is_described_for_people(void **state)
{
    struct strbuf text CLEANUP(strbuf_done) = {0};
    (void)state;
    openapi_describe(&first_rows[2], &text);
    assert_string_equal(strbuf_text(&text), "GET /nodes/{node}/tasks\n  tasks\n"
                                            "  node <string> (required)  a node\n"
                                            "  limit <integer>  how many (default: 5)\n"
                                            "  link[n] <string>  links\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(path_leads_to_its_row),        fixture_test(folder_lists_what_is_in_it),
        fixture_test(twins_are_a_mistake),          fixture_test(document_has_all_calls),
        fixture_test(call_is_described_for_people),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
