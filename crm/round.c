// SPDX-License-Identifier: Apache-2.0
// The driver of crm/core: input from the ports, actions to the ports, one durable transaction a
// round and only when something changed, then the volatile sign of life and the answers to
// commands. When a write fails, or nobody can say whether it did, what was read is forgotten and
// read anew: nothing was carried out that is not in the store.
#include "crm/round.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/planted.h"
#include "common/model/event.h"
#include "common/model/fence_config.h"
#include "common/model/options.h"
#include "common/model/store_keys.h"
#include "common/model/timing.h"
#include "common/port/clock.h"
#include "common/port/event_sink.h"
#include "common/port/fence.h"
#include "common/port/history.h"
#include "common/port/ids.h"
#include "common/port/lease.h"
#include "common/port/membership.h"
#include "common/port/stats.h"
#include "common/port/store.h"
#include "common/port/watchdog.h"
#include "crm/core/crm.h"
#include "crm/documents.h"
#include "crm/transaction.h"

enum {
    ROUND_RETRY_MS = 200,              // after a failed write
    ROUND_SIGN_OF_LIFE_S = 5,          // between time stamps, where rounds follow events
    ROUND_ANSWER_KEEP_MS = 600 * 1000, // how long an answer to a command can be read
};

struct crm_round {
    char *node;
    struct timing timing;
    struct crm_ports ports;
    struct crm *crm;
    struct documents *documents;
    struct arena *arena;
    bool shutdown;
    bool exited;
    int64_t sign_of_life_s; // time stamp left last
    struct map answers;     // id → int64_t *: when it was given
    bool answers_known;     // those of masters before are among them
    struct history history; // as far as it was read
    uint64_t history_since;
    struct arena *refused_arena;
    struct fence_results refused; // orders that the port did not take in the last round
};

// What one round collects over its calls.
struct round_run {
    struct crm_round *round;
    struct crm_input input;
    struct pointer_list events; // struct crm_output_event *
    struct pointer_list late;   // struct crm_action *, for after the write
    struct stats_view static_stats;
    struct stats_view dynamic_stats;
};

static void round_emit(struct crm_round *round, const struct pointer_list *events, bool committed)
{
    for (size_t i = 0; i < events->count; i++) {
        const struct crm_output_event *entry = events->items[i];
        if (committed || !entry->decided) {
            event_emit(round->ports.events, entry->event);
        }
    }
}

struct crm_round *crm_round_new(const char *node, const struct timing *timing,
                                const struct crm_ports *ports)
{
    // INV-4: the term guards a live master, and nothing else needs to.
    assert((ports->watchdog != NULL) == (timing->profile == TIMING_PROFILE_CLASSIC));
    struct crm_round *round = alloc_zero(sizeof(*round));
    round->node = alloc_strdup(node);
    round->timing = *timing;
    round->ports = *ports;
    round->crm = crm_new(node, timing);
    round->documents = documents_new();
    round->arena = arena_new();
    round->refused_arena = arena_new();
    map_init(&round->answers, free);
    struct crm_output output = {0};
    crm_start(round->crm, round->arena, &output);
    round_emit(round, &output.events, true);
    return round;
}

void crm_round_free(struct crm_round *round)
{
    if (round == NULL) {
        return;
    }
    crm_free(round->crm);
    documents_free(round->documents);
    history_done(&round->history);
    arena_free(round->arena);
    arena_free(round->refused_arena);
    map_done(&round->answers);
    free(round->node);
    free(round);
}

void crm_round_request_shutdown(struct crm_round *round)
{
    round->shutdown = true;
}

enum crm_state crm_round_state(const struct crm_round *round)
{
    return crm_state_get(round->crm);
}

static void round_tell_error(struct round_run *run, enum event_level level, const char *name,
                             const struct error *err)
{
    struct arena *arena = run->round->arena;
    struct crm_output_event *entry = arena_new_of(arena, struct crm_output_event);
    entry->event = event_new(arena, level, name);
    (void)event_text(arena, entry->event, "reason", err->text);
    pointer_list_add(arena, &run->events, entry);
}

// ---- input

static void round_read_stats(struct round_run *run)
{
    struct stats *stats = run->round->ports.stats;
    enum scheduler_mode mode = run->input.documents->options->scheduler;
    if (stats == NULL || mode == SCHEDULER_MODE_BASIC) {
        return;
    }
    struct error err = {0};
    bool dynamic = mode == SCHEDULER_MODE_DYNAMIC;
    struct stats_view *view = dynamic ? &run->dynamic_stats : &run->static_stats;
    int r = dynamic ? stats->ops->get_dynamic(stats, run->round->arena, view, &err)
                    : stats->ops->get_static(stats, run->round->arena, view, &err);
    run->input.static_stats = r == 0 && !dynamic ? view : NULL;
    run->input.dynamic_stats = r == 0 && dynamic ? view : NULL;
    if (r < 0) {
        round_tell_error(run, EVENT_LEVEL_WARNING, "stats-unreadable", &err);
    }
}

