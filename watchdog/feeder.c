// SPDX-License-Identifier: Apache-2.0
// Joins mux, device and the hand-over file. It decides nothing about deadlines: that is mux.c.
#include "watchdog/feeder.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/parse.h"
#include "common/base/planted.h"
#include "common/base/strbuf.h"
#include "common/host/file.h"
#include "common/model/event.h"
#include "common/model/timing.h"
#include "common/port/clock.h"
#include "common/port/event_sink.h"
#include "watchdog/device.h"
#include "watchdog/mux.h"

enum { STATE_FILE_MAX = 16 * 1024, CLIENTS_MAX = 16 };

#define ANSWER_EXPIRED "error expired: a deadline has passed, the node is being reset"

struct feeder {
    struct feeder_ports ports;
    struct timing timing;
    struct mux *mux;
    char *state_path;
    char *boot_id;
    bool counting; // the device counts down
    bool expired;  // the device was told, at:
    int64_t expired_ms;
    bool late_warned; // since the last move of a deadline
    bool state_failed;
    bool feed_failed;
    int64_t fed_ms;
};

struct feeder *feeder_new(const struct feeder_ports *ports, const struct timing *timing,
                          const char *state_path, const char *boot_id)
{
    assert(timing->granularity_ms * 2 <= timing->watchdog_ms);
    struct feeder *feeder = alloc_zero(sizeof(*feeder));
    feeder->ports = *ports;
    feeder->timing = *timing;
    feeder->mux = mux_new();
    feeder->state_path = alloc_strdup(state_path);
    feeder->boot_id = alloc_strdup(boot_id);
    return feeder;
}

void feeder_free(struct feeder *feeder)
{
    if (feeder != NULL) {
        mux_free(feeder->mux);
        free(feeder->state_path);
        free(feeder->boot_id);
        free(feeder);
    }
}

void feeder_freep(struct feeder **feeder)
{
    feeder_free(*feeder);
}

static void feeder_tell(struct feeder *feeder, enum event_level level, const char *name,
                        const char *client, const char *reason, int64_t left_ms)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct event *event = event_new(arena, level, name);
    event_text(arena, event, "client", client);
    event_text(arena, event, "device", feeder->ports.device->name);
    event_text(arena, event, "reason", reason);
    if (left_ms > 0) {
        event_int(event, "left_ms", left_ms);
    }
    event_emit(feeder->ports.events, event);
}

// The file is small and in memory (/run), so it is written anew with each change. When that fails,
// protection goes on and only the hand-over to a next process is lost, for which the clients are
// the net.
static void state_save(struct feeder *feeder)
{
    struct strbuf text CLEANUP(strbuf_done) = {0};
    strbuf_appendf(&text, "boot %s\n", feeder->boot_id);
    for (size_t i = 0; i < mux_count(feeder->mux); i++) {
        int64_t deadline_ms;
        const char *client = mux_client(feeder->mux, i, &deadline_ms);
        strbuf_appendf(&text, "client %s %" PRId64 "\n", client, deadline_ms);
    }
    struct error err = {0};
    const struct feeder_keeper *keeper = feeder->ports.keeper;
    int r = keeper != NULL
                ? keeper->save(keeper->userdata, text.text, text.size_bytes, &err)
                : file_replace(feeder->state_path, text.text, text.size_bytes, 0600, &err);
    if (r == 0) {
        feeder->state_failed = false;
        return;
    }
    if (!feeder->state_failed) {
        feeder_tell(feeder, EVENT_LEVEL_WARNING, "watchdog-state-failed", NULL, err.text, 0);
    }
    feeder->state_failed = true;
}

static int state_line(struct feeder *feeder, const struct parse_words *words, size_t number,
                      struct error *err)
{
    int64_t deadline_ms;
    if (words->count != 3 || strcmp(words->words[0], "client") != 0 ||
        parse_int64(words->words[2], 0, INT64_MAX, &deadline_ms) < 0) {
        return error_set(err, -EBADMSG, "%s: line %zu: 'client NAME DEADLINE' is expected",
                         feeder->state_path, number);
    }
    mux_restore(feeder->mux, words->words[1], deadline_ms);
    return 0;
}

