// SPDX-License-Identifier: Apache-2.0
// ha-manager rules: list, config, add, set, remove.
#include <stddef.h>

#include "cli/command_line.h"
#include "cli/manager_tool.h"
#include "cli/rule_edit.h"
#include "cli/tool_context.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/model/rules.h"

static const char *const rules_options[] = {"comment", "strict", "nodes", "affinity", "resources"};

// What people see beside what others do.
static struct json *rules_row(struct arena *arena, const struct rule_book *book,
                              const struct rule *rule)
{
    bool problem = map_has(&book->problems, rule->id);
    struct json *row = rule_book_row(arena, book, rule);
    json_put_int(row, "enabled", rule->disabled ? 0 : 1);
    json_put_string(row, "state", problem ? "ignored (conflicts)" : "in use");
    return row;
}

static int rules_show(struct cli *cli, const struct output_column *columns, size_t columns_count,
                      struct error *err)
{
    struct tool_context context CLEANUP(tool_context_close) = {0};
    struct json *rows = json_new_array(cli->arena);
    struct rule_book book;
    int r = tool_context_open(cli, &context, err);
    if (r == 0) {
        r = rule_book_read(cli->arena, &context.session, &context.view, &book, err);
    }
    if (r < 0) {
        return r;
    }
    for (size_t i = 0; i < book.set.warnings_count; i++) {
        cli_warn(cli, "rules: %s", book.set.warnings[i]);
    }
    struct rule **rules = rule_set_in_order(cli->arena, &book.set);
    for (size_t i = 0; i < book.set.rules.count; i++) {
        r = rule_book_wants(cli->arena, &context.view, rules[i], cli_text(cli, "type"),
                            cli_text(cli, "resource"), err);
        if (r < 0) {
            return r;
        }
        if (r > 0) {
            json_append(rows, rules_row(cli->arena, &book, rules[i]));
        }
    }
    output_list(&cli->output, rows, columns, columns_count, &cli->out);
    return 0;
}

int manager_rules_list(struct cli *cli, struct error *err)
{
    static const struct output_column columns[] = {{.key = "rule"}};
    return rules_show(cli, columns, ARRAY_SIZE(columns), err);
}

int manager_rules_config(struct cli *cli, struct error *err)
{
    static const struct output_column columns[] = {{.key = "enabled"},   {.key = "state"},
                                                   {.key = "rule"},      {.key = "type"},
                                                   {.key = "resources"}, {.key = "comment"}};
    return rules_show(cli, columns, ARRAY_SIZE(columns), err);
}

static void rules_fill_request(struct cli *cli, struct rule_request *request)
{
    rule_request_init(cli->arena, request);
    request->type = cli_text(cli, "type");
    request->insist = cli_bool(cli, "force");
    for (size_t i = 0; i < ARRAY_SIZE(rules_options); i++) {
        if (cli_has(cli, rules_options[i])) {
            map_put(&request->set, rules_options[i],
                    arena_strdup(cli->arena, cli_text(cli, rules_options[i])));
        }
    }
    if (cli_has(cli, "disable")) {
        map_put(&request->set, "disable",
                arena_strdup(cli->arena, cli_bool(cli, "disable") ? "1" : "0"));
    }
}

int manager_rules_add(struct cli *cli, struct error *err)
{
    struct tool_context context CLEANUP(tool_context_close) = {0};
    struct rule_request request;
    rules_fill_request(cli, &request);
    int r = tool_context_open(cli, &context, err);
    return r < 0 ? r
                 : rule_add(cli->arena, &context.session, &context.view, cli_text(cli, "rule"),
                            &request, err);
}

int manager_rules_set(struct cli *cli, struct error *err)
{
    struct tool_context context CLEANUP(tool_context_close) = {0};
    struct rule_request request;
    rules_fill_request(cli, &request);
    request.unset = cli_text(cli, "delete");
    request.digest = cli_text(cli, "digest");
    int r = tool_context_open(cli, &context, err);
    return r < 0 ? r
                 : rule_change(cli->arena, &context.session, &context.view, cli_text(cli, "rule"),
                               &request, err);
}

int manager_rules_remove(struct cli *cli, struct error *err)
{
    struct tool_context context CLEANUP(tool_context_close) = {0};
    int r = tool_context_open(cli, &context, err);
    return r < 0 ? r
                 : rule_remove(cli->arena, &context.session, &context.view, cli_text(cli, "rule"),
                               cli_bool(cli, "force"), err);
}
