// SPDX-License-Identifier: Apache-2.0
// The command that prints the join information of this node (join_info.h).
#include <errno.h>

#include "cli/command_line.h"
#include "cli/conf_change.h"
#include "cli/ha_cluster.h"
#include "cli/join_info.h"
#include "cli/session.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/model/corosync_conf.h"
#include "common/model/store_keys.h"

static int info_read(struct arena *arena, const struct session *session, struct join_info *ret,
                     struct error *err)
{
    struct session_value value;
    struct json *json = NULL;
    const char *key = arena_printf(arena, STORE_PREFIX_LIVE_API "%s", session->node);
    int r = session_read(arena, session, key, &value, err);
    if (r < 0) {
        return r;
    }
    bool known = value.text != NULL &&
                 json_parse(arena, value.text, value.size_bytes, &json, NULL) == 0 &&
                 json->type == JSON_TYPE_OBJECT;
    struct join_info info = {.address = known ? json_find_string(json, "address") : NULL,
                             .fingerprint = known ? json_find_string(json, "fingerprint") : NULL};
    if (info.address == NULL || info.fingerprint == NULL) {
        return error_set(err, -ENOENT,
                         "the API of node '%s' has not told its certificate: do ha-execd and "
                         "ha-apid run?",
                         session->node);
    }
    *ret = info;
    return 0;
}

static int join_info_print(struct cli *cli, const struct session *session, struct error *err)
{
    struct corosync_conf *conf;
    struct join_info info;
    int r = conf_change_read(cli->arena, &conf, err);
    if (r == 0) {
        r = info_read(cli->arena, session, &info, err);
    }
    if (r < 0) {
        return r;
    }
    const struct corosync_node *node = corosync_conf_find_node(conf, session->node);
    if (node == NULL) {
        return error_set(err, -ENOENT, "node '%s' is not in its corosync.conf", session->node);
    }
    const char *line = join_info_format(cli->arena, conf, node, &info);
    if (cli->output.format == OUTPUT_FORMAT_TEXT) {
        cli_printf(cli, "%s\n", line);
        return 0;
    }
    struct json *object = json_new_object(cli->arena);
    json_put_string(object, "address", info.address);
    json_put_string(object, "fingerprint", info.fingerprint);
    json_put_string(object, "join", line);
    output_document(&cli->output, object, &cli->out);
    return 0;
}

int ha_cluster_join_info(struct cli *cli, struct error *err)
{
    struct session session;
    int r = session_open(cli->arena, &session, err);
    if (r == 0) {
        r = join_info_print(cli, &session, err);
        session_close(&session);
    }
    return r;
}