static void round_collect_results(struct round_run *run)
{
    struct fence *fence = run->round->ports.fence;
    run->input.can_fence = fence != NULL;
    if (fence != NULL) {
        struct crm_round *round = run->round;
        struct fence_results results = {0};
        fence_collect(fence, round->arena, &results);
        size_t count = round->refused.count;
        struct fence_result *all =
            arena_array_of(round->arena, struct fence_result, count + results.count);
        for (size_t i = 0; i < count; i++) {
            const struct fence_result *refused = &round->refused.results[i];
            all[i] = *refused;
            all[i].node = arena_strdup(round->arena, refused->node);
            all[i].device = arena_strdup(round->arena, refused->device);
            all[i].evidence = arena_strdup(round->arena, refused->evidence);
        }
        for (size_t i = 0; i < results.count; i++) {
            all[count + i] = results.results[i];
        }
        round->refused = (struct fence_results){0};
        arena_clear(round->refused_arena);
        run->input.fence_results = all;
        run->input.fence_results_count = count + results.count;
    }
}

static void round_read(struct round_run *run)
{
    struct crm_round *round = run->round;
    struct error err = {0};
    run->input.view_ok = store_refresh(round->ports.store, &err) == 0;
    run->input.member_ok =
        membership_get(round->ports.membership, round->arena, &run->input.members, &err) == 0;
    documents_update(round->documents, round->ports.store, round->ports.events);
    run->input.documents = documents_view(round->documents);
    if (crm_round_state(round) == CRM_STATE_MASTER && run->input.documents->readable) {
        round_read_stats(run);
    }
}

// ---- actions

static void round_acquire(struct round_run *run, const struct crm_action *action,
                          struct crm_lease_answer *ret)
{
    struct error err = {0};
    ret->lease = action->lease;
    ret->answer = lease_acquire(run->round->ports.lease, action->lease, &ret->grant, &err);
}

// An order that the port does not take, for instance since somebody else's to the same device is
// under way, has failed: the core hears of it in the next round, at once.
static void round_refuse(struct round_run *run, const struct crm_action *action,
                         const struct error *err)
{
    struct crm_round *round = run->round;
    struct fence_result *results =
        arena_array_of(round->refused_arena, struct fence_result, round->refused.count + 1);
    for (size_t i = 0; i < round->refused.count; i++) {
        results[i] = round->refused.results[i];
    }
    results[round->refused.count] =
        (struct fence_result){.node = arena_strdup(round->refused_arena, action->node),
                              .device = arena_strdup(round->refused_arena, action->device->name),
                              .verdict = FENCE_VERDICT_FAILED,
                              .evidence = arena_strdup(round->refused_arena, err->text)};
    round->refused.results = results;
    round->refused.count++;
}

static void round_carry_out(struct round_run *run, const struct crm_action *action)
{
    const struct crm_ports *ports = &run->round->ports;
    struct error err = {0};
    switch (action->kind) {
    case CRM_ACTION_LEASE_ACQUIRE: // answered by round_acquire()
        break;
    case CRM_ACTION_LEASE_RELEASE: {
        int r = lease_release(ports->lease, action->lease, &err);
        if (r < 0 && r != -ENOENT) {
            round_tell_error(run, EVENT_LEVEL_NOTICE, "lease-release-failed", &err);
        }
        break;
    }
    case CRM_ACTION_FENCE_OFF:
        if (fence_start(ports->fence, action->device, action->node, &err) < 0) {
            round_refuse(run, action, &err);
        }
        break;
    case CRM_ACTION_FENCE_CANCEL:
        fence_cancel(ports->fence, action->node);
        break;
    case CRM_ACTION_WATCHDOG_ARM:
        if (watchdog_arm(ports->watchdog, action->deadline_ms, &err) < 0) {
            round_tell_error(run, EVENT_LEVEL_WARNING, "watchdog-failed", &err);
        }
        break;
    case CRM_ACTION_WATCHDOG_DISARM:
        if (watchdog_disarm(ports->watchdog, &err) < 0) {
            round_tell_error(run, EVENT_LEVEL_WARNING, "watchdog-failed", &err);
        }
        break;
    }
}

