// SPDX-License-Identifier: Apache-2.0
// A binary heap by time and order. Timers know their place in it, so that one can be moved.
#include "sim/swarm/swarm_queue.h"

#include <assert.h>
#include <stdlib.h>

#include "common/base/alloc.h"

// Keys are kept beside the pointers: comparing must not touch the timers.
struct heap_entry {
    int64_t at_us;
    uint64_t order;
    struct swarm_timer *timer;
};

struct swarm_queue {
    int64_t now_us;
    uint64_t orders, happened;
    struct heap_entry *heap; // from 1
    size_t count, capacity;
};

struct swarm_queue *swarm_queue_new(void)
{
    struct swarm_queue *queue = alloc_zero(sizeof(*queue));
    queue->capacity = 64;
    queue->heap = alloc_zero(queue->capacity * sizeof(*queue->heap));
    return queue;
}

void swarm_queue_free(struct swarm_queue *queue)
{
    if (queue == NULL) {
        return;
    }
    free(queue->heap);
    free(queue);
}

int64_t swarm_queue_now_us(const struct swarm_queue *queue)
{
    return queue->now_us;
}

uint64_t swarm_queue_count(const struct swarm_queue *queue)
{
    return queue->happened;
}

// ---- The heap.

static bool entry_is_before(const struct heap_entry *a, const struct heap_entry *b)
{
    return a->at_us < b->at_us || (a->at_us == b->at_us && a->order < b->order);
}

static void heap_put(struct swarm_queue *queue, size_t index, const struct heap_entry *entry)
{
    queue->heap[index] = *entry;
    entry->timer->index = index;
}

static void heap_rise(struct swarm_queue *queue, size_t index)
{
    const struct heap_entry entry = queue->heap[index];
    while (index > 1 && entry_is_before(&entry, &queue->heap[index / 2])) {
        heap_put(queue, index, &queue->heap[index / 2]);
        index /= 2;
    }
    heap_put(queue, index, &entry);
}

static void heap_sink(struct swarm_queue *queue, size_t index)
{
    const struct heap_entry entry = queue->heap[index];
    for (size_t child = index * 2; child <= queue->count; child = index * 2) {
        if (child < queue->count && entry_is_before(&queue->heap[child + 1], &queue->heap[child])) {
            child++;
        }
        if (!entry_is_before(&queue->heap[child], &entry)) {
            break;
        }
        heap_put(queue, index, &queue->heap[child]);
        index = child;
    }
    heap_put(queue, index, &entry);
}

static void heap_insert(struct swarm_queue *queue, struct swarm_timer *timer)
{
    if (queue->count + 1 == queue->capacity) {
        queue->capacity *= 2;
        queue->heap = alloc_resize(queue->heap, queue->capacity * sizeof(*queue->heap));
    }
    queue->count++;
    queue->heap[queue->count] = (struct heap_entry){timer->at_us, timer->order, timer};
    heap_rise(queue, queue->count);
}

static void heap_remove(struct swarm_queue *queue, struct swarm_timer *timer)
{
    size_t index = timer->index;
    timer->index = 0;
    const struct heap_entry last = queue->heap[queue->count--];
    if (last.timer == timer) {
        return;
    }
    heap_put(queue, index, &last);
    heap_rise(queue, index);
    heap_sink(queue, last.timer->index);
}

// ---- Gates.

static void gate_append(struct swarm_gate *gate, struct swarm_timer *timer)
{
    timer->is_waiting = true;
    timer->next = NULL;
    if (gate->last != NULL) {
        gate->last->next = timer;
    } else {
        gate->first = timer;
    }
    gate->last = timer;
}

static void gate_remove(struct swarm_gate *gate, struct swarm_timer *timer)
{
    struct swarm_timer *before = NULL;
    for (struct swarm_timer *t = gate->first; t != timer; t = t->next) {
        before = t;
    }
    if (before != NULL) {
        before->next = timer->next;
    } else {
        gate->first = timer->next;
    }
    if (gate->last == timer) {
        gate->last = before;
    }
    timer->next = NULL;
    timer->is_waiting = false;
}

static void gate_tell(const struct swarm_gate *gate)
{
    if (gate->changed != NULL) {
        gate->changed(gate->userdata);
    }
}

void swarm_gate_close(struct swarm_gate *gate)
{
    if (!gate->is_closed) {
        gate->is_closed = true;
        gate_tell(gate);
    }
}

void swarm_gate_open(struct swarm_gate *gate)
{
    if (!gate->is_closed) {
        return;
    }
    gate->is_closed = false;
    struct swarm_timer *timer = gate->first;
    gate->first = NULL;
    gate->last = NULL;
    while (timer != NULL) {
        struct swarm_timer *next = timer->next;
        timer->next = NULL;
        timer->is_waiting = false;
        swarm_timer_set(timer, timer->queue->now_us);
        timer = next;
    }
    gate_tell(gate);
}

// ---- Timers.

void swarm_timer_init(struct swarm_timer *timer, struct swarm_queue *queue, struct swarm_gate *gate,
                      swarm_due due, void *userdata)
{
    *timer = (struct swarm_timer){.queue = queue, .gate = gate, .due = due, .userdata = userdata};
}

void swarm_timer_stop(struct swarm_timer *timer)
{
    if (timer->is_waiting) {
        gate_remove(timer->gate, timer);
    } else if (timer->index != 0) {
        heap_remove(timer->queue, timer);
    }
}

void swarm_timer_set(struct swarm_timer *timer, int64_t at_us)
{
    struct swarm_queue *queue = timer->queue;
    swarm_timer_stop(timer);
    timer->at_us = at_us > queue->now_us ? at_us : queue->now_us;
    timer->order = ++queue->orders;
    heap_insert(queue, timer);
}

bool swarm_timer_is_set(const struct swarm_timer *timer)
{
    return timer->is_waiting || timer->index != 0;
}

bool swarm_queue_run_next(struct swarm_queue *queue, int64_t until_us)
{
    while (queue->count > 0 && queue->heap[1].at_us <= until_us) {
        struct swarm_timer *timer = queue->heap[1].timer;
        assert(timer->at_us >= queue->now_us);
        queue->now_us = timer->at_us;
        heap_remove(queue, timer);
        if (timer->gate != NULL && timer->gate->is_closed) {
            gate_append(timer->gate, timer);
            continue;
        }
        queue->happened++;
        timer->due(timer->userdata);
        return true;
    }
    if (until_us > queue->now_us) {
        queue->now_us = until_us;
    }
    return false;
}
