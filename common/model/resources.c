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
    RESOURCE_KEY_STATE,
    RESOURCE_KEY_MAX
};
ENUM_TABLE_DECLARE(resource_key);
ENUM_TABLE(
    resource_key,
    RESOURCE_KEY_MAX, [RESOURCE_KEY_COMMENT] = "comment", [RESOURCE_KEY_FAILBACK] = "failback",
    [RESOURCE_KEY_GROUP] = "group", [RESOURCE_KEY_MAX_RELOCATE] = "max_relocate",
    [RESOURCE_KEY_MAX_RESTART] = "max_restart", [RESOURCE_KEY_STATE] = "state");

struct resource *resource_new(struct arena *arena, const char *sid)
{
    struct resource *resource = arena_new_of(arena, struct resource);
    resource->sid = arena_strdup(arena, sid);
    resource->state = REQUEST_STATE_STARTED;
    resource->failback = true;
    resource->max_restart = RESOURCE_TRIES_DEFAULT;
    resource->max_relocate = RESOURCE_TRIES_DEFAULT;
    return resource;
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

static int resource_set_tries(const char *key, const char *value, int64_t *tries, bool *has_tries,
                              struct error *err)
{
    if (parse_int64(value, 0, RESOURCE_TRIES_MAX, tries) < 0) {
        return error_set(err, -EINVAL, "key '%s': expected a whole number from 0 to %d, not '%s'",
                         key, RESOURCE_TRIES_MAX, value);
    }
    *has_tries = true;
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
    int r = resource_find_key(key, &which, err);
    if (r < 0) {
        return r;
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
    case RESOURCE_KEY_MAX_RELOCATE:
        return resource_set_tries(key, value, &resource->max_relocate, &resource->has_max_relocate,
                                  err);
    case RESOURCE_KEY_MAX_RESTART:
        return resource_set_tries(key, value, &resource->max_restart, &resource->has_max_restart,
                                  err);
    case RESOURCE_KEY_STATE:
        return resource_set_state(resource, value, err);
    case RESOURCE_KEY_MAX:
        break;
    }
    return -EINVAL;
}

int resource_unset(struct resource *resource, const char *key, struct error *err)
{
    enum resource_key which = RESOURCE_KEY_MAX;
    int r = resource_find_key(key, &which, err);
    if (r < 0) {
        return r;
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
    case RESOURCE_KEY_MAX_RELOCATE:
        resource->max_relocate = RESOURCE_TRIES_DEFAULT;
        resource->has_max_relocate = false;
        break;
    case RESOURCE_KEY_MAX_RESTART:
        resource->max_restart = RESOURCE_TRIES_DEFAULT;
        resource->has_max_restart = false;
        break;
    case RESOURCE_KEY_STATE:
        resource->state = REQUEST_STATE_STARTED;
        resource->has_state = false;
        break;
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
    struct section_file file;
    int r = section_file_parse(arena, text, strlen(text), &file, err);
    if (r < 0) {
        return r;
    }
    if (file.warnings_count > 0) {
        return error_set(err, -EINVAL, "%s", file.warnings[0]);
    }
    if (file.count != 1) {
        return error_set(err, -EINVAL, "expected one section, found %zu", file.count);
    }
    return resource_from_section(arena, &file.sections[0], ret, err);
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
    if (resource->has_max_relocate) {
        section_format_property(out, "max_relocate",
                                arena_printf(arena, "%" PRId64, resource->max_relocate));
    }
    if (resource->has_max_restart) {
        section_format_property(out, "max_restart",
                                arena_printf(arena, "%" PRId64, resource->max_restart));
    }
    if (resource->has_state) {
        section_format_property(out, "state", request_state_to_string(resource->state));
    }
    section_format_end(out);
}
