// SPDX-License-Identifier: Apache-2.0
// The calls to Corosync's libraries. A call that Corosync answers waits for it; as long as Corosync
// itself stands still nothing could be committed anyway, so that waiting is harmless.
#include "cluster/corosync/corosync_link.h"

#include <assert.h>
#include <corosync/cfg.h>
#include <corosync/cmap.h>
#include <corosync/cpg.h>
#include <corosync/quorum.h>
#include <corosync/votequorum.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/uio.h>

#include "cluster/transport.h"
#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/map.h"
#include "common/base/parse.h"
#include "common/base/strbuf.h"
#include "common/host/loop.h"

static const char group_name[] = "ha-manager";

enum link_service { SERVICE_CPG, SERVICE_QUORUM, SERVICE_VOTES, SERVICE_MAP, SERVICE_MAX };

struct link_source {
    struct corosync_link *link;
    enum link_service service;
    struct loop_source *io;
};

struct corosync_link {
    struct corosync_link_callbacks callbacks;
    uint32_t self;
    cpg_handle_t cpg;
    quorum_handle_t quorum;
    votequorum_handle_t votes;
    cmap_handle_t map;
    bool has_cpg, has_quorum, has_votes, has_map;
    struct link_source sources[SERVICE_MAX];
    bool reloaded; // noted by the map's callback, told after the dispatch
};

// ---- Callbacks of the libraries.

static void on_deliver(cpg_handle_t handle, const struct cpg_name *group, uint32_t node,
                       uint32_t process, void *bytes, size_t size_bytes)
{
    (void)group; // we are in one only
    (void)process;
    void *context = NULL;
    if (cpg_context_get(handle, &context) == CS_OK) {
        struct corosync_link *link = context;
        link->callbacks.delivered(link->callbacks.userdata, node, bytes, size_bytes);
    }
}

// Members that come or go with their node mean another ring; its name follows at once.
static bool is_of_ring(const struct cpg_address *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (list[i].reason == CPG_REASON_NODEDOWN || list[i].reason == CPG_REASON_NODEUP) {
            return true;
        }
    }
    return false;
}

static void on_group(cpg_handle_t handle, const struct cpg_name *group,
                     const struct cpg_address *members, size_t members_count,
                     const struct cpg_address *left, size_t left_count,
                     const struct cpg_address *joined, size_t joined_count)
{
    (void)group; // we are in one only
    void *context = NULL;
    if (cpg_context_get(handle, &context) != CS_OK) {
        return;
    }
    struct corosync_link *link = context;
    struct correlation_member list[CPG_MEMBERS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < members_count && count < CPG_MEMBERS_MAX; i++) {
        list[count++] =
            (struct correlation_member){.id = members[i].nodeid, .process = members[i].pid};
    }
    bool ring_follows = is_of_ring(left, left_count) || is_of_ring(joined, joined_count);
    link->callbacks.group(link->callbacks.userdata, list, count, ring_follows);
}

static void on_ring(cpg_handle_t handle, struct cpg_ring_id ring, uint32_t count,
                    const uint32_t *members)
{
    (void)count; // the group's members count, not the ring's
    (void)members;
    void *context = NULL;
    if (cpg_context_get(handle, &context) == CS_OK) {
        struct corosync_link *link = context;
        struct correlation_ring id = {.node = ring.nodeid, .sequence = ring.seq};
        link->callbacks.ring(link->callbacks.userdata, id);
    }
}

static struct corosync_link *quorum_link(quorum_handle_t handle)
{
    const void *context = NULL;
    cs_error_t rc = quorum_context_get(handle, &context);
    assert(rc == CS_OK);
    struct corosync_link *const *link = context;
    return *link;
}

static void on_quorum(quorum_handle_t handle, uint32_t quorate, struct quorum_ring_id ring,
                      uint32_t count, const uint32_t *members)
{
    (void)count; // told by on_nodes
    (void)members;
    struct corosync_link *link = quorum_link(handle);
    struct correlation_ring id = {.node = ring.nodeid, .sequence = ring.seq};
    link->callbacks.quorum(link->callbacks.userdata, id, quorate != 0);
}

