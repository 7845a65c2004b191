// SPDX-License-Identifier: Apache-2.0
// Tells targets of what stands in the history, in its order, each entry at least once. The master's
// node does it: the position of each target is in the store (live/notify/<target>), written after
// the delivery, so that whoever comes next goes on from there and repeats what was not written yet.
// Two may do it for a moment; then something is told twice. A target that fails holds up only
// itself. Delivery (api/notify) and writing are done by children.
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "api/exec/execd.h"
#include "api/notify/notify_send.h"
#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/map.h"
#include "common/base/parse.h"
#include "common/host/loop.h"
#include "common/host/process.h"
#include "common/model/event.h"
#include "common/model/notify_config.h"
#include "common/model/store_keys.h"
#include "common/port/event_sink.h"
#include "common/port/history.h"
#include "common/port/store.h"

enum {
    NOTIFY_DELAY_MS = 300,
    NOTIFY_WRITE_TIMEOUT_MS = 30 * 1000,
    NOTIFY_RETRY_MIN_MS = 5 * 1000,
    NOTIFY_RETRY_MAX_MS = 5 * 60 * 1000,
    NOTIFY_RETRY_DOUBLINGS = 6,
    NOTIFY_MAIL_MAX = 100,            // entries in one mail
    NOTIFY_BEGIN_MS = 10 * 60 * 1000, // where no position is known
    NOTIFY_AGE_MAX_MS = 24 * 3600 * 1000,
    MINUTE_MS = 60 * 1000,
    NUMBERS_A_MS = 1000, // of the history
};

// A place in the history: versions order it as it was committed, numbers within one transaction.
struct position {
    uint64_t version, number;
};

struct target_state {
    char *name;
    struct notifier *notifier;
    bool known; // where it is
    bool dirty; // that is not written yet
    struct position position, sending;
    struct process *child;
    int64_t next_ms; // not before
    unsigned failures;
    bool listed; // in the configuration
};

struct notifier {
    struct execd *daemon;
    struct loop_source *timer;
    int64_t due_ms;    // 0: not set
    struct map states; // name → struct target_state *
    struct process *writer;
    struct arena *arena; // of what the writer writes
    struct store_op *ops;
    size_t ops_count;
    bool unreadable; // told
};

struct entry {
    struct position position;
    const struct json *shown;
};

static int64_t now_of(const struct notifier *notifier)
{
    return clock_now_ms(&notifier->daemon->clock);
}

static void notifier_at(struct notifier *notifier, int64_t at_ms)
{
    if (notifier->due_ms == 0 || at_ms < notifier->due_ms) {
        notifier->due_ms = at_ms;
        loop_timer_set(notifier->timer, at_ms);
    }
}

void notifier_wake(struct notifier *notifier)
{
    notifier_at(notifier, now_of(notifier) + NOTIFY_DELAY_MS);
}

static void state_free(void *value)
{
    struct target_state *state = value;
    process_free(state->child);
    free(state->name);
    free(state);
}

// To the log only: what tells of failed notifications is not notified.
static void tell(struct notifier *notifier, enum event_level level, const char *name,
                 const char *target, const char *reason)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct event *event = event_new(arena, level, name);
    event_text(arena, event, "target", target);
    event_text(arena, event, "reason", reason);
    event_emit(notifier->daemon->events, event);
}

// The master's node; while none is known, or it is away, the first that is there.
static bool is_sender(const struct execd *daemon)
{
    const struct cluster_view *view = &daemon->view.cluster;
    const char *first = NULL;
    for (size_t i = 0; i < view->members.count; i++) {
        const struct member *member = &view->members.members[i];
        if (member->online && view->master != NULL && strcmp(member->node, view->master) == 0) {
            return strcmp(member->node, daemon->setup.node) == 0;
        }
        first = first == NULL && member->online ? member->node : first;
    }
    return first != NULL && strcmp(first, daemon->setup.node) == 0;
}

// ---- Positions.

