// SPDX-License-Identifier: Apache-2.0
// Locks and places of services. What is done under a lock is the agents' matter.
#include "lrm/agents/service_task.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/host/file.h"
#include "common/host/host_clock.h"
#include "common/host/paths.h"
#include "common/model/guest.h"
#include "common/model/store_keys.h"
#include "common/port/clock.h"
#include "common/port/store.h"

int64_t service_now_ms(void)
{
    struct clock clock;
    host_clock_init(&clock);
    return clock_now_ms(&clock);
}

int service_lock(struct arena *arena, const char *sid, int64_t wait_ms, struct error *err)
{
    int r = file_make_directory(paths_run_dir(), 0700, err);
    if (r < 0) {
        return r;
    }
    const char *path = arena_printf(arena, "%s/%s.lock", paths_run_dir(), sid);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        int code = errno;
        return error_set_errno(err, -code, "cannot open '%s'", path);
    }
    int64_t until_ms = service_now_ms() + wait_ms;
    while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        int code = errno;
        if (code != EWOULDBLOCK && code != EINTR) {
            (void)close(fd);
            return error_set_errno(err, -code, "cannot lock '%s'", path);
        }
        if (service_now_ms() >= until_ms) {
            (void)close(fd);
            return error_set(err, -EBUSY, "another process is starting or stopping '%s'", sid);
        }
        host_sleep_ms(SERVICE_POLL_MS);
    }
    return fd;
}

int service_check_place(const struct guest *guest, const char *node, struct error *err)
{
    if (strcmp(guest->node, node) != 0) {
        return error_set(err, -EXDEV, "it belongs to node '%s', this is '%s'", guest->node, node);
    }
    if (guest->lock != NULL) {
        return error_set(err, -EBUSY, "it is locked: %s", guest->lock);
    }
    return 0;
}

int service_check_movable(const struct service_move *move, struct error *err)
{
    return move->lease_term != 0
               ? 0
               : error_set(err, -EPERM, "this node does not hold its agent lease");
}

int service_read(struct arena *arena, struct store *store, const char *sid, struct guest **ret,
                 uint64_t *ret_version, struct error *err)
{
    const struct store_entry *entry = NULL;
    int r = store_refresh(store, err);
    if (r == 0) {
        r = store_read_key(store, arena_printf(arena, STORE_PREFIX_GUEST "%s", sid), arena, &entry,
                           err);
    }
    if (r == 0 && entry == NULL) {
        r = error_set(err, -ENOENT, "it is not defined any more");
    }
    if (r == 0) {
        r = guest_parse(arena, entry->value, entry->size_bytes, ret, err);
    }
    if (r == 0) {
        *ret_version = entry->version;
    }
    return r;
}

int service_hand_over(struct arena *arena, const struct service_move *move, struct error *err)
{
    struct guest *guest = NULL;
    uint64_t version = 0;
    int r = service_read(arena, move->store, move->sid, &guest, &version, err);
    if (r < 0) {
        return r;
    }
    if (strcmp(guest->node, move->target) == 0) {
        return 0;
    }
    r = service_check_place(guest, move->node, err);
    if (r < 0) {
        return r;
    }
    guest->node = move->target;
    guest->arrival = NULL; // of an earlier move
    const char *value = guest_format(arena, guest);
    struct store_op op = {.key = arena_printf(arena, STORE_PREFIX_GUEST "%s", move->sid),
                          .value = value,
                          .size_bytes = strlen(value),
                          .expect = version};
    struct store_txn txn = {.lease = arena_printf(arena, LEASE_AGENT_FORMAT, move->node),
                            .owner = move->node,
                            .term = move->lease_term,
                            .ops = &op,
                            .count = 1};
    return store_commit(move->store, &txn, NULL, err);
}
