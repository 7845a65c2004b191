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
#include "common/model/sid.h"

enum { DEPTH_MAX = 8 };

// A key of ours in section "node"; Corosync keeps what it does not know.
static const char joining_key[] = "ha_joining";

enum conf_line_kind { CONF_LINE_KEY, CONF_LINE_OPEN, CONF_LINE_CLOSE };

struct conf_line {
    enum conf_line_kind kind;
    const char *name;  // of the key or section; NULL: close
    const char *value; // key
};

struct corosync_conf {
    struct arena *arena;
    const char *cluster_name;
    int64_t version;
    struct corosync_node nodes[COROSYNC_NODES_MAX];
    size_t nodes_count;
    struct conf_line *lines;
    size_t lines_count;
};

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

static void add_open(struct corosync_conf *conf, size_t *at, const char *name)
{
    line_insert(conf, (*at)++, (struct conf_line){.kind = CONF_LINE_OPEN, .name = name});
}

static void add_key(struct corosync_conf *conf, size_t *at, const char *name, const char *value)
{
    line_insert(conf, (*at)++,
                (struct conf_line){
                    .kind = CONF_LINE_KEY,
                    .name = name,
                    .value = arena_strdup(conf->arena, value),
                });
}

static void add_close(struct corosync_conf *conf, size_t *at)
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
    } else if (strcmp(key, joining_key) == 0) {
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
static const struct corosync_node *find_address(const struct corosync_conf *conf,
                                                const char *address)
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
    for (size_t k = 0; k < COROSYNC_LINKS_MAX; k++) {
        const struct corosync_node *other =
            node->addresses[k] != NULL ? find_address(conf, node->addresses[k]) : NULL;
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
        add_close(conf, &at);
        return read_close(reader, err);
    }
    if (line[length - 1] == '{') {
        const char *name = text_trim(conf->arena, line, length - 1);
        if (name[0] == '\0') {
            return error_set(err, -EINVAL, "line %zu: a section needs a name before '{'",
                             reader->line);
        }
        add_open(conf, &at, name);
        return read_open(reader, name, err);
    }
    const char *colon = strchr(line, ':');
    if (colon == NULL || colon == line || reader->depth == 0) {
        return error_set(err, -EINVAL, "line %zu: expected 'key: value', 'section {' or '}'",
                         reader->line);
    }
    const char *key = text_trim(conf->arena, line, (size_t)(colon - line));
    const char *value = text_trim(conf->arena, colon + 1, strlen(colon + 1));
    add_key(conf, &at, key, value);
    return read_key(reader, key, value, err);
}

static struct corosync_conf *conf_new(struct arena *arena)
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

static int cluster_name_check(const char *name, struct error *err)
{
    if (strlen(name) > COROSYNC_CLUSTER_NAME_MAX || node_name_check(name, NULL) < 0) {
        return error_set(err, -EINVAL,
                         "'%.80s' cannot be the name of a cluster: letters, digits and '-' (not "
                         "at an end), at most %d",
                         name, COROSYNC_CLUSTER_NAME_MAX);
    }
    return 0;
}

int corosync_conf_new(struct arena *arena, const char *cluster_name, int64_t token_ms,
                      struct corosync_conf **ret, struct error *err)
{
    int r = cluster_name_check(cluster_name, err);
    if (r < 0) {
        return r;
    }
    struct corosync_conf *conf = conf_new(arena);
    size_t at = 0;
    conf->cluster_name = arena_strdup(arena, cluster_name);
    add_open(conf, &at, "totem");
    add_key(conf, &at, "version", "2");
    add_key(conf, &at, "cluster_name", cluster_name);
    add_key(conf, &at, "config_version", "0");
    add_key(conf, &at, "transport", "knet");
    add_key(conf, &at, "crypto_cipher", "aes256");
    add_key(conf, &at, "crypto_hash", "sha256");
    add_key(conf, &at, "token", arena_printf(arena, "%lld", (long long)token_ms));
    add_key(conf, &at, "token_coefficient", "0");
    add_close(conf, &at);
    add_open(conf, &at, "nodelist");
    add_close(conf, &at);
    add_open(conf, &at, "quorum");
    add_key(conf, &at, "provider", "corosync_votequorum");
    add_close(conf, &at);
    add_open(conf, &at, "logging");
    add_key(conf, &at, "to_syslog", "yes");
    add_key(conf, &at, "to_stderr", "no");
    add_key(conf, &at, "debug", "off");
    add_close(conf, &at);
    *ret = conf;
    return 0;
}

// Where section `name` at depth 0 ends; lines_count when there is none.
static size_t section_end(const struct corosync_conf *conf, const char *name)
{
    int depth = 0;
    bool inside = false;
    for (size_t i = 0; i < conf->lines_count; i++) {
        const struct conf_line *line = &conf->lines[i];
        if (line->kind == CONF_LINE_OPEN) {
            inside = inside || (depth == 0 && strcmp(line->name, name) == 0);
            depth++;
        } else if (line->kind == CONF_LINE_CLOSE) {
            depth--;
            if (inside && depth == 0) {
                return i;
            }
        }
    }
    return conf->lines_count;
}

static void version_count_up(struct corosync_conf *conf)
{
    conf->version++;
    const char *value = arena_printf(conf->arena, "%lld", (long long)conf->version);
    size_t end = section_end(conf, "totem");
    // The keys of the section itself stand before its end, those of inner sections in between.
    int depth = 0;
    for (size_t i = end; i > 0; i--) {
        struct conf_line *line = &conf->lines[i - 1];
        if (line->kind == CONF_LINE_OPEN && depth == 0) {
            break;
        }
        depth += line->kind == CONF_LINE_CLOSE ? 1 : 0;
        depth -= line->kind == CONF_LINE_OPEN ? 1 : 0;
        if (line->kind == CONF_LINE_KEY && depth == 0 &&
            strcmp(line->name, "config_version") == 0) {
            line->value = value;
            return;
        }
    }
    add_key(conf, &end, "config_version", value);
}

