// SPDX-License-Identifier: Apache-2.0
// /cluster/config, what is only read: the nodes and settings as Corosync has them, all as texts.
#include <errno.h>

#include "api/call/call.h"
#include "api/endpoints/corosync_document.h"
#include "api/endpoints/endpoints.h"
#include "cli/join_info.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/model/corosync_conf.h"

enum { CONFIG_API_VERSION = 1 };

// NULL: the call was refused, or answered with `otherwise` where there is no cluster.
static struct corosync_conf *config_read(struct call *call, struct json *otherwise)
{
    struct corosync_conf *conf = NULL;
    struct error err = {0};
    int r = corosync_document_read(call, &conf, &err);
    if (r == -ENOENT) {
        call_return(call, otherwise);
    } else if (r < 0) {
        call_fail(call, &err);
    }
    return conf;
}

static void config_nodes(struct call *call)
{
    struct json *list = json_new_array(call->arena);
    size_t count = 0;
    const struct corosync_conf *conf = config_read(call, list);
    if (conf == NULL) {
        return;
    }
    const struct corosync_node *nodes = corosync_conf_nodes(conf, &count);
    for (size_t i = 0; i < count; i++) {
        struct json *row = join_info_node(call->arena, &nodes[i]);
        json_put_string(row, "node", nodes[i].name);
        json_append(list, row);
    }
    call_return(call, list);
}

static void config_totem(struct call *call)
{
    const struct corosync_conf *conf = config_read(call, json_new_object(call->arena));
    if (conf != NULL) {
        call_return(call, join_info_totem(call->arena, conf));
    }
}

static void config_qdevice(struct call *call)
{
    struct json *row = json_new_object(call->arena);
    struct corosync_device device;
    const struct corosync_conf *conf = config_read(call, row);
    if (conf == NULL) {
        return;
    }
    if (corosync_conf_device(conf, &device)) {
        json_put_string(row, "Model", "Net");
        json_put_string(row, "QNetd host", device.host);
        json_put_string(row, "Algorithm", device.algorithm);
        json_put_string(row, "TLS", device.tls);
    }
    call_return(call, row);
}

static void config_apiversion(struct call *call)
{
    call_return(call, json_new_int(call->arena, CONFIG_API_VERSION));
}

#define READS(path_, description_, returns_, run_)                                                 \
    {                                                                                              \
        .verb = METHOD_VERB_GET, .path = (path_), .description = (description_),                   \
        .access = METHOD_ACCESS_PRIVILEGE, .privilege = PRIVILEGE_SYS_AUDIT,                       \
        .kind = METHOD_KIND_READ, .returns = (returns_), .run = (run_)                             \
    }

static const struct method methods[] = {
    READS("/cluster/config/nodes", "the nodes that are configured", "array", config_nodes),
    READS("/cluster/config/totem", "settings of Corosync's network", "object", config_totem),
    READS("/cluster/config/qdevice", "the quorum device, if there is one", "object",
          config_qdevice),
    READS("/cluster/config/apiversion", "which way to join this cluster speaks", "integer",
          config_apiversion),
};

const struct method_table endpoints_config = {methods, ARRAY_SIZE(methods)};
