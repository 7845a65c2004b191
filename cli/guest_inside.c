// SPDX-License-Identifier: Apache-2.0
// ha-guest console and exec: what is done inside a guest that runs on this node.
#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/command_line.h"
#include "cli/guest_tool.h"
#include "cli/tool_context.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/host/file.h"
#include "common/model/guest.h"
#include "common/model/sid.h"
#include "lrm/agents/ct_attach.h"
#include "lrm/agents/vm_console.h"
#include "lrm/agents/vm_exec.h"

// As a shell says how a program ended.
enum { INSIDE_SIGNAL_STATUS = 128 };

static int inside_find(struct cli *cli, const struct guest **ret, struct error *err)
{
    struct tool_context context CLEANUP(tool_context_close) = {0};
    const struct guest *guest = NULL;
    bool running = false;
    int r = tool_context_open(cli, &context, err);
    if (r == 0) {
        r = guest_find(cli, &context, &guest, err);
    }
    if (r == 0) {
        r = guest_check_here(&context, guest, err);
    }
    if (r == 0) {
        r = guest_is_running(&context, guest, &running, err);
    }
    if (r == 0 && !running) {
        r = error_set(err, -ESRCH, "guest '%s' does not run", guest->sid);
    }
    if (r == 0) {
        *ret = guest_clone(cli->arena, guest);
    }
    return r;
}

static int inside_container(struct cli *cli, const struct guest *guest, const char *const *argv,
                            struct error *err)
{
    int status = 0;
    int r = ct_attach_run(guest->sid, argv, &status, err);
    if (r == 0) {
        cli->exit_status =
            WIFEXITED(status) ? WEXITSTATUS(status) : INSIDE_SIGNAL_STATUS + WTERMSIG(status);
    }
    return r;
}

static int inside_print(int fd, const char *text, size_t size, struct error *err)
{
    int r = size > 0 ? file_write_all(fd, text, size) : 0;
    return r < 0 ? error_set_errno(err, r, "cannot print what it has printed") : 0;
}

static int inside_machine(struct cli *cli, const struct guest *guest, const char *const *argv,
                          struct error *err)
{
    struct vm_exec_result result;
    int r = vm_exec_run(cli->arena, guest->sid, argv, &result, err);
    if (r == 0) {
        r = inside_print(STDOUT_FILENO, result.output, result.output_bytes, err);
    }
    if (r == 0) {
        r = inside_print(STDERR_FILENO, result.errors, result.errors_bytes, err);
    }
    if (r == 0 && result.cut) {
        cli_warn(cli, "there was more output than the guest agent keeps");
    }
    if (r == 0) {
        cli->exit_status = result.status;
    }
    return r;
}

int guest_console(struct cli *cli, struct error *err)
{
    const struct guest *guest = NULL;
    int r = inside_find(cli, &guest, err);
    if (r < 0) {
        return r;
    }
    if (!sid_is_of(guest->sid, "vm")) {
        return inside_container(cli, guest, NULL, err);
    }
    if (isatty(STDIN_FILENO) == 1 && !cli->output.quiet) {
        (void)fprintf(stderr, "serial port of '%s': Ctrl and ] leave it\n", guest->sid);
    }
    return vm_console_run(guest->sid, err);
}

int guest_exec(struct cli *cli, struct error *err)
{
    const struct guest *guest = NULL;
    const char *const *words = NULL;
    size_t count = cli_many(cli, &words);
    const char **argv = arena_array_of(cli->arena, const char *, count + 1);
    for (size_t i = 0; i < count; i++) {
        argv[i] = words[i];
    }
    int r = inside_find(cli, &guest, err);
    if (r < 0) {
        return r;
    }
    return sid_is_of(guest->sid, "vm") ? inside_machine(cli, guest, argv, err)
                                       : inside_container(cli, guest, argv, err);
}
