// SPDX-License-Identifier: Apache-2.0
// A record has a ring for each frame, and all take each sample: so no frame waits for a shorter
// one.
#include "api/endpoints/usage_book.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/map.h"
#include "common/model/node_figures.h"

#define NODE_KEY "" // no sid

struct frame_shape {
    int64_t step_s;
    size_t points;
};
static const struct frame_shape shapes[USAGE_FRAME_MAX] = {
    [USAGE_FRAME_HOUR] = {60, 60},
    [USAGE_FRAME_DAY] = {1800, 48},
    [USAGE_FRAME_WEEK] = {3 * 3600, 56},
    [USAGE_FRAME_MONTH] = {12 * 3600, 62},
};

struct usage_ring {
    struct usage_point points[USAGE_POINTS_MAX]; // the newest at `last`
    size_t last, count;
    int64_t samples; // in the newest
};

// A counter of the past, from which the rate of now comes.
struct usage_counters {
    int64_t at_s; // 0: none yet
    int64_t pid;
    int64_t values[USAGE_FIELD_MAX];
    float rates[USAGE_FIELD_MAX];
};

struct usage_record {
    struct usage_ring rings[USAGE_FRAME_MAX];
    struct usage_counters counters;
    int64_t last_s; // the newest sample
};

struct usage_book {
    struct map records; // sid or NODE_KEY → struct usage_record *
};

struct usage_book *usage_book_new(void)
{
    struct usage_book *book = alloc_zero(sizeof(*book));
    map_init(&book->records, free);
    return book;
}

void usage_book_free(struct usage_book *book)
{
    if (book != NULL) {
        map_done(&book->records);
        free(book);
    }
}

// ---- Taking.

static void ring_take(struct usage_ring *ring, const struct frame_shape *shape, int64_t now_s,
                      const float *values)
{
    int64_t time_s = now_s - now_s % shape->step_s;
    struct usage_point *point = &ring->points[ring->last];
    assert(shape->points <= USAGE_POINTS_MAX);
    if (ring->count > 0 && time_s < point->time_s) {
        *ring = (struct usage_ring){0}; // the wall clock was set back: what was is of no time
        point = &ring->points[0];
    }
    if (ring->count == 0 || time_s > point->time_s) {
        ring->last = ring->count == 0 ? 0 : (ring->last + 1) % shape->points;
        ring->count += ring->count < shape->points ? 1 : 0;
        ring->samples = 0;
        point = &ring->points[ring->last];
        *point = (struct usage_point){.time_s = time_s};
    }
    ring->samples++;
    for (int i = 0; i < USAGE_FIELD_MAX; i++) {
        point->average[i] += (values[i] - point->average[i]) / (float)ring->samples;
        point->maximum[i] = values[i] > point->maximum[i] ? values[i] : point->maximum[i];
    }
}

static void record_take(struct usage_record *record, int64_t now_s, const float *values)
{
    for (int i = 0; i < USAGE_FRAME_MAX; i++) {
        ring_take(&record->rings[i], &shapes[i], now_s, values);
    }
    record->last_s = now_s;
}

// NULL: there are too many.
static struct usage_record *record_of(struct usage_book *book, const char *key)
{
    struct usage_record *record = map_find(&book->records, key);
    if (record == NULL && book->records.count < USAGE_RECORDS_MAX) {
        record = alloc_zero(sizeof(*record));
        map_put(&book->records, key, record);
    }
    return record;
}

// Figures come when they have changed, at the latest after a minute: in between, a rate is what it
// was on the average between the last two. A guest that began anew has none yet.
static void counters_take(struct usage_counters *counters, const struct guest_figures *guest,
                          int64_t at_s)
{
    const int64_t now[USAGE_FIELD_MAX] = {
        [USAGE_FIELD_READ] = guest->read_bytes,
        [USAGE_FIELD_WRITE] = guest->write_bytes,
        [USAGE_FIELD_IN] = guest->in_bytes,
        [USAGE_FIELD_OUT] = guest->out_bytes,
    };
    int64_t elapsed_s = at_s - counters->at_s;
    if (counters->at_s != 0 && elapsed_s == 0) {
        return;
    }
    bool known = counters->at_s != 0 && elapsed_s > 0 && counters->pid == guest->pid;
    for (int i = 0; i < USAGE_FIELD_MAX; i++) {
        int64_t grown = now[i] - counters->values[i];
        counters->rates[i] = known && grown > 0 ? (float)grown / (float)elapsed_s : 0.0F;
        counters->values[i] = now[i];
    }
    counters->at_s = at_s;
    counters->pid = guest->pid;
}

static void guest_take(struct usage_record *record, const struct guest_figures *guest, int64_t at_s,
                       int64_t now_s)
{
    float values[USAGE_FIELD_MAX];
    counters_take(&record->counters, guest, at_s);
    memcpy(values, record->counters.rates, sizeof(values));
    values[USAGE_FIELD_CPU] = (float)guest->cpu;
    values[USAGE_FIELD_MEM] = (float)guest->mem_bytes;
    record_take(record, now_s, values);
}

void usage_book_take(struct usage_book *book, const struct node_figures *figures, int64_t now_s)
{
    struct usage_record *node = record_of(book, NODE_KEY);
    const float values[USAGE_FIELD_MAX] = {
        [USAGE_FIELD_CPU] = (float)figures->cpu,
        [USAGE_FIELD_WAIT] = (float)figures->wait,
        [USAGE_FIELD_MEM] = (float)figures->mem_bytes,
        [USAGE_FIELD_SWAP] = (float)figures->swap_bytes,
        [USAGE_FIELD_DISK] = (float)figures->disk_bytes,
    };
    assert(node != NULL); // the first one ever
    record_take(node, now_s, values);
    map_each (e, &figures->guests) {
        struct usage_record *record = record_of(book, e->key);
        if (record != NULL) {
            guest_take(record, e->value, figures->at_s, now_s);
        }
    }
}

void usage_book_prune(struct usage_book *book, const struct map *guests)
{
    struct map gone;
    map_init(&gone, NULL);
    map_each (e, &book->records) {
        if (strcmp(e->key, NODE_KEY) != 0 && !map_has(guests, e->key)) {
            map_put(&gone, e->key, book);
        }
    }
    map_each (e, &gone) {
        (void)map_remove(&book->records, e->key);
    }
    map_done(&gone);
}

// ---- Reading.

void usage_book_read(const struct usage_book *book, const char *sid, enum usage_frame frame,
                     int64_t now_s, struct usage_points *ret)
{
    const struct usage_record *record = map_find(&book->records, sid != NULL ? sid : NODE_KEY);
    const struct frame_shape *shape = &shapes[frame];
    ret->count = 0;
    if (record == NULL) {
        return;
    }
    const struct usage_ring *ring = &record->rings[frame];
    for (size_t i = 0; i < ring->count; i++) {
        size_t at = (ring->last + shape->points - (ring->count - 1 - i)) % shape->points;
        const struct usage_point *point = &ring->points[at];
        if (point->time_s > now_s - shape->step_s * (int64_t)shape->points) {
            ret->points[ret->count++] = *point;
        }
    }
}
