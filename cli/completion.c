// SPDX-License-Identifier: Apache-2.0
// Which command the words name, and what the next word may be.
#include "cli/completion.h"

#include <stdbool.h>
#include <string.h>

#include "cli/command_line.h"
#include "cli/help.h"
#include "common/base/arena.h"
#include "common/base/strbuf.h"

// The n-th word of a command's name; length 0 when it has fewer.
static const char *completion_word(const struct cli_command *command, int n, size_t *ret_length)
{
    const char *at = command->name;
    for (int i = 0; i < n; i++) {
        at += strcspn(at, " ");
        at += *at == ' ' ? 1 : 0;
    }
    *ret_length = strcspn(at, " ");
    return at;
}

// Whether the command's n-th word is the given one, or begins with it.
static bool completion_word_is(const struct cli_command *command, int n, const char *given,
                               bool exact)
{
    size_t length = 0;
    const char *word = completion_word(command, n, &length);
    size_t given_length = strlen(given);
    if (length == 0 || given_length > length || (exact && given_length != length)) {
        return false;
    }
    return strncmp(word, given, given_length) == 0;
}

struct completion_set {
    const struct cli_command **commands;
    size_t count;
};

// Those of the set whose n-th word fits; exact hits win over prefixes.
static void completion_filter(struct completion_set *set, int n, const char *given)
{
    size_t kept = 0;
    bool exact = false;
    for (size_t i = 0; i < set->count; i++) {
        exact = exact || completion_word_is(set->commands[i], n, given, true);
    }
    for (size_t i = 0; i < set->count; i++) {
        if (completion_word_is(set->commands[i], n, given, exact)) {
            set->commands[kept++] = set->commands[i];
        }
    }
    set->count = kept;
}

// All of the set have the same n-th word.
static bool completion_agrees(const struct completion_set *set, int n)
{
    size_t length = 0;
    const char *word = completion_word(set->commands[0], n, &length);
    for (size_t i = 1; i < set->count; i++) {
        size_t other_length = 0;
        const char *other = completion_word(set->commands[i], n, &other_length);
        if (other_length != length || strncmp(word, other, length) != 0) {
            return false;
        }
    }
    return true;
}

static bool completion_is_complete(const struct cli_command *command, int words)
{
    size_t length = 0;
    (void)completion_word(command, words, &length);
    return length == 0;
}

// "add, arm-ha": the n-th words of the set, each once.
static const char *completion_list(struct arena *arena, const struct completion_set *set, int n)
{
    struct strbuf list CLEANUP(strbuf_done) = {0};
    size_t last_length = 0;
    const char *last = "";
    for (size_t i = 0; i < set->count; i++) {
        size_t length = 0;
        const char *word = completion_word(set->commands[i], n, &length);
        if (length == last_length && strncmp(word, last, length) == 0) {
            continue;
        }
        strbuf_append(&list, list.size_bytes > 0 ? ", " : "");
        strbuf_append_bytes(&list, word, length);
        last = word;
        last_length = length;
    }
    return arena_strdup(arena, strbuf_text(&list));
}

static void completion_all(struct arena *arena, const struct cli_program *program,
                           struct completion_set *ret)
{
    size_t count = 0;
    while (program->commands[count].name != NULL) {
        count++;
    }
    ret->commands = arena_array_of(arena, const struct cli_command *, count);
    ret->count = count;
    for (size_t i = 0; i < count; i++) {
        ret->commands[i] = &program->commands[i];
    }
}

// The command of the set that ends after n words; NULL: none.
static const struct cli_command **completion_ended(const struct completion_set *set, int n)
{
    for (size_t i = 0; i < set->count && n > 0; i++) {
        if (completion_is_complete(set->commands[i], n)) {
            return &set->commands[i];
        }
    }
    return NULL;
}

static bool completion_takes_values(const struct cli_command *command)
{
    return command->params != NULL && command->params[0].name != NULL &&
           command->params[0].positional;
}

void completion_match(struct arena *arena, const struct cli_program *program, int words_count,
                      char **words, struct completion_match *ret)
{
    struct completion_set set;
    completion_all(arena, program, &set);
    *ret = (struct completion_match){.commands = set.commands};
    for (int n = 0;; n++) {
        if (n > 0 && set.count == 1 && completion_is_complete(set.commands[0], n)) {
            ret->words = n;
            ret->count = 1;
            return;
        }
        if (n >= words_count || words[n][0] == '-') {
            // "timing" is a command of its own beside "timing set".
            if (completion_ended(&set, n) != NULL) {
                ret->commands = completion_ended(&set, n);
                ret->words = n;
                ret->count = 1;
                return;
            }
            ret->count = n > 0 ? set.count : 0;
            ret->problem =
                arena_printf(arena, "%s: %s", n > 0 ? "incomplete command" : "no command given",
                             completion_list(arena, &set, n));
            return;
        }
        const char *known = completion_list(arena, &set, n);
        const struct cli_command **ended = completion_ended(&set, n);
        const struct cli_command *shorter = ended != NULL ? *ended : NULL;
        completion_filter(&set, n, words[n]);
        if (set.count == 0 && shorter != NULL && completion_takes_values(shorter)) {
            // "backup FILE" beside "backup show FILE".
            set.commands[0] = shorter;
            ret->commands = set.commands;
            ret->words = n;
            ret->count = 1;
            return;
        }
        if (set.count == 0) {
            ret->count = 0;
            ret->problem =
                arena_printf(arena, "unknown command '%s', known are: %s", words[n], known);
            return;
        }
        if (!completion_agrees(&set, n)) {
            ret->count = set.count;
            ret->problem = arena_printf(arena, "ambiguous command '%s': %s", words[n],
                                        completion_list(arena, &set, n));
            return;
        }
    }
}

