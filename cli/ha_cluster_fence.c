// SPDX-License-Identifier: Apache-2.0
// ha-cluster fence list, add, set, remove, options: what devices there are. Changes themselves are
// in fence_edit.c, what switches is in ha_cluster_power.c.
#include "cli/ha_cluster_fence.h"

#include <errno.h>
#include <string.h>

#include "cli/fence_edit.h"
#include "cli/ha_cluster_access.h"
#include "cli/ha_cluster_notify.h"
#include "cli/session.h"
#include "cli/terminal.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/parse.h"
#include "common/host/fence_trial.h"
#include "common/model/fence_config.h"
#include "common/model/sid.h"
#include "common/port/membership.h"

#define DEVICE(needed, words)                                                                      \
    {                                                                                              \
        .name = "device", .type = CLI_TYPE_TEXT, .positional = true, .required = (needed),         \
        .about = words                                                                             \
    }
#define NODE(needed, words)                                                                        \
    {                                                                                              \
        .name = "node", .type = CLI_TYPE_TEXT, .positional = true, .required = (needed),           \
        .check = node_name_check, .about = words                                                   \
    }
#define SETTINGS(needed)                                                                           \
    {.name = "agent",                                                                              \
     .type = CLI_TYPE_TEXT,                                                                        \
     .required = (needed),                                                                         \
     .check = fence_agent_name_check,                                                              \
     .value = "fence_...",                                                                         \
     .about = "the program that speaks to the device"},                                            \
        {.name = "nodes",                                                                          \
         .type = CLI_TYPE_TEXT,                                                                    \
         .required = (needed),                                                                     \
         .value = "node[:plug],...",                                                               \
         .about = "what it switches, with the device's names of the plugs"},                       \
        {.name = "level",                                                                          \
         .type = CLI_TYPE_INT,                                                                     \
         .min = 1,                                                                                 \
         .max = FENCE_LEVEL_MAX,                                                                   \
         .about = "lower ones are tried first, those of one level together (1)"},                  \
        {.name = "delay",                                                                          \
         .type = CLI_TYPE_INT,                                                                     \
         .min = 0,                                                                                 \
         .max = FENCE_DELAY_MAX_S,                                                                 \
         .about = "seconds to wait before a node is switched off (0)"},                            \
        {.name = "timeout",                                                                        \
         .type = CLI_TYPE_INT,                                                                     \
         .min = 1,                                                                                 \
         .max = FENCE_TIMEOUT_MAX_S,                                                               \
         .about = "seconds for switching off and making sure (20)"},                               \
        {.name = "disabled", .type = CLI_TYPE_BOOL, .about = "not to be used now"},                \
        {.name = "param",                                                                          \
         .type = CLI_TYPE_TEXT,                                                                    \
         .many = true,                                                                             \
         .value = "key=value",                                                                     \
         .about = "a parameter of the agent; may be given several times"},                         \
        {.name = "secret",                                                                         \
         .type = CLI_TYPE_TEXT,                                                                    \
         .many = true,                                                                             \
         .value = "key",                                                                           \
         .about = "a secret parameter, asked for on the terminal; likewise"},                      \
    {                                                                                              \
        .name = "secret-file", .type = CLI_TYPE_TEXT, .value = "file",                             \
        .about = "key=value lines, readable by root only"                                          \
    }

const struct cli_param ha_cluster_fence_add_params[] = {
    DEVICE(true, "a name for it"),
    SETTINGS(true),
    {.name = NULL},
};

const struct cli_param ha_cluster_fence_set_params[] = {
    DEVICE(true, "its name"),
    SETTINGS(false),
    {.name = "delete",
     .type = CLI_TYPE_TEXT,
     .value = "name,...",
     .about = "parameters and secrets to remove, settings to set back"},
    {.name = NULL},
};

const struct cli_param ha_cluster_fence_device_params[] = {
    DEVICE(true, "its name"),
    {.name = NULL},
};

const struct cli_param ha_cluster_fence_test_params[] = {
    DEVICE(false, "only this one, also when it is disabled"),
    {.name = NULL},
};

const struct cli_param ha_cluster_fence_status_params[] = {
    NODE(false, "only this one"),
    {.name = NULL},
};

const struct cli_param ha_cluster_fence_off_params[] = {
    NODE(true, "the node to switch off"),
    {.name = "yes", .type = CLI_TYPE_BOOL, .about = "do not ask"},
    {.name = "force", .type = CLI_TYPE_BOOL, .about = "also this very node"},
    {.name = NULL},
};

const struct cli_param ha_cluster_fence_on_params[] = {
    NODE(true, "the node to switch on"),
    {.name = NULL},
};

const struct cli_param ha_cluster_fence_options_params[] = {
    {.name = "self-test",
     .type = CLI_TYPE_TEXT,
     .value = "interval",
     .about = "such as 1d or 12h; 'never'"},
    {.name = NULL},
};

