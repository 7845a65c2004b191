// SPDX-License-Identifier: Apache-2.0
// Each port finds its fakes from its own address.
#include "tests/lib/crm_fakes.h"

#include <errno.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/model/event.h"
#include "common/model/fence_config.h"
#include "common/model/store_keys.h"

#define FAKES_OF(port, member)                                                                     \
    ((struct crm_fakes *)(void *)((char *)(port)-offsetof(struct crm_fakes, member)))

static int64_t fakes_now_ms(struct clock *clock)
{
    return FAKES_OF(clock, clock)->now_ms;
}

static int fakes_refresh(struct store *store, struct error *err)
{
    return store_refresh(fake_store_port(FAKES_OF(store, store_wrap)->store), err);
}

static int fakes_read(struct store *store, const char *prefix, uint64_t since, struct arena *arena,
                      struct store_entries *ret, struct error *err)
{
    return store_read(fake_store_port(FAKES_OF(store, store_wrap)->store), prefix, since, arena,
                      ret, err);
}

static int fakes_commit(struct store *store, const struct store_txn *txn, uint64_t *ret_version,
                        struct error *err)
{
    struct crm_fakes *fakes = FAKES_OF(store, store_wrap);
    bool durable =
        strncmp(txn->ops[0].key, STORE_PREFIX_VOLATILE, strlen(STORE_PREFIX_VOLATILE)) != 0;
    if (durable && fakes->commit_lost) {
        return error_set(err, -ETIMEDOUT, "no answer");
    }
    if (durable && fakes->intruder_key != NULL) {
        fake_store_put(fakes->store, fakes->intruder_key, fakes->intruder_value);
        fakes->intruder_key = NULL;
    }
    int r = store_commit(fake_store_port(fakes->store), txn, ret_version, err);
    strbuf_appendf(&fakes->trace, "%s %s\n", durable ? "commit" : "volatile",
                   r == 0 ? "ok" : err->text);
    return r == 0 && durable && fakes->commit_unknown ? error_set(err, -ETIMEDOUT, "no answer") : r;
}

static int fakes_acquire(struct lease *lease, const char *name, struct lease_grant *ret,
                         struct error *err)
{
    struct crm_fakes *fakes = FAKES_OF(lease, lease);
    *ret = (struct lease_grant){.authority_until_ms = fakes->now_ms + fakes->timing.authority_ms,
                                .retry_at_ms = fakes->now_ms + 500};
    if (strcmp(name, LEASE_MANAGER) != 0) {
        strbuf_appendf(&fakes->trace, "ask %s\n", name);
        ret->term = 1000;
        return map_has(&fakes->agents, name) ? LEASE_ACQUIRED : LEASE_BUSY;
    }
    if (fakes->manager_answer != 0) {
        fakes->manager_held = false;
        return fakes->manager_answer < 0 ? error_set(err, fakes->manager_answer, "refused")
                                         : fakes->manager_answer;
    }
    int answer = fakes->manager_held ? LEASE_RENEWED : LEASE_ACQUIRED;
    fakes->manager_term += fakes->manager_held ? 0 : 1;
    fakes->manager_held = true;
    fake_store_hold(fakes->store, LEASE_MANAGER, "node1", fakes->manager_term);
    ret->term = fakes->manager_term;
    return answer;
}

static int fakes_release(struct lease *lease, const char *name, struct error *err)
{
    struct crm_fakes *fakes = FAKES_OF(lease, lease);
    strbuf_appendf(&fakes->trace, "release %s\n", name);
    return fakes->release_answer < 0 ? error_set(err, fakes->release_answer, "no") : 0;
}

static int fakes_fence_start(struct fence *fence, const struct fence_device *device,
                             const char *node, struct error *err)
{
    struct crm_fakes *fakes = FAKES_OF(fence, fence);
    strbuf_appendf(&fakes->trace, "order %s %s\n", device->name, node);
    return fakes->fence_answer < 0 ? error_set(err, fakes->fence_answer, "cannot") : 0;
}

static void fakes_fence_collect(struct fence *fence, struct arena *arena, struct fence_results *ret)
{
    struct crm_fakes *fakes = FAKES_OF(fence, fence);
    *ret = (struct fence_results){.results = arena_new_of(arena, struct fence_result)};
    if (fakes->result_next.node != NULL) {
        ret->results[0] = fakes->result_next;
        ret->count = 1;
    }
    fakes->result_next = (struct fence_result){0};
}

static void fakes_fence_cancel(struct fence *fence, const char *node)
{
    strbuf_appendf(&FAKES_OF(fence, fence)->trace, "cancel %s\n", node);
}

