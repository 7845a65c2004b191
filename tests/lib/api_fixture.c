// SPDX-License-Identifier: Apache-2.0
// The daemon's part in a call, as far as handlers see it.
#include "tests/lib/api_fixture.h"

#include <stdlib.h>
#include <string.h>

#include "api/auth/rights.h"
#include "api/call/call.h"
#include "api/call/call_access.h"
#include "api/call/method.h"
#include "api/call/parameters.h"
#include "api/call/router.h"
#include "api/endpoints/endpoints.h"
#include "api/endpoints/usage_book.h"
#include "api/task/task.h"
#include "cli/cluster_view.h"
#include "cli/session.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/strbuf.h"
#include "common/model/event.h"
#include "common/port/clock.h"
#include "common/port/store.h"
#include "tests/lib/fake_store.h"
#include "tests/lib/test.h"

enum { FIXTURE_NOW_S = 1760004672, FIXTURE_UP_MS = 86400000, FIXTURE_STALE_S = 30 };

struct api_fixture {
    struct clock clock;
    struct usage_book *usage;
    struct arena *arena;
    struct fake_store *store;
    struct fake_membership membership;
    struct router *router;
    const char *user;
    struct strbuf told, task;
};

static int64_t fixture_now_ms(struct clock *clock)
{
    (void)clock;
    return FIXTURE_UP_MS;
}

static int64_t fixture_wall_ms(struct clock *clock)
{
    (void)clock;
    return FIXTURE_NOW_S * INT64_C(1000);
}

static const struct clock_ops fixture_clock = {.now_ms = fixture_now_ms,
                                               .wall_ms = fixture_wall_ms};

struct api_fixture *api_fixture_new(void)
{
    struct api_fixture *f = calloc(1, sizeof(*f));
    f->clock.ops = &fixture_clock;
    f->arena = arena_new();
    f->store = fake_store_new();
    f->user = "root@pam";
    fake_membership_init(&f->membership, 3);
    f->router = router_new(f->arena, endpoints_all);
    f->usage = usage_book_new();
    return f;
}

void api_fixture_free(struct api_fixture *f)
{
    strbuf_done(&f->told);
    strbuf_done(&f->task);
    usage_book_free(f->usage);
    fake_store_free(f->store);
    arena_free(f->arena);
    free(f);
}

void api_fixture_user(struct api_fixture *f, const char *user)
{
    f->user = user != NULL ? arena_strdup(f->arena, user) : NULL;
}

void api_fixture_put(struct api_fixture *f, const char *key, const char *value)
{
    fake_store_put(f->store, key, value);
}

struct fake_membership *api_fixture_members(struct api_fixture *f)
{
    return &f->membership;
}

struct usage_book *api_fixture_usage(struct api_fixture *f)
{
    return f->usage;
}

const char *api_fixture_text(struct api_fixture *f, const struct json *json)
{
    return json != NULL ? json_to_text(f->arena, json) : "null";
}

// ---- What a call causes.

static void fixture_task(struct call *call, const struct task_spec *spec)
{
    struct api_fixture *f = call->host->userdata;
    struct error err = {0};
    strbuf_appendf(&f->task, "%s %s:", spec->type, spec->id);
    for (size_t i = 0; spec->argv != NULL && spec->argv[i] != NULL; i++) {
        strbuf_appendf(&f->task, " %s", spec->argv[i]);
    }
    if (spec->run != NULL) {
        int r = spec->run(spec->userdata, -1, &err);
        strbuf_appendf(&f->task, " %s", r < 0 ? err.text : "done");
    }
    call_return(call, json_new_string(call->arena, "UPID"));
}

static void fixture_tell(const struct call *call, struct event *event)
{
    struct api_fixture *f = call->host->userdata;
    if (f->told.size_bytes > 0) {
        strbuf_append(&f->told, "\n");
    }
    event_format_text(event, &f->told);
}

static const struct call_host_ops fixture_ops = {.task = fixture_task, .tell = fixture_tell};

// ---- The way of a call.

static struct json *fixture_form(struct api_fixture *f, const char *form)
{
    struct json *given = json_new_object(f->arena);
    while (*form != '\0') {
        size_t length = strcspn(form, " ");
        char *pair = arena_memdup(f->arena, form, length);
        char *equals = strchr(pair, '=');
        assert_non_null(equals);
        *equals = '\0';
        for (char *c = equals + 1; *c != '\0'; c++) {
            *c = *c == '+' ? ' ' : *c;
        }
        json_put_string(given, pair, equals + 1);
        form += length + strspn(form + length, " ");
    }
    return given;
}

