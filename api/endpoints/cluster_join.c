// SPDX-License-Identifier: Apache-2.0
// /cluster/config, what makes and changes a cluster: join information, creating one, joining one,
// and what a member does for a node that joins. Only root@pam itself may change it.
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "api/call/call.h"
#include "api/endpoints/corosync_document.h"
#include "api/endpoints/endpoint_support.h"
#include "api/endpoints/endpoints.h"
#include "api/endpoints/parameter_rows.h"
#include "api/task/task.h"
#include "cli/join_info.h"
#include "cli/join_string.h"
#include "cli/member_add.h"
#include "cli/member_remove.h"
#include "cli/session.h"
#include "common/base/arena.h"
#include "common/base/digest.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/host/network.h"
#include "common/model/corosync_conf.h"
#include "common/model/event.h"
#include "ha_config.h"

#define NOT_IN_CLUSTER_WORDS "node is not in a cluster, no join info available!"

enum { ARGUMENTS_MAX = 32 };

// ---- Join information.

static struct json *join_node(const struct call *call, const struct corosync_node *node)
{
    struct json *row = join_info_node(call->arena, node);
    const char *address = endpoint_address(call, node->name);
    json_put_string(row, "pve_addr", address != NULL ? address : node->addresses[0]);
    json_put_string(row, "pve_fp", endpoint_fingerprint(call, node->name));
    return row;
}

static void join_get(struct call *call)
{
    struct corosync_conf *conf = NULL;
    struct error err = {0};
    size_t count = 0;
    const char *preferred = call_string(call, "node", call->host->node);
    int r = corosync_document_read(call, &conf, &err);
    if (r == -ENOENT) {
        call_refuse(call, CALL_STATUS_NOT_IN_CLUSTER, NOT_IN_CLUSTER_WORDS);
        return;
    }
    if (r < 0) {
        call_fail(call, &err);
        return;
    }
    if (corosync_conf_find_node(conf, preferred) == NULL) {
        call_refuse(call, CALL_STATUS_FAILED, "unknown node '%s'", preferred);
        return;
    }
    const char *text = corosync_conf_format(call->arena, conf);
    const struct corosync_node *nodes = corosync_conf_nodes(conf, &count);
    struct json *list = json_new_array(call->arena);
    for (size_t i = 0; i < count; i++) {
        json_append(list, join_node(call, &nodes[i]));
    }
    struct json *answer = json_new_object(call->arena);
    json_put_string(answer, "config_digest", digest_sha1_hex(call->arena, text, strlen(text)));
    json_put(answer, "nodelist", list);
    json_put_string(answer, "preferred_node", preferred);
    json_put(answer, "totem", join_info_totem(call->arena, conf));
    call_return(call, answer);
}

// ---- What several take: links, votes.

// Corosync's own order of links is all there is.
static const char *link_address(struct call *call, const char *name, const char *text)
{
    static const char address_key[] = "address=";
    if (strncmp(text, address_key, sizeof(address_key) - 1) == 0) {
        text += sizeof(address_key) - 1;
    }
    if (strchr(text, ',') != NULL) {
        call_fault(call, name, "links have no priorities here");
        return NULL;
    }
    if (!network_is_address(text)) {
        call_fault(call, name, "'%s' is not an IPv4 or IPv6 address", text);
        return NULL;
    }
    return text;
}

// By link, COROSYNC_LINKS_MAX of them. False: the call was refused.
static bool links_read(struct call *call, const char **addresses)
{
    size_t count = 0;
    for (int link = 0; link < COROSYNC_LINKS_MAX; link++) {
        const char *name = arena_printf(call->arena, "link%d", link);
        const char *text = call_string(call, name, NULL);
        addresses[link] = text != NULL ? link_address(call, name, text) : NULL;
        count += addresses[link] != NULL ? 1 : 0;
        if (addresses[link] != NULL && link > 0 && addresses[link - 1] == NULL && count > 1) {
            call_fault(call, name, "the link before it must be given, too");
        }
    }
    if (call_int(call, "votes", 1) != 1) {
        call_fault(call, "votes", "each node has one vote here");
    }
    return call->status == 0;
}

struct arguments {
    const char *words[ARGUMENTS_MAX + 1];
    size_t count;
};

static void argument_add(struct arguments *arguments, const char *word)
{
    if (arguments->count < ARGUMENTS_MAX) {
        arguments->words[arguments->count++] = word;
    }
}

static void links_add(struct call *call, struct arguments *arguments, const char *const *addresses)
{
    for (int link = 0; link < COROSYNC_LINKS_MAX; link++) {
        if (addresses[link] != NULL) {
            argument_add(arguments, arena_printf(call->arena, "--link%d", link));
            argument_add(arguments, addresses[link]);
        }
    }
}

