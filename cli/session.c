// SPDX-License-Identifier: Apache-2.0
// Connecting, reading and writing for tools.
#include "cli/session.h"

#include <errno.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/strbuf.h"
#include "common/host/cluster_client.h"
#include "common/port/membership.h"
#include "common/port/store.h"

int session_open(struct arena *arena, struct session *ret, struct error *err)
{
    struct cluster_client *client CLEANUP(cluster_client_freep) = NULL;
    int r = cluster_client_connect(&client, err);
    if (r < 0) {
        return r;
    }
    r = store_refresh(cluster_client_store(client), err);
    if (r < 0 && r != -EHOSTDOWN) {
        return r;
    }
    const char *node = cluster_client_node(client, arena);
    if (node == NULL) {
        return error_set(err, -EPROTO, "ha-clusterd did not tell this node's name");
    }
    *ret = (struct session){.store = cluster_client_store(client),
                            .membership = cluster_client_membership(client),
                            .node = node,
                            .quorate = r == 0};
    ret->client = steal_ptr(client);
    return 0;
}

void session_close(struct session *session)
{
    cluster_client_free(session->client);
    session->client = NULL;
}

int session_need_quorum(const struct session *session, struct error *err)
{
    if (!session->quorate) {
        return error_set(
            err, -EHOSTDOWN,
            "no quorum on node '%s': nothing can be changed until enough nodes are back",
            session->node);
    }
    return 0;
}

int session_check_node(struct arena *arena, const struct session *session, const char *node,
                       struct error *err)
{
    struct strbuf known CLEANUP(strbuf_done) = {0};
    struct member_list list;
    int r = membership_get(session->membership, arena, &list, err);
    if (r < 0) {
        return r;
    }
    for (size_t i = 0; i < list.count; i++) {
        if (strcmp(list.members[i].node, node) == 0) {
            return 0;
        }
        strbuf_appendf(&known, "%s%s", i > 0 ? ", " : "", list.members[i].node);
    }
    return error_set(err, -ENOENT, "no node '%s' in this cluster, there are: %s", node,
                     strbuf_text(&known));
}

int session_read(struct arena *arena, const struct session *session, const char *key,
                 struct session_value *ret, struct error *err)
{
    const struct store_entry *entry = NULL;
    int r = store_read_key(session->store, key, arena, &entry, err);
    if (r < 0) {
        return r;
    }
    *ret = (struct session_value){.version = STORE_ABSENT};
    if (entry != NULL) {
        *ret = (struct session_value){
            .text = entry->value, .size_bytes = entry->size_bytes, .version = entry->version};
    }
    return 0;
}

int session_write(const struct session *session, const char *what, const struct store_op *ops,
                  size_t count, struct error *err)
{
    struct store_txn txn = {.ops = ops, .count = count};
    int r = session_need_quorum(session, err);
    if (r < 0) {
        return r;
    }
    r = store_commit(session->store, &txn, NULL, err);
    if (r == -EAGAIN) {
        return error_set(err, r, "%s was changed by someone else at the same moment: try again",
                         what);
    }
    if (r == -EHOSTDOWN) {
        return error_set(err, r, "no quorum: %s was not changed", what);
    }
    if (r == -ETIMEDOUT) {
        return error_set(
            err, r, "no answer in time: whether %s was changed is not known, look again", what);
    }
    return r;
}
