// SPDX-License-Identifier: Apache-2.0
// The two kinds of watchdog. When to feed and when to stop is decided by mux.c.
#include "watchdog/device.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/watchdog.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/host/file.h"
#include "common/host/machine.h"

enum { SYSFS_FILE_MAX = 4096 };

struct hardware {
    struct device device; // first
    char *path;
    int64_t timeout_ms;
    int fd; // -1 while it is closed and does not count
    bool can_stop;
};

static struct hardware *hardware_of(struct device *device)
{
    return (struct hardware *)device;
}

// Drivers round and limit what they are asked for, so what counts is what they say afterwards.
static int hardware_set_timeout(struct hardware *hardware, struct error *err)
{
    int timeout_s = (int)(hardware->timeout_ms / 1000);
    if (ioctl(hardware->fd, WDIOC_SETTIMEOUT, &timeout_s) < 0 && errno != EOPNOTSUPP) {
        return error_set_errno(err, -errno, "cannot set watchdog '%s' to %d s", hardware->path,
                               timeout_s);
    }
    int got_s = 0;
    if (ioctl(hardware->fd, WDIOC_GETTIMEOUT, &got_s) < 0) {
        return error_set_errno(err, -errno, "cannot read the timeout of watchdog '%s'",
                               hardware->path);
    }
    if (got_s < 1 || (int64_t)got_s * 1000 > hardware->timeout_ms) {
        return error_set(
            err, -EINVAL,
            "watchdog '%s' says %d s when set to %d s, which breaks the timing of this "
            "profile: set another 'profile' or 'watchdog'",
            hardware->path, got_s, timeout_s);
    }
    hardware->device.timeout_ms = (int64_t)got_s * 1000;
    return 0;
}

// Whether the kernel was told never to stop a watchdog ("nowayout"). Unknown counts as yes: then it
// is fed for ever.
static bool hardware_knows_nowayout(int fd)
{
    struct stat st;
    if (fstat(fd, &st) < 0) {
        return true;
    }
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    // The old name /dev/watchdog is a misc device (10:130) for the first of the numbered ones.
    char *path = major(st.st_rdev) == 10
                     ? arena_strdup(arena, "/sys/class/watchdog/watchdog0/nowayout")
                     : arena_printf(arena, "/sys/dev/char/%u:%u/nowayout", major(st.st_rdev),
                                    minor(st.st_rdev));
    char *text;
    size_t size;
    return file_read(arena, path, SYSFS_FILE_MAX, &text, &size, NULL) < 0 || text[0] != '0';
}

static int hardware_open(struct hardware *hardware, struct error *err)
{
    int fd = open(hardware->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        return error_set_errno(err, -errno, "cannot open watchdog '%s'", hardware->path);
    }
    struct watchdog_info info = {0};
    if (ioctl(fd, WDIOC_GETSUPPORT, &info) < 0) {
        int r = -errno;
        (void)close(fd); // nothing was written
        return error_set_errno(err, r, "'%s' is not a watchdog", hardware->path);
    }
    hardware->fd = fd;
    hardware->can_stop = (info.options & WDIOF_MAGICCLOSE) != 0 && !hardware_knows_nowayout(fd);
    return 0;
}

// Without the letter the driver goes on counting after the close (magic close).
static int hardware_close_stopped(struct hardware *hardware, struct error *err)
{
    int r = file_write_all(hardware->fd, "V", 1);
    if (r < 0) {
        return error_set_errno(err, r, "cannot stop watchdog '%s'", hardware->path);
    }
    r = close(hardware->fd) < 0 ? -errno : 0;
    hardware->fd = -1;
    if (r < 0) {
        return error_set_errno(err, r, "cannot close watchdog '%s'", hardware->path);
    }
    return 0;
}

static int hardware_feed(struct device *device, struct error *err)
{
    struct hardware *hardware = hardware_of(device);
    assert(hardware->fd >= 0);
    if (ioctl(hardware->fd, WDIOC_KEEPALIVE, 0) < 0) {
        return error_set_errno(err, -errno, "cannot feed watchdog '%s'", hardware->path);
    }
    return 0;
}

static int hardware_arm(struct device *device, struct error *err)
{
    struct hardware *hardware = hardware_of(device);
    int r = 0;
    if (hardware->fd < 0) {
        r = hardware_open(hardware, err);
    }
    if (r < 0) {
        return r;
    }
    r = hardware_set_timeout(hardware, err);
    if (r < 0) {
        // Opened it counts. A driver that refuses the time is stopped, so that a wrong setting
        // resets nobody.
        if (hardware->can_stop) {
            ignore_result(
                hardware_close_stopped(hardware, NULL)); // the first reason is the one to tell
        }
        return r;
    }
    return hardware_feed(device, err);
}

static int hardware_disarm(struct device *device, bool *ret_counting, struct error *err)
{
    struct hardware *hardware = hardware_of(device);
    if (hardware->fd >= 0 && hardware->can_stop) {
        int r = hardware_close_stopped(hardware, err);
        if (r < 0) {
            return r;
        }
    }
    *ret_counting = hardware->fd >= 0;
    return 0;
}

static void hardware_expire(struct device *device)
{
    // It is not fed any more and resets the machine at most H after its last food. reboot(2) is not
    // called besides: its orderly part stops many watchdogs before it stops the devices, and might
    // hang there.
    (void)device;
}

NORETURN static void reset_now(struct device *device)
{
    (void)device;
    machine_reset();
}

static void hardware_free(struct device *device)
{
    struct hardware *hardware = hardware_of(device);
    if (hardware->fd >= 0) {
        (void)close(hardware->fd); // without the letter: it goes on counting
    }
    free(hardware->path);
    free(hardware);
}

static const struct device_ops hardware_ops = {
    .arm = hardware_arm,
    .feed = hardware_feed,
    .disarm = hardware_disarm,
    .expire = hardware_expire,
    .overdue = reset_now,
    .free = hardware_free,
};

struct device *device_hardware_new(const char *path, int64_t timeout_ms)
{
    assert(timeout_ms >= 1000);
    struct hardware *hardware = alloc_zero(sizeof(*hardware));
    hardware->path = alloc_strdup(path);
    hardware->timeout_ms = timeout_ms;
    hardware->fd = -1;
    hardware->device = (struct device){.ops = &hardware_ops,
                                       .name = hardware->path,
                                       .independent = true,
                                       .timeout_ms = timeout_ms};
    return &hardware->device;
}

static int soft_arm(struct device *device, struct error *err)
{
    (void)device;
    (void)err;
    return 0; // the process's own timer is the countdown
}

static int soft_disarm(struct device *device, bool *ret_counting, struct error *err)
{
    (void)device;
    (void)err;
    *ret_counting = false;
    return 0;
}

static void soft_free(struct device *device)
{
    free(device);
}

static const struct device_ops soft_ops = {
    .arm = soft_arm,
    .feed = soft_arm,
    .disarm = soft_disarm,
    .expire = reset_now,
    .overdue = reset_now,
    .free = soft_free,
};

int device_soft_new(struct device **ret, struct error *err)
{
    int r = machine_may_reset(err);
    if (r < 0) {
        return error_prefix(err, "software watchdog");
    }
    struct device *device = alloc_zero(sizeof(*device));
    *device = (struct device){.ops = &soft_ops, .name = "soft", .independent = false};
    *ret = device;
    return 0;
}

void device_free(struct device *device)
{
    if (device != NULL) {
        device->ops->free(device);
    }
}

void device_freep(struct device **device)
{
    device_free(*device);
}
