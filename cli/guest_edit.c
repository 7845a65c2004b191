// SPDX-License-Identifier: Apache-2.0
// Checks and the transaction of a change to a definition.
#include "cli/guest_edit.h"

#include <errno.h>
#include <string.h>

#include "cli/session.h"
#include "common/base/arena.h"
#include "common/base/digest.h"
#include "common/base/error.h"
#include "common/base/parse.h"
#include "common/model/guest.h"
#include "common/model/store_keys.h"
#include "common/port/store.h"
#include "lrm/agents/agents.h"

void guest_request_init(struct arena *arena, struct guest_request *ret)
{
    *ret = (struct guest_request){0};
    map_init_arena(&ret->set, arena);
}

int guest_check_definition(const struct guest *guest, struct error *err)
{
    const struct agent_type *type = agents_find_of(guest->sid);
    return type != NULL && type->check_definition != NULL
               ? type->check_definition(guest, err)
               : error_set(err, -ENOTSUP, "'%s': there are no guests of this type", guest->sid);
}

static int guest_apply(struct arena *arena, struct guest *guest,
                       const struct guest_request *request, struct error *err)
{
    struct parse_words unset = {0};
    if (request->unset != NULL) {
        unset = parse_list(arena, request->unset);
    }
    for (size_t i = 0; i < unset.count; i++) {
        if (!map_remove(&guest->config, unset.words[i])) {
            return error_set(err, -ENOENT, "guest '%s' has no '%s'", guest->sid, unset.words[i]);
        }
    }
    map_each (e, &request->set) {
        map_put(&guest->config, e->key, e->value);
    }
    return guest_check_definition(guest, err);
}

int guest_change(struct arena *arena, const struct session *session, const char *sid,
                 const struct guest_request *request, struct error *err)
{
    struct session_value value;
    struct guest *guest = NULL;
    const char *key = arena_printf(arena, STORE_PREFIX_GUEST "%s", sid);
    int r = session_need_quorum(session, err);
    if (r == 0) {
        r = session_read(arena, session, key, &value, err);
    }
    if (r == 0 && value.text == NULL) {
        r = error_set(err, -ENOENT, "guest '%s' does not exist", sid);
    }
    if (r == 0 && request->digest != NULL &&
        strcmp(request->digest, digest_sha1_hex(arena, value.text, value.size_bytes)) != 0) {
        r = error_set(err, -ESTALE, "guest '%s' was changed since its digest was read: try again",
                      sid);
    }
    if (r == 0) {
        r = guest_parse(arena, value.text, value.size_bytes, &guest, err);
    }
    if (r == 0) {
        r = guest_apply(arena, guest, request, err);
    }
    if (r < 0) {
        return r;
    }
    const char *text = guest_format(arena, guest);
    struct store_op op = {
        .key = key, .value = text, .size_bytes = strlen(text), .expect = value.version};
    return session_write(session, arena_printf(arena, "guest '%s'", sid), &op, 1, err);
}
