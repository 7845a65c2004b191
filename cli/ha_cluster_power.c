// SPDX-License-Identifier: Apache-2.0
// ha-cluster fence status, test, off, on: asking and switching. They need no quorum: an operator
// needs them most when there is none.
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "cli/fence_edit.h"
#include "cli/ha_cluster_fence.h"
#include "cli/session.h"
#include "cli/terminal.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/host/fence_agent.h"
#include "common/host/fence_trial.h"
#include "common/host/host_clock.h"
#include "common/model/fence_config.h"
#include "common/model/service.h"
#include "common/model/store_keys.h"
#include "common/port/clock.h"
#include "common/port/store.h"

struct power {
    struct cli *cli;
    struct session session;
    struct fence_stored stored;
};

static void power_close(struct power *power)
{
    session_close(&power->session);
}

static int power_open(struct cli *cli, struct power *ret, struct error *err)
{
    ret->cli = cli;
    int r = session_open(cli->arena, &ret->session, err);
    if (r == 0) {
        r = fence_stored_read(cli->arena, &ret->session, &ret->stored, err);
    }
    if (r == 0 && ret->stored.config->devices.count == 0) {
        r = error_set(err, -ENOENT, "no fence devices are configured: 'ha-cluster help fence add'");
    }
    return r;
}

static int secrets_of(const struct power *power, const struct fence_device *device, struct map *ret,
                      struct error *err)
{
    map_init_arena(ret, power->cli->arena);
    return fence_secrets_read(power->session.store, power->cli->arena, device->name, ret, err);
}

// The devices of a node; none is an error.
static int devices_of(const struct power *power, const char *node,
                      const struct fence_device ***ret_devices, size_t *ret_count,
                      struct error *err)
{
    struct arena *arena = power->cli->arena;
    int r = session_check_node(arena, &power->session, node, err);
    if (r < 0) {
        return r;
    }
    fence_config_devices_of(arena, power->stored.config, node, ret_devices, ret_count);
    return *ret_count > 0 ? 0 : error_set(err, -ENOENT, "no fence device switches node '%s'", node);
}

// --- status

static int status_rows_add(const struct power *power, const char *node, struct json *rows,
                           bool *all_answer, struct error *err)
{
    struct arena *arena = power->cli->arena;
    const struct fence_device **devices;
    size_t count;
    int r = devices_of(power, node, &devices, &count, err);
    for (size_t i = 0; r == 0 && i < count; i++) {
        struct map secrets;
        struct fence_answer answer = {.words = ""};
        struct error why = {0};
        int status = secrets_of(power, devices[i], &secrets, &why);
        if (status == 0) {
            status = fence_agent_status(arena, devices[i], &secrets, node, &answer, &why);
        }
        struct json *row = json_new_object(arena);
        json_put_string(row, "node", node);
        json_put_string(row, "device", devices[i]->name);
        json_put_int(row, "level", devices[i]->level);
        json_put_string(row, "power",
                        status == FENCE_POWER_ON    ? "on"
                        : status == FENCE_POWER_OFF ? "off"
                                                    : "unknown");
        json_put_string(row, "reason", status < 0 ? why.text : NULL);
        json_append(rows, row);
        *all_answer = *all_answer && status > 0;
    }
    return r;
}

int ha_cluster_fence_status(struct cli *cli, struct error *err)
{
    static const struct output_column columns[] = {{.key = "node"},
                                                   {.key = "device"},
                                                   {.key = "level", .right = true},
                                                   {.key = "power"},
                                                   {.key = "reason"}};
    struct power power CLEANUP(power_close) = {0};
    struct json *rows = json_new_array(cli->arena);
    struct map nodes;
    bool all_answer = true;
    int r = power_open(cli, &power, err);
    map_init_arena(&nodes, cli->arena);
    if (r == 0 && cli_has(cli, "node")) {
        map_put(&nodes, cli_text(cli, "node"), cli);
    } else if (r == 0) {
        map_each (e, &power.stored.config->devices) {
            const struct fence_device *device = e->value;
            map_each (n, &device->nodes) {
                if (!device->disabled) {
                    map_put(&nodes, n->key, cli);
                }
            }
        }
    }
    map_each (e, &nodes) {
        r = r == 0 ? status_rows_add(&power, e->key, rows, &all_answer, err) : r;
    }
    if (r == 0) {
        output_list(&cli->output, rows, columns, ARRAY_SIZE(columns), &cli->out);
        cli->exit_status = all_answer ? CLI_EXIT_DONE : CLI_EXIT_FAILED;
    }
    return r;
}

