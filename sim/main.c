// SPDX-License-Identifier: Apache-2.0
// ha-simulator: the command line.
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/map.h"
#include "common/base/strbuf.h"
#include "common/model/event.h"
#include "common/model/timing.h"
#include "ha_config.h"
#include "sim/expectation.h"
#include "sim/simulation.h"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_INVARIANT = 11 };

static const char usage_text[] =
    "usage: ha-simulator run [--timing PROFILE] [--events] FOLDER\n"
    "       ha-simulator check [--timing PROFILE] [--update] FOLDER...\n"
    "\n"
    "run    replays the scenario in FOLDER on virtual time and prints what happens:\n"
    "       lines for people, or with --events one JSON object a line\n"
    "check  replays each FOLDER and compares the events with its events.jsonl; a folder of\n"
    "       scenario folders stands for all of them. Prints one TAP line a scenario.\n"
    "       --update writes events.jsonl anew instead: look at what changed before you keep it\n"
    "\n"
    "  --timing PROFILE  classic (rounds as the reference scenarios have them), fast, balanced\n"
    "                    or patient; the default is in the folder's file 'timing', or classic\n"
    "  --help            this text\n"
    "  --version         the version\n"
    "\n"
    "Exit status: 0 done, 1 failed, 2 usage, 11 an invariant was broken.\n";

struct arguments {
    enum timing_profile profile;
    bool events;
    bool update;
    char **folders;
    size_t count;
};

PRINTF_LIKE(1, 2) static int usage_fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)fputs("ha-simulator: ", stderr);
    (void)vfprintf(stderr, format, args);
    (void)fputs("; see 'ha-simulator --help'\n", stderr);
    va_end(args);
    return EXIT_USAGE;
}

static void run_print_json(void *userdata, int64_t t_ms, const char *at, const struct event *event)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct strbuf *line = userdata;
    strbuf_clear(line);
    json_format(simulation_event_json(arena, t_ms, at, event), JSON_STYLE_COMPACT, line);
    (void)puts(strbuf_text(line)); // checked as a whole at the end
}

static void run_print_text(void *userdata, int64_t t_ms, const char *at, const struct event *event)
{
    struct strbuf *line = userdata;
    strbuf_clear(line);
    event_format_text(event, line);
    if (t_ms % 1000 == 0) {
        (void)printf("%6" PRId64 "     %-12s %s\n", t_ms / 1000, at, strbuf_text(line));
    } else {
        (void)printf("%6" PRId64 ".%03d %-12s %s\n", t_ms / 1000, (int)(t_ms % 1000), at,
                     strbuf_text(line));
    }
}

// What was printed must have arrived, or the run counts as failed.
static int output_finish(int status)
{
    if (fflush(stdout) != 0 || ferror(stdout)) {
        (void)fprintf(stderr, "ha-simulator: cannot write to standard output: %s\n",
                      strerror(errno));
        return EXIT_FAILED;
    }
    return status;
}

static int command_run(const struct arguments *arguments)
{
    if (arguments->count != 1) {
        return usage_fail("'run' takes one folder");
    }
    struct strbuf line CLEANUP(strbuf_done) = {0};
    struct error err = {0};
    int r = simulation_run(arguments->folders[0], arguments->profile,
                           arguments->events ? run_print_json : run_print_text, &line, &err);
    int status = output_finish(EXIT_DONE);
    if (r < 0 || r == SIMULATION_OUTCOME_INVARIANT) {
        (void)fprintf(stderr, "ha-simulator: %s\n", err.text);
        status = r < 0 ? EXIT_FAILED : EXIT_INVARIANT;
    }
    return status;
}

static bool folder_is_scenario(struct arena *arena, const char *folder)
{
    struct stat info;
    return stat(arena_printf(arena, "%s/cmdlist", folder), &info) == 0;
}

