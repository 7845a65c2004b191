// SPDX-License-Identifier: Apache-2.0
// Reading a command line by a tool's tables, running the command, printing what it made, and the
// exit status. What the commands do is decided by the tools.
#include "cli/command_line.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "cli/completion.h"
#include "cli/help.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "ha_config.h"

// Names on the command line may be written with '-' or '_'.
static bool cli_name_equals(const char *name, const char *given, size_t given_length)
{
    if (strlen(name) != given_length) {
        return false;
    }
    for (size_t i = 0; i < given_length; i++) {
        char a = name[i] == '_' ? '-' : name[i];
        char b = given[i] == '_' ? '-' : given[i];
        if (a != b) {
            return false;
        }
    }
    return true;
}

// "net12" for the name "net0".
static bool cli_name_is_numbered(const char *name, const char *given, size_t given_length)
{
    size_t kind = strlen(name) - 1;
    size_t digits = given_length;
    while (digits > 0 && given[digits - 1] >= '0' && given[digits - 1] <= '9') {
        digits--;
    }
    return digits == kind && digits < given_length && strncmp(name, given, kind) == 0;
}

static const struct cli_param *cli_params_find(const struct cli_param *params, const char *name,
                                               size_t length)
{
    for (const struct cli_param *p = params; p != NULL && p->name != NULL; p++) {
        if (cli_name_equals(p->name, name, length) ||
            (p->numbered && cli_name_is_numbered(p->name, name, length))) {
            return p;
        }
    }
    return NULL;
}

// Finds a parameter of the command or one that all commands have; NULL when there is none.
static const struct cli_param *cli_find(const struct cli_command *command, const char *name,
                                        size_t length)
{
    const struct cli_param *param = cli_params_find(command->params, name, length);
    if (param == NULL && command->output) {
        param = cli_params_find(help_output_params, name, length);
    }
    if (param == NULL) {
        param = cli_params_find(help_common_params, name, length);
    }
    return param;
}

int cli_reject(struct cli *cli, const char *name, const char *format, ...)
{
    va_list args;
    strbuf_appendf(&cli->rejects, "%s: ", name);
    va_start(args, format);
    strbuf_vappendf(&cli->rejects, format, args);
    va_end(args);
    strbuf_append_char(&cli->rejects, '\n');
    return -EINVAL;
}

static bool cli_is_choice(const char *const *choices, const char *value)
{
    for (size_t i = 0; choices[i] != NULL; i++) {
        if (strcmp(choices[i], value) == 0) {
            return true;
        }
    }
    return false;
}

static void cli_reject_choice(struct cli *cli, const struct cli_param *param, const char *value)
{
    struct strbuf list CLEANUP(strbuf_done) = {0};
    for (size_t i = 0; param->choices[i] != NULL; i++) {
        strbuf_appendf(&list, "%s%s", i > 0 ? ", " : "", param->choices[i]);
    }
    cli_reject(cli, param->name, "'%s' is not one of %s", value, strbuf_text(&list));
}

// Accepts one value, or notes what is wrong with it.
static void cli_put(struct cli *cli, const struct cli_param *param, const char *value)
{
    int64_t number = 0;
    bool truth = false;
    struct error err = {0};
    const char *before = map_find(&cli->values, param->name);
    if (param->many && param->positional) {
        assert(cli->many.words != NULL);
        cli->many.words[cli->many.count++] = value;
    } else if (before != NULL && !param->many) {
        cli_reject(cli, param->name, "given more than once");
        return;
    } else if (before != NULL) {
        map_put(&cli->values, param->name, arena_printf(cli->arena, "%s\n%s", before, value));
    } else {
        map_put(&cli->values, param->name, arena_strdup(cli->arena, value));
    }
    switch (param->type) {
    case CLI_TYPE_TEXT:
        break;
    case CLI_TYPE_INT:
        if (parse_int64(value, INT64_MIN, INT64_MAX, &number) < 0) {
            cli_reject(cli, param->name, "'%s' is not a whole number", value);
        } else if (number < param->min) {
            cli_reject(cli, param->name,
                       "%" PRId64 " is too small, at least %" PRId64 " is allowed", number,
                       param->min);
        } else if (number > param->max) {
            cli_reject(cli, param->name, "%" PRId64 " is too large, at most %" PRId64 " is allowed",
                       number, param->max);
        }
        break;
    case CLI_TYPE_BOOL:
        if (parse_bool(value, &truth) < 0) {
            cli_reject(cli, param->name, "'%s' is not a boolean, 0 or 1", value);
        }
        break;
    case CLI_TYPE_CHOICE:
        if (!cli_is_choice(param->choices, value)) {
            cli_reject_choice(cli, param, value);
        }
        break;
    }
    if (param->check != NULL && param->check(value, &err) < 0) {
        cli_reject(cli, param->name, "%s", err.text);
    }
}