// --- test

static void trial_to_rows(struct arena *arena, const struct fence_device *device,
                          const struct fence_trial *trial, struct json *rows)
{
    for (size_t i = 0; i < trial->count; i++) {
        const struct fence_trial_row *from = &trial->rows[i];
        struct json *row = json_new_object(arena);
        json_put_string(row, "device", device->name);
        json_put_string(row, "asked", from->node != NULL ? "status" : "monitor");
        json_put_string(row, "node", from->node != NULL ? from->node : "");
        json_put_string(row, "answer", from->answer);
        json_put_string(row, "result", from->passed ? "passed" : "failed");
        json_put_int(row, "exit_status", from->exit_status);
        json_put_int(row, "took_ms", from->took_ms);
        json_put_string(row, "words", from->words);
        json_append(rows, row);
    }
}

static int device_test(const struct power *power, const struct fence_device *device,
                       struct json *rows, bool *ret_passed, struct error *err)
{
    struct arena *arena = power->cli->arena;
    struct map secrets;
    struct fence_trial trial;
    struct clock clock;
    int r = secrets_of(power, device, &secrets, err);
    if (r < 0) {
        return r;
    }
    fence_trial_run(arena, device, &secrets, power->session.membership, &trial);
    trial_to_rows(arena, device, &trial, rows);
    host_clock_init(&clock);
    const struct fence_record record = {.by = power->session.node,
                                        .passed = trial.passed,
                                        .reason = trial.reason,
                                        .took_ms = trial.took_ms,
                                        .wall_s = clock_wall_s(&clock)};
    struct error why = {0};
    if (power->session.quorate &&
        fence_record_write(power->session.store, arena, device->name, &record, &why) < 0) {
        cli_warn(power->cli, "the result cannot be kept for 'fence list': %s", why.text);
    }
    *ret_passed = trial.passed;
    return 0;
}

int ha_cluster_fence_test(struct cli *cli, struct error *err)
{
    static const struct output_column columns[] = {
        {.key = "device"},
        {.key = "asked"},
        {.key = "node"},
        {.key = "answer"},
        {.key = "result"},
        {.key = "exit_status", .title = "exit", .right = true},
        {.key = "took_ms", .title = "ms", .right = true},
        {.key = "words"},
    };
    struct power power CLEANUP(power_close) = {0};
    struct json *rows = json_new_array(cli->arena);
    const struct fence_device *only = NULL;
    bool all_passed = true;
    int r = power_open(cli, &power, err);
    if (r == 0 && cli_has(cli, "device")) {
        r = fence_stored_find(&power.stored, cli_text(cli, "device"), &only, err);
    }
    if (r < 0) {
        return r;
    }
    map_each (e, &power.stored.config->devices) {
        const struct fence_device *device = e->value;
        bool passed = true;
        if (only != NULL ? device == only : !device->disabled) {
            r = r == 0 ? device_test(&power, device, rows, &passed, err) : r;
        }
        all_passed = all_passed && passed;
    }
    if (r == 0) {
        output_list(&cli->output, rows, columns, ARRAY_SIZE(columns), &cli->out);
        cli->exit_status = all_passed ? CLI_EXIT_DONE : CLI_EXIT_FAILED;
    }
    return r;
}

// --- off and on

// What the cluster runs there, as the master noted it.
static const char *services_of(const struct power *power, const char *node)
{
    struct arena *arena = power->cli->arena;
    struct store_entries entries;
    struct strbuf list CLEANUP(strbuf_done) = {0};
    if (store_read(power->session.store, STORE_PREFIX_SERVICE, 0, arena, &entries, NULL) < 0) {
        return "";
    }
    for (size_t i = 0; i < entries.count; i++) {
        const struct store_entry *entry = &entries.entries[i];
        struct service *service;
        const char *sid = entry->key + strlen(STORE_PREFIX_SERVICE);
        if (entry->value != NULL &&
            service_parse(arena, sid, entry->value, entry->size_bytes, &service, NULL) == 0 &&
            strcmp(service->node, node) == 0 && service->state != SVC_STATE_STOPPED) {
            strbuf_appendf(&list, "%s%s", list.size_bytes > 0 ? ", " : "", sid);
        }
    }
    return arena_strdup(arena, strbuf_text(&list));
}

