// SPDX-License-Identifier: Apache-2.0
// Drives the LRM core through whole rounds without ports: the world is set in fields, what the core
// does is written down as one line of words.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/map.h"
#include "common/base/strbuf.h"
#include "common/model/manager_status.h"
#include "common/model/options.h"
#include "common/model/service.h"
#include "common/model/timing.h"
#include "common/port/lease.h"
#include "lrm/core/lrm.h"

#define DRIVER_NODE "alpha"

struct lrm_driver {
    struct arena *arena;
    struct timing timing;
    struct lrm *lrm;
    // The world.
    int64_t now_ms;
    bool view_ok, quorate, readable;
    struct manager_status *manager;
    struct map services;  // sid → struct service *
    struct map resources; // sid → struct resource *
    struct options options;
    uint64_t term;                   // of the grant
    enum lease_origin origin;        // likewise
    int lease_answer;                // what acquiring answers: enum lease_answer or -errno
    int watchdog_answer;             // 1 or -errno
    int status_answer;               // 1 or -errno
    int disarm_answer;               // 1 or -errno
    int note_answer;                 // 1 or -errno
    enum workers_killed kill_result; // what an order to kill comes to
    enum workers_killed killed;      // what is said of the last order
    const char *killed_reason;
    int64_t authority_ms;
    struct map codes; // sid → int64_t *: how its jobs end; absent: success
    bool hold;        // jobs do not end by themselves
    // What happened in the last round: "acquire arm +lock-acquired +wait_for_agent_lock>active
    // spawn(ct:100 started) …".
    struct strbuf trace;
    bool exit;
    int64_t next_wake_ms;
    struct job_results pending; // ended jobs that the next call takes
};

// Everything works, nothing is configured. Classic with workers_max 0 is what the simulator runs.
void driver_init(struct lrm_driver *driver, enum timing_profile profile, int64_t workers_max);
void driver_done(struct lrm_driver *driver);
// cmocka's setup for the classic one, and teardown; *state is the driver.
int driver_setup(void **state);
int driver_setup_live(void **state);
int driver_teardown(void **state);

// A record of the master; replaced if there is one. The uid is new each time.
struct service *driver_service(struct lrm_driver *driver, const char *sid, enum svc_state state,
                               const char *node);
void driver_max_restart(struct lrm_driver *driver, const char *sid, int64_t max_restart);
void driver_node_state(struct lrm_driver *driver, enum node_state state);
void driver_maintenance(struct lrm_driver *driver, bool requested);
void driver_code(struct lrm_driver *driver, const char *sid, int64_t code);
// A held job has ended.
void driver_finish(struct lrm_driver *driver, const char *sid, const char *uid,
                   enum svc_state state, int64_t code);
// One round, at the time now_ms; the trace is that of this round.
void driver_round(struct lrm_driver *driver);
// Rounds, each so long after the one before as in the simulator.
void driver_rounds(struct lrm_driver *driver, size_t count);
void driver_shutdown(struct lrm_driver *driver, enum lrm_shutdown how);
// The guests of the last order to kill, and of the last note, with a blank between.
const char *driver_list(struct lrm_driver *driver, const struct workers_guests *guests);
// Brings the LRM from its start to the state.
void driver_reach(struct lrm_driver *driver, enum lrm_state state);
const char *driver_trace(const struct lrm_driver *driver);
bool driver_did(const struct lrm_driver *driver, const char *word);
// The reported result for the uid, or -99.
int64_t driver_result(struct lrm_driver *driver, const char *uid);
