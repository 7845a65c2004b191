// SPDX-License-Identifier: Apache-2.0
// Building and removing root file systems.
#include "cli/guest_template.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/host/file.h"

enum { TEMPLATE_BUSYBOX_MAX = 64 * 1024 * 1024, TEMPLATE_OPEN_MAX = 16 };

static const char *const template_busybox_paths[] = {"/bin/busybox", "/usr/bin/busybox",
                                                     "/usr/local/bin/busybox"};

static const char *const template_folders[] = {
    "bin",  "sbin", "dev", "proc", "sys",  "tmp",     "etc",      "etc/init.d", "run",
    "root", "var",  "usr", "mnt",  "home", "usr/bin", "usr/sbin", "var/log",
};

// Names under which busybox is called; one that it does not have answers "applet not found".
static const char *const template_applets[] = {
    "[",      "ash",      "awk",      "base64",  "basename", "cat",       "chmod",  "chown",
    "chroot", "clear",    "cmp",      "cp",      "cut",      "date",      "dd",     "df",
    "diff",   "dirname",  "dmesg",    "du",      "echo",     "env",       "expr",   "false",
    "find",   "free",     "grep",     "gunzip",  "gzip",     "halt",      "head",   "hostname",
    "httpd",  "id",       "ifconfig", "ip",      "kill",     "killall",   "less",   "ln",
    "logger", "ls",       "md5sum",   "mkdir",   "mkfifo",   "mknod",     "mktemp", "more",
    "mount",  "mv",       "nc",       "netstat", "nice",     "nohup",     "nproc",  "pidof",
    "ping",   "poweroff", "printf",   "ps",      "pwd",      "readlink",  "reboot", "rm",
    "rmdir",  "route",    "sed",      "seq",     "sh",       "sha256sum", "sleep",  "sort",
    "stat",   "stty",     "sync",     "syslogd", "tail",     "tar",       "tee",    "telnet",
    "test",   "timeout",  "top",      "touch",   "tr",       "true",      "tty",    "udhcpc",
    "umount", "uname",    "uniq",     "uptime",  "vi",       "watch",     "wc",     "wget",
    "which",  "who",      "whoami",   "xargs",   "yes",      "zcat",
};

struct template_file {
    const char *path;
    const char *text;
    mode_t mode;
};

static const struct template_file template_files[] = {
    {"etc/inittab",
     "::sysinit:/etc/init.d/rcS\n"
     "::respawn:/bin/sleep 86400\n"
     "::shutdown:/etc/init.d/rcK\n",
     0644},
    {"etc/init.d/rcS",
     "#!/bin/sh\n"
     "# Runs /etc/init.d/S??* in order when the container starts.\n"
     "for script in /etc/init.d/S??*; do\n"
     "\tif [ -x \"$script\" ]; then \"$script\" start; fi\n"
     "done\n",
     0755},
    {"etc/init.d/rcK",
     "#!/bin/sh\n"
     "# Runs /etc/init.d/S??* when the container stops.\n"
     "for script in /etc/init.d/S??*; do\n"
     "\tif [ -x \"$script\" ]; then \"$script\" stop; fi\n"
     "done\n",
     0755},
    {"etc/init.d/S10dhcp",
     "#!/bin/sh\n"
     "# Asks for addresses for the interfaces whose definition says ip=dhcp.\n"
     "[ \"$1\" = start ] || exit 0\n"
     "IFS=,\n"
     "for interface in $HA_DHCP; do\n"
     "\tudhcpc -i \"$interface\" -b -t 3 -T 1 -s /etc/udhcpc.script >/dev/null 2>&1\n"
     "done\n",
     0755},
    {"etc/udhcpc.script",
     "#!/bin/sh\n"
     "# Carries out what udhcpc was told. A resolv.conf of somebody else stays.\n"
     "ip address flush dev \"$interface\"\n"
     "ip link set \"$interface\" up\n"
     "case $1 in bound | renew) ;; *) exit 0 ;; esac\n"
     "ip address add \"$ip/$mask\" dev \"$interface\"\n"
     "for gateway in $router; do\n"
     "\tip route add default via \"$gateway\" dev \"$interface\"\n"
     "\tbreak\n"
     "done\n"
     "[ ! -e /etc/resolv.conf ] || grep -q '^# from udhcpc' /etc/resolv.conf || exit 0\n"
     "echo '# from udhcpc' >/etc/resolv.conf\n"
     "[ -z \"$domain\" ] || echo \"search $domain\" >>/etc/resolv.conf\n"
     "for server in $dns; do echo \"nameserver $server\" >>/etc/resolv.conf; done\n",
     0755},
    {"etc/passwd", "root:x:0:0:root:/root:/bin/sh\n", 0644},
    {"etc/group", "root:x:0:\n", 0644},
    {"etc/hosts", "127.0.0.1\tlocalhost\n::1\tlocalhost\n", 0644},
    {"etc/profile", "export PATH=/bin:/sbin:/usr/bin:/usr/sbin\n", 0644},
};

// A program that names an interpreter needs libraries that the container does not have.
static bool template_is_static(const char *bytes, size_t size)
{
    Elf64_Ehdr header;
    if (size < sizeof(header) || memcmp(bytes, ELFMAG, SELFMAG) != 0) {
        return false;
    }
    if (bytes[EI_CLASS] != ELFCLASS64) {
        return true; // not judged: its own start will tell
    }
    memcpy(&header, bytes, sizeof(header));
    for (size_t i = 0; i < header.e_phnum; i++) {
        Elf64_Phdr segment;
        size_t at = header.e_phoff + i * sizeof(segment);
        if (at > size || size - at < sizeof(segment)) {
            return false;
        }
        memcpy(&segment, bytes + at, sizeof(segment));
        if (segment.p_type == PT_INTERP) {
            return false;
        }
    }
    return true;
}

