// SPDX-License-Identifier: Apache-2.0
// ha-cluster notify: targets of notifications, changed in one transaction with their secrets.
// ha-execd sends (api/exec/exec_notify.c).
#include "cli/ha_cluster_notify.h"

#include <errno.h>
#include <string.h>

#include "api/auth/rights.h"
#include "api/notify/notify_send.h"
#include "cli/ha_cluster_access.h"
#include "cli/history_edit.h"
#include "cli/session.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/strbuf.h"
#include "common/host/file.h"
#include "common/host/host_clock.h"
#include "common/model/event.h"
#include "common/model/notify_config.h"
#include "common/model/sid.h"
#include "common/model/store_keys.h"
#include "common/port/clock.h"
#include "common/port/store.h"

enum { SECRET_FILE_MAX = 4096, NUMBERS_A_MS = 1000 };

static const char *const kinds[] = {"mail", "webhook", "exec", NULL};

#define TARGET(words)                                                                              \
    {                                                                                              \
        .name = "target", .type = CLI_TYPE_TEXT, .positional = true, .required = true,             \
        .check = config_id_check, .about = words                                                   \
    }
#define TEXT(key, form, words)                                                                     \
    {                                                                                              \
        .name = key, .type = CLI_TYPE_TEXT, .value = form, .about = words                          \
    }
#define SETTINGS                                                                                   \
    TEXT("to", "address,...", "mail: who gets it"),                                                \
        TEXT("from", "address", "mail: whom it is from"),                                          \
        TEXT("url", "https://...", "webhook: where the JSON is posted to"),                        \
        TEXT("header", "name", "webhook: the header with the secret (Authorization: Bearer)"),     \
        TEXT("cafile", "file", "webhook: whom to trust, on each node (the system's)"),             \
        TEXT("secret-file", "file",                                                                \
             "webhook: read the secret from this file, or with '-' from standard input"),          \
        TEXT("program", "file", "exec: an absolute path, on each node"),                           \
        TEXT("user", "name", "exec: as whom it runs (one without privileges)"),                    \
        {.name = "rule",                                                                           \
         .type = CLI_TYPE_TEXT,                                                                    \
         .many = true,                                                                             \
         .value = "rule",                                                                          \
         .about = "which events; may be given several times"},                                     \
        {.name = "rate",                                                                           \
         .type = CLI_TYPE_INT,                                                                     \
         .min = 1,                                                                                 \
         .max = NOTIFY_RATE_MAX,                                                                   \
         .about = "messages a minute at most (30); more wait, mails are joined"},                  \
    {                                                                                              \
        .name = "disabled", .type = CLI_TYPE_BOOL, .about = "not to be told now"                   \
    }

const struct cli_param ha_cluster_notify_add_params[] = {
    TARGET("a name for it"),
    {.name = "kind",
     .type = CLI_TYPE_CHOICE,
     .choices = kinds,
     .required = true,
     .about = "how it is told"},
    SETTINGS,
    {.name = NULL},
};

const struct cli_param ha_cluster_notify_set_params[] = {
    TARGET("its name"),
    SETTINGS,
    {.name = NULL},
};

const struct cli_param ha_cluster_notify_params[] = {
    TARGET("its name"),
    {.name = NULL},
};

// What the store has.
struct notify_stored {
    struct notify_config *config;
    uint64_t version;
};

static int stored_read(struct arena *arena, const struct session *session,
                       struct notify_stored *ret, struct error *err)
{
    struct session_value value;
    struct notify_stored stored;
    int r = session_read(arena, session, STORE_KEY_NOTIFICATIONS, &value, err);
    if (r == 0) {
        stored.version = value.version;
        r = notify_config_parse(arena, value.text, &stored.config, err);
        r = r < 0 ? error_prefix(err, "cannot read '" STORE_KEY_NOTIFICATIONS "'") : 0;
    }
    if (r == 0) {
        *ret = stored;
    }
    return r;
}

static int target_find(struct arena *arena, const struct notify_stored *stored, const char *name,
                       struct notify_target **ret, struct error *err)
{
    struct notify_target *target = map_find(&stored->config->targets, name);
    if (target != NULL) {
        *ret = target;
        return 0;
    }
    struct strbuf known CLEANUP(strbuf_done) = {0};
    map_each (e, &stored->config->targets) {
        strbuf_appendf(&known, "%s%s", known.size_bytes > 0 ? ", " : "", e->key);
    }
    return error_set(err, -ENOENT, "no target '%s', there are: %s", name,
                     known.size_bytes > 0 ? arena_strdup(arena, strbuf_text(&known)) : "none");
}

