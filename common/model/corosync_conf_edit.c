// SPDX-License-Identifier: Apache-2.0
// Changing corosync.conf: nodes in and out, votes, the token, the quorum device. Each change counts
// config_version up, since a newer version is what the nodes take over.
#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/model/corosync_conf.h"
#include "common/model/corosync_conf_internal.h"
#include "common/model/sid.h"

static int cluster_name_check(const char *name, struct error *err)
{
    if (strlen(name) > COROSYNC_CLUSTER_NAME_MAX || node_name_check(name, NULL) < 0) {
        return error_set(err, -EINVAL,
                         "'%.80s' cannot be the name of a cluster: letters, digits and '-' (not "
                         "at an end), at most %d",
                         name, COROSYNC_CLUSTER_NAME_MAX);
    }
    return 0;
}

int corosync_conf_new(struct arena *arena, const char *cluster_name, int64_t token_ms,
                      struct corosync_conf **ret, struct error *err)
{
    int r = cluster_name_check(cluster_name, err);
    if (r < 0) {
        return r;
    }
    struct corosync_conf *conf = conf_new(arena);
    size_t at = 0;
    conf->cluster_name = arena_strdup(arena, cluster_name);
    conf->token_ms = token_ms;
    conf_add_open(conf, &at, "totem");
    conf_add_key(conf, &at, "version", "2");
    conf_add_key(conf, &at, "cluster_name", cluster_name);
    conf_add_key(conf, &at, "config_version", "0");
    conf_add_key(conf, &at, "transport", "knet");
    conf_add_key(conf, &at, "crypto_cipher", "aes256");
    conf_add_key(conf, &at, "crypto_hash", "sha256");
    conf_add_key(conf, &at, "token", arena_printf(arena, "%lld", (long long)token_ms));
    conf_add_key(conf, &at, "token_coefficient", "0");
    conf_add_close(conf, &at);
    conf_add_open(conf, &at, "nodelist");
    conf_add_close(conf, &at);
    conf_add_open(conf, &at, "quorum");
    conf_add_key(conf, &at, "provider", "corosync_votequorum");
    conf_add_close(conf, &at);
    conf_add_open(conf, &at, "logging");
    conf_add_key(conf, &at, "to_syslog", "yes");
    conf_add_key(conf, &at, "to_stderr", "no");
    conf_add_key(conf, &at, "debug", "off");
    conf_add_close(conf, &at);
    *ret = conf;
    return 0;
}

// Where section `name` at depth 0 ends; lines_count when there is none.
static size_t section_end(const struct corosync_conf *conf, const char *name)
{
    int depth = 0;
    bool inside = false;
    for (size_t i = 0; i < conf->lines_count; i++) {
        const struct conf_line *line = &conf->lines[i];
        if (line->kind == CONF_LINE_OPEN) {
            inside = inside || (depth == 0 && strcmp(line->name, name) == 0);
            depth++;
        } else if (line->kind == CONF_LINE_CLOSE) {
            depth--;
            if (inside && depth == 0) {
                return i;
            }
        }
    }
    return conf->lines_count;
}

static void version_count_up(struct corosync_conf *conf)
{
    conf->version++;
    const char *value = arena_printf(conf->arena, "%lld", (long long)conf->version);
    size_t end = section_end(conf, "totem");
    // The keys of the section itself stand before its end, those of inner sections in between.
    int depth = 0;
    for (size_t i = end; i > 0; i--) {
        struct conf_line *line = &conf->lines[i - 1];
        if (line->kind == CONF_LINE_OPEN && depth == 0) {
            break;
        }
        depth += line->kind == CONF_LINE_CLOSE ? 1 : 0;
        depth -= line->kind == CONF_LINE_OPEN ? 1 : 0;
        if (line->kind == CONF_LINE_KEY && depth == 0 &&
            strcmp(line->name, "config_version") == 0) {
            line->value = value;
            return;
        }
    }
    conf_add_key(conf, &end, "config_version", value);
}

static uint32_t free_id(const struct corosync_conf *conf)
{
    uint32_t id = 1;
    // Each pass either finds the number taken or ends.
    for (size_t i = 0; i <= conf->nodes_count; i++) {
        bool taken = false;
        for (size_t k = 0; k < conf->nodes_count; k++) {
            taken = taken || conf->nodes[k].id == id;
        }
        if (!taken) {
            break;
        }
        id++;
    }
    return id;
}

static int new_node_check(const struct corosync_conf *conf, const char *name,
                          const char *const addresses[COROSYNC_LINKS_MAX], struct error *err)
{
    int r = node_name_check(name, err);
    if (r < 0) {
        return r;
    }
    if (corosync_conf_find_node(conf, name) != NULL) {
        return error_set(err, -EEXIST, "node '%s' is in the cluster already", name);
    }
    int twice = conf_address_twice(addresses);
    if (twice >= 0) {
        return error_set(err, -EINVAL, "address '%s' on link %d is that of another link too",
                         addresses[twice], twice);
    }
    for (size_t i = 0; i < COROSYNC_LINKS_MAX; i++) {
        bool wanted = conf->nodes_count > 0 ? conf->nodes[0].addresses[i] != NULL : i == 0;
        if (wanted && addresses[i] == NULL) {
            return error_set(err, -EINVAL, "an address on link %zu is missing", i);
        }
        if (!wanted && addresses[i] != NULL && conf->nodes_count > 0) {
            return error_set(err, -EINVAL, "the cluster has no link %zu", i);
        }
        const struct corosync_node *other =
            addresses[i] != NULL ? conf_find_address(conf, addresses[i]) : NULL;
        if (other != NULL) {
            return error_set(err, -EEXIST, "address '%s' on link %zu is that of node '%s'",
                             addresses[i], i, other->name);
        }
    }
    return 0;
}

