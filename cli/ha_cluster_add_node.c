// SPDX-License-Identifier: Apache-2.0
// The command that makes room for a new node (member_add.h) and prints what it joins with.
#include "cli/command_line.h"
#include "cli/ha_cluster.h"
#include "cli/join_string.h"
#include "cli/member_add.h"
#include "cli/session.h"
#include "common/base/json.h"

static void print_join_string(struct cli *cli, const struct join_string *join)
{
    const char *line = join_string_format(cli->arena, join);
    if (cli->output.format == OUTPUT_FORMAT_TEXT) {
        cli_printf(cli, "%s\n", line);
    } else {
        struct json *object = json_new_object(cli->arena);
        json_put_string(object, "node", join->node);
        json_put_string(object, "join", line);
        output_document(&cli->output, object, &cli->out);
    }
}

int ha_cluster_add_node(struct cli *cli, struct error *err)
{
    struct session session;
    struct ha_cluster_links links;
    struct join_string join;
    int r = ha_cluster_links(cli, cli_text(cli, "address"), &links);
    if (r == 0) {
        r = session_open(cli->arena, &session, err);
    }
    if (r < 0) {
        return r;
    }
    const struct member_add_spec spec = {.node = cli_text(cli, "node"),
                                         .addresses = links.addresses};
    struct json *warnings = json_new_array(cli->arena);
    r = member_add(cli->arena, &session, &spec, warnings, &join, err);
    session_close(&session);
    ha_cluster_warn(cli, warnings);
    if (r == 0) {
        print_join_string(cli, &join);
    }
    return r;
}
