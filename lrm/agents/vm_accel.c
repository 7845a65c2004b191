// SPDX-License-Identifier: Apache-2.0
// The trial of KVM and the note of how it went.
#include "lrm/agents/vm_accel.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/host/file.h"
#include "common/host/machine.h"
#include "common/host/paths.h"
#include "lrm/agents/service_task.h"
#include "lrm/agents/vm_accel_rom.h"
#include "lrm/agents/vm_process.h"

// On real hardware it takes well below a tenth of a second after QEMU's own start.
enum { VM_ACCEL_LIMIT_MS = 5000, VM_ACCEL_NOTE_MAX = 4096, VM_ACCEL_LOCK_WAIT_MS = 10000 };

#define VM_ACCEL_YES "yes"

// What a trial says: VM_ACCEL_YES or why not.
static const char *try_kvm(struct arena *arena, const char *program)
{
    const char *rom = arena_printf(arena, "%s/kvm-trial.rom", paths_run_dir());
    const char *log = arena_printf(arena, "%s/kvm-trial.log", paths_run_dir());
    struct error err = {0};
    pid_t pid = 0;
    int pidfd = -1;
    if (vm_accel_rom_bytes() == NULL) {
        return "there is no trial for this processor";
    }
    if (access("/dev/kvm", R_OK | W_OK) < 0) {
        return "there is no /dev/kvm that can be used";
    }
    const char *const argv[] = {program,
                                "-nodefaults",
                                "-no-user-config",
                                "-display",
                                "none",
                                "-machine",
                                "pc",
                                "-accel",
                                "kvm",
                                "-m",
                                "16",
                                "-no-reboot",
                                "-bios",
                                rom,
                                "-device",
                                "isa-debug-exit,iobase=0xf4,iosize=4",
                                NULL};
    const struct vm_process_spec spec = {.argv = argv, .log_file = log};
    if (file_replace(rom, (const char *)vm_accel_rom_bytes(), VM_ACCEL_ROM_BYTES, 0600, &err) < 0 ||
        vm_process_start(&spec, &pid, &pidfd, &err) < 0) {
        return arena_strdup(arena, err.text);
    }
    struct pollfd item = {.fd = pidfd, .events = POLLIN};
    int64_t until_ms = service_now_ms() + VM_ACCEL_LIMIT_MS;
    int ready = 0;
    for (int64_t left_ms = VM_ACCEL_LIMIT_MS; ready <= 0 && left_ms > 0;
         left_ms = until_ms - service_now_ms()) {
        ready = poll(&item, 1, (int)left_ms); // interrupted: again
    }
    (void)syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0); // gone already is fine
    (void)close(pidfd);
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    (void)unlink(rom);
    if (ready <= 0) {
        return "a machine that boots under it makes no progress";
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == VM_ACCEL_ROM_STATUS) {
        (void)unlink(log);
        return VM_ACCEL_YES;
    }
    const char *words = vm_process_words(arena, log);
    return words != NULL ? words : "a machine that boots under it fails";
}

// The note is "<boot>\n<program>\n<answer>": another boot or program is another answer.
static const char *ask(struct arena *arena, const char *program, struct error *err)
{
    const char *path = arena_printf(arena, "%s/kvm-trial", paths_run_dir());
    char *boot = NULL;
    char *text = NULL;
    size_t size = 0;
    int lock = service_lock(arena, "kvm-trial", VM_ACCEL_LOCK_WAIT_MS, err);
    if (lock < 0 || machine_boot_id(arena, &boot, err) < 0) {
        if (lock >= 0) {
            (void)close(lock);
        }
        return NULL;
    }
    const char *head = arena_printf(arena, "%s\n%s\n", boot, program);
    const char *answer = NULL;
    if (file_read(arena, path, VM_ACCEL_NOTE_MAX, &text, &size, NULL) == 0 &&
        strncmp(text, head, strlen(head)) == 0) {
        answer = text + strlen(head);
    } else {
        answer = try_kvm(arena, program);
        text = arena_printf(arena, "%s%s", head, answer);
        ignore_result(file_replace(path, text, strlen(text), 0600, NULL)); // else tried again
    }
    (void)close(lock); // gives it back
    return answer;
}

int vm_accel_decide(const char *program, enum vm_kvm wanted, bool *ret_kvm, struct error *err)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    if (wanted == VM_KVM_NEVER) {
        *ret_kvm = false;
        return 0;
    }
    const char *answer = ask(arena, program, err);
    if (answer == NULL) {
        return err != NULL ? err->code : -EIO;
    }
    bool works = strcmp(answer, VM_ACCEL_YES) == 0;
    if (!works && wanted == VM_KVM_ALWAYS) {
        return error_set(err, -ENOTSUP, "kvm is wanted, but does not work here: %s", answer);
    }
    *ret_kvm = works;
    return 0;
}
