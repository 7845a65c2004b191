// SPDX-License-Identifier: Apache-2.0
// Cluster-wide options from "key: value" lines. Only the keys that matter to HA are read.
#include "common/model/options.h"

#include <errno.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/parse.h"
#include "common/base/strbuf.h"

ENUM_TABLE(shutdown_policy, SHUTDOWN_POLICY_MAX, [SHUTDOWN_POLICY_CONDITIONAL] = "conditional",
           [SHUTDOWN_POLICY_FREEZE] = "freeze", [SHUTDOWN_POLICY_FAILOVER] = "failover",
           [SHUTDOWN_POLICY_MIGRATE] = "migrate");

ENUM_TABLE(lease_loss, LEASE_LOSS_MAX, [LEASE_LOSS_STOP] = "stop", [LEASE_LOSS_RESET] = "reset");

ENUM_TABLE(scheduler_mode, SCHEDULER_MODE_MAX, [SCHEDULER_MODE_BASIC] = "basic",
           [SCHEDULER_MODE_STATIC] = "static", [SCHEDULER_MODE_DYNAMIC] = "dynamic");

ENUM_TABLE(rebalance_method, REBALANCE_METHOD_MAX, [REBALANCE_METHOD_BRUTEFORCE] = "bruteforce",
           [REBALANCE_METHOD_TOPSIS] = "topsis");

enum { OPTIONS_WORKERS_DEFAULT = 4, OPTIONS_WORKERS_MAX = 1000, OPTIONS_HOLD_MAX = 1000000 };

typedef int (*options_setter)(struct arena *arena, struct options *options, const char *value,
                              struct error *err);

struct options_key {
    const char *name;
    options_setter set;
};

void options_init(struct options *ret_options)
{
    *ret_options = (struct options){
        .shutdown_policy = SHUTDOWN_POLICY_CONDITIONAL,
        .lease_loss = LEASE_LOSS_STOP,
        .scheduler = SCHEDULER_MODE_BASIC,
        .auto_rebalance_threshold = 0.3,
        .auto_rebalance_method = REBALANCE_METHOD_BRUTEFORCE,
        .auto_rebalance_hold_rounds = 3,
        .auto_rebalance_margin = 0.1,
        .max_workers = OPTIONS_WORKERS_DEFAULT,
    };
}

static int options_set_shutdown_policy(struct arena *arena, struct options *options,
                                       const char *value, struct error *err)
{
    (void)err; // an unknown policy is for the LRM to report: it acts as conditional
    options->shutdown_policy = SHUTDOWN_POLICY_CONDITIONAL;
    options->shutdown_policy_unknown = NULL;
    if (shutdown_policy_from_string(value, &options->shutdown_policy) < 0) {
        options->shutdown_policy_unknown = arena_strdup(arena, value);
    }
    return 0;
}

// Not taken lightly: with an unknown word the options stay as they were, and that is told.
static int options_set_lease_loss(struct arena *arena, struct options *options, const char *value,
                                  struct error *err)
{
    (void)arena; // one signature for all setters
    if (lease_loss_from_string(value, &options->lease_loss) < 0) {
        return error_set(err, -EINVAL, "expected stop or reset, not '%s'", value);
    }
    return 0;
}

static int options_set_scheduler(struct arena *arena, struct options *options, const char *value,
                                 struct error *err)
{
    (void)err; // an unknown mode is for the manager to report: it acts as basic
    options->scheduler = SCHEDULER_MODE_BASIC;
    options->scheduler_unknown = NULL;
    if (scheduler_mode_from_string(value, &options->scheduler) < 0) {
        options->scheduler_unknown = arena_strdup(arena, value);
    }
    return 0;
}

static int options_read_bool(const char *value, bool *ret_value, struct error *err)
{
    if (parse_bool(value, ret_value) < 0) {
        return error_set(err, -EINVAL, "expected 0 or 1, not '%s'", value);
    }
    return 0;
}

static int options_set_on_start(struct arena *arena, struct options *options, const char *value,
                                struct error *err)
{
    (void)arena; // one signature for all setters
    return options_read_bool(value, &options->rebalance_on_start, err);
}

static int options_set_auto(struct arena *arena, struct options *options, const char *value,
                            struct error *err)
{
    (void)arena; // one signature for all setters
    return options_read_bool(value, &options->auto_rebalance, err);
}

// Two forms are in use: a fraction up to 1, and a percentage, which is what a larger number must
// be.
static int options_read_fraction(const char *value, double *ret_fraction, struct error *err)
{
    double number = 0;
    if (parse_double(value, &number) < 0 || number < 0 || number > 100) {
        return error_set(err, -EINVAL,
                         "expected a fraction from 0 to 1 or a percentage up to 100, not '%s'",
                         value);
    }
    *ret_fraction = number > 1 ? number / 100 : number;
    return 0;
}

