// SPDX-License-Identifier: Apache-2.0
// Calls and signals of the service manager. What is done with units is decided by the unit agent.
#include "common/host/unit_bus.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/map.h"
#include "common/base/parse.h"
#include "common/base/strbuf.h"
#include "common/base/utf8.h"
#include "common/host/host_clock.h"
#include "common/port/clock.h"

#define BUS_NAME       "org.freedesktop.systemd1"
#define BUS_PATH       "/org/freedesktop/systemd1"
#define BUS_MANAGER    BUS_NAME ".Manager"
#define BUS_PROPERTIES "org.freedesktop.DBus.Properties"
#define BUS_PRIVATE    "/run/systemd/private"

enum {
    BUS_LOOK_MS = 1000, // how often a job is looked for whose end was not told
    BUS_LINE_MAX = 500,
};

struct unit_bus {
    sd_bus *bus;
    sd_bus_slot *removed;
    sd_bus_slot *changed;
    char *job; // path of the job that is waited for, or NULL
    char *job_result;
    struct map *ended; // while units are watched: those that were told to have ended
};

static int64_t bus_now_ms(void)
{
    struct clock clock;
    host_clock_init(&clock);
    return clock_now_ms(&clock);
}

static int on_job_removed(sd_bus_message *message, void *userdata, sd_bus_error *bus_error)
{
    struct unit_bus *bus = userdata;
    uint32_t id = 0;
    const char *job = NULL;
    const char *unit = NULL;
    const char *result = NULL;
    (void)bus_error;
    if (sd_bus_message_read(message, "uoss", &id, &job, &unit, &result) < 0) {
        return 0; // not of the form we know: the job is looked for
    }
    // It may end before the answer to the call that made it was read: then its path is not known
    // yet, and it is looked for.
    if (bus->job != NULL && strcmp(bus->job, job) == 0) {
        alloc_freep(&bus->job_result);
        bus->job_result = alloc_strdup(result);
    }
    return 0;
}

static bool is_ended(const char *active)
{
    return strcmp(active, "inactive") == 0 || strcmp(active, "failed") == 0;
}