static void on_nodes(quorum_handle_t handle, struct quorum_ring_id ring, uint32_t count,
                     const uint32_t *members, uint32_t joined_count, const uint32_t *joined,
                     uint32_t left_count, const uint32_t *left)
{
    (void)ring; // for display only
    (void)joined_count;
    (void)joined;
    (void)left_count;
    (void)left;
    struct corosync_link *link = quorum_link(handle);
    link->callbacks.nodes(link->callbacks.userdata, members, count);
}

static struct corosync_link *votes_link(uint64_t context)
{
    return (struct corosync_link *)(uintptr_t)context;
}

static void on_votes_quorum(votequorum_handle_t handle, uint64_t context, uint32_t quorate,
                            uint32_t count, votequorum_node_t nodes[])
{
    (void)handle; // what changed is asked for
    (void)quorate;
    (void)count;
    (void)nodes;
    struct corosync_link *link = votes_link(context);
    link->callbacks.votes(link->callbacks.userdata);
}

static void on_votes_expected(votequorum_handle_t handle, uint64_t context, uint32_t expected)
{
    (void)handle; // what changed is asked for
    (void)expected;
    struct corosync_link *link = votes_link(context);
    link->callbacks.votes(link->callbacks.userdata);
}

static void on_map(cmap_handle_t handle, cmap_track_handle_t track, int32_t event, const char *key,
                   struct cmap_notify_value new_value, struct cmap_notify_value old_value,
                   void *userdata)
{
    (void)handle; // many keys change at once: they are read when that is over
    (void)track;
    (void)event;
    (void)key;
    (void)new_value;
    (void)old_value;
    struct corosync_link *link = userdata;
    link->reloaded = true;
}

// ---- Dispatching.

static cs_error_t service_dispatch(struct corosync_link *link, enum link_service service)
{
    switch (service) {
    case SERVICE_CPG:
        return cpg_dispatch(link->cpg, CS_DISPATCH_ALL);
    case SERVICE_QUORUM:
        return quorum_dispatch(link->quorum, CS_DISPATCH_ALL);
    case SERVICE_VOTES:
        return votequorum_dispatch(link->votes, CS_DISPATCH_ALL);
    case SERVICE_MAP:
        return cmap_dispatch(link->map, CS_DISPATCH_ALL);
    case SERVICE_MAX:
        break;
    }
    assert(false);
    return CS_ERR_LIBRARY;
}

static void service_ready(void *userdata, uint32_t events)
{
    (void)events; // a hang-up shows in the dispatch
    struct link_source *source = userdata;
    struct corosync_link *link = source->link;
    cs_error_t rc = service_dispatch(link, source->service);
    if (link->reloaded) {
        link->reloaded = false;
        link->callbacks.reloaded(link->callbacks.userdata);
    }
    if (rc != CS_OK && rc != CS_ERR_TRY_AGAIN) {
        link->callbacks.lost(link->callbacks.userdata, "the connection broke");
        return;
    }
    link->callbacks.turned(link->callbacks.userdata);
}

// ---- Opening.

static int failed(struct error *err, cs_error_t rc, const char *what)
{
    // Whatever the reason, the remedy is the same: try again when Corosync is up.
    return error_set(err, -ENOTCONN, "%s: Corosync's error %d", what, (int)rc);
}

static int open_cpg(struct corosync_link *link, struct error *err)
{
    cpg_model_v1_data_t model = {
        .model = CPG_MODEL_V1,
        .cpg_deliver_fn = on_deliver,
        .cpg_confchg_fn = on_group,
        .cpg_totem_confchg_fn = on_ring,
        .flags = CPG_MODEL_V1_DELIVER_INITIAL_TOTEM_CONF,
    };
    cs_error_t rc =
        cpg_model_initialize(&link->cpg, CPG_MODEL_V1, (cpg_model_data_t *)&model, link);
    if (rc != CS_OK) {
        return failed(err, rc, "cannot use its group service");
    }
    link->has_cpg = true;
    unsigned int id = 0;
    rc = cpg_local_get(link->cpg, &id);
    if (rc != CS_OK) {
        return failed(err, rc, "cannot ask for its node id");
    }
    if (id != link->self) {
        return error_set(err, -EINVAL,
                         "Corosync runs as node %u, but its configuration file says that this node "
                         "is %u: restart Corosync",
                         id, link->self);
    }
    return 0;
}

