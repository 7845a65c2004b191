// SPDX-License-Identifier: Apache-2.0
// The command line of all our tools: sub-commands (which may be shortened to a unique prefix),
// options, positional parameters, checks, and the help made from the same tables. A tool is a table
// of commands, and main() is `return cli_main(&program, argc, argv);`. Exit status: 0 done, 1
// failed (one line on stderr), 2 usage.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cli/output.h"
#include "common/base/macros.h"
#include "common/base/map.h"
#include "common/base/parse.h"
#include "common/base/strbuf.h"

struct arena;
struct cli;
struct error;

enum { CLI_EXIT_DONE = 0, CLI_EXIT_FAILED = 1, CLI_EXIT_USAGE = 2 };

enum cli_type {
    CLI_TYPE_TEXT,
    CLI_TYPE_INT,    // min … max
    CLI_TYPE_BOOL,   // "--purge", "--purge 0", "--purge=no"
    CLI_TYPE_CHOICE, // one of choices
};

// Checks a value's form: 0, or -EINVAL with words (without the parameter's name). sid_check() is
// one.
typedef int (*cli_check)(const char *value, struct error *err);

struct cli_param {
    const char *name; // "max_relocate"; on the command line '-' and '_' in a name are the same
    enum cli_type type;
    bool
        positional; // given by place, in the order of the table; then the name is for the help only
    bool required;  // a positional that is not required must come after all that are
    bool many;      // the last positional: takes all that follow, see cli_many(); an option: may be
                    // given several times, cli_text() has the values one a line
    bool hidden;    // not in the help and the completion
    bool numbered;  // the name ends in 0, which stands for any number: read as it was given
    int64_t min, max;
    const char *const *choices; // NULL-terminated
    cli_check check;
    const char *fallback; // what holds when it is not given, as text; cli_has() stays false
    const char *value;    // what the help calls the value; NULL: made from the type
    const char *about;    // one line for the help
};

struct cli_command {
    const char *name;               // "status", "crm-command stop": words with one blank between
    const char *about;              // one line
    const char *more;               // paragraphs for `help --verbose`, or NULL
    const struct cli_param *params; // ends with a name of NULL; NULL: none
    bool output; // takes --output-format, --noheader, --noborder, --human-readable
    // 0, or -errno with words; the words are printed and the exit status is 1. A parameter found
    // wrong only now is reported with cli_reject(), which counts as usage.
    int (*run)(struct cli *cli, struct error *err);
};

struct cli_program {
    const char *name;                   // "ha-manager"
    const char *about;                  // one line
    const struct cli_command *commands; // ends with a name of NULL
    // For completion in the shell: appends the values a parameter may have now, one a line; NULL:
    // none known.
    void (*complete)(struct arena *arena, const struct cli_param *param, struct strbuf *out);
};

// What a command's run() works with.
struct cli {
    const struct cli_program *program;
    const struct cli_command *command;
    struct arena *arena;
    struct output output; // what was asked of the form of the output
    struct strbuf
        out; // what is to be printed on stdout; printed by cli_flush() and when run() has returned
    int exit_status; // what a successful run() may set, for commands whose answer is "no"

    struct map values;       // parameter → const char *; read with cli_text() and its like
    struct parse_words many; // read with cli_many()
    struct strbuf rejects;   // one line for each parameter that is wrong
    struct strbuf *to_out;   // NULL: stdout
    struct strbuf *to_err;   // NULL: stderr
    bool write_failed;
};

// Runs the tool. Sets the locale, prints, and returns the exit status.
int cli_main(const struct cli_program *program, int argc, char **argv) WARN_UNUSED;

// The value as text, the fallback, or NULL when it was not given.
const char *cli_text(const struct cli *cli, const char *name) WARN_UNUSED;
// The value or the fallback; 0 and false when neither is there.
int64_t cli_int(const struct cli *cli, const char *name) WARN_UNUSED;
bool cli_bool(const struct cli *cli, const char *name) WARN_UNUSED;
// True when the parameter was given on the command line.
bool cli_has(const struct cli *cli, const char *name) WARN_UNUSED;
// The values of the positional parameter that is `many`.
size_t cli_many(const struct cli *cli, const char *const **ret_values);

// Appends to what will be printed.
void cli_printf(struct cli *cli, const char *format, ...) PRINTF_LIKE(2, 3);
// Prints what there is now: for commands that wait.
void cli_flush(struct cli *cli);
// One line on stderr: "warning: …". Not with --quiet.
void cli_warn(const struct cli *cli, const char *format, ...) PRINTF_LIKE(2, 3);
// Notes that a parameter is wrong and returns -EINVAL, so that run() can say `return
// cli_reject(cli, "node", "…")`.
int cli_reject(struct cli *cli, const char *name, const char *format, ...) PRINTF_LIKE(3, 4);

// For tests: everything cli_main() does except reading the locale and printing. Both texts are
// appended.
int cli_run(const struct cli_program *program, bool utf8, int argc, char **argv, struct strbuf *out,
            struct strbuf *err) WARN_UNUSED;
