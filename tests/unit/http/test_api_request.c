// SPDX-License-Identifier: Apache-2.0
// What requests ask for.
#include <string.h>

#include "api/http/parse/api_request.h"
#include "api/http/parse/http_head.h"
#include "common/base/arena.h"
#include "common/base/json.h"
#include "tests/lib/fixture.h"

static struct http_head head_of(const char *method, const char *target, const char *type)
{
    struct http_head head = {.method = method, .target = target, .minor = 1};
    if (type != NULL) {
        head.headers[head.headers_count++] = (struct http_header){"Content-Type", type};
    }
    return head;
}

struct row {
    const char *method;
    const char *target;
    const char *type;
    const char *body;
    int status;         // 0: read
    const char *result; // place, format, path, parameters; or the message
};

#define FORM "application/x-www-form-urlencoded"
#define JSON "application/json; charset=UTF-8"

static const struct row rows[] = {
    {"GET", "/api2/json", NULL, "", 0, "1 0 / {}"},
    {"GET", "/api2/json/", NULL, "", 0, "1 0 / {}"},
    {"GET", "/api2/extjs/a//b?x=1", NULL, "", 0, "1 1 /a/b {\"x\":\"1\"}"},
    {"GET", "/api2/json/a?_dc=123&b=", NULL, "", 0, "1 0 /a {\"b\":\"\"}"},
    {"GET", "/api2/json/a#b?c=d", NULL, "", 0, "1 0 /a {\"c\":\"d\"}"},
    {"POST", "/api2/json/a?x=1", FORM, "x=2&y=3", 0, "1 0 /a {\"x\":\"1\",\"y\":\"3\"}"},
    {"POST", "/api2/json/a", NULL, "y=3", 0, "1 0 /a {\"y\":\"3\"}"},
    {"POST", "/api2/json/a", JSON, "{\"n\":1,\"t\":true}", 0, "1 0 /a {\"n\":1,\"t\":true}"},
    {"POST", "/api2/json/a", "text/plain", "", 0, "1 0 /a {}"},
    {"GET", "/events", NULL, "", 0, "2 0 /events {}"},
    {"GET", "/metrics", NULL, "", 0, "3 0 /metrics {}"},
    {"GET", "/app.js?v=2", NULL, "", 0, "4 0 /app.js {\"v\":\"2\"}"},
    {"GET", "/api2x/json", NULL, "", 0, "4 0 /api2x/json {}"},
    {"GET", "/api2", NULL, "", 501, "unknown format ''"},
    {"GET", "/api2/html/a", NULL, "", 501, "unknown format 'html'"},
    {"GET", "/api2/jsonp/a", NULL, "", 501, "unknown format 'jsonp'"},
    {"POST", "/app.js", NULL, "", 501, "Method 'POST /app.js' not implemented"},
    {"POST", "/api2/json/a", "text/plain", "a=b", 415, "the body is neither a form nor JSON"},
    {"POST", "/api2/json/a", JSON, "[]", 400, "the JSON body is not an object"},
    {"POST", "/api2/json/a", FORM, "a=1&a=2", 400, "Parameter verification failed."},
    {"GET", "/api2/json/%00", NULL, "", 400, "a NUL is not allowed"},
};

static void request_is_taken_apart(void **state)
{
    struct arena *arena = *state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct http_head head = head_of(rows[i].method, rows[i].target, rows[i].type);
        struct api_request request;
        struct api_refusal refusal = {0};
        bool good =
            api_request_read(arena, &head, rows[i].body, strlen(rows[i].body), &request, &refusal);
        const char *name = arena_printf(arena, "%s %s", rows[i].method, rows[i].target);
        fixture_row(name, good == (rows[i].status == 0));
        if (good) {
            const char *result =
                arena_printf(arena, "%d %d %s %s", (int)request.place, (int)request.format,
                             request.path, json_to_text(arena, request.parameters));
            fixture_row(name, strcmp(result, rows[i].result) == 0);
        } else {
            fixture_row(name, refusal.status == rows[i].status);
            fixture_row(name, strcmp(refusal.message, rows[i].result) == 0);
        }
    }
}

static void json_body_that_costs_much_is_refused(void **state)
{
    struct http_head head = head_of("POST", "/api2/json/a", JSON);
    size_t size = (API_JSON_WEIGHT_MAX + 2) * 2 + 10;
    char *body = arena_alloc(*state, size + 1);
    memset(body, '1', size);
    memcpy(body, "{\"a\":[", 6);
    for (size_t i = 7; i + 2 < size; i += 2) {
        body[i] = ',';
    }
    memcpy(body + size - 2, "]}", 2);
    struct api_request request;
    struct api_refusal refusal = {0};
    assert_false(api_request_read(*state, &head, body, size, &request, &refusal));
    assert_string_equal(refusal.message, "too many values in the JSON body");
}

static void request_becomes_a_frame(void **state)
{
    struct http_head head = head_of("PUT", "/api2/json/a?b=c", NULL);
    head.headers[head.headers_count++] = (struct http_header){"Cookie", "PVEAuthCookie=t"};
    head.headers[head.headers_count++] = (struct http_header){"pvedisableproxy", "1"};
    struct api_request request;
    struct api_refusal refusal;
    assert_true(api_request_read(*state, &head, "", 0, &request, &refusal));
    assert_string_equal(json_to_text(*state, api_request_to_json(*state, &request, "10.0.0.1")),
                        "{\"address\":\"10.0.0.1\",\"forwarded\":true,\"method\":\"PUT\","
                        "\"parameters\":{\"b\":\"c\"},\"path\":\"/a\",\"ticket\":\"t\"}");
}

static void stream_goes_on_after_its_last_event(void **state)
{
    static const struct {
        const char *value;
        int64_t last;
    } table[] = {{"17", 17}, {"0", 0}, {"-1", -1}, {"x", -1}, {"", -1}};
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        struct http_head head = head_of("GET", "/events", NULL);
        head.headers[head.headers_count++] = (struct http_header){"Last-Event-ID", table[i].value};
        struct api_request request;
        struct api_refusal refusal;
        fixture_row(table[i].value, api_request_read(*state, &head, "", 0, &request, &refusal));
        fixture_row(table[i].value, request.last_event == table[i].last);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(request_is_taken_apart),
        fixture_test(json_body_that_costs_much_is_refused),
        fixture_test(request_becomes_a_frame),
        fixture_test(stream_goes_on_after_its_last_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
