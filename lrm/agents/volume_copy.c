// SPDX-License-Identifier: Apache-2.0
// The copying is done by the system's programs, which know about holes, attributes and formats.
// They die with this process.
#include "lrm/agents/volume_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/macros.h"
#include "common/base/parse.h"
#include "common/base/strbuf.h"
#include "common/host/file.h"

enum {
    COPY_LOOK_MS = 1000,
    COPY_WORDS_MAX = 4096,
    COPY_BLOCK_BYTES = 512,
    COPY_IO_TEXT_MAX = 4096,
    COPY_ARGS_MAX = 12,
};

struct copying {
    const struct volume_copy *copy;
    const char *argv[COPY_ARGS_MAX];
    pid_t pid;
    int pidfd;   // -1: not open
    int signals; // likewise
    int words_fd;
    struct strbuf words; // what the program complained
    int64_t total_bytes;
    int percent;
};

// What there is to copy, as it lies on the disk.
static int64_t copy_size(const struct volume_copy *copy)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct stat st;
    if (copy->format != NULL) {
        return stat(copy->from, &st) == 0 ? (int64_t)st.st_blocks * COPY_BLOCK_BYTES : 0;
    }
    char *paths[] = {arena_strdup(arena, copy->from), NULL};
    FTS *tree = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);
    int64_t bytes = 0;
    for (const FTSENT *entry = tree != NULL ? fts_read(tree) : NULL; entry != NULL;
         entry = fts_read(tree)) {
        bytes +=
            entry->fts_info == FTS_F ? (int64_t)entry->fts_statp->st_blocks * COPY_BLOCK_BYTES : 0;
    }
    if (tree != NULL) {
        (void)fts_close(tree); // only read
    }
    return bytes;
}

static void copy_command(struct arena *arena, struct copying *copying)
{
    const struct volume_copy *copy = copying->copy;
    size_t n = 0;
    if (copy->format != NULL && strcmp(copy->format, "raw") != 0) {
        // Whatever it is based on becomes part of it.
        const char *const words[] = {"qemu-img", "convert",    "-q",       "-f",     copy->format,
                                     "-O",       copy->format, copy->from, copy->to, NULL};
        for (; words[n] != NULL; n++) {
            copying->argv[n] = words[n];
        }
        return;
    }
    copying->argv[n++] = "cp";
    copying->argv[n++] = copy->format != NULL ? "--preserve=mode,ownership" : "-a";
    copying->argv[n++] = "-x";
    copying->argv[n++] = "--sparse=always";
    copying->argv[n++] = "--reflink=auto";
    copying->argv[n++] = "--";
    copying->argv[n++] =
        copy->format != NULL ? copy->from : arena_printf(arena, "%s/.", copy->from);
    copying->argv[n++] = copy->to;
}

NORETURN static void copy_child(struct arena *arena, const char *const *argv, int words_fd,
                                pid_t parent)
{
    char *words[COPY_ARGS_MAX] = {0};
    sigset_t none;
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL); // cannot fail with these arguments
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent ||
        dup2(words_fd, STDERR_FILENO) < 0 || dup2(words_fd, STDOUT_FILENO) < 0 ||
        setenv("LC_ALL", "C", 1) < 0) {
        _exit(EXIT_FAILURE);
    }
    for (size_t i = 0; argv[i] != NULL; i++) {
        words[i] = arena_strdup(arena, argv[i]);
    }
    (void)execvp(words[0], words);
    static const char missing[] = "the program is not installed\n";
    ignore_result(file_write_all(STDERR_FILENO, missing, sizeof(missing) - 1));
    _exit(EXIT_FAILURE);
}

static int copy_start(struct arena *arena, struct copying *copying, struct error *err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) {
        return error_set_errno(err, -errno, "cannot make a pipe");
    }
    pid_t self = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        copy_child(arena, copying->argv, ends[1], self);
    }
    int code = errno;
    (void)close(ends[1]);
    if (pid < 0) {
        (void)close(ends[0]);
        return error_set_errno(err, -code, "cannot start a process");
    }
    copying->words_fd = ends[0];
    copying->pid = pid;
    copying->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    return 0;
}

static void copy_tell(struct copying *copying)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    char *text = NULL;
    size_t size = 0;
    int64_t done = 0;
    const char *path = arena_printf(arena, "/proc/%lld/io", (long long)copying->pid);
    if (copying->copy->progress == NULL || copying->total_bytes <= 0 ||
        file_read(arena, path, COPY_IO_TEXT_MAX, &text, &size, NULL) < 0) {
        return;
    }
    struct parse_words words = parse_list(arena, text);
    for (size_t i = 0; i + 1 < words.count; i++) {
        if (strcmp(words.words[i], "wchar:") == 0 &&
            parse_int64(words.words[i + 1], 0, INT64_MAX / 100, &done) < 0) {
            return;
        }
    }
    int64_t percent = done * 100 / copying->total_bytes;
    percent = percent > 99 ? 99 : percent; // it is done when the program says so
    if (percent > copying->percent) {
        copying->percent = (int)percent;
        copying->copy->progress(copying->copy->userdata, (int)percent);
    }
}

