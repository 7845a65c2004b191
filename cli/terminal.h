// SPDX-License-Identifier: Apache-2.0
// Talking with a person at the terminal.
#pragma once

#include <stdbool.h>

#include "common/base/macros.h"

struct arena;
struct error;

// Standard input and standard error are a terminal.
bool terminal_is_there(void) WARN_UNUSED;
// Asks for one line. With `hidden` what is typed is not shown. -ENOTTY: nobody is there; -ENODATA:
// the input ended. In the arena.
int terminal_ask(struct arena *arena, const char *question, bool hidden, char **ret,
                 struct error *err) WARN_UNUSED;
