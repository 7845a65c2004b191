// SPDX-License-Identifier: Apache-2.0
// Base64 of JSON.
#include "cli/join_info.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/digest.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/model/corosync_conf.h"

enum { HOST_MAX = 255 };

struct json *join_info_node(struct arena *arena, const struct corosync_node *node)
{
    struct json *row = json_new_object(arena);
    json_put_string(row, "name", node->name);
    json_put_string(row, "nodeid", arena_printf(arena, "%" PRIu32, node->id));
    json_put_string(row, "quorum_votes", arena_printf(arena, "%" PRIu32, node->votes));
    for (int i = 0; i < COROSYNC_LINKS_MAX; i++) {
        json_put_string(row, arena_printf(arena, "ring%d_addr", i), node->addresses[i]);
    }
    return row;
}

// The links that any node has.
static struct json *totem_interfaces(struct arena *arena, const struct corosync_conf *conf)
{
    struct json *interfaces = json_new_object(arena);
    size_t count = 0;
    const struct corosync_node *nodes = corosync_conf_nodes(conf, &count);
    for (size_t i = 0; i < count; i++) {
        for (int link = 0; link < COROSYNC_LINKS_MAX; link++) {
            const char *number = arena_printf(arena, "%d", link);
            struct json *interface = json_new_object(arena);
            if (nodes[i].addresses[link] != NULL) {
                json_put_string(interface, "linknumber", number);
                json_put(interfaces, number, interface);
            }
        }
    }
    return interfaces;
}

struct json *join_info_totem(struct arena *arena, const struct corosync_conf *conf)
{
    struct json *totem = json_new_object(arena);
    json_put_string(totem, "cluster_name", corosync_conf_cluster_name(conf));
    json_put_string(totem, "config_version",
                    arena_printf(arena, "%" PRId64, corosync_conf_version(conf)));
    json_put_string(totem, "version", "2");
    json_put_string(totem, "ip_version", "ipv4-6");
    json_put_string(totem, "link_mode", "passive");
    json_put_string(totem, "secauth", "on");
    if (corosync_conf_token_ms(conf) > 0) {
        json_put_string(totem, "token",
                        arena_printf(arena, "%" PRId64, corosync_conf_token_ms(conf)));
    }
    json_put(totem, "interface", totem_interfaces(arena, conf));
    return totem;
}

char *join_info_format(struct arena *arena, const struct corosync_conf *conf,
                       const struct corosync_node *node, const struct join_info *info)
{
    struct json *document = json_new_object(arena);
    struct json *links = json_new_object(arena);
    struct json *addresses = json_new_array(arena);
    for (int link = 0; link < COROSYNC_LINKS_MAX; link++) {
        if (node->addresses[link] != NULL) {
            json_put_string(links, arena_printf(arena, "%d", link), node->addresses[link]);
            json_append(addresses, json_new_string(arena, node->addresses[link]));
        }
    }
    json_put_string(document, "ipAddress", info->address);
    json_put_string(document, "fingerprint", info->fingerprint);
    json_put(document, "peerLinks", links);
    json_put(document, "ring_addr", addresses);
    json_put(document, "totem", join_info_totem(arena, conf));
    const char *text = json_to_text(arena, document);
    return digest_base64_encode(arena, text, strlen(text));
}

// It becomes part of an address of the web.
static bool host_is_good(const char *host)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:";
    size_t length = strlen(host);
    return length > 0 && length <= HOST_MAX && strspn(host, allowed) == length;
}

static int info_read(const struct json *document, struct join_info *ret, struct error *err)
{
    struct join_info info = {0};
    int r = json_get_string(document, "ipAddress", &info.address, err);
    if (r == 0) {
        r = json_get_string(document, "fingerprint", &info.fingerprint, err);
    }
    if (r == 0 && !host_is_good(info.address)) {
        r = error_set(err, -EINVAL, "'%.80s' is not the name or address of a host", info.address);
    }
    if (r == 0) {
        *ret = info;
    }
    return r;
}

int join_info_parse(struct arena *arena, const char *text, struct join_info *ret, struct error *err)
{
    char *bytes = NULL;
    size_t size = 0;
    struct json *document = NULL;
    int r =
        strlen(text) > JOIN_INFO_MAX ? -E2BIG : digest_base64_decode(arena, text, &bytes, &size);
    if (r < 0) {
        return error_set(err, -EINVAL, "join information: it is not base64");
    }
    r = json_parse(arena, bytes, size, &document, err);
    if (r == 0 && document->type != JSON_TYPE_OBJECT) {
        r = error_set(err, -EINVAL, "it is not an object");
    }
    bool is_info = r == 0 && (json_find(document, "ipAddress") != NULL ||
                              json_find(document, "fingerprint") != NULL);
    if (is_info) {
        r = info_read(document, ret, err);
    } else if (r == 0) {
        r = error_set(err, -EINVAL, "it holds something else");
    }
    if (r < 0) {
        ignore_result(error_prefix(err, "join information"));
        return is_info ? -EBADMSG : -EINVAL;
    }
    return 0;
}