static int template_read_busybox(struct arena *arena, char **ret_bytes, size_t *ret_size,
                                 struct error *err)
{
    for (size_t i = 0; i < ARRAY_SIZE(template_busybox_paths); i++) {
        char *bytes = NULL;
        size_t size = 0;
        if (file_read(arena, template_busybox_paths[i], TEMPLATE_BUSYBOX_MAX, &bytes, &size, NULL) <
            0) {
            continue;
        }
        if (template_is_static(bytes, size)) {
            *ret_bytes = bytes;
            *ret_size = size;
            return 0;
        }
    }
    return error_set(err, -ENOENT,
                     "no static busybox is installed here: install the package 'busybox-static'");
}

static int template_write(const char *folder, const char *name, const char *bytes, size_t size,
                          mode_t mode, struct error *err)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    const char *path = arena_printf(arena, "%s/%s", folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        int code = errno;
        return error_set_errno(err, -code, "cannot create '%s'", path);
    }
    int r = file_write_all(fd, bytes, size);
    if (r == 0 && fchmod(fd, mode) < 0) {
        r = -errno;
    }
    if (close(fd) < 0 && r == 0) {
        r = -errno;
    }
    return r < 0 ? error_set_errno(err, r, "cannot write '%s'", path) : 0;
}

static int template_link(const char *folder, const char *name, const char *target,
                         struct error *err)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    const char *path = arena_printf(arena, "%s/%s", folder, name);
    if (symlink(target, path) < 0) {
        int code = errno;
        return error_set_errno(err, -code, "cannot create '%s'", path);
    }
    return 0;
}

static int template_fill(const char *folder, const char *busybox, size_t busybox_size,
                         struct error *err)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    for (size_t i = 0; i < ARRAY_SIZE(template_folders); i++) {
        int r = file_make_directory(arena_printf(arena, "%s/%s", folder, template_folders[i]), 0755,
                                    err);
        if (r < 0) {
            return r;
        }
    }
    int r = template_write(folder, "bin/busybox", busybox, busybox_size, 0755, err);
    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(template_applets); i++) {
        r = template_link(folder, arena_printf(arena, "bin/%s", template_applets[i]), "busybox",
                          err);
    }
    if (r == 0) {
        r = template_link(folder, "sbin/init", "../bin/busybox", err);
    }
    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(template_files); i++) {
        const struct template_file *file = &template_files[i];
        r = template_write(folder, file->path, file->text, strlen(file->text), file->mode, err);
    }
    const char *tmp = arena_printf(arena, "%s/tmp", folder);
    if (r == 0 && (chmod(tmp, 01777) < 0 || chmod(folder, 0755) < 0)) {
        r = error_set_errno(err, -errno, "cannot set the mode of '%s'", tmp);
    }
    return r;
}

static int template_remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static int template_remove_tree(const char *folder, struct error *err)
{
    if (nftw(folder, template_remove_one, TEMPLATE_OPEN_MAX, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) !=
        0) {
        int code = errno;
        return error_set_errno(err, -code, "cannot remove '%s'", folder);
    }
    return 0;
}

// A new empty folder beside the given one, with a name that says what it is.
static int template_beside(struct arena *arena, const char *folder, const char *what, char **ret,
                           struct error *err)
{
    const char *slash = strrchr(folder, '/');
    size_t parent_length = slash != NULL ? (size_t)(slash - folder) : 0;
    const char *parent = arena_memdup(arena, folder, parent_length);
    char *path =
        arena_printf(arena, "%s/.%s-%s-XXXXXX", parent, slash != NULL ? slash + 1 : folder, what);
    if (mkdtemp(path) == NULL) {
        int code = errno;
        return error_set_errno(err, -code, "cannot create a folder in '%s'", parent);
    }
    *ret = path;
    return 0;
}

int guest_template_make(const char *folder, struct error *err)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct stat st;
    char *busybox = NULL;
    size_t busybox_size = 0;
    char *building = NULL;
    if (lstat(folder, &st) == 0) {
        return error_set(err, -EEXIST, "'%s' exists already", folder);
    }
    int r = template_read_busybox(arena, &busybox, &busybox_size, err);
    if (r == 0) {
        r = template_beside(arena, folder, "new", &building, err);
    }
    if (r < 0) {
        return r;
    }
    mode_t mask = umask(022); // whatever the caller's is, the container's users must get in
    r = template_fill(building, busybox, busybox_size, err);
    (void)umask(mask);
    if (r == 0 && rename(building, folder) < 0) {
        int code = errno;
        r = error_set_errno(err, -code, "cannot rename '%s' to '%s'", building, folder);
    }
    if (r < 0 && template_remove_tree(building, NULL) < 0) {
        return error_prefix(err, "'%s' stays behind", building);
    }
    return r;
}

int guest_template_remove(const char *folder, struct error *err)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct stat st;
    char *trash = NULL;
    if (lstat(folder, &st) < 0) {
        int code = errno;
        return code == ENOENT ? 0 : error_set_errno(err, -code, "cannot look at '%s'", folder);
    }
    int r = template_beside(arena, folder, "old", &trash, err);
    if (r < 0) {
        return r;
    }
    if (rename(folder, trash) < 0) {
        int code = errno;
        (void)rmdir(trash);
        return error_set_errno(err, -code, "cannot rename '%s'", folder);
    }
    return template_remove_tree(trash, err);
}
