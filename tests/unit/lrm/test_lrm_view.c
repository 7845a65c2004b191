// SPDX-License-Identifier: Apache-2.0
// What an LRM keeps of the records of a cluster: what is or was its own, whatever becomes of it,
// and nothing of the rest.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/strbuf.h"
#include "common/model/event.h"
#include "common/model/resources.h"
#include "common/model/service.h"
#include "common/port/event_sink.h"
#include "common/port/workers.h"
#include "lrm/core/lrm.h"
#include "lrm/view.h"
#include "tests/lib/fake_store.h"
#include "tests/lib/fixture.h"

struct desk {
    struct event_sink sink; // first
    struct arena *arena;
    struct fake_store *store;
    struct lrm_view view;
    size_t complaints;
};

static void desk_emit(struct event_sink *sink, const struct event *event)
{
    struct desk *desk = (struct desk *)sink;
    assert_string_equal(event->name, "document-unreadable");
    desk->complaints++;
}

static int desk_setup(void **state)
{
    static const struct event_sink_ops ops = {desk_emit};
    struct desk *desk = alloc_zero(sizeof(*desk));
    desk->sink.ops = &ops;
    desk->arena = arena_new();
    desk->store = fake_store_new();
    lrm_view_init(&desk->view, "alpha");
    *state = desk;
    return 0;
}

static int desk_teardown(void **state)
{
    struct desk *desk = *state;
    lrm_view_done(&desk->view);
    fake_store_free(desk->store);
    arena_free(desk->arena);
    free(desk);
    return 0;
}

static void put_record(struct desk *desk, const char *sid, const char *state, const char *node)
{
    fake_store_put(desk->store, arena_printf(desk->arena, "service/%s", sid),
                   arena_printf(desk->arena, "{\"node\":\"%s\",\"state\":\"%s\"}", node, state));
}

static struct lrm_input refresh(struct desk *desk)
{
    struct lrm_input input = {0};
    lrm_view_refresh(&desk->view, fake_store_port(desk->store), &desk->sink);
    lrm_view_fill(&desk->view, &input);
    return input;
}

// "sid@node …" of the records that the view has.
static const char *records(struct desk *desk)
{
    struct lrm_input input = refresh(desk);
    const char *text = "";
    map_each (e, input.services) {
        const struct service *service = e->value;
        text = arena_printf(desk->arena, "%s%s%s@%s", text, *text != '\0' ? " " : "", e->key,
                            service->node);
    }
    return text;
}

static void view_keeps_records_that_name_the_node(void **state)
{
    struct desk *desk = *state;
    put_record(desk, "vm:1", "started", "alpha");
    put_record(desk, "vm:2", "started", "beta");
    put_record(desk, "vm:3", "started", "alphabet");
    fake_store_put(desk->store, "service/vm:4",
                   "{\"node\":\"beta\",\"state\":\"migrate\",\"target\":\"alpha\"}");
    assert_string_equal(records(desk), "vm:1@alpha vm:4@beta");
    put_record(desk, "vm:5", "started", "alpha");
    put_record(desk, "vm:6", "started", "beta");
    assert_string_equal(records(desk), "vm:1@alpha vm:4@beta vm:5@alpha");
    assert_int_equal(desk->complaints, 0);
}

static void name_that_is_written_with_an_escape_is_found(void **state)
{
    struct desk *desk = *state;
    fake_store_put(desk->store, "service/vm:1", "{\"node\":\"\\u0061lpha\",\"state\":\"started\"}");
    assert_string_equal(records(desk), "vm:1@alpha");
}

static void record_that_went_away_is_followed(void **state)
{
    struct desk *desk = *state;
    put_record(desk, "vm:1", "started", "alpha");
    assert_string_equal(records(desk), "vm:1@alpha");
    put_record(desk, "vm:1", "started", "beta");
    assert_string_equal(records(desk), "vm:1@beta");
    fake_store_put(desk->store, "service/vm:1", NULL);
    assert_string_equal(records(desk), "");
    put_record(desk, "vm:1", "started", "gamma"); // it may still be noted here
    assert_string_equal(records(desk), "vm:1@gamma");
}

