// SPDX-License-Identifier: Apache-2.0
// Bytes between a terminal and a socket.
#include "lrm/agents/vm_console.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/macros.h"
#include "common/host/file.h"
#include "common/host/paths.h"
#include "common/model/sid.h"

enum { VM_CONSOLE_BYTES = 4096 };

static int console_connect(const char *sid, int *ret_fd, struct error *err)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = arena_printf(arena, "%s/vm-%s/serial0", paths_run_dir(), sid_name(sid));
    if (strlen(path) >= sizeof(address.sun_path)) {
        return error_set(err, -ENAMETOOLONG, "'%s' is too long for a socket", path);
    }
    memcpy(address.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return error_set_errno(err, -errno, "cannot make a socket");
    }
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
        int code = errno;
        (void)close(fd);
        return code == ENOENT || code == ECONNREFUSED
                   ? error_set(err, -ENOENT,
                               "'%s' runs without a serial port: set serial0 to socket, and start "
                               "it again",
                               sid)
                   : error_set_errno(err, -code, "cannot connect to '%s'", path);
    }
    *ret_fd = fd;
    return 0;
}

// 1: go on, 0: it is over.
static int console_type(int serial, struct error *err)
{
    char bytes[VM_CONSOLE_BYTES];
    ssize_t count = read(STDIN_FILENO, bytes, sizeof(bytes));
    if (count < 0) {
        return errno == EINTR ? 1 : error_set_errno(err, -errno, "cannot read what is typed");
    }
    const char *escape = memchr(bytes, VM_CONSOLE_ESCAPE, (size_t)count);
    size_t size = escape != NULL ? (size_t)(escape - bytes) : (size_t)count;
    int r = file_write_all(serial, bytes, size);
    if (r < 0) {
        return r == -EPIPE ? 0 : error_set_errno(err, r, "cannot write to the serial port");
    }
    return count > 0 && escape == NULL ? 1 : 0;
}

static int console_print(int serial, struct error *err)
{
    char bytes[VM_CONSOLE_BYTES];
    ssize_t count = read(serial, bytes, sizeof(bytes));
    if (count <= 0) {
        return count < 0 && errno == EINTR ? 1 : 0; // the machine has ended
    }
    int r = file_write_all(STDOUT_FILENO, bytes, (size_t)count);
    return r < 0 ? error_set_errno(err, r, "cannot print") : 1;
}

static int console_relay(int serial, int signals, struct error *err)
{
    int r = 1;
    while (r > 0) {
        struct pollfd items[] = {{.fd = serial, .events = POLLIN},
                                 {.fd = STDIN_FILENO, .events = POLLIN},
                                 {.fd = signals, .events = POLLIN}};
        if (poll(items, ARRAY_SIZE(items), -1) < 0) {
            r = errno == EINTR ? 1 : error_set_errno(err, -errno, "cannot wait");
            continue;
        }
        if (items[2].revents != 0) {
            return 0;
        }
        if (items[0].revents != 0) {
            r = console_print(serial, err);
        }
        if (r > 0 && items[1].revents != 0) {
            r = console_type(serial, err);
        }
    }
    return r;
}

int vm_console_run(const char *sid, struct error *err)
{
    struct termios before;
    sigset_t ends;
    sigset_t mask;
    int serial = -1;
    int r = console_connect(sid, &serial, err);
    if (r < 0) {
        return r;
    }
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGHUP);
    sigaddset(&ends, SIGPIPE);
    (void)sigprocmask(SIG_BLOCK, &ends, &mask); // cannot fail with these arguments
    sigdelset(&ends, SIGPIPE);                  // is only not to kill
    int signals = signalfd(-1, &ends, SFD_CLOEXEC);
    bool is_terminal = tcgetattr(STDIN_FILENO, &before) == 0;
    if (signals < 0) {
        r = error_set_errno(err, -errno, "cannot watch for signals");
    } else if (is_terminal) {
        struct termios raw = before;
        cfmakeraw(&raw);
        r = tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw) < 0
                ? error_set_errno(err, -errno, "cannot use the terminal")
                : 0;
    }
    if (r == 0) {
        r = console_relay(serial, signals, err);
    }
    if (is_terminal) {
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before); // nothing else can be done
    }
    if (signals >= 0) {
        (void)close(signals);
    }
    (void)close(serial); // everything was written
    (void)sigprocmask(SIG_SETMASK, &mask, NULL);
    return r;
}
