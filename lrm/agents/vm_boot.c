// SPDX-License-Identifier: Apache-2.0
// From a definition to a running QEMU: what its names come to on this node, its folder, its note,
// its process.
#include "lrm/agents/vm_boot.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/host/file.h"
#include "common/host/paths.h"
#include "common/model/guest.h"
#include "common/model/sid.h"
#include "lrm/agents/qmp_client.h"
#include "lrm/agents/service_task.h"
#include "lrm/agents/vm_accel.h"
#include "lrm/agents/vm_command.h"
#include "lrm/agents/vm_config.h"
#include "lrm/agents/vm_process.h"
#include "lrm/agents/vm_task.h"
#include "lrm/agents/volume.h"

// Until its control socket answers: a machine with much memory takes its time.
enum { VM_BOOT_WAIT_MS = 60 * 1000 };

struct boot {
    struct vm_task *task;
    const struct guest *definition;
    const struct vm_config *config;
    struct vm_command_input input;
    struct vm_note note;
    int net_fds[VM_CONFIG_NETS_MAX];
};

// The absolute path of a volume or file, which must be there.
static int boot_find(struct boot *boot, const char *key, const char *name, const char **ret,
                     struct error *err)
{
    struct vm_task *task = boot->task;
    struct stat st;
    bool shared = false;
    int r = volume_resolve(task->arena, task->agent->store, name, ret, &shared, err);
    if (r < 0) {
        return error_prefix(err, "%s", key);
    }
    if (stat(*ret, &st) < 0) {
        int code = errno;
        return error_set_errno(err, -code, "%s: cannot use '%s' on node '%s'", key, *ret,
                               task->agent->node);
    }
    return S_ISDIR(st.st_mode) ? error_set(err, -EISDIR, "%s: '%s' is a folder", key, *ret) : 0;
}

static void boot_note_folder(struct boot *boot, const char *path)
{
    const char *slash = strrchr(path, '/');
    boot->note.folders[boot->note.folders_count++] =
        slash == path ? "/" : arena_memdup(boot->task->arena, path, (size_t)(slash - path));
}

static int boot_find_all(struct boot *boot, struct error *err)
{
    const struct vm_config *config = boot->config;
    struct arena *arena = boot->task->arena;
    const char **paths = arena_array_of(arena, const char *, VM_CONFIG_DISKS_MAX);
    boot->note.folders = arena_array_of(arena, const char *, VM_CONFIG_DISKS_MAX);
    int r = 0;
    for (size_t i = 0; r == 0 && i < config->disks_count; i++) {
        const struct vm_disk *disk = &config->disks[i];
        if (disk->volume == NULL) {
            continue;
        }
        r = boot_find(boot, disk->key, disk->volume, &paths[i], err);
        if (r == 0 && !disk->readonly) {
            boot_note_folder(boot, paths[i]);
        }
    }
    boot->input.disk_paths = paths;
    if (r == 0 && config->kernel != NULL) {
        r = boot_find(boot, "kernel", config->kernel, &boot->input.kernel, err);
    }
    if (r == 0 && config->initrd != NULL) {
        r = boot_find(boot, "initrd", config->initrd, &boot->input.initrd, err);
    }
    return r;
}

static int boot_open_nets(struct boot *boot, struct error *err)
{
    for (size_t i = 0; i < boot->config->nets_count; i++) {
        const struct vm_net *net = &boot->config->nets[i];
        if (net->bridge == NULL) {
            continue;
        }
        const char *name = arena_printf(boot->task->arena, "tap%si%lld",
                                        sid_name(boot->task->guest->sid), (long long)net->index);
        const struct vm_process_tap tap = {.name = name,
                                           .bridge = net->bridge,
                                           .mac = net->mac,
                                           .mtu = net->mtu,
                                           .link_down = net->link_down};
        int fd = vm_process_open_tap(&tap, err);
        if (fd < 0) {
            return error_prefix(err, "%s", net->key);
        }
        boot->net_fds[i] = fd;
    }
    return 0;
}

static void boot_close_nets(struct boot *boot)
{
    for (size_t i = 0; i < VM_CONFIG_NETS_MAX; i++) {
        if (boot->net_fds[i] >= 0) {
            (void)close(boot->net_fds[i]); // QEMU has its own
        }
    }
}