static const char *fixture_changes(struct api_fixture *f, uint64_t since)
{
    struct store_entries entries;
    struct strbuf text CLEANUP(strbuf_done) = {0};
    if (store_read(fake_store_port(f->store), "", since, f->arena, &entries, NULL) < 0) {
        return "";
    }
    for (size_t i = 0; i < entries.count; i++) {
        struct json *json = NULL;
        const char *key = entries.entries[i].key;
        const char *value = entries.entries[i].value;
        if (strncmp(key, "command/", strlen("command/")) == 0 && value != NULL &&
            json_parse(f->arena, value, strlen(value), &json, NULL) == 0) {
            key = "command/…"; // its name is another each time
            value = json_find_string(json, "text");
        }
        strbuf_appendf(&text, "%s%s = ", i > 0 ? "\n" : "", key);
        for (const char *c = value != NULL ? value : "(none)"; *c != '\0'; c++) {
            strbuf_appendf(&text, "%c", *c == '\n' ? '|' : *c == '\t' ? ' ' : *c);
        }
    }
    return arena_strdup(f->arena, strbuf_text(&text));
}

static uint64_t fixture_version(struct api_fixture *f)
{
    struct store_entries entries = {0};
    return store_read(fake_store_port(f->store), "", 0, f->arena, &entries, NULL) == 0
               ? entries.version
               : 0;
}

static enum method_verb fixture_verb(const char *text)
{
    enum method_verb verb = METHOD_VERB_GET;
    assert_int_equal(method_verb_from_string(text, &verb), 0);
    return verb;
}

static void fixture_run(struct api_fixture *f, struct call *call, const struct route *route,
                        const struct json *given)
{
    struct json *parameters = NULL;
    call->method = route->method;
    if (!parameters_check(f->arena, route->method, route->path, NULL, &parameters)) {
        call->status = CALL_STATUS_BAD;
        call->message = "Parameter verification failed.";
        call->errors = parameters;
        return;
    }
    if (route->method->access != METHOD_ACCESS_WORLD && f->user == NULL) {
        call_refuse(call, CALL_STATUS_UNAUTHORIZED, "No ticket");
        return;
    }
    call->parameters = parameters;
    if (!call_access_check(call, parameters)) {
        return;
    }
    if (!parameters_check(f->arena, route->method, route->path, given, &parameters)) {
        call->status = CALL_STATUS_BAD;
        call->message = "Parameter verification failed.";
        call->errors = parameters;
        return;
    }
    call->parameters = parameters;
    route->method->run(call);
    if (call->status == 0) {
        call_return(call, NULL);
    }
}

struct api_answer api_fixture_call(struct api_fixture *f, const char *verb, const char *path,
                                   const char *form)
{
    struct session session = {.store = fake_store_port(f->store),
                              .membership = &f->membership.membership,
                              .node = "node1",
                              .quorate = f->membership.list.quorate};
    struct cluster_view *view = arena_new_of(f->arena, struct cluster_view);
    struct store_entries access;
    struct route route;
    struct error err = {0};
    uint64_t version = fixture_version(f);
    assert_int_equal(cluster_view_read(f->arena, &session, view, &err), 0);
    assert_int_equal(store_read(session.store, "access/", 0, f->arena, &access, &err), 0);
    const struct call_host host = {.ops = &fixture_ops,
                                   .node = "node1",
                                   .session = &session,
                                   .view = view,
                                   .rights = rights_read(f->arena, &access),
                                   .clock = &f->clock,
                                   .usage = f->usage,
                                   .stale_s = FIXTURE_STALE_S,
                                   .userdata = f};
    struct call call = {.arena = f->arena,
                        .host = &host,
                        .caller = {.user = f->user, .label = f->user, .address = "10.0.0.9"},
                        .total = -1};
    strbuf_clear(&f->told);
    strbuf_clear(&f->task);
    router_find(f->router, f->arena, fixture_verb(verb), path, &route);
    if (route.method != NULL) {
        fixture_run(f, &call, &route, fixture_form(f, form));
    } else if (route.index != NULL) {
        call_return(&call, route.index);
    } else {
        call.status = CALL_STATUS_UNKNOWN;
    }
    return (struct api_answer){.status = call.status,
                               .message = call.message,
                               .data = call.data,
                               .errors = call.errors,
                               .told = arena_strdup(f->arena, strbuf_text(&f->told)),
                               .task = arena_strdup(f->arena, strbuf_text(&f->task)),
                               .changes = fixture_changes(f, version)};
}