void ha_cluster_notify_complete(struct arena *arena, const struct cli_param *param,
                                struct strbuf *out)
{
    struct session session CLEANUP(session_close) = {0};
    struct notify_stored stored;
    if (strcmp(param->name, "target") == 0 && session_open(arena, &session, NULL) == 0 &&
        stored_read(arena, &session, &stored, NULL) == 0) {
        map_each (e, &stored.config->targets) {
            strbuf_appendf(out, "%s\n", e->key);
        }
    }
}

// The first line of the file; NULL when none was given.
static int secret_get(struct cli *cli, char **ret, struct error *err)
{
    const char *path = cli_text(cli, "secret-file");
    char *text = NULL;
    size_t size_bytes = 0;
    int r = path == NULL ? 0
                         : file_read(cli->arena, strcmp(path, "-") == 0 ? "/dev/stdin" : path,
                                     SECRET_FILE_MAX, &text, &size_bytes, err);
    if (r == 0 && text != NULL) {
        text[strcspn(text, "\r\n")] = '\0';
        r = notify_secret_check(text, err);
    }
    if (r == 0) {
        *ret = text;
    }
    return r;
}

// What was given on the command line.
static int target_fill(struct cli *cli, struct notify_target *target, struct error *err)
{
    static const char *const keys[] = {"to",      "from", "url",  "header",  "cafile",
                                       "program", "user", "rate", "disabled"};
    int r = 0;
    for (size_t i = 0; i < ARRAY_SIZE(keys) && r == 0; i++) {
        if (cli_has(cli, keys[i])) {
            const char *value = strcmp(keys[i], "disabled") == 0
                                    ? (cli_bool(cli, keys[i]) ? "1" : "0")
                                    : cli_text(cli, keys[i]);
            r = notify_target_set(cli->arena, target, keys[i], value, err);
        }
    }
    const char *rules = cli_has(cli, "rule") ? cli_text(cli, "rule") : "";
    target->rules_count = rules[0] != '\0' ? 0 : target->rules_count;
    while (r == 0 && rules[0] != '\0') {
        size_t length = strcspn(rules, "\n");
        r = notify_target_set(cli->arena, target, "rule", arena_memdup(cli->arena, rules, length),
                              err);
        rules += length + (rules[length] == '\n' ? 1 : 0);
    }
    return r < 0 ? r : notify_target_check(target, err);
}

static int secret_check(struct cli *cli, const struct session *session,
                        const struct notify_target *target, bool given, struct error *err)
{
    struct session_value value = {0};
    const char *key = arena_printf(cli->arena, STORE_PREFIX_NOTIFY_SECRET "%s", target->name);
    int r = session_read(cli->arena, session, key, &value, err);
    if (r < 0) {
        return r;
    }
    if (given && target->kind != NOTIFY_KIND_WEBHOOK) {
        return error_set(err, -EINVAL, "only a webhook has a secret");
    }
    if ((given || value.text != NULL) && target->kind == NOTIFY_KIND_WEBHOOK &&
        !notify_url_keeps_secrets(target->url)) {
        return error_set(err, -EINVAL, "a secret goes out over https only: '%s' is not",
                         target->url);
    }
    return 0;
}

// "kind=mail to=a@b url": what was given; of what may be a secret only that it was.
static const char *settings_text(struct cli *cli)
{
    static const char *const names[] = {"kind", "to",   "from", "header",   "cafile", "program",
                                        "user", "rate", "rule", "disabled", NULL};
    static const char *const hidden[] = {"url", "secret-file"};
    struct strbuf text CLEANUP(strbuf_done) = {0};
    const char *shown = access_settings(cli, names);
    strbuf_append(&text, shown != NULL ? shown : "");
    for (size_t i = 0; i < ARRAY_SIZE(hidden); i++) {
        if (cli_has(cli, hidden[i])) {
            strbuf_appendf(&text, "%s%.*s", text.size_bytes > 0 ? " " : "",
                           (int)strcspn(hidden[i], "-"), hidden[i]);
        }
    }
    char *line = arena_strdup(cli->arena, strbuf_text(&text));
    for (char *c = line; *c != '\0'; c++) {
        *c = *c == '\n' ? ';' : *c; // several rules
    }
    return *line != '\0' ? line : NULL;
}