void ha_cluster_complete(struct arena *arena, const struct cli_param *param, struct strbuf *out)
{
    struct session session CLEANUP(session_close) = {0};
    struct fence_stored stored;
    struct member_list members;
    bool device = strcmp(param->name, "device") == 0;
    bool node = strcmp(param->name, "node") == 0;
    ha_cluster_access_complete(arena, param, out);
    ha_cluster_notify_complete(arena, param, out);
    // Without a cluster there is nothing to offer.
    if ((!device && !node) || session_open(arena, &session, NULL) < 0) {
        return;
    }
    if (device && fence_stored_read(arena, &session, &stored, NULL) == 0) {
        map_each (e, &stored.config->devices) {
            strbuf_appendf(out, "%s\n", e->key);
        }
    }
    if (node && membership_get(session.membership, arena, &members, NULL) == 0) {
        for (size_t i = 0; i < members.count; i++) {
            strbuf_appendf(out, "%s\n", members.members[i].node);
        }
    }
}

// The values of an option that may be given several times.
static struct parse_words values_of(struct cli *cli, const char *name)
{
    const char *text = cli_has(cli, name) ? cli_text(cli, name) : "";
    struct parse_words values = {.words =
                                     arena_array_of(cli->arena, const char *, strlen(text) + 1)};
    while (text[0] != '\0') {
        size_t length = strcspn(text, "\n");
        values.words[values.count++] = arena_memdup(cli->arena, text, length);
        text += length + (text[length] == '\n' ? 1 : 0);
    }
    return values;
}

static int ask_secrets(struct cli *cli, struct fence_request *request)
{
    struct error err = {0};
    struct parse_words keys = values_of(cli, "secret");
    for (size_t i = 0; i < keys.count; i++) {
        const char *key = keys.words[i];
        char *value = NULL;
        if (strchr(key, '=') != NULL) {
            return cli_reject(cli, "secret",
                              "give the name only; the value is asked for, since others can read "
                              "command lines");
        }
        if (fence_param_check(key, "", &err) < 0) {
            return cli_reject(cli, "secret", "%s", err.text);
        }
        const char *question =
            arena_printf(cli->arena, "%s of '%s': ", key, cli_text(cli, "device"));
        if (terminal_ask(cli->arena, question, true, &value, &err) < 0) {
            return cli_reject(cli, "secret", "%s: use --secret-file", err.text);
        }
        if (fence_param_check(key, value, &err) < 0) {
            return cli_reject(cli, "secret", "%s", err.text);
        }
        map_put(&request->secrets, key, value);
    }
    return 0;
}

static int fill_request(struct cli *cli, struct fence_request *request)
{
    struct error err = {0};
    fence_request_init(cli->arena, request);
    request->agent = cli_text(cli, "agent");
    request->nodes = cli_text(cli, "nodes");
    request->level = cli_int(cli, "level");
    request->delay_s = cli_has(cli, "delay") ? cli_int(cli, "delay") : -1;
    request->timeout_s = cli_int(cli, "timeout");
    request->has_disabled = cli_has(cli, "disabled");
    request->disabled = cli_bool(cli, "disabled");
    struct parse_words params = values_of(cli, "param");
    for (size_t i = 0; i < params.count; i++) {
        if (fence_request_param(cli->arena, request, params.words[i], &err) < 0) {
            return cli_reject(cli, "param", "%s", err.text);
        }
    }
    const char *file = cli_text(cli, "secret-file");
    if (file != NULL && fence_request_secret_file(cli->arena, request, file, &err) < 0) {
        return cli_reject(cli, "secret-file", "%s", err.text);
    }
    return ask_secrets(cli, request);
}

static int device_put(struct cli *cli, bool exists, struct error *err)
{
    struct session session CLEANUP(session_close) = {0};
    struct fence_request request;
    int r = fill_request(cli, &request);
    if (r == 0) {
        request.removed = exists ? cli_text(cli, "delete") : NULL;
        r = session_open(cli->arena, &session, err);
    }
    if (r == 0) {
        r = session_need_quorum(&session, err);
    }
    return r < 0 ? r
                 : fence_device_put(cli->arena, &session, cli_text(cli, "device"), &request, exists,
                                    err);
}

int ha_cluster_fence_add(struct cli *cli, struct error *err)
{
    int r = device_put(cli, false, err);
    if (r == 0) {
        cli_printf(cli, "fence device '%s' added; try it: ha-cluster fence test %s\n",
                   cli_text(cli, "device"), cli_text(cli, "device"));
    }
    return r;
}

int ha_cluster_fence_set(struct cli *cli, struct error *err)
{
    return device_put(cli, true, err);
}

int ha_cluster_fence_remove(struct cli *cli, struct error *err)
{
    struct session session CLEANUP(session_close) = {0};
    int r = session_open(cli->arena, &session, err);
    if (r == 0) {
        r = session_need_quorum(&session, err);
    }
    return r < 0 ? r : fence_device_remove(cli->arena, &session, cli_text(cli, "device"), err);
}

