// SPDX-License-Identifier: Apache-2.0
// What every command of ha-manager and ha-guest begins with: the connection, everything read once,
// and the times of this node's profile.
#pragma once

#include <stdint.h>

#include "cli/cluster_view.h"
#include "cli/session.h"
#include "common/base/macros.h"

struct cli;
struct command;
struct error;

struct tool_context {
    struct session session;
    struct cluster_view view;
    int64_t now_s;   // wall clock
    int64_t stale_s; // a sign of life older than this is old
};

// Connects and reads; documents that cannot be read become warnings.
int tool_context_open(struct cli *cli, struct tool_context *ret, struct error *err) WARN_UNUSED;
// The same for who is going to write: -EHOSTDOWN where nothing can be written.
int tool_context_open_to_write(struct cli *cli, struct tool_context *ret,
                               struct error *err) WARN_UNUSED;
// The same for a command to the master about the service of parameter "sid": -ENOENT or -EBUSY when
// the master would not take one about it.
int tool_context_open_service(struct cli *cli, struct tool_context *ret, const char **ret_sid,
                              struct error *err) WARN_UNUSED;
// For CLEANUP(); all zero is fine.
void tool_context_close(struct tool_context *context);

// Sends the command; with the option --wait also waits for the master's answer. Prints nothing in
// text form unless there is an answer, else {id, …}.
int tool_context_command(struct cli *cli, const struct tool_context *context,
                         struct command *command, struct error *err) WARN_UNUSED;

// Values for completion: sids of resources or guests, nodes, storages, by the parameter's name.
struct arena;
struct cli_param;
struct strbuf;
void tool_context_complete(struct arena *arena, const struct cli_param *param, struct strbuf *out);