static int open_quorum(struct corosync_link *link, struct error *err)
{
    quorum_model_v1_data_t model = {
        .model = QUORUM_MODEL_V1,
        .quorum_notify_fn = on_quorum,
        .nodelist_notify_fn = on_nodes,
    };
    uint32_t type = QUORUM_FREE;
    // The library hands the context back as a pointer to const: it points to one of ours.
    cs_error_t rc =
        quorum_model_initialize(&link->quorum, QUORUM_MODEL_V1, (quorum_model_data_t *)&model,
                                &type, &link->sources[SERVICE_QUORUM].link);
    if (rc != CS_OK) {
        return failed(err, rc, "cannot use its quorum service");
    }
    link->has_quorum = true;
    if (type != QUORUM_SET) {
        return error_set(err, -EINVAL,
                         "Corosync runs without quorum: its configuration needs 'provider: "
                         "corosync_votequorum' in section 'quorum'");
    }
    votequorum_callbacks_t callbacks = {
        .votequorum_quorum_notify_fn = on_votes_quorum,
        .votequorum_expectedvotes_notify_fn = on_votes_expected,
    };
    rc = votequorum_initialize(&link->votes, &callbacks);
    if (rc != CS_OK) {
        return failed(err, rc, "cannot use its vote service");
    }
    link->has_votes = true;
    rc = quorum_trackstart(link->quorum, CS_TRACK_CHANGES | CS_TRACK_CURRENT);
    if (rc == CS_OK) {
        rc = votequorum_trackstart(link->votes, (uint64_t)(uintptr_t)link,
                                   CS_TRACK_CHANGES | CS_TRACK_CURRENT);
    }
    return rc == CS_OK ? 0 : failed(err, rc, "cannot follow its quorum");
}

static int open_map(struct corosync_link *link, struct error *err)
{
    cs_error_t rc = cmap_initialize(&link->map);
    if (rc != CS_OK) {
        return failed(err, rc, "cannot use its configuration map");
    }
    link->has_map = true;
    static const char *const prefixes[] = {"nodelist.", "totem.config_version",
                                           "runtime.config.totem."};
    int32_t kinds = CMAP_TRACK_ADD | CMAP_TRACK_DELETE | CMAP_TRACK_MODIFY | CMAP_TRACK_PREFIX;
    for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
        cmap_track_handle_t track;
        rc = cmap_track_add(link->map, prefixes[i], kinds, on_map, link, &track);
        if (rc != CS_OK) {
            return failed(err, rc, "cannot follow its configuration map");
        }
    }
    return 0;
}

static int open_source(struct corosync_link *link, struct loop *loop, enum link_service service,
                       struct error *err)
{
    int fd = -1;
    cs_error_t rc = CS_ERR_LIBRARY;
    switch (service) {
    case SERVICE_CPG:
        rc = cpg_fd_get(link->cpg, &fd);
        break;
    case SERVICE_QUORUM:
        rc = quorum_fd_get(link->quorum, &fd);
        break;
    case SERVICE_VOTES:
        rc = votequorum_fd_get(link->votes, &fd);
        break;
    case SERVICE_MAP:
        rc = cmap_fd_get(link->map, &fd);
        break;
    case SERVICE_MAX:
        break;
    }
    if (rc != CS_OK) {
        return failed(err, rc, "cannot wait for it");
    }
    struct link_source *source = &link->sources[service];
    source->service = service;
    source->io = loop_add_io(loop, fd, EPOLLIN, service_ready, source);
    return 0;
}

int corosync_link_open(struct loop *loop, uint32_t self,
                       const struct corosync_link_callbacks *callbacks, struct corosync_link **ret,
                       struct error *err)
{
    struct corosync_link *link = alloc_zero(sizeof(*link));
    link->callbacks = *callbacks;
    link->self = self;
    for (size_t i = 0; i < SERVICE_MAX; i++) {
        link->sources[i].link = link;
    }
    int r = open_map(link, err);
    if (r == 0) {
        r = open_quorum(link, err);
    }
    if (r == 0) {
        r = open_cpg(link, err);
    }
    for (int i = 0; r == 0 && i < SERVICE_MAX; i++) {
        r = open_source(link, loop, (enum link_service)i, err);
    }
    if (r < 0) {
        corosync_link_free(link);
        return r;
    }
    *ret = link;
    return 0;
}

