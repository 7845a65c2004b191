// SPDX-License-Identifier: Apache-2.0
// The calls to Corosync's libraries that the daemon makes itself. Sending and reading what was told
// never wait. Opening and joining do: by then nothing is served that could suffer.
#include "cluster/corosync/corosync_link.h"

#include <assert.h>
#include <corosync/cpg.h>
#include <corosync/quorum.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/uio.h>

#include "common/base/alloc.h"
#include "common/base/error.h"
#include "common/host/loop.h"

static const char group_name[] = "ha-manager";

enum link_service { SERVICE_CPG, SERVICE_QUORUM, SERVICE_MAX };

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
    bool has_cpg, has_quorum;
    struct link_source sources[SERVICE_MAX];
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

// ---- Dispatching.

static cs_error_t service_dispatch(struct corosync_link *link, enum link_service service)
{
    switch (service) {
    case SERVICE_CPG:
        return cpg_dispatch(link->cpg, CS_DISPATCH_ALL);
    case SERVICE_QUORUM:
        return quorum_dispatch(link->quorum, CS_DISPATCH_ALL);
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
    rc = quorum_trackstart(link->quorum, CS_TRACK_CHANGES | CS_TRACK_CURRENT);
    return rc == CS_OK ? 0 : failed(err, rc, "cannot follow its quorum");
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
    int r = open_quorum(link, err);
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