int corosync_conf_add_node(struct corosync_conf *conf, const char *name,
                           const char *const addresses[COROSYNC_LINKS_MAX], struct error *err)
{
    size_t at = section_end(conf, "nodelist");
    if (at == conf->lines_count || section_end(conf, "totem") == conf->lines_count) {
        return error_set(err, -EINVAL, "the configuration has no sections 'totem' and 'nodelist'");
    }
    if (conf->nodes_count == COROSYNC_NODES_MAX) {
        return error_set(err, -EINVAL, "the cluster has %d nodes, more are not supported",
                         COROSYNC_NODES_MAX);
    }
    int r = new_node_check(conf, name, addresses, err);
    if (r < 0) {
        return r;
    }
    struct corosync_node *node = &conf->nodes[conf->nodes_count];
    *node = (struct corosync_node){
        .name = arena_strdup(conf->arena, name),
        .id = free_id(conf),
        .votes = conf->nodes_count == 0 ? 1 : 0,
        .joining = conf->nodes_count > 0,
    };
    conf_add_open(conf, &at, "node");
    conf_add_key(conf, &at, "name", name);
    conf_add_key(conf, &at, "nodeid", arena_printf(conf->arena, "%u", node->id));
    conf_add_key(conf, &at, "quorum_votes", arena_printf(conf->arena, "%u", node->votes));
    if (node->joining) {
        conf_add_key(conf, &at, CONF_KEY_JOINING, "yes");
    }
    for (size_t i = 0; i < COROSYNC_LINKS_MAX; i++) {
        if (addresses[i] != NULL) {
            node->addresses[i] = arena_strdup(conf->arena, addresses[i]);
            conf_add_key(conf, &at, arena_printf(conf->arena, "ring%zu_addr", i), addresses[i]);
        }
    }
    conf_add_close(conf, &at);
    conf->nodes_count++;
    version_count_up(conf);
    return 0;
}

// The lines of section "node" with this name: from its first key on, *ret_end is its end.
static size_t node_begin(const struct corosync_conf *conf, const char *name, size_t *ret_end)
{
    size_t begin = 0;
    bool found = false;
    for (size_t i = 0; i < conf->lines_count; i++) {
        const struct conf_line *line = &conf->lines[i];
        if (line->kind == CONF_LINE_OPEN) {
            begin = i + 1;
        } else if (line->kind == CONF_LINE_KEY && strcmp(line->name, "name") == 0) {
            found = found || (begin > 0 && strcmp(conf->lines[begin - 1].name, "node") == 0 &&
                              strcmp(line->value, name) == 0);
        } else if (line->kind == CONF_LINE_CLOSE && found) {
            *ret_end = i;
            return begin;
        }
    }
    assert(false); // only asked for nodes that are there
    return 0;
}

void corosync_conf_admit_node(struct corosync_conf *conf, const char *name)
{
    struct corosync_node *node = NULL;
    for (size_t i = 0; i < conf->nodes_count; i++) {
        if (conf->nodes[i].joining && strcmp(conf->nodes[i].name, name) == 0) {
            node = &conf->nodes[i];
        }
    }
    if (node == NULL) {
        return;
    }
    node->joining = false;
    node->votes = 1;
    size_t end = 0;
    for (size_t i = node_begin(conf, name, &end); i < end;) {
        struct conf_line *line = &conf->lines[i];
        if (strcmp(line->name, CONF_KEY_JOINING) == 0) {
            memmove(line, line + 1, (conf->lines_count - i - 1) * sizeof(*line));
            conf->lines_count--;
            end--;
            continue;
        }
        if (strcmp(line->name, "quorum_votes") == 0) {
            line->value = "1";
        }
        i++;
    }
    version_count_up(conf);
}

// Takes the lines from `begin` up to, but without, `end` out.
static void lines_remove(struct corosync_conf *conf, size_t begin, size_t end)
{
    assert(begin <= end && end <= conf->lines_count);
    memmove(conf->lines + begin, conf->lines + end,
            (conf->lines_count - end) * sizeof(*conf->lines));
    conf->lines_count -= end - begin;
}

