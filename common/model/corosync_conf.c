// SPDX-License-Identifier: Apache-2.0
// corosync.conf as a flat list of its lines (keys, section begins, section ends), so that it can be
// changed in one place and kept in all others.
#include "common/model/corosync_conf.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/parse.h"
#include "common/base/strbuf.h"
#include "common/model/corosync_conf_internal.h"

enum { DEPTH_MAX = 8 };

// ---- Lines.

static void line_insert(struct corosync_conf *conf, size_t at, struct conf_line line)
{
    assert(at <= conf->lines_count);
    // Capacities are the powers of two from 64 on.
    size_t count = conf->lines_count;
    if (count == 0 || (count >= 64 && (count & (count - 1)) == 0)) {
        size_t capacity = count == 0 ? 64 : count * 2;
        struct conf_line *lines = arena_array_of(conf->arena, struct conf_line, capacity);
        if (count > 0) {
            memcpy(lines, conf->lines, count * sizeof(*lines));
        }
        conf->lines = lines;
    }
    memmove(conf->lines + at + 1, conf->lines + at, (count - at) * sizeof(*conf->lines));
    conf->lines[at] = line;
    conf->lines_count++;
}

void conf_add_open(struct corosync_conf *conf, size_t *at, const char *name)
{
    line_insert(conf, (*at)++, (struct conf_line){.kind = CONF_LINE_OPEN, .name = name});
}

void conf_add_key(struct corosync_conf *conf, size_t *at, const char *name, const char *value)
{
    line_insert(conf, (*at)++,
                (struct conf_line){
                    .kind = CONF_LINE_KEY,
                    .name = name,
                    .value = arena_strdup(conf->arena, value),
                });
}

void conf_add_close(struct corosync_conf *conf, size_t *at)
{
    line_insert(conf, (*at)++, (struct conf_line){.kind = CONF_LINE_CLOSE});
}

// ---- Reading.

struct reader {
    struct corosync_conf *conf;
    size_t line; // its number
    const char *sections[DEPTH_MAX];
    size_t section_lines[DEPTH_MAX]; // where they begin
    size_t depth;
};

static bool reader_is_in(const struct reader *reader, const char *outer, const char *inner)
{
    if (reader->depth != (inner == NULL ? 1 : 2) || strcmp(reader->sections[0], outer) != 0) {
        return false;
    }
    return inner == NULL || strcmp(reader->sections[1], inner) == 0;
}

// "ring0_addr" … "ring7_addr": the link's number; −1: another key.
static int key_link(const char *key)
{
    static const char form[] = "ring0_addr";
    if (strlen(key) != sizeof(form) - 1 || strncmp(key, form, 4) != 0 ||
        strcmp(key + 5, form + 5) != 0 || key[4] < '0' || key[4] >= '0' + COROSYNC_LINKS_MAX) {
        return -1;
    }
    return key[4] - '0';
}

// A number that is not one leaves the node without it, which is told at its end.
static void read_node_key(struct corosync_node *node, const char *key, const char *value)
{
    int64_t number = 0;
    if (strcmp(key, "name") == 0) {
        node->name = value;
    } else if (strcmp(key, "nodeid") == 0 && parse_int64(value, 1, UINT32_MAX, &number) == 0) {
        node->id = (uint32_t)number;
    } else if (strcmp(key, "quorum_votes") == 0 &&
               parse_int64(value, 0, UINT16_MAX, &number) == 0) {
        node->votes = (uint32_t)number;
    } else if (strcmp(key, CONF_KEY_JOINING) == 0) {
        node->joining = strcmp(value, "yes") == 0;
    } else if (key_link(key) >= 0) {
        node->addresses[key_link(key)] = value;
    }
}

static int read_key(struct reader *reader, const char *key, const char *value, struct error *err)
{
    struct corosync_conf *conf = reader->conf;
    if (reader_is_in(reader, "totem", NULL) && strcmp(key, "cluster_name") == 0) {
        conf->cluster_name = value;
    } else if (reader_is_in(reader, "totem", NULL) && strcmp(key, "config_version") == 0) {
        if (parse_int64(value, 0, INT64_MAX - 1, &conf->version) < 0) {
            return error_set(err, -EINVAL, "line %zu: config_version '%.40s' is not a number",
                             reader->line, value);
        }
    } else if (reader_is_in(reader, "totem", NULL) && strcmp(key, "token") == 0) {
        // What is no number is refused by Corosync.
        ignore_result(parse_int64(value, 0, INT32_MAX, &conf->token_ms));
    } else if (reader_is_in(reader, "nodelist", "node")) {
        read_node_key(&conf->nodes[conf->nodes_count], key, value);
    }
    return 0;
}