// ---- A new cluster.

static void cluster_create(struct call *call)
{
    const char *addresses[COROSYNC_LINKS_MAX] = {0};
    const char *name = call_string(call, "clustername", "");
    if (name[0] == '-') {
        call_fault(call, "clustername", "invalid format - not a name of a cluster");
    }
    if (call_int(call, "nodeid", 1) != 1) {
        call_fault(call, "nodeid", "the first node has the id 1");
    }
    if (!links_read(call, addresses)) {
        return;
    }
    struct arguments arguments = {.words = {"ha-cluster", "create", name}, .count = 3};
    links_add(call, &arguments, addresses);
    const struct task_spec spec = {.type = "clustercreate", .id = name, .argv = arguments.words};
    call_task(call, &spec);
}

// ---- On the node that joins.

static void cluster_join(struct call *call)
{
    const char *addresses[COROSYNC_LINKS_MAX] = {0};
    struct arguments arguments = {
        .words = {"ha-cluster", "join", "--host", call_string(call, "hostname", ""),
                  "--fingerprint", call_string(call, "fingerprint", ""), "--password-file", "-"},
        .count = 8};
    if (!links_read(call, addresses)) {
        return;
    }
    links_add(call, &arguments, addresses);
    if (call_has(call, "nodeid")) {
        argument_add(&arguments, "--nodeid");
        argument_add(&arguments,
                     arena_printf(call->arena, "%" PRId64, call_int(call, "nodeid", 0)));
    }
    if (call_bool(call, "force", false)) {
        argument_add(&arguments, "--force");
    }
    const struct task_spec spec = {.type = "clusterjoin",
                                   .id = "",
                                   .argv = arguments.words,
                                   .input = call_string(call, "password", "")};
    call_task(call, &spec);
}

// ---- On a member.

static void node_tell(const struct call *call, const char *node, const char *what)
{
    struct event *event = event_new(call->arena, EVENT_LEVEL_NOTICE, "member-changed");
    event_text(call->arena, event, "node", node);
    endpoint_tell(call, event, what, NULL);
}

static void node_add(struct call *call)
{
    const char *addresses[COROSYNC_LINKS_MAX] = {0};
    const char *version = call_string(call, "ha-version", HA_VERSION);
    struct error err = {0};
    if (!links_read(call, addresses)) {
        return;
    }
    if (addresses[0] == NULL && call_has(call, "new_node_ip")) {
        addresses[0] = link_address(call, "new_node_ip", call_string(call, "new_node_ip", ""));
    }
    if (addresses[0] == NULL) {
        call_fault(call, "link0", "property is missing and it is not optional");
        return;
    }
    if (strcmp(version, HA_VERSION) != 0) {
        call_refuse(call, CALL_STATUS_FAILED,
                    "the cluster runs version " HA_VERSION ", the node %s: install the same "
                    "version",
                    version);
        return;
    }
    const struct member_add_spec spec = {.node = call_string(call, "node", ""),
                                         .addresses = addresses,
                                         .id = (uint32_t)call_int(call, "nodeid", 0)};
    struct json *warnings = json_new_array(call->arena);
    struct join_string join;
    if (member_add(call->arena, call->host->session, &spec, warnings, &join, &err) < 0) {
        call_fail(call, &err);
        return;
    }
    node_tell(call, spec.node, "added");
    struct json *answer = json_new_object(call->arena);
    json_put_string(answer, "clustername", join.cluster);
    json_put_string(answer, "corosync_authkey",
                    digest_base64_encode(call->arena, join.authkey, join.authkey_size_bytes));
    json_put_string(answer, "corosync_conf", join.corosync_conf);
    json_put_string(answer, "ha_profile", join.profile);
    json_put_string(answer, "ha_version", join.version);
    json_put(answer, "warnings", warnings);
    call_return(call, answer);
}

static void node_delete(struct call *call)
{
    const char *node = call_string(call, "node", "");
    struct json *warnings = json_new_array(call->arena);
    struct error err = {0};
    if (strcmp(node, call->host->node) == 0) {
        call_refuse(call, CALL_STATUS_FAILED, "Cannot delete myself from cluster!");
        return;
    }
    if (member_remove(call->arena, call->host->session, node, false, warnings, &err) < 0) {
        call_fail(call, &err);
        return;
    }
    node_tell(call, node, "removed");
}

// ---- The rows.