// Waits until QEMU answers. When it ends first it has said why.
static int boot_wait(struct boot *boot, const char *log, int pidfd, struct error *err)
{
    struct vm_task *task = boot->task;
    const char *path = arena_printf(task->arena, "%s/qmp", task->folder);
    int64_t until_ms = service_now_ms() + VM_BOOT_WAIT_MS;
    for (;;) {
        struct qmp_client *qmp CLEANUP(qmp_client_freep) = NULL;
        struct pollfd item = {.fd = pidfd, .events = POLLIN};
        struct error problem = {0};
        int64_t left_ms = until_ms - service_now_ms();
        if (poll(&item, 1, VM_POLL_MS) > 0) {
            const char *words = vm_process_words(task->arena, log);
            return error_set(err, -EIO, "QEMU ended: %s",
                             words != NULL ? words : "no reason was given");
        }
        if (left_ms <= 0) {
            return error_set(err, -ETIMEDOUT, "QEMU was started, but does not answer");
        }
        if (qmp_client_connect(path, left_ms, &qmp, &problem) == 0) {
            return 0;
        }
    }
}

static int boot_run(struct boot *boot, struct error *err)
{
    struct vm_task *task = boot->task;
    const char *log = arena_printf(task->arena, "%s/log", task->folder);
    struct vm_process_spec spec = {
        .log_file = log, .keep_fds = boot->net_fds, .keep_fds_count = VM_CONFIG_NETS_MAX};
    pid_t pid = 0;
    int pidfd = -1;
    spec.argv = vm_command_format(task->arena, boot->config, &boot->input);
    int r = vm_process_make_groups(task->arena, &task->places, task->group, &spec.groups,
                                   &spec.groups_count, err);
    if (r == 0) {
        r = vm_process_start(&spec, &pid, &pidfd, err);
    }
    if (r < 0) {
        return r;
    }
    r = boot_wait(boot, log, pidfd, err);
    (void)close(pidfd); // only watched
    // Believed only when it is where we look for it.
    bool there = false;
    if (r == 0) {
        r = vm_task_look(task, &there, &pid, err);
    }
    return r == 0 && !there ? error_set(err, -EIO, "QEMU ended at once") : r;
}

static int boot_make_folder(struct vm_task *task, struct error *err)
{
    static const char *const old[] = {"qmp", "agent", "serial0", "log"};
    int r = file_make_directory(paths_run_dir(), 0700, err);
    if (r == 0) {
        r = file_make_directory(task->folder, 0700, err);
    }
    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(old); i++) {
        (void)unlink(arena_printf(task->arena, "%s/%s", task->folder, old[i])); // may be missing
    }
    return r;
}

static int boot_all(struct boot *boot, struct error *err)
{
    struct vm_task *task = boot->task;
    int r = boot_find_all(boot, err);
    if (r == 0) {
        r = boot_make_folder(task, err);
    }
    if (r == 0) {
        r = boot_open_nets(boot, err);
    }
    if (r == 0) {
        boot->input.program = VM_PROGRAM;
        boot->input.folder = task->folder;
        boot->input.net_fds = boot->net_fds;
        boot->note.definition = guest_format(task->arena, boot->definition);
        boot->note.kvm = boot->input.kvm;
        boot->note.incoming = boot->input.incoming ? boot->note.incoming : NULL;
        r = vm_task_write_note(task, &boot->note, err);
    }
    if (r == 0) {
        r = boot_run(boot, err);
        struct error end_err = {0};
        // A failed start leaves nothing behind.
        if (r < 0 && vm_task_end_all(task, VM_KILL_WAIT_MS, &end_err) < 0) {
            r = error_set(err, end_err.code, "a failed start left something: %s", end_err.text);
        }
    }
    boot_close_nets(boot);
    return r;
}

static int boot_begin(struct boot *boot, struct vm_task *task, const struct guest *definition,
                      struct error *err)
{
    assert(task->lock_fd >= 0); // INV-1: nobody else is starting it
    struct vm_config *config = NULL;
    *boot = (struct boot){.task = task, .definition = definition};
    for (size_t i = 0; i < VM_CONFIG_NETS_MAX; i++) {
        boot->net_fds[i] = -1;
    }
    int r = vm_config_parse(task->arena, definition, &config, err);
    boot->config = config;
    return r;
}

int vm_boot(struct vm_task *task, struct error *err)
{
    struct boot boot;
    int r = boot_begin(&boot, task, task->guest, err);
    if (r == 0) {
        r = vm_accel_decide(VM_PROGRAM, boot.config->kvm, &boot.input.kvm, err);
    }
    return r < 0 ? r : boot_all(&boot, err);
}

int vm_boot_incoming(struct vm_task *task, const struct guest *definition, bool kvm,
                     const char *move_id, struct error *err)
{
    struct boot boot;
    int r = boot_begin(&boot, task, definition, err);
    if (r == 0) {
        r = vm_accel_decide(VM_PROGRAM, kvm ? VM_KVM_ALWAYS : VM_KVM_NEVER, &boot.input.kvm, err);
    }
    if (r < 0) {
        return r;
    }
    boot.input.incoming = true;
    boot.note.incoming = move_id;
    return boot_all(&boot, err);
}
