// SPDX-License-Identifier: Apache-2.0
// Liveness (INV-13, 14) and what must be there at the end of a round (INV-7): all faults have
// ended, the bound has passed; each service is as it was asked for, or says why not.
#include <inttypes.h>
#include <string.h>

#include "common/base/strbuf.h"
#include "sim/swarm/swarm_checks_internal.h"

enum { SETTLED_OPERATIONS_MS = 60 * 1000 };

int64_t swarm_checks_settle_until_us(struct swarm_checks *checks)
{
    const struct timing *timing = &checks->timing;
    int64_t now_us = swarm_world_now_us(checks->world);
    swarm_truth_note_mended(checks->truth, now_us);
    for (size_t i = 0; i < CAMPAIGN_NODES_MAX; i++) {
        checks->nodes[i].blind_since_us = INT64_MAX;
    }
    // A node may turn out to be lost only now, be fenced and recovered, and the one that took its
    // services after it; then moves, starts and stops.
    int64_t bound_ms = 2 * timing_worst_failover_ms(timing) + timing->startup_grace_ms +
                       SETTLED_OPERATIONS_MS + 4 * swarm_truth_slow_ms(checks->truth);
    return now_us + bound_ms * CHECK_US;
}

// The node that knows most; SIZE_MAX: none serves.
static size_t settled_best_node(const struct swarm_checks *checks)
{
    size_t best = SIZE_MAX;
    uint64_t best_version = 0;
    for (size_t i = 0; i < swarm_world_nodes(checks->world); i++) {
        uint64_t version = 0;
        if (!swarm_world_is_on(checks->world, i) || !swarm_world_is_serving(checks->world, i)) {
            continue;
        }
        (void)swarm_world_checksum(checks->world, i, &version);
        if (best == SIZE_MAX || version > best_version) {
            best = i;
            best_version = version;
        }
    }
    return best;
}

static void settled_say(const struct swarm_checks *checks, const char *sid,
                        const struct swarm_record *record, const struct check_guest *guest,
                        struct strbuf *out)
{
    const struct service *service = record->service;
    strbuf_appendf(out, "%s%s is to be %s, its record says %s%s%s, it runs on",
                   out->size_bytes > 0 ? "; " : "", sid,
                   request_state_to_string(record->resource->state),
                   service != NULL ? svc_state_to_string(service->state) : "nothing",
                   service != NULL ? " on " : "", service != NULL ? service->node : "");
    for (size_t i = 0; guest != NULL && i < swarm_world_nodes(checks->world); i++) {
        if (guest->runs[i]) {
            strbuf_appendf(out, " %s", swarm_world_node_name(checks->world, i));
        }
    }
    strbuf_append(out, guest == NULL || guest->running == 0 ? " no node" : "");
}

// The event can be lost with the answer to the write.
static bool settled_is_disarmed(const struct swarm_checks *checks)
{
    const struct manager_status *status = swarm_records_status(checks->records);
    return status != NULL ? status->disarm != DISARM_MODE_NONE && status->disarmed
                          : checks->disarmed_since_us < INT64_MAX;
}

// A state that says by itself why the service is not as it should be.
static bool settled_is_blocked(const struct swarm_checks *checks, const char *sid,
                               const struct service *service)
{
    int64_t since_us = 0;
    const struct affinity *affinity = swarm_records_affinity(checks->records, &since_us);
    switch (service->state) {
    case SVC_STATE_ERROR:
        return swarm_truth_guest_is_faulty(checks->truth, sid) || map_has(&checks->errors, sid);
    case SVC_STATE_FREEZE:
        return settled_is_disarmed(checks);
    case SVC_STATE_RECOVERY:
        return affinity != NULL; // recover-failed names the rules
    case SVC_STATE_REQUEST_START:
    case SVC_STATE_REQUEST_START_BALANCE:
    case SVC_STATE_STARTED:
    case SVC_STATE_REQUEST_STOP:
    case SVC_STATE_STOPPED:
    case SVC_STATE_MIGRATE:
    case SVC_STATE_RELOCATE:
    case SVC_STATE_FENCE:
    case SVC_STATE_MAX:
        break;
    }
    return false;
}