// The scenario folders in a folder, by name.
static int folder_list(struct arena *arena, const char *folder, struct map *paths)
{
    DIR *dir = opendir(folder);
    if (dir == NULL) {
        return -errno;
    }
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        char *path = arena_printf(arena, "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] != '.' && folder_is_scenario(arena, path)) {
            map_put(paths, path, path);
        }
    }
    (void)closedir(dir); // reading only
    return 0;
}

static int check_one(const struct arguments *arguments, const char *path, size_t number)
{
    struct error err = {0};
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL && slash[1] != '\0' ? slash + 1 : path;
    int r = arguments->update ? expectation_update(path, arguments->profile, &err)
                              : expectation_check(path, arguments->profile, &err);
    bool matches = r == EXPECTATION_OUTCOME_MATCH;
    (void)printf("%sok %zu - %s\n", matches ? "" : "not ", number, name);
    if (!matches) {
        (void)printf("# %s\n", err.text);
    }
    return matches ? EXIT_DONE : r == EXPECTATION_OUTCOME_INVARIANT ? EXIT_INVARIANT : EXIT_FAILED;
}

static int command_check(const struct arguments *arguments)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct map paths;
    map_init_arena(&paths, arena);
    if (arguments->count == 0) {
        return usage_fail("'check' takes at least one folder");
    }
    for (size_t i = 0; i < arguments->count; i++) {
        const char *folder = arguments->folders[i];
        if (folder_is_scenario(arena, folder)) {
            map_put(&paths, folder, arena_strdup(arena, folder));
            continue;
        }
        size_t before = paths.count;
        int r = folder_list(arena, folder, &paths);
        if (r < 0 || paths.count == before) {
            (void)fprintf(stderr, "ha-simulator: '%s': %s\n", folder,
                          r < 0 ? strerror(-r) : "no scenarios in it");
            return EXIT_FAILED;
        }
    }
    int worst = EXIT_DONE;
    size_t number = 0;
    (void)printf("1..%zu\n", paths.count);
    map_each (e, &paths) {
        int status = check_one(arguments, e->key, ++number);
        worst = status > worst ? status : worst;
    }
    return output_finish(worst);
}

static int parse_arguments(int argc, char **argv, struct arguments *ret)
{
    struct arguments arguments = {.profile = TIMING_PROFILE_MAX};
    int kept = 2; // folders are moved to the front

    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--events") == 0) {
            arguments.events = true;
        } else if (strcmp(argv[i], "--update") == 0) {
            arguments.update = true;
        } else if (strcmp(argv[i], "--timing") == 0) {
            const char *name = i + 1 < argc ? argv[++i] : "";
            if (timing_profile_from_string(name, &arguments.profile) < 0) {
                return usage_fail("--timing: expected fast, balanced, patient or classic, not '%s'",
                                  name);
            }
        } else if (argv[i][0] == '-') {
            return usage_fail("unknown option '%s'", argv[i]);
        } else {
            argv[kept++] = argv[i];
        }
    }
    arguments.folders = argv + 2;
    arguments.count = (size_t)(kept - 2);
    *ret = arguments;
    return EXIT_DONE;
}

int main(int argc, char **argv)
{
    struct arguments arguments = {0};
    const char *command = argc > 1 ? argv[1] : "";
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            (void)fputs(usage_text, stdout);
            return output_finish(EXIT_DONE);
        }
    }
    if (strcmp(command, "--version") == 0) {
        (void)puts("ha-simulator " HA_VERSION);
        return output_finish(EXIT_DONE);
    }
    bool run = strcmp(command, "run") == 0;
    if (!run && strcmp(command, "check") != 0) {
        return argc > 1 ? usage_fail("unknown command '%s'", command)
                        : usage_fail("no command given");
    }
    int status = parse_arguments(argc, argv, &arguments);
    if (status != EXIT_DONE) {
        return status;
    }
    if (run && arguments.update) {
        return usage_fail("--update belongs to 'check'");
    }
    if (!run && arguments.events) {
        return usage_fail("--events belongs to 'run'");
    }
    return run ? command_run(&arguments) : command_check(&arguments);
}
