// SPDX-License-Identifier: Apache-2.0
// Options of a resource: which exist, what values they take, and their section.
#include "common/model/resources.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/parse.h"
#include "common/base/strbuf.h"
#include "common/model/probe.h"
#include "common/model/section_config.h"
#include "common/model/sid.h"

ENUM_TABLE(
    request_state,
    REQUEST_STATE_MAX, [REQUEST_STATE_STARTED] = "started", [REQUEST_STATE_STOPPED] = "stopped",
    [REQUEST_STATE_DISABLED] = "disabled", [REQUEST_STATE_IGNORED] = "ignored");

enum resource_key {
    RESOURCE_KEY_COMMENT,
    RESOURCE_KEY_FAILBACK,
    RESOURCE_KEY_GROUP,
    RESOURCE_KEY_MAX_RELOCATE,
    RESOURCE_KEY_MAX_RESTART,
    RESOURCE_KEY_PROBE,
    RESOURCE_KEY_PROBE_FAILURES,
    RESOURCE_KEY_PROBE_INTERVAL,
    RESOURCE_KEY_PROBE_TIMEOUT,
    RESOURCE_KEY_RESTART_LIMIT,
    RESOURCE_KEY_RESTART_WINDOW,
    RESOURCE_KEY_RETRY_INTERVAL,
    RESOURCE_KEY_STATE,
    RESOURCE_KEY_MAX
};
ENUM_TABLE_DECLARE(resource_key);
ENUM_TABLE(
    resource_key, RESOURCE_KEY_MAX, [RESOURCE_KEY_COMMENT] = "comment",
    [RESOURCE_KEY_FAILBACK] = "failback", [RESOURCE_KEY_GROUP] = "group",
    [RESOURCE_KEY_MAX_RELOCATE] = "max_relocate", [RESOURCE_KEY_MAX_RESTART] = "max_restart",
    [RESOURCE_KEY_PROBE] = "probe", [RESOURCE_KEY_PROBE_FAILURES] = "probe_failures",
    [RESOURCE_KEY_PROBE_INTERVAL] = "probe_interval",
    [RESOURCE_KEY_PROBE_TIMEOUT] = "probe_timeout", [RESOURCE_KEY_RESTART_LIMIT] = "restart_limit",
    [RESOURCE_KEY_RESTART_WINDOW] = "restart_window",
    [RESOURCE_KEY_RETRY_INTERVAL] = "retry_interval", [RESOURCE_KEY_STATE] = "state");

struct resource *resource_new(struct arena *arena, const char *sid)
{
    struct resource *resource = arena_new_of(arena, struct resource);
    resource->sid = arena_strdup(arena, sid);
    resource->state = REQUEST_STATE_STARTED;
    resource->failback = true;
    resource->max_restart = RESOURCE_TRIES_DEFAULT;
    resource->max_relocate = RESOURCE_TRIES_DEFAULT;
    resource->probe_interval_s = RESOURCE_PROBE_INTERVAL_S;
    resource->probe_timeout_s = RESOURCE_PROBE_TIMEOUT_S;
    resource->probe_failures = RESOURCE_PROBE_FAILURES;
    resource->restart_window_s = RESOURCE_RESTART_WINDOW_S;
    return resource;
}

// An option that is a number.
struct resource_number {
    int64_t *value;
    bool *has;
    int64_t min, max, fallback;
};

