// SPDX-License-Identifier: Apache-2.0
// The times the cluster works by: of a profile as it is, or of this cluster as its nodes measured
// them. And the change to another profile, while nobody holds a lease.
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cli/command_line.h"
#include "cli/conf_change.h"
#include "cli/ha_cluster.h"
#include "cli/inquiry.h"
#include "cli/session.h"
#include "cli/timing_document.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/host/cluster_client.h"
#include "common/host/paths.h"
#include "common/model/store_keys.h"
#include "common/port/membership.h"

// ---- What the nodes measured.

struct measured {
    struct map nodes; // node → struct json *, what it answered
    struct timing_facts worst;
    size_t count; // of configured nodes
};

// The worst of all: what is true for the slowest is safe for all.
static void worst_take(struct timing_facts *worst, const struct timing_facts *facts)
{
    worst->token_ms = facts->token_ms > worst->token_ms ? facts->token_ms : worst->token_ms;
    worst->consensus_ms =
        facts->consensus_ms > worst->consensus_ms ? facts->consensus_ms : worst->consensus_ms;
    worst->watchdog_ms =
        facts->watchdog_ms > worst->watchdog_ms ? facts->watchdog_ms : worst->watchdog_ms;
    worst->latency_us =
        facts->latency_us > worst->latency_us ? facts->latency_us : worst->latency_us;
}

// False: nothing can be measured now, and why.
static bool measure(struct arena *arena, struct measured *ret, struct error *err)
{
    struct session session;
    struct member_list members;
    struct json *status;
    map_init_arena(&ret->nodes, arena);
    if (session_open(arena, &session, err) < 0) {
        return false;
    }
    bool done = membership_get(session.membership, arena, &members, err) == 0;
    if (done && session.quorate) {
        done = inquiry_make(arena, &session, &ret->nodes, err) == 0;
    } else if (done) { // only what this node knows
        done = ha_cluster_call(arena, session.client, "status", NULL, &status, err) == 0;
        if (done) {
            map_put(&ret->nodes, session.node, status);
        }
    }
    session_close(&session);
    ret->count = done ? members.count : 0;
    map_each (e, &ret->nodes) {
        struct timing_facts facts;
        timing_document_facts(e->value, &facts);
        worst_take(&ret->worst, &facts);
    }
    ret->worst.nodes_count = (int64_t)ret->count;
    return done;
}

// ---- Showing.

static void print_numbers(struct cli *cli, const struct timing *timing, const struct json *document)
{
    const struct {
        const char *words;
        int64_t value_ms;
    } rows[] = {
        {"T: Corosync's token", timing->token_ms},
        {"   and consensus: a dead node is noticed after both", timing->consensus_ms},
        {"A: authority after the last renewal sent", timing->authority_ms},
        {"H: timeout of the watchdog", timing->watchdog_ms},
        {"q: granularity of feeding it", timing->granularity_ms},
        {"R: from the reset until nothing of the node acts", timing->reset_ms},
        {"L: silence after which a lease may be taken", timing->lease_ms},
        {"P: renewal period", timing->renew_ms},
        {"worst time until a dead node's services may start elsewhere",
         timing_worst_failover_ms(timing)},
        {"silence of the network that a healthy node survives", timing_blackout_ms(timing)},
    };
    const char *reason = json_find_string(document, "reason");
    cli_printf(cli, "profile %s: %s\n", timing_profile_to_string(timing->profile),
               reason == NULL ? "safe" : reason);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        cli_printf(cli, "%10.2f s  %s\n", (double)rows[i].value_ms / 1000, rows[i].words);
    }
    cli_printf(cli,
               "no double start: L/(1+ρ) ≥ (A + 2·H + q)/(1−ρ) + R: %s, margin %lld ms\n"
               "no needless reset: A ≥ T + consensus + P + retry + commit: %s, margin %lld ms\n",
               json_find_string(document, "lease_rule"),
               (long long)(timing->lease_ms - timing_lease_needed_ms(timing)),
               json_find_string(document, "authority_rule"),
               (long long)(timing->authority_ms - timing_authority_needed_ms(timing)));
}

static void print_node(struct cli *cli, const char *node, const struct json *answer)
{
    struct timing_facts facts;
    timing_document_facts(answer, &facts);
    const struct json *watchdog = json_find(answer, "watchdog");
    const struct json *timing = json_find(answer, "timing");
    const char *device = watchdog != NULL ? json_find_string(watchdog, "device") : NULL;
    const char *unsafe = timing != NULL ? json_find_string(timing, "unsafe") : NULL;
    cli_printf(cli,
               "node %s: watchdog %s, %.1f s; token %lld ms, consensus %lld ms; slowest round "
               "trip %.1f ms; %s\n",
               node, device != NULL ? device : "not running", (double)facts.watchdog_ms / 1000,
               (long long)facts.token_ms, (long long)facts.consensus_ms,
               (double)facts.latency_us / 1000, unsafe != NULL ? unsafe : "safe");
}

