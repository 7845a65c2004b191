// SPDX-License-Identifier: Apache-2.0
// Files of a container on its node. What a definition means is ct_config.c's matter, when files are
// written ct.c's.
#include "lrm/agents/ct_setup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/parse.h"
#include "common/base/strbuf.h"
#include "common/host/file.h"
#include "common/model/guest.h"
#include "common/port/store.h"
#include "lrm/agents/ct_cgroup.h"
#include "lrm/agents/ct_config.h"
#include "lrm/agents/volume.h"

enum { CT_SETUP_CONFIG_MAX = 256 * 1024, CT_SETUP_NAMES_MAX = 64 * 1024 };

static const char *setup_config_path(const struct ct_setup *setup)
{
    return arena_printf(setup->arena, "%s/%s/config", setup->lxc_path, setup->id);
}

// --- Names. ---

// Nothing inside leads out of the root file system, whatever its links say.
static int names_open(int root, const char *folder)
{
    struct open_how how = {.resolve = RESOLVE_IN_ROOT};
    how.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
    long fd = syscall(SYS_openat2, root, folder, &how, sizeof(how));
    if (fd < 0 && errno == ENOSYS) {
        // An older kernel: then it must be no link at all.
        fd = openat(root, folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 && (errno == ELOOP || errno == ENOTDIR)) {
            return -ENOENT;
        }
    }
    return fd < 0 ? -errno : (int)fd;
}

static bool names_same(int etc, const char *name, const char *text)
{
    char now[CT_SETUP_NAMES_MAX];
    int fd = openat(etc, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    ssize_t size = fd >= 0 ? read(fd, now, sizeof(now)) : -1;
    if (fd >= 0) {
        (void)close(fd); // was only read
    }
    return size >= 0 && (size_t)size == strlen(text) && memcmp(now, text, (size_t)size) == 0;
}

// A link there, as to a resolver's own file, is replaced by the file.
static int names_replace(int etc, const char *name, const char *text)
{
    static const char draft[] = ".ha-manager.new";
    struct stat st;
    if (names_same(etc, name, text)) {
        return 0;
    }
    (void)unlinkat(etc, draft, 0); // of a start that was cut
    int fd = openat(etc, draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0) {
        return -errno;
    }
    // Its users are those of the container.
    int r = fstat(etc, &st) < 0 || fchown(fd, st.st_uid, st.st_gid) < 0 || fchmod(fd, 0644) < 0
                ? -errno
                : file_write_all(fd, text, strlen(text));
    if (close(fd) < 0 && r == 0) {
        r = -errno;
    }
    if (r == 0 && renameat(etc, draft, etc, name) < 0) {
        r = -errno;
    }
    if (r < 0) {
        (void)unlinkat(etc, draft, 0); // of no use
    }
    return r;
}

static void names_format(const char *nameserver, const char *searchdomain, struct strbuf *out)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct parse_words domains = parse_list(arena, searchdomain != NULL ? searchdomain : "");
    struct parse_words servers = parse_list(arena, nameserver != NULL ? nameserver : "");
    for (size_t i = 0; i < domains.count; i++) {
        strbuf_appendf(out, "%s%s", i == 0 ? "search " : " ", domains.words[i]);
    }
    strbuf_append(out, domains.count > 0 ? "\n" : "");
    for (size_t i = 0; i < servers.count; i++) {
        strbuf_appendf(out, "nameserver %s\n", servers.words[i]);
    }
}