static uint32_t free_id(const struct corosync_conf *conf)
{
    uint32_t id = 1;
    // Each pass either finds the number taken or ends.
    for (size_t i = 0; i <= conf->nodes_count; i++) {
        bool taken = false;
        for (size_t k = 0; k < conf->nodes_count; k++) {
            taken = taken || conf->nodes[k].id == id;
        }
        if (!taken) {
            break;
        }
        id++;
    }
    return id;
}

static int new_node_check(const struct corosync_conf *conf, const char *name,
                          const char *const addresses[COROSYNC_LINKS_MAX], struct error *err)
{
    int r = node_name_check(name, err);
    if (r < 0) {
        return r;
    }
    if (corosync_conf_find_node(conf, name) != NULL) {
        return error_set(err, -EEXIST, "node '%s' is in the cluster already", name);
    }
    for (size_t i = 0; i < COROSYNC_LINKS_MAX; i++) {
        bool wanted = conf->nodes_count > 0 ? conf->nodes[0].addresses[i] != NULL : i == 0;
        if (wanted && addresses[i] == NULL) {
            return error_set(err, -EINVAL, "an address on link %zu is missing", i);
        }
        if (!wanted && addresses[i] != NULL && conf->nodes_count > 0) {
            return error_set(err, -EINVAL, "the cluster has no link %zu", i);
        }
        const struct corosync_node *other =
            addresses[i] != NULL ? find_address(conf, addresses[i]) : NULL;
        if (other != NULL) {
            return error_set(err, -EEXIST, "address '%s' on link %zu is that of node '%s'",
                             addresses[i], i, other->name);
        }
    }
    return 0;
}

int corosync_conf_add_node(struct corosync_conf *conf, const char *name,
                           const char *const addresses[COROSYNC_LINKS_MAX], struct error *err)
{
    size_t at = section_end(conf, "nodelist");
    if (at == conf->lines_count || section_end(conf, "totem") == conf->lines_count) {
        return error_set(err, -EINVAL, "the configuration has no sections 'totem' and 'nodelist'");
    }
    if (conf->nodes_count == COROSYNC_NODES_MAX) {
        return error_set(err, -EINVAL, "the cluster has %d nodes, more are not supported",
                         COROSYNC_NODES_MAX);
    }
    int r = new_node_check(conf, name, addresses, err);
    if (r < 0) {
        return r;
    }
    struct corosync_node *node = &conf->nodes[conf->nodes_count];
    *node = (struct corosync_node){
        .name = arena_strdup(conf->arena, name),
        .id = free_id(conf),
        .votes = conf->nodes_count == 0 ? 1 : 0,
        .joining = conf->nodes_count > 0,
    };
    add_open(conf, &at, "node");
    add_key(conf, &at, "name", name);
    add_key(conf, &at, "nodeid", arena_printf(conf->arena, "%u", node->id));
    add_key(conf, &at, "quorum_votes", arena_printf(conf->arena, "%u", node->votes));
    if (node->joining) {
        add_key(conf, &at, joining_key, "yes");
    }
    for (size_t i = 0; i < COROSYNC_LINKS_MAX; i++) {
        if (addresses[i] != NULL) {
            node->addresses[i] = arena_strdup(conf->arena, addresses[i]);
            add_key(conf, &at, arena_printf(conf->arena, "ring%zu_addr", i), addresses[i]);
        }
    }
    add_close(conf, &at);
    conf->nodes_count++;
    version_count_up(conf);
    return 0;
}

// The lines of section "node" with this name: from its first key on, *ret_end is its end.
static size_t node_begin(const struct corosync_conf *conf, const char *name, size_t *ret_end)
{
    size_t begin = 0;
    bool found = false;
    for (size_t i = 0; i < conf->lines_count; i++) {
        const struct conf_line *line = &conf->lines[i];
        if (line->kind == CONF_LINE_OPEN) {
            begin = i + 1;
        } else if (line->kind == CONF_LINE_KEY && strcmp(line->name, "name") == 0) {
            found = found || (begin > 0 && strcmp(conf->lines[begin - 1].name, "node") == 0 &&
                              strcmp(line->value, name) == 0);
        } else if (line->kind == CONF_LINE_CLOSE && found) {
            *ret_end = i;
            return begin;
        }
    }
    assert(false); // only asked for nodes that are there
    return 0;
}

void corosync_conf_admit_node(struct corosync_conf *conf, const char *name)
{
    struct corosync_node *node = NULL;
    for (size_t i = 0; i < conf->nodes_count; i++) {
        if (conf->nodes[i].joining && strcmp(conf->nodes[i].name, name) == 0) {
            node = &conf->nodes[i];
        }
    }
    if (node == NULL) {
        return;
    }
    node->joining = false;
    node->votes = 1;
    size_t end = 0;
    for (size_t i = node_begin(conf, name, &end); i < end;) {
        struct conf_line *line = &conf->lines[i];
        if (strcmp(line->name, joining_key) == 0) {
            memmove(line, line + 1, (conf->lines_count - i - 1) * sizeof(*line));
            conf->lines_count--;
            end--;
            continue;
        }
        if (strcmp(line->name, "quorum_votes") == 0) {
            line->value = "1";
        }
        i++;
    }
    version_count_up(conf);
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
