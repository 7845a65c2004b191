// SPDX-License-Identifier: Apache-2.0
// ha-simulator: the command line. Each command is in a tool_*.c of its own.
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/error.h"
#include "common/base/parse.h"
#include "common/base/planted.h"
#include "ha_config.h"
#include "sim/simulator_tool.h"

enum { TOOL_JOBS_MAX = 256, TOOL_SECONDS_MAX = 100000 };

static const char usage_text[] =
    "usage: ha-simulator run [--timing PROFILE] [--events] FOLDER\n"
    "       ha-simulator check [--timing PROFILE] [--update] FOLDER...\n"
    "       ha-simulator swarm --seeds A..B [LIMITS] [--jobs J] [--twice] [--json]\n"
    "       ha-simulator replay SEED|FOLDER [LIMITS] [--events | --text]\n"
    "       ha-simulator explain SEED|FOLDER [LIMITS]\n"
    "       ha-simulator shrink SEED|FOLDER [LIMITS] [-o FOLDER] [--jobs J]\n"
    "\n"
    "run      replays the scenario in FOLDER on virtual time and prints what happens:\n"
    "         lines for people, or with --events one JSON object a line\n"
    "check    replays each FOLDER and compares the events with its events.jsonl; a folder of\n"
    "         scenario folders stands for all of them. Prints one TAP line a scenario.\n"
    "         --update writes events.jsonl anew instead: look at what changed before you keep it\n"
    "swarm    for each seed a cluster of its own, with faults and load drawn from it: the real\n"
    "         store, manager and agents on a simulated network, disks, clocks and guests, and all\n"
    "         invariants looked at after all that happens\n"
    "replay   one seed again, with all that happens; --text prints the campaign and runs nothing\n"
    "explain  of a seed that failed: what led to it\n"
    "shrink   of a seed that failed: the smallest campaign that fails alike, in FOLDER\n"
    "\n"
    "  --timing PROFILE  classic (rounds as the reference scenarios have them), fast, balanced\n"
    "                    or patient; the default is in the folder's file 'timing', or classic\n"
    "  --seeds A..B      from A to B, or one\n"
    "  --jobs J          processes at a time (1)\n"
    "  --twice           each seed twice: the bytes must be the same (else every 20th)\n"
    "  --json            the totals as one JSON object\n"
    "  --cpu SECONDS     of processor time, until a run counts as one that never ends (60)\n"
    "  LIMITS            what else the seed decides: --nodes N, --services N, --hours H,\n"
    "                    --profile fast|balanced|patient, --faults LIST (--faults help lists them)\n"
    "  --help            this text\n"
    "  --version         the version\n"
    "\n"
    "A folder may hold a campaign (docs/campaign.md) instead of a scenario: run and check take it.\n"
    "Exit status: 0 done, 1 failed, 2 usage, 10 a crash, 11 an invariant was broken, 12 not all\n"
    "was well again in time, 13 two runs of a seed differ.\n";

int tool_usage_fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)fputs("ha-simulator: ", stderr);
    (void)vfprintf(stderr, format, args);
    (void)fputs("; see 'ha-simulator --help'\n", stderr);
    va_end(args);
    return EXIT_USAGE;
}

static const struct command {
    const char *name;
    int (*run)(const struct tool_arguments *arguments);
    const char *options; // that it takes, between blanks
} commands[] = {
    {"run", tool_run, " --timing --events "},
    {"check", tool_check, " --timing --update "},
    {"swarm", tool_swarm,
     " --seeds --jobs --twice --cpu --json --nodes --services --hours --profile --faults "},
    {"replay", tool_replay, " --events --text --nodes --services --hours --profile --faults "},
    {"explain", tool_explain, " --nodes --services --hours --profile --faults "},
    {"shrink", tool_shrink, " -o --jobs --cpu --nodes --services --hours --profile --faults "},
};

static int parse_profile(const char *option, const char *value, bool may_be_classic,
                         enum timing_profile *ret)
{
    if (timing_profile_from_string(value, ret) < 0 ||
        (*ret == TIMING_PROFILE_CLASSIC && !may_be_classic)) {
        return tool_usage_fail("%s: expected fast, balanced%s, not '%s'", option,
                               may_be_classic ? ", patient or classic" : " or patient", value);
    }
    return EXIT_DONE;
}

static int parse_number(const char *option, const char *value, int64_t min, int64_t max,
                        int64_t *ret)
{
    if (parse_int64(value, min, max, ret) < 0) {
        return tool_usage_fail("%s: expected a number from %lld to %lld, not '%s'", option,
                               (long long)min, (long long)max, value);
    }
    return EXIT_DONE;
}

static int parse_seeds(const char *value, struct tool_arguments *arguments)
{
    char first[32];
    const char *dots = strstr(value, "..");
    size_t length = dots != NULL ? (size_t)(dots - value) : strlen(value);
    if (length >= sizeof(first)) {
        length = 0;
    }
    memcpy(first, value, length);
    first[length] = '\0';
    if (parse_uint64(first, &arguments->first_seed) < 0 ||
        parse_uint64(dots != NULL ? dots + 2 : first, &arguments->last_seed) < 0 ||
        arguments->last_seed < arguments->first_seed) {
        return tool_usage_fail("--seeds: expected A..B, not '%s'", value);
    }
    return EXIT_DONE;
}

