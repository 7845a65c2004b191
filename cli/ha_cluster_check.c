// SPDX-License-Identifier: Apache-2.0
// Examines the running cluster: asks all nodes, reads what the store has, and prints what
// check_rows.c makes of it.
#include <errno.h>
#include <string.h>

#include "cli/check_ports.h"
#include "cli/check_rows.h"
#include "cli/command_line.h"
#include "cli/ha_cluster.h"
#include "cli/inquiry.h"
#include "cli/session.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/host/cluster_client.h"
#include "common/host/fence_trial.h"
#include "common/host/host_clock.h"
#include "common/host/machine.h"
#include "common/model/fence_config.h"
#include "common/model/store_keys.h"
#include "common/port/clock.h"
#include "common/port/store.h"

// The JSON documents below the prefix by their names; those that cannot be read are left out.
static int documents_read(struct arena *arena, const struct session *session, const char *prefix,
                          struct map *ret, struct error *err)
{
    struct store_entries entries;
    map_init_arena(ret, arena);
    int r = store_read(session->store, prefix, 0, arena, &entries, err);
    for (size_t i = 0; r == 0 && i < entries.count; i++) {
        const struct store_entry *entry = &entries.entries[i];
        struct json *json;
        if (entry->value != NULL &&
            json_parse(arena, entry->value, entry->size_bytes, &json, NULL) == 0) {
            map_put(ret, entry->key + strlen(prefix), json);
        }
    }
    return r;
}

static int fences_read(struct arena *arena, const struct session *session, struct map *ret,
                       struct error *err)
{
    struct fence_config *config = NULL;
    struct map tests;
    map_init_arena(ret, arena);
    int r = fence_config_read(session->store, arena, &config, NULL, err);
    if (r == 0) {
        r = documents_read(arena, session, STORE_PREFIX_LIVE_FENCE, &tests, err);
    }
    if (r < 0) {
        return r;
    }
    map_each (e, &config->devices) {
        const struct fence_device *device = e->value;
        if (!device->disabled) {
            map_put(ret, e->key, map_find(&tests, e->key));
        }
    }
    return 0;
}

static int64_t stored_version(struct arena *arena, const struct session *session)
{
    struct session_value value;
    struct corosync_conf *conf;
    if (session_read(arena, session, STORE_KEY_COROSYNC, &value, NULL) < 0 || value.text == NULL ||
        corosync_conf_parse(arena, STORE_KEY_COROSYNC, value.text, value.size_bytes, &conf, NULL) <
            0) {
        return 0;
    }
    return corosync_conf_version(conf);
}

struct documents {
    struct json *status, *membership;
    struct map answers, files, fences;
};

static int documents_collect(struct cli *cli, const struct session *session,
                             struct documents *documents, struct error *err)
{
    struct arena *arena = cli->arena;
    int r = ha_cluster_call(arena, session->client, "status", NULL, &documents->status, err);
    if (r == 0) {
        r = ha_cluster_call(arena, session->client, "membership", NULL, &documents->membership,
                            err);
    }
    if (r == 0) {
        r = documents_read(arena, session, STORE_PREFIX_LIVE_COROSYNC, &documents->files, err);
    }
    if (r == 0) {
        r = fences_read(arena, session, &documents->fences, err);
    }
    map_init_arena(&documents->answers, arena);
    if (r == 0 && session->quorate) {
        r = inquiry_make(arena, session, &documents->answers, err);
    }
    return r;
}

static void print_rows(struct cli *cli, const struct check_rows *rows)
{
    struct json *list = json_new_array(cli->arena);
    for (size_t i = 0; i < rows->count; i++) {
        const struct check_row *row = &rows->rows[i];
        const char *level = check_level_text(row->level);
        if (row->level == CHECK_LEVEL_ERROR) {
            cli->exit_status = CLI_EXIT_FAILED;
        }
        if (cli->output.format == OUTPUT_FORMAT_TEXT) {
            cli_printf(cli, "%-8s %-14s %s%s%s\n", level, row->subject, row->words,
                       row->remedy != NULL ? "; remedy: " : "",
                       row->remedy != NULL ? row->remedy : "");
            continue;
        }
        struct json *json = json_new_object(cli->arena);
        json_put_string(json, "level", level);
        json_put_string(json, "subject", row->subject);
        json_put_string(json, "words", row->words);
        json_put_string(json, "remedy", row->remedy); // absent: none is needed
        json_append(list, json);
    }
    if (cli->output.format != OUTPUT_FORMAT_TEXT) {
        output_document(&cli->output, list, &cli->out);
    }
}

static int check(struct cli *cli, const struct session *session, struct error *err)
{
    struct documents documents = {0};
    char *host;
    struct clock clock;
    host_clock_init(&clock);
    int r = machine_node_name(cli->arena, &host, err);
    if (r == 0) {
        r = documents_collect(cli, session, &documents, err);
    }
    if (r < 0) {
        return r;
    }
    const struct json *members = json_find(documents.membership, "members");
    const struct check_port *ports = NULL;
    size_t ports_count = 0;
    check_ports_find(cli->arena, documents.status, members, session->node, &ports, &ports_count);
    const struct check_input input = {
        .node = session->node,
        .host = host,
        .status = documents.status,
        .members = members,
        .ports = ports,
        .ports_count = ports_count,
        .answers = &documents.answers,
        .files = &documents.files,
        .stored_version = stored_version(cli->arena, session),
        .fences = &documents.fences,
        .now_s = clock_wall_s(&clock),
    };
    struct check_rows *rows = arena_new_of(cli->arena, struct check_rows);
    rows->arena = cli->arena;
    check_rows_make(rows, &input);
    print_rows(cli, rows);
    return 0;
}

int ha_cluster_check(struct cli *cli, struct error *err)
{
    struct session session;
    int r = session_open(cli->arena, &session, err);
    if (r < 0) {
        return ha_cluster_explain_name(cli->arena, r, err);
    }
    r = check(cli, &session, err);
    session_close(&session);
    return r;
}
