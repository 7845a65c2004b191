// SPDX-License-Identifier: Apache-2.0
// Command lines as tables: what is typed, what is printed where, and the exit status.
#include <errno.h>
#include <string.h>

#include "cli/command_line.h"
#include "common/base/error.h"
#include "common/base/strbuf.h"
#include "common/model/sid.h"
#include "tests/lib/test.h"

// Prints what it was given.
static int run_echo(struct cli *cli, struct error *err)
{
    const char *const *values = NULL;
    size_t count = cli_many(cli, &values);
    (void)err;
    cli_printf(cli, "%s %s", cli->command->name, cli_text(cli, "sid"));
    cli_printf(cli, " count=%d", (int)cli_int(cli, "count"));
    cli_printf(cli, " purge=%d", cli_bool(cli, "purge") ? 1 : 0);
    cli_printf(cli, " state=%s", cli_text(cli, "state") != NULL ? cli_text(cli, "state") : "-");
    for (size_t i = 0; i < count; i++) {
        cli_printf(cli, " +%s", values[i]);
    }
    if (cli_has(cli, "tag")) {
        cli_printf(cli, " tags='%s'", cli_text(cli, "tag"));
    }
    map_each (e, &cli->values) {
        if (strncmp(e->key, "net", 3) == 0) {
            cli_printf(cli, " %s='%s'", e->key, (const char *)e->value);
        }
    }
    cli_printf(cli, "%s\n", cli_has(cli, "count") ? " given" : "");
    return 0;
}

static int run_fail(struct cli *cli, struct error *err)
{
    cli_warn(cli, "careful");
    return error_set(err, -EIO, "it broke");
}

static int run_reject(struct cli *cli, struct error *err)
{
    (void)err;
    return cli_reject(cli, "node", "no node '%s'", "x");
}

static int run_answer_no(struct cli *cli, struct error *err)
{
    (void)err;
    cli->exit_status = CLI_EXIT_FAILED;
    return 0;
}

static const char *const states[] = {"started", "stopped", NULL};

static const struct cli_param params_echo[] = {
    {.name = "sid", .positional = true, .required = true, .check = sid_check, .about = "what"},
    {.name = "more", .positional = true, .many = true, .about = "others"},
    {.name = "count",
     .type = CLI_TYPE_INT,
     .min = 1,
     .max = 9,
     .fallback = "3",
     .about = "how many"},
    {.name = "purge", .type = CLI_TYPE_BOOL, .about = "all"},
    {.name = "state", .type = CLI_TYPE_CHOICE, .choices = states, .about = "which"},
    {.name = "max_restart", .type = CLI_TYPE_INT, .max = 5, .about = "tries"},
    {.name = "tag", .type = CLI_TYPE_TEXT, .many = true, .about = "may come again"},
    {.name = "net0", .numbered = true, .about = "net0, net1, …"},
    {.name = NULL},
};

static const struct cli_command commands[] = {
    {.name = "add", .about = "adds", .params = params_echo, .run = run_echo},
    {.name = "crm-command migrate", .about = "migrates", .run = run_fail},
    {.name = "crm-command stop", .about = "stops", .run = run_reject},
    {.name = "no", .about = "says no", .run = run_answer_no},
    {.name = "relocate", .about = "relocates", .run = run_fail},
    {.name = "remove", .about = "removes", .params = params_echo, .run = run_echo},
    {.name = "set", .about = "sets", .params = params_echo, .run = run_echo},
    {.name = "setup", .about = "sets up", .params = params_echo, .run = run_echo},
    {.name = NULL},
};

static const struct cli_program program = {
    .name = "tool", .about = "A tool.", .commands = commands};

enum { ARGUMENTS_MAX = 8 };

struct row {
    const char *name;
    const char *arguments[ARGUMENTS_MAX];
    int status;
    const char *out; // whole
    const char *err; // a part; NULL: nothing
};

#define HEAD "400 Parameter verification failed.\n"