static int writer_run(void *userdata, int output_fd)
{
    const struct notifier *notifier = userdata;
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct session session;
    (void)output_fd; // its exit status says it all
    if (session_open(arena, &session, NULL) < 0) {
        return EXIT_FAILURE;
    }
    int r = session_write(&session, "positions", notifier->ops, notifier->ops_count, NULL);
    session_close(&session);
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static void writer_ended(void *userdata, const struct process_end *end)
{
    struct notifier *notifier = userdata;
    process_free(notifier->writer);
    notifier->writer = NULL;
    if (end->wait_status != 0) {
        map_each (e, &notifier->states) {
            ((struct target_state *)e->value)->dirty = true;
        }
        notifier_at(notifier, now_of(notifier) + NOTIFY_RETRY_MIN_MS);
        return;
    }
    notifier_wake(notifier);
}

static void positions_write(struct notifier *notifier)
{
    if (notifier->writer != NULL) {
        return; // its end wakes us
    }
    arena_clear(notifier->arena);
    notifier->ops = arena_array_of(notifier->arena, struct store_op, notifier->states.count + 1);
    notifier->ops_count = 0;
    map_each (e, &notifier->states) {
        struct target_state *state = e->value;
        if (state->dirty && state->known) {
            const char *text = arena_printf(notifier->arena, "%" PRIu64 " %" PRIu64,
                                            state->position.version, state->position.number);
            notifier->ops[notifier->ops_count++] = (struct store_op){
                .key = arena_printf(notifier->arena, STORE_PREFIX_LIVE_NOTIFY "%s", state->name),
                .value = text,
                .size_bytes = strlen(text),
                .expect = STORE_ANY};
            state->dirty = false;
        }
    }
    const struct process_spec spec = {.main = writer_run,
                                      .main_userdata = notifier,
                                      .name = "ha-execd-place",
                                      .timeout_ms = NOTIFY_WRITE_TIMEOUT_MS,
                                      .ended = writer_ended,
                                      .userdata = notifier};
    if (notifier->ops_count > 0 && process_spawn(notifier->daemon->loop, &notifier->daemon->clock,
                                                 &spec, &notifier->writer, NULL) < 0) {
        notifier_at(notifier, now_of(notifier) + NOTIFY_RETRY_MIN_MS);
    }
}

static bool position_parse(struct arena *arena, const char *text, struct position *ret)
{
    struct position position;
    struct parse_words words = parse_fields(arena, text);
    if (words.count != 2 || parse_uint64(words.words[0], &position.version) < 0 ||
        parse_uint64(words.words[1], &position.number) < 0) {
        return false;
    }
    *ret = position;
    return true;
}

static void position_find(struct notifier *notifier, struct arena *arena,
                          struct target_state *state)
{
    struct session_value value;
    const char *key = arena_printf(arena, STORE_PREFIX_LIVE_NOTIFY "%s", state->name);
    state->position = (struct position){0};
    if (session_read(arena, &notifier->daemon->view.session, key, &value, NULL) < 0) {
        return; // another time
    }
    state->known = true;
    if (value.text != NULL) {
        ignore_result(position_parse(arena, value.text, &state->position)); // else from the start
    }
}

// ---- What is to be told.

static bool is_after(const struct position *a, const struct position *b)
{
    return a->version != b->version ? a->version > b->version : a->number > b->number;
}

static int compare_entries(const void *left, const void *right)
{
    const struct entry *a = left;
    const struct entry *b = right;
    return is_after(&a->position, &b->position) ? 1 : is_after(&b->position, &a->position) ? -1 : 0;
}

// Those after its position that it wants, in order, at most `max`. What is too old is passed over:
// from before the target was made, or, where no position is known, from before ten minutes.
static size_t entries_find(struct notifier *notifier, struct arena *arena,
                           const struct notify_target *target, struct target_state *state,
                           size_t max, struct entry **ret)
{
    struct store_entries stored;
    const struct position *from = &state->position;
    struct position last = *from;
    int64_t wall_ms = clock_wall_ms(&notifier->daemon->clock);
    int64_t age_ms = from->version == 0 ? NOTIFY_BEGIN_MS : NOTIFY_AGE_MAX_MS;
    uint64_t oldest = wall_ms > age_ms ? (uint64_t)(wall_ms - age_ms) * NUMBERS_A_MS : 0;
    oldest = oldest > target->since ? oldest : target->since;
    if (store_read(notifier->daemon->view.session.store, STORE_PREFIX_HISTORY,
                   from->version > 0 ? from->version - 1 : 0, arena, &stored, NULL) < 0) {
        return 0;
    }
    struct entry *found = arena_array_of(arena, struct entry, stored.count + 1);
    size_t count = 0;
    for (size_t i = 0; i < stored.count; i++) {
        const struct store_entry *row = &stored.entries[i];
        struct entry entry = {.position = {.version = row->version}};
        struct json *shown;
        int64_t number = 0;
        if (row->value == NULL ||
            history_show(arena, row->key, row->value, row->size_bytes, &shown, NULL) < 0 ||
            json_get_int(shown, "number", 0, INT64_MAX, &number, NULL) < 0) {
            continue;
        }
        entry.position.number = (uint64_t)number;
        entry.shown = shown;
        last = is_after(&entry.position, &last) ? entry.position : last;
        if (is_after(&entry.position, from) && entry.position.number > oldest &&
            notify_target_wants(target, shown)) {
            found[count++] = entry;
        }
    }
    if (count == 0) {
        state->position = last; // what it does not want is looked at once
        return 0;
    }
    qsort(found, count, sizeof(*found), compare_entries);
    *ret = found;
    return count < max ? count : max;
}

// ---- Delivery.

static int64_t retry_ms(unsigned failures)
{
    unsigned doublings = failures < NOTIFY_RETRY_DOUBLINGS ? failures : NOTIFY_RETRY_DOUBLINGS;
    int64_t wait_ms = (int64_t)NOTIFY_RETRY_MIN_MS << doublings;
    return wait_ms < NOTIFY_RETRY_MAX_MS ? wait_ms : NOTIFY_RETRY_MAX_MS;
}

static void delivery_failed(struct target_state *state, const char *reason)
{
    struct notifier *notifier = state->notifier;
    if (state->failures == 0) {
        tell(notifier, EVENT_LEVEL_WARNING, "notify-failed", state->name, reason);
    }
    state->next_ms = now_of(notifier) + retry_ms(state->failures);
    state->failures++;
    notifier_at(notifier, state->next_ms);
}

static void delivery_ended(void *userdata, const struct process_end *end)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct target_state *state = userdata;
    const char *reason = end->timed_out ? "it took too long" : notify_reason(arena, end->output);
    bool told = end->wait_status == 0;
    process_free(state->child); // and what it said
    state->child = NULL;
    if (!told) {
        delivery_failed(state, reason);
        return;
    }
    if (state->failures > 0) {
        tell(state->notifier, EVENT_LEVEL_NOTICE, "notify-works-again", state->name, NULL);
    }
    state->failures = 0;
    state->position = state->sending;
    state->dirty = true;
    notifier_at(state->notifier, now_of(state->notifier));
}

