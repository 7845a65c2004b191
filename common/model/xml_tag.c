// SPDX-License-Identifier: Apache-2.0
// Of XML only what agents' metadata use: tags with quoted attributes, and text between them. What
// cannot be read is passed over.
#include "common/model/xml_tag.h"

#include <string.h>

#include "common/base/arena.h"
#include "common/base/strbuf.h"

static const char xml_space[] = " \t\r\n";

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

bool xml_next_tag(struct arena *arena, const char **at, struct xml_tag *ret)
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

bool xml_tag_is_true(const struct xml_tag *tag, const char *name)
{
    const char *value = map_find(&tag->attributes, name);
    return value != NULL && (strcmp(value, "1") == 0 || strcmp(value, "true") == 0);
}

const char *xml_one_line(struct arena *arena, const char *text)
{
    struct strbuf out CLEANUP(strbuf_done) = {0};
    for (const char *p = text; *p != '\0' && out.size_bytes < XML_ONE_LINE_MAX; p++) {
        bool space = strchr(xml_space, *p) != NULL;
        bool again = out.size_bytes == 0 || out.text[out.size_bytes - 1] == ' ';
        if (!space || !again) {
            strbuf_append_char(&out, space ? ' ' : *p);
        }
    }
    return arena_strdup(arena, strbuf_text(&out));
}