int corosync_conf_remove_node(struct corosync_conf *conf, const char *name, struct error *err)
{
    const struct corosync_node *node = corosync_conf_find_node(conf, name);
    if (node == NULL) {
        return error_set(err, -ENOENT, "there is no node '%s' in the configuration", name);
    }
    if (conf->nodes_count == 1) {
        return error_set(err, -EINVAL, "node '%s' is the last one", name);
    }
    size_t end = 0;
    size_t begin = node_begin(conf, name, &end);
    lines_remove(conf, begin - 1, end + 1);
    size_t at = (size_t)(node - conf->nodes);
    memmove(conf->nodes + at, conf->nodes + at + 1,
            (conf->nodes_count - at - 1) * sizeof(*conf->nodes));
    conf->nodes_count--;
    version_count_up(conf);
    return 0;
}

// Where the inner section of the outer one (at depth 0) stands: from its opening line up to after
// its end. False when there is none. `inner` NULL: the outer one itself.
static bool section_find(const struct corosync_conf *conf, const char *outer, const char *inner,
                         size_t *ret_begin, size_t *ret_end)
{
    int depth = 0;
    bool is_outer = false;
    bool found = false;
    int wanted = inner == NULL ? 0 : 1;
    for (size_t i = 0; i < conf->lines_count; i++) {
        const struct conf_line *line = &conf->lines[i];
        if (line->kind == CONF_LINE_OPEN) {
            is_outer = depth == 0 ? strcmp(line->name, outer) == 0 : is_outer;
            if (!found && is_outer && depth == wanted &&
                (inner == NULL || strcmp(line->name, inner) == 0)) {
                found = true;
                *ret_begin = i;
            }
            depth++;
        } else if (line->kind == CONF_LINE_CLOSE) {
            depth--;
            if (found && depth == wanted) {
                *ret_end = i + 1;
                return true;
            }
        }
    }
    return false;
}

// Sets a key of the section itself, not of one inside it; NULL removes it.
static void section_set(struct corosync_conf *conf, const char *section, const char *key,
                        const char *value)
{
    size_t begin = 0;
    size_t end = 0;
    if (!section_find(conf, section, NULL, &begin, &end)) {
        return;
    }
    int depth = 0;
    for (size_t i = begin; i < end; i++) {
        struct conf_line *line = &conf->lines[i];
        depth += line->kind == CONF_LINE_OPEN ? 1 : 0;
        depth -= line->kind == CONF_LINE_CLOSE ? 1 : 0;
        if (line->kind != CONF_LINE_KEY || depth != 1 || strcmp(line->name, key) != 0) {
            continue;
        }
        if (value == NULL) {
            lines_remove(conf, i, i + 1);
        } else {
            line->value = arena_strdup(conf->arena, value);
        }
        return;
    }
    size_t at = end - 1;
    if (value != NULL) {
        conf_add_key(conf, &at, key, value);
    }
}

void corosync_conf_set_token(struct corosync_conf *conf, int64_t token_ms)
{
    conf->token_ms = token_ms;
    section_set(conf, "totem", "token", arena_printf(conf->arena, "%lld", (long long)token_ms));
    section_set(conf, "totem", "token_coefficient", "0");
    section_set(conf, "totem", "consensus", NULL);
    version_count_up(conf);
}

bool corosync_conf_device(const struct corosync_conf *conf, struct corosync_device *ret)
{
    size_t begin = 0;
    size_t end = 0;
    struct corosync_device device = {.host = "", .algorithm = "", .tls = ""};
    if (!section_find(conf, "quorum", "device", &begin, &end)) {
        return false;
    }
    for (size_t i = begin; i < end; i++) {
        const struct conf_line *line = &conf->lines[i];
        if (line->kind != CONF_LINE_KEY) {
            continue;
        }
        if (strcmp(line->name, "host") == 0) {
            device.host = line->value;
        } else if (strcmp(line->name, "algorithm") == 0) {
            device.algorithm = line->value;
        } else if (strcmp(line->name, "tls") == 0) {
            device.tls = line->value;
        }
    }
    *ret = device;
    return true;
}

static void device_add(struct corosync_conf *conf, size_t at, const struct corosync_device *device)
{
    conf_add_open(conf, &at, "device");
    conf_add_key(conf, &at, "model", "net");
    if (strcmp(device->algorithm, "ffsplit") == 0) {
        conf_add_key(conf, &at, "votes",
                     "1"); // with "lms" Corosync takes one less than the nodes have
    }
    // The device gives up a silent node after 1.2 time-outs; a survivor waits for that, and longer
    // than others may believe in the device. Corosync's own 10 s and 30 s make that a minute.
    conf_add_key(conf, &at, "timeout", "4000");
    conf_add_key(conf, &at, "sync_timeout", "8000");
    conf_add_open(conf, &at, "net");
    conf_add_key(conf, &at, "host", device->host);
    conf_add_key(conf, &at, "algorithm", device->algorithm);
    conf_add_key(conf, &at, "tls", device->tls);
    conf_add_close(conf, &at);
    conf_add_close(conf, &at);
}

void corosync_conf_set_device(struct corosync_conf *conf, const struct corosync_device *device)
{
    size_t begin = 0;
    size_t end = 0;
    if (section_find(conf, "quorum", "device", &begin, &end)) {
        lines_remove(conf, begin, end);
    }
    if (device != NULL && section_find(conf, "quorum", NULL, &begin, &end)) {
        device_add(conf, end - 1, device);
    }
    version_count_up(conf);
}
