// SPDX-License-Identifier: Apache-2.0
// Reading agents' metadata: of XML only what these documents use, tags with quoted attributes and
// text between them. What cannot be read is passed over; a document without parameters or actions
// is refused.
#include "common/model/fence_metadata.h"

#include <errno.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/strbuf.h"
#include "common/model/fence_config.h"

enum { ABOUT_MAX = 200, SIMILAR_MAX = 3, NAME_MAX_COMPARED = 64 };

static const char xml_space[] = " \t\r\n";

struct xml_tag {
    const char *name;
    bool closing;
    struct map attributes; // name → const char *
    const char *text;      // what follows until the next tag
};

// The five predefined entities; others stand as they are.
static char *xml_decode(struct arena *arena, const char *text, size_t length)
{
    static const struct {
        const char *entity;
        char c;
    } rows[] = {
        {"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''},
    };
    char *out = arena_alloc(arena, length + 1);
    size_t size = 0;
    for (size_t at = 0; at < length;) {
        size_t step = 1;
        char c = text[at];
        for (size_t i = 0; c == '&' && i < ARRAY_SIZE(rows); i++) {
            size_t entity = strlen(rows[i].entity);
            if (length - at >= entity && strncmp(text + at, rows[i].entity, entity) == 0) {
                c = rows[i].c;
                step = entity;
                break;
            }
        }
        out[size++] = c;
        at += step;
    }
    return out;
}

// Reads name="value" pairs of a tag's inside.
static void xml_read_attributes(struct arena *arena, const char *inside, struct map *attributes)
{
    for (;;) { // each turn passes at least one character
        inside += strspn(inside, xml_space);
        size_t name = strcspn(inside, " \t\r\n=/");
        const char *at = inside + name + strspn(inside + name, xml_space);
        if (name == 0 || *at != '=') {
            if (*inside == '\0') {
                return;
            }
            inside += name > 0 ? name : 1;
            continue;
        }
        at += 1 + strspn(at + 1, xml_space);
        const char *end = *at == '"' || *at == '\'' ? strchr(at + 1, *at) : NULL;
        if (end == NULL) {
            return;
        }
        map_put(attributes, arena_memdup(arena, inside, name),
                xml_decode(arena, at + 1, (size_t)(end - at - 1)));
        inside = end + 1;
    }
}

// The next tag from *at on, which moves behind it and its text; false at the end. Comments and
// declarations are passed over.
static bool xml_next(struct arena *arena, const char **at, struct xml_tag *ret)
{
    const char *open = strchr(*at, '<');
    while (open != NULL && (open[1] == '!' || open[1] == '?')) {
        bool comment = strncmp(open, "<!--", 4) == 0;
        const char *end = strstr(open, comment ? "-->" : ">");
        open = end != NULL ? strchr(end, '<') : NULL;
    }
    const char *close = open != NULL ? strchr(open, '>') : NULL;
    if (close == NULL) {
        return false;
    }
    const char *inside = open + 1;
    struct xml_tag tag = {.closing = *inside == '/'};
    inside += tag.closing ? 1 : 0;
    char *text = arena_memdup(arena, inside, (size_t)(close - inside));
    size_t name = strcspn(text, " \t\r\n/");
    tag.name = arena_memdup(arena, text, name);
    map_init_arena(&tag.attributes, arena);
    xml_read_attributes(arena, text + name, &tag.attributes);
    const char *next = strchr(close, '<');
    size_t rest = next != NULL ? (size_t)(next - close - 1) : strlen(close + 1);
    tag.text = xml_decode(arena, close + 1, rest);
    *at = close + 1;
    *ret = tag;
    return true;
}

static bool attribute_is_true(const struct xml_tag *tag, const char *name)
{
    const char *value = map_find(&tag->attributes, name);
    return value != NULL && (strcmp(value, "1") == 0 || strcmp(value, "true") == 0);
}

// One line of at most ABOUT_MAX bytes.
static const char *about_text(struct arena *arena, const char *text)
{
    struct strbuf out CLEANUP(strbuf_done) = {0};
    for (const char *p = text; *p != '\0' && out.size_bytes < ABOUT_MAX; p++) {
        bool space = strchr(xml_space, *p) != NULL;
        bool again = out.size_bytes == 0 || out.text[out.size_bytes - 1] == ' ';
        if (!space || !again) {
            strbuf_append_char(&out, space ? ' ' : *p);
        }
    }
    return arena_strdup(arena, strbuf_text(&out));
}

static void metadata_take(struct arena *arena, struct fence_metadata *metadata,
                          const struct xml_tag *tag, struct fence_parameter **open)
{
    const char *name = map_find(&tag->attributes, "name");
    if (tag->closing) {
        *open = strcmp(tag->name, "parameter") == 0 ? NULL : *open;
    } else if (strcmp(tag->name, "resource-agent") == 0) {
        const char *about = map_find(&tag->attributes, "shortdesc");
        metadata->agent = name != NULL ? name : "";
        metadata->about = about_text(arena, about != NULL ? about : "");
    } else if (strcmp(tag->name, "parameter") == 0 && name != NULL) {
        *open = arena_new_of(arena, struct fence_parameter);
        (*open)->name = name;
        (*open)->obsoletes = map_find(&tag->attributes, "obsoletes");
        (*open)->required = attribute_is_true(tag, "required");
        (*open)->about = "";
        map_put(&metadata->parameters, name, *open);
    } else if (strcmp(tag->name, "shortdesc") == 0 && *open != NULL) {
        (*open)->about = about_text(arena, tag->text);
    } else if (strcmp(tag->name, "content") == 0 && *open != NULL) {
        (*open)->has_default = map_has(&tag->attributes, "default");
    } else if (strcmp(tag->name, "action") == 0 && name != NULL) {
        map_put(&metadata->actions, name, metadata);
        if (strcmp(name, "on") == 0 && attribute_is_true(tag, "automatic")) {
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
    while (xml_next(arena, &at, &tag)) {
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

static size_t smallest(size_t a, size_t b, size_t c)
{
    size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

// How many letters must be put in, taken out or changed to make one word of the other.
static size_t edit_distance(const char *a, const char *b)
{
    size_t row[NAME_MAX_COMPARED + 1];
    size_t length = strnlen(b, NAME_MAX_COMPARED);
    for (size_t k = 0; k <= length; k++) {
        row[k] = k;
    }
    for (size_t i = 0; a[i] != '\0' && i < NAME_MAX_COMPARED; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t k = 0; k < length; k++) {
            size_t above = row[k + 1];
            row[k + 1] = smallest(above + 1, row[k] + 1, diagonal + (a[i] == b[k] ? 0U : 1U));
            diagonal = above;
        }
    }
    return row[length];
}

// Misspelt, or, in a second look, part of the other.
static bool is_similar(const char *given, const char *name, bool parts)
{
    size_t length = strlen(given);
    if (parts) {
        return length >= 3 && strlen(name) >= 3 &&
               (strstr(name, given) != NULL || strstr(given, name) != NULL);
    }
    return edit_distance(given, name) <= 1 + length / 4;
}

static size_t similar_list(const struct fence_metadata *metadata, const char *key, bool parts,
                           struct strbuf *out)
{
    size_t count = 0;
    map_each (e, &metadata->parameters) {
        if (count < SIMILAR_MAX && is_similar(key, e->key, parts)) {
            strbuf_appendf(out, "%s'%s'", count > 0 ? ", " : "", e->key);
            count++;
        }
    }
    return count;
}

static int check_known(const struct fence_metadata *metadata, const char *key, struct error *err)
{
    if (map_has(&metadata->parameters, key)) {
        return 0;
    }
    struct strbuf similar CLEANUP(strbuf_done) = {0};
    if (similar_list(metadata, key, false, &similar) == 0 &&
        similar_list(metadata, key, true, &similar) == 0) {
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