static const char *secret_read(struct notifier *notifier, struct arena *arena, const char *target)
{
    struct session_value value;
    const char *key = arena_printf(arena, STORE_PREFIX_NOTIFY_SECRET "%s", target);
    return session_read(arena, &notifier->daemon->view.session, key, &value, NULL) == 0 ? value.text
                                                                                        : NULL;
}

static void target_advance(struct notifier *notifier, struct arena *arena,
                           const struct notify_target *target, struct target_state *state)
{
    struct entry *entries;
    struct execd *daemon = notifier->daemon;
    size_t max = target->kind == NOTIFY_KIND_MAIL ? NOTIFY_MAIL_MAX : 1;
    struct error err = {0};
    int64_t now_ms = now_of(notifier);
    if (state->child != NULL) {
        return; // its end wakes us
    }
    if (!state->known) {
        position_find(notifier, arena, state);
    }
    size_t count = state->known ? entries_find(notifier, arena, target, state, max, &entries) : 0;
    if (count == 0) {
        return;
    }
    if (state->next_ms > now_ms) {
        notifier_at(notifier, state->next_ms);
        return;
    }
    const struct json **shown = arena_array_of(arena, const struct json *, count);
    for (size_t i = 0; i < count; i++) {
        shown[i] = entries[i].shown;
    }
    struct notify_job job = {.target = target,
                             .secret = secret_read(notifier, arena, target->name),
                             .node = daemon->setup.node,
                             .entries = shown,
                             .count = count};
    const struct process_spec spec = {.main = notify_send_run,
                                      .main_userdata = &job,
                                      .name = "ha-notify",
                                      .timeout_ms = NOTIFY_TIMEOUT_MS,
                                      .output_max_bytes = NOTIFY_OUTPUT_MAX,
                                      .ended = delivery_ended,
                                      .userdata = state};
    state->sending = entries[count - 1].position;
    state->next_ms = now_ms + MINUTE_MS / target->rate;
    if (process_spawn(daemon->loop, &daemon->clock, &spec, &state->child, &err) < 0) {
        delivery_failed(state, err.text);
    }
}

