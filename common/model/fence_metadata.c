// SPDX-License-Identifier: Apache-2.0
// Reading fence agents' metadata. What cannot be read is passed over; a document without parameters
// or actions is refused.
#include "common/model/fence_metadata.h"

#include <errno.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/strbuf.h"
#include "common/model/fence_config.h"
#include "common/model/similar.h"
#include "common/model/xml_tag.h"

static void metadata_take(struct arena *arena, struct fence_metadata *metadata,
                          const struct xml_tag *tag, struct fence_parameter **open)
{
    const char *name = map_find(&tag->attributes, "name");
    if (tag->closing) {
        *open = strcmp(tag->name, "parameter") == 0 ? NULL : *open;
    } else if (strcmp(tag->name, "resource-agent") == 0) {
        const char *about = map_find(&tag->attributes, "shortdesc");
        metadata->agent = name != NULL ? name : "";
        metadata->about = xml_one_line(arena, about != NULL ? about : "");
    } else if (strcmp(tag->name, "parameter") == 0 && name != NULL) {
        *open = arena_new_of(arena, struct fence_parameter);
        (*open)->name = name;
        (*open)->obsoletes = map_find(&tag->attributes, "obsoletes");
        (*open)->required = xml_tag_is_true(tag, "required");
        (*open)->about = "";
        map_put(&metadata->parameters, name, *open);
    } else if (strcmp(tag->name, "shortdesc") == 0 && *open != NULL) {
        (*open)->about = xml_one_line(arena, tag->text);
    } else if (strcmp(tag->name, "content") == 0 && *open != NULL) {
        (*open)->has_default = map_has(&tag->attributes, "default");
    } else if (strcmp(tag->name, "action") == 0 && name != NULL) {
        map_put(&metadata->actions, name, metadata);
        if (strcmp(name, "on") == 0 && xml_tag_is_true(tag, "automatic")) {
            metadata->on_is_automatic = true;
        }
    }
}

int fence_metadata_parse(struct arena *arena, const char *text, struct fence_metadata *ret,
                         struct error *err)
{
    struct fence_metadata metadata = {.agent = "", .about = ""};
    struct fence_parameter *open = NULL;
    map_init_arena(&metadata.parameters, arena);
    map_init_arena(&metadata.actions, arena);
    if (strlen(text) > FENCE_METADATA_MAX) {
        return error_set(err, -EINVAL, "its metadata is longer than %d bytes", FENCE_METADATA_MAX);
    }
    const char *at = text;
    struct xml_tag tag;
    while (xml_next_tag(arena, &at, &tag)) {
        metadata_take(arena, &metadata, &tag, &open);
    }
    if (metadata.parameters.count == 0 || metadata.actions.count == 0) {
        return error_set(err, -EINVAL,
                         "what it prints as metadata names no parameters or no actions");
    }
    *ret = metadata;
    return 0;
}

// --- Checking a device. ---

static int check_known(const struct fence_metadata *metadata, const char *key, struct error *err)
{
    if (map_has(&metadata->parameters, key)) {
        return 0;
    }
    struct strbuf similar CLEANUP(strbuf_done) = {0};
    if (similar_names(&metadata->parameters, key, &similar) == 0) {
        return error_set(err, -EINVAL,
                         "unknown parameter '%s': the agent has none of a similar name", key);
    }
    return error_set(err, -EINVAL, "unknown parameter '%s': did you mean %s?", key,
                     strbuf_text(&similar));
}

static bool is_given(const struct fence_device *device, const struct map *secrets, const char *key)
{
    return key != NULL &&
           (map_has(&device->params, key) || (secrets != NULL && map_has(secrets, key)));
}

// An old and a new name are one parameter: either will do, whichever of the two is asked for.
static bool is_given_by_any_name(const struct fence_metadata *metadata,
                                 const struct fence_device *device, const struct map *secrets,
                                 const struct fence_parameter *parameter)
{
    if (is_given(device, secrets, parameter->name) ||
        is_given(device, secrets, parameter->obsoletes)) {
        return true;
    }
    map_each (e, &metadata->parameters) {
        const struct fence_parameter *other = e->value;
        if (other->obsoletes != NULL && strcmp(other->obsoletes, parameter->name) == 0 &&
            is_given(device, secrets, other->name)) {
            return true;
        }
    }
    return false;
}

static bool is_superseded(const struct fence_metadata *metadata, const char *name)
{
    map_each (e, &metadata->parameters) {
        const struct fence_parameter *other = e->value;
        if (other->obsoletes != NULL && strcmp(other->obsoletes, name) == 0) {
            return true;
        }
    }
    return false;
}

static int check_plugs(const struct fence_device *device, struct error *err)
{
    map_each (e, &device->nodes) {
        if (e->value == NULL) {
            return error_set(
                err, -EINVAL,
                "the agent needs the plug of node '%s': write it as %s:PLUG in 'nodes'", e->key,
                e->key);
        }
    }
    return 0;
}

static int check_required(const struct fence_metadata *metadata, const struct fence_device *device,
                          const struct map *secrets, struct error *err)
{
    struct strbuf missing CLEANUP(strbuf_done) = {0};
    map_each (e, &metadata->parameters) {
        const struct fence_parameter *parameter = e->value;
        if (!parameter->required || strcmp(e->key, "action") == 0 ||
            strcmp(e->key, "nodename") == 0) {
            continue;
        }
        if (strcmp(e->key, "plug") == 0 || strcmp(e->key, "port") == 0) {
            int r = check_plugs(device, err);
            if (r < 0) {
                return r;
            }
        } else if (!parameter->has_default && !is_superseded(metadata, e->key) &&
                   !is_given_by_any_name(metadata, device, secrets, parameter)) {
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

int fence_metadata_check(struct arena *arena, const struct fence_metadata *metadata,
                         const struct fence_device *device, const struct map *secrets,
                         struct error *err)
{
    int r = 0;
    if (!map_has(&metadata->actions, "off") || !map_has(&metadata->actions, "status")) {
        return error_set(err, -EINVAL, "agent '%s' cannot %s: it gives no proof that a node is off",
                         device->agent,
                         map_has(&metadata->actions, "off") ? "tell a node's status"
                                                            : "switch a node off");
    }
    if (metadata->on_is_automatic) {
        return error_set(
            err, -EINVAL,
            "agent '%s' only closes an access (disks, network) and leaves the node on: "
            "its services would go on running there",
            device->agent);
    }
    map_each (e, &device->params) {
        r = r == 0 ? check_known(metadata, e->key, err) : r;
    }
    if (secrets != NULL) {
        map_each (e, secrets) {
            r = r == 0 ? check_known(metadata, e->key, err) : r;
        }
    }
    if (r == 0) {
        r = check_required(metadata, device, secrets, err);
    }
    return r < 0 ? error_prefix(err, "%s", arena_printf(arena, "agent '%s'", device->agent)) : 0;
}
