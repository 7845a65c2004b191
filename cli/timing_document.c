// SPDX-License-Identifier: Apache-2.0
// Both directions between timing and its documents.
#include "cli/timing_document.h"

#include "cli/session.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/model/store_keys.h"

enum timing_profile timing_document_profile(struct arena *arena, const struct session *session)
{
    const char *const keys[] = {STORE_KEY_CLUSTER_PROFILE,
                                arena_printf(arena, STORE_PREFIX_LIVE_PROFILE "%s", session->node)};
    enum timing_profile profile = TIMING_PROFILE_BALANCED;
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        struct session_value value;
        if (session_read(arena, session, keys[i], &value, NULL) == 0 && value.text != NULL &&
            timing_profile_from_string(value.text, &profile) == 0) {
            break;
        }
    }
    return profile;
}

struct json *timing_document(struct arena *arena, const struct timing *timing)
{
    struct error why = {0};
    bool safe = timing_check(timing, &why) == 0;
    struct json *object = json_new_object(arena);
    json_put_string(object, "profile", timing_profile_to_string(timing->profile));
    json_put_bool(object, "safe", safe);
    json_put_string(object, "reason", safe ? NULL : why.text);
    json_put_int(object, "token_ms", timing->token_ms);
    json_put_int(object, "consensus_ms", timing->consensus_ms);
    json_put_int(object, "commit_ms", timing->commit_ms);
    json_put_int(object, "authority_ms", timing->authority_ms);
    json_put_int(object, "watchdog_ms", timing->watchdog_ms);
    json_put_int(object, "granularity_ms", timing->granularity_ms);
    json_put_int(object, "reset_ms", timing->reset_ms);
    json_put_int(object, "lease_ms", timing->lease_ms);
    json_put_int(object, "renew_ms", timing->renew_ms);
    json_put_int(object, "worst_failover_ms", timing_worst_failover_ms(timing));
    json_put_int(object, "blackout_ms", timing_blackout_ms(timing));
    json_put_int(object, "lease_margin_ms", timing->lease_ms - timing_lease_needed_ms(timing));
    json_put_int(object, "authority_margin_ms",
                 timing->authority_ms - timing_authority_needed_ms(timing));
    json_put_string(object, "lease_rule", timing_lease_rule(arena, timing));
    json_put_string(object, "authority_rule", timing_authority_rule(arena, timing));
    return object;
}

void timing_document_facts(const struct json *node, struct timing_facts *ret)
{
    const struct json *timing = json_find(node, "timing");
    const struct json *watchdog = json_find(node, "watchdog");
    struct timing_facts facts = {0};
    if (timing != NULL) {
        ignore_result(json_get_int_if(timing, "token_ms", 0, INT32_MAX, &facts.token_ms, NULL));
        ignore_result(
            json_get_int_if(timing, "consensus_ms", 0, INT32_MAX, &facts.consensus_ms, NULL));
    }
    if (watchdog != NULL) {
        ignore_result(
            json_get_int_if(watchdog, "timeout_ms", 0, INT32_MAX, &facts.watchdog_ms, NULL));
    }
    const struct json *links = json_find(node, "links");
    for (size_t i = 0; links != NULL && links->type == JSON_TYPE_ARRAY && i < links->count; i++) {
        int64_t latency_us = 0;
        ignore_result(
            json_get_int_if(links->items[i], "latency_us", 0, INT32_MAX, &latency_us, NULL));
        facts.latency_us = latency_us > facts.latency_us ? latency_us : facts.latency_us;
    }
    *ret = facts;
}
