// SPDX-License-Identifier: Apache-2.0
// Keeps this node's corosync.conf at the version that the store has (key config/corosync), and
// tells the others which version is on its disk (live/corosync/<node>). A file that is newer than
// the store's, as one edited by hand, stays. When all online nodes have a version that Corosync
// does not run with yet, it is told to read it.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/macros.h"

struct conf_sync;
struct engine;

struct conf_sync *conf_sync_new(struct engine *engine) WARN_UNUSED;
void conf_sync_free(struct conf_sync *sync);
// To be called when something was committed below "config/" …
void conf_sync_request(struct conf_sync *sync);
// … and at the end of each turn. Looks about once a second by itself.
void conf_sync_turn(struct conf_sync *sync);
// Whether the file has a quorum device, as of the last look.
bool conf_sync_has_device(const struct conf_sync *sync) WARN_UNUSED;
// True when the answer was to a request of ours.
bool conf_sync_answered(struct conf_sync *sync, uint64_t request, int code);