static int options_set_threshold(struct arena *arena, struct options *options, const char *value,
                                 struct error *err)
{
    (void)arena; // one signature for all setters
    return options_read_fraction(value, &options->auto_rebalance_threshold, err);
}

static int options_set_margin(struct arena *arena, struct options *options, const char *value,
                              struct error *err)
{
    (void)arena; // one signature for all setters
    return options_read_fraction(value, &options->auto_rebalance_margin, err);
}

static int options_set_method(struct arena *arena, struct options *options, const char *value,
                              struct error *err)
{
    (void)arena; // one signature for all setters
    (void)err;   // an unknown method balances nothing
    options->auto_rebalance_method = REBALANCE_METHOD_BRUTEFORCE;
    options->auto_rebalance_method_unknown =
        rebalance_method_from_string(value, &options->auto_rebalance_method) < 0;
    return 0;
}

static int options_set_hold(struct arena *arena, struct options *options, const char *value,
                            struct error *err)
{
    (void)arena; // one signature for all setters
    if (parse_int64(value, 0, OPTIONS_HOLD_MAX, &options->auto_rebalance_hold_rounds) < 0) {
        return error_set(err, -EINVAL, "expected a whole number of rounds from 0 to %d, not '%s'",
                         OPTIONS_HOLD_MAX, value);
    }
    return 0;
}

static int options_set_workers(struct arena *arena, struct options *options, const char *value,
                               struct error *err)
{
    (void)arena; // one signature for all setters
    if (parse_int64(value, 1, OPTIONS_WORKERS_MAX, &options->max_workers) < 0) {
        return error_set(err, -EINVAL, "expected a whole number from 1 to %d, not '%s'",
                         OPTIONS_WORKERS_MAX, value);
    }
    return 0;
}

static const struct options_key *options_find_key(const struct options_key *keys, const char *name)
{
    for (; keys->name != NULL; keys++) {
        if (strcmp(keys->name, name) == 0) {
            return keys;
        }
    }
    return NULL;
}

// "a=1,b=2". Option names that are not known belong to others, like unknown keys.
static int options_set_properties(struct arena *arena, struct options *options, const char *value,
                                  const struct options_key *keys, struct error *err)
{
    char *rest = arena_strdup(arena, value);
    while (rest != NULL) {
        char *name = rest;
        char *comma = strchr(rest, ',');
        rest = NULL;
        if (comma != NULL) {
            *comma = '\0';
            rest = comma + 1;
        }
        char *text = strchr(name, '=');
        if (text == NULL) {
            return error_set(err, -EINVAL, "expected '<option>=<value>', not '%s'", name);
        }
        *text++ = '\0';
        const struct options_key *key = options_find_key(keys, name);
        if (key != NULL && key->set(arena, options, text, err) < 0) {
            return error_prefix(err, "option '%s'", name);
        }
    }
    return 0;
}

static const struct options_key options_ha_keys[] = {
    {"shutdown_policy", options_set_shutdown_policy},
    {"lease_loss", options_set_lease_loss},
    {NULL, NULL},
};

static int options_set_ha(struct arena *arena, struct options *options, const char *value,
                          struct error *err)
{
    return options_set_properties(arena, options, value, options_ha_keys, err);
}

static const struct options_key options_crs_keys[] = {
    {"ha", options_set_scheduler},
    {"ha-rebalance-on-start", options_set_on_start},
    {"ha-auto-rebalance", options_set_auto},
    {"ha-auto-rebalance-threshold", options_set_threshold},
    {"ha-auto-rebalance-method", options_set_method},
    {"ha-auto-rebalance-hold-duration", options_set_hold},
    {"ha-auto-rebalance-margin", options_set_margin},
    {NULL, NULL},
};

static int options_set_crs(struct arena *arena, struct options *options, const char *value,
                           struct error *err)
{
    return options_set_properties(arena, options, value, options_crs_keys, err);
}

// One line, without the newline.
static int options_read_line(struct arena *arena, struct options *options, char *line,
                             struct error *err)
{
    static const struct options_key keys[] = {
        {"ha", options_set_ha},
        {"crs", options_set_crs},
        {"max_workers", options_set_workers},
        {NULL, NULL},
    };
    static const char space[] = " \t\r";
    size_t length = strlen(line);
    while (length > 0 && strchr(space, line[length - 1]) != NULL) {
        line[--length] = '\0';
    }
    if (length == 0 || line[strspn(line, space)] == '#') {
        return 0;
    }
    char *value = strchr(line, ':');
    if (value == NULL || value == line || strcspn(line, space) < (size_t)(value - line)) {
        return error_set(err, -EINVAL, "expected '<key>: <value>'");
    }
    *value++ = '\0';
    value += strspn(value, space);
    const struct options_key *key = options_find_key(keys, line);
    if (key != NULL && key->set(arena, options, value, err) < 0) {
        return error_prefix(err, "key '%s'", line);
    }
    return 0;
}

