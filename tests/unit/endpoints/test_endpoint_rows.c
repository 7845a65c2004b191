// SPDX-License-Identifier: Apache-2.0
// All rows of all tables: what must hold for each, and that nobody without rights changes anything.
#include <stdbool.h>
#include <string.h>

#include "api/call/call.h"
#include "api/call/method.h"
#include "api/call/parameters.h"
#include "api/call/router.h"
#include "api/endpoints/endpoints.h"
#include "common/base/arena.h"
#include "common/base/json.h"
#include "common/base/strbuf.h"
#include "tests/lib/api_fixture.h"
#include "tests/lib/fixture.h"

#define ROW(method)                                                                                \
    arena_printf(*state, "%s %s", method_verb_to_string((method)->verb), (method)->path)

// Calls anybody may make: to log in.
static bool row_is_for_the_world(const struct method *method)
{
    return strncmp(method->path, "/access/", strlen("/access/")) == 0;
}

static void rows_are_complete(void **state)
{
    const struct router *router = router_new(*state, endpoints_all);
    for (size_t i = 0; i < router_count(router); i++) {
        const struct method *method = router_at(router, i);
        const char *name = ROW(method);
        fixture_row(name, method->run != NULL && method->description != NULL);
        fixture_row(name, method->returns != NULL);
        fixture_row(name, !method->on_node || strstr(method->path, "{node}") != NULL);
        fixture_row(name, method->access != METHOD_ACCESS_WORLD || row_is_for_the_world(method));
        for (const char *at = strchr(method->path, '{'); at != NULL; at = strchr(at + 1, '{')) {
            const char *part = arena_printf(*state, "%.*s", (int)strcspn(at + 1, "}"), at + 1);
            const struct parameter *row = parameters_row(method, part);
            fixture_row(name, row != NULL && row->required);
        }
        for (size_t k = 0; k < method->parameters_count; k++) {
            fixture_row(name, method->parameters[k].description != NULL);
        }
    }
}

// The path with something that is there in the place of each part.
static const char *row_path(void **state, const struct method *method)
{
    static const struct {
        const char *part, *value;
    } rows[] = {{"node", "node2"},      {"vmid", "101"},    {"sid", "ct:101"},
                {"rule", "prefer"},     {"group", "west"},  {"storage", "shared"},
                {"userid", "root@pam"}, {"tokenid", "one"}, {"roleid", "PVEAdmin"}};
    struct strbuf path CLEANUP(strbuf_done) = {0};
    for (const char *at = method->path; *at != '\0';) {
        size_t length = strcspn(at, "{");
        strbuf_append_bytes(&path, at, length);
        at += length;
        if (*at != '{') {
            continue;
        }
        size_t size = strcspn(at, "}");
        const char *part = arena_printf(*state, "%.*s", (int)size - 1, at + 1);
        const char *value = strcmp(part, "upid") == 0
                                ? "UPID:node2:00000001:00000001:68E77F80:vzstart:101:root@pam:"
                                : "x1";
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
            value = strcmp(rows[i].part, part) == 0 ? rows[i].value : value;
        }
        strbuf_append(&path, value);
        at += size + 1;
    }
    return arena_strdup(*state, strbuf_text(&path));
}

static void put_cluster(struct api_fixture *f)
{
    api_fixture_put(f, "guest/ct:101",
                    "{\"sid\":\"ct:101\",\"node\":\"node2\",\"config\":{\"rootfs\":\"shared:a\"}}");
    api_fixture_put(f, "guest/vm:101", "{\"sid\":\"vm:101\",\"node\":\"node2\",\"config\":{}}");
    api_fixture_put(f, "resource/ct:101", "ct: 101\n\n");
    api_fixture_put(f, "config/rules",
                    "node-affinity: prefer\n\tnodes node1\n\tresources ct:101\n");
    api_fixture_put(f, "config/group-view", "group: west\n\tnodes node1\n");
    api_fixture_put(f, "storage/shared", "dir: shared\n\tpath /mnt/shared\n\tshared 1\n\n");
    api_fixture_put(f, "access/user/nobody@pve", "{\"enable\":1}");
    api_fixture_put(f, "access/user/auditor@pve", "{\"enable\":1}");
    api_fixture_put(f, "access/acl",
                    "[{\"path\":\"/\",\"ugid\":\"auditor@pve\",\"type\":\"user\","
                    "\"roleid\":\"PVEAuditor\",\"propagate\":1}]");
}