// The actions of one call, in their order, and the answers for the next.
static void round_carry_out_all(struct round_run *run, const struct crm_output *output)
{
    struct arena *arena = run->round->arena;
    struct crm_lease_answer *answers =
        arena_array_of(arena, struct crm_lease_answer, output->actions.count);
    size_t count = 0;
    for (size_t i = 0; i < output->actions.count; i++) {
        struct crm_action *action = output->actions.items[i];
        if (action->after_write) {
            pointer_list_add(arena, &run->late, action);
        } else if (action->kind == CRM_ACTION_LEASE_ACQUIRE) {
            round_acquire(run, action, &answers[count++]);
        } else {
            round_carry_out(run, action);
        }
    }
    run->input.answers = answers;
    run->input.answers_count = count;
}

static void round_collect_events(struct round_run *run, const struct crm_output *output)
{
    for (size_t i = 0; i < output->events.count; i++) {
        pointer_list_add(run->round->arena, &run->events, output->events.items[i]);
    }
}

// ---- writing

// What this write makes true is told in the same transaction, so that no decision is without its
// history, nor the reverse. Details are left to the log.
static void round_add_history(struct round_run *run, struct store_txn *txn)
{
    struct crm_round *round = run->round;
    struct arena *arena = round->arena;
    struct store_entries entries;
    const struct event **told = arena_array_of(arena, const struct event *, run->events.count + 1);
    size_t count = 0;
    for (size_t i = 0; i < run->events.count; i++) {
        const struct crm_output_event *entry = run->events.items[i];
        if (entry->decided && entry->event->level != EVENT_LEVEL_INFO) {
            told[count++] = entry->event;
        }
    }
    if (count == 0 || store_read(round->ports.store, STORE_PREFIX_HISTORY, round->history_since,
                                 arena, &entries, NULL) < 0) {
        return;
    }
    round->history_since = entries.version;
    history_update(&round->history, &entries);
    const struct store_op *ops = NULL;
    size_t ops_count = 0;
    history_write(&round->history, arena, arena_printf(arena, "%s/crm", round->node),
                  clock_wall_ms(round->ports.clock), told, count, &ops, &ops_count);
    struct store_op *all = arena_array_of(arena, struct store_op, txn->count + ops_count);
    memcpy(all, txn->ops, txn->count * sizeof(*all));
    memcpy(all + txn->count, ops, ops_count * sizeof(*all));
    txn->ops = all;
    txn->count += ops_count;
}

// True when what was decided is in the store, or nothing was.
static bool round_commit(struct round_run *run, const struct crm_write *write)
{
    if (!write->wanted) {
        return true;
    }
    struct crm_round *round = run->round;
    struct store_txn txn;
    struct error err = {0};
    uint64_t version = 0;
    int r = transaction_build(round->arena, round->node, write, round->documents,
                              round->ports.store, &txn, &err);
    if (r == 0) {
        round_add_history(run, &txn);
        r = store_commit(round->ports.store, &txn, &version, &err);
    }
    if (r < 0 && !planted_is(PLANTED_WRITE_ASSUMED)) {
        // Somebody else was first, the term is over, or nobody knows: what counts is what the next
        // reading finds.
        round_tell_error(run, r == -EAGAIN ? EVENT_LEVEL_NOTICE : EVENT_LEVEL_ERROR,
                         "commit-failed", &err);
        return false;
    }
    documents_take(round->documents, write, version);
    return true;
}

static void round_know_answers(struct crm_round *round, int64_t now_ms)
{
    struct store_entries entries;
    struct error err = {0};
    if (round->answers_known ||
        store_read(round->ports.store, STORE_PREFIX_ANSWER, 0, round->arena, &entries, &err) < 0) {
        return;
    }
    round->answers_known = true;
    for (size_t i = 0; i < entries.count; i++) {
        int64_t *at_ms = alloc_zero(sizeof(*at_ms));
        *at_ms = now_ms;
        map_put(&round->answers, entries.entries[i].key + strlen(STORE_PREFIX_ANSWER), at_ms);
    }
}

static struct store_op round_make_answer(struct crm_round *round,
                                         const struct crm_write_answer *answer, int64_t now_ms)
{
    struct arena *arena = round->arena;
    struct json *json = json_new_object(arena);
    json_put_string(json, "result", answer->refused ? "refused" : "ok");
    json_put_string(json, "reason", answer->reason);
    char *text = json_to_text(arena, json);
    int64_t *at_ms = alloc_zero(sizeof(*at_ms));
    *at_ms = now_ms;
    map_put(&round->answers, answer->id, at_ms);
    return (struct store_op){.key = arena_printf(arena, STORE_PREFIX_ANSWER "%s", answer->id),
                             .value = text,
                             .size_bytes = strlen(text),
                             .expect = STORE_ANY};
}

