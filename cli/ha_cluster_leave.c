// SPDX-License-Identifier: Apache-2.0
// A node that was deleted from its cluster becomes a node without one: its files of the cluster are
// set aside, never deleted, and ha-clusterd begins anew, alone and with an empty store. The order:
// corosync.conf first, as without it the node cannot be taken for a member by anyone.
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/command_line.h"
#include "cli/ha_cluster.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/host/cluster_client.h"
#include "common/host/host_clock.h"
#include "common/host/paths.h"
#include "common/host/service_manager.h"
#include "common/port/clock.h"

static int file_set_aside(struct cli *cli, const char *path, int64_t wall_s, struct error *err)
{
    struct stat st;
    const char *kept = arena_printf(cli->arena, "%s.left-%lld", path, (long long)wall_s);
    if (lstat(path, &st) < 0) {
        return 0; // an earlier try got as far as this
    }
    if (rename(path, kept) < 0) {
        return error_set_errno(err, -errno, "cannot rename '%s'", path);
    }
    cli_printf(cli, "'%s' is kept as '%s'\n", path, kept);
    return 0;
}

static int ask(struct cli *cli, bool check, struct error *err)
{
    struct cluster_client *client CLEANUP(cluster_client_freep) = NULL;
    struct json *request = json_new_object(cli->arena);
    struct json *answer;
    json_put_bool(request, "check", check);
    int r = cluster_client_connect(&client, err);
    return r < 0 ? r : ha_cluster_call(cli->arena, client, "leave", request, &answer, err);
}

int ha_cluster_leave(struct cli *cli, struct error *err)
{
    struct clock clock;
    host_clock_init(&clock);
    int64_t wall_s = clock_wall_s(&clock);
    bool force = cli_bool(cli, "force"); // for a node whose ha-clusterd cannot start
    if (geteuid() != 0) {
        return error_set(err, -EACCES, "only root may do this");
    }
    int r = ask(cli, true, err);
    bool absent = r == -ENOENT || r == -ECONNREFUSED;
    if (r < 0 && !(force && absent)) {
        return r;
    }
    if (service_manager_is_systemd()) {
        r = service_manager_disable("corosync.service", err);
        if (r < 0) {
            return r;
        }
    }
    r = file_set_aside(cli, PATH_COROSYNC_CONF, wall_s, err);
    if (r == 0) {
        r = file_set_aside(cli, PATH_COROSYNC_AUTHKEY, wall_s, err);
    }
    if (r == 0 && !absent) {
        r = ask(cli, false, err);
    }
    if (r == 0 && absent) {
        cli_printf(cli, "ha-clusterd does not run: 'ha-clusterd --set-database-aside' is left to "
                        "do\n");
    } else if (r == 0) {
        cli_printf(cli, "this node is in no cluster any more\n");
    }
    return r;
}