int ct_setup_write_names(const char *rootfs, const char *hostname, const char *nameserver,
                         const char *searchdomain, struct error *err)
{
    struct strbuf text CLEANUP(strbuf_done) = {0};
    struct strbuf host CLEANUP(strbuf_done) = {0};
    bool resolves = nameserver != NULL || searchdomain != NULL;
    if (!resolves && hostname == NULL) {
        return 0;
    }
    int root = open(rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0) {
        return error_set_errno(err, -errno, "cannot use '%s'", rootfs);
    }
    int etc = names_open(root, "etc");
    (void)close(root); // only the way to the next
    if (etc < 0) {
        return etc == -ENOENT ? 0 : error_set_errno(err, etc, "cannot use '%s/etc'", rootfs);
    }
    const char *name = "resolv.conf";
    names_format(nameserver, searchdomain, &text);
    int r = resolves ? names_replace(etc, name, strbuf_text(&text)) : 0;
    if (r == 0 && hostname != NULL && faccessat(etc, "hostname", F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
        name = "hostname";
        strbuf_appendf(&host, "%s\n", hostname);
        r = names_replace(etc, name, strbuf_text(&host));
    }
    (void)close(etc); // the files in it are complete
    return r < 0 ? error_set_errno(err, r, "cannot write '%s/etc/%s'", rootfs, name) : 0;
}

// --- The configuration. ---

static int setup_find_rootfs(const struct ct_setup *setup, const struct ct_config *config,
                             const char **ret_path, bool *ret_shared, struct error *err)
{
    struct stat st;
    const char *path = NULL;
    int r = volume_resolve(setup->arena, setup->store, config->rootfs, &path, ret_shared, err);
    if (r < 0) {
        return r;
    }
    if (stat(path, &st) < 0) {
        int code = errno;
        return error_set_errno(err, -code, "cannot use rootfs '%s' on node '%s'", path,
                               setup->node);
    }
    if (!S_ISDIR(st.st_mode)) {
        return error_set(err, -ENOTDIR, "rootfs '%s' is not a folder", path);
    }
    *ret_path = path;
    return 0;
}

static int setup_find_mount(const struct ct_setup *setup, const struct ct_mount *mount,
                            struct ct_config_source *ret, struct error *err)
{
    struct stat st;
    bool shared = false;
    int r = volume_resolve(setup->arena, setup->store, mount->volume, &ret->path, &shared, err);
    if (r < 0) {
        return r;
    }
    if (stat(ret->path, &st) < 0) {
        int code = errno;
        return error_set_errno(err, -code, "cannot use '%s' on node '%s'", ret->path, setup->node);
    }
    ret->is_file = S_ISREG(st.st_mode);
    // A file on a storage is an image, which would have to be mounted.
    if (!S_ISDIR(st.st_mode) && (!ret->is_file || mount->volume[0] != '/')) {
        return error_set(err, -ENOTDIR, "'%s' is not a folder", ret->path);
    }
    return 0;
}

// LXC's own words for a bridge that is not there tell nobody what is missing.
static int setup_check_bridges(const struct ct_setup *setup, const struct ct_config *config,
                               struct error *err)
{
    for (size_t i = 0; i < config->nets_count; i++) {
        if (if_nametoindex(config->nets[i].bridge) == 0) {
            return error_set(err, -ENODEV, "%s: there is no bridge '%s' on node '%s'",
                             config->nets[i].key, config->nets[i].bridge, setup->node);
        }
    }
    return 0;
}

// The root group of v2 does not have the file, and no group has it when the kernel counts no swap.
static enum ct_cgroup_layout setup_swap(const struct ct_setup *setup)
{
    const struct ct_cgroup_places *places = setup->places;
    enum ct_cgroup_layout layout =
        ct_cgroup_controller(places, "memory.memsw.limit_in_bytes", "memory");
    for (size_t i = 0; layout == CT_CGROUP_V2 && i < places->count; i++) {
        const char *folder = places->places[i].folder;
        if (access(arena_printf(setup->arena, "%s/memory.swap.max", folder), F_OK) == 0) {
            return layout;
        }
    }
    return layout == CT_CGROUP_V2 ? CT_CGROUP_NONE : layout;
}

static int setup_find_all(const struct ct_setup *setup, const struct ct_config *config,
                          struct ct_config_input *input, bool *ret_shared, struct error *err)
{
    struct ct_config_source *sources =
        arena_array_of(setup->arena, struct ct_config_source, config->mounts_count);
    int r = setup_find_rootfs(setup, config, &input->rootfs, ret_shared, err);
    for (size_t i = 0; r == 0 && i < config->mounts_count; i++) {
        r = setup_find_mount(setup, &config->mounts[i], &sources[i], err);
        r = r < 0 ? error_prefix(err, "%s", config->mounts[i].key) : 0;
    }
    if (r == 0) {
        r = setup_check_bridges(setup, config, err);
    }
    input->sources = sources;
    input->memory = ct_cgroup_controller(setup->places, "memory.limit_in_bytes", "memory");
    input->swap = setup_swap(setup);
    input->cpu = ct_cgroup_controller(setup->places, "cpu.cfs_quota_us", "cpu");
    return r;
}

int ct_setup_write(const struct ct_setup *setup, const struct guest *guest, const char *log_file,
                   const char **ret_shared, struct error *err)
{
    struct strbuf text CLEANUP(strbuf_done) = {0};
    struct ct_config_input input = {.log_file = log_file};
    struct ct_config *config = NULL;
    bool shared = false;
    int r = ct_config_parse(setup->arena, guest, &config, err);
    if (r == 0) {
        r = setup_find_all(setup, config, &input, &shared, err);
    }
    if (r == 0) {
        r = file_make_directory(arena_printf(setup->arena, "%s/%s", setup->lxc_path, setup->id),
                                config->unprivileged ? 0711 : 0700, err);
    }
    if (r < 0) {
        return r;
    }
    ct_config_format(guest, config, &input, &text);
    r = file_replace(setup_config_path(setup), strbuf_text(&text), text.size_bytes, 0600, err);
    if (r == 0) {
        *ret_shared = shared && config->rootfs[0] != '/' ? input.rootfs : NULL;
    }
    return r;
}

int ct_setup_check_shared(struct arena *arena, struct store *store, const struct guest *guest,
                          struct error *err)
{
    struct ct_config *config = NULL;
    const char *path = NULL;
    bool shared = false;
    int r = ct_config_parse(arena, guest, &config, err);
    if (r == 0) {
        r = volume_resolve(arena, store, config->rootfs, &path, &shared, err);
    }
    if (r == 0 && !shared) {
        r = error_set(err, -EXDEV, "rootfs '%s' is on a storage that is not shared",
                      config->rootfs);
    }
    for (size_t i = 0; r == 0 && i < config->mounts_count; i++) {
        const struct ct_mount *mount = &config->mounts[i];
        r = volume_resolve(arena, store, mount->volume, &path, &shared, err);
        if (r == 0 && !shared) {
            r = error_set(err, -EXDEV, "%s: '%s' is on a storage that is not shared", mount->key,
                          mount->volume);
        }
    }
    return r;
}

// --- What was written. ---

static const char *setup_read(const struct ct_setup *setup)
{
    char *text = NULL;
    size_t size = 0;
    return file_read(setup->arena, setup_config_path(setup), CT_SETUP_CONFIG_MAX, &text, &size,
                     NULL) < 0
               ? ""
               : text;
}

const char *ct_setup_find_rootfs(const struct ct_setup *setup)
{
    static const char key[] = "\nlxc.rootfs.path = dir:";
    const char *at = strstr(setup_read(setup), key);
    if (at == NULL) {
        return NULL;
    }
    at += strlen(key);
    return arena_memdup(setup->arena, at, strcspn(at, "\n"));
}

int ct_setup_settle(const struct ct_setup *setup, struct error *err)
{
    static const char key[] = "\nlxc.mount.entry = ";
    const char *rootfs = ct_setup_find_rootfs(setup);
    int r = rootfs != NULL ? volume_settle(rootfs, err) : 0;
    for (const char *at = strstr(setup_read(setup), key); r == 0 && at != NULL;
         at = strstr(at, key)) {
        struct stat st;
        at += strlen(key);
        const char *path = arena_memdup(setup->arena, at, strcspn(at, " "));
        // A file lies in a folder of the node's, and devices have nothing to wait for.
        if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
            r = volume_settle(path, err);
        }
    }
    return r;
}
