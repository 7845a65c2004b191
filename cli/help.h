// SPDX-License-Identifier: Apache-2.0
// Help texts, made from a tool's tables. Used by command_line.c only.
#pragma once

#include <stdbool.h>

#include "cli/command_line.h"

struct strbuf;

// The options every command has, and those of commands with output; the tables end with a name of
// NULL.
extern const struct cli_param help_common_params[];
extern const struct cli_param help_output_params[];

// "usage: ha-manager add <sid> [--state <…>] …", wrapped.
void help_usage(const struct cli_program *program, const struct cli_command *command,
                struct strbuf *out);
// One command in full.
void help_command(const struct cli_program *program, const struct cli_command *command,
                  struct strbuf *out);
// All commands: one line each, or in full.
void help_program(const struct cli_program *program, bool verbose, struct strbuf *out);
