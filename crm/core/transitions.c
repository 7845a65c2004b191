// SPDX-License-Identifier: Apache-2.0
// The lists below are the only place where moves are allowed. Each is expanded twice: to the matrix
// that is enforced and to the rows with words.
#include "crm/core/transitions.h"

#include "common/base/macros.h"
#include "common/model/crm_state.h"
#include "common/model/manager_status.h"
#include "common/model/service.h"

#define SERVICE_ROWS(ROW)                                                                          \
    ROW(REQUEST_START, STARTED, "the node it is on is the one to start on")                        \
    ROW(REQUEST_START, REQUEST_START_BALANCE, "rebalance on start chose another node")             \
    ROW(REQUEST_START, FREEZE, "disarmed in mode freeze")                                          \
    ROW(REQUEST_START_BALANCE, STARTED, "moved, refused or failed; wanted started")                \
    ROW(REQUEST_START_BALANCE, REQUEST_STOP, "moved, refused or failed; not wanted started")       \
    ROW(REQUEST_START_BALANCE, ERROR, "the guest is on another node than recorded")                \
    ROW(REQUEST_START_BALANCE, FENCE, "no result and the source is offline for too long")          \
    ROW(REQUEST_START_BALANCE, FREEZE, "disarmed in mode freeze")                                  \
    ROW(STARTED, FENCE, "its node is offline for too long")                                        \
    ROW(STARTED, REQUEST_STOP, "no longer wanted started, or a stop command")                      \
    ROW(STARTED, MIGRATE, "a command, or another node is better (live)")                           \
    ROW(STARTED, RELOCATE, "a command, or another node is better (offline)")                       \
    ROW(STARTED, ERROR, "failed too often, or with a result that no retry helps")                  \
    ROW(STARTED, FREEZE, "its LRM restarts, or disarmed in mode freeze")                           \
    ROW(REQUEST_STOP, STOPPED, "stopped")                                                          \
    ROW(REQUEST_STOP, ERROR, "could not be stopped")                                               \
    ROW(REQUEST_STOP, RELOCATE, "its guest is on another node than recorded")                      \
    ROW(REQUEST_STOP, FENCE, "no result and its node is offline for too long")                     \
    ROW(REQUEST_STOP, FREEZE, "its LRM restarts, or disarmed in mode freeze")                      \
    ROW(STOPPED, MIGRATE, "a command")                                                             \
    ROW(STOPPED, RELOCATE, "a command")                                                            \
    ROW(STOPPED, FENCE, "its node is offline for too long and it is to be recovered")              \
    ROW(STOPPED, REQUEST_START, "wanted started")                                                  \
    ROW(STOPPED, FREEZE, "its LRM restarts, or disarmed in mode freeze")                           \
    ROW(MIGRATE, STARTED, "moved or failed; wanted started")                                       \
    ROW(MIGRATE, REQUEST_STOP, "moved or failed; not wanted started")                              \
    ROW(MIGRATE, ERROR, "the guest is on another node than recorded")                              \
    ROW(MIGRATE, FENCE, "no result and the source is offline for too long")                        \
    ROW(RELOCATE, STARTED, "moved or failed; wanted started")                                      \
    ROW(RELOCATE, REQUEST_STOP, "moved or failed; not wanted started")                             \
    ROW(RELOCATE, ERROR, "the guest is on another node than recorded")                             \
    ROW(RELOCATE, FENCE, "no result and the source is offline for too long")                       \
    ROW(FREEZE, STARTED, "its LRM is active or in maintenance; wanted started")                    \
    ROW(FREEZE, REQUEST_STOP, "its LRM is active or in maintenance; not wanted started")           \
    ROW(FENCE, RECOVERY, "its node is proven to be fenced")                                        \
    ROW(FENCE, MIGRATE, "classic replay: passed through within one round")                         \
    ROW(FENCE, RELOCATE, "classic replay: passed through within one round")                        \
    ROW(FENCE, REQUEST_STOP, "classic replay: passed through within one round")                    \
    ROW(RECOVERY, STARTED, "a node was found; wanted started")                                     \
    ROW(RECOVERY, REQUEST_STOP, "a node was found; not wanted started")                            \
    ROW(RECOVERY, STOPPED, "no node was found and it is disabled")                                 \
    ROW(ERROR, REQUEST_STOP, "retry_interval is over: its end is proven, then it is tried again")  \
    ROW(ERROR, STOPPED, "disabled by the operator")                                                \
    ROW(ERROR, FENCE, "classic replay: passed through within one round")

