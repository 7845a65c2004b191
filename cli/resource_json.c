// SPDX-License-Identifier: Apache-2.0
// A resource's keys, as they were given.
#include "cli/resource_json.h"

#include <string.h>

#include "common/base/digest.h"
#include "common/base/json.h"
#include "common/model/resources.h"
#include "common/model/sid.h"

struct json *resource_to_json(struct arena *arena, const char *sid, const char *text,
                              const struct resource *resource)
{
    struct json *json = json_new_object(arena);
    json_put_string(json, "sid", sid);
    json_put_string(json, "type", sid_type(arena, sid));
    json_put_string(json, "digest", digest_sha1_hex(arena, text, strlen(text)));
    json_put_string(json, "comment", resource->comment);
    json_put_string(json, "group", resource->group);
    if (resource->has_state) {
        json_put_string(json, "state", request_state_to_string(resource->state));
    }
    if (resource->has_failback) {
        json_put_int(json, "failback", resource->failback ? 1 : 0);
    }
    if (resource->has_max_restart) {
        json_put_int(json, "max_restart", resource->max_restart);
    }
    if (resource->has_max_relocate) {
        json_put_int(json, "max_relocate", resource->max_relocate);
    }
    json_put_string(json, "probe", resource->probe);
    if (resource->has_probe_interval) {
        json_put_int(json, "probe_interval", resource->probe_interval_s);
    }
    if (resource->has_probe_timeout) {
        json_put_int(json, "probe_timeout", resource->probe_timeout_s);
    }
    if (resource->has_probe_failures) {
        json_put_int(json, "probe_failures", resource->probe_failures);
    }
    if (resource->has_restart_limit) {
        json_put_int(json, "restart_limit", resource->restart_limit);
    }
    if (resource->has_restart_window) {
        json_put_int(json, "restart_window", resource->restart_window_s);
    }
    if (resource->has_retry_interval) {
        json_put_int(json, "retry_interval", resource->retry_interval_s);
    }
    return json;
}
