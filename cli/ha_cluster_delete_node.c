// SPDX-License-Identifier: Apache-2.0
// The command that takes a node out of the cluster (member_remove.h).
#include "cli/cluster_call.h"
#include "cli/command_line.h"
#include "cli/ha_cluster.h"
#include "cli/member_remove.h"
#include "cli/session.h"
#include "common/base/json.h"

int ha_cluster_delete_node(struct cli *cli, struct error *err)
{
    struct session session;
    const char *node = cli_text(cli, "node");
    int r = session_open(cli->arena, &session, err);
    if (r < 0) {
        return r;
    }
    struct json *warnings = json_new_array(cli->arena);
    r = member_remove(cli->arena, &session, node, cli_bool(cli, "force"), warnings, err);
    session_close(&session);
    ha_cluster_warn(cli, warnings);
    if (r == 0) {
        cli_printf(cli,
                   "node '%s' is removed; before it can join again, 'ha-cluster leave' must be run "
                   "on it\n",
                   node);
    }
    return r;
}