static struct store_op round_make_sign_of_life(struct crm_round *round, int64_t wall_s)
{
    struct json *json = json_new_object(round->arena);
    json_put_string(json, "node", round->node);
    json_put_int(json, "timestamp", wall_s);
    char *text = json_to_text(round->arena, json);
    return (struct store_op){.key = STORE_KEY_LIVE_MASTER,
                             .value = text,
                             .size_bytes = strlen(text),
                             .expect = STORE_ANY};
}

// Adds the removal of old answers. Returns how many were added.
static size_t round_drop_answers(struct crm_round *round, int64_t now_ms, struct store_op *ops)
{
    struct pointer_list old = {0};
    map_each (entry, &round->answers) {
        const int64_t *at_ms = entry->value;
        if (now_ms - *at_ms > ROUND_ANSWER_KEEP_MS) {
            pointer_list_add(round->arena, &old, arena_strdup(round->arena, entry->key));
        }
    }
    for (size_t i = 0; i < old.count; i++) {
        const char *id = old.items[i];
        ops[i] = (struct store_op){.key = arena_printf(round->arena, STORE_PREFIX_ANSWER "%s", id),
                                   .expect = STORE_ANY};
        (void)map_remove(&round->answers, id); // it is there
    }
    return old.count;
}

// What need not survive a power cut: the sign of life and the answers. Its failure changes nothing.
static void round_write_volatile(struct round_run *run, const struct crm_write *write)
{
    struct crm_round *round = run->round;
    int64_t now_ms = run->input.now_ms;
    int64_t wall_s = clock_wall_s(round->ports.clock);
    round_know_answers(round, now_ms);
    struct store_op *ops = arena_array_of(round->arena, struct store_op,
                                          1 + round->answers.count + write->answers.count);
    size_t count = round_drop_answers(round, now_ms, ops);
    for (size_t i = 0; i < write->answers.count; i++) {
        ops[count++] = round_make_answer(round, write->answers.items[i], now_ms);
    }
    int64_t age_s = wall_s - round->sign_of_life_s;
    bool due = round->timing.profile == TIMING_PROFILE_CLASSIC || age_s >= ROUND_SIGN_OF_LIFE_S ||
               age_s < 0;
    if (count == 0 && !due) {
        return;
    }
    ops[count++] = round_make_sign_of_life(round, wall_s);
    struct store_txn txn = {.lease = LEASE_MANAGER,
                            .owner = round->node,
                            .term = write->term,
                            .ops = ops,
                            .count = count};
    struct error err = {0};
    if (store_commit(round->ports.store, &txn, NULL, &err) < 0) {
        round_tell_error(run, EVENT_LEVEL_NOTICE, "sign-of-life-failed", &err);
        return;
    }
    round->sign_of_life_s = wall_s;
}

// ---- the round

static void round_finish(struct round_run *run, const struct crm_output *output,
                         struct crm_round_result *ret)
{
    struct crm_round *round = run->round;
    bool committed = round_commit(run, &output->write);
    if (committed) {
        for (size_t i = 0; i < run->late.count; i++) {
            round_carry_out(run, run->late.items[i]);
        }
        if (output->sign_of_life) {
            round_write_volatile(run, &output->write);
        }
    }
    round_emit(round, &run->events, committed);
    // After a failed write what the core wants next is built on nothing.
    ret->next_wake_ms = committed ? output->next_wake_ms : run->input.now_ms + ROUND_RETRY_MS;
    if (round->refused.count > 0) {
        ret->next_wake_ms = run->input.now_ms;
    }
    ret->exit = output->exit;
    round->exited = output->exit;
    if (crm_round_state(round) != CRM_STATE_MASTER) {
        round->answers_known = false;
        round->sign_of_life_s = 0;
        map_clear(&round->answers);
    }
}

void crm_round_run(struct crm_round *round, struct crm_round_result *ret)
{
    assert(!round->exited);
    arena_clear(round->arena);
    struct round_run run = {.round = round};
    run.input.arena = round->arena;
    run.input.now_ms = clock_now_ms(round->ports.clock);
    run.input.wall_s = clock_wall_s(round->ports.clock);
    run.input.shutdown = round->shutdown;
    run.input.seed = ids_next(round->ports.ids, round->arena);
    round_read(&run);
    round_collect_results(&run);
    struct crm_output output;
    size_t calls = 0;
    do {
        assert(calls < CRM_CALLS_MAX); // rounds are bounded
        calls++;
        output = (struct crm_output){0};
        crm_step(round->crm, &run.input, &output);
        round_collect_events(&run, &output);
        round_carry_out_all(&run, &output);
        if (output.reread) {
            round_read(&run);
        }
    } while (output.again);
    round_finish(&run, &output, ret);
}
