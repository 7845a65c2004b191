// SPDX-License-Identifier: Apache-2.0
// Cluster-wide options (datacenter.cfg): "key: value" lines whose values are comma-separated
// property strings. The value under "config/datacenter".
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/enum_table.h"
#include "common/base/macros.h"

struct arena;
struct error;

enum shutdown_policy {
    SHUTDOWN_POLICY_CONDITIONAL,
    SHUTDOWN_POLICY_FREEZE,
    SHUTDOWN_POLICY_FAILOVER,
    SHUTDOWN_POLICY_MIGRATE,
    SHUTDOWN_POLICY_MAX
};
ENUM_TABLE_DECLARE(shutdown_policy);

// What a node does whose agent lease ends while services run on it.
enum lease_loss {
    LEASE_LOSS_STOP,  // it stops them all, proves it, and stays up; only if it cannot it is reset
    LEASE_LOSS_RESET, // it is reset
    LEASE_LOSS_MAX
};
ENUM_TABLE_DECLARE(lease_loss);

enum scheduler_mode {
    SCHEDULER_MODE_BASIC,
    SCHEDULER_MODE_STATIC,
    SCHEDULER_MODE_DYNAMIC,
    SCHEDULER_MODE_MAX
};
ENUM_TABLE_DECLARE(scheduler_mode);

enum rebalance_method {
    REBALANCE_METHOD_BRUTEFORCE,
    REBALANCE_METHOD_TOPSIS,
    REBALANCE_METHOD_MAX
};
ENUM_TABLE_DECLARE(rebalance_method);

struct options {
    enum shutdown_policy shutdown_policy;
    const char *shutdown_policy_unknown; // the text when it is none of the above (then
                                         // conditional), or NULL
    enum lease_loss lease_loss;
    enum scheduler_mode scheduler;
    const char *scheduler_unknown; // likewise (then basic)
    bool rebalance_on_start;
    bool auto_rebalance;
    double auto_rebalance_threshold; // fraction
    enum rebalance_method auto_rebalance_method;
    bool auto_rebalance_method_unknown; // then nothing is rebalanced
    int64_t auto_rebalance_hold_rounds;
    double auto_rebalance_margin; // fraction
    int64_t max_workers;
};

void options_init(struct options *ret_options);
// Unknown keys are ignored (the file holds others' settings too); a bad value is -EINVAL with line
// and key.
int options_parse(struct arena *arena, const char *text, struct options *ret_options,
                  struct error *err) WARN_UNUSED;

// For tools that write the text: the value of one key as it should be now, or NULL to remove the
// key; other lines stay as they are. Unlike reading, which takes what it does not know for somebody
// else's, this refuses keys, options and words that mean nothing: -EINVAL names them and what is
// allowed.
int options_edit(struct arena *arena, const char *text, const char *key, const char *value,
                 char **ret_text, struct error *err) WARN_UNUSED;