// Whether the message says of a unit that it is in a state in which nothing of it runs.
static bool changed_to_ended(sd_bus_message *message)
{
    const char *name = NULL;
    const char *value = NULL;
    bool ended = false;
    int r = sd_bus_message_read(message, "s", &name);
    if (r < 0 || strcmp(name, BUS_NAME ".Unit") != 0) {
        return false;
    }
    r = sd_bus_message_enter_container(message, 'a', "{sv}");
    while (r >= 0 && (r = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
        r = sd_bus_message_read_basic(message, 's', &name);
        if (r >= 0 && strcmp(name, "ActiveState") == 0) {
            r = sd_bus_message_read(message, "v", "s", &value);
            ended = r >= 0 && is_ended(value);
        } else if (r >= 0) {
            r = sd_bus_message_skip(message, "v");
        }
        r = r < 0 ? r : sd_bus_message_exit_container(message);
    }
    return ended;
}

// That something changed wakes whoever waits. What has ended is kept for who watches.
static int on_changed(sd_bus_message *message, void *userdata, sd_bus_error *bus_error)
{
    struct unit_bus *bus = userdata;
    char *unit = NULL;
    (void)bus_error;
    if (bus->ended != NULL && changed_to_ended(message) &&
        sd_bus_path_decode(sd_bus_message_get_path(message), BUS_PATH "/unit", &unit) > 0) {
        map_put(bus->ended, unit, bus);
    }
    free(unit);
    return 0;
}

static int bus_fail(struct error *err, int r, const sd_bus_error *bus_error, const char *what)
{
    const char *words = bus_error != NULL && bus_error->message != NULL ? bus_error->message : NULL;
    int code = r == -ETIMEDOUT ? -ETIMEDOUT : -EIO;
    return words != NULL ? error_set(err, code, "%s: %s", what, words)
                         : error_set_errno(err, r, "%s", what);
}

static int bus_connect_private(sd_bus **ret)
{
    sd_bus *bus = NULL;
    if (access(BUS_PRIVATE, F_OK) < 0) {
        return -ENOENT;
    }
    int r = sd_bus_new(&bus);
    if (r >= 0) {
        r = sd_bus_set_address(bus, "unix:path=" BUS_PRIVATE);
    }
    if (r >= 0) {
        r = sd_bus_start(bus);
    }
    if (r < 0) {
        (void)sd_bus_unref(bus); // NULL, always
        return r;
    }
    *ret = bus;
    return 0;
}

int unit_bus_open(struct unit_bus **ret, int64_t call_ms, struct error *err)
{
    sd_bus *connection = NULL;
    sd_bus_error bus_error = SD_BUS_ERROR_NULL;
    int r = bus_connect_private(&connection);
    if (r < 0) {
        r = sd_bus_open_system(&connection);
    }
    if (r < 0) {
        return sd_booted() <= 0
                   ? error_set(err, -ENOTSUP, "no service manager (systemd) runs on this node")
                   : error_set_errno(err, r, "cannot speak to the service manager");
    }
    struct unit_bus *bus = alloc_zero(sizeof(*bus));
    bus->bus = connection;
    ignore_result(
        sd_bus_set_method_call_timeout(connection, (uint64_t)call_ms * 1000)); // else 25 s
    r = sd_bus_match_signal(connection, &bus->removed, NULL, BUS_PATH, BUS_MANAGER, "JobRemoved",
                            on_job_removed, bus);
    if (r >= 0) {
        r = sd_bus_match_signal(connection, &bus->changed, NULL, NULL, BUS_PROPERTIES,
                                "PropertiesChanged", on_changed, bus);
    }
    // Without it the manager tells nothing on the system bus; on its own socket it always does.
    if (r >= 0) {
        r = sd_bus_call_method(connection, BUS_NAME, BUS_PATH, BUS_MANAGER, "Subscribe", &bus_error,
                               NULL, "");
        r = r < 0 && sd_bus_error_has_name(&bus_error, BUS_NAME ".AlreadySubscribed") ? 0 : r;
    }
    if (r < 0) {
        r = bus_fail(err, r, &bus_error, "the service manager does not answer");
    } else {
        *ret = steal_ptr(bus);
    }
    sd_bus_error_free(&bus_error);
    unit_bus_free(bus);
    return r < 0 ? r : 0;
}

void unit_bus_free(struct unit_bus *bus)
{
    if (bus == NULL) {
        return;
    }
    (void)sd_bus_slot_unref(bus->removed); // NULL, always
    (void)sd_bus_slot_unref(bus->changed);
    (void)sd_bus_flush_close_unref(bus->bus);
    free(bus->job);
    free(bus->job_result);
    free(bus);
}

void unit_bus_freep(struct unit_bus **bus)
{
    unit_bus_free(*bus);
}

// --- Properties. ---

// The value of a variant of a simple type as text; others are passed over.
static int bus_read_value(sd_bus_message *message, struct arena *arena, const char **ret)
{
    const char *contents = NULL;
    char type = 0;
    int r = sd_bus_message_peek_type(message, &type, &contents);
    if (r < 0 || contents == NULL) {
        return r < 0 ? r : -EBADMSG;
    }
    if (strlen(contents) != 1 || strchr("soutixb", contents[0]) == NULL) {
        return sd_bus_message_skip(message, "v");
    }
    r = sd_bus_message_enter_container(message, 'v', contents);
    union {
        const char *text;
        uint32_t u;
        uint64_t t;
        int32_t i;
        int64_t x;
        int b;
    } value = {.t = 0};
    if (r >= 0) {
        r = sd_bus_message_read_basic(message, contents[0], &value);
    }
    if (r < 0) {
        return r;
    }
    switch (contents[0]) {
    case 's':
    case 'o':
        *ret = arena_strdup(arena, value.text);
        break;
    case 'u':
        *ret = arena_printf(arena, "%" PRIu32, value.u);
        break;
    case 't':
        *ret = arena_printf(arena, "%" PRIu64, value.t);
        break;
    case 'i':
        *ret = arena_printf(arena, "%" PRIi32, value.i);
        break;
    case 'x':
        *ret = arena_printf(arena, "%" PRIi64, value.x);
        break;
    default: // of those looked for above, a bool is left
        *ret = value.b != 0 ? "1" : "0";
        break;
    }
    return sd_bus_message_exit_container(message);
}

// Adds name → text of all simple properties of the interface. The job of a unit is a pair.
static int bus_read_properties(sd_bus_message *message, struct arena *arena, struct map *ret)
{
    int r = sd_bus_message_enter_container(message, 'a', "{sv}");
    while (r >= 0 && (r = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
        const char *name = NULL;
        const char *value = NULL;
        r = sd_bus_message_read_basic(message, 's', &name);
        if (r >= 0 && strcmp(name, "Job") == 0) {
            uint32_t id = 0;
            const char *path = NULL;
            r = sd_bus_message_read(message, "v", "(uo)", &id, &path);
            value = r >= 0 ? arena_printf(arena, "%" PRIu32, id) : NULL;
        } else if (r >= 0) {
            r = bus_read_value(message, arena, &value);
        }
        if (r >= 0 && value != NULL) {
            map_put(ret, name, arena_strdup(arena, value));
        }
        r = r < 0 ? r : sd_bus_message_exit_container(message);
    }
    return r;
}

static int bus_get_all(struct unit_bus *bus, struct arena *arena, const char *path,
                       const char *interface, struct map *ret, struct error *err)
{
    sd_bus_error bus_error = SD_BUS_ERROR_NULL;
    sd_bus_message *answer = NULL;
    int r = sd_bus_call_method(bus->bus, BUS_NAME, path, BUS_PROPERTIES, "GetAll", &bus_error,
                               &answer, "s", interface);
    if (r >= 0) {
        r = bus_read_properties(answer, arena, ret);
    }
    if (r < 0) {
        r = bus_fail(err, r, &bus_error, "cannot ask the service manager");
    }
    (void)sd_bus_message_unref(answer); // NULL, always
    sd_bus_error_free(&bus_error);
    return r < 0 ? r : 0;
}

static const char *state_text(const struct map *properties, const char *name)
{
    const char *text = map_find(properties, name);
    return text != NULL ? text : "";
}

static int64_t state_int(const struct map *properties, const char *name)
{
    int64_t value = 0;
    return parse_int64(state_text(properties, name), 0, INT64_MAX, &value) == 0 ? value : 0;
}

// Microseconds; the largest number means that there is no limit.
static int64_t state_time_ms(const struct map *properties, const char *name)
{
    uint64_t us = 0;
    if (parse_uint64(state_text(properties, name), &us) < 0 || us >= (uint64_t)INT64_MAX) {
        return INT64_MAX;
    }
    return (int64_t)(us / 1000);
}

int unit_bus_get(struct unit_bus *bus, struct arena *arena, const char *unit,
                 struct unit_state *ret, struct error *err)
{
    sd_bus_error bus_error = SD_BUS_ERROR_NULL;
    sd_bus_message *answer = NULL;
    const char *path = NULL;
    struct map properties;
    map_init_arena(&properties, arena);
    int r = sd_bus_call_method(bus->bus, BUS_NAME, BUS_PATH, BUS_MANAGER, "LoadUnit", &bus_error,
                               &answer, "s", unit);
    if (r >= 0) {
        r = sd_bus_message_read(answer, "o", &path);
    }
    if (r < 0) {
        r = bus_fail(err, r, &bus_error, "cannot ask the service manager");
    } else {
        r = bus_get_all(bus, arena, path, BUS_NAME ".Unit", &properties, err);
    }
    if (r >= 0) {
        r = bus_get_all(bus, arena, path, BUS_NAME ".Service", &properties, err);
    }
    (void)sd_bus_message_unref(answer); // NULL, always
    sd_bus_error_free(&bus_error);
    if (r < 0) {
        return r;
    }
    *ret = (struct unit_state){
        .load = state_text(&properties, "LoadState"),
        .active = state_text(&properties, "ActiveState"),
        .sub = state_text(&properties, "SubState"),
        .file = state_text(&properties, "UnitFileState"),
        .result = state_text(&properties, "Result"),
        .control_group = state_text(&properties, "ControlGroup"),
        .slice = state_text(&properties, "Slice"),
        .main_pid = (pid_t)state_int(&properties, "MainPID"),
        .exit_status = state_int(&properties, "ExecMainStatus"),
        .start_timeout_ms = state_time_ms(&properties, "TimeoutStartUSec"),
        .stop_timeout_ms = state_time_ms(&properties, "TimeoutStopUSec"),
        .has_job = state_int(&properties, "Job") != 0,
    };
    return 0;
}

// --- Jobs and signals. ---

// Handles what has come, and waits for more until the time is over. Returns when something came.
static int bus_turn(struct unit_bus *bus, int64_t timeout_ms)
{
    int r = sd_bus_process(bus->bus, NULL);
    if (r == 0) {
        r = sd_bus_wait(bus->bus, timeout_ms > 0 ? (uint64_t)timeout_ms * 1000 : 0);
        r = r == -EINTR ? 0 : r;
        r = r < 0 ? r : sd_bus_process(bus->bus, NULL);
    }
    return r;
}

void unit_bus_wait(struct unit_bus *bus, int64_t timeout_ms)
{
    if (bus_turn(bus, timeout_ms) < 0) {
        host_sleep_ms(timeout_ms); // the connection is gone: the next call says so
    }
}

// What is told was true when it was told: somebody may have started it again.
static int bus_tell_ended(struct unit_bus *bus, void (*ended)(void *userdata, const char *unit),
                          void *userdata, struct error *err)
{
    int r = 0;
    while (r == 0 && bus->ended->count > 0) {
        struct arena *arena CLEANUP(arena_freep) = arena_new();
        struct unit_state state;
        const char *unit = arena_strdup(arena, bus->ended->entries[0].key);
        (void)map_remove(bus->ended, unit); // it is there
        r = unit_bus_get(bus, arena, unit, &state, err);
        if (r == 0 && is_ended(state.active)) {
            ended(userdata, unit);
        }
    }
    return r;
}

// Waits for one of both. 1: the bus has something; 0: the other.
static int bus_wait_or(struct unit_bus *bus, int until_fd, struct error *err)
{
    struct pollfd items[] = {
        {.fd = sd_bus_get_fd(bus->bus), .events = POLLIN},
        {.fd = until_fd, .events = POLLIN},
    };
    int events = sd_bus_get_events(bus->bus);
    if (items[0].fd < 0 || events < 0) {
        return error_set(err, -EIO, "the connection to the service manager is gone");
    }
    items[0].events = (short)events;
    if (poll(items, ARRAY_SIZE(items), BUS_LOOK_MS) < 0 && errno != EINTR) {
        return error_set_errno(err, -errno, "cannot wait for the service manager");
    }
    return items[1].revents != 0 ? 0 : 1;
}

int unit_bus_watch(struct unit_bus *bus, int until_fd,
                   void (*ended)(void *userdata, const char *unit), void *userdata,
                   struct error *err)
{
    struct map units CLEANUP(map_done) = {0};
    map_init(&units, NULL);
    bus->ended = &units;
    int r = 1;
    while (r > 0) {
        int handled = sd_bus_process(bus->bus, NULL);
        if (handled < 0) {
            r = error_set_errno(err, handled, "the service manager is gone");
        } else if (handled == 0 && units.count > 0) {
            r = bus_tell_ended(bus, ended, userdata, err) < 0 ? -EIO : 1; // more may have come
        } else if (handled == 0) {
            r = bus_wait_or(bus, until_fd, err);
        }
    }
    bus->ended = NULL;
    return r;
}

static int bus_give_job(struct unit_bus *bus, const char *unit, enum unit_job job,
                        struct error *err)
{
    const char *method = job == UNIT_JOB_START ? "StartUnit" : "StopUnit";
    sd_bus_error bus_error = SD_BUS_ERROR_NULL;
    sd_bus_message *answer = NULL;
    const char *path = NULL;
    alloc_freep(&bus->job);
    alloc_freep(&bus->job_result);
    int r = sd_bus_call_method(bus->bus, BUS_NAME, BUS_PATH, BUS_MANAGER, method, &bus_error,
                               &answer, "ss", unit, "replace");
    if (r >= 0) {
        r = sd_bus_message_read(answer, "o", &path);
    }
    if (r < 0) {
        r = bus_fail(err, r, &bus_error, "the service manager refuses");
    } else {
        bus->job = alloc_strdup(path);
    }
    (void)sd_bus_message_unref(answer); // NULL, always
    sd_bus_error_free(&bus_error);
    return r < 0 ? r : 0;
}

// Its end was not told, or was told before it was known which one it is.
static int bus_look_for_end(struct unit_bus *bus, struct arena *arena, const char *unit,
                            const char **ret_result, struct error *err)
{
    struct unit_state state;
    int r = unit_bus_get(bus, arena, unit, &state, err);
    if (r < 0) {
        return r;
    }
    *ret_result = bus->job_result != NULL ? arena_strdup(arena, bus->job_result)
                  : state.has_job         ? NULL
                                          : "done";
    return 0;
}

int unit_bus_run(struct unit_bus *bus, struct arena *arena, const char *unit, enum unit_job job,
                 int64_t timeout_ms, const char **ret_result, struct error *err)
{
    int64_t until_ms = bus_now_ms() + timeout_ms;
    int64_t look_ms = bus_now_ms() + BUS_LOOK_MS;
    const char *result = NULL;
    int r = bus_give_job(bus, unit, job, err);
    while (r >= 0 && result == NULL) {
        int64_t now_ms = bus_now_ms();
        if (bus->job_result != NULL) {
            result = arena_strdup(arena, bus->job_result);
        } else if (now_ms >= look_ms) {
            r = bus_look_for_end(bus, arena, unit, &result, err);
            look_ms = now_ms + BUS_LOOK_MS;
        } else if (now_ms >= until_ms) {
            r = error_set(err, -ETIMEDOUT, "it took longer than %" PRId64 " s", timeout_ms / 1000);
        } else {
            int64_t left_ms = (until_ms < look_ms ? until_ms : look_ms) - now_ms;
            r = bus_turn(bus, left_ms);
            r = r < 0 ? error_set_errno(err, r, "the service manager does not answer") : r;
        }
    }
    alloc_freep(&bus->job);
    alloc_freep(&bus->job_result);
    if (r < 0) {
        return r;
    }
    *ret_result = result;
    return 0;
}

static int bus_order(struct unit_bus *bus, const char *what, sd_bus_error *bus_error, int r,
                     struct error *err)
{
    (void)bus;
    bool unknown = sd_bus_error_has_name(bus_error, BUS_NAME ".NoSuchUnit") ||
                   sd_bus_error_has_name(bus_error, BUS_NAME ".NoSuchProcess");
    r = r < 0 && !unknown ? bus_fail(err, r, bus_error, what) : 0;
    sd_bus_error_free(bus_error);
    return r;
}

int unit_bus_kill(struct unit_bus *bus, const char *unit, int signo, struct error *err)
{
    sd_bus_error bus_error = SD_BUS_ERROR_NULL;
    int r = sd_bus_call_method(bus->bus, BUS_NAME, BUS_PATH, BUS_MANAGER, "KillUnit", &bus_error,
                               NULL, "ssi", unit, "all", (int32_t)signo);
    return bus_order(bus, "cannot kill its processes", &bus_error, r, err);
}

int unit_bus_reset_failed(struct unit_bus *bus, const char *unit, struct error *err)
{
    sd_bus_error bus_error = SD_BUS_ERROR_NULL;
    int r = sd_bus_call_method(bus->bus, BUS_NAME, BUS_PATH, BUS_MANAGER, "ResetFailedUnit",
                               &bus_error, NULL, "s", unit);
    return bus_order(bus, "cannot reset its failures", &bus_error, r, err);
}

// --- Journal. ---

static void journal_add(struct strbuf *out, const char *data, size_t size_bytes)
{
    static const char field[] = "MESSAGE=";
    size_t start = sizeof(field) - 1;
    if (size_bytes < start) {
        return;
    }
    size_t end = size_bytes - start > BUS_LINE_MAX ? start + BUS_LINE_MAX : size_bytes;
    for (size_t at = start; at < end;) {
        size_t length = utf8_length(data + at, end - at);
        bool plain = length > 0 && (unsigned char)data[at] >= 0x20;
        strbuf_append_bytes(out, plain ? data + at : "?", plain ? length : 1);
        at += length > 0 ? length : 1;
    }
    strbuf_append_char(out, '\n');
}

const char *unit_journal_tail(struct arena *arena, const char *unit, size_t lines)
{
    struct strbuf out CLEANUP(strbuf_done) = {0};
    sd_journal *journal = NULL;
    const char *match = arena_printf(arena, "_SYSTEMD_UNIT=%s", unit);
    if (sd_journal_open(&journal, SD_JOURNAL_LOCAL_ONLY) < 0) {
        return "";
    }
    int r = sd_journal_add_match(journal, match, 0);
    if (r >= 0) {
        r = sd_journal_seek_tail(journal);
    }
    if (r >= 0) {
        r = sd_journal_previous_skip(journal, lines);
    }
    for (size_t i = 0; r > 0 && i < lines; i++) {
        const void *data = NULL;
        size_t size_bytes = 0;
        if (sd_journal_get_data(journal, "MESSAGE", &data, &size_bytes) >= 0) {
            journal_add(&out, data, size_bytes);
        }
        r = sd_journal_next(journal);
    }
    sd_journal_close(journal);
    size_t size_bytes = out.size_bytes > 0 ? out.size_bytes - 1 : 0;
    return size_bytes > 0 ? arena_memdup(arena, out.text, size_bytes) : "";
}
