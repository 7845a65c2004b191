// SPDX-License-Identifier: Apache-2.0
// Help texts, made from a tool's tables, so that they cannot differ from what is accepted.
#include "cli/help.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "cli/command_line.h"
#include "common/base/enum_table.h"
#include "common/base/strbuf.h"

enum { HELP_WIDTH = 78, HELP_ABOUT_COLUMN = 30, HELP_COMMAND_COLUMN = 44 };

static const char *const help_formats[] = {"text", "json", "json-pretty", "yaml", NULL};

const struct cli_param help_common_params[] = {
    {.name = "quiet", .type = CLI_TYPE_BOOL, .about = "print no results and no warnings"},
    {.name = "help", .type = CLI_TYPE_BOOL, .about = "print this help"},
    {.name = NULL},
};

const struct cli_param help_output_params[] = {
    {.name = "output-format",
     .type = CLI_TYPE_CHOICE,
     .choices = help_formats,
     .fallback = "text",
     .about = "form of the output"},
    {.name = "noheader", .type = CLI_TYPE_BOOL, .about = "tables without titles"},
    {.name = "noborder", .type = CLI_TYPE_BOOL, .about = "tables without borders"},
    {.name = "human-readable",
     .type = CLI_TYPE_BOOL,
     .fallback = "1",
     .about = "sizes, times and durations in readable form"},
    {.name = NULL},
};

// "<sid>", "<started|stopped>", "<N>", "<0|1>".
static void help_value(const struct cli_param *param, struct strbuf *out)
{
    if (param->value != NULL) {
        strbuf_appendf(out, "<%s>", param->value);
        return;
    }
    if (param->positional) {
        strbuf_appendf(out, "<%s>", param->name);
        return;
    }
    switch (param->type) {
    case CLI_TYPE_TEXT:
        strbuf_append(out, "<text>");
        break;
    case CLI_TYPE_INT:
        strbuf_append(out, "<N>");
        break;
    case CLI_TYPE_BOOL:
        strbuf_append(out, "<0|1>");
        break;
    case CLI_TYPE_CHOICE:
        strbuf_append_char(out, '<');
        for (size_t i = 0; param->choices[i] != NULL; i++) {
            strbuf_appendf(out, "%s%s", i > 0 ? "|" : "", param->choices[i]);
        }
        strbuf_append_char(out, '>');
        break;
    }
}

// The parameter as the usage line and the list of parameters show it.
static void help_param(const struct cli_param *param, struct strbuf *out)
{
    if (!param->positional) {
        strbuf_appendf(out, "--%s ", param->name);
    }
    help_value(param, out);
    if (param->many) {
        strbuf_append(out, "...");
    }
}

// Appends a word to the usage text and starts a new line before it when it would not fit.
static void help_word(struct strbuf *out, const char *word, size_t *column)
{
    size_t length = strlen(word);
    if (*column + 1 + length > HELP_WIDTH) {
        strbuf_append(out, "\n      ");
        *column = 6;
    }
    strbuf_appendf(out, " %s", word);
    *column += 1 + length;
}

static void help_usage_params(const struct cli_param *params, bool positional, size_t *column,
                              struct strbuf *out)
{
    for (const struct cli_param *p = params; p != NULL && p->name != NULL; p++) {
        if (p->positional != positional || p->hidden) {
            continue;
        }
        struct strbuf word CLEANUP(strbuf_done) = {0};
        bool optional = !p->required;
        strbuf_append(&word, optional ? "[" : "");
        help_param(p, &word);
        strbuf_append(&word, optional ? "]" : "");
        help_word(out, strbuf_text(&word), column);
    }
}

void help_usage(const struct cli_program *program, const struct cli_command *command,
                struct strbuf *out)
{
    size_t before = out->size_bytes;
    strbuf_appendf(out, "usage: %s %s", program->name, command->name);
    size_t column = out->size_bytes - before;
    help_usage_params(command->params, true, &column, out);
    help_usage_params(command->params, false, &column, out);
    if (command->output) {
        help_word(out, "[OUTPUT OPTIONS]", &column);
    }
    strbuf_append_char(out, '\n');
}

static void help_pad(struct strbuf *out, size_t written, size_t column)
{
    if (written + 2 > column) {
        strbuf_append_char(out, '\n');
        written = 0;
    }
    for (size_t i = written; i < column; i++) {
        strbuf_append_char(out, ' ');
    }
}

static void help_param_line(const struct cli_param *param, struct strbuf *out)
{
    struct strbuf left CLEANUP(strbuf_done) = {0};
    strbuf_append(&left, "  ");
    help_param(param, &left);
    strbuf_append(out, strbuf_text(&left));
    help_pad(out, left.size_bytes, HELP_ABOUT_COLUMN);
    strbuf_append(out, param->about != NULL ? param->about : "");
    if (param->type == CLI_TYPE_INT) {
        if (param->max < INT64_MAX) {
            strbuf_appendf(out, ", %" PRId64 " to %" PRId64, param->min, param->max);
        } else {
            strbuf_appendf(out, ", at least %" PRId64, param->min);
        }
    }
    if (param->fallback != NULL) {
        strbuf_appendf(out, " (default: %s)", param->fallback);
    }
    strbuf_append_char(out, '\n');
}

static void help_params(const struct cli_param *params, struct strbuf *out)
{
    for (const struct cli_param *p = params; p != NULL && p->name != NULL; p++) {
        if (!p->hidden) {
            help_param_line(p, out);
        }
    }
}

void help_command(const struct cli_program *program, const struct cli_command *command,
                  struct strbuf *out)
{
    help_usage(program, command, out);
    strbuf_appendf(out, "\n%s\n", command->about);
    if (command->more != NULL) {
        strbuf_appendf(out, "\n%s\n", command->more);
    }
    strbuf_append_char(out, '\n');
    help_params(command->params, out);
    if (command->output) {
        help_params(help_output_params, out);
    }
    help_params(help_common_params, out);
}

void help_program(const struct cli_program *program, bool verbose, struct strbuf *out)
{
    strbuf_appendf(out, "usage: %s COMMAND [PARAMETERS] [OPTIONS]\n\n%s\n\n", program->name,
                   program->about);
    for (const struct cli_command *c = program->commands; c->name != NULL; c++) {
        if (verbose) {
            help_command(program, c, out);
            strbuf_append_char(out, '\n');
            continue;
        }
        struct strbuf left CLEANUP(strbuf_done) = {0};
        strbuf_appendf(&left, "  %s", c->name);
        for (const struct cli_param *p = c->params; p != NULL && p->name != NULL && p->positional;
             p++) {
            strbuf_append(&left, p->required ? " " : " [");
            help_param(p, &left);
            strbuf_append(&left, p->required ? "" : "]");
        }
        strbuf_append(out, strbuf_text(&left));
        help_pad(out, left.size_bytes, HELP_COMMAND_COLUMN);
        strbuf_appendf(out, "%s\n", c->about);
    }
    if (!verbose) {
        strbuf_appendf(
            out,
            "\n'%s help COMMAND' tells more about a command, '%s help --verbose' about all.\n"
            "Commands may be shortened to a unique prefix.\n",
            program->name, program->name);
    }
}
