// SPDX-License-Identifier: Apache-2.0
// Which ports to look at, from corosync.conf and what this node's Corosync says; how is
// common/host/udp_probe.c's.
#include "cli/check_ports.h"

#include <stdbool.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/json.h"
#include "common/host/file.h"
#include "common/host/paths.h"
#include "common/host/udp_probe.h"
#include "common/model/corosync_conf.h"

enum { COROSYNC_PORT = 5405 }; // of link 0; the others follow

static bool is_true(const struct json *object, const char *key)
{
    bool value = false;
    ignore_result(json_get_bool_if(object, key, &value, NULL));
    return value;
}

static bool is_named(const struct json *object, const char *node)
{
    const char *name = json_find_string(object, "node");
    return name != NULL && strcmp(name, node) == 0;
}

static bool node_is_there(const struct json *members, const char *node)
{
    for (size_t i = 0; members != NULL && i < members->count; i++) {
        if (is_named(members->items[i], node)) {
            return is_true(members->items[i], "corosync");
        }
    }
    return false;
}

static bool link_is_down(const struct json *status, const char *node, int number)
{
    const struct json *links = json_find(status, "links");
    for (size_t i = 0; links != NULL && links->type == JSON_TYPE_ARRAY && i < links->count; i++) {
        int64_t link = -1;
        ignore_result(json_get_int_if(links->items[i], "link", 0, COROSYNC_LINKS_MAX, &link, NULL));
        if (is_named(links->items[i], node) && link == number) {
            return !is_true(links->items[i], "connected");
        }
    }
    return false; // not known yet
}

static struct corosync_conf *conf_read(struct arena *arena)
{
    char *text;
    size_t size;
    struct corosync_conf *conf = NULL;
    if (file_read(arena, PATH_COROSYNC_CONF, COROSYNC_CONF_SIZE_MAX, &text, &size, NULL) < 0 ||
        strstr(text, "mcastport") != NULL ||
        corosync_conf_parse(arena, PATH_COROSYNC_CONF, text, size, &conf, NULL) < 0) {
        return NULL;
    }
    return conf;
}

void check_ports_find(struct arena *arena, const struct json *status, const struct json *members,
                      const char *self, const struct check_port **ret_ports, size_t *ret_count)
{
    const struct corosync_conf *conf = conf_read(arena);
    size_t nodes_count = 0;
    const struct corosync_node *nodes =
        conf != NULL ? corosync_conf_nodes(conf, &nodes_count) : NULL;
    size_t most = nodes_count * COROSYNC_LINKS_MAX;
    struct check_port *ports = arena_array_of(arena, struct check_port, most);
    struct udp_probe *probes = arena_array_of(arena, struct udp_probe, most);
    size_t count = 0;
    for (size_t i = 0; i < nodes_count; i++) {
        const struct corosync_node *node = &nodes[i];
        bool is_there = strcmp(node->name, self) == 0 || node_is_there(members, node->name);
        for (int link = 0; link < COROSYNC_LINKS_MAX; link++) {
            if (node->addresses[link] == NULL ||
                (is_there && !link_is_down(status, node->name, link))) {
                continue;
            }
            ports[count] = (struct check_port){
                .node = node->name,
                .address = node->addresses[link],
                .link = link,
                .port = (uint16_t)(COROSYNC_PORT + link),
            };
            probes[count] = (struct udp_probe){
                .address = ports[count].address,
                .port = ports[count].port,
            };
            count++;
        }
    }
    udp_probe_run(probes, count, UDP_PROBE_MS);
    for (size_t i = 0; i < count; i++) {
        ports[i].answer = (int)probes[i].answer;
    }
    *ret_ports = ports;
    *ret_count = count;
}