void corosync_link_free(struct corosync_link *link)
{
    if (link == NULL) {
        return;
    }
    for (size_t i = 0; i < SERVICE_MAX; i++) {
        loop_source_free(link->sources[i].io);
    }
    // That a connection to a dead Corosync cannot be closed properly does not matter.
    if (link->has_cpg) {
        (void)cpg_finalize(link->cpg);
    }
    if (link->has_quorum) {
        (void)quorum_finalize(link->quorum);
    }
    if (link->has_votes) {
        (void)votequorum_finalize(link->votes);
    }
    if (link->has_map) {
        (void)cmap_finalize(link->map);
    }
    free(link);
}

// ---- Calls.

static int code_of(cs_error_t rc)
{
    if (rc == CS_OK) {
        return 0;
    }
    return rc == CS_ERR_TRY_AGAIN ? -EAGAIN : -EIO;
}

int corosync_link_join(struct corosync_link *link)
{
    struct cpg_name name = {.length = sizeof(group_name) - 1};
    memcpy(name.value, group_name, sizeof(group_name));
    return code_of(cpg_join(link->cpg, &name));
}

int corosync_link_send(struct corosync_link *link, const void *bytes, size_t size_bytes)
{
    // The library does not write to what it is given to send.
    struct iovec vector = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = size_bytes};
    return code_of(cpg_mcast_joined(link->cpg, CPG_TYPE_AGREED, &vector, 1));
}

// As configured: they are among the expected votes whether the device is there or not.
static uint32_t device_votes(struct corosync_link *link)
{
    char *model = NULL;
    if (cmap_get_string(link->map, "quorum.device.model", &model) != CS_OK) {
        return 0;
    }
    free(model);
    uint32_t votes = 1;
    (void)cmap_get_uint32(link->map, "quorum.device.votes", &votes); // stays 1
    return votes;
}

int corosync_link_votes(struct corosync_link *link, struct corosync_link_votes *ret)
{
    struct votequorum_info info = {0};
    cs_error_t rc = votequorum_getinfo(link->votes, link->self, &info);
    if (rc != CS_OK) {
        return code_of(rc);
    }
    bool is_registered = (info.flags & VOTEQUORUM_INFO_QDEVICE_REGISTERED) != 0;
    bool is_cast = is_registered && (info.flags & VOTEQUORUM_INFO_QDEVICE_ALIVE) != 0 &&
                   (info.flags & VOTEQUORUM_INFO_QDEVICE_CAST_VOTE) != 0;
    *ret = (struct corosync_link_votes){
        .quorum = info.quorum,
        .expected = info.node_expected_votes,
        .highest_expected = info.highest_expected,
        .total = info.total_votes,
        .quorate = (info.flags & VOTEQUORUM_INFO_QUORATE) != 0,
        .two_node = (info.flags & VOTEQUORUM_INFO_TWONODE) != 0,
        .device = is_registered,
        .device_votes = device_votes(link),
        .device_cast = is_cast ? info.qdevice_votes : 0,
    };
    return 0;
}

int corosync_link_set_expected(struct corosync_link *link, uint32_t votes, struct error *err)
{
    cs_error_t rc = votequorum_setexpected(link->votes, votes);
    if (rc == CS_OK) {
        return 0;
    }
    if (rc == CS_ERR_INVALID_PARAM) {
        return error_set(err, -EINVAL,
                         "Corosync refuses %u expected votes: more than the nodes have, or so few "
                         "that a part of those present would be a quorum",
                         votes);
    }
    return error_set(err, -EIO, "Corosync refuses %u expected votes (error %d)", votes, (int)rc);
}

int corosync_link_reload(struct error *err)
{
    corosync_cfg_handle_t handle;
    cs_error_t rc = corosync_cfg_initialize(&handle, NULL);
    if (rc != CS_OK) {
        return failed(err, rc, "cannot use its control service");
    }
    rc = corosync_cfg_reload_config(handle);
    (void)corosync_cfg_finalize(handle); // rc tells how it went
    if (rc == CS_ERR_INVALID_PARAM) {
        return error_set(err, -EINVAL, "Corosync refuses its new configuration file (see its log)");
    }
    return rc == CS_OK ? 0 : failed(err, rc, "cannot reload its configuration");
}

