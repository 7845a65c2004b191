// SPDX-License-Identifier: Apache-2.0
// Targets of notifications as text and structs, and which events they want.
#include "common/model/notify_config.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/parse.h"
#include "common/base/strbuf.h"
#include "common/model/section_config.h"
#include "common/model/sid.h"

#define HTTPS "https://"
#define HTTP  "http://"

ENUM_TABLE(notify_kind, NOTIFY_KIND_MAX, [NOTIFY_KIND_MAIL] = "mail",
           [NOTIFY_KIND_WEBHOOK] = "webhook", [NOTIFY_KIND_EXEC] = "exec");

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

// ---- Forms of values.

static bool is_of(const char *text, const char *letters)
{
    size_t length = strlen(text);
    return length > 0 && length <= NOTIFY_VALUE_MAX && strspn(text, letters) == length;
}

static bool is_printable(const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        if (*c <= ' ' || *c > '~') {
            return false;
        }
    }
    return text[0] != '\0' && strlen(text) <= NOTIFY_VALUE_MAX;
}

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

static bool is_addresses(const char *text)
{
    // A letter first: no address is taken for an option.
    return is_of(text, LETTERS ".!#$%&'*+/=?^_`{|}~@-,") && strchr(LETTERS, text[0]) != NULL &&
           strstr(text, ",-") == NULL && strstr(text, ",,") == NULL;
}

static bool is_address(const char *text)
{
    return is_addresses(text) && strchr(text, ',') == NULL;
}

static bool is_url(const char *text)
{
    return is_printable(text) && (starts_with(text, HTTPS) || starts_with(text, HTTP)) &&
           strchr(text, '@') == NULL;
}

static bool is_header(const char *text)
{
    return is_of(text, LETTERS "-");
}

static bool is_path(const char *text)
{
    return text[0] == '/' && is_printable(text);
}

static bool is_user(const char *text)
{
    return is_of(text, LETTERS "_.-") && text[0] != '-';
}

int notify_secret_check(const char *secret, struct error *err)
{
    if (!is_printable(secret) || strlen(secret) > NOTIFY_SECRET_MAX) {
        return error_set(err, -EINVAL,
                         "a secret is 1 to %d printable characters of ASCII without blanks",
                         NOTIFY_SECRET_MAX);
    }
    return 0;
}

bool notify_url_keeps_secrets(const char *url)
{
    static const char *const own[] = {"127.0.0.1", "localhost", "[::1]"};
    if (starts_with(url, HTTPS)) {
        return true;
    }
    for (size_t i = 0; i < ARRAY_SIZE(own); i++) {
        size_t length = strlen(own[i]);
        const char *host = url + strlen(HTTP);
        if (starts_with(url, HTTP) && strncmp(host, own[i], length) == 0 &&
            (host[length] == '\0' || strchr(":/?#", host[length]) != NULL)) {
            return true;
        }
    }
    return false;
}

// ---- Rules.

static bool pattern_fits(const char *pattern, size_t length, const char *text)
{
    size_t p = 0;
    size_t star = SIZE_MAX;
    const char *mark = text;
    while (*text != '\0') {
        if (p < length && pattern[p] == '*') {
            star = p++;
            mark = text;
        } else if (p < length && (pattern[p] == '?' || pattern[p] == *text)) {
            p++;
            text++;
        } else if (star != SIZE_MAX) {
            p = star + 1; // the star takes one letter more
            text = ++mark;
        } else {
            return false;
        }
    }
    while (p < length && pattern[p] == '*') {
        p++;
    }
    return p == length;
}

static bool list_fits(const char *patterns, const char *text)
{
    while (text != NULL && *patterns != '\0') {
        size_t length = strcspn(patterns, ",");
        if (pattern_fits(patterns, length, text)) {
            return true;
        }
        patterns += length + (patterns[length] == ',' ? 1 : 0);
    }
    return false;
}

static int rule_set(struct arena *arena, struct notify_rule *rule, const char *word,
                    struct error *err)
{
    const char *equals = strchr(word, '=');
    const char *value = equals != NULL ? equals + 1 : "";
    const char *key = equals != NULL ? arena_memdup(arena, word, (size_t)(equals - word)) : word;
    if (strcmp(key, "level") == 0) {
        rule->has_level = true;
        return event_level_from_string(value, &rule->level) < 0
                   ? error_set(err, -EINVAL,
                               "unknown level '%.80s': allowed are error, warning, notice, info",
                               value)
                   : 0;
    }
    const char **place = strcmp(key, "event") == 0  ? &rule->event
                         : strcmp(key, "node") == 0 ? &rule->node
                         : strcmp(key, "sid") == 0  ? &rule->sid
                                                    : NULL;
    if (place == NULL) {
        return error_set(err, -EINVAL,
                         "'%.80s' is no part of a rule: allowed are event=, level=, "
                         "node=, sid=",
                         word);
    }
    if (!is_of(value, LETTERS "*?,._:-")) {
        return error_set(err, -EINVAL,
                         "'%.80s' is no list of patterns: expected names with '*' "
                         "and '?', parted by ','",
                         value);
    }
    *place = arena_strdup(arena, value);
    return 0;
}