static int fakes_members(struct membership *membership, struct arena *arena,
                         struct member_list *ret, struct error *err)
{
    (void)arena;
    (void)err; // never fails
    struct crm_fakes *fakes = FAKES_OF(membership, membership);
    *ret = (struct member_list){
        .members = fakes->members, .count = fakes->nodes, .quorate = fakes->quorate, .epoch = 1};
    return 0;
}

static int fakes_arm(struct watchdog *watchdog, int64_t deadline_ms, struct error *err)
{
    (void)err; // never fails
    FAKES_OF(watchdog, watchdog)->deadline_ms = deadline_ms;
    return 0;
}

static int fakes_disarm(struct watchdog *watchdog, struct error *err)
{
    (void)err; // never fails
    FAKES_OF(watchdog, watchdog)->deadline_ms = 0;
    return 0;
}

static const char *fakes_id(struct ids *ids, struct arena *arena)
{
    return arena_printf(arena, "id%llu", (unsigned long long)++FAKES_OF(ids, ids)->given);
}

static void fakes_emit(struct event_sink *sink, const struct event *event)
{
    struct crm_fakes *fakes = FAKES_OF(sink, sink);
    event_format_text(event, &fakes->trace);
    strbuf_append_char(&fakes->trace, '\n');
}

void crm_fakes_init(struct crm_fakes *fakes, enum timing_profile profile, size_t nodes)
{
    static const struct clock_ops clock_ops = {fakes_now_ms, fakes_now_ms};
    static const struct store_ops store_ops = {fakes_refresh, fakes_read, fakes_commit};
    static const struct lease_ops lease_ops = {fakes_acquire, fakes_release};
    static const struct membership_ops membership_ops = {fakes_members};
    static const struct watchdog_ops watchdog_ops = {fakes_arm, fakes_disarm};
    static const struct ids_ops ids_ops = {fakes_id};
    static const struct event_sink_ops sink_ops = {fakes_emit};
    static const struct fence_ops fence_ops = {fakes_fence_start, fakes_fence_collect,
                                               fakes_fence_cancel};
    static const char *const names[CRM_FAKES_NODES_MAX] = {"node1", "node2", "node3", "node4",
                                                           "node5", "node6", "node7", "node8"};
    *fakes = (struct crm_fakes){.clock = {&clock_ops},
                                .store_wrap = {&store_ops},
                                .lease = {&lease_ops},
                                .membership = {&membership_ops},
                                .watchdog = {&watchdog_ops},
                                .ids = {&ids_ops},
                                .sink = {&sink_ops},
                                .fence = {&fence_ops},
                                .store = fake_store_new(),
                                .now_ms = 1000 * 1000,
                                .nodes = nodes,
                                .quorate = true};
    timing_get(profile, &fakes->timing);
    map_init(&fakes->agents, NULL);
    for (size_t i = 0; i < nodes; i++) {
        fakes->members[i] = (struct member){.node = names[i], .online = true};
    }
    fakes->ports =
        (struct crm_ports){.clock = &fakes->clock,
                           .store = &fakes->store_wrap,
                           .lease = &fakes->lease,
                           .membership = &fakes->membership,
                           .watchdog = profile == TIMING_PROFILE_CLASSIC ? &fakes->watchdog : NULL,
                           .fence = &fakes->fence,
                           .ids = &fakes->ids,
                           .events = &fakes->sink};
    fakes->round = crm_round_new("node1", &fakes->timing, &fakes->ports);
}

void crm_fakes_done(struct crm_fakes *fakes)
{
    crm_round_free(fakes->round);
    fake_store_free(fakes->store);
    map_done(&fakes->agents);
    strbuf_done(&fakes->trace);
}

void crm_fakes_add(struct crm_fakes *fakes, const char *sid, const char *node, const char *state)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    const char *colon = strchr(sid, ':');
    fake_store_put(fakes->store, arena_printf(arena, STORE_PREFIX_GUEST "%s", sid),
                   arena_printf(arena,
                                "{\"sid\":\"%s\",\"node\":\"%s\",\"config\":{\"cores\":\"2\"}}",
                                sid, node));
    fake_store_put(fakes->store, arena_printf(arena, STORE_PREFIX_RESOURCE "%s", sid),
                   arena_printf(arena, "%.*s: %s\n\tcomment keep me\n\tstate %s\n\n",
                                (int)(colon - sid), sid, colon + 1, state));
}

void crm_fakes_round(struct crm_fakes *fakes, int64_t pass_ms)
{
    strbuf_clear(&fakes->trace);
    fakes->now_ms += pass_ms;
    crm_round_run(fakes->round, &fakes->result);
}

bool crm_fakes_told(const struct crm_fakes *fakes, const char *text)
{
    return strstr(strbuf_text(&fakes->trace), text) != NULL;
}