// "nodelist.node.<position>.<what>": 0 and both parts, or -EINVAL.
static int key_split(struct arena *arena, const char *key, const char **ret_position,
                     const char **ret_what)
{
    static const char prefix[] = "nodelist.node.";
    if (strncmp(key, prefix, sizeof(prefix) - 1) != 0) {
        return -EINVAL;
    }
    const char *position = key + sizeof(prefix) - 1;
    const char *dot = strchr(position, '.');
    if (dot == NULL) {
        return -EINVAL;
    }
    *ret_position = arena_memdup(arena, position, (size_t)(dot - position));
    *ret_what = dot + 1;
    return 0;
}

static void node_read(struct corosync_link *link, struct arena *arena, const char *key,
                      const char *what, struct transport_node *node)
{
    char *text = NULL;
    if (strcmp(what, "nodeid") == 0) {
        (void)cmap_get_uint32(link->map, key, &node->id); // stays 0: then it is left out
    } else if (strcmp(what, "quorum_votes") == 0) {
        (void)cmap_get_uint32(link->map, key, &node->votes); // stays 1
    } else if (strcmp(what, "name") == 0 && cmap_get_string(link->map, key, &text) == CS_OK) {
        node->name = arena_strdup(arena, text);
    } else if (strcmp(what, "ring0_addr") == 0 && cmap_get_string(link->map, key, &text) == CS_OK) {
        node->address = arena_strdup(arena, text);
    }
    free(text);
}

int corosync_link_nodes(struct corosync_link *link, struct arena *arena,
                        struct transport_nodes *ret)
{
    cmap_iter_handle_t iteration;
    cs_error_t rc = cmap_iter_init(link->map, "nodelist.node.", &iteration);
    if (rc != CS_OK) {
        return code_of(rc);
    }
    struct map positions;
    map_init_arena(&positions, arena);
    char key[CMAP_KEYNAME_MAXLEN + 1];
    while (cmap_iter_next(link->map, iteration, key, NULL, NULL) == CS_OK) {
        const char *position;
        const char *what;
        if (key_split(arena, key, &position, &what) < 0) {
            continue;
        }
        struct transport_node *node = map_find(&positions, position);
        if (node == NULL) {
            node = arena_new_of(arena, struct transport_node);
            node->votes = 1;
            node->address = "";
            map_put(&positions, position, node);
        }
        node_read(link, arena, key, what, node);
    }
    (void)cmap_iter_finalize(link->map, iteration); // a handle is only freed
    struct map names;
    map_init_arena(&names, arena);
    map_each (e, &positions) {
        struct transport_node *node = e->value;
        if (node->id != 0) {
            if (node->name == NULL) {
                node->name = node->address; // an old configuration without names
            }
            map_put(&names, node->name, node);
        }
    }
    struct transport_node *nodes = arena_array_of(arena, struct transport_node, names.count);
    for (size_t i = 0; i < names.count; i++) {
        nodes[i] = *(const struct transport_node *)names.entries[i].value;
    }
    *ret = (struct transport_nodes){.nodes = nodes, .count = names.count};
    return 0;
}

uint32_t corosync_link_token_ms(struct corosync_link *link)
{
    uint32_t token = 0;
    (void)cmap_get_uint32(link->map, "runtime.config.totem.token", &token); // stays 0
    return token;
}

uint32_t corosync_link_consensus_ms(struct corosync_link *link)
{
    uint32_t consensus = 0;
    (void)cmap_get_uint32(link->map, "runtime.config.totem.consensus", &consensus); // stays 0
    return consensus;
}

uint32_t corosync_link_device_timeout_ms(struct corosync_link *link)
{
    uint32_t timeout = VOTEQUORUM_QDEVICE_DEFAULT_TIMEOUT;
    (void)cmap_get_uint32(link->map, "quorum.device.timeout", &timeout); // stays as it is
    return timeout;
}

uint64_t corosync_link_config_version(struct corosync_link *link)
{
    uint64_t version = 0;
    (void)cmap_get_uint64(link->map, "totem.config_version", &version); // stays 0
    return version;
}
