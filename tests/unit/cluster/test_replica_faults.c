// SPDX-License-Identifier: Apache-2.0
// Every fault at every step: three members and a few writes, a cut or a crash after each single
// step of delivering, persisting, acknowledging and synchronising, then another one, in several
// orders of the steps. Afterwards all is mended, and nothing that was promised or shown may be
// gone.
//
//   test_replica_faults [STRIDE]   runs each STRIDE-th of the longer cases; 1: all, takes minutes
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/replica/replica.h"
#include "common/base/arena.h"
#include "common/base/parse.h"
#include "common/port/store.h"
#include "tests/lib/replica_net.h"
#include "tests/lib/test.h"

enum {
    NODES = 3,
    WRITES_MAX = 8,
    ORDERS = 6,      // of the nodes
    STEPS_MAX = 400, // of one phase; never reached
    STRIDE = 97,     // not a multiple of anything below
};

static uint64_t stride = STRIDE;

// How the network may be cut: alone, or all together.
enum cut { CUT_NONE, CUT_1, CUT_2, CUT_3, CUT_MAX };

// A crash of a node, with so many of its batches on the disk.
struct crash {
    int node; // −1: none
    bool power_lost;
    size_t batches_kept;
};

static const struct crash crashes[] = {
    {-1, false, 0}, {0, true, 0}, {0, false, 1}, {0, true, 9},  {1, true, 0},
    {1, false, 1},  {1, true, 9}, {2, true, 0},  {2, false, 1}, {2, true, 9},
};

struct course {
    struct net *net;
    const unsigned *order; // of the nodes
    bool disk_first;       // or the network
    size_t writes[WRITES_MAX];
    size_t writes_count;
};

static const unsigned orders[ORDERS][NODES] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                               {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};

// --- steps ---------------------------------------------------------------------------------------

static bool course_step(struct course *course)
{
    static const enum net_step network_first[] = {NET_STEP_DELIVER, NET_STEP_ORDER, NET_STEP_FLUSH,
                                                  NET_STEP_DISK};
    static const enum net_step disk_first[] = {NET_STEP_DISK, NET_STEP_FLUSH, NET_STEP_DELIVER,
                                               NET_STEP_ORDER};
    const enum net_step *steps = course->disk_first ? disk_first : network_first;
    for (size_t i = 0; i < NODES; i++) {
        for (size_t s = 0; s < ARRAY_SIZE(disk_first); s++) {
            if (net_step(course->net, course->order[i], steps[s])) {
                return true;
            }
        }
    }
    return false;
}

// Up to so many steps; how many there were.
static size_t course_steps(struct course *course, size_t count)
{
    size_t done = 0;
    while (done < count && course_step(course)) {
        done++;
        assert_true(done < STEPS_MAX);
    }
    return done;
}

static void course_cut(struct course *course, enum cut cut, unsigned kept_percent)
{
    unsigned parts[NET_NODES_MAX] = {0};
    unsigned kept[NET_NODES_MAX];
    for (size_t i = 0; i < NET_NODES_MAX; i++) {
        kept[i] = kept_percent;
    }
    if (cut != CUT_NONE) {
        parts[cut - CUT_1] = 1;
    }
    net_split(course->net, parts, kept);
}

static void course_crash(struct course *course, const struct crash *crash)
{
    if (crash->node >= 0 && course->net->nodes[crash->node].is_alive) {
        net_crash(course->net, (unsigned)crash->node, crash->power_lost, crash->batches_kept);
    }
}

static void course_start_all(struct course *course)
{
    for (unsigned i = 0; i < NODES; i++) {
        if (!course->net->nodes[i].is_alive) {
            net_start(course->net, i);
        }
    }
}

static void course_put(struct course *course, unsigned node, const char *key, const char *value,
                       uint64_t expect)
{
    if (course->net->nodes[node].is_alive) {
        course->writes[course->writes_count++] = net_put(course->net, node, key, value, expect);
    }
}

// --- checks --------------------------------------------------------------------------------------

static void check_write(struct course *course, const struct net_request *write)
{
    struct net *net = course->net;
    if (!write->is_answered) {
        net_fail(net, "'%s' is not answered", write->key);
    }
    bool is_unknown = write->answer.code == -ETIMEDOUT || write->answer.code == -EPIPE;
    for (unsigned i = 0; i < NODES && !is_unknown; i++) {
        uint64_t version = 0;
        const char *value = net_value(net, i, write->key, &version);
        if (write->answer.code == 0 && (value == NULL || version != write->answer.version)) {
            net_fail(net, "node %u: '%s' was done and is lost or done twice", i + 1, write->key);
        }
        if (write->answer.code < 0 && value != NULL) {
            net_fail(net, "node %u: '%s' was refused and is there", i + 1, write->key);
        }
    }
}

static void check_shown(struct net *net)
{
    map_each (entry, &net->told) {
        const char *key = strchr(entry->key, ' ') + 1;
        if (strncmp(key, "key/", 4) == 0 && strcmp(entry->value, "(deleted)") != 0 &&
            net_value(net, 0, key, NULL) == NULL) {
            net_fail(net, "'%s' was read and is lost", key);
        }
    }
}

static void course_end(struct course *course)
{
    struct net *net = course->net;
    net_heal(net);
    course_start_all(course);
    net_settle(net);
    net_tick(net, 40000);
    net_run(net);
    net_check_equal(net);
    for (size_t i = 0; i < course->writes_count; i++) {
        check_write(course, net_answer(net, course->writes[i]));
    }
    check_shown(net);
    net_free(net);
}