// False: the key is none of these.
static bool resource_number_of(struct resource *resource, enum resource_key key,
                               struct resource_number *ret)
{
    switch (key) {
    case RESOURCE_KEY_MAX_RELOCATE:
        *ret = (struct resource_number){&resource->max_relocate, &resource->has_max_relocate, 0,
                                        RESOURCE_TRIES_MAX, RESOURCE_TRIES_DEFAULT};
        return true;
    case RESOURCE_KEY_MAX_RESTART:
        *ret = (struct resource_number){&resource->max_restart, &resource->has_max_restart, 0,
                                        RESOURCE_TRIES_MAX, RESOURCE_TRIES_DEFAULT};
        return true;
    case RESOURCE_KEY_PROBE_FAILURES:
        *ret = (struct resource_number){&resource->probe_failures, &resource->has_probe_failures, 1,
                                        RESOURCE_PROBE_FAILURES_MAX, RESOURCE_PROBE_FAILURES};
        return true;
    case RESOURCE_KEY_PROBE_INTERVAL:
        *ret =
            (struct resource_number){&resource->probe_interval_s, &resource->has_probe_interval, 1,
                                     RESOURCE_PROBE_INTERVAL_MAX_S, RESOURCE_PROBE_INTERVAL_S};
        return true;
    case RESOURCE_KEY_PROBE_TIMEOUT:
        *ret = (struct resource_number){&resource->probe_timeout_s, &resource->has_probe_timeout, 1,
                                        RESOURCE_PROBE_TIMEOUT_MAX_S, RESOURCE_PROBE_TIMEOUT_S};
        return true;
    case RESOURCE_KEY_RESTART_LIMIT:
        *ret = (struct resource_number){&resource->restart_limit, &resource->has_restart_limit, 0,
                                        RESOURCE_RESTART_LIMIT_MAX, 0};
        return true;
    case RESOURCE_KEY_RESTART_WINDOW:
        *ret =
            (struct resource_number){&resource->restart_window_s, &resource->has_restart_window, 1,
                                     RESOURCE_RESTART_WINDOW_MAX_S, RESOURCE_RESTART_WINDOW_S};
        return true;
    case RESOURCE_KEY_RETRY_INTERVAL:
        *ret = (struct resource_number){&resource->retry_interval_s, &resource->has_retry_interval,
                                        0, RESOURCE_RETRY_INTERVAL_MAX_S, 0};
        return true;
    case RESOURCE_KEY_COMMENT:
    case RESOURCE_KEY_FAILBACK:
    case RESOURCE_KEY_GROUP:
    case RESOURCE_KEY_PROBE:
    case RESOURCE_KEY_STATE:
    case RESOURCE_KEY_MAX:
        break;
    }
    return false;
}

static int resource_find_key(const char *key, enum resource_key *ret_key, struct error *err)
{
    if (resource_key_from_string(key, ret_key) < 0) {
        struct strbuf allowed CLEANUP(strbuf_done) = {0};
        enum_table_list(&resource_key_table, &allowed);
        return error_set(err, -EINVAL, "unknown key '%s': allowed are %s", key,
                         strbuf_text(&allowed));
    }
    return 0;
}

static int resource_set_state(struct resource *resource, const char *value, struct error *err)
{
    enum request_state state = REQUEST_STATE_STARTED;
    if (strcmp(value, "enabled") != 0 && request_state_from_string(value, &state) < 0) {
        struct strbuf allowed CLEANUP(strbuf_done) = {0};
        enum_table_list(&request_state_table, &allowed);
        return error_set(err, -EINVAL, "key 'state': unknown value '%s': allowed are %s, enabled",
                         value, strbuf_text(&allowed));
    }
    resource->state = state;
    resource->has_state = true;
    return 0;
}

static int resource_set_number(const char *key, const char *value,
                               const struct resource_number *number, struct error *err)
{
    if (parse_int64(value, number->min, number->max, number->value) < 0) {
        return error_set(err, -EINVAL,
                         "key '%s': expected a whole number from %" PRId64 " to %" PRId64
                         ", not '%s'",
                         key, number->min, number->max, value);
    }
    *number->has = true;
    return 0;
}

static int resource_set_probe(struct arena *arena, struct resource *resource, const char *value,
                              struct error *err)
{
    struct probe probe;
    if (probe_parse(arena, value, &probe, err) < 0) {
        return error_prefix(err, "key 'probe'");
    }
    if (probe.kind == PROBE_AGENT && !sid_is_of(resource->sid, "vm")) {
        return error_set(err, -EINVAL, "key 'probe': only machines (vm) have a guest agent");
    }
    resource->probe = arena_strdup(arena, value);
    return 0;
}

static int resource_set_failback(struct resource *resource, const char *value, struct error *err)
{
    bool failback = true; // a key without value is true
    if (value[0] != '\0' && parse_bool(value, &failback) < 0) {
        return error_set(err, -EINVAL, "key 'failback': expected 0 or 1, not '%s'", value);
    }
    resource->failback = failback;
    resource->has_failback = true;
    return 0;
}

int resource_set(struct arena *arena, struct resource *resource, const char *key, const char *value,
                 struct error *err)
{
    enum resource_key which = RESOURCE_KEY_MAX;
    struct resource_number number;
    int r = resource_find_key(key, &which, err);
    if (r < 0) {
        return r;
    }
    if (resource_number_of(resource, which, &number)) {
        return resource_set_number(key, value, &number, err);
    }
    switch (which) {
    case RESOURCE_KEY_COMMENT:
        if (strlen(value) > RESOURCE_COMMENT_MAX) {
            return error_set(err, -EINVAL, "key 'comment': longer than %d bytes",
                             RESOURCE_COMMENT_MAX);
        }
        resource->comment = value[0] != '\0' ? arena_strdup(arena, value) : NULL;
        return 0;
    case RESOURCE_KEY_FAILBACK:
        return resource_set_failback(resource, value, err);
    case RESOURCE_KEY_GROUP:
        if (config_id_check(value, err) < 0) {
            return error_prefix(err, "key 'group'");
        }
        resource->group = arena_strdup(arena, value);
        return 0;
    case RESOURCE_KEY_PROBE:
        return resource_set_probe(arena, resource, value, err);
    case RESOURCE_KEY_STATE:
        return resource_set_state(resource, value, err);
    case RESOURCE_KEY_MAX_RELOCATE: // numbers, see above
    case RESOURCE_KEY_MAX_RESTART:
    case RESOURCE_KEY_PROBE_FAILURES:
    case RESOURCE_KEY_PROBE_INTERVAL:
    case RESOURCE_KEY_PROBE_TIMEOUT:
    case RESOURCE_KEY_RESTART_LIMIT:
    case RESOURCE_KEY_RESTART_WINDOW:
    case RESOURCE_KEY_RETRY_INTERVAL:
    case RESOURCE_KEY_MAX:
        break;
    }
    return -EINVAL;
}

