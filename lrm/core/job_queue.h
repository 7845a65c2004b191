// SPDX-License-Identifier: Apache-2.0
// Jobs that wait for a worker and jobs that run: at most one of each for a service. Waiting ones
// are taken by the number of turns they had to wait, then by sid. Stop jobs of the node's own
// shutdown wait like all others, but nobody is told their result.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"
#include "common/base/map.h"
#include "common/port/workers.h"

struct queued_job {
    struct job job; // owned texts
    int64_t tries;  // turns it had to wait
    bool confirmed; // ordered again since job_queue_unconfirm()
};

struct job_queue {
    struct map waiting; // sid → struct queued_job *
    struct map running; // sid → struct queued_job *
    // Classic replay: an order of the master takes the place of a waiting stop job of the shutdown.
    bool orders_beat_stops;
};

void job_queue_init(struct job_queue *queue);
void job_queue_done(struct job_queue *queue);
// Puts the job into the queue; a waiting one for the same service is replaced and keeps its turns.
// While a worker for the service runs, an order of the master is ignored (it is repeated), but a
// stop job of the shutdown waits.
void job_queue_put(struct job_queue *queue, const struct job *job);
// An order that the master no longer gives must not be carried out late: unconfirm, put what is
// ordered now, drop the rest. Stop jobs of the shutdown are not the master's and stay.
void job_queue_unconfirm(struct job_queue *queue);
void job_queue_drop_unconfirmed(struct job_queue *queue);
// The next job to start, or NULL: moved to the running ones and borrowed until it is finished.
// Skips services with a running worker, and jobs that need authority when there is none.
const struct job *job_queue_take(struct job_queue *queue, bool may_start) WARN_UNUSED;
// The job runs from now on, without having waited: it is borrowed until it is finished. None for
// the service runs.
const struct job *job_queue_begin(struct job_queue *queue, const struct job *job) WARN_UNUSED;
// Every job still waiting has waited one turn more.
void job_queue_count_turn(struct job_queue *queue);
// True when such a job was running; it is forgotten. False: a result that was not asked for, or
// came twice (INV-6).
bool job_queue_finish(struct job_queue *queue, const char *sid, const char *uid) WARN_UNUSED;
bool job_queue_is_running(const struct job_queue *queue, const char *sid) WARN_UNUSED;
size_t job_queue_remaining(const struct job_queue *queue) WARN_UNUSED; // waiting and running
// Whether the job may bring a guest to life, here or elsewhere, so that it needs the lease (INV-2).
bool job_needs_authority(const struct job *job) WARN_UNUSED;