static int state_parse(struct feeder *feeder, struct arena *arena, const char *text,
                       struct error *err)
{
    size_t number = 0;
    for (const char *at = text; *at != '\0';) {
        size_t length = strcspn(at, "\n");
        struct parse_words words = parse_fields(arena, arena_memdup(arena, at, length));
        at += length + (at[length] == '\n' ? 1 : 0);
        number++;
        if (number > 1) {
            int r = state_line(feeder, &words, number, err);
            if (r < 0) {
                return r;
            }
            continue;
        }
        if (words.count != 2 || strcmp(words.words[0], "boot") != 0) {
            return error_set(err, -EBADMSG, "%s: line 1: 'boot ID' is expected",
                             feeder->state_path);
        }
        if (strcmp(words.words[1], feeder->boot_id) != 0) {
            return 0; // of an earlier boot: whoever was armed then is gone
        }
    }
    return number > 0 ? 0 : error_set(err, -EBADMSG, "%s: the file is empty", feeder->state_path);
}

static int state_load(struct feeder *feeder, struct error *err)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    char *text;
    size_t size;
    const struct feeder_keeper *keeper = feeder->ports.keeper;
    int r = keeper != NULL
                ? keeper->load(keeper->userdata, arena, &text, err)
                : file_read(arena, feeder->state_path, STATE_FILE_MAX, &text, &size, err);
    if (r == 0) {
        r = state_parse(feeder, arena, text, err);
    } else if (r == -ENOENT) {
        error_clear(err);
        r = 0;
    }
    return r;
}

static void feeder_expire(struct feeder *feeder)
{
    if (feeder->expired) {
        return;
    }
    feeder->expired = true;
    feeder->expired_ms = clock_now_ms(feeder->ports.clock);
    // The sink of this daemon never waits (event_output_detach), so the word may come before the
    // deed.
    feeder_tell(feeder, EVENT_LEVEL_ERROR, "watchdog-expired", mux_expired_client(feeder->mux),
                "the deadline has passed: the node is reset", 0);
    feeder->ports.device->ops->expire(feeder->ports.device);
}

static void device_stop(struct feeder *feeder)
{
    struct error err = {0};
    struct device *device = feeder->ports.device;
    if (device->ops->disarm(device, &feeder->counting, &err) < 0) {
        feeder_tell(feeder, EVENT_LEVEL_WARNING, "watchdog-feed-failed", NULL, err.text, 0);
    }
    feeder->fed_ms = 0; // when armed again it is fed at once
}

int feeder_start(struct feeder *feeder, struct error *err)
{
    int r = state_load(feeder, err);
    if (r < 0) {
        return r;
    }
    for (size_t i = 0; i < mux_count(feeder->mux); i++) {
        int64_t deadline_ms;
        const char *client = mux_client(feeder->mux, i, &deadline_ms);
        feeder_tell(feeder, EVENT_LEVEL_NOTICE, "watchdog-taken-over", client, NULL,
                    deadline_ms - clock_now_ms(feeder->ports.clock));
    }
    if (!mux_may_feed(feeder->mux, clock_now_ms(feeder->ports.clock))) {
        feeder_expire(feeder);
        return 0;
    }
    r = feeder->ports.device->ops->arm(feeder->ports.device, err);
    if (r < 0) {
        return r;
    }
    feeder->counting = true;
    feeder->fed_ms = clock_now_ms(feeder->ports.clock);
    if (!feeder_is_armed(feeder)) {
        device_stop(feeder);
    }
    return 0;
}

// When a device that works has reset the machine: H after its last food. The rule leaves room for
// another H.
static int64_t overdue_ms(const struct feeder *feeder)
{
    return feeder->expired_ms + feeder->timing.watchdog_ms + feeder->timing.granularity_ms;
}