static void course_begin(struct course *course, const unsigned *order, bool disk_first)
{
    *course = (struct course){.net = net_new(NODES), .order = order, .disk_first = disk_first};
    net_settle(course->net);
    course_put(course, 0, "key/0", "zero", STORE_ABSENT);
    net_settle(course->net);
}

// --- one fault -----------------------------------------------------------------------------------

// Two writes at different nodes; after each step a cut or a crash; then a third write.
static bool one_fault_run(const unsigned *order, bool disk_first, size_t step, enum cut cut,
                          unsigned kept_percent, const struct crash *crash)
{
    struct course course;
    course_begin(&course, order, disk_first);
    (void)snprintf(course.net->label, sizeof(course.net->label),
                   "order %u%u%u, disk %d, step %zu, cut %d, kept %u, crash %d/%zu", order[0],
                   order[1], order[2], disk_first, step, (int)cut, kept_percent, crash->node,
                   crash->batches_kept);
    course_put(&course, 0, "key/1", "one", STORE_ABSENT);
    course_put(&course, 1, "key/2", "two", STORE_ABSENT);
    bool is_inside = course_steps(&course, step) == step;
    if (cut != CUT_NONE) {
        course_cut(&course, cut, kept_percent);
    }
    course_crash(&course, crash);
    (void)course_steps(&course, 10);
    course_put(&course, 2, "key/3", "three", STORE_ABSENT);
    net_settle(course.net);
    net_check_equal(course.net);
    course_end(&course);
    return is_inside;
}

static void writes_with_one_fault_at_any_step_are_kept(void **state)
{
    (void)state;
    size_t orders_step = stride > 1 ? 5 : 1;
    for (size_t order = 0; order < 2 * ORDERS; order += orders_step) {
        for (enum cut cut = CUT_NONE; cut < CUT_MAX; cut++) {
            for (size_t c = 0; c < ARRAY_SIZE(crashes); c++) {
                bool is_inside = true;
                for (size_t step = 0; is_inside; step++) {
                    is_inside = one_fault_run(orders[order / 2], order % 2 == 1, step, cut,
                                              step % 2 == 0 ? 0 : 100, &crashes[c]);
                }
            }
        }
    }
}

// --- interrupted synchronisation -----------------------------------------------------------------

// A write gets somewhere; then the network takes one form after the other. The synchronisation in
// the second one is interrupted after some steps, by a crash too, and the third one runs until it
// rests: what the second has shown must be there.
struct sequence {
    const unsigned *order;
    bool disk_first;
    size_t write_steps;
    enum cut first, second, third;
    size_t second_steps;
    const struct crash *crash;
};

static void sequence_run(const struct sequence *sequence)
{
    struct course course;
    course_begin(&course, sequence->order, sequence->disk_first);
    struct net *net = course.net;
    (void)snprintf(net->label, sizeof(net->label),
                   "order %u%u%u, disk %d, write %zu, cuts %d %d %d, steps %zu, crash %d/%zu",
                   sequence->order[0], sequence->order[1], sequence->order[2], sequence->disk_first,
                   sequence->write_steps, (int)sequence->first, (int)sequence->second,
                   (int)sequence->third, sequence->second_steps, sequence->crash->node,
                   sequence->crash->batches_kept);
    course_put(&course, 0, "key/1", "one", STORE_ABSENT);
    (void)course_steps(&course, sequence->write_steps);
    course_cut(&course, sequence->first, 0);
    net_settle(net);
    course_put(&course, 1, "key/2", "two", STORE_ABSENT);
    (void)course_steps(&course, sequence->write_steps);
    course_cut(&course, sequence->second, 0);
    (void)course_steps(&course, sequence->second_steps);
    course_crash(&course, sequence->crash);
    course_cut(&course, sequence->third, 0);
    course_start_all(&course);
    net_settle(net);
    course_put(&course, 2, "key/3", "three", STORE_ABSENT);
    net_settle(net);
    course_end(&course);
}

static void sequences_of(const unsigned *order, bool disk_first, size_t *position)
{
    struct sequence sequence = {.order = order, .disk_first = disk_first};
    for (sequence.write_steps = 0; sequence.write_steps < 16; sequence.write_steps++) {
        for (size_t cuts = 0; cuts < (size_t)CUT_MAX * CUT_MAX * CUT_MAX; cuts++) {
            sequence.first = (enum cut)(cuts % CUT_MAX);
            sequence.second = (enum cut)(cuts / CUT_MAX % CUT_MAX);
            sequence.third = (enum cut)(cuts / CUT_MAX / CUT_MAX);
            for (sequence.second_steps = 0; sequence.second_steps < 40; sequence.second_steps++) {
                sequence.crash = &crashes[*position % ARRAY_SIZE(crashes)];
                if (*position % stride == 0) {
                    sequence_run(&sequence);
                }
                (*position)++;
            }
        }
    }
}

static void interrupted_synchronisations_lose_nothing(void **state)
{
    (void)state;
    size_t position = 0;
    for (size_t order = 0; order < ORDERS; order++) {
        sequences_of(orders[order], false, &position);
        sequences_of(orders[order], true, &position);
    }
    print_message("# %zu sequences\n", (position + stride - 1) / stride);
}

int main(int argc, char **argv)
{
    if (argc == 2 && (parse_uint64(argv[1], &stride) < 0 || stride == 0)) {
        (void)fprintf(stderr, "usage: %s [STRIDE]\n", argv[0]); // nothing to do about it
        return 2;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_with_one_fault_at_any_step_are_kept),
        cmocka_unit_test(interrupted_synchronisations_lose_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
