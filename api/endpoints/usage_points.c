// SPDX-License-Identifier: Apache-2.0
// …/rrddata: what a node or a guest has used, as points of time. Each node answers for itself and
// the guests it has now: a guest that moves begins anew.
#include <string.h>

#include "api/call/call.h"
#include "api/endpoints/endpoint_support.h"
#include "api/endpoints/endpoints.h"
#include "api/endpoints/guest_find.h"
#include "api/endpoints/guest_rows.h"
#include "api/endpoints/node_rows.h"
#include "api/endpoints/parameter_rows.h"
#include "api/endpoints/usage_book.h"
#include "common/base/arena.h"
#include "common/base/json.h"
#include "common/model/guest.h"
#include "common/model/node_figures.h"

static const double ROUNDED_TO = 1000000.0; // parts

// Where fields of a point go, and what divides them.
struct usage_column {
    const char *name;
    enum usage_field field;
    bool whole; // a size
};

struct usage_limit {
    const char *name;
    int64_t value;
};

static enum usage_frame frame_of(const struct call *call)
{
    static const char *const names[] = {"hour", "day", "week"};
    const char *frame = call_string(call, "timeframe", "hour");
    for (int i = 0; i < (int)ARRAY_SIZE(names); i++) {
        if (strcmp(names[i], frame) == 0) {
            return (enum usage_frame)i;
        }
    }
    return USAGE_FRAME_MONTH; // nothing older is kept
}

static struct json *value_new(const struct call *call, const struct usage_column *column,
                              double value)
{
    if (column->whole) {
        return json_new_int(call->arena, (int64_t)(value + 0.5));
    }
    return json_new_double(call->arena, (double)(int64_t)(value * ROUNDED_TO + 0.5) / ROUNDED_TO);
}

static struct json *point_new(const struct call *call, const struct usage_point *point,
                              const struct usage_column *columns, size_t count, double cpus)
{
    bool maximum = strcmp(call_string(call, "cf", "AVERAGE"), "MAX") == 0;
    const float *values = maximum ? point->maximum : point->average;
    struct json *row = json_new_object(call->arena);
    json_put_int(row, "time", point->time_s);
    for (size_t i = 0; i < count; i++) {
        double part = columns[i].field == USAGE_FIELD_CPU ? cpus : 1.0;
        json_put(row, columns[i].name,
                 value_new(call, &columns[i], (double)values[columns[i].field] / part));
    }
    return row;
}

// Before there is a point, what is known now is one.
static void points_read(const struct call *call, const char *sid, const float *now,
                        struct usage_points *points)
{
    points->count = 0;
    if (call->host->usage != NULL) {
        usage_book_read(call->host->usage, sid, frame_of(call), endpoint_now_s(call), points);
    }
    if (points->count == 0) {
        struct usage_point *point = &points->points[points->count++];
        point->time_s = endpoint_now_s(call);
        memcpy(point->average, now, sizeof(point->average));
        memcpy(point->maximum, now, sizeof(point->maximum));
    }
}

static void points_return(struct call *call, const struct usage_points *points,
                          const struct usage_column *columns, size_t columns_count,
                          const struct usage_limit *limits, size_t limits_count, double cpus)
{
    struct json *list = json_new_array(call->arena);
    for (size_t i = 0; i < points->count; i++) {
        struct json *row = point_new(call, &points->points[i], columns, columns_count, cpus);
        for (size_t k = 0; k < limits_count; k++) {
            json_put_int(row, limits[k].name, limits[k].value);
        }
        json_append(list, row);
    }
    call_return(call, list);
}