// Prints the n-th words that begin with the given one.
static void completion_commands(const struct cli_program *program, int n, char **words,
                                struct strbuf *out)
{
    size_t last_length = 0;
    const char *last = "";
    for (const struct cli_command *c = program->commands; c->name != NULL; c++) {
        bool fits = completion_word_is(c, n, words[n], false);
        for (int i = 0; i < n; i++) {
            fits = fits && completion_word_is(c, i, words[i], true);
        }
        size_t length = 0;
        const char *word = completion_word(c, n, &length);
        if (!fits || (length == last_length && strncmp(word, last, length) == 0)) {
            continue;
        }
        strbuf_append_bytes(out, word, length);
        strbuf_append_char(out, '\n');
        last = word;
        last_length = length;
    }
}

// Appends the line when it begins with the prefix.
static void completion_offer(struct strbuf *out, const char *prefix, const char *line,
                             size_t length)
{
    if (strncmp(line, prefix, strlen(prefix)) == 0) {
        strbuf_append_bytes(out, line, length);
        strbuf_append_char(out, '\n');
    }
}

static void completion_options(const struct cli_param *params, const char *prefix,
                               struct strbuf *out)
{
    for (const struct cli_param *p = params; p != NULL && p->name != NULL; p++) {
        struct strbuf line CLEANUP(strbuf_done) = {0};
        strbuf_appendf(&line, "--%s", p->name);
        if (!p->positional && !p->hidden) {
            completion_offer(out, prefix, strbuf_text(&line), line.size_bytes);
        }
    }
}

static void completion_values(struct arena *arena, const struct cli_program *program,
                              const struct cli_param *param, const char *prefix, struct strbuf *out)
{
    struct strbuf lines CLEANUP(strbuf_done) = {0};
    if (param->type == CLI_TYPE_CHOICE) {
        for (size_t i = 0; param->choices[i] != NULL; i++) {
            strbuf_appendf(&lines, "%s\n", param->choices[i]);
        }
    } else if (program->complete != NULL) {
        program->complete(arena, param, &lines);
    }
    const char *at = strbuf_text(&lines);
    while (*at != '\0') {
        size_t length = strcspn(at, "\n");
        completion_offer(out, prefix, at, length);
        at += length + (at[length] == '\n' ? 1 : 0);
    }
}

// The option that the last word is the value of, or NULL.
static const struct cli_param *completion_option_before(const struct cli_command *command,
                                                        const char *word)
{
    const struct cli_param *tables[] = {command->params,
                                        command->output ? help_output_params : NULL};
    if (strncmp(word, "--", 2) != 0) {
        return NULL;
    }
    for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
        for (const struct cli_param *p = tables[i]; p != NULL && p->name != NULL; p++) {
            if (strcmp(p->name, word + 2) == 0 && !p->positional && p->type != CLI_TYPE_BOOL) {
                return p;
            }
        }
    }
    return NULL;
}

static void completion_params(struct arena *arena, const struct cli_program *program,
                              const struct cli_command *command, int words_count, char **words,
                              struct strbuf *out)
{
    const char *last = words[words_count - 1];
    const struct cli_param *option =
        words_count > 1 ? completion_option_before(command, words[words_count - 2]) : NULL;
    if (option != NULL) {
        completion_values(arena, program, option, last, out);
        return;
    }
    if (last[0] == '-') {
        completion_options(command->params, last, out);
        completion_options(command->output ? help_output_params : NULL, last, out);
        completion_options(help_common_params, last, out);
        return;
    }
    // The place of the last word among the positional ones.
    int place = 0;
    for (int i = 0; i + 1 < words_count; i++) {
        bool is_value = i > 0 && completion_option_before(command, words[i - 1]) != NULL;
        place += words[i][0] != '-' && !is_value ? 1 : 0;
    }
    for (const struct cli_param *p = command->params; p != NULL && p->name != NULL; p++) {
        if (p->positional && (place-- == 0 || p->many)) {
            completion_values(arena, program, p, last, out);
            return;
        }
    }
}

void completion_run(struct arena *arena, const struct cli_program *program, int words_count,
                    char **words, struct strbuf *out)
{
    struct completion_match match;
    if (words_count == 0) {
        return;
    }
    // The last word is being typed; those before it name the command.
    completion_match(arena, program, words_count - 1, words, &match);
    if (match.count == 1 && match.problem == NULL) {
        completion_params(arena, program, match.commands[0], words_count - match.words,
                          words + match.words, out);
        return;
    }
    int typed = 0;
    while (typed < words_count - 1 && words[typed][0] != '-') {
        typed++;
    }
    if (typed == words_count - 1) {
        completion_commands(program, typed, words, out);
    }
}
