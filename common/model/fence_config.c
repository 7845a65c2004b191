// SPDX-License-Identifier: Apache-2.0
// Fence devices as text and structs. What their agents accept beside the form of keys and values is
// known to the agents only (fence_metadata.h).
#include "common/model/fence_config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/parse.h"
#include "common/base/strbuf.h"
#include "common/base/utf8.h"
#include "common/model/section_config.h"
#include "common/model/sid.h"

#define AGENT_PREFIX    "fence_"
#define PARAM_PREFIX    "param."
#define OPTIONS_SECTION "fencing"

enum { AGENT_NAME_MAX = 64, PLUG_MAX = 128 };

static const char name_letters[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

static bool is_name(const char *text, size_t length_max)
{
    size_t length = strlen(text);
    return length > 0 && length <= length_max && strspn(text, name_letters) == length;
}

// Text of one line: UTF-8 without control characters and without blanks at its ends, which a
// section file cannot keep.
static bool is_line(const char *text, size_t length_max)
{
    size_t length = strlen(text);
    size_t at = 0;
    if (length > length_max || text[0] == ' ' || (length > 0 && text[length - 1] == ' ')) {
        return false;
    }
    while (at < length) {
        unsigned char c = (unsigned char)text[at];
        size_t step = utf8_length(text + at, length - at);
        if (step == 0 || c < 0x20 || c == 0x7f) {
            return false;
        }
        at += step;
    }
    return true;
}

int fence_agent_name_check(const char *agent, struct error *err)
{
    size_t prefix = strlen(AGENT_PREFIX);
    if (strncmp(agent, AGENT_PREFIX, prefix) != 0 || !is_name(agent, AGENT_NAME_MAX) ||
        agent[prefix] == '\0') {
        return error_set(err, -EINVAL,
                         "'%.80s' is no name of a fence agent: expected " AGENT_PREFIX
                         "… of letters, digits, '_', '-', without a path",
                         agent);
    }
    return 0;
}

// "action" and what names the target are said by us; an agent's own delay would count against our
// timeout, and its debug file would hold the secrets.
static const char *param_refusal(const char *key)
{
    static const struct {
        const char *key, *words;
    } rows[] = {
        {"action", "the action is set by the one who gives the order"},
        {"option", "the action is set by the one who gives the order"},
        {"plug", "give the plug with its node, as NODE:PLUG in 'nodes'"},
        {"port", "give the plug with its node, as NODE:PLUG in 'nodes'"},
        {"nodename", "the node is set by the one who gives the order"},
        {"delay", "use the device's own key 'delay'"},
        {"debug", "the agent would write secrets into that file"},
        {"debug_file", "the agent would write secrets into that file"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        if (strcmp(rows[i].key, key) == 0) {
            return rows[i].words;
        }
    }
    return NULL;
}

int fence_param_check(const char *key, const char *value, struct error *err)
{
    if (!is_name(key, FENCE_KEY_MAX)) {
        return error_set(err, -EINVAL,
                         "invalid parameter '%.80s': expected at most %d letters, digits, '_', '-'",
                         key, FENCE_KEY_MAX);
    }
    const char *refusal = param_refusal(key);
    if (refusal != NULL) {
        return error_set(err, -EINVAL, "parameter '%s' cannot be set: %s", key, refusal);
    }
    if (!is_line(value, FENCE_VALUE_MAX)) {
        return error_set(err, -EINVAL,
                         "invalid value of parameter '%s': expected at most %d bytes of one line, "
                         "without control characters and without blanks at its ends",
                         key, FENCE_VALUE_MAX);
    }
    return 0;
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text);
    size_t end_length = strlen(end);
    return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

bool fence_param_is_secret(const char *key)
{
    static const char *const parts[] = {"passw",   "secret", "token",    "apikey",
                                        "api_key", "_kg",    "community"};
    if (ends_with(key, "_script") || ends_with(key, "_file") || ends_with(key, "_timeout")) {
        return false; // names of files that the node keeps by itself, and times
    }
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        if (strstr(key, parts[i]) != NULL) {
            return true;
        }
    }
    return false;
}

int fence_nodes_parse(struct arena *arena, const char *text, struct map *nodes, struct error *err)
{
    struct parse_words words = parse_list(arena, text);
    if (words.count == 0) {
        return error_set(err, -EINVAL, "no node is named: expected NODE[:PLUG],…");
    }
    for (size_t i = 0; i < words.count; i++) {
        const char *colon = strchr(words.words[i], ':');
        size_t length = colon != NULL ? (size_t)(colon - words.words[i]) : strlen(words.words[i]);
        const char *node = arena_memdup(arena, words.words[i], length);
        char *plug = colon != NULL ? arena_strdup(arena, colon + 1) : NULL;
        if (node_name_check(node, err) < 0) {
            return -EINVAL;
        }
        if (map_has(nodes, node)) {
            return error_set(err, -EINVAL, "node '%s' is named twice", node);
        }
        if (plug != NULL && (plug[0] == '\0' || !is_line(plug, PLUG_MAX))) {
            return error_set(err, -EINVAL, "the plug of node '%s' is not one word of 1 to %d bytes",
                             node, PLUG_MAX);
        }
        map_put(nodes, node, plug);
    }
    return 0;
}

char *fence_nodes_format(struct arena *arena, const struct map *nodes)
{
    struct strbuf out CLEANUP(strbuf_done) = {0};
    map_each (e, nodes) {
        const char *plug = e->value;
        strbuf_appendf(&out, "%s%s%s%s", out.size_bytes > 0 ? "," : "", e->key,
                       plug != NULL ? ":" : "", plug != NULL ? plug : "");
    }
    return arena_strdup(arena, strbuf_text(&out));
}

struct fence_config *fence_config_new(struct arena *arena)
{
    struct fence_config *config = arena_new_of(arena, struct fence_config);
    map_init_arena(&config->devices, arena);
    return config;
}

struct fence_device *fence_device_new(struct arena *arena, const char *name)
{
    struct fence_device *device = arena_new_of(arena, struct fence_device);
    device->name = arena_strdup(arena, name);
    device->level = 1;
    device->timeout_s = FENCE_TIMEOUT_DEFAULT_S;
    map_init_arena(&device->nodes, arena);
    map_init_arena(&device->params, arena);
    return device;
}

struct fence_device *fence_device_copy(struct arena *arena, const struct fence_device *device)
{
    struct fence_device *copy = fence_device_new(arena, device->name);
    copy->agent = arena_strdup(arena, device->agent);
    copy->level = device->level;
    copy->delay_s = device->delay_s;
    copy->timeout_s = device->timeout_s;
    copy->disabled = device->disabled;
    map_each (e, &device->nodes) {
        map_put(&copy->nodes, e->key, arena_strdup(arena, e->value));
    }
    map_each (e, &device->params) {
        map_put(&copy->params, e->key, arena_strdup(arena, e->value));
    }
    return copy;
}

static int number_parse(const char *key, const char *value, int64_t min, int64_t max, int64_t *ret,
                        struct error *err)
{
    if (parse_int64(value, min, max, ret) < 0) {
        return error_set(err, -EINVAL,
                         "key '%s': '%.80s' is not a whole number from %" PRId64 " to %" PRId64,
                         key, value, min, max);
    }
    return 0;
}

static int device_set_param(struct arena *arena, struct fence_device *device, const char *key,
                            const char *value, struct error *err)
{
    int r = fence_param_check(key, value, err);
    if (r == 0 && device->params.count == FENCE_PARAMS_MAX) {
        r = error_set(err, -EINVAL, "more than %d parameters", FENCE_PARAMS_MAX);
    }
    if (r == 0) {
        map_put(&device->params, key, arena_strdup(arena, value));
    }
    return r;
}

static int device_set(struct arena *arena, struct fence_device *device,
                      const struct section_property *property, struct error *err)
{
    const char *key = property->key;
    const char *value = property->value;
    if (strncmp(key, PARAM_PREFIX, strlen(PARAM_PREFIX)) == 0) {
        return device_set_param(arena, device, key + strlen(PARAM_PREFIX), value, err);
    }
    if (strcmp(key, "agent") == 0) {
        device->agent = value;
        return fence_agent_name_check(value, err);
    }
    if (strcmp(key, "nodes") == 0) {
        int r = fence_nodes_parse(arena, value, &device->nodes, err);
        return r < 0 ? error_prefix(err, "key 'nodes'") : 0;
    }
    if (strcmp(key, "level") == 0) {
        return number_parse(key, value, 1, FENCE_LEVEL_MAX, &device->level, err);
    }
    if (strcmp(key, "delay") == 0) {
        return number_parse(key, value, 0, FENCE_DELAY_MAX_S, &device->delay_s, err);
    }
    if (strcmp(key, "timeout") == 0) {
        return number_parse(key, value, 1, FENCE_TIMEOUT_MAX_S, &device->timeout_s, err);
    }
    if (strcmp(key, "disabled") == 0) {
        device->disabled = true; // a key without value is true
        if (value[0] != '\0' && parse_bool(value, &device->disabled) < 0) {
            return error_set(err, -EINVAL, "key 'disabled': expected 0 or 1, not '%.80s'", value);
        }
        return 0;
    }
    return error_set(err, -EINVAL,
                     "unknown key '%.80s': allowed are agent, delay, disabled, level, nodes, "
                     "param.<name>, timeout",
                     key);
}

static int device_read(struct arena *arena, struct fence_config *config,
                       const struct section *section, struct error *err)
{
    int r = config_id_check(section->id, err);
    if (r < 0) {
        return error_prefix(err, "line %zu", section->line);
    }
    if (map_has(&config->devices, section->id)) {
        return error_set(err, -EINVAL, "line %zu: a second device '%s'", section->line,
                         section->id);
    }
    struct fence_device *device = fence_device_new(arena, section->id);
    for (size_t i = 0; i < section->count; i++) {
        if (device_set(arena, device, &section->properties[i], err) < 0) {
            return error_prefix(err, "line %zu: device '%s'", section->properties[i].line,
                                device->name);
        }
    }
    const char *missing = device->agent == NULL      ? "agent"
                          : device->nodes.count == 0 ? "nodes"
                                                     : NULL;
    if (missing != NULL) {
        return error_set(err, -EINVAL, "line %zu: device '%s': key '%s' is missing", section->line,
                         device->name, missing);
    }
    map_put(&config->devices, device->name, device);
    return 0;
}

static int options_read(struct fence_config *config, const struct section *section,
                        struct error *err)
{
    if (strcmp(section->id, OPTIONS_SECTION) != 0) {
        return error_set(err, -EINVAL,
                         "line %zu: unknown options '%s': allowed is 'options: " OPTIONS_SECTION
                         "'",
                         section->line, section->id);
    }
    for (size_t i = 0; i < section->count; i++) {
        const struct section_property *property = &section->properties[i];
        int r;
        if (strcmp(property->key, "self_test_interval_s") != 0) {
            r = error_set(err, -EINVAL, "unknown key '%.80s': allowed is self_test_interval_s",
                          property->key);
        } else if (strcmp(property->value, "0") == 0) {
            config->self_test_interval_s = 0;
            r = 0;
        } else {
            r = number_parse(property->key, property->value, FENCE_SELF_TEST_MIN_S,
                             FENCE_SELF_TEST_MAX_S, &config->self_test_interval_s, err);
        }
        if (r < 0) {
            return error_prefix(err, "line %zu: options", property->line);
        }
    }
    return 0;
}

int fence_config_parse(struct arena *arena, const char *text, struct fence_config **ret,
                       struct error *err)
{
    struct fence_config *config = fence_config_new(arena);
    struct section_file file = {0};
    int r = text != NULL ? section_file_parse(arena, text, strlen(text), &file, err) : 0;
    if (r == 0 && file.warnings_count > 0) {
        r = error_set(err, -EINVAL, "%s", file.warnings[0]);
    }
    for (size_t i = 0; r == 0 && i < file.count; i++) {
        const struct section *section = &file.sections[i];
        if (strcmp(section->type, "device") == 0) {
            r = device_read(arena, config, section, err);
        } else if (strcmp(section->type, "options") == 0) {
            r = options_read(config, section, err);
        } else {
            r = error_set(err, -EINVAL,
                          "line %zu: unknown type '%.80s': allowed are device, options",
                          section->line, section->type);
        }
    }
    if (r == 0) {
        *ret = config;
    }
    return r;
}

static void number_format(struct strbuf *out, const char *key, int64_t value, int64_t standard)
{
    if (value != standard) {
        strbuf_appendf(out, "\t%s %" PRId64 "\n", key, value);
    }
}

char *fence_config_format(struct arena *arena, const struct fence_config *config)
{
    struct strbuf out CLEANUP(strbuf_done) = {0};
    if (config->self_test_interval_s != 0) {
        section_format_begin(&out, "options", OPTIONS_SECTION);
        number_format(&out, "self_test_interval_s", config->self_test_interval_s, 0);
        section_format_end(&out);
    }
    map_each (e, &config->devices) {
        const struct fence_device *device = e->value;
        section_format_begin(&out, "device", device->name);
        section_format_property(&out, "agent", device->agent);
        section_format_property(&out, "nodes", fence_nodes_format(arena, &device->nodes));
        number_format(&out, "level", device->level, 1);
        number_format(&out, "delay", device->delay_s, 0);
        number_format(&out, "timeout", device->timeout_s, FENCE_TIMEOUT_DEFAULT_S);
        if (device->disabled) {
            section_format_property(&out, "disabled", "1");
        }
        map_each (p, &device->params) {
            section_format_property(&out, arena_printf(arena, PARAM_PREFIX "%s", p->key), p->value);
        }
        section_format_end(&out);
    }
    return arena_strdup(arena, strbuf_text(&out));
}

static int compare_level(const void *left, const void *right)
{
    const struct fence_device *a = *(const struct fence_device *const *)left;
    const struct fence_device *b = *(const struct fence_device *const *)right;
    if (a->level != b->level) {
        return a->level < b->level ? -1 : 1;
    }
    return strcmp(a->name, b->name);
}

void fence_config_devices_of(struct arena *arena, const struct fence_config *config,
                             const char *node, const struct fence_device ***ret_devices,
                             size_t *ret_count)
{
    const struct fence_device **devices =
        arena_array_of(arena, const struct fence_device *, config->devices.count);
    size_t count = 0;
    map_each (e, &config->devices) {
        const struct fence_device *device = e->value;
        if (!device->disabled && map_has(&device->nodes, node)) {
            devices[count++] = device;
        }
    }
    qsort(devices, count, sizeof(devices[0]), compare_level);
    *ret_devices = devices;
    *ret_count = count;
}

int fence_secrets_parse(struct arena *arena, const char *text, struct map *secrets,
                        struct error *err)
{
    size_t number = 0;
    while (text[0] != '\0') {
        size_t length = strcspn(text, "\n");
        char *line = arena_memdup(arena, text, length);
        text += length + (text[length] == '\n' ? 1 : 0);
        number++;
        if (line[0] == '\0' || line[0] == '#') {
            continue;
        }
        char *equals = strchr(line, '=');
        if (equals == NULL) {
            return error_set(err, -EINVAL, "line %zu: expected key=value", number);
        }
        *equals = '\0';
        if (fence_param_check(line, equals + 1, err) < 0) {
            return error_prefix(err, "line %zu", number);
        }
        if (map_has(secrets, line) || secrets->count == FENCE_PARAMS_MAX) {
            return error_set(err, -EINVAL, "line %zu: '%s' is given twice, or more than %d keys",
                             number, line, FENCE_PARAMS_MAX);
        }
        map_put(secrets, line, equals + 1);
    }
    return 0;
}

char *fence_secrets_format(struct arena *arena, const struct map *secrets)
{
    struct strbuf out CLEANUP(strbuf_done) = {0};
    map_each (e, secrets) {
        const char *value = e->value;
        strbuf_appendf(&out, "%s=%s\n", e->key, value);
    }
    return arena_strdup(arena, strbuf_text(&out));
}