static int off_confirm(const struct power *power, const char *node, struct error *err)
{
    struct cli *cli = power->cli;
    char *typed = NULL;
    const char *services = services_of(power, node);
    if (services[0] != '\0') {
        cli_warn(cli, "node '%s' runs %s: they end as by a power cut, and start elsewhere", node,
                 services);
    }
    if (fence_node_is_online(power->session.membership, node)) {
        cli_warn(cli, "node '%s' is a member of the cluster now", node);
    }
    if (cli_bool(cli, "yes")) {
        return 0;
    }
    if (!terminal_is_there()) {
        return error_set(err, -EPERM, "node '%s' is not switched off without --yes", node);
    }
    const char *question = arena_printf(cli->arena, "Type the node's name to switch it off now: ");
    int r = terminal_ask(cli->arena, question, false, &typed, err);
    if (r == 0 && strcmp(typed, node) != 0) {
        r = error_set(err, -ECANCELED, "not switched off: '%s' is not '%s'", typed, node);
    }
    return r;
}

static int device_switch(const struct power *power, const struct fence_device *device,
                         const char *node, bool off)
{
    struct arena *arena = power->cli->arena;
    struct map secrets;
    struct fence_answer answer = {.words = ""};
    struct error why = {0};
    int r = secrets_of(power, device, &secrets, &why);
    if (r == 0 && off) {
        r = fence_agent_off(arena, device, &secrets, node, &answer, &why);
    } else if (r == 0) {
        r = fence_agent_run(arena, device, &secrets, node, FENCE_ACTION_ON,
                            device->timeout_s * 1000, &answer, &why);
    }
    if (r < 0) {
        cli_warn(power->cli, "device '%s': %s", device->name, why.text);
        return r;
    }
    cli_printf(power->cli, "device '%s' after %.1f s: %s\n", device->name,
               (double)answer.took_ms / 1000, answer.words);
    cli_flush(power->cli);
    return 0;
}

// Level by level, until all devices of one have done it. What is on is switched on by all levels: a
// node may hang on the plugs of several.
static int node_switch(const struct power *power, const char *node,
                       const struct fence_device *const *devices, size_t count, bool off,
                       struct error *err)
{
    bool done = false;
    for (size_t i = 0; i < count && !(done && off);) {
        int64_t level = devices[i]->level;
        bool all = true;
        for (; i < count && devices[i]->level == level; i++) {
            all = device_switch(power, devices[i], node, off) == 0 && all;
        }
        done = done || all;
    }
    if (!done) {
        return error_set(err, -EIO, "node '%s' could not be switched %s: %s", node,
                         off ? "off" : "on",
                         off ? "it may still be on" : "no level's devices all did it");
    }
    cli_printf(power->cli, off ? "node '%s' is off\n" : "node '%s' is switched on\n", node);
    return 0;
}

int ha_cluster_fence_off(struct cli *cli, struct error *err)
{
    struct power power CLEANUP(power_close) = {0};
    const char *node = cli_text(cli, "node");
    const struct fence_device **devices;
    size_t count;
    int r = power_open(cli, &power, err);
    if (r == 0) {
        r = devices_of(&power, node, &devices, &count, err);
    }
    if (r == 0 && strcmp(node, power.session.node) == 0 && !cli_bool(cli, "force")) {
        r = error_set(err, -EPERM,
                      "node '%s' is this one: switch it off from another node, or use --force",
                      node);
    }
    if (r == 0) {
        r = off_confirm(&power, node, err);
    }
    return r < 0 ? r : node_switch(&power, node, devices, count, true, err);
}

int ha_cluster_fence_on(struct cli *cli, struct error *err)
{
    struct power power CLEANUP(power_close) = {0};
    const char *node = cli_text(cli, "node");
    const struct fence_device **devices;
    size_t count;
    int r = power_open(cli, &power, err);
    if (r == 0) {
        r = devices_of(&power, node, &devices, &count, err);
    }
    return r < 0 ? r : node_switch(&power, node, devices, count, false, err);
}