int notify_rule_parse(struct arena *arena, const char *text, struct notify_rule *ret,
                      struct error *err)
{
    struct notify_rule rule = {0};
    struct parse_words words = parse_fields(arena, text);
    if (words.count == 0) {
        return error_set(err, -EINVAL, "an empty rule: expected event=, level=, node=, sid=");
    }
    for (size_t i = 0; i < words.count; i++) {
        int r = rule_set(arena, &rule, words.words[i], err);
        if (r < 0) {
            return r;
        }
    }
    *ret = rule;
    return 0;
}

char *notify_rule_format(struct arena *arena, const struct notify_rule *rule)
{
    struct strbuf out CLEANUP(strbuf_done) = {0};
    const struct {
        const char *key, *value;
    } rows[] = {{"event", rule->event},
                {"level", rule->has_level ? event_level_to_string(rule->level) : NULL},
                {"node", rule->node},
                {"sid", rule->sid}};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        if (rows[i].value != NULL) {
            strbuf_appendf(&out, "%s%s=%s", out.size_bytes > 0 ? " " : "", rows[i].key,
                           rows[i].value);
        }
    }
    return arena_strdup(arena, strbuf_text(&out));
}

static bool node_fits(const char *patterns, const struct json *fields)
{
    static const char *const keys[] = {"node", "from", "to", "target"};
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        if (list_fits(patterns, json_find_string(fields, keys[i]))) {
            return true;
        }
    }
    return false;
}

static bool rule_fits(const struct notify_rule *rule, const struct json *entry)
{
    enum event_level level = EVENT_LEVEL_INFO;
    const struct json *fields = json_find(entry, "fields");
    const char *words = json_find_string(entry, "level");
    ignore_result(words != NULL ? event_level_from_string(words, &level) : 0); // else info
    return (rule->event == NULL || list_fits(rule->event, json_find_string(entry, "event"))) &&
           (!rule->has_level || level <= rule->level) &&
           (rule->sid == NULL || list_fits(rule->sid, json_find_string(fields, "sid"))) &&
           (rule->node == NULL || node_fits(rule->node, fields));
}

bool notify_target_wants(const struct notify_target *target, const struct json *entry)
{
    for (size_t i = 0; i < target->rules_count; i++) {
        if (rule_fits(&target->rules[i], entry)) {
            return true;
        }
    }
    return target->rules_count == 0;
}

// ---- Targets.

struct notify_target *notify_target_new(struct arena *arena, const char *name,
                                        enum notify_kind kind)
{
    struct notify_target *target = arena_new_of(arena, struct notify_target);
    target->name = arena_strdup(arena, name);
    target->kind = kind;
    target->rate = NOTIFY_RATE_DEFAULT;
    return target;
}

struct text_key {
    const char *key;
    enum notify_kind kind;
    bool (*fits)(const char *value);
    const char *form;
    const char **place;
};

static int text_set(struct arena *arena, const struct notify_target *target,
                    const struct text_key *row, const char *value, struct error *err)
{
    if (row->kind != target->kind) {
        return error_set(err, -EINVAL, "key '%s' is of a target of kind %s, and '%s' is a %s",
                         row->key, notify_kind_to_string(row->kind), target->name,
                         notify_kind_to_string(target->kind));
    }
    if (!row->fits(value)) {
        return error_set(err, -EINVAL, "key '%s': '%.80s' is not %s", row->key, value, row->form);
    }
    *row->place = arena_strdup(arena, value);
    return 0;
}

static int rule_add(struct arena *arena, struct notify_target *target, const char *value,
                    struct error *err)
{
    if (target->rules_count == NOTIFY_RULES_MAX) {
        return error_set(err, -EINVAL, "more than %d rules", NOTIFY_RULES_MAX);
    }
    int r = notify_rule_parse(arena, value, &target->rules[target->rules_count], err);
    target->rules_count += r == 0 ? 1 : 0;
    return r < 0 ? error_prefix(err, "key 'rule'") : 0;
}