static int parse_value(const char *option, const char *value, struct tool_arguments *arguments)
{
    struct campaign_limits *limits = &arguments->limits;
    if (strcmp(option, "--timing") == 0) {
        return parse_profile(option, value, true, &arguments->profile);
    }
    if (strcmp(option, "--profile") == 0) {
        return parse_profile(option, value, false, &limits->profile);
    }
    if (strcmp(option, "--seeds") == 0) {
        return parse_seeds(value, arguments);
    }
    if (strcmp(option, "--jobs") == 0) {
        return parse_number(option, value, 1, TOOL_JOBS_MAX, &arguments->jobs);
    }
    if (strcmp(option, "--cpu") == 0) {
        return parse_number(option, value, 1, TOOL_SECONDS_MAX, &arguments->cpu_s);
    }
    if (strcmp(option, "--nodes") == 0) {
        return parse_number(option, value, 1, 1000, &limits->nodes);
    }
    if (strcmp(option, "--services") == 0) {
        return parse_number(option, value, 0, 100000, &limits->services);
    }
    if (strcmp(option, "--hours") == 0) {
        return parse_number(option, value, 1, 1000000, &limits->hours);
    }
    if (strcmp(option, "--faults") == 0) {
        limits->faults = value;
    } else {
        arguments->output = value;
    }
    return EXIT_DONE;
}

static bool option_is_known(const char *option, const char *options)
{
    for (const char *at = strstr(options, option); at != NULL; at = strstr(at + 1, option)) {
        if (at[-1] == ' ' && at[strlen(option)] == ' ') {
            return true;
        }
    }
    return false;
}

static int parse_option(int argc, char **argv, int *i, const struct command *command,
                        struct tool_arguments *arguments)
{
    const char *option = argv[*i];
    if (!option_is_known(option, command->options)) {
        for (size_t k = 0; k < ARRAY_SIZE(commands); k++) {
            if (option_is_known(option, commands[k].options)) {
                return tool_usage_fail("%s belongs to '%s'", option, commands[k].name);
            }
        }
        return tool_usage_fail("unknown option '%s'", option);
    }
    bool *flag = strcmp(option, "--events") == 0   ? &arguments->events
                 : strcmp(option, "--update") == 0 ? &arguments->update
                 : strcmp(option, "--text") == 0   ? &arguments->text
                 : strcmp(option, "--twice") == 0  ? &arguments->twice
                 : strcmp(option, "--json") == 0   ? &arguments->json
                                                   : NULL;
    if (flag != NULL) {
        *flag = true;
        return EXIT_DONE;
    }
    return parse_value(option, *i + 1 < argc ? argv[++*i] : "", arguments);
}

static int parse_arguments(int argc, char **argv, const struct command *command,
                           struct tool_arguments *ret)
{
    struct tool_arguments arguments = {.profile = TIMING_PROFILE_MAX, .jobs = 1, .cpu_s = 60};
    int kept = 2; // words are moved to the front
    campaign_limits_init(&arguments.limits);
    for (int i = 2; i < argc; i++) {
        if (argv[i][0] != '-') {
            argv[kept++] = argv[i];
            continue;
        }
        int status = parse_option(argc, argv, &i, command, &arguments);
        if (status != EXIT_DONE) {
            return status;
        }
    }
    arguments.words = argv + 2;
    arguments.count = (size_t)(kept - 2);
    *ret = arguments;
    return EXIT_DONE;
}

#ifdef HA_PLANTED_BUGS
// Takes "--planted NAME" out of the arguments; "--planted list" lists the bugs. Returns an exit
// status, or −1: go on.
static int planted_take(int *argc, char **argv)
{
    int kept = 1;
    for (int i = 1; i < *argc; i++) {
        if (strcmp(argv[i], "--planted") != 0) {
            argv[kept++] = argv[i];
            continue;
        }
        const char *name = i + 1 < *argc ? argv[++i] : "";
        for (int bug = 0; strcmp(name, "list") == 0 && bug < PLANTED_MAX; bug++) {
            (void)printf("%s: %s\n", planted_name((enum planted)bug),
                         planted_text((enum planted)bug));
        }
        if (strcmp(name, "list") == 0) {
            return tool_finish(EXIT_DONE);
        }
        if (planted_choose(name) < 0) {
            return tool_usage_fail("there is no planted bug '%s'", name);
        }
    }
    *argc = kept;
    return -1;
}
#endif

int main(int argc, char **argv)
{
#ifdef HA_PLANTED_BUGS
    int planted = planted_take(&argc, argv);
    if (planted >= 0) {
        return planted;
    }
#endif
    struct tool_arguments arguments = {0};
    const char *name = argc > 1 ? argv[1] : "";
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            (void)fputs(usage_text, stdout);
            return tool_finish(EXIT_DONE);
        }
    }
    if (strcmp(name, "--version") == 0) {
        (void)puts("ha-simulator " HA_VERSION);
        return tool_finish(EXIT_DONE);
    }
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        if (strcmp(name, commands[i].name) == 0) {
            int status = parse_arguments(argc, argv, &commands[i], &arguments);
            return status != EXIT_DONE ? status : commands[i].run(&arguments);
        }
    }
    return argc > 1 ? tool_usage_fail("unknown command '%s'", name)
                    : tool_usage_fail("no command given");
}