static int read_open(struct reader *reader, const char *name, struct error *err)
{
    if (reader->depth == DEPTH_MAX) {
        return error_set(err, -EINVAL, "line %zu: sections are nested too deep", reader->line);
    }
    reader->sections[reader->depth] = name;
    reader->section_lines[reader->depth] = reader->line;
    reader->depth++;
    if (reader_is_in(reader, "nodelist", "node")) {
        if (reader->conf->nodes_count == COROSYNC_NODES_MAX) {
            return error_set(err, -EINVAL, "line %zu: more than %d nodes", reader->line,
                             COROSYNC_NODES_MAX);
        }
        reader->conf->nodes[reader->conf->nodes_count] = (struct corosync_node){.votes = 1};
    }
    return 0;
}

// The node that has this address on some link, and the link.
const struct corosync_node *conf_find_address(const struct corosync_conf *conf, const char *address)
{
    for (size_t i = 0; i < conf->nodes_count; i++) {
        for (size_t k = 0; k < COROSYNC_LINKS_MAX; k++) {
            const char *other = conf->nodes[i].addresses[k];
            if (other != NULL && strcmp(other, address) == 0) {
                return &conf->nodes[i];
            }
        }
    }
    return NULL;
}

int conf_address_twice(const char *const addresses[COROSYNC_LINKS_MAX])
{
    for (int k = 1; k < COROSYNC_LINKS_MAX; k++) {
        for (int i = 0; i < k && addresses[k] != NULL; i++) {
            if (addresses[i] != NULL && strcmp(addresses[i], addresses[k]) == 0) {
                return k;
            }
        }
    }
    return -1;
}

// A complete node against those before it.
static int node_check(const struct corosync_conf *conf, const struct corosync_node *node,
                      struct error *err)
{
    for (size_t i = 0; i < conf->nodes_count; i++) {
        const struct corosync_node *other = &conf->nodes[i];
        if (strcmp(other->name, node->name) == 0 || other->id == node->id) {
            return error_set(err, -EINVAL, "node '%s' (%u) is there twice", node->name, node->id);
        }
    }
    int twice = conf_address_twice(node->addresses);
    if (twice >= 0) {
        return error_set(err, -EINVAL, "ring%d_addr '%s' is that of another link too", twice,
                         node->addresses[twice]);
    }
    for (size_t k = 0; k < COROSYNC_LINKS_MAX; k++) {
        const struct corosync_node *other =
            node->addresses[k] != NULL ? conf_find_address(conf, node->addresses[k]) : NULL;
        if (other != NULL) {
            return error_set(err, -EINVAL, "ring%zu_addr '%s' is that of node '%s' too", k,
                             node->addresses[k], other->name);
        }
    }
    return 0;
}

static int read_node_end(struct corosync_conf *conf, struct error *err)
{
    const struct corosync_node *node = &conf->nodes[conf->nodes_count];
    if (node->name == NULL) {
        return error_set(err, -EINVAL, "a node needs 'name', that of its host");
    }
    if (node->id == 0) {
        return error_set(err, -EINVAL, "node '%s' needs 'nodeid', a number above 0", node->name);
    }
    if (node->addresses[0] == NULL) {
        return error_set(err, -EINVAL, "a node needs ring0_addr");
    }
    int r = node_check(conf, node, err);
    if (r == 0) {
        conf->nodes_count++;
    }
    return r;
}

static int read_close(struct reader *reader, struct error *err)
{
    if (reader->depth == 0) {
        return error_set(err, -EINVAL, "line %zu: '}' without a section", reader->line);
    }
    int r = 0;
    if (reader_is_in(reader, "nodelist", "node")) {
        r = read_node_end(reader->conf, err);
    }
    reader->depth--;
    return r < 0 ? error_prefix(err, "line %zu", reader->section_lines[reader->depth]) : 0;
}