#define PARAMETER_LINKS                                                                            \
    {                                                                                              \
        .name = "link[n]", .format = PARAMETER_FORMAT_LINK, .has_maximum = true,                   \
        .maximum = COROSYNC_LINKS_MAX - 1,                                                         \
        .description = "the node's address in the cluster's network n"                             \
    }
#define PARAMETER_NODEID                                                                           \
    {                                                                                              \
        .name = "nodeid", .type = PARAMETER_TYPE_INTEGER, .has_minimum = true, .minimum = 1,       \
        .has_maximum = true, .maximum = INT32_MAX,                                                 \
        .description = "for clients that give it: it must be the lowest that is free"              \
    }
#define PARAMETER_VOTES                                                                            \
    {                                                                                              \
        .name = "votes", .type = PARAMETER_TYPE_INTEGER, .has_minimum = true,                      \
        .description = "for clients that give it: 1"                                               \
    }

static const struct parameter parameters_get[] = {
    {.name = "node",
     .format = PARAMETER_FORMAT_NODE,
     .description = "the member that shall be asked to join; else the one that answers"}};
static const struct parameter parameters_create[] = {
    {.name = "clustername",
     .required = true,
     .length_max = COROSYNC_CLUSTER_NAME_MAX,
     .description = "name of the cluster; it cannot be changed later"},
    PARAMETER_NODEID,
    PARAMETER_VOTES,
    PARAMETER_LINKS};
static const struct parameter parameters_join[] = {
    {.name = "hostname",
     .format = PARAMETER_FORMAT_ADDRESS,
     .required = true,
     .description = "address of a member"},
    {.name = "password",
     .required = true,
     .length_max = 1024,
     .description = "of root on that member"},
    {.name = "fingerprint",
     .format = PARAMETER_FORMAT_FINGERPRINT,
     .required = true,
     .description = "of that member's certificate"},
    PARAMETER_NODEID,
    PARAMETER_VOTES,
    {.name = "force",
     .type = PARAMETER_TYPE_BOOLEAN,
     .description = "although this node has guests: their definitions are set aside"},
    PARAMETER_LINKS};
static const struct parameter parameters_add[] = {
    PARAMETER_NODE,
    PARAMETER_NODEID,
    PARAMETER_VOTES,
    {.name = "force",
     .type = PARAMETER_TYPE_BOOLEAN,
     .description = "for clients that give it: a node that is a member is never replaced"},
    {.name = "new_node_ip",
     .format = PARAMETER_FORMAT_ADDRESS,
     .description = "its address on link 0 when link0 is not given"},
    {.name = "apiversion",
     .type = PARAMETER_TYPE_INTEGER,
     .has_minimum = true,
     .has_maximum = true,
     .maximum = 1,
     .description = "which way to join the node speaks"},
    {.name = "ha-version", .length_max = 64, .description = "version of the node's software"},
    PARAMETER_LINKS};
static const struct parameter parameters_delete[] = {PARAMETER_NODE};

static const struct method methods[] = {
    {.verb = METHOD_VERB_GET,
     .path = "/cluster/config/join",
     .description = "what a node needs to join by a member's API",
     PARAMETERS(parameters_get),
     .access = METHOD_ACCESS_PRIVILEGE,
     .privilege = PRIVILEGE_SYS_AUDIT,
     .kind = METHOD_KIND_READ,
     .returns = "object",
     .run = join_get},
    {.verb = METHOD_VERB_POST,
     .path = "/cluster/config",
     .description = "make a new cluster of this node",
     PARAMETERS(parameters_create),
     .access = METHOD_ACCESS_ROOT,
     .kind = METHOD_KIND_READ,
     .returns = "string",
     .run = cluster_create},
    {.verb = METHOD_VERB_POST,
     .path = "/cluster/config/join",
     .description = "join a cluster with this node",
     PARAMETERS(parameters_join),
     .access = METHOD_ACCESS_ROOT,
     .kind = METHOD_KIND_READ,
     .returns = "string",
     .run = cluster_join},
    {.verb = METHOD_VERB_POST,
     .path = "/cluster/config/nodes/{node}",
     .description = "make room for a node that joins",
     PARAMETERS(parameters_add),
     .access = METHOD_ACCESS_ROOT,
     .kind = METHOD_KIND_WORK,
     .returns = "object",
     .run = node_add},
    {.verb = METHOD_VERB_DELETE,
     .path = "/cluster/config/nodes/{node}",
     .description = "take a node that is off out of the cluster",
     PARAMETERS(parameters_delete),
     .access = METHOD_ACCESS_ROOT,
     .kind = METHOD_KIND_WORK,
     .returns = "null",
     .run = node_delete},
};

const struct method_table endpoints_join = {methods, ARRAY_SIZE(methods)};
