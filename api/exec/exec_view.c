// SPDX-License-Identifier: Apache-2.0
// The cache of what calls read.
#include "api/exec/exec_view.h"

#include <errno.h>

#include "api/auth/rights.h"
#include "common/base/arena.h"
#include "common/host/cluster_client.h"
#include "common/model/manager_status.h"

#define ACCESS_PREFIX "access/"
#define SECRET_PREFIX "secret/"

int exec_view_read(struct arena *arena, const struct session *session, struct cluster_view *ret,
                   struct rights **ret_rights, struct store_entries *ret_secrets, struct error *err)
{
    struct store_entries access, secrets;
    struct cluster_view cluster;
    int r = store_read(session->store, ACCESS_PREFIX, 0, arena, &access, err);
    if (r == 0) {
        r = store_read(session->store, SECRET_PREFIX, 0, arena, &secrets, err);
    }
    if (r == 0) {
        r = cluster_view_read(arena, session, &cluster, err);
    }
    if (r == 0) {
        *ret = cluster;
        *ret_rights = rights_read(arena, &access);
        *ret_secrets = secrets;
    }
    return r;
}

// Before anything could be read: nobody and nothing.
static void view_set_empty(struct exec_view *view)
{
    struct cluster_view *cluster = &view->cluster;
    view->arena = arena_new();
    *cluster = (struct cluster_view){.node = view->session.node};
    cluster->manager = manager_status_new(view->arena);
    options_init(&cluster->options);
    map_init_arena(&cluster->resources, view->arena);
    map_init_arena(&cluster->texts, view->arena);
    map_init_arena(&cluster->services, view->arena);
    map_init_arena(&cluster->guests, view->arena);
    map_init_arena(&cluster->lrms, view->arena);
    view->secrets = (struct store_entries){0};
    view->rights = rights_read(view->arena, &view->secrets);
}

void exec_view_init(struct exec_view *view, struct cluster_client *client, const char *node)
{
    view->session = (struct session){.client = client,
                                     .store = cluster_client_store(client),
                                     .membership = cluster_client_membership(client),
                                     .node = node};
    view_set_empty(view);
    view->stale = true;
}

void exec_view_done(struct exec_view *view)
{
    arena_free(view->arena);
    view->arena = NULL;
}

void exec_view_touch(struct exec_view *view)
{
    view->stale = true;
}

// What was read last stays; who is there is not known any more.
static void view_set_alone(struct exec_view *view)
{
    struct member_list *members = &view->cluster.members;
    view->session.quorate = false;
    members->quorate = false;
    for (size_t i = 0; i < members->count; i++) {
        members->members[i].online = false;
        members->members[i].present = false;
    }
}

void exec_view_refresh(struct exec_view *view)
{
    struct error err = {0};
    int r = store_refresh(view->session.store, &err); // takes in what has come, without waiting
    uint64_t token = cluster_client_token(view->session.client);
    if (!view->stale && token == view->token) {
        return;
    }
    view->stale = false;
    view->token = token;
    view->changes++;
    view->session.quorate = r == 0;
    struct arena *arena = arena_new();
    struct cluster_view cluster;
    struct rights *rights;
    struct store_entries secrets;
    r = exec_view_read(arena, &view->session, &cluster, &rights, &secrets, &err);
    if (r < 0) {
        arena_free(arena);
        view->problem = err;
        view_set_alone(view);
        return;
    }
    arena_free(view->arena);
    view->arena = arena;
    view->cluster = cluster;
    view->rights = rights;
    view->secrets = secrets;
    view->readable = true;
    error_clear(&view->problem);
}