int resource_unset(struct resource *resource, const char *key, struct error *err)
{
    enum resource_key which = RESOURCE_KEY_MAX;
    struct resource_number number;
    int r = resource_find_key(key, &which, err);
    if (r < 0) {
        return r;
    }
    if (resource_number_of(resource, which, &number)) {
        *number.value = number.fallback;
        *number.has = false;
        return 0;
    }
    switch (which) {
    case RESOURCE_KEY_COMMENT:
        resource->comment = NULL;
        break;
    case RESOURCE_KEY_FAILBACK:
        resource->failback = true;
        resource->has_failback = false;
        break;
    case RESOURCE_KEY_GROUP:
        resource->group = NULL;
        break;
    case RESOURCE_KEY_PROBE:
        resource->probe = NULL;
        break;
    case RESOURCE_KEY_STATE:
        resource->state = REQUEST_STATE_STARTED;
        resource->has_state = false;
        break;
    case RESOURCE_KEY_MAX_RELOCATE: // numbers, see above
    case RESOURCE_KEY_MAX_RESTART:
    case RESOURCE_KEY_PROBE_FAILURES:
    case RESOURCE_KEY_PROBE_INTERVAL:
    case RESOURCE_KEY_PROBE_TIMEOUT:
    case RESOURCE_KEY_RESTART_LIMIT:
    case RESOURCE_KEY_RESTART_WINDOW:
    case RESOURCE_KEY_RETRY_INTERVAL:
    case RESOURCE_KEY_MAX:
        break;
    }
    return 0;
}

int resource_from_section(struct arena *arena, const struct section *section, struct resource **ret,
                          struct error *err)
{
    const char *sid = arena_printf(arena, "%s:%s", section->type, section->id);
    if (sid_check(sid, err) < 0) {
        return error_prefix(err, "line %zu", section->line);
    }
    struct resource *resource = resource_new(arena, sid);
    for (size_t i = 0; i < section->count; i++) {
        const struct section_property *property = &section->properties[i];
        const char *value = property->value;
        if (strcmp(property->key, "comment") == 0) {
            value = section_comment_decode(arena, value);
        }
        if (resource_set(arena, resource, property->key, value, err) < 0) {
            return error_prefix(err, "line %zu", property->line);
        }
    }
    *ret = resource;
    return 0;
}

int resource_parse(struct arena *arena, const char *text, struct resource **ret, struct error *err)
{
    const struct section *section = NULL;
    int r = section_parse_one(arena, text, &section, err);
    return r < 0 ? r : resource_from_section(arena, section, ret, err);
}

void resource_format(const struct resource *resource, struct strbuf *out)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    section_format_begin(out, sid_type(arena, resource->sid), sid_name(resource->sid));
    if (resource->comment != NULL) {
        section_format_property(out, "comment", section_comment_encode(arena, resource->comment));
    }
    if (resource->has_failback) {
        section_format_property(out, "failback", resource->failback ? "1" : "0");
    }
    if (resource->group != NULL) {
        section_format_property(out, "group", resource->group);
    }
    // All that are left, in the order of their names, but the state, which is the last.
    struct resource copy = *resource;
    for (enum resource_key key = RESOURCE_KEY_MAX_RELOCATE; key < RESOURCE_KEY_STATE; key++) {
        struct resource_number number;
        if (key == RESOURCE_KEY_PROBE && resource->probe != NULL) {
            section_format_property(out, "probe", resource->probe);
        } else if (resource_number_of(&copy, key, &number) && *number.has) {
            section_format_property(out, resource_key_to_string(key),
                                    arena_printf(arena, "%" PRId64, *number.value));
        }
    }
    if (resource->has_state) {
        section_format_property(out, "state", request_state_to_string(resource->state));
    }
    section_format_end(out);
}
