// SPDX-License-Identifier: Apache-2.0
// A JSON tree as YAML in block style. Minimal: what needs no quotes gets none, and everything that
// any YAML reader (1.1 or 1.2) could take for a number, truth, null or syntax is quoted.
#include <assert.h>
#include <string.h>
#include <strings.h>

#include "cli/output.h"
#include "common/base/arena.h"
#include "common/base/json.h"
#include "common/base/strbuf.h"

static bool yaml_is_reserved(const char *text)
{
    static const char *const words[] = {"y",    "n",     "yes",  "no",   "on",  "off",
                                        "true", "false", "null", "none", "nan", "inf"};
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (strcasecmp(text, words[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool yaml_is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool yaml_is_plain(const char *text)
{
    size_t length = strlen(text);
    // A first letter rules out numbers, dates, indicators and the like.
    if (length == 0 || !(yaml_is_letter(text[0]) || text[0] == '/' || text[0] == '_')) {
        return false;
    }
    if (text[length - 1] == ' ' || text[length - 1] == ':' || yaml_is_reserved(text)) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        bool digit = c >= '0' && c <= '9';
        if (!yaml_is_letter(c) && !digit && strchr("_-./:@%+=,() ", c) == NULL) {
            return false;
        }
        if (c == ':' && text[i + 1] == ' ') {
            return false;
        }
    }
    return true;
}

// A JSON string is a valid double-quoted YAML scalar.
static void yaml_string(struct arena *arena, const char *text, struct strbuf *out)
{
    if (yaml_is_plain(text)) {
        strbuf_append(out, text);
        return;
    }
    json_format(json_new_string(arena, text), JSON_STYLE_COMPACT, out);
}

static bool yaml_is_scalar(const struct json *json)
{
    return (json->type != JSON_TYPE_ARRAY || json->count == 0) &&
           (json->type != JSON_TYPE_OBJECT || json->members.count == 0);
}

static void yaml_scalar(struct arena *arena, const struct json *json, struct strbuf *out)
{
    if (json->type == JSON_TYPE_STRING) {
        yaml_string(arena, json->string, out);
        return;
    }
    json_format(json, JSON_STYLE_COMPACT, out); // [] and {} are the same in YAML
}

// One open list or mapping.
struct yaml_frame {
    const struct json *json;
    size_t at;
    size_t indent;
    bool follows; // its first entry continues the line of a "- "
};

static void yaml_indent(struct strbuf *out, const struct yaml_frame *frame)
{
    if (frame->at == 0 && frame->follows) {
        return;
    }
    for (size_t i = 0; i < frame->indent; i++) {
        strbuf_append_char(out, ' ');
    }
}

// Writes the frame's next key or dash and returns its value.
static const struct json *yaml_next(struct arena *arena, struct yaml_frame *frame,
                                    struct strbuf *out)
{
    const struct json *child = NULL;
    yaml_indent(out, frame);
    if (frame->json->type == JSON_TYPE_OBJECT) {
        const struct map_entry *entry = &frame->json->members.entries[frame->at];
        yaml_string(arena, entry->key, out);
        strbuf_append_char(out, ':');
        child = entry->value;
    } else {
        strbuf_append_char(out, '-');
        child = frame->json->items[frame->at];
    }
    frame->at++;
    return child;
}

void output_yaml(const struct json *document, struct strbuf *out)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct yaml_frame frames[JSON_DEPTH_MAX + 1];
    size_t depth = 0;
    strbuf_append(out, "---\n");
    if (yaml_is_scalar(document)) {
        yaml_scalar(arena, document, out);
        strbuf_append_char(out, '\n');
        return;
    }
    frames[depth++] = (struct yaml_frame){.json = document};
    while (depth > 0) {
        struct yaml_frame *frame = &frames[depth - 1];
        bool object = frame->json->type == JSON_TYPE_OBJECT;
        if (frame->at == (object ? frame->json->members.count : frame->json->count)) {
            depth--;
            continue;
        }
        const struct json *child = yaml_next(arena, frame, out);
        if (yaml_is_scalar(child)) {
            strbuf_append_char(out, ' ');
            yaml_scalar(arena, child, out);
            strbuf_append_char(out, '\n');
            continue;
        }
        assert(depth < ARRAY_SIZE(frames));
        strbuf_append_char(out, object ? '\n' : ' ');
        frames[depth++] =
            (struct yaml_frame){.json = child, .indent = frame->indent + 2, .follows = !object};
    }
}