// Reads "--name", "--name=value" or "--name value" at argv[*at]; *at ends on the last argument
// used.
static void cli_parse_option(struct cli *cli, int argc, char **argv, int *at)
{
    const char *name = argv[*at] + 2;
    const char *equals = strchr(name, '=');
    size_t length = equals != NULL ? (size_t)(equals - name) : strlen(name);
    const struct cli_param *param = cli_find(cli->command, name, length);
    const char *next = *at + 1 < argc ? argv[*at + 1] : NULL;
    bool truth = false;
    if (param != NULL && param->numbered) {
        struct cli_param *one = arena_new_of(cli->arena, struct cli_param);
        *one = *param;
        one->name = arena_memdup(cli->arena, name, length);
        param = one;
    }
    if (param == NULL) {
        cli_reject(cli, arena_memdup(cli->arena, name, length), "unknown option");
        // A value that belongs to it is passed over, so that it gives no second complaint.
        if (equals == NULL && next != NULL && next[0] != '-') {
            *at += 1;
        }
    } else if (param->positional) {
        cli_reject(cli, param->name, "is given by its place, not as an option");
        *at += equals == NULL && next != NULL ? 1 : 0;
    } else if (equals != NULL) {
        cli_put(cli, param, equals + 1);
    } else if (param->type == CLI_TYPE_BOOL && (next == NULL || parse_bool(next, &truth) < 0)) {
        cli_put(cli, param, "1");
    } else if (next == NULL) {
        cli_reject(cli, param->name, "needs a value");
    } else {
        cli_put(cli, param, next);
        *at += 1;
    }
}

// The next positional parameter without a value; a `many` one stays for ever.
static const struct cli_param *cli_next_positional(const struct cli *cli)
{
    for (const struct cli_param *p = cli->command->params; p != NULL && p->name != NULL; p++) {
        if (p->positional && (p->many || !map_has(&cli->values, p->name))) {
            return p;
        }
    }
    return NULL;
}

static void cli_parse_positional(struct cli *cli, const char *value)
{
    const struct cli_param *param = cli_next_positional(cli);
    if (param == NULL) {
        cli_reject(cli, value, "unexpected argument");
        return;
    }
    cli_put(cli, param, value);
}

static bool cli_is_option(const char *argument)
{
    // "-5" is a number; a single '-' is a value.
    return argument[0] == '-' && argument[1] == '-' && argument[2] != '\0';
}

static void cli_parse(struct cli *cli, int argc, char **argv, int at)
{
    bool options_end = false;
    cli->many.words = arena_array_of(cli->arena, const char *, (size_t)argc + 1);
    for (; at < argc; at++) {
        if (!options_end && strcmp(argv[at], "--") == 0) {
            options_end = true;
        } else if (!options_end && strcmp(argv[at], "-h") == 0) {
            map_put(&cli->values, "help", arena_strdup(cli->arena, "1"));
        } else if (!options_end && cli_is_option(argv[at])) {
            cli_parse_option(cli, argc, argv, &at);
        } else {
            cli_parse_positional(cli, argv[at]);
        }
    }
    for (const struct cli_param *p = cli->command->params; p != NULL && p->name != NULL; p++) {
        bool there =
            p->many && p->positional ? cli->many.count > 0 : map_has(&cli->values, p->name);
        if (p->required && !there) {
            cli_reject(cli, p->name, "is required");
        }
    }
}

