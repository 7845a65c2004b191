// SPDX-License-Identifier: Apache-2.0
// How QEMU gets its process, its groups and its interfaces. When it is started is decided by its
// callers.
#include "lrm/agents/vm_process.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/host/file.h"

enum { VM_PROCESS_LOG_MAX = 64 * 1024, VM_PROCESS_FD_MAX = 64 * 1024 };

// --- Control groups. ---

// A hierarchy's root is a folder that lies below no other of its kind.
static bool is_root(const struct ct_cgroup_places *places, size_t which)
{
    const struct ct_cgroup_place *place = &places->places[which];
    for (size_t i = 0; i < places->count; i++) {
        const struct ct_cgroup_place *other = &places->places[i];
        size_t length = strlen(other->folder);
        if (i != which && other->unified == place->unified &&
            strncmp(place->folder, other->folder, length) == 0 && place->folder[length] == '/') {
            return false;
        }
    }
    return true;
}

int vm_process_make_groups(struct arena *arena, const struct ct_cgroup_places *places,
                           const char *id, const char *const **ret, size_t *ret_count,
                           struct error *err)
{
    const char **folders = arena_array_of(arena, const char *, places->count);
    size_t count = 0;
    int code = 0;
    for (size_t i = 0; i < places->count; i++) {
        const char *folder = arena_printf(arena, "%s/ha-manager.%s", places->places[i].folder, id);
        if (!is_root(places, i)) {
            continue;
        }
        if (mkdir(folder, 0755) == 0 || errno == EEXIST) {
            folders[count++] = folder;
        } else {
            code = errno;
        }
    }
    if (count == 0) {
        return error_set_errno(err, -code, "no control group can be made for it");
    }
    *ret = folders;
    *ret_count = count;
    return 0;
}

// --- The process. ---

// Runs in the child. A hierarchy may refuse it (a cpuset without processors); one that takes it is
// enough to see it by.
static bool enter_groups(const struct vm_process_spec *spec)
{
    bool entered = spec->groups_count == 0;
    for (size_t i = 0; i < spec->groups_count; i++) {
        struct arena *arena CLEANUP(arena_freep) = arena_new();
        const char *path = arena_printf(arena, "%s/cgroup.procs", spec->groups[i]);
        entered = file_write_value(path, "0", NULL) == 0 || entered;
    }
    return entered;
}

// All descriptors are closed when the program takes over, except what it is to have.
static void keep_only(const struct vm_process_spec *spec, int report_fd)
{
    if (syscall(SYS_close_range, 3U, ~0U, 4U /* only at exec */) < 0) {
        for (int fd = 3; fd < VM_PROCESS_FD_MAX; fd++) {
            (void)fcntl(fd, F_SETFD, FD_CLOEXEC); // most are not open
        }
    }
    for (size_t i = 0; i < spec->keep_fds_count; i++) {
        if (spec->keep_fds[i] >= 0 && spec->keep_fds[i] != report_fd) {
            (void)fcntl(spec->keep_fds[i], F_SETFD, 0);
        }
    }
}

