// SPDX-License-Identifier: Apache-2.0
// Reading resource agents' metadata. What cannot be read is passed over; a document without the
// actions that every service needs is refused.
// Source: "Open Cluster Framework Resource Agent API" 1.0 and 1.1, ClusterLabs/OCF-spec.
#include "common/model/ocf_metadata.h"

#include <errno.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/parse.h"
#include "common/base/strbuf.h"
#include "common/model/similar.h"
#include "common/model/xml_tag.h"

enum { OCF_TIME_MAX_S = 24 * 3600 };

// "20", "20s", "20sec", "500ms", "2m", "2min", "1h". 0 when it is none of these.
static int64_t ocf_time_ms(struct arena *arena, const char *text)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {{"", 1000},   {"s", 1000},    {"sec", 1000},  {"ms", 1},       {"msec", 1},
                 {"m", 60000}, {"min", 60000}, {"h", 3600000}, {"hr", 3600000}, {"us", 0}};
    size_t digits = strspn(text, "0123456789");
    int64_t number = 0;
    if (parse_int64(arena_memdup(arena, text, digits), 0, INT32_MAX, &number) < 0) {
        return 0;
    }
    for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
        if (strcmp(text + digits, units[i].unit) == 0) {
            int64_t ms = number * units[i].ms;
            return ms < (int64_t)OCF_TIME_MAX_S * 1000 ? ms : (int64_t)OCF_TIME_MAX_S * 1000;
        }
    }
    return 0;
}

static int64_t ocf_attribute_ms(struct arena *arena, const struct xml_tag *tag, const char *name)
{
    const char *text = map_find(&tag->attributes, name);
    return text != NULL ? ocf_time_ms(arena, text) : 0;
}

static void ocf_take_action(struct arena *arena, struct ocf_metadata *metadata,
                            const struct xml_tag *tag)
{
    const char *name = map_find(&tag->attributes, "name");
    const char *role = map_find(&tag->attributes, "role");
    const char *depth = map_find(&tag->attributes, "depth");
    // Of several monitors the one that looks least deep at what is merely started.
    bool plain = (role == NULL || strcmp(role, "Started") == 0) &&
                 (depth == NULL || strcmp(depth, "0") == 0);
    if (map_has(&metadata->timeouts, name) && !plain) {
        return;
    }
    int64_t *timeout_ms = arena_new_of(arena, int64_t);
    *timeout_ms = ocf_attribute_ms(arena, tag, "timeout");
    map_put(&metadata->timeouts, name, timeout_ms);
    if (strcmp(name, "monitor") == 0) {
        metadata->monitor_interval_ms = ocf_attribute_ms(arena, tag, "interval");
    }
}

static void ocf_take(struct arena *arena, struct ocf_metadata *metadata, const struct xml_tag *tag,
                     struct ocf_parameter **open)
{
    const char *name = map_find(&tag->attributes, "name");
    if (tag->closing) {
        *open = strcmp(tag->name, "parameter") == 0 ? NULL : *open;
    } else if (strcmp(tag->name, "resource-agent") == 0) {
        metadata->agent = name != NULL ? name : "";
    } else if (strcmp(tag->name, "parameter") == 0 && name != NULL) {
        *open = arena_new_of(arena, struct ocf_parameter);
        (*open)->name = name;
        (*open)->required = xml_tag_is_true(tag, "required");
        (*open)->about = "";
        map_put(&metadata->parameters, name, *open);
    } else if (strcmp(tag->name, "shortdesc") == 0 && *open != NULL) {
        (*open)->about = xml_one_line(arena, tag->text);
    } else if (strcmp(tag->name, "shortdesc") == 0 && metadata->parameters.count == 0) {
        metadata->about = xml_one_line(arena, tag->text);
    } else if (strcmp(tag->name, "content") == 0 && *open != NULL) {
        const char *value = map_find(&tag->attributes, "default");
        (*open)->has_default = value != NULL && value[0] != '\0';
    } else if (strcmp(tag->name, "action") == 0 && name != NULL) {
        ocf_take_action(arena, metadata, tag);
    }
}

int ocf_metadata_parse(struct arena *arena, const char *text, struct ocf_metadata *ret,
                       struct error *err)
{
    static const char *const needed[] = {"start", "stop", "monitor"};
    struct ocf_metadata metadata = {.agent = "", .about = ""};
    struct ocf_parameter *open = NULL;
    map_init_arena(&metadata.parameters, arena);
    map_init_arena(&metadata.timeouts, arena);
    if (strlen(text) > OCF_METADATA_MAX) {
        return error_set(err, -EINVAL, "its metadata is longer than %d bytes", OCF_METADATA_MAX);
    }
    const char *at = text;
    struct xml_tag tag;
    while (xml_next_tag(arena, &at, &tag)) {
        ocf_take(arena, &metadata, &tag, &open);
    }
    if (metadata.timeouts.count == 0) {
        return error_set(err, -EINVAL, "what it prints as metadata names no actions");
    }
    for (size_t i = 0; i < ARRAY_SIZE(needed); i++) {
        if (!map_has(&metadata.timeouts, needed[i])) {
            return error_set(err, -EINVAL, "it has no action '%s', so no service can be made of it",
                             needed[i]);
        }
    }
    *ret = metadata;
    return 0;
}

static int ocf_check_known(const struct ocf_metadata *metadata, const char *name, struct error *err)
{
    struct strbuf similar CLEANUP(strbuf_done) = {0};
    if (map_has(&metadata->parameters, name)) {
        return 0;
    }
    if (metadata->parameters.count == 0) {
        return error_set(err, -EINVAL, "unknown parameter '%s': the agent has none", name);
    }
    if (similar_names(&metadata->parameters, name, &similar) == 0) {
        return error_set(err, -EINVAL,
                         "unknown parameter '%s': the agent has none of a similar name", name);
    }
    return error_set(err, -EINVAL, "unknown parameter '%s': did you mean %s?", name,
                     strbuf_text(&similar));
}

int ocf_metadata_check(const struct ocf_metadata *metadata, const struct map *params,
                       struct error *err)
{
    struct strbuf missing CLEANUP(strbuf_done) = {0};
    map_each (e, params) {
        int r = ocf_check_known(metadata, e->key, err);
        if (r < 0) {
            return r;
        }
    }
    map_each (e, &metadata->parameters) {
        const struct ocf_parameter *parameter = e->value;
        if (parameter->required && !parameter->has_default && !map_has(params, e->key)) {
            strbuf_appendf(&missing, "%s'%s'%s%s%s", missing.size_bytes > 0 ? ", " : "", e->key,
                           parameter->about[0] != '\0' ? " (" : "", parameter->about,
                           parameter->about[0] != '\0' ? ")" : "");
        }
    }
    if (missing.size_bytes > 0) {
        return error_set(err, -EINVAL, "missing parameters: %s", strbuf_text(&missing));
    }
    return 0;
}

int64_t ocf_metadata_timeout_ms(const struct ocf_metadata *metadata, const char *action)
{
    const int64_t *timeout_ms = map_find(&metadata->timeouts, action);
    return timeout_ms != NULL ? *timeout_ms : 0;
}
