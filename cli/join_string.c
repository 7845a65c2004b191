// SPDX-License-Identifier: Apache-2.0
// The join string: base64 of a JSON object with a digest of itself, so that a cut paste is noticed.
#include "cli/join_string.h"

#include <errno.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/digest.h"
#include "common/base/error.h"
#include "common/base/json.h"

static const char KIND[] = "ha-cluster-join";

static char *digest_of(struct arena *arena, const struct json *document)
{
    const char *text = json_to_text(arena, document);
    return digest_sha256_hex(arena, text, strlen(text));
}

char *join_string_format(struct arena *arena, const struct join_string *join)
{
    struct json *document = json_new_object(arena);
    json_put_string(document, "kind", KIND);
    json_put_string(document, "version", join->version);
    json_put_string(document, "cluster", join->cluster);
    json_put_string(document, "node", join->node);
    json_put_string(document, "profile", join->profile);
    json_put_string(document, "corosync_conf", join->corosync_conf);
    json_put_string(document, "authkey",
                    digest_base64_encode(arena, join->authkey, join->authkey_size_bytes));
    json_put_string(document, "digest", digest_of(arena, document));
    const char *text = json_to_text(arena, document);
    return digest_base64_encode(arena, text, strlen(text));
}

static int check_whole(struct arena *arena, struct json *document, struct error *err)
{
    const char *kind = json_find_string(document, "kind");
    const char *digest = json_find_string(document, "digest");
    if (kind == NULL || strcmp(kind, KIND) != 0 || digest == NULL) {
        return error_set(err, -EINVAL, "it holds something else");
    }
    (void)map_remove(&document->members, "digest"); // it is there
    if (strcmp(digest, digest_of(arena, document)) != 0) {
        return error_set(err, -EINVAL, "it was changed on the way");
    }
    return 0;
}

static int read_members(struct arena *arena, const struct json *document, struct join_string *ret,
                        struct error *err)
{
    struct join_string join = {0};
    const struct {
        const char *key;
        const char **value;
    } texts[] = {
        {"version", &join.version},
        {"cluster", &join.cluster},
        {"node", &join.node},
        {"profile", &join.profile},
        {"corosync_conf", &join.corosync_conf},
    };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        int r = json_get_string(document, texts[i].key, texts[i].value, err);
        if (r < 0) {
            return r;
        }
    }
    const char *key;
    int r = json_get_string(document, "authkey", &key, err);
    if (r < 0) {
        return r;
    }
    char *bytes;
    r = digest_base64_decode(arena, key, &bytes, &join.authkey_size_bytes);
    if (r < 0 || join.authkey_size_bytes > JOIN_AUTHKEY_MAX) {
        return error_set(err, -EINVAL, "authkey: not base64 of at most %d bytes", JOIN_AUTHKEY_MAX);
    }
    join.authkey = bytes;
    *ret = join;
    return 0;
}

int join_string_parse(struct arena *arena, const char *text, struct join_string *ret,
                      struct error *err)
{
    char *bytes;
    size_t size;
    struct json *document;
    int r =
        strlen(text) > JOIN_STRING_MAX ? -E2BIG : digest_base64_decode(arena, text, &bytes, &size);
    if (r < 0) {
        r = error_set(err, -EINVAL, "it is not base64");
    }
    if (r == 0) {
        r = json_parse(arena, bytes, size, &document, err);
    }
    if (r == 0) {
        r = check_whole(arena, document, err);
    }
    if (r == 0) {
        r = read_members(arena, document, ret, err);
    }
    if (r < 0) {
        return error_prefix(
            err, "not a join string, copy the whole line that 'ha-cluster add-node' or 'ha-cluster "
                 "join-info' printed");
    }
    return 0;
}
