// SPDX-License-Identifier: Apache-2.0
// Guests' documents in the store.
#include "cli/guest_record.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cli/command_line.h"
#include "cli/tool_context.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/model/guest.h"
#include "common/model/sid.h"
#include "common/model/store_keys.h"
#include "common/port/store.h"
#include "lrm/agents/service_task.h"

enum { RECORD_LOCK_WAIT_MS = 1000 };

int guest_record_read(struct cli *cli, const struct tool_context *context, const char *sid,
                      struct guest **ret, uint64_t *ret_version, struct error *err)
{
    struct session_value value;
    const char *key = arena_printf(cli->arena, STORE_PREFIX_GUEST "%s", sid);
    int r = store_refresh(context->session.store, err);
    if (r == 0) {
        r = session_read(cli->arena, &context->session, key, &value, err);
    }
    if (r < 0) {
        return r;
    }
    if (value.text == NULL) {
        return error_set(err, -ENOENT, "guest '%s' does not exist", sid);
    }
    *ret_version = value.version;
    return guest_parse(cli->arena, value.text, value.size_bytes, ret, err);
}

int guest_record_write(struct cli *cli, const struct tool_context *context,
                       const struct guest *guest, uint64_t expect, struct error *err)
{
    const char *value = guest_format(cli->arena, guest);
    struct store_op op = {.key = arena_printf(cli->arena, STORE_PREFIX_GUEST "%s", guest->sid),
                          .value = value,
                          .size_bytes = strlen(value),
                          .expect = expect};
    return session_write(&context->session, arena_printf(cli->arena, "guest '%s'", guest->sid), &op,
                         1, err);
}

int guest_record_check_free(struct cli *cli, const struct tool_context *context, const char *sid,
                            struct error *err)
{
    static const char *const types[] = {"ct", "vm"};
    const char *type = sid_type(cli->arena, sid);
    if (strcmp(type, "ct") != 0 && strcmp(type, "vm") != 0) {
        return error_set(
            err, -EINVAL,
            "'%s': only containers (ct:<number>) and machines (vm:<number>) can be created", sid);
    }
    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        const char *other = arena_printf(cli->arena, "%s:%s", types[i], sid_name(sid));
        if (map_has(&context->view.guests, other)) {
            return error_set(err, -EEXIST, "guest '%s' exists already", other);
        }
    }
    return 0;
}

int guest_record_lock(struct cli *cli, const char *sid, struct error *err)
{
    const char *name = arena_printf(cli->arena, "%s.tool", sid);
    int fd = service_lock(cli->arena, name, RECORD_LOCK_WAIT_MS, err);
    return fd == -EBUSY ? error_set(err, -EBUSY, "another command is at work on guest '%s'", sid)
                        : fd;
}

void guest_record_unlock(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd); // nothing was written to it
    }
}