static void changes_need_rights(void **state)
{
    static const char *const users[] = {NULL, "nobody@pve", "auditor@pve"};
    static const char *const forms[] = {"",
                                        "memory=64 description=x",
                                        "state=stopped",
                                        "node=node1",
                                        "target=node1",
                                        "resource-mode=freeze",
                                        "delete=tags"};
    const struct router *router = router_new(*state, endpoints_all);
    struct api_fixture *f = api_fixture_new();
    put_cluster(f);
    for (size_t i = 0; i < router_count(router); i++) {
        const struct method *method = router_at(router, i);
        const char *name = ROW(method);
        // Logging in and one's own password are not about rights; tasks need the daemon.
        if (method->verb == METHOD_VERB_GET || row_is_for_the_world(method) ||
            strstr(method->path, "{upid}") != NULL) {
            continue;
        }
        for (size_t u = 0; u < ARRAY_SIZE(users); u++) {
            for (size_t k = 0; k < ARRAY_SIZE(forms); k++) {
                api_fixture_user(f, users[u]);
                struct api_answer answer = api_fixture_call(f, method_verb_to_string(method->verb),
                                                            row_path(state, method), forms[k]);
                fixture_row(name, answer.status != CALL_STATUS_OK ||
                                      method->access == METHOD_ACCESS_USER);
                fixture_row(name, answer.changes[0] == '\0');
                fixture_row(name, answer.task[0] == '\0');
                fixture_row(name, answer.told[0] == '\0');
                fixture_row(name, users[u] != NULL || answer.status == CALL_STATUS_UNAUTHORIZED);
            }
        }
    }
    api_fixture_free(f);
}

static void check_types(const struct json *object, const char *const (*rows)[2], size_t count)
{
    static const char *const types[JSON_TYPE_MAX] = {
        [JSON_TYPE_NULL] = "null",     [JSON_TYPE_BOOL] = "bool",   [JSON_TYPE_INT] = "int",
        [JSON_TYPE_DOUBLE] = "double", [JSON_TYPE_STRING] = "text", [JSON_TYPE_ARRAY] = "list",
        [JSON_TYPE_OBJECT] = "object"};
    for (size_t i = 0; i < count; i++) {
        const struct json *value = json_find(object, rows[i][0]);
        fixture_row(rows[i][0], value != NULL && strcmp(types[value->type], rows[i][1]) == 0);
    }
}

static void node_status_has_the_known_shape(void **state)
{
    static const char *const top[][2] = {{"uptime", "int"},       {"idle", "int"},
                                         {"loadavg", "list"},     {"kversion", "text"},
                                         {"cpu", "double"},       {"wait", "double"},
                                         {"cpuinfo", "object"},   {"memory", "object"},
                                         {"swap", "object"},      {"rootfs", "object"},
                                         {"ksm", "object"},       {"pveversion", "text"},
                                         {"boot-info", "object"}, {"current-kernel", "object"}};
    static const char *const cpu[][2] = {{"cores", "int"},  {"cpus", "int"},   {"sockets", "int"},
                                         {"model", "text"}, {"mhz", "text"},   {"hvm", "text"},
                                         {"flags", "text"}, {"user_hz", "int"}};
    static const char *const memory[][2] = {
        {"total", "int"}, {"used", "int"}, {"free", "int"}, {"available", "int"}};
    static const char *const root[][2] = {
        {"total", "int"}, {"used", "int"}, {"free", "int"}, {"avail", "int"}};
    struct api_fixture *f = api_fixture_new();
    (void)state;
    struct api_answer answer = api_fixture_call(f, "GET", "/nodes/node1/status", "");
    assert_int_equal(answer.status, 200);
    check_types(answer.data, top, ARRAY_SIZE(top));
    check_types(json_find(answer.data, "cpuinfo"), cpu, ARRAY_SIZE(cpu));
    check_types(json_find(answer.data, "memory"), memory, ARRAY_SIZE(memory));
    check_types(json_find(answer.data, "rootfs"), root, ARRAY_SIZE(root));
    assert_int_equal(json_find(answer.data, "loadavg")->count, 3);
    api_fixture_free(f);
}

static void node_without_figures_knows_itself(void **state)
{
    static const char *const rows[][2] = {{"cpu", "double"}, {"maxcpu", "int"}, {"mem", "int"},
                                          {"maxmem", "int"}, {"disk", "int"},   {"uptime", "int"}};
    struct api_fixture *f = api_fixture_new();
    (void)state;
    struct api_answer answer = api_fixture_call(f, "GET", "/nodes", "");
    assert_int_equal(answer.status, 200);
    check_types(answer.data->items[0], rows, ARRAY_SIZE(rows));
    assert_null(json_find(answer.data->items[1], "cpu"));
    api_fixture_free(f);
}

static void leases_without_clusterd_are_refused(void **state)
{
    struct api_fixture *f = api_fixture_new();
    (void)state;
    struct api_answer answer = api_fixture_call(f, "GET", "/cluster/ha/leases", "");
    assert_int_equal(answer.status, 500);
    api_fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(rows_are_complete),
        fixture_test(changes_need_rights),
        fixture_test(node_status_has_the_known_shape),
        fixture_test(node_without_figures_knows_itself),
        fixture_test(leases_without_clusterd_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
