// SPDX-License-Identifier: Apache-2.0
// The companions and the lines that they write. What an end means is decided in lrm/core.
#include "lrm/service_watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/error.h"
#include "common/base/map.h"
#include "common/base/strbuf.h"
#include "common/host/companion.h"
#include "common/host/host_clock.h"
#include "common/host/loop.h"
#include "common/model/sid.h"
#include "common/port/clock.h"
#include "lrm/agents/agents.h"

enum {
    WATCH_RESTART_MS = 5000,
    WATCH_STOP_MS = 100,
    WATCH_READ_BYTES = 4096,
    WATCH_LINE_MAX = 64 * 1024,
};

// One type's.
struct watched_type {
    struct service_watch *watch;
    const struct agent_type *type;
    struct companion companion; // pid 0: there is none now
    struct loop_source *io;
    struct loop_source *timer;
    struct strbuf bytes; // of a line that is not complete
};

struct service_watch {
    struct service_watch_spec spec;
    struct clock clock;
    struct map types; // name → struct watched_type *
};

static void type_end(struct watched_type *type)
{
    if (type->companion.pid > 0) {
        loop_source_free(type->io);
        (void)companion_stop(&type->companion, WATCH_STOP_MS); // however it ended
    }
    type->companion = (struct companion){.fd = -1};
    type->io = NULL;
    strbuf_done(&type->bytes);
}

static void type_again(struct watched_type *type)
{
    type_end(type);
    loop_timer_set(type->timer, clock_now_ms(&type->watch->clock) + WATCH_RESTART_MS);
}

static void type_free(void *value)
{
    struct watched_type *type = value;
    type_end(type);
    loop_source_free(type->timer);
    free(type);
}

static void type_tell_lines(struct watched_type *type)
{
    char *line = type->bytes.text;
    char *end = line != NULL ? strchr(line, '\n') : NULL;
    for (; end != NULL; end = strchr(line, '\n')) {
        *end = '\0';
        if (sid_check(line, NULL) == 0) {
            type->watch->spec.ended(type->watch->spec.userdata, line);
        }
        line = end + 1;
    }
    if (line != NULL && line != type->bytes.text) {
        struct strbuf rest = {0};
        strbuf_append(&rest, line);
        strbuf_done(&type->bytes);
        type->bytes = rest;
    }
}

static void type_readable(void *userdata, uint32_t events)
{
    struct watched_type *type = userdata;
    char bytes[WATCH_READ_BYTES];
    (void)events;
    ssize_t n = read(type->companion.fd, bytes, sizeof(bytes));
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (n <= 0 || type->bytes.size_bytes > WATCH_LINE_MAX) {
        type_again(type);
        return;
    }
    strbuf_append_bytes(&type->bytes, bytes, (size_t)n);
    type_tell_lines(type);
}

static void type_begin(void *userdata)
{
    struct watched_type *type = userdata;
    if (companion_start("ha-lrm-watch", type->type->watch, NULL, &type->companion, NULL) < 0) {
        type->companion = (struct companion){.fd = -1};
        type_again(type);
        return;
    }
    type->io =
        loop_add_io(type->watch->spec.loop, type->companion.fd, EPOLLIN, type_readable, type);
}

struct service_watch *service_watch_new(const struct service_watch_spec *spec)
{
    struct service_watch *watch = alloc_zero(sizeof(*watch));
    watch->spec = *spec;
    host_clock_init(&watch->clock);
    map_init(&watch->types, type_free);
    return watch;
}

void service_watch_free(struct service_watch *watch)
{
    if (watch != NULL) {
        map_done(&watch->types);
        free(watch);
    }
}

static void watch_begin(struct service_watch *watch, const struct agent_type *row)
{
    struct watched_type *type = alloc_zero(sizeof(*type));
    type->watch = watch;
    type->type = row;
    type->companion.fd = -1;
    type->timer = loop_add_timer(watch->spec.loop, type_begin, type);
    map_put(&watch->types, row->name, type);
    type_begin(type);
}

void service_watch_look(struct service_watch *watch,
                        bool (*has)(const void *userdata, const char *type), const void *userdata)
{
    for (size_t i = 0; agents_at(i) != NULL; i++) {
        const struct agent_type *row = agents_at(i);
        if (row->watch != NULL && !map_has(&watch->types, row->name) && has(userdata, row->name)) {
            watch_begin(watch, row);
        }
    }
}
