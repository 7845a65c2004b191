// SPDX-License-Identifier: Apache-2.0
// The queue as two sorted maps. What is due is decided in lrm_orders.c, whether anything may run at
// all in lrm.c.
#include "lrm/core/job_queue.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"

static void queued_job_free(void *value)
{
    struct queued_job *queued = value;
    alloc_freep(&queued->job.sid);
    alloc_freep(&queued->job.uid);
    alloc_freep(&queued->job.target);
    free(queued);
}

static struct queued_job *queued_job_new(const struct job *job)
{
    struct queued_job *queued = alloc_zero(sizeof(*queued));
    queued->job = *job;
    queued->job.sid = alloc_strdup(job->sid);
    queued->job.uid = job->uid != NULL ? alloc_strdup(job->uid) : NULL;
    queued->job.target = job->target != NULL ? alloc_strdup(job->target) : NULL;
    queued->confirmed = true;
    return queued;
}

void job_queue_init(struct job_queue *queue)
{
    map_init(&queue->waiting, queued_job_free);
    map_init(&queue->running, queued_job_free);
}

void job_queue_done(struct job_queue *queue)
{
    map_done(&queue->waiting);
    map_done(&queue->running);
}

void job_queue_put(struct job_queue *queue, const struct job *job)
{
    assert(job->sid != NULL);
    if (job->uid != NULL && job_queue_is_running(queue, job->sid)) {
        return;
    }
    const struct queued_job *before = map_find(&queue->waiting, job->sid);
    // The node is going down: its own stop job is not replaced by an order of the master.
    bool own_stop = before != NULL && before->job.uid == NULL && job->uid != NULL;
    if (own_stop && !queue->orders_beat_stops) {
        return;
    }
    struct queued_job *queued = queued_job_new(job);
    queued->tries = before != NULL ? before->tries : 0;
    map_put(&queue->waiting, job->sid, queued);
}

void job_queue_unconfirm(struct job_queue *queue)
{
    map_each (e, &queue->waiting) {
        struct queued_job *queued = e->value;
        queued->confirmed = queued->job.uid == NULL;
    }
}

void job_queue_drop_unconfirmed(struct job_queue *queue)
{
    for (size_t i = queue->waiting.count; i > 0; i--) {
        const struct map_entry *e = &queue->waiting.entries[i - 1];
        const struct queued_job *queued = e->value;
        if (!queued->confirmed) {
            (void)map_remove(&queue->waiting, e->key); // it is there
        }
    }
}

bool job_needs_authority(const struct job *job)
{
    switch (job->state) {
    case SVC_STATE_STARTED:
    case SVC_STATE_MIGRATE:
    case SVC_STATE_RELOCATE:
    case SVC_STATE_REQUEST_START_BALANCE:
        return true;
    case SVC_STATE_REQUEST_START:
    case SVC_STATE_REQUEST_STOP:
    case SVC_STATE_STOPPED:
    case SVC_STATE_FREEZE:
    case SVC_STATE_FENCE:
    case SVC_STATE_RECOVERY:
    case SVC_STATE_ERROR:
    case SVC_STATE_MAX:
        return false;
    }
    return true;
}

const struct job *job_queue_take(struct job_queue *queue, bool may_start)
{
    struct queued_job *best = NULL;
    map_each (e, &queue->waiting) {
        struct queued_job *queued = e->value;
        if (map_has(&queue->running, e->key) || (job_needs_authority(&queued->job) && !may_start)) {
            continue;
        }
        if (best == NULL || queued->tries > best->tries) {
            best = queued; // ascending sids, so the first of equals stays
        }
    }
    if (best == NULL) {
        return NULL;
    }
    struct queued_job *taken = map_take(&queue->waiting, best->job.sid);
    map_put(&queue->running, taken->job.sid, taken);
    return &taken->job;
}

const struct job *job_queue_begin(struct job_queue *queue, const struct job *job)
{
    assert(!job_queue_is_running(queue, job->sid)); // INV-1
    struct queued_job *queued = queued_job_new(job);
    map_put(&queue->running, queued->job.sid, queued);
    return &queued->job;
}

void job_queue_count_turn(struct job_queue *queue)
{
    map_each (e, &queue->waiting) {
        struct queued_job *queued = e->value;
        queued->tries++;
    }
}

bool job_queue_finish(struct job_queue *queue, const char *sid, const char *uid)
{
    const struct queued_job *queued = map_find(&queue->running, sid);
    if (queued == NULL) {
        return false;
    }
    const char *expected = queued->job.uid;
    bool same = expected == NULL ? uid == NULL : uid != NULL && strcmp(expected, uid) == 0;
    if (!same) {
        return false;
    }
    return map_remove(&queue->running, sid);
}

bool job_queue_is_running(const struct job_queue *queue, const char *sid)
{
    return map_has(&queue->running, sid);
}

size_t job_queue_remaining(const struct job_queue *queue)
{
    return queue->waiting.count + queue->running.count;
}