static void node_rrddata(struct call *call)
{
    static const struct usage_column columns[] = {{"cpu", USAGE_FIELD_CPU, false},
                                                  {"iowait", USAGE_FIELD_WAIT, false},
                                                  {"memused", USAGE_FIELD_MEM, true},
                                                  {"swapused", USAGE_FIELD_SWAP, true},
                                                  {"rootused", USAGE_FIELD_DISK, true}};
    const struct node_figures *own = node_figures_here(call);
    struct usage_points points;
    const float now[USAGE_FIELD_MAX] = {
        [USAGE_FIELD_CPU] = (float)own->cpu,         [USAGE_FIELD_WAIT] = (float)own->wait,
        [USAGE_FIELD_MEM] = (float)own->mem_bytes,   [USAGE_FIELD_SWAP] = (float)own->swap_bytes,
        [USAGE_FIELD_DISK] = (float)own->disk_bytes,
    };
    const struct usage_limit limits[] = {{"maxcpu", own->cpus},
                                         {"memtotal", own->mem_max_bytes},
                                         {"swaptotal", own->swap_max_bytes},
                                         {"roottotal", own->disk_max_bytes}};
    points_read(call, NULL, now, &points);
    points_return(call, &points, columns, ARRAY_SIZE(columns), limits, ARRAY_SIZE(limits), 1.0);
}

static void guest_rrddata(struct call *call)
{
    static const struct usage_column columns[] = {
        {"cpu", USAGE_FIELD_CPU, false},       {"mem", USAGE_FIELD_MEM, true},
        {"diskread", USAGE_FIELD_READ, false}, {"diskwrite", USAGE_FIELD_WRITE, false},
        {"netin", USAGE_FIELD_IN, false},      {"netout", USAGE_FIELD_OUT, false}};
    const struct guest *guest = endpoint_guest(call);
    struct guest_shown shown;
    struct usage_points points;
    struct map figures;
    if (guest == NULL) {
        return;
    }
    endpoint_figures(call, &figures);
    guest_shown_read(call, &figures, guest, &shown);
    double cpus = (double)(shown.cpus > 0 ? shown.cpus : 1);
    const float now[USAGE_FIELD_MAX] = {
        [USAGE_FIELD_CPU] = (float)(shown.cpu * cpus),
        [USAGE_FIELD_MEM] = (float)shown.mem_bytes,
    };
    const struct usage_limit limits[] = {{"maxcpu", shown.cpus}, {"maxmem", shown.mem_max_bytes}};
    points_read(call, guest->sid, now, &points);
    points_return(call, &points, columns, ARRAY_SIZE(columns), limits, ARRAY_SIZE(limits), cpus);
}

// ---- The rows.

static const char *const frames[] = {"hour", "day", "week", "month", "year", "decade", NULL};
static const char *const functions[] = {"AVERAGE", "MAX", NULL};

#define PARAMETERS_POINTS                                                                          \
    {.name = "timeframe",                                                                          \
     .values = frames,                                                                             \
     .required = true,                                                                             \
     .description = "how far back: in points of 1 minute, 30 minutes, 3 hours, 12 hours; nothing " \
                    "older than a month is kept, and nothing over a start of the daemon"},         \
    {                                                                                              \
        .name = "cf", .values = functions, .description = "what points show",                      \
        .default_text = "AVERAGE"                                                                  \
    }

static const struct parameter parameters_node[] = {PARAMETER_NODE, PARAMETERS_POINTS};
static const struct parameter parameters_guest[] = {PARAMETER_NODE, PARAMETER_VMID,
                                                    PARAMETERS_POINTS};

#define GUEST_POINTS(kind_)                                                                        \
    {                                                                                              \
        GUEST_METHOD(GET, kind_ "/{vmid}/rrddata", parameters_guest, "array", guest_rrddata),      \
            MAY_READ_GUEST, .kind = METHOD_KIND_READ,                                              \
                            .description = "what it has used, as points of time"                   \
    }

static const struct method methods[] = {
    {.verb = METHOD_VERB_GET,
     .path = "/nodes/{node}/rrddata",
     .description = "what the machine has used, as points of time",
     PARAMETERS(parameters_node),
     MAY_READ_NODE,
     .kind = METHOD_KIND_READ,
     .on_node = true,
     .returns = "array",
     .run = node_rrddata},
    GUEST_POINTS("lxc"),
    GUEST_POINTS("qemu"),
};

const struct method_table endpoints_usage = {methods, ARRAY_SIZE(methods)};
