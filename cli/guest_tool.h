// SPDX-License-Identifier: Apache-2.0
// The commands of ha-guest, one function each, as its table in ha_guest.c names them.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/macros.h"

struct cli;
struct error;
struct guest;
struct tool_context;

int guest_create(struct cli *cli, struct error *err);
int guest_clone_run(struct cli *cli, struct error *err);
int guest_import(struct cli *cli, struct error *err);
int guest_set(struct cli *cli, struct error *err);
int guest_unlock(struct cli *cli, struct error *err);
int guest_destroy(struct cli *cli, struct error *err);
int guest_list(struct cli *cli, struct error *err);
int guest_config(struct cli *cli, struct error *err);
int guest_start(struct cli *cli, struct error *err);
int guest_stop(struct cli *cli, struct error *err);
int guest_shutdown(struct cli *cli, struct error *err);
int guest_reboot(struct cli *cli, struct error *err);
int guest_migrate(struct cli *cli, struct error *err);
int guest_relocate(struct cli *cli, struct error *err);
int guest_cancel_move(struct cli *cli, struct error *err);
int guest_console(struct cli *cli, struct error *err);
int guest_exec(struct cli *cli, struct error *err);
int guest_storage_add(struct cli *cli, struct error *err);
int guest_storage_list(struct cli *cli, struct error *err);
int guest_storage_remove(struct cli *cli, struct error *err);
int guest_storage_set(struct cli *cli, struct error *err);
int guest_storage_status(struct cli *cli, struct error *err);

// For guests on this node only. Whether it runs, proved by its processes.
int guest_is_running(const struct tool_context *context, const struct guest *guest,
                     bool *ret_running, struct error *err) WARN_UNUSED;
// Stops it, hard when timeout_s is 0, and proves that nothing of it runs.
int guest_make_stop(const struct tool_context *context, const struct guest *guest,
                    int64_t timeout_s, struct error *err) WARN_UNUSED;
// The guest that the parameter "sid" names. -ENOENT when there is none.
int guest_find(struct cli *cli, const struct tool_context *context, const struct guest **ret,
               struct error *err) WARN_UNUSED;
// -EXDEV, naming the node to go to, when the guest belongs to another node.
int guest_check_here(const struct tool_context *context, const struct guest *guest,
                     struct error *err) WARN_UNUSED;
