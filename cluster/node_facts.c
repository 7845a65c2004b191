// SPDX-License-Identifier: Apache-2.0
// Collects facts from Corosync and from the file in which ha-watchdogd says what it has armed.
#include "cluster/node_facts.h"

#include <string.h>

#include "cluster/engine.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/host/watchdog_facts.h"

static int64_t slowest_us(const struct transport_facts *facts)
{
    int64_t slowest = 0;
    for (size_t i = 0; i < facts->links_count; i++) {
        const struct transport_link *link = &facts->links[i];
        bool counts = link->connected && link->latency_us > slowest;
        slowest = counts ? link->latency_us : slowest;
    }
    return slowest;
}

void node_facts_read(struct engine *engine, const struct timing *profile, struct arena *arena,
                     struct node_facts *ret)
{
    struct node_facts facts = {.profile = profile, .timing = *profile};
    struct transport *transport = engine_transport(engine);
    transport->ops->facts(transport, arena, &facts.transport);
    struct watchdog_facts watchdog;
    if (watchdog_facts_read(arena, &watchdog, NULL) == 0) {
        facts.watchdog_device = watchdog.device;
        facts.watchdog_soft = watchdog.soft;
        facts.watchdog_ms = watchdog.timeout_ms;
    }
    const struct timing_facts measured = {
        .token_ms = facts.transport.token_ms,
        .consensus_ms = facts.transport.consensus_ms,
        .watchdog_ms = facts.watchdog_ms,
        .nodes_count = (int64_t)transport->ops->nodes(transport).count,
        .latency_us = slowest_us(&facts.transport),
    };
    timing_measure(&facts.timing, &measured);
    struct error err = {0};
    if (timing_check(&facts.timing, &err) < 0) {
        facts.unsafe = arena_strdup(arena, err.text);
    }
    *ret = facts;
}

static struct json *timing_json(const struct node_facts *facts, struct arena *arena)
{
    struct json *json = json_new_object(arena);
    const struct timing *timing = &facts->timing;
    json_put_string(json, "profile", timing_profile_to_string(timing->profile));
    json_put_int(json, "token_ms", timing->token_ms);
    json_put_int(json, "consensus_ms", timing->consensus_ms);
    json_put_int(json, "commit_ms", timing->commit_ms);
    json_put_int(json, "watchdog_ms", timing->watchdog_ms);
    json_put_int(json, "lease_margin_ms", timing->lease_ms - timing_lease_needed_ms(timing));
    json_put_int(json, "authority_margin_ms",
                 timing->authority_ms - timing_authority_needed_ms(timing));
    json_put_bool(json, "safe", facts->unsafe == NULL);
    json_put_string(json, "unsafe", facts->unsafe); // absent: safe
    return json;
}

static struct json *watchdog_json(const struct node_facts *facts, struct arena *arena)
{
    struct json *json = json_new_object(arena);
    json_put_bool(json, "running", facts->watchdog_device != NULL);
    json_put_string(json, "device", facts->watchdog_device); // absent: not running
    json_put_bool(json, "soft", facts->watchdog_soft);
    json_put_int(json, "timeout_ms", facts->watchdog_ms);
    return json;
}

static struct json *links_json(const struct node_facts *facts, struct arena *arena)
{
    struct json *list = json_new_array(arena);
    for (size_t i = 0; i < facts->transport.links_count; i++) {
        const struct transport_link *link = &facts->transport.links[i];
        struct json *json = json_new_object(arena);
        json_put_string(json, "node", link->node);
        json_put_int(json, "link", link->link);
        json_put_bool(json, "connected", link->connected);
        json_put_int(json, "latency_us", link->latency_us);
        json_append(list, json);
    }
    return list;
}

void node_facts_put(const struct node_facts *facts, struct json *object)
{
    json_put(object, "timing", timing_json(facts, object->arena));
    json_put(object, "watchdog", watchdog_json(facts, object->arena));
    json_put(object, "links", links_json(facts, object->arena));
}