static bool is_white(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

// Without white space at both ends, in the arena.
static char *text_trim(struct arena *arena, const char *text, size_t size_bytes)
{
    while (size_bytes > 0 && is_white(text[0])) {
        text++;
        size_bytes--;
    }
    while (size_bytes > 0 && is_white(text[size_bytes - 1])) {
        size_bytes--;
    }
    return arena_memdup(arena, text, size_bytes);
}

static int read_line(struct reader *reader, const char *text, size_t size_bytes, struct error *err)
{
    struct corosync_conf *conf = reader->conf;
    char *line = text_trim(conf->arena, text, size_bytes);
    size_t length = strlen(line);
    size_t at = conf->lines_count;
    if (length == 0 || line[0] == '#') {
        return 0;
    }
    if (strcmp(line, "}") == 0) {
        conf_add_close(conf, &at);
        return read_close(reader, err);
    }
    if (line[length - 1] == '{') {
        const char *name = text_trim(conf->arena, line, length - 1);
        if (name[0] == '\0') {
            return error_set(err, -EINVAL, "line %zu: a section needs a name before '{'",
                             reader->line);
        }
        conf_add_open(conf, &at, name);
        return read_open(reader, name, err);
    }
    const char *colon = strchr(line, ':');
    if (colon == NULL || colon == line || reader->depth == 0) {
        return error_set(err, -EINVAL, "line %zu: expected 'key: value', 'section {' or '}'",
                         reader->line);
    }
    const char *key = text_trim(conf->arena, line, (size_t)(colon - line));
    const char *value = text_trim(conf->arena, colon + 1, strlen(colon + 1));
    conf_add_key(conf, &at, key, value);
    return read_key(reader, key, value, err);
}

struct corosync_conf *conf_new(struct arena *arena)
{
    struct corosync_conf *conf = arena_new_of(arena, struct corosync_conf);
    conf->arena = arena;
    conf->cluster_name = "";
    return conf;
}

int corosync_conf_parse(struct arena *arena, const char *name, const char *text, size_t size_bytes,
                        struct corosync_conf **ret, struct error *err)
{
    struct corosync_conf *conf = conf_new(arena);
    struct reader reader = {.conf = conf};
    if (size_bytes > COROSYNC_CONF_SIZE_MAX || memchr(text, '\0', size_bytes) != NULL) {
        return error_set(err, -EINVAL, "%s: not a configuration file", name);
    }
    size_t at = 0;
    while (at < size_bytes) {
        const char *end = memchr(text + at, '\n', size_bytes - at);
        size_t length = end != NULL ? (size_t)(end - text) - at : size_bytes - at;
        reader.line++;
        int r = read_line(&reader, text + at, length, err);
        if (r < 0) {
            return error_prefix(err, "%s", name);
        }
        at += length + 1;
    }
    if (reader.depth > 0) {
        return error_set(err, -EINVAL, "%s: section '%s' of line %zu has no '}'", name,
                         reader.sections[reader.depth - 1], reader.section_lines[reader.depth - 1]);
    }
    *ret = conf;
    return 0;
}

// ---- Writing.

char *corosync_conf_format(struct arena *arena, const struct corosync_conf *conf)
{
    struct strbuf text CLEANUP(strbuf_done) = {0};
    int depth = 0;
    for (size_t i = 0; i < conf->lines_count; i++) {
        const struct conf_line *line = &conf->lines[i];
        switch (line->kind) {
        case CONF_LINE_OPEN:
            if (depth == 0 && i > 0) {
                strbuf_append_char(&text, '\n');
            }
            strbuf_appendf(&text, "%*s%s {\n", 2 * depth, "", line->name);
            depth++;
            break;
        case CONF_LINE_KEY:
            strbuf_appendf(&text, "%*s%s: %s\n", 2 * depth, "", line->name, line->value);
            break;
        case CONF_LINE_CLOSE:
            depth--;
            strbuf_appendf(&text, "%*s}\n", 2 * depth, "");
            break;
        }
    }
    return arena_strdup(arena, strbuf_text(&text));
}

// ---- Asking.

bool corosync_conf_is_example(const struct corosync_conf *conf)
{
    return conf->nodes_count == 1 && conf->nodes[0].addresses[0] != NULL &&
           strncmp(conf->nodes[0].addresses[0], "127.", 4) == 0;
}

const char *corosync_conf_cluster_name(const struct corosync_conf *conf)
{
    return conf->cluster_name;
}

int64_t corosync_conf_version(const struct corosync_conf *conf)
{
    return conf->version;
}

int64_t corosync_conf_token_ms(const struct corosync_conf *conf)
{
    return conf->token_ms;
}

const struct corosync_node *corosync_conf_nodes(const struct corosync_conf *conf, size_t *ret_count)
{
    *ret_count = conf->nodes_count;
    return conf->nodes;
}

const struct corosync_node *corosync_conf_find_node(const struct corosync_conf *conf,
                                                    const char *name)
{
    for (size_t i = 0; i < conf->nodes_count; i++) {
        if (strcmp(conf->nodes[i].name, name) == 0) {
            return &conf->nodes[i];
        }
    }
    return NULL;
}