NORETURN static void child(const struct vm_process_spec *spec, int report_fd)
{
    sigset_t none;
    sigemptyset(&none);
    for (int signo = 1; signo < NSIG; signo++) {
        (void)signal(signo, SIG_DFL); // some cannot be changed and need not
    }
    (void)sigprocmask(SIG_SETMASK, &none, NULL); // cannot fail with these arguments
    (void)setsid();
    (void)umask(077);
    int code = EIO;
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    int log_fd = open(spec->log_file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    // Daemons may be spared when memory is short; what they start is not.
    ignore_result(file_write_value("/proc/self/oom_score_adj", "0", NULL));
    if (null_fd < 0 || log_fd < 0 || dup2(null_fd, 0) < 0 || dup2(log_fd, 1) < 0 ||
        dup2(log_fd, 2) < 0 || chdir("/") < 0) {
        code = errno;
    } else if (!enter_groups(spec)) {
        code = ENOTSUP;
    } else {
        keep_only(spec, report_fd);
        (void)execvp(spec->argv[0], (char *const *)(uintptr_t)spec->argv);
        code = errno;
    }
    ignore_result(file_write_all(report_fd, &code, sizeof(code))); // else the parent sees nothing
    _exit(EXIT_FAILURE);
}

int vm_process_start(const struct vm_process_spec *spec, pid_t *ret_pid, int *ret_pidfd,
                     struct error *err)
{
    int report[2];
    if (pipe2(report, O_CLOEXEC) < 0) {
        return error_set_errno(err, -errno, "cannot start a process");
    }
    pid_t pid = fork();
    if (pid == 0) {
        child(spec, report[1]);
    }
    int code = pid < 0 ? errno : 0;
    (void)close(report[1]);
    // Ends at the exec, or brings what went wrong.
    while (pid > 0 && read(report[0], &code, sizeof(code)) < 0 && errno == EINTR) {
    }
    (void)close(report[0]);
    if (code != 0) {
        if (pid > 0) {
            (void)waitpid(pid, NULL, 0); // it ends by itself
        }
        return code == ENOTSUP ? error_set(err, -code,
                                           "no control group takes it, where its "
                                           "processes could be seen")
                               : error_set_errno(err, -code, "cannot start '%s'", spec->argv[0]);
    }
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (pidfd < 0) {
        code = errno;
        return error_set_errno(err, -code, "'%s' ended at once", spec->argv[0]);
    }
    *ret_pid = pid;
    *ret_pidfd = pidfd;
    return 0;
}

const char *vm_process_words(struct arena *arena, const char *log_file)
{
    char *text = NULL;
    size_t size = 0;
    if (file_read(arena, log_file, VM_PROCESS_LOG_MAX, &text, &size, NULL) < 0) {
        return NULL;
    }
    const char *line = text;
    // Warnings stand before the reason.
    while (*line != '\0' && memmem(line, strcspn(line, "\n"), "warning:", 8) != NULL) {
        line += strcspn(line, "\n");
        line += *line == '\n' ? 1 : 0;
    }
    size_t length = strcspn(line, "\n");
    return length > 0 ? arena_memdup(arena, line, length) : NULL;
}

// --- Interfaces. ---

static void name_request(struct ifreq *request, const char *name)
{
    *request = (struct ifreq){0};
    memcpy(request->ifr_name, name, strlen(name) + 1); // its length was checked
}

// A bridge takes the lowest address of its ports for its own: this one must never be it.
static void tap_address(const char *mac, struct sockaddr *ret)
{
    static const char digits[] = "0123456789abcdef";
    *ret = (struct sockaddr){.sa_family = ARPHRD_ETHER};
    for (size_t i = 0; i < 6; i++) {
        int high = tolower((unsigned char)mac[i * 3]);
        int low = tolower((unsigned char)mac[i * 3 + 1]);
        ret->sa_data[i] =
            (char)((strchr(digits, high) - digits) * 16 + (strchr(digits, low) - digits));
    }
    ret->sa_data[0] = (char)0xfe;
}

static int set_up(int control, const struct vm_process_tap *tap, struct error *err)
{
    struct ifreq request;
    name_request(&request, tap->name);
    tap_address(tap->mac, &request.ifr_hwaddr);
    if (ioctl(control, SIOCSIFHWADDR, &request) < 0) {
        return error_set_errno(err, -errno, "cannot set the address of '%s'", tap->name);
    }
    if (tap->mtu > 0) {
        name_request(&request, tap->name);
        request.ifr_mtu = (int)tap->mtu;
        if (ioctl(control, SIOCSIFMTU, &request) < 0) {
            return error_set_errno(err, -errno, "cannot set the mtu of '%s'", tap->name);
        }
    }
    name_request(&request, tap->name);
    if (ioctl(control, SIOCGIFINDEX, &request) < 0) {
        return error_set_errno(err, -errno, "cannot find '%s'", tap->name);
    }
    int index = request.ifr_ifindex;
    name_request(&request, tap->bridge);
    request.ifr_ifindex = index;
    if (ioctl(control, SIOCBRADDIF, &request) < 0) {
        return error_set_errno(err, -errno, "cannot add an interface to bridge '%s'", tap->bridge);
    }
    name_request(&request, tap->name);
    request.ifr_flags = (short)(tap->link_down ? 0 : IFF_UP);
    if (ioctl(control, SIOCSIFFLAGS, &request) < 0) {
        return error_set_errno(err, -errno, "cannot set '%s' up", tap->name);
    }
    return 0;
}

int vm_process_open_tap(const struct vm_process_tap *tap, struct error *err)
{
    struct ifreq request;
    if (strlen(tap->name) >= sizeof(request.ifr_name) ||
        strlen(tap->bridge) >= sizeof(request.ifr_name)) {
        return error_set(err, -EINVAL, "the name of interface '%s' or bridge '%s' is too long",
                         tap->name, tap->bridge);
    }
    name_request(&request, tap->name);
    request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        return error_set_errno(err, -errno, "cannot open '/dev/net/tun'");
    }
    int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int r = control < 0 || ioctl(fd, TUNSETIFF, &request) < 0
                ? error_set_errno(err, -errno, "cannot make interface '%s'", tap->name)
                : set_up(control, tap, err);
    if (control >= 0) {
        (void)close(control); // only for the requests
    }
    if (r < 0) {
        (void)close(fd);
        return r;
    }
    return fd;
}