static void warn_late(struct feeder *feeder, int64_t now_ms)
{
    int64_t left_ms = mux_deadline_ms(feeder->mux) - now_ms;
    if (feeder->late_warned || left_ms > feeder->timing.authority_ms / 3) {
        return;
    }
    feeder->late_warned = true;
    for (size_t i = 0; i < mux_count(feeder->mux); i++) {
        int64_t deadline_ms;
        const char *client = mux_client(feeder->mux, i, &deadline_ms);
        if (deadline_ms - now_ms == left_ms) {
            feeder_tell(feeder, EVENT_LEVEL_WARNING, "watchdog-late", client,
                        "the deadline comes near and was not moved", left_ms);
        }
    }
}

static void device_feed(struct feeder *feeder)
{
    struct device *device = feeder->ports.device;
    struct error err = {0};
    int r = feeder->counting ? device->ops->feed(device, &err) : device->ops->arm(device, &err);
    if (r == 0) {
        feeder->counting = true;
        feeder->feed_failed = false;
    } else if (!feeder->feed_failed) {
        feeder->feed_failed = true;
        feeder_tell(feeder, EVENT_LEVEL_ERROR, "watchdog-feed-failed", NULL, err.text, 0);
    }
}

void feeder_check(struct feeder *feeder)
{
    int64_t now_ms = clock_now_ms(feeder->ports.clock);
    if (!mux_may_feed(feeder->mux, now_ms)) {
        feeder_expire(feeder);
        if (now_ms >= overdue_ms(feeder)) {
            feeder->ports.device->ops->overdue(feeder->ports.device);
        }
        return;
    }
    bool armed = feeder_is_armed(feeder);
    if (armed) {
        warn_late(feeder, now_ms);
    }
    if ((armed || feeder->counting) && now_ms - feeder->fed_ms >= feeder->timing.granularity_ms) {
        feeder->fed_ms = now_ms;
        // Once more right before the feed: what came in between took time too. A stall between this
        // look and the feed is bounded by the device's last feed before it, which is why the rule
        // counts H twice (docs/timing.md).
        if (mux_may_feed(feeder->mux, clock_now_ms(feeder->ports.clock))) {
            device_feed(feeder);
        } else {
            feeder_expire(feeder);
        }
    }
}

int64_t feeder_wake_ms(const struct feeder *feeder)
{
    if (feeder->expired) {
        return overdue_ms(feeder);
    }
    int64_t wake_ms = mux_deadline_ms(feeder->mux);
    if (feeder_is_armed(feeder) || feeder->counting) {
        int64_t feed_ms = feeder->fed_ms + feeder->timing.granularity_ms;
        wake_ms = feed_ms < wake_ms ? feed_ms : wake_ms;
    }
    return wake_ms;
}

bool feeder_is_armed(const struct feeder *feeder)
{
    return mux_count(feeder->mux) > 0;
}

static bool client_name_is_valid(const char *name)
{
    size_t length = strlen(name);
    for (size_t i = 0; i < length; i++) {
        if (!islower((unsigned char)name[i]) && name[i] != '-') {
            return false;
        }
    }
    return length > 0 && length <= FEEDER_CLIENT_NAME_MAX;
}

static void handle_hello(struct feeder *feeder, char *client, const char *name,
                         struct strbuf *answer)
{
    if (!client_name_is_valid(name)) {
        strbuf_appendf(answer, "error a name is 1 to %d of a-z and '-'", FEEDER_CLIENT_NAME_MAX);
        return;
    }
    for (size_t i = 0; i <= strlen(name); i++) {
        client[i] = name[i];
    }
    int64_t deadline_ms;
    if (mux_find(feeder->mux, client, &deadline_ms) == 0) {
        strbuf_appendf(answer, "ok %" PRId64, deadline_ms);
    } else {
        strbuf_append(answer, "ok");
    }
}