static void what_a_process_before_noted_is_followed(void **state)
{
    struct desk *desk = *state;
    const char *const sids[] = {"vm:2"};
    const struct workers_guests guests = {sids, 1};
    put_record(desk, "vm:1", "started", "beta");
    put_record(desk, "vm:2", "started", "beta");
    assert_string_equal(records(desk), "");
    lrm_view_expect(&desk->view, &guests); // ha-watchdogd was away until now
    fake_store_fail(desk->store, 0, -EIO, 0);
    assert_string_equal(records(desk), "");
    fake_store_fail(desk->store, 0, 0, 0);
    assert_string_equal(records(desk), "vm:2@beta");
    put_record(desk, "vm:2", "started", "gamma");
    assert_string_equal(records(desk), "vm:2@gamma");
}

static void record_gone_while_all_are_read_anew_is_gone(void **state)
{
    struct desk *desk = *state;
    const char *const sids[] = {"vm:2"};
    const struct workers_guests guests = {sids, 1};
    put_record(desk, "vm:1", "started", "alpha");
    assert_string_equal(records(desk), "vm:1@alpha");
    fake_store_put(desk->store, "service/vm:1", NULL);
    lrm_view_expect(&desk->view, &guests);
    assert_string_equal(records(desk), "");
}

static int64_t limit_of(struct desk *desk, const char *sid)
{
    struct lrm_input input = refresh(desk);
    const struct resource *resource = map_find(input.resources, sid);
    return resource != NULL ? resource->max_restart : -1;
}

static void limits_are_read_when_a_service_comes(void **state)
{
    struct desk *desk = *state;
    put_record(desk, "vm:101", "started", "beta");
    put_record(desk, "vm:9", "started", "alpha");
    fake_store_put(desk->store, "resource/vm:101", "vm: 101\n\tmax_restart 3\n\n");
    fake_store_put(desk->store, "resource/vm:1010", "vm: 1010\n\tmax_restart 7\n\n");
    assert_int_equal(limit_of(desk, "vm:101"), -1);
    put_record(desk, "vm:101", "started", "alpha");
    assert_int_equal(limit_of(desk, "vm:101"), 3);
    assert_int_equal(limit_of(desk, "vm:1010"), -1);
    fake_store_put(desk->store, "resource/vm:101", "vm: 101\n\tmax_restart 4\n\n");
    assert_int_equal(limit_of(desk, "vm:101"), 4);
    fake_store_put(desk->store, "resource/vm:101", NULL);
    assert_int_equal(limit_of(desk, "vm:101"), -1);
}

static void what_cannot_be_read_is_told(void **state)
{
    struct desk *desk = *state;
    put_record(desk, "vm:1", "started", "alpha");
    (void)refresh(desk);
    fake_store_put(desk->store, "service/vm:1", "{\"node\":"); // one of ours
    fake_store_put(desk->store, "service/vm:2", "nonsense");   // may have been
    assert_string_equal(records(desk), "vm:1@alpha");
    assert_int_equal(desk->complaints, 2);
}

static void service_in_transit_anywhere_is_seen_while_disarmed(void **state)
{
    struct desk *desk = *state;
    put_record(desk, "vm:1", "recovery", "beta");
    assert_false(refresh(desk).unsettled);
    fake_store_put(desk->store, "manager/status",
                   "{\"disarm\":{\"mode\":\"freeze\",\"state\":\"disarming\"}}");
    assert_true(refresh(desk).unsettled);
    put_record(desk, "vm:1", "started", "beta");
    assert_false(refresh(desk).unsettled);
    put_record(desk, "vm:1", "fence", "beta");
    fake_store_fail(desk->store, 0, -EIO, 0);
    assert_false(refresh(desk).unsettled); // as it was
    fake_store_fail(desk->store, 0, 0, 0);
    assert_true(refresh(desk).unsettled);
    put_record(desk, "vm:1", "started", "beta");
    fake_store_put(desk->store, "service/vm:2", "nonsense"); // the master may know more of it
    assert_true(refresh(desk).unsettled);
    fake_store_put(desk->store, "manager/status", "{}");
    assert_false(refresh(desk).unsettled);
}

#define desk_test(function) cmocka_unit_test_setup_teardown(function, desk_setup, desk_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        desk_test(view_keeps_records_that_name_the_node),
        desk_test(name_that_is_written_with_an_escape_is_found),
        desk_test(record_that_went_away_is_followed),
        desk_test(what_a_process_before_noted_is_followed),
        desk_test(record_gone_while_all_are_read_anew_is_gone),
        desk_test(limits_are_read_when_a_service_comes),
        desk_test(what_cannot_be_read_is_told),
        desk_test(service_in_transit_anywhere_is_seen_while_disarmed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