const char *cli_text(const struct cli *cli, const char *name)
{
    const struct cli_param *param = cli_find(cli->command, name, strlen(name));
    assert(param != NULL);
    const char *value = map_find(&cli->values, param->name);
    return value != NULL ? value : param->fallback;
}

int64_t cli_int(const struct cli *cli, const char *name)
{
    int64_t number = 0;
    const char *text = cli_text(cli, name);
    // What was given has been checked; fallbacks are ours.
    if (text != NULL) {
        int r = parse_int64(text, INT64_MIN, INT64_MAX, &number);
        assert(r == 0);
        (void)r;
    }
    return number;
}

bool cli_bool(const struct cli *cli, const char *name)
{
    bool truth = false;
    const char *text = cli_text(cli, name);
    if (text != NULL) {
        int r = parse_bool(text, &truth);
        assert(r == 0);
        (void)r;
    }
    return truth;
}

bool cli_has(const struct cli *cli, const char *name)
{
    return map_has(&cli->values, name);
}

size_t cli_many(const struct cli *cli, const char *const **ret_values)
{
    *ret_values = cli->many.words;
    return cli->many.count;
}

void cli_printf(struct cli *cli, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    strbuf_vappendf(&cli->out, format, args);
    va_end(args);
}

void cli_flush(struct cli *cli)
{
    if (cli->output.quiet || cli->out.size_bytes == 0) {
        strbuf_clear(&cli->out);
        return;
    }
    if (cli->to_out != NULL) {
        strbuf_append(cli->to_out, strbuf_text(&cli->out));
    } else if (fputs(strbuf_text(&cli->out), stdout) < 0 || fflush(stdout) != 0) {
        cli->write_failed = true;
    }
    strbuf_clear(&cli->out);
}

static void cli_complain(const struct cli *cli, const char *text)
{
    if (cli->to_err != NULL) {
        strbuf_append(cli->to_err, text);
        return;
    }
    // Nothing can be done about a stderr that cannot be written.
    (void)fputs(text, stderr);
}

void cli_warn(const struct cli *cli, const char *format, ...)
{
    struct strbuf line CLEANUP(strbuf_done) = {0};
    va_list args;
    if (cli->output.quiet) {
        return;
    }
    strbuf_append(&line, "warning: ");
    va_start(args, format);
    strbuf_vappendf(&line, format, args);
    va_end(args);
    strbuf_append_char(&line, '\n');
    cli_complain(cli, strbuf_text(&line));
}

static int cli_reject_all(struct cli *cli)
{
    struct strbuf text CLEANUP(strbuf_done) = {0};
    strbuf_appendf(&text, "400 Parameter verification failed.\n%s", strbuf_text(&cli->rejects));
    help_usage(cli->program, cli->command, &text);
    cli_complain(cli, strbuf_text(&text));
    return CLI_EXIT_USAGE;
}

static void cli_read_output_options(struct cli *cli)
{
    cli->output.quiet = cli_bool(cli, "quiet");
    cli->output.human_readable = true;
    if (!cli->command->output) {
        return;
    }
    int r = output_format_from_string(cli_text(cli, "output-format"), &cli->output.format);
    assert(r == 0);
    (void)r;
    cli->output.noheader = cli_bool(cli, "noheader");
    cli->output.noborder = cli_bool(cli, "noborder");
    cli->output.human_readable = cli_bool(cli, "human-readable");
}

// Runs the command that was found with the arguments from `at` on.
static int cli_run_command(struct cli *cli, int argc, char **argv, int at)
{
    struct error err = {0};
    cli_parse(cli, argc, argv, at);
    const char *help = map_find(&cli->values, "help");
    if (help != NULL && strcmp(help, "0") != 0) {
        help_command(cli->program, cli->command, &cli->out);
        cli_flush(cli);
        return CLI_EXIT_DONE;
    }
    if (cli->rejects.size_bytes > 0) {
        return cli_reject_all(cli);
    }
    cli_read_output_options(cli);
    int r = cli->command->run(cli, &err);
    cli_flush(cli);
    if (cli->rejects.size_bytes > 0) {
        return cli_reject_all(cli);
    }
    if (r < 0) {
        struct strbuf line CLEANUP(strbuf_done) = {0};
        strbuf_appendf(&line, "%s: %s\n", cli->program->name,
                       err.text[0] != '\0' ? err.text : strerror(-r));
        cli_complain(cli, strbuf_text(&line));
        return CLI_EXIT_FAILED;
    }
    return cli->exit_status;
}

