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

// Reads the service's definition as it is now; the version is what its change must expect.
static int service_read(struct arena *arena, const struct service_move *move, const char *key,
                        struct guest **ret, uint64_t *ret_version, struct error *err)
{
    struct store_entries entries;
    int r = store_refresh(move->store, err);
    if (r == 0) {
        r = store_read(move->store, key, 0, arena, &entries, err);
    }
    if (r < 0) {
        return r;
    }
    for (size_t i = 0; i < entries.count; i++) {
        const struct store_entry *entry = &entries.entries[i];
        if (strcmp(entry->key, key) == 0 && entry->value != NULL) {
            *ret_version = entry->version;
            return guest_parse(arena, entry->value, entry->size_bytes, ret, err);
        }
    }
    return error_set(err, -ENOENT, "it is not defined any more");
}

int service_hand_over(struct arena *arena, const struct service_move *move, struct error *err)
{
    struct guest *guest = NULL;
    uint64_t version = 0;
    const char *key = arena_printf(arena, STORE_PREFIX_GUEST "%s", move->sid);
    int r = service_read(arena, move, key, &guest, &version, err);
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
    struct store_op op = {
        .key = key, .value = value, .size_bytes = strlen(value), .expect = version};
    struct store_txn txn = {.lease = arena_printf(arena, LEASE_AGENT_FORMAT, move->node),
                            .owner = move->node,
                            .term = move->lease_term,
                            .ops = &op,
                            .count = 1};
    return store_commit(move->store, &txn, NULL, err);
}