static const struct row rows[] = {
    {"positional and defaults", {"add", "ct:100"}, 0, "add ct:100 count=3 purge=0 state=-\n", NULL},
    {"option with blank",
     {"add", "ct:100", "--count", "4"},
     0,
     "add ct:100 count=4 purge=0 state=- given\n",
     NULL},
    {"option with equals",
     {"add", "--count=4", "ct:100"},
     0,
     "add ct:100 count=4 purge=0 state=- given\n",
     NULL},
    {"numbered options keep their numbers",
     {"add", "ct:100", "--net12", "a", "--net0=b"},
     0,
     "add ct:100 count=3 purge=0 state=- net0='b' net12='a'\n",
     NULL},
    {"numbered option given twice",
     {"add", "ct:100", "--net1", "a", "--net1", "b"},
     2,
     "",
     "net1: given more than once"},
    {"numbered option without a number", {"add", "ct:100", "--net", "a"}, 2, "", "net: unknown"},
    {"numbered option with more", {"add", "ct:100", "--net1x", "a"}, 2, "", "net1x: unknown"},
    {"truth without value",
     {"add", "--purge", "ct:100"},
     0,
     "add ct:100 count=3 purge=1 state=-\n",
     NULL},
    {"truth with value",
     {"add", "--purge", "no", "ct:100"},
     0,
     "add ct:100 count=3 purge=0 state=-\n",
     NULL},
    {"truth with equals",
     {"add", "ct:100", "--purge=1"},
     0,
     "add ct:100 count=3 purge=1 state=-\n",
     NULL},
    {"dash and underscore are the same",
     {"add", "ct:100", "--max-restart", "2"},
     0,
     "add ct:100 count=3 purge=0 state=-\n",
     NULL},
    {"many positional",
     {"add", "ct:100", "a", "--purge", "b"},
     0,
     "add ct:100 count=3 purge=1 state=- +a +b\n",
     NULL},
    {"an option several times",
     {"add", "ct:100", "--tag", "a=1", "--tag=b", "--tag", "a=1"},
     0,
     "add ct:100 count=3 purge=0 state=- tags='a=1\nb\na=1'\n",
     NULL},
    {"end of options",
     {"add", "ct:100", "--", "--purge"},
     0,
     "add ct:100 count=3 purge=0 state=- +--purge\n",
     NULL},
    {"unique prefix", {"rem", "ct:100"}, 0, "remove ct:100 count=3 purge=0 state=-\n", NULL},
    {"exact name beats prefix", {"set", "ct:100"}, 0, "set ct:100 count=3 purge=0 state=-\n", NULL},
    {"prefixes of two words", {"crm", "mig"}, 1, "", "warning: careful\ntool: it broke\n"},
    {"quiet prints no warning", {"crm", "mig", "--quiet"}, 1, "", "tool: it broke\n"},
    {"quiet prints no result", {"add", "ct:100", "--quiet"}, 0, "", NULL},
    {"ambiguous prefix",
     {"re", "ct:100"},
     2,
     "",
     "tool: ambiguous command 're': relocate, remove\n"},
    {"unknown command",
     {"fly"},
     2,
     "",
     "tool: unknown command 'fly', known are: add, crm-command,"},
    {"incomplete command", {"crm"}, 2, "", "tool: incomplete command: migrate, stop\n"},
    {"no command", {NULL}, 2, "", "tool: no command given: add, crm-command, no,"},
    {"option before command", {"--count", "1"}, 2, "", "tool: no command given"},
    {"missing parameter", {"add"}, 2, "", HEAD "sid: is required\nusage: tool add <sid>"},
    {"bad form", {"add", "ct:1"}, 2, "", HEAD "sid: invalid service id 'ct:1'"},
    {"not a number",
     {"add", "ct:100", "--count", "10x"},
     2,
     "",
     HEAD "count: '10x' is not a whole number\nusage:"},
    {"number too small",
     {"add", "ct:100", "--count", "0"},
     2,
     "",
     HEAD "count: 0 is too small, at least 1 is allowed\n"},
    {"negative number is a value",
     {"add", "ct:100", "--max_restart", "-1"},
     2,
     "",
     HEAD "max_restart: -1 is too small, at least 0 is allowed\n"},
    {"number too large",
     {"add", "ct:100", "--count=10"},
     2,
     "",
     HEAD "count: 10 is too large, at most 9 is allowed\n"},
    {"not a truth",
     {"add", "ct:100", "--purge=maybe"},
     2,
     "",
     HEAD "purge: 'maybe' is not a boolean, 0 or 1\n"},
    {"not a choice",
     {"add", "ct:100", "--state", "up"},
     2,
     "",
     HEAD "state: 'up' is not one of started, stopped\n"},
    {"unknown option", {"add", "ct:100", "--foo", "3"}, 2, "", HEAD "foo: unknown option\nusage:"},
    {"option without value", {"add", "ct:100", "--count"}, 2, "", HEAD "count: needs a value\n"},
    {"option twice",
     {"add", "ct:100", "--count=1", "--count=2"},
     2,
     "",
     HEAD "count: given more than once\n"},
    {"positional as option",
     {"add", "--sid", "ct:100"},
     2,
     "",
     HEAD "sid: is given by its place, not as an option\n"},
    {"unexpected argument", {"no", "really"}, 2, "", HEAD "really: unexpected argument\n"},
    {"one line each",
     {"add", "--count=x", "--state=up"},
     2,
     "",
     HEAD "count: 'x' is not a whole number\nstate: 'up' is not one of started, stopped\n"
          "sid: is required\nusage:"},
    {"found wrong later",
     {"crm", "stop"},
     2,
     "",
     HEAD "node: no node 'x'\nusage: tool crm-command stop\n"},
    {"answer is no", {"no"}, 1, "", NULL},
};