#define NODE_ROWS(ROW)                                                                             \
    ROW(UNKNOWN, ONLINE, "in the quorate partition")                                               \
    ROW(GONE, ONLINE, "in the quorate partition")                                                  \
    ROW(ONLINE, MAINTENANCE, "its LRM is in maintenance mode")                                     \
    ROW(MAINTENANCE, ONLINE, "its LRM is in another mode")                                         \
    ROW(ONLINE, UNKNOWN, "not in the quorate partition")                                           \
    ROW(MAINTENANCE, UNKNOWN, "not in the quorate partition and its LRM is in another mode")       \
    ROW(UNKNOWN, GONE, "no longer a member of the cluster")                                        \
    ROW(ONLINE, FENCE, "a service there needs it")                                                 \
    ROW(MAINTENANCE, FENCE, "a service there needs it")                                            \
    ROW(UNKNOWN, FENCE, "a service there needs it")                                                \
    ROW(GONE, FENCE, "a service there needs it")                                                   \
    ROW(FENCE, UNKNOWN, "fencing is proven")

#define CRM_ROWS(ROW)                                                                              \
    ROW(STARTUP, WAIT_FOR_QUORUM, "the daemon starts")                                             \
    ROW(WAIT_FOR_QUORUM, MASTER, "may act and got the manager lease")                              \
    ROW(WAIT_FOR_QUORUM, SLAVE, "may act, the manager lease is another's")                         \
    ROW(SLAVE, MASTER, "may act and got the manager lease")                                        \
    ROW(SLAVE, WAIT_FOR_QUORUM, "may not act")                                                     \
    ROW(LOST_MANAGER_LOCK, WAIT_FOR_QUORUM, "always, in the same round")                           \
    ROW(MASTER, LOST_MANAGER_LOCK, "the manager lease was not renewed")                            \
    ROW(MASTER, WAIT_FOR_QUORUM, "nothing to do for long")

#define ALLOWED(type, max, from, to)    [type##_##from * type##_##max + type##_##to] = true,
#define SERVICE_ALLOWED(from, to, when) ALLOWED(SVC_STATE, MAX, from, to)
#define NODE_ALLOWED(from, to, when)    ALLOWED(NODE_STATE, MAX, from, to)
#define CRM_ALLOWED(from, to, when)     ALLOWED(CRM_STATE, MAX, from, to)
#define SERVICE_ROW(from, to, when)     {SVC_STATE_##from, SVC_STATE_##to, when},
#define NODE_ROW(from, to, when)        {NODE_STATE_##from, NODE_STATE_##to, when},
#define CRM_ROW(from, to, when)         {CRM_STATE_##from, CRM_STATE_##to, when},

static const bool service_allowed[SVC_STATE_MAX * SVC_STATE_MAX] = {SERVICE_ROWS(SERVICE_ALLOWED)};
static const bool node_allowed[NODE_STATE_MAX * NODE_STATE_MAX] = {NODE_ROWS(NODE_ALLOWED)};
static const bool crm_allowed[CRM_STATE_MAX * CRM_STATE_MAX] = {CRM_ROWS(CRM_ALLOWED)};

const struct transition_table transitions_service = {&svc_state_table, service_allowed};
const struct transition_table transitions_node = {&node_state_table, node_allowed};
const struct transition_table transitions_crm = {&crm_state_table, crm_allowed};

const struct transition_row transitions_service_rows[] = {SERVICE_ROWS(SERVICE_ROW)};
const size_t transitions_service_rows_count = ARRAY_SIZE(transitions_service_rows);
const struct transition_row transitions_node_rows[] = {NODE_ROWS(NODE_ROW)};
const size_t transitions_node_rows_count = ARRAY_SIZE(transitions_node_rows);
const struct transition_row transitions_crm_rows[] = {CRM_ROWS(CRM_ROW)};
const size_t transitions_crm_rows_count = ARRAY_SIZE(transitions_crm_rows);
