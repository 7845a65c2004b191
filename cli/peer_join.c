// SPDX-License-Identifier: Apache-2.0
// Three calls: login, whether both speak the same, and the node's entry.
#include "cli/peer_join.h"

#include <errno.h>
#include <string.h>

#include "cli/join_string.h"
#include "cli/peer_client.h"
#include "common/base/arena.h"
#include "common/base/digest.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/model/corosync_conf.h"
#include "ha_config.h"

enum { API_VERSION = 1 };

static struct json *request_make(struct arena *arena, const struct peer_join_spec *spec,
                                 const char *own_address)
{
    struct json *request = json_new_object(arena);
    json_put_int(request, "apiversion", API_VERSION);
    json_put_string(request, "ha-version", HA_VERSION);
    if (spec->id > 0) {
        json_put_int(request, "nodeid", spec->id);
    }
    for (int link = 0; link < COROSYNC_LINKS_MAX; link++) {
        const char *address =
            spec->addresses[link] != NULL || link > 0 ? spec->addresses[link] : own_address;
        json_put_string(request, arena_printf(arena, "link%d", link), address);
    }
    return request;
}

static int answer_read(struct arena *arena, const struct json *data,
                       const struct peer_join_spec *spec, struct join_string *ret,
                       struct error *err)
{
    struct join_string join = {.node = spec->node};
    const char *key = NULL;
    char *bytes = NULL;
    int r = json_get_string(data, "corosync_conf", &join.corosync_conf, err);
    if (r == 0) {
        r = json_get_string(data, "corosync_authkey", &key, err);
    }
    if (r == 0) {
        r = json_get_string(data, "ha_version", &join.version, err);
    }
    if (r == 0) {
        r = json_get_string(data, "ha_profile", &join.profile, err);
    }
    if (r == 0) {
        r = json_get_string(data, "clustername", &join.cluster, err);
    }
    if (r < 0) {
        return error_prefix(err, "the answer of '%s'", spec->host);
    }
    r = digest_base64_decode(arena, key, &bytes, &join.authkey_size_bytes);
    if (r < 0 || join.authkey_size_bytes > JOIN_AUTHKEY_MAX) {
        return error_set(err, -EPROTO, "the answer of '%s': the key is not base64", spec->host);
    }
    join.authkey = bytes;
    *ret = join;
    return 0;
}

static void warnings_take(struct arena *arena, const struct json *data, struct json *warnings)
{
    const struct json *list = json_find(data, "warnings");
    for (size_t i = 0; list != NULL && list->type == JSON_TYPE_ARRAY && i < list->count; i++) {
        if (list->items[i]->type == JSON_TYPE_STRING) {
            json_append(warnings, json_new_string(arena, list->items[i]->string));
        }
    }
}

// From here on the member may have done what it was asked for. Asked again it gives the same.
static int room_ask(struct arena *arena, struct peer_client *peer,
                    const struct peer_join_spec *spec, struct json *warnings,
                    struct join_string *ret, struct error *err)
{
    struct json *data = NULL;
    const char *path = arena_printf(arena, "/cluster/config/nodes/%s", spec->node);
    int r = peer_client_call(
        peer, arena, path, request_make(arena, spec, peer_client_local_address(peer)), &data, err);
    if (r == 0 && data->type != JSON_TYPE_OBJECT) {
        r = error_set(err, -EPROTO, "the answer of '%s' is not an object", spec->host);
    }
    if (r < 0) {
        return r;
    }
    warnings_take(arena, data, warnings);
    r = answer_read(arena, data, spec, ret, err);
    return r < 0 ? -EPROTO : 0;
}

int peer_join(struct arena *arena, const struct peer_join_spec *spec, struct json *warnings,
              struct join_string *ret, struct error *err)
{
    struct peer_client *peer CLEANUP(peer_client_freep) = NULL;
    struct json *data = NULL;
    int r = peer_client_new(spec->host, spec->fingerprint, &peer, err);
    if (r == 0) {
        r = peer_client_login(peer, "root@pam", spec->password, err);
    }
    if (r == 0) {
        r = peer_client_call(peer, arena, "/cluster/config/apiversion", NULL, &data, err);
    }
    if (r < 0) {
        return r;
    }
    if (data->type != JSON_TYPE_INT || data->integer < API_VERSION) {
        return error_set(err, -EPROTO, "'%s' knows no way to join that this node knows",
                         spec->host);
    }
    struct error why = {0};
    r = room_ask(arena, peer, spec, warnings, ret, &why);
    if (r == -EHOSTUNREACH || r == -EPROTO) {
        return error_set(err, r,
                         "%s: this node is as it was, '%s' may have made room for it; join again, "
                         "or take it out with 'ha-cluster delete-node %s' on a member",
                         why.text, spec->host, spec->node);
    }
    return r < 0 ? error_set(err, r, "%s", why.text) : 0;
}