static struct json *nodes_document(struct arena *arena, const struct measured *measured)
{
    struct json *nodes = json_new_object(arena);
    map_each (e, &measured->nodes) {
        struct timing_facts facts;
        timing_document_facts(e->value, &facts);
        struct json *node = json_new_object(arena);
        json_put_int(node, "token_ms", facts.token_ms);
        json_put_int(node, "consensus_ms", facts.consensus_ms);
        json_put_int(node, "watchdog_ms", facts.watchdog_ms);
        json_put_int(node, "latency_us", facts.latency_us);
        json_put(nodes, e->key, node);
    }
    return nodes;
}

int ha_cluster_timing(struct cli *cli, struct error *err)
{
    struct config config;
    config_init(&config);
    bool other = cli_has(cli, "profile");
    int r = other ? timing_profile_from_string(cli_text(cli, "profile"), &config.profile)
                  : config_load(cli->arena, &config, err);
    if (r < 0) {
        return r;
    }
    struct timing timing;
    struct measured measured = {0};
    struct error why = {0};
    timing_get(config.profile, &timing);
    bool is_measured = measure(cli->arena, &measured, &why);
    if (is_measured && other) {
        // What another profile would ask Corosync and the watchdog for is not measured.
        measured.worst.token_ms = measured.worst.watchdog_ms = 0;
    }
    if (is_measured) {
        timing_measure(&timing, &measured.worst);
    }
    struct json *document = timing_document(cli->arena, &timing);
    json_put_bool(document, "measured", is_measured);
    bool safe = json_find_string(document, "reason") == NULL;
    if (cli->output.format != OUTPUT_FORMAT_TEXT) {
        json_put(document, "nodes", nodes_document(cli->arena, &measured));
        output_document(&cli->output, document, &cli->out);
    } else {
        print_numbers(cli, &timing, document);
        if (!is_measured) {
            cli_printf(cli, "nothing was measured: %s\n", why.text);
        }
        map_each (e, &measured.nodes) {
            print_node(cli, e->key, e->value);
        }
    }
    cli->exit_status = safe ? CLI_EXIT_DONE : CLI_EXIT_FAILED;
    return 0;
}

// ---- Changing.

static const char way[] =
    "the profile is changed while nobody is protected by it: 'ha-manager crm-command disarm-ha "
    "freeze', wait for 'disarmed' in 'ha-manager status', run this command on every node, restart "
    "ha-watchdogd and ha-clusterd on every node, then 'ha-manager crm-command arm-ha'";

// Nodes count by the profile they started with; while an agent lease is in force A, H and L of both
// sides must fit.
static int check_no_leases(struct arena *arena, const struct session *session, struct error *err)
{
    struct json *answer;
    int r = ha_cluster_call(arena, session->client, "leases", NULL, &answer, err);
    const struct json *leases = r == 0 ? json_find(answer, "leases") : NULL;
    for (size_t i = 0; r == 0 && leases != NULL && i < leases->count; i++) {
        const struct json *lease = leases->items[i];
        const char *name = json_find_string(lease, "name");
        if (name == NULL || strncmp(name, LEASE_AGENT_PREFIX, strlen(LEASE_AGENT_PREFIX)) != 0) {
            continue;
        }
        int64_t left_ms = 0;
        if (json_find_string(lease, "owner") != NULL) {
            r = error_set(err, -EBUSY, "lease '%s' is in force: %s", name, way);
        } else if (json_find(lease, "unknown") != NULL) {
            // A daemon that has just come has not seen yet whether somebody renews it.
            ignore_result(json_get_int_if(lease, "breakable_in_ms", 0, INT32_MAX, &left_ms, NULL));
            r = error_set(err, -EBUSY,
                          "whether somebody holds lease '%s' is not known here before %lld s have "
                          "passed: try again then",
                          name, (long long)(left_ms + 999) / 1000);
        }
    }
    return r;
}

static int token_set(struct cli *cli, const struct session *session, int64_t token_ms,
                     struct error *err)
{
    struct conf_change change;
    int r = conf_change_begin(cli->arena, session, &change, err);
    if (r < 0 || corosync_conf_token_ms(change.conf) == token_ms) {
        return r; // or another node was first
    }
    corosync_conf_set_token(change.conf, token_ms);
    return conf_change_commit(cli->arena, session, &change, "ha-cluster timing set", err);
}

int ha_cluster_timing_set(struct cli *cli, struct error *err)
{
    enum timing_profile profile;
    struct session session;
    struct timing timing;
    if (geteuid() != 0) {
        return error_set(err, -EACCES, "only root may do this");
    }
    int r = timing_profile_from_string(cli_text(cli, "profile"), &profile);
    if (r == 0) {
        r = session_open(cli->arena, &session, err);
    }
    if (r < 0) {
        return r;
    }
    timing_get(profile, &timing);
    r = session_need_quorum(&session, err);
    if (r == 0) {
        r = check_no_leases(cli->arena, &session, err);
    }
    if (r == 0 && access(PATH_COROSYNC_CONF, F_OK) == 0) {
        r = token_set(cli, &session, timing.token_ms, err);
    }
    if (r == 0) {
        r = ha_cluster_write_profile(cli->arena, cli_text(cli, "profile"), err);
    }
    session_close(&session);
    if (r == 0) {
        cli_printf(cli,
                   "profile '%s' is set on this node: do the same on all others, then restart "
                   "ha-watchdogd and ha-clusterd on all nodes; until they agree nobody gets a "
                   "lease\n",
                   cli_text(cli, "profile"));
    }
    return r;
}