// "help", "help --verbose", "help crm-command stop".
static int cli_run_help(struct cli *cli, int argc, char **argv)
{
    bool verbose = false;
    char **words = arena_array_of(cli->arena, char *, (size_t)argc + 1);
    int words_count = 0;
    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], "--verbose", strlen("--verbose")) == 0 || strcmp(argv[i], "-v") == 0) {
            verbose = true;
        } else if (argv[i][0] != '-') {
            words[words_count++] = argv[i];
        }
    }
    if (words_count == 0) {
        help_program(cli->program, verbose, &cli->out);
        cli_flush(cli);
        return CLI_EXIT_DONE;
    }
    struct completion_match match;
    completion_match(cli->arena, cli->program, words_count, words, &match);
    if (match.count == 0) {
        return CLI_EXIT_USAGE;
    }
    for (size_t i = 0; i < match.count; i++) {
        strbuf_append(&cli->out, i > 0 ? "\n" : "");
        help_command(cli->program, match.commands[i], &cli->out);
    }
    cli_flush(cli);
    return CLI_EXIT_DONE;
}

// Says why no command was found, and which there are.
static int cli_refuse_command(struct cli *cli, const struct completion_match *match)
{
    struct strbuf text CLEANUP(strbuf_done) = {0};
    strbuf_appendf(&text, "%s: %s\n", cli->program->name, match->problem);
    if (match->count > 0) {
        for (size_t i = 0; i < match->count; i++) {
            help_usage(cli->program, match->commands[i], &text);
        }
    } else {
        struct strbuf help CLEANUP(strbuf_done) = {0};
        help_program(cli->program, false, &help);
        strbuf_append(&text, strbuf_text(&help));
    }
    cli_complain(cli, strbuf_text(&text));
    return CLI_EXIT_USAGE;
}

static int cli_run_with(struct cli *cli, int argc, char **argv)
{
    struct completion_match match;
    const char *first = argc > 1 ? argv[1] : "";
    if (strcmp(first, "help") == 0 || strcmp(first, "--help") == 0 || strcmp(first, "-h") == 0) {
        int status = cli_run_help(cli, argc - 2, argv + 2);
        if (status == CLI_EXIT_DONE) {
            return status;
        }
        argc -= 1;
        argv += 1;
    } else if (strcmp(first, "--version") == 0) {
        cli_printf(cli, "%s %s\n", cli->program->name, HA_VERSION);
        cli_flush(cli);
        return CLI_EXIT_DONE;
    } else if (strcmp(first, COMPLETION_COMMAND) == 0) {
        completion_run(cli->arena, cli->program, argc - 2, argv + 2, &cli->out);
        cli_flush(cli);
        return CLI_EXIT_DONE;
    }
    completion_match(cli->arena, cli->program, argc - 1, argv + 1, &match);
    if (match.count != 1 || match.problem != NULL) {
        return cli_refuse_command(cli, &match);
    }
    cli->command = match.commands[0];
    return cli_run_command(cli, argc, argv, 1 + match.words);
}

int cli_run(const struct cli_program *program, bool utf8, int argc, char **argv, struct strbuf *out,
            struct strbuf *err)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct cli cli = {.program = program, .arena = arena, .to_out = out, .to_err = err};
    cli.output.utf8 = utf8;
    map_init_arena(&cli.values, arena);
    int status = cli_run_with(&cli, argc, argv);
    strbuf_done(&cli.out);
    strbuf_done(&cli.rejects);
    if (cli.write_failed) {
        cli_complain(&cli, "cannot write the output\n");
        return CLI_EXIT_FAILED;
    }
    return status;
}

int cli_main(const struct cli_program *program, int argc, char **argv)
{
    // Without a locale of that name everything is ASCII; that is no error.
    (void)setlocale(LC_CTYPE, "");
    bool utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    return cli_run(program, utf8, argc, argv, NULL, NULL);
}