int ha_cluster_fence_options(struct cli *cli, struct error *err)
{
    static const struct output_column columns[] = {
        {.key = "self_test_interval_s", .kind = OUTPUT_COLUMN_DURATION}};
    struct session session CLEANUP(session_close) = {0};
    struct fence_stored stored;
    int64_t interval_s = 0;
    struct error why = {0};
    if (cli_has(cli, "self-test") &&
        fence_interval_parse(cli_text(cli, "self-test"), &interval_s, &why) < 0) {
        return cli_reject(cli, "self-test", "%s", why.text);
    }
    int r = session_open(cli->arena, &session, err);
    if (r == 0 && cli_has(cli, "self-test")) {
        return fence_self_test_set(cli->arena, &session, interval_s, err);
    }
    if (r == 0) {
        r = fence_stored_read(cli->arena, &session, &stored, err);
    }
    if (r < 0) {
        return r;
    }
    struct json *options = json_new_object(cli->arena);
    json_put_int(options, "self_test_interval_s", stored.config->self_test_interval_s);
    output_object(&cli->output, options, columns, ARRAY_SIZE(columns), &cli->out);
    return 0;
}

static int list_row(struct cli *cli, const struct session *session,
                    const struct fence_device *device, struct json **ret, struct error *err)
{
    struct fence_record record;
    struct map secrets;
    bool known = false;
    map_init_arena(&secrets, cli->arena);
    int r = fence_record_read(session->store, cli->arena, device->name, &record, &known, err);
    if (r == 0) {
        r = fence_secrets_read(session->store, cli->arena, device->name, &secrets, err);
    }
    if (r < 0) {
        return r;
    }
    struct json *params = json_new_object(cli->arena);
    struct json *names = json_new_array(cli->arena);
    struct json *row = json_new_object(cli->arena);
    map_each (e, &device->params) {
        json_put_string(params, e->key, e->value);
    }
    map_each (e, &secrets) {
        json_append(names, json_new_string(cli->arena, e->key));
    }
    json_put_string(row, "device", device->name);
    json_put_string(row, "agent", device->agent);
    json_put_string(row, "nodes", fence_nodes_format(cli->arena, &device->nodes));
    json_put_int(row, "level", device->level);
    json_put_int(row, "delay_s", device->delay_s);
    json_put_int(row, "timeout_s", device->timeout_s);
    json_put_bool(row, "disabled", device->disabled);
    json_put(row, "params", params);
    json_put(row, "secrets", names);
    json_put_string(row, "last_test", !known ? "never" : record.passed ? "passed" : "failed");
    if (known) {
        json_put_int(row, "tested_at", record.wall_s);
        json_put_string(row, "tested_by", record.by);
        json_put_string(row, "reason", record.passed ? NULL : record.reason);
    }
    *ret = row;
    return 0;
}

// Nodes that no device can switch off: only the lease proves that they are gone, in its time.
static void warn_uncovered(struct cli *cli, const struct session *session,
                           const struct fence_config *config)
{
    struct member_list members;
    if (membership_get(session->membership, cli->arena, &members, NULL) < 0) {
        return; // this is only more about it
    }
    for (size_t i = 0; config->devices.count > 0 && i < members.count; i++) {
        const struct fence_device **devices;
        size_t count;
        fence_config_devices_of(cli->arena, config, members.members[i].node, &devices, &count);
        if (count == 0) {
            cli_warn(cli, "no fence device switches node '%s'", members.members[i].node);
        }
    }
}

int ha_cluster_fence_list(struct cli *cli, struct error *err)
{
    static const struct output_column columns[] = {
        {.key = "device"},
        {.key = "agent"},
        {.key = "nodes"},
        {.key = "level", .right = true},
        {.key = "delay_s", .title = "delay", .right = true},
        {.key = "timeout_s", .title = "timeout", .right = true},
        {.key = "disabled", .kind = OUTPUT_COLUMN_BOOL},
        {.key = "last_test", .title = "last test"},
        {.key = "tested_at", .title = "at", .kind = OUTPUT_COLUMN_TIME},
        {.key = "reason"},
    };
    struct session session CLEANUP(session_close) = {0};
    struct fence_stored stored;
    struct json *rows = json_new_array(cli->arena);
    int r = session_open(cli->arena, &session, err);
    if (r == 0) {
        r = fence_stored_read(cli->arena, &session, &stored, err);
    }
    if (r < 0) {
        return r;
    }
    map_each (e, &stored.config->devices) {
        struct json *row = NULL;
        r = list_row(cli, &session, e->value, &row, err);
        if (r < 0) {
            return r;
        }
        json_append(rows, row);
    }
    warn_uncovered(cli, &session, stored.config);
    output_list(&cli->output, rows, columns, ARRAY_SIZE(columns), &cli->out);
    return 0;
}
