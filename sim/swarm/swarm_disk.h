// SPDX-License-Identifier: Apache-2.0
// A node's disk with its database: batches that are under way, and what is durable. A power cut
// keeps any number of the batches under way, from the oldest, whole; whether a torn one is seen as
// such is the database's promise, proven by its own tests (docs/store.md, "How that is tested").
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cluster/engine.h"
#include "common/base/macros.h"

struct prng;
struct swarm_disk;
struct swarm_gate;
struct swarm_queue;

struct swarm_disk *swarm_disk_new(struct swarm_queue *queue, struct prng *prng) WARN_UNUSED;
void swarm_disk_free(struct swarm_disk *disk);
// For the ha-clusterd that opens it now, behind its gate; the last one is gone.
struct engine_disk *swarm_disk_port(struct swarm_disk *disk, struct swarm_gate *gate) WARN_UNUSED;
// Milliseconds that a batch takes, from … to.
void swarm_disk_set_speed(struct swarm_disk *disk, int64_t min_ms, int64_t max_ms);
// No room: batches fail as they do on a real one, until there is room again.
void swarm_disk_set_full(struct swarm_disk *disk, bool is_full);
// The power is cut: of the batches under way some are kept.
void swarm_disk_cut_power(struct swarm_disk *disk);
// The disk is replaced by an empty one.
void swarm_disk_wipe(struct swarm_disk *disk);
// Since the start.
uint64_t swarm_disk_rows_written(const struct swarm_disk *disk) WARN_UNUSED;