static struct target_state *state_of(struct notifier *notifier, const char *name)
{
    struct target_state *state = map_find(&notifier->states, name);
    if (state == NULL) {
        state = alloc_zero(sizeof(*state));
        state->name = alloc_strdup(name);
        state->notifier = notifier;
        map_put(&notifier->states, name, state);
    }
    return state;
}

// Those that are no more; at once, even while something is delivered to them.
static void states_drop(struct notifier *notifier, struct arena *arena)
{
    const char **names = arena_array_of(arena, const char *, notifier->states.count + 1);
    size_t count = 0;
    map_each (e, &notifier->states) {
        struct target_state *state = e->value;
        if (!state->listed) {
            names[count++] = arena_strdup(arena, state->name);
        }
    }
    for (size_t i = 0; i < count; i++) {
        (void)map_remove(&notifier->states, names[i]);
    }
}

static struct notify_config *config_read(struct notifier *notifier, struct arena *arena)
{
    struct session_value value;
    struct notify_config *config = NULL;
    struct error err = {0};
    int r =
        session_read(arena, &notifier->daemon->view.session, STORE_KEY_NOTIFICATIONS, &value, &err);
    r = r < 0 ? r : notify_config_parse(arena, value.text, &config, &err);
    if (r < 0 && !notifier->unreadable) {
        tell(notifier, EVENT_LEVEL_WARNING, "notify-unreadable", NULL, err.text);
    }
    notifier->unreadable = r < 0;
    return r < 0 ? NULL : config;
}

static void notifier_look(void *userdata)
{
    struct notifier *notifier = userdata;
    struct execd *daemon = notifier->daemon;
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    notifier->due_ms = 0;
    execd_refresh(daemon);
    if (!daemon->view.readable || !daemon->view.session.quorate || daemon->stopping) {
        return; // what brings the quorum back wakes us
    }
    bool sender = is_sender(daemon);
    struct notify_config *config = sender ? config_read(notifier, arena) : NULL;
    if (sender && config == NULL) {
        return; // the one who mends it wakes us
    }
    map_each (e, &notifier->states) {
        ((struct target_state *)e->value)->listed = false;
    }
    // Who is not the sender forgets all: when it is again, the positions are others.
    if (config != NULL) {
        map_each (e, &config->targets) {
            const struct notify_target *target = e->value;
            struct target_state *state = state_of(notifier, target->name);
            state->listed = true;
            if (!target->disabled) {
                target_advance(notifier, arena, target, state);
            }
        }
    }
    states_drop(notifier, arena);
    positions_write(notifier);
}

struct notifier *notifier_new(struct execd *daemon)
{
    struct notifier *notifier = alloc_zero(sizeof(*notifier));
    notifier->daemon = daemon;
    notifier->arena = arena_new();
    map_init(&notifier->states, state_free);
    notifier->timer = loop_add_timer(daemon->loop, notifier_look, notifier);
    return notifier;
}

void notifier_free(struct notifier *notifier)
{
    if (notifier == NULL) {
        return;
    }
    process_free(notifier->writer);
    map_done(&notifier->states);
    loop_source_free(notifier->timer);
    arena_free(notifier->arena);
    free(notifier);
}