static void handle_deadline(struct feeder *feeder, const char *client, const char *text,
                            struct strbuf *answer)
{
    int64_t now_ms = clock_now_ms(feeder->ports.clock);
    int64_t deadline_ms;
    if (parse_int64(text, 0, INT64_MAX, &deadline_ms) < 0) {
        strbuf_append(answer, "error a deadline is a number of milliseconds");
        return;
    }
    // Nobody has authority for longer than A; a client that thinks so runs with other times than
    // this daemon (INV-5).
    if (deadline_ms > now_ms && deadline_ms - now_ms > feeder->timing.authority_ms) {
        strbuf_appendf(answer, "error the deadline is more than %" PRId64 " ms ahead",
                       feeder->timing.authority_ms);
        return;
    }
    int64_t before_ms;
    bool is_new = mux_find(feeder->mux, client, &before_ms) < 0;
    if (is_new && mux_count(feeder->mux) >= CLIENTS_MAX) {
        strbuf_append(answer, "error too many clients");
        return;
    }
    int r = mux_arm(feeder->mux, client, now_ms, deadline_ms);
    if (r == -ETIME) {
        feeder_expire(feeder);
        strbuf_append(answer, ANSWER_EXPIRED);
        return;
    }
    if (r < 0) {
        strbuf_append(answer, "error stale: the deadline has passed already");
        return;
    }
    feeder->late_warned = false;
    // The first one starts the countdown, and is armed only if it does. Later ones try the device
    // again.
    if (!feeder->counting) {
        feeder_check(feeder);
    }
    if (!feeder->counting) {
        if (is_new) {
            ignore_result(mux_disarm(feeder->mux, client, now_ms)); // nothing has passed by then
        }
        strbuf_append(answer, "error the watchdog device does not work");
        return;
    }
    state_save(feeder);
    if (is_new) {
        feeder_tell(feeder, EVENT_LEVEL_NOTICE, "watchdog-armed", client, NULL,
                    deadline_ms - now_ms);
    }
    strbuf_append(answer, "ok");
}

static void handle_goodbye(struct feeder *feeder, const char *client, struct strbuf *answer)
{
    int64_t deadline_ms;
    bool was_armed = mux_find(feeder->mux, client, &deadline_ms) == 0;
    if (mux_disarm(feeder->mux, client, clock_now_ms(feeder->ports.clock)) < 0) {
        feeder_expire(feeder);
        strbuf_append(answer, ANSWER_EXPIRED);
        return;
    }
    if (was_armed) {
        state_save(feeder);
        feeder_tell(feeder, EVENT_LEVEL_NOTICE, "watchdog-disarmed", client, NULL, 0);
    }
    if (!feeder_is_armed(feeder) && feeder->counting) {
        device_stop(feeder);
    }
    strbuf_append(answer, "ok");
}

void feeder_handle(struct feeder *feeder, char client[FEEDER_CLIENT_NAME_MAX + 1], const char *line,
                   struct strbuf *answer)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct parse_words words = parse_fields(arena, line);
    const char *verb = words.count > 0 ? words.words[0] : "";
    if (feeder->expired) {
        strbuf_append(answer, ANSWER_EXPIRED);
    } else if (strcmp(verb, "hello") == 0 && words.count == 2) {
        handle_hello(feeder, client, words.words[1], answer);
    } else if (client[0] == '\0') {
        strbuf_append(answer, "error say 'hello NAME' first");
    } else if (strcmp(verb, "deadline") == 0 && words.count == 2) {
        handle_deadline(feeder, client, words.words[1], answer);
    } else if (strcmp(verb, "goodbye") == 0 && words.count == 1) {
        handle_goodbye(feeder, client, answer);
    } else {
        strbuf_append(answer, "error unknown message: 'hello NAME', 'deadline MS', 'goodbye'");
    }
}

void feeder_forget(struct feeder *feeder, const char *client)
{
    int64_t deadline_ms;
    if (client[0] != '\0' && mux_find(feeder->mux, client, &deadline_ms) == 0) {
        feeder_tell(feeder, EVENT_LEVEL_WARNING, "watchdog-client-lost", client,
                    "it left without a goodbye and stays armed",
                    deadline_ms - clock_now_ms(feeder->ports.clock));
        if (planted_is(PLANTED_DEAD_CLIENT_FORGOTTEN)) {
            struct strbuf answer CLEANUP(strbuf_done) = {0};
            handle_goodbye(feeder, client, &answer);
        }
    }
}