// How a change is told; docs/events.md.
static struct event *change_event(struct cli *cli, const char *what)
{
    struct event *event = event_new(cli->arena, EVENT_LEVEL_NOTICE, "notify-changed");
    event_text(cli->arena, event, "target", cli_text(cli, "target"));
    event_text(cli->arena, event, "what", what);
    if (strcmp(what, "removed") != 0) {
        event_text(cli->arena, event, "settings", settings_text(cli));
    }
    return event_text(cli->arena, event, "user", RIGHTS_ROOT);
}

// Writes all, with what is told of the change; `secret` NULL: stays, unless the target is removed.
static int stored_write(struct cli *cli, const struct session *session,
                        const struct notify_stored *stored, const char *secret, const char *what,
                        struct error *err)
{
    const char *text = notify_config_format(cli->arena, stored->config);
    const struct store_op *history = NULL;
    size_t history_count = 0;
    struct clock clock;
    host_clock_init(&clock);
    int r = history_edit_ops(cli->arena, session, change_event(cli, what), clock_wall_s(&clock),
                             &history, &history_count, err);
    if (r < 0) {
        return r;
    }
    struct store_op *ops = arena_array_of(cli->arena, struct store_op, history_count + 2);
    size_t count = 0;
    ops[count++] = (struct store_op){.key = STORE_KEY_NOTIFICATIONS,
                                     .value = text,
                                     .size_bytes = strlen(text),
                                     .expect = stored->version};
    if (secret != NULL || strcmp(what, "removed") == 0) {
        ops[count++] =
            (struct store_op){.key = arena_printf(cli->arena, STORE_PREFIX_NOTIFY_SECRET "%s",
                                                  cli_text(cli, "target")),
                              .value = secret,
                              .size_bytes = secret != NULL ? strlen(secret) : 0,
                              .expect = STORE_ANY};
    }
    for (size_t i = 0; i < history_count; i++) {
        ops[count++] = history[i];
    }
    return session_write(session, "the notifications", ops, count, err);
}

static int target_put(struct cli *cli, bool exists, struct error *err)
{
    struct session session CLEANUP(session_close) = {0};
    struct notify_stored stored;
    struct notify_target *target = NULL;
    struct clock clock;
    char *secret = NULL;
    const char *name = cli_text(cli, "target");
    host_clock_init(&clock);
    int r = secret_get(cli, &secret, err);
    r = r < 0 ? r : session_open(cli->arena, &session, err);
    r = r < 0 ? r : session_need_quorum(&session, err);
    r = r < 0 ? r : stored_read(cli->arena, &session, &stored, err);
    if (r < 0) {
        return r;
    }
    if (exists) {
        r = target_find(cli->arena, &stored, name, &target, err);
    } else if (map_has(&stored.config->targets, name)) {
        r = error_set(err, -EEXIST, "target '%s' exists", name);
    } else if (stored.config->targets.count == NOTIFY_TARGETS_MAX) {
        r = error_set(err, -ENOSPC, "there are %d targets, and no more can be", NOTIFY_TARGETS_MAX);
    } else {
        enum notify_kind kind = NOTIFY_KIND_MAIL;
        ignore_result(notify_kind_from_string(cli_text(cli, "kind"), &kind)); // one of the choices
        target = notify_target_new(cli->arena, name, kind);
        // It hears of what comes, not of what was.
        target->since = (uint64_t)clock_wall_ms(&clock) * NUMBERS_A_MS;
        map_put(&stored.config->targets, name, target);
    }
    r = r < 0 ? r : target_fill(cli, target, err);
    r = r < 0 ? r : secret_check(cli, &session, target, secret != NULL, err);
    return r < 0 ? r
                 : stored_write(cli, &session, &stored, secret, exists ? "changed" : "added", err);
}

int ha_cluster_notify_add(struct cli *cli, struct error *err)
{
    int r = target_put(cli, false, err);
    if (r == 0) {
        cli_printf(cli, "target '%s' added; try it: ha-cluster notify test %s\n",
                   cli_text(cli, "target"), cli_text(cli, "target"));
    }
    return r;
}

int ha_cluster_notify_set(struct cli *cli, struct error *err)
{
    return target_put(cli, true, err);
}

