// SPDX-License-Identifier: Apache-2.0
// ha-manager what-if, ha-manager why. The answers are made in answers/; here they are printed.
#include <errno.h>

#include "answers/what_if.h"
#include "answers/what_if_document.h"
#include "answers/why.h"
#include "cli/answer_source.h"
#include "cli/command_line.h"
#include "cli/manager_tool.h"
#include "cli/tool_context.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/model/sid.h"

// Those of the list, each of the form of a node's name.
static int answers_nodes(struct cli *cli, const char *option, const char *const **ret,
                         size_t *ret_count)
{
    const char *text = cli_text(cli, option);
    const struct parse_words words = parse_list(cli->arena, text != NULL ? text : "");
    for (size_t i = 0; i < words.count; i++) {
        struct error err = {0};
        if (node_name_check(words.words[i], &err) < 0) {
            return cli_reject(cli, option, "%s", err.text);
        }
    }
    *ret = words.words;
    *ret_count = words.count;
    return 0;
}

static int answers_services(struct cli *cli, const struct cluster_view *view,
                            struct what_if_question *question, struct error *err)
{
    const char *text = cli_text(cli, "stop");
    const struct parse_words words = parse_list(cli->arena, text != NULL ? text : "");
    const char **sids = arena_array_of(cli->arena, const char *, words.count);
    for (size_t i = 0; i < words.count; i++) {
        int r = cluster_view_resolve(cli->arena, view, words.words[i], &sids[i], err);
        if (r < 0) {
            return r;
        }
    }
    question->stopped = sids;
    question->stopped_count = words.count;
    return 0;
}

static int answers_question(struct cli *cli, struct what_if_question *ret)
{
    struct what_if_question question = {.forced = cli_bool(cli, "expected")};
    int r = answers_nodes(cli, "lose", &question.lost, &question.lost_count);
    if (r == 0) {
        r = answers_nodes(cli, "maintenance", &question.maintenance, &question.maintenance_count);
    }
    if (r == 0 && question.lost_count + question.maintenance_count == 0 && !cli_has(cli, "stop")) {
        return cli_reject(cli, "lose", "give at least one of --lose, --maintenance, --stop");
    }
    *ret = question;
    return r;
}

static void answers_print_words(struct cli *cli, const struct json *document)
{
    const struct json *words = json_find(document, "words");
    for (size_t i = 0; i < words->count; i++) {
        cli_printf(cli, "%s\n", words->items[i]->string);
    }
}

// A table shows what is not there as a stroke.
static void answers_fill(const struct json *rows, const char *key)
{
    for (size_t i = 0; i < rows->count; i++) {
        if (json_find(rows->items[i], key) == NULL) {
            json_put_string(rows->items[i], key, "-");
        }
    }
}

static void answers_print_what_if(struct cli *cli, const struct json *document)
{
    static const struct output_column services_columns[] = {
        {.key = "sid", .title = "service"},
        {.key = "from"},
        {.key = "to"},
        {.key = "state"},
        {.key = "seconds", .title = "runs after s", .right = true},
        {.key = "reason", .title = "why not"},
    };
    static const struct output_column nodes_columns[] = {
        {.key = "node"},
        {.key = "services", .right = true},
        {.key = "services_after", .title = "then", .right = true},
        {.key = "memory", .kind = OUTPUT_COLUMN_BYTES, .right = true},
        {.key = "memory_after", .title = "then", .kind = OUTPUT_COLUMN_BYTES, .right = true},
        {.key = "memory_max", .title = "of", .kind = OUTPUT_COLUMN_BYTES, .right = true},
    };
    const struct json *services = json_find(document, "services");
    answers_print_words(cli, document);
    answers_fill(services, "to");
    answers_fill(services, "seconds");
    answers_fill(services, "reason");
    output_list(&cli->output, services, services_columns, ARRAY_SIZE(services_columns), &cli->out);
    output_list(&cli->output, json_find(document, "nodes"), nodes_columns,
                ARRAY_SIZE(nodes_columns), &cli->out);
}

static void answers_source(struct cli *cli, const struct tool_context *context,
                           struct what_if_source *ret)
{
    answer_source_read(cli->arena, &context->session, &context->view.members, context->now_s * 1000,
                       ret);
}

int manager_what_if(struct cli *cli, struct error *err)
{
    struct tool_context context CLEANUP(tool_context_close) = {0};
    struct what_if_question question;
    struct what_if_source source;
    struct what_if_answer answer;
    int r = answers_question(cli, &question);
    if (r == 0) {
        r = tool_context_open(cli, &context, err);
    }
    if (r == 0) {
        r = answers_services(cli, &context.view, &question, err);
    }
    if (r < 0) {
        return r;
    }
    answers_source(cli, &context, &source);
    r = what_if_ask(cli->arena, &source, &question, &answer, err);
    if (r < 0) {
        return r;
    }
    const struct json *document = what_if_document(cli->arena, &question, &answer);
    if (cli->output.format != OUTPUT_FORMAT_TEXT) {
        output_document(&cli->output, document, &cli->out);
    } else {
        answers_print_what_if(cli, document);
    }
    return 0;
}

int manager_why(struct cli *cli, struct error *err)
{
    static const struct output_column columns[] = {
        {.key = "node"},
        {.key = "words", .title = "as a place for it"},
    };
    struct tool_context context CLEANUP(tool_context_close) = {0};
    struct what_if_source source;
    struct json *document = NULL;
    const char *sid = NULL;
    int r = tool_context_open(cli, &context, err);
    if (r == 0) {
        r = cluster_view_resolve(cli->arena, &context.view, cli_text(cli, "sid"), &sid, err);
    }
    if (r < 0) {
        return r;
    }
    answers_source(cli, &context, &source);
    r = why_ask(cli->arena, &source, sid, &document, err);
    if (r < 0) {
        return r;
    }
    if (cli->output.format != OUTPUT_FORMAT_TEXT) {
        output_document(&cli->output, document, &cli->out);
        return 0;
    }
    answers_print_words(cli, document);
    const struct json *places = json_find(document, "places");
    if (places != NULL) {
        output_list(&cli->output, places, columns, ARRAY_SIZE(columns), &cli->out);
    }
    return 0;
}
