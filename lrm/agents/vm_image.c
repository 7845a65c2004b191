// SPDX-License-Identifier: Apache-2.0
// Raw images are made here, the others by QEMU's own program.
#include "lrm/agents/vm_image.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "lrm/agents/vm_process.h"

static int image_create_raw(int fd, int64_t size_bytes)
{
    return ftruncate(fd, size_bytes) < 0 || fsync(fd) < 0 ? -errno : 0;
}

static int image_run(struct arena *arena, const char *path, const char *format, int64_t size_bytes,
                     struct error *err)
{
    const char *log = arena_printf(arena, "%s.log", path);
    const char *const argv[] = {"qemu-img",
                                "create",
                                "-q",
                                "-f",
                                format,
                                path,
                                arena_printf(arena, "%lld", (long long)size_bytes),
                                NULL};
    const struct vm_process_spec spec = {.argv = argv, .log_file = log};
    pid_t pid = 0;
    int pidfd = -1;
    int status = 0;
    int r = vm_process_start(&spec, &pid, &pidfd, err);
    if (r < 0) {
        (void)unlink(log); // there may be none
        return r;
    }
    (void)close(pidfd);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        const char *words = vm_process_words(arena, log);
        r = error_set(err, -EIO, "qemu-img cannot make '%s': %s", path,
                      words != NULL ? words : "no reason was given");
    }
    (void)unlink(log);
    return r;
}

int vm_image_create(const char *path, const char *format, int64_t size_bytes, struct error *err)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    // The name is taken first, so that no image that is there is overwritten.
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        int code = errno;
        return error_set_errno(err, -code, "cannot create '%s'", path);
    }
    int r = 0;
    if (strcmp(format, "raw") == 0) {
        r = image_create_raw(fd, size_bytes);
        r = r < 0 ? error_set_errno(err, r, "cannot make '%s'", path) : 0;
    } else {
        r = image_run(arena, path, format, size_bytes, err);
    }
    (void)close(fd); // flushed above, or by the program
    if (r < 0) {
        (void)unlink(path); // of no use
    }
    return r;
}
