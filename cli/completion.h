// SPDX-License-Identifier: Apache-2.0
// Finding a command by its words, which may be shortened to a unique prefix, and completion for the
// shell from the same tables. Used by command_line.c; the shell calls "<tool> complete-words WORD…"
// (completion/ha-manager.bash).
#pragma once

#include <stddef.h>

struct arena;
struct cli_command;
struct cli_program;
struct strbuf;

#define COMPLETION_COMMAND "complete-words"

struct completion_match {
    const struct cli_command *const *commands; // those whose names begin with the words
    size_t count;
    int words;           // how many of the words belong to the command's name
    const char *problem; // NULL when exactly one command was named in full
};

// Matches as many leading words as belong to a command's name. All memory is in the arena.
void completion_match(struct arena *arena, const struct cli_program *program, int words_count,
                      char **words, struct completion_match *ret);
// Appends what may stand in place of the last word, one a line.
void completion_run(struct arena *arena, const struct cli_program *program, int words_count,
                    char **words, struct strbuf *out);
