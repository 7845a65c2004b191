// SPDX-License-Identifier: Apache-2.0
// What this node and its guests have used in the last hour, day, week and month, as points of time
// with average and maximum: in memory, gone with the daemon. Pure: figures come in as nodes tell
// them (common/model/node_figures.h). Nothing is decided by it.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"

struct map;
struct node_figures;
struct usage_book;

enum usage_field {
    USAGE_FIELD_CPU,  // of a node part of its processors' time, of a guest cores
    USAGE_FIELD_WAIT, // of a node, as above
    USAGE_FIELD_MEM,
    USAGE_FIELD_SWAP,
    USAGE_FIELD_DISK,
    USAGE_FIELD_READ, // bytes a second, of guests; the next, too
    USAGE_FIELD_WRITE,
    USAGE_FIELD_IN,
    USAGE_FIELD_OUT,
    USAGE_FIELD_MAX
};

enum usage_frame {
    USAGE_FRAME_HOUR,  // 60 minutes
    USAGE_FRAME_DAY,   // 48 half hours
    USAGE_FRAME_WEEK,  // 56 times three hours
    USAGE_FRAME_MONTH, // 62 times twelve hours
    USAGE_FRAME_MAX
};

enum {
    USAGE_SAMPLE_S = 10,     // how often usage_book_take() is to be called
    USAGE_RECORDS_MAX = 512, // the node, and guests
    USAGE_POINTS_MAX = 62,
};

struct usage_point {
    int64_t time_s; // when it begins
    float average[USAGE_FIELD_MAX], maximum[USAGE_FIELD_MAX];
};

struct usage_points {
    struct usage_point points[USAGE_POINTS_MAX]; // ascending; times without samples have none
    size_t count;
};

struct usage_book *usage_book_new(void) WARN_UNUSED;
void usage_book_free(struct usage_book *book);
// The newest figures of this node, whether they have changed or not.
void usage_book_take(struct usage_book *book, const struct node_figures *figures, int64_t now_s);
// Forgets guests that are not in the map (by sid) any more.
void usage_book_prune(struct usage_book *book, const struct map *guests);
// Of a guest; sid NULL: of the node. The last point is still growing.
void usage_book_read(const struct usage_book *book, const char *sid, enum usage_frame frame,
                     int64_t now_s, struct usage_points *ret);