int options_parse(struct arena *arena, const char *text, struct options *ret_options,
                  struct error *err)
{
    struct options options;
    options_init(&options);
    size_t number = 0;
    char *line = arena_strdup(arena, text);
    while (line != NULL) {
        number++;
        char *newline = strchr(line, '\n');
        if (newline != NULL) {
            *newline = '\0';
        }
        if (options_read_line(arena, &options, line, err) < 0) {
            return error_prefix(err, "line %zu", number);
        }
        line = newline != NULL ? newline + 1 : NULL;
    }
    *ret_options = options;
    return 0;
}

// ---- writing

struct options_group {
    const char *key;
    const struct options_key *keys; // of its property string; NULL: it is a plain value
};

static const struct options_group options_groups[] = {
    {"ha", options_ha_keys},
    {"crs", options_crs_keys},
    {"max_workers", NULL},
};

static void options_list_names(const struct options_key *keys, struct strbuf *out)
{
    for (const struct options_key *key = keys; key->name != NULL; key++) {
        strbuf_appendf(out, "%s%s", key == keys ? "" : ", ", key->name);
    }
}

// Names in a property string that reading would take for somebody else's.
static int options_check_names(struct arena *arena, const char *value,
                               const struct options_key *keys, struct error *err)
{
    struct strbuf allowed CLEANUP(strbuf_done) = {0};
    options_list_names(keys, &allowed);
    struct parse_words words = parse_list(arena, value);
    for (size_t i = 0; i < words.count; i++) {
        const char *name =
            arena_printf(arena, "%.*s", (int)strcspn(words.words[i], "="), words.words[i]);
        if (options_find_key(keys, name) == NULL) {
            return error_set(err, -EINVAL, "unknown option '%s': allowed are %s", name,
                             strbuf_text(&allowed));
        }
    }
    return 0;
}

static int options_unknown_word(const char *name, const char *word, const struct enum_table *table,
                                struct error *err)
{
    struct strbuf allowed CLEANUP(strbuf_done) = {0};
    enum_table_list(table, &allowed);
    return error_set(err, -EINVAL, "option '%s': unknown value%s%s%s: allowed are %s", name,
                     word != NULL ? " '" : "", word != NULL ? word : "", word != NULL ? "'" : "",
                     strbuf_text(&allowed));
}

// Words that reading would take for the default.
static int options_check_words(const struct options *options, struct error *err)
{
    if (options->shutdown_policy_unknown != NULL) {
        return options_unknown_word("shutdown_policy", options->shutdown_policy_unknown,
                                    &shutdown_policy_table, err);
    }
    if (options->scheduler_unknown != NULL) {
        return options_unknown_word("ha", options->scheduler_unknown, &scheduler_mode_table, err);
    }
    if (options->auto_rebalance_method_unknown) {
        return options_unknown_word("ha-auto-rebalance-method", NULL, &rebalance_method_table, err);
    }
    return 0;
}

static int options_check_line(struct arena *arena, const char *key, const char *value,
                              struct error *err)
{
    const struct options_group *group = NULL;
    for (size_t i = 0; i < ARRAY_SIZE(options_groups); i++) {
        if (strcmp(options_groups[i].key, key) == 0) {
            group = &options_groups[i];
        }
    }
    if (group == NULL) {
        return error_set(err, -EINVAL, "unknown key '%s': allowed are crs, ha, max_workers", key);
    }
    if (value == NULL) {
        return 0;
    }
    struct options options;
    options_init(&options);
    int r = strpbrk(value, "\r\n") != NULL ? error_set(err, -EINVAL, "expected one line") : 0;
    if (r == 0 && group->keys != NULL) {
        r = options_check_names(arena, value, group->keys, err);
    }
    if (r == 0) {
        char *line = arena_printf(arena, "%s: %s", key, value);
        r = options_read_line(arena, &options, line, err);
    }
    return r < 0 ? r : options_check_words(&options, err);
}

static bool options_line_is_of(const char *line, size_t length, const char *key)
{
    size_t key_length = strlen(key);
    return length > key_length && strncmp(line, key, key_length) == 0 && line[key_length] == ':';
}

int options_edit(struct arena *arena, const char *text, const char *key, const char *value,
                 char **ret_text, struct error *err)
{
    int r = options_check_line(arena, key, value, err);
    if (r < 0) {
        return r;
    }
    struct strbuf out CLEANUP(strbuf_done) = {0};
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        if (!options_line_is_of(text, length, key)) {
            strbuf_appendf(&out, "%.*s\n", (int)length, text);
        }
        text += length + (text[length] == '\n' ? 1 : 0);
    }
    if (value != NULL) {
        strbuf_appendf(&out, "%s: %s\n", key, value);
    }
    *ret_text = arena_strdup(arena, strbuf_text(&out));
    return 0;
}
