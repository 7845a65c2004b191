// SPDX-License-Identifier: Apache-2.0
// The campaign language: what happens to a cluster, one step a line. The simulator and
// `tools/test campaign --script` carry out the same text (docs/campaign.md).
//
//     cluster nodes 3 services 4 profile fast seed 17      what there is; once, first
//     12.500 power-off node2                               seconds since the last `settle`
//     14 power-on node2
//     20 settle                                            faults end, all must become well
//
// The cluster's line may go on with `drift PPM` (of clocks, at most), `fence-devices on` and
// `lease-loss reset`. `#` begins a comment, empty lines mean nothing, the last step is a settle.
//
// Steps (NODE is node1 …, SID is ct:100 …, SECONDS may have a fraction):
//     power-off NODE | power-on NODE | reboot NODE
//     cut NODE [in|out] | mend NODE | split NODE... | heal (all of the network)
//     loss PERCENT (of packets; 0 ends it)
//     pause NODE SECONDS (all its processes) | hold NODE DAEMON SECONDS (one of them)
//     kill NODE DAEMON (corosync, clusterd, crm, lrm, watchdogd)
//     kill-guest SID | hang-guest SID on|off (it does not stop)
//     start-fails SID COUNT | start-slow SID SECONDS | stop-slow SID SECONDS
//     disk-full NODE on|off | disk-slow NODE MILLISECONDS | disk-lost NODE
//     blind NODE on|off (its ha-crm cannot read the store) | blind-lrm NODE on|off (its ha-lrm)
//     wall-clock NODE SECONDS | fence-device NODE works|fails|hangs|lies
//     set SID KEY VALUE | add SID | remove SID | migrate SID NODE | relocate SID NODE | stop SID
//     rule add|remove ... (as ha-manager rules)
//     maintenance NODE on|off | disarm | arm | expected NODE VOTES [force]
//     node-join NODE | node-leave NODE | node-reinstall NODE
//     settle
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"
#include "common/model/timing.h"

struct arena;
struct error;
struct strbuf;

struct campaign_cluster {
    uint64_t seed; // of delays, and of all else that no step decides
    int64_t nodes, services;
    enum timing_profile profile;
    int64_t drift_ppm_max;
    bool has_fence_devices;
    bool lease_loss_resets; // option lease_loss: reset, else stop
};

enum {
    CAMPAIGN_WORDS_MAX = 16,
    CAMPAIGN_NODES_MAX = 1000,
    CAMPAIGN_SERVICES_MAX = 100000,
    CAMPAIGN_STEPS_MAX = 100000,
    CAMPAIGN_FIRST_ID = 100, // services are ct:100, ct:101, …
};

struct campaign_step {
    int64_t at_ms; // since the last settle, or the beginning
    const char *words[CAMPAIGN_WORDS_MAX];
    size_t count;
};

struct campaign {
    struct campaign_cluster cluster;
    struct campaign_step *steps; // times ascending between settles
    size_t count;
};

// Strict: -EINVAL names line, word and what is allowed.
int campaign_parse(struct arena *arena, const char *text, struct campaign **ret,
                   struct error *err) WARN_UNUSED;
void campaign_format(const struct campaign *campaign, struct strbuf *out);
// One line without its time, as it is written in the text.
void campaign_step_format(const struct campaign_step *step, struct strbuf *out);
// Whether the step is that verb.
bool campaign_step_is(const struct campaign_step *step, const char *verb) WARN_UNUSED;
// "12" or "12.5", at most three digits behind the point, in milliseconds. -EINVAL, -ERANGE.
int campaign_parse_seconds(const char *word, int64_t max_ms, int64_t *ret_ms) WARN_UNUSED;