static void copy_read_words(struct copying *copying)
{
    char bytes[COPY_WORDS_MAX];
    ssize_t count = read(copying->words_fd, bytes, sizeof(bytes));
    if (count > 0 && copying->words.size_bytes < COPY_WORDS_MAX) {
        strbuf_append_bytes(&copying->words, bytes, (size_t)count);
    }
    if (count == 0) {
        (void)close(copying->words_fd); // was only read
        copying->words_fd = -1;
    }
}

// Until the program has ended, or a signal asks us to.
static int copy_watch(struct copying *copying, struct error *err)
{
    for (;;) {
        struct pollfd items[] = {{.fd = copying->pidfd, .events = POLLIN},
                                 {.fd = copying->signals, .events = POLLIN},
                                 {.fd = copying->words_fd, .events = POLLIN}};
        int count = poll(items, ARRAY_SIZE(items), COPY_LOOK_MS);
        if (count < 0 && errno != EINTR) {
            return error_set_errno(err, -errno, "cannot wait");
        }
        if (count > 0 && items[1].revents != 0) {
            struct signalfd_siginfo seen; // taken, so that it does not end us before we cleaned up
            bool taken = read(copying->signals, &seen, sizeof(seen)) > 0;
            return error_set(err, -EINTR, "interrupted%s", taken ? "" : " twice");
        }
        if (count > 0 && items[2].revents != 0) {
            copy_read_words(copying);
        } else if (count > 0 && items[0].revents != 0) {
            return 0;
        }
        if (count == 0) {
            copy_tell(copying);
        }
    }
}

static int copy_end(struct copying *copying, int r, struct error *err)
{
    int status = 0;
    if (r < 0) {
        (void)kill(copying->pid, SIGKILL); // ours until it is waited for
    }
    while (waitpid(copying->pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (r == 0 && (!WIFEXITED(status) || WEXITSTATUS(status) != 0)) {
        struct arena *arena CLEANUP(arena_freep) = arena_new();
        const char *words = strbuf_text(&copying->words);
        r = error_set(err, -EIO, "cannot copy '%s': %s", copying->copy->from,
                      *words != '\0' ? arena_memdup(arena, words, strcspn(words, "\n"))
                                     : "no reason was given");
    }
    return r;
}

static int copy_flush(const struct volume_copy *copy, struct error *err)
{
    int fd = open(copy->to, O_RDONLY | O_CLOEXEC);
    int r = fd < 0 || (copy->format != NULL ? fsync(fd) : syncfs(fd)) < 0 ? -errno : 0;
    if (fd >= 0) {
        (void)close(fd); // flushed
    }
    return r < 0 ? error_set_errno(err, r, "cannot flush '%s'", copy->to) : 0;
}

int volume_copy_run(const struct volume_copy *copy, struct error *err)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct copying copying = {.copy = copy, .pidfd = -1, .signals = -1, .words_fd = -1};
    sigset_t ends;
    sigset_t mask;
    struct stat st;
    if (lstat(copy->to, &st) == 0) {
        return error_set(err, -EEXIST, "'%s' exists already", copy->to);
    }
    copy_command(arena, &copying);
    copying.total_bytes = copy_size(copy);
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, &ends, &mask); // cannot fail with these arguments
    copying.signals = signalfd(-1, &ends, SFD_CLOEXEC);
    int r = copying.signals < 0 ? error_set_errno(err, -errno, "cannot watch for signals") : 0;
    if (r == 0 && copy->format == NULL && mkdir(copy->to, 0700) < 0) {
        r = error_set_errno(err, -errno, "cannot create '%s'", copy->to);
    }
    if (r == 0) {
        r = copy_start(arena, &copying, err);
    }
    if (r == 0) {
        r = copying.pidfd < 0 ? error_set(err, -EIO, "cannot watch the copying")
                              : copy_watch(&copying, err);
        r = copy_end(&copying, r, err);
    }
    if (r == 0) {
        r = copy_flush(copy, err);
    }
    const int fds[] = {copying.pidfd, copying.signals, copying.words_fd};
    for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
        if (fds[i] >= 0) {
            (void)close(fds[i]); // nothing was written to them
        }
    }
    strbuf_done(&copying.words);
    (void)sigprocmask(SIG_SETMASK, &mask, NULL);
    return r;
}
