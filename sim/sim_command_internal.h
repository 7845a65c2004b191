// SPDX-License-Identifier: Apache-2.0
// Shared by the command files.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/base/macros.h"

struct arena;
struct command;
struct error;
struct sim_world;

struct sim_command {
    struct sim_world *world;
    struct arena *arena;
    const char *actor;
    const char **words;
    size_t count;
};

int sim_command_get_switch(const char *text, const char *on, const char *off, bool *ret,
                           struct error *err) WARN_UNUSED;
// Leaves a command for the master, as the operator's tool does.
void sim_command_enqueue(const struct sim_command *command, const struct command *order);
int sim_command_service(struct sim_command *command, struct error *err) WARN_UNUSED;