static bool settled_is_well(const struct swarm_checks *checks, const char *sid,
                            const struct swarm_record *record, const struct check_guest *guest)
{
    size_t running = guest != NULL ? guest->running : 0;
    const struct service *service = record->service;
    if (record->resource->state == REQUEST_STATE_IGNORED || settled_is_disarmed(checks)) {
        return true;
    }
    if (service == NULL) {
        return false;
    }
    if (settled_is_blocked(checks, sid, service)) {
        return true;
    }
    if (record->resource->state != REQUEST_STATE_STARTED) {
        return running == 0 && service->state == SVC_STATE_STOPPED;
    }
    size_t node = check_node_find(checks, service->node);
    return service->state == SVC_STATE_STARTED && running == 1 && node != SIZE_MAX &&
           guest->runs[node];
}

// Nobody clears the error of a service: it is there in the next round, too.
static void settled_keep_errors(struct swarm_checks *checks)
{
    map_clear(&checks->errors);
    for (size_t i = 0; i < swarm_records_count(checks->records); i++) {
        const char *sid = swarm_records_sid(checks->records, i);
        const struct swarm_record *record = swarm_records_find(checks->records, sid);
        if (record->service != NULL && record->service->state == SVC_STATE_ERROR) {
            map_put(&checks->errors, sid, checks);
        }
    }
}

static void settled_services(const struct swarm_checks *checks, struct strbuf *out)
{
    enum { SAID_MAX = 400 };
    for (size_t i = 0; i < swarm_records_count(checks->records); i++) {
        const char *sid = swarm_records_sid(checks->records, i);
        const struct swarm_record *record = swarm_records_find(checks->records, sid);
        const struct check_guest *guest = map_find(&checks->guests, sid);
        if (record->resource != NULL && !settled_is_well(checks, sid, record, guest) &&
            out->size_bytes < SAID_MAX) {
            settled_say(checks, sid, record, guest, out);
        }
    }
}

static void settled_nodes(const struct swarm_checks *checks, struct strbuf *out)
{
    for (size_t i = 0; i < swarm_world_nodes(checks->world); i++) {
        const char *wrong = !swarm_world_is_on(checks->world, i)        ? "is off"
                            : !swarm_world_is_serving(checks->world, i) ? "does not serve"
                                                                        : NULL;
        if (wrong != NULL) {
            strbuf_appendf(out, "%s%s %s", out->size_bytes > 0 ? "; " : "",
                           swarm_world_node_name(checks->world, i), wrong);
        }
    }
}

// Reads what the best node has; false: none serves, or what it has breaks an invariant.
static bool settled_look(struct swarm_checks *checks, struct error *err)
{
    size_t best = settled_best_node(checks);
    if (best == SIZE_MAX) {
        return false;
    }
    if (checks->was_forced) {
        swarm_records_forget(checks->records);
    }
    return swarm_records_look(checks->records, swarm_world_now_us(checks->world), checks->world,
                              best, err) == 0;
}

bool swarm_checks_is_well(struct swarm_checks *checks)
{
    struct strbuf words CLEANUP(strbuf_done) = {0};
    struct error err = {0};
    if (!swarm_world_is_settled(checks->world)) {
        return false;
    }
    if (!settled_look(checks, &err)) {
        if (err.code != 0) {
            check_violate(checks, swarm_world_now_us(checks->world), "%s", err.text);
        }
        return false;
    }
    settled_services(checks, &words);
    return words.size_bytes == 0;
}

enum swarm_outcome swarm_checks_settled(struct swarm_checks *checks)
{
    struct strbuf words CLEANUP(strbuf_done) = {0};
    struct error err = {0};
    int64_t now_us = swarm_world_now_us(checks->world);
    if (checks->is_violated) {
        return SWARM_OUTCOME_INVARIANT;
    }
    bool is_read = settled_look(checks, &err);
    if (is_read) {
        ignore_result(
            swarm_records_compare(checks->records, checks->world, &err)); // err.code says it
        settled_services(checks, &words);
    }
    if (err.code != 0) {
        check_violate(checks, now_us, "%s", err.text);
        return SWARM_OUTCOME_INVARIANT;
    }
    if (!swarm_world_is_settled(checks->world) || words.size_bytes > 0) {
        settled_nodes(checks, &words);
        check_violate(checks, now_us, "INV-13: not settled after all faults had ended: %s",
                      words.size_bytes > 0 ? strbuf_text(&words) : "no reason is to be seen");
        return SWARM_OUTCOME_LIVENESS;
    }
    settled_keep_errors(checks);
    swarm_truth_note_settled(checks->truth);
    checks->was_forced = false;
    for (size_t i = 0; i < swarm_world_nodes(checks->world); i++) {
        checks->nodes[i].has_liar = false;
    }
    return SWARM_OUTCOME_CLEAN;
}
