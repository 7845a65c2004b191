// SPDX-License-Identifier: Apache-2.0
// The companions and the lines that they write. What an end means is decided in lrm/core.
#include "lrm/service_watch.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/map.h"
#include "common/base/strbuf.h"
#include "common/host/supervisor.h"
#include "common/model/sid.h"
#include "lrm/agents/agents.h"

enum {
    WATCH_RESTART_MS = 5000,
    WATCH_LINE_MAX = 64 * 1024,
};

// One type's.
struct watched_type {
    struct service_watch *watch;
    struct supervisor *supervisor;
    struct strbuf bytes; // of a line that is not complete
};

struct service_watch {
    struct service_watch_spec spec;
    struct map types; // name → struct watched_type *
};

static void type_free(void *value)
{
    struct watched_type *type = value;
    supervisor_free(type->supervisor);
    strbuf_done(&type->bytes);
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

static bool type_take(void *userdata, const char *bytes, size_t size_bytes)
{
    struct watched_type *type = userdata;
    if (type->bytes.size_bytes > WATCH_LINE_MAX) {
        return false;
    }
    strbuf_append_bytes(&type->bytes, bytes, size_bytes);
    type_tell_lines(type);
    return true;
}

static void type_ended(void *userdata)
{
    struct watched_type *type = userdata;
    strbuf_done(&type->bytes);
}

struct service_watch *service_watch_new(const struct service_watch_spec *spec)
{
    struct service_watch *watch = alloc_zero(sizeof(*watch));
    watch->spec = *spec;
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
    type->supervisor = supervisor_new(&(struct supervisor_spec){
        .loop = watch->spec.loop,
        .name = "ha-lrm-watch",
        .main = row->watch,
        .restart_ms = WATCH_RESTART_MS,
        .bytes = type_take,
        .ended = type_ended,
        .userdata = type,
    });
    map_put(&watch->types, row->name, type);
    supervisor_start(type->supervisor);
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