static void run_row(const struct row *row)
{
    struct strbuf out CLEANUP(strbuf_done) = {0};
    struct strbuf err CLEANUP(strbuf_done) = {0};
    char tool[] = "tool";
    char *argv[ARGUMENTS_MAX + 2] = {tool};
    char copies[ARGUMENTS_MAX][64];
    int argc = 1;
    for (size_t i = 0; i < ARGUMENTS_MAX && row->arguments[i] != NULL; i++) {
        assert_true(strlen(row->arguments[i]) < sizeof(copies[i]));
        memcpy(copies[i], row->arguments[i], strlen(row->arguments[i]) + 1);
        argv[argc++] = copies[i];
    }
    int status = cli_run(&program, true, argc, argv, &out, &err);
    bool err_good =
        row->err == NULL ? err.size_bytes == 0 : strstr(strbuf_text(&err), row->err) != NULL;
    if (status != row->status || strcmp(strbuf_text(&out), row->out) != 0 || !err_good) {
        print_error("%s: status %d\n%s\n%s\n", row->name, status, strbuf_text(&out),
                    strbuf_text(&err));
    }
    assert_int_equal(status, row->status);
    assert_string_equal(strbuf_text(&out), row->out);
    assert_true(err_good);
}

static void command_line_typed_gives_output_and_status(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        run_row(&rows[i]);
    }
}

static const char help_add[] =
    "usage: tool add <sid> [<more>...] [--count <N>] [--purge <0|1>]\n"
    "       [--state <started|stopped>] [--max_restart <N>] [--tag <text>...]\n"
    "       [--net0 <text>]\n"
    "\n"
    "adds\n"
    "\n"
    "  <sid>                       what\n"
    "  <more>...                   others\n"
    "  --count <N>                 how many, 1 to 9 (default: 3)\n"
    "  --purge <0|1>               all\n"
    "  --state <started|stopped>   which\n"
    "  --max_restart <N>           tries, 0 to 5\n"
    "  --tag <text>...             may come again\n"
    "  --net0 <text>               net0, net1, …\n"
    "  --quiet <0|1>               print no results and no warnings\n"
    "  --help <0|1>                print this help\n";

static const struct row help_rows[] = {
    {"help of a command", {"help", "add"}, 0, help_add, NULL},
    {"help as an option", {"add", "--help"}, 0, help_add, NULL},
    {"help in short", {"add", "-h", "--count=x"}, 0, help_add, NULL},
    {"help of an unknown command", {"help", "fly"}, 2, "", "unknown command 'fly'"},
};

static void command_line_help_is_made_from_the_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(help_rows); i++) {
        run_row(&help_rows[i]);
    }
}

static const struct row completion_rows[] = {
    {"commands", {"complete-words", "re"}, 0, "relocate\nremove\n", NULL},
    {"second words", {"complete-words", "crm-command", ""}, 0, "migrate\nstop\n", NULL},
    {"each first word once", {"complete-words", "c"}, 0, "crm-command\n", NULL},
    {"options", {"complete-words", "add", "ct:100", "--m"}, 0, "--max_restart\n", NULL},
    {"choices", {"complete-words", "add", "--state", "sto"}, 0, "stopped\n", NULL},
    {"nothing known", {"complete-words", "fly", ""}, 0, "", NULL},
};

static void command_line_completion_is_made_from_the_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(completion_rows); i++) {
        run_row(&completion_rows[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(command_line_typed_gives_output_and_status),
        cmocka_unit_test(command_line_help_is_made_from_the_table),
        cmocka_unit_test(command_line_completion_is_made_from_the_table),
    };
    return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