int notify_target_set(struct arena *arena, struct notify_target *target, const char *key,
                      const char *value, struct error *err)
{
    const struct text_key rows[] = {
        {"to", NOTIFY_KIND_MAIL, is_addresses, "a list of mail addresses", &target->to},
        {"from", NOTIFY_KIND_MAIL, is_address, "a mail address", &target->from},
        {"url", NOTIFY_KIND_WEBHOOK, is_url, "an address https://… without a user", &target->url},
        {"header", NOTIFY_KIND_WEBHOOK, is_header, "the name of a header", &target->header},
        {"cafile", NOTIFY_KIND_WEBHOOK, is_path, "an absolute path", &target->cafile},
        {"program", NOTIFY_KIND_EXEC, is_path, "an absolute path without blanks", &target->program},
        {"user", NOTIFY_KIND_EXEC, is_user, "the name of a user", &target->user},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        if (strcmp(rows[i].key, key) == 0) {
            return text_set(arena, target, &rows[i], value, err);
        }
    }
    // A section has each key once, so rules are numbered there.
    if (strcmp(key, "rule") == 0 || starts_with(key, "rule.")) {
        return rule_add(arena, target, value, err);
    }
    if (strcmp(key, "rate") == 0) {
        return parse_int64(value, 1, NOTIFY_RATE_MAX, &target->rate) < 0
                   ? error_set(err, -EINVAL, "key 'rate': expected 1 to %d, messages a minute",
                               NOTIFY_RATE_MAX)
                   : 0;
    }
    if (strcmp(key, "since") == 0) {
        return parse_uint64(value, &target->since) < 0
                   ? error_set(err, -EINVAL, "key 'since': '%.80s' is no number", value)
                   : 0;
    }
    if (strcmp(key, "disabled") == 0) {
        return parse_bool(value, &target->disabled) < 0
                   ? error_set(err, -EINVAL, "key 'disabled': expected 0 or 1")
                   : 0;
    }
    return error_set(err, -EINVAL,
                     "unknown key '%.80s': allowed are cafile, disabled, from, header, program, "
                     "rate, rule, since, to, url, user",
                     key);
}

int notify_target_check(const struct notify_target *target, struct error *err)
{
    const char *missing = NULL;
    switch (target->kind) {
    case NOTIFY_KIND_MAIL:
        missing = target->to == NULL ? "to" : NULL;
        break;
    case NOTIFY_KIND_WEBHOOK:
        missing = target->url == NULL ? "url" : NULL;
        break;
    case NOTIFY_KIND_EXEC:
        missing = target->program == NULL ? "program" : NULL;
        break;
    case NOTIFY_KIND_MAX:
        break;
    }
    return missing == NULL ? 0
                           : error_set(err, -EINVAL, "target '%s' of kind %s needs '%s'",
                                       target->name, notify_kind_to_string(target->kind), missing);
}

static int target_read(struct arena *arena, struct notify_config *config,
                       const struct section *section, struct error *err)
{
    enum notify_kind kind;
    if (notify_kind_from_string(section->type, &kind) < 0) {
        return error_set(err, -EINVAL,
                         "line %zu: unknown type '%.80s': allowed are mail, webhook, exec",
                         section->line, section->type);
    }
    if (config_id_check(section->id, err) < 0) {
        return error_prefix(err, "line %zu", section->line);
    }
    if (map_has(&config->targets, section->id) || config->targets.count == NOTIFY_TARGETS_MAX) {
        return error_set(err, -EINVAL, "line %zu: a second target '%s', or more than %d",
                         section->line, section->id, NOTIFY_TARGETS_MAX);
    }
    struct notify_target *target = notify_target_new(arena, section->id, kind);
    for (size_t i = 0; i < section->count; i++) {
        const struct section_property *property = &section->properties[i];
        if (notify_target_set(arena, target, property->key, property->value, err) < 0) {
            return error_prefix(err, "line %zu", property->line);
        }
    }
    if (notify_target_check(target, err) < 0) {
        return error_prefix(err, "line %zu", section->line);
    }
    map_put(&config->targets, target->name, target);
    return 0;
}

int notify_config_parse(struct arena *arena, const char *text, struct notify_config **ret,
                        struct error *err)
{
    struct section_file file = {0};
    struct notify_config *config = arena_new_of(arena, struct notify_config);
    map_init_arena(&config->targets, arena);
    int r = text != NULL ? section_file_parse(arena, text, strlen(text), &file, err) : 0;
    if (r == 0 && file.warnings_count > 0) {
        r = error_set(err, -EINVAL, "%s", file.warnings[0]);
    }
    for (size_t i = 0; r == 0 && i < file.count; i++) {
        r = target_read(arena, config, &file.sections[i], err);
    }
    if (r == 0) {
        *ret = config;
    }
    return r;
}

static void text_format(struct strbuf *out, const char *key, const char *value)
{
    if (value != NULL) {
        section_format_property(out, key, value);
    }
}

char *notify_config_format(struct arena *arena, const struct notify_config *config)
{
    struct strbuf out CLEANUP(strbuf_done) = {0};
    map_each (e, &config->targets) {
        const struct notify_target *target = e->value;
        section_format_begin(&out, notify_kind_to_string(target->kind), target->name);
        text_format(&out, "to", target->to);
        text_format(&out, "from", target->from);
        text_format(&out, "url", target->url);
        text_format(&out, "header", target->header);
        text_format(&out, "cafile", target->cafile);
        text_format(&out, "program", target->program);
        text_format(&out, "user", target->user);
        text_format(&out, "disabled", target->disabled ? "1" : NULL);
        section_format_property(&out, "rate", arena_printf(arena, "%" PRId64, target->rate));
        section_format_property(&out, "since", arena_printf(arena, "%" PRIu64, target->since));
        for (size_t i = 0; i < target->rules_count; i++) {
            section_format_property(&out, arena_printf(arena, "rule.%zu", i + 1),
                                    notify_rule_format(arena, &target->rules[i]));
        }
        section_format_end(&out);
    }
    return arena_strdup(arena, strbuf_text(&out));
}
