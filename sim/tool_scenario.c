// SPDX-License-Identifier: Apache-2.0
// ha-simulator run and check: folders with scenarios, and with campaigns.
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/map.h"
#include "common/base/strbuf.h"
#include "common/model/event.h"
#include "sim/expectation.h"
#include "sim/simulation.h"
#include "sim/simulator_tool.h"

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

int tool_finish(int status)
{
    if (fflush(stdout) != 0 || ferror(stdout)) {
        (void)fprintf(stderr, "ha-simulator: cannot write to standard output: %s\n",
                      strerror(errno));
        return EXIT_FAILED;
    }
    return status;
}

int tool_run(const struct tool_arguments *arguments)
{
    if (arguments->count != 1) {
        return tool_usage_fail("'run' takes one folder");
    }
    const char *folder = arguments->words[0];
    if (campaign_folder_is(folder)) {
        return campaign_folder_run(folder, arguments->events);
    }
    struct strbuf line CLEANUP(strbuf_done) = {0};
    struct error err = {0};
    int r = simulation_run(folder, arguments->profile,
                           arguments->events ? run_print_json : run_print_text, &line, &err);
    int status = tool_finish(EXIT_DONE);
    if (r < 0 || r == SIMULATION_OUTCOME_INVARIANT) {
        (void)fprintf(stderr, "ha-simulator: %s\n", err.text);
        status = r < 0 ? EXIT_FAILED : EXIT_INVARIANT;
    }
    return status;
}

static bool folder_is_scenario(struct arena *arena, const char *folder)
{
    struct stat info;
    return stat(arena_printf(arena, "%s/cmdlist", folder), &info) == 0 ||
           campaign_folder_is(folder);
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

static int check_scenario(const struct tool_arguments *arguments, const char *path,
                          struct error *err)
{
    int r = arguments->update ? expectation_update(path, arguments->profile, err)
                              : expectation_check(path, arguments->profile, err);
    return r == EXPECTATION_OUTCOME_MATCH       ? EXIT_DONE
           : r == EXPECTATION_OUTCOME_INVARIANT ? EXIT_INVARIANT
                                                : EXIT_FAILED;
}

static int check_one(const struct tool_arguments *arguments, const char *path, size_t number)
{
    struct error err = {0};
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL && slash[1] != '\0' ? slash + 1 : path;
    int status = campaign_folder_is(path) ? campaign_folder_check(path, arguments->update, &err)
                                          : check_scenario(arguments, path, &err);
    (void)printf("%sok %zu - %s\n", status == EXIT_DONE ? "" : "not ", number, name);
    if (status != EXIT_DONE) {
        (void)printf("# %s\n", err.text);
    }
    return status;
}

int tool_check(const struct tool_arguments *arguments)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct map paths;
    map_init_arena(&paths, arena);
    if (arguments->count == 0) {
        return tool_usage_fail("'check' takes at least one folder");
    }
    for (size_t i = 0; i < arguments->count; i++) {
        const char *folder = arguments->words[i];
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
    return tool_finish(worst);
}
