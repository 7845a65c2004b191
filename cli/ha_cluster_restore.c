// SPDX-License-Identifier: Apache-2.0
// Bringing back what operators wanted, from a backup. What is restored and what is not is decided
// by restore_plan.c.
#include <errno.h>
#include <string.h>

#include "cli/command_line.h"
#include "cli/ha_cluster.h"
#include "cli/restore_plan.h"
#include "cli/session.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/host/cluster_client.h"
#include "common/model/backup.h"
#include "common/port/membership.h"
#include "common/port/store.h"

static int nodes_read(struct cli *cli, const struct session *session, struct restore_spec *spec,
                      struct error *err)
{
    struct member_list list;
    int r = membership_get(session->membership, cli->arena, &list, err);
    if (r < 0) {
        return r;
    }
    const char **nodes = arena_array_of(cli->arena, const char *, list.count);
    for (size_t i = 0; i < list.count; i++) {
        nodes[i] = list.members[i].node;
    }
    spec->nodes = nodes;
    spec->nodes_count = list.count;
    return 0;
}

static const char *kind_words(enum restore_kind kind)
{
    switch (kind) {
    case RESTORE_KIND_ADD:
        return "add";
    case RESTORE_KIND_CHANGE:
        return "change";
    case RESTORE_KIND_SAME:
        return "same";
    case RESTORE_KIND_EXTRA:
        return "keep";
    case RESTORE_KIND_DELETE:
        return "delete";
    }
    return "";
}

static void plan_print(struct cli *cli, const struct restore_plan *plan)
{
    for (size_t i = 0; i < plan->count; i++) {
        const struct restore_change *change = &plan->changes[i];
        if (change->kind != RESTORE_KIND_SAME) {
            cli_printf(cli, "%-7s %s\n", kind_words(change->kind), change->key);
        }
    }
}

// Guests that the backup has on nodes which this cluster does not have.
static void strays_warn(struct cli *cli, const struct restore_plan *plan, const char *place)
{
    for (size_t i = 0; i < plan->count; i++) {
        const struct restore_change *change = &plan->changes[i];
        if (change->stray_node != NULL) {
            cli_warn(cli,
                     "'%s' was on '%s', which is no node of this cluster: %s%s. It must not run "
                     "there any more",
                     change->key, change->stray_node,
                     place != NULL ? "placed on " : "give --place, or move it",
                     place != NULL ? place : "");
        }
    }
}

static int plan_write(struct cli *cli, const struct session *session,
                      const struct restore_plan *plan, size_t *ret_count, struct error *err)
{
    const struct store_op *ops;
    size_t at = 0;
    size_t count;
    size_t written = 0;
    while ((count = restore_plan_next(plan, cli->arena, &at, &ops)) > 0) {
        int r = session_write(session, "the store", ops, count, err);
        if (r < 0) {
            error_prefix(err, "%zu keys were restored before this failed (run it again)", written);
            return r;
        }
        written += count;
    }
    *ret_count = written;
    return 0;
}

static int restore_run(struct cli *cli, const struct session *session, struct restore_spec *spec,
                       struct error *err)
{
    struct store_entries now;
    struct restore_plan plan;
    size_t count = 0;
    int r = ha_cluster_read_all(cli->arena, session, &now, err);
    r = r == 0 ? nodes_read(cli, session, spec, err) : r;
    if (r < 0) {
        return r;
    }
    spec->now = &now;
    if (spec->place != NULL) {
        r = session_check_node(cli->arena, session, spec->place, err);
    }
    r = r == 0 ? restore_plan_make(spec, cli->arena, &plan, err) : r;
    if (r < 0) {
        return r;
    }
    plan_print(cli, &plan);
    strays_warn(cli, &plan, spec->place);
    const char *running = restore_plan_running(&now, cli->arena);
    if (running != NULL && !cli_bool(cli, "force")) {
        return error_set(err, -EBUSY,
                         "services run: %s. Stop them first, or give --force: then their "
                         "definitions change under them",
                         running);
    }
    if (cli_bool(cli, "dry-run")) {
        cli_printf(cli, "nothing was changed\n");
        return 0;
    }
    r = plan_write(cli, session, &plan, &count, err);
    if (r == 0) {
        cli_printf(cli, "%zu keys restored\n", count);
    }
    return r;
}

int ha_cluster_restore(struct cli *cli, struct error *err)
{
    struct session session;
    struct backup backup;
    struct restore_spec spec = {
        .backup = &backup,
        .place = cli_text(cli, "place"),
        .exact = cli_bool(cli, "exact"),
        .stopped = cli_bool(cli, "stopped"),
    };
    int r = ha_cluster_backup_read(cli->arena, cli_text(cli, "file"), &backup, err);
    if (r == 0) {
        r = session_open(cli->arena, &session, err);
    }
    if (r < 0) {
        return r;
    }
    r = session_need_quorum(&session, err);
    if (r == 0) {
        r = restore_run(cli, &session, &spec, err);
    }
    session_close(&session);
    return r;
}
