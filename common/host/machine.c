// SPDX-License-Identifier: Apache-2.0
// The machine's name, the identity of its present boot, and its reset.
#include "common/host/machine.h"

#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/parse.h"
#include "common/host/file.h"
#include "common/model/sid.h"

enum { PROC_FILE_MAX = 64 * 1024, STAT_START_FIELD = 20 };

int machine_node_name(struct arena *arena, char **ret_name, struct error *err)
{
    struct utsname names;
    if (uname(&names) < 0) {
        return error_set_errno(err, -errno, "cannot get the host name");
    }
    char *name = arena_memdup(arena, names.nodename, strcspn(names.nodename, "."));
    int r = node_name_check(name, err);
    if (r < 0) {
        return error_prefix(err, "host name '%s'", names.nodename);
    }
    *ret_name = name;
    return 0;
}

int machine_process_start(struct arena *arena, pid_t pid, const char **ret, struct error *err)
{
    const char *path = arena_printf(arena, "/proc/%d/stat", (int)pid);
    char *text;
    size_t size;
    int r = file_read(arena, path, PROC_FILE_MAX, &text, &size, err);
    if (r < 0) {
        return r == -ESRCH ? error_set(err, -ENOENT, "process %d has ended", (int)pid) : r;
    }
    // The second field is the program's name in parentheses and may hold anything; the rest is
    // blank-separated.
    const char *rest = strrchr(text, ')');
    struct parse_words words = parse_fields(arena, rest != NULL ? rest + 1 : "");
    if (words.count < STAT_START_FIELD) {
        return error_set(err, -EIO, "cannot understand '%s'", path);
    }
    *ret = words.words[STAT_START_FIELD - 1];
    return 0;
}

int machine_boot_id(struct arena *arena, char **ret_id, struct error *err)
{
    char *kernel;
    size_t size;
    int r = file_read(arena, "/proc/sys/kernel/random/boot_id", PROC_FILE_MAX, &kernel, &size, err);
    if (r < 0) {
        return r;
    }
    kernel[strcspn(kernel, "\n")] = '\0';
    const char *init = NULL;
    r = machine_process_start(arena, 1, &init, err);
    if (r < 0) {
        return r;
    }
    *ret_id = arena_printf(arena, "%s-%s", kernel, init);
    return 0;
}

int machine_may_reset(struct error *err)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};
    if (syscall(SYS_capget, &header, data) < 0) {
        return error_set_errno(err, -errno, "cannot read this process's capabilities");
    }
    if ((data[CAP_SYS_BOOT / 32].effective & (UINT32_C(1) << (CAP_SYS_BOOT % 32))) == 0) {
        return error_set(err, -EPERM, "this process may not reset the machine (CAP_SYS_BOOT)");
    }
    return 0;
}

void machine_reset(void)
{
    (void)reboot(RB_AUTOBOOT);
    // Only reached when the kernel refuses, and in a PID namespace while init dies. This node must
    // fall silent.
    (void)kill(-1, SIGKILL);
    abort();
}