int ha_cluster_notify_remove(struct cli *cli, struct error *err)
{
    struct session session CLEANUP(session_close) = {0};
    struct notify_stored stored;
    struct notify_target *target = NULL;
    int r = session_open(cli->arena, &session, err);
    r = r < 0 ? r : session_need_quorum(&session, err);
    r = r < 0 ? r : stored_read(cli->arena, &session, &stored, err);
    r = r < 0 ? r : target_find(cli->arena, &stored, cli_text(cli, "target"), &target, err);
    if (r < 0) {
        return r;
    }
    (void)map_remove(&stored.config->targets, target->name);
    return stored_write(cli, &session, &stored, NULL, "removed", err);
}

static const char *target_address(const struct notify_target *target)
{
    switch (target->kind) {
    case NOTIFY_KIND_MAIL:
        return target->to;
    case NOTIFY_KIND_WEBHOOK:
        return target->url;
    case NOTIFY_KIND_EXEC:
        return target->program;
    case NOTIFY_KIND_MAX:
        break;
    }
    return NULL;
}

int ha_cluster_notify_list(struct cli *cli, struct error *err)
{
    static const struct output_column columns[] = {{.key = "target"},  {.key = "kind"},
                                                   {.key = "address"}, {.key = "rules"},
                                                   {.key = "rate"},    {.key = "disabled"}};
    struct session session CLEANUP(session_close) = {0};
    struct notify_stored stored;
    int r = session_open(cli->arena, &session, err);
    r = r < 0 ? r : stored_read(cli->arena, &session, &stored, err);
    if (r < 0) {
        return r;
    }
    struct json *list = json_new_array(cli->arena);
    map_each (e, &stored.config->targets) {
        const struct notify_target *target = e->value;
        struct json *row = json_new_object(cli->arena);
        struct json *rules = json_new_array(cli->arena);
        for (size_t i = 0; i < target->rules_count; i++) {
            json_append(rules, json_new_string(cli->arena,
                                               notify_rule_format(cli->arena, &target->rules[i])));
        }
        json_put_string(row, "target", target->name);
        json_put_string(row, "kind", notify_kind_to_string(target->kind));
        json_put_string(row, "address", target_address(target));
        json_put_string(row, "from", target->from);
        json_put_string(row, "header", target->header);
        json_put_string(row, "cafile", target->cafile);
        json_put_string(row, "user", target->user);
        json_put(row, "rules", rules);
        json_put_int(row, "rate", target->rate);
        json_put_bool(row, "disabled", target->disabled);
        json_append(list, row);
    }
    output_list(&cli->output, list, columns, ARRAY_SIZE(columns), &cli->out);
    return 0;
}

int ha_cluster_notify_test(struct cli *cli, struct error *err)
{
    struct session session CLEANUP(session_close) = {0};
    struct session_value secret = {0};
    struct notify_stored stored;
    struct notify_target *target = NULL;
    struct clock clock;
    host_clock_init(&clock);
    int r = session_open(cli->arena, &session, err);
    r = r < 0 ? r : stored_read(cli->arena, &session, &stored, err);
    r = r < 0 ? r : target_find(cli->arena, &stored, cli_text(cli, "target"), &target, err);
    if (r == 0) {
        const char *key = arena_printf(cli->arena, STORE_PREFIX_NOTIFY_SECRET "%s", target->name);
        r = session_read(cli->arena, &session, key, &secret, err);
    }
    if (r < 0) {
        return r;
    }
    // As an entry of the history, which it never gets into.
    struct json *entry = json_new_object(cli->arena);
    struct json *fields = json_new_object(cli->arena);
    json_put_string(fields, "node", session.node);
    json_put_string(fields, "target", target->name);
    json_put_int(entry, "number", 0);
    json_put(entry, "time", json_new_double(cli->arena, (double)clock_wall_s(&clock)));
    json_put_string(entry, "at", arena_printf(cli->arena, "%s/tool", session.node));
    json_put_string(entry, "level", "notice");
    json_put_string(entry, "event", "notify-test");
    json_put(entry, "fields", fields);
    const struct json *entries[] = {entry};
    const struct notify_job job = {.target = target,
                                   .secret = secret.text,
                                   .node = session.node,
                                   .entries = entries,
                                   .count = 1};
    r = notify_send_wait(&clock, &job, err);
    if (r == 0) {
        cli_printf(cli, "target '%s' was told\n", target->name);
    }
    return r;
}
