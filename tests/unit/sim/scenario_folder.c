// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/sim/scenario_folder.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/model/event.h"
#include "sim/sim_file.h"
#include "sim/simulation.h"

static char *folder_file(const struct scenario_folder *folder, const char *name)
{
    struct strbuf path CLEANUP(strbuf_done) = {0};
    strbuf_appendf(&path, "%s/%s", folder->path, name);
    return strbuf_steal(&path);
}

int folder_setup(void **state)
{
    struct scenario_folder *folder = alloc_zero(sizeof(*folder));
    (void)snprintf(folder->path, sizeof(folder->path), "scenario-folder-XXXXXX");
    if (mkdtemp(folder->path) == NULL) {
        free(folder);
        return -1;
    }
    *state = folder;
    return 0;
}

int folder_teardown(void **state)
{
    struct scenario_folder *folder = *state;
    DIR *dir = opendir(folder->path);
    for (const struct dirent *e = dir != NULL ? readdir(dir) : NULL; e != NULL; e = readdir(dir)) {
        if (e->d_name[0] != '.') {
            folder_write(folder, e->d_name, NULL);
        }
    }
    if (dir != NULL) {
        (void)closedir(dir); // reading only
    }
    (void)rmdir(folder->path); // nothing depends on it
    strbuf_done(&folder->events);
    free(folder);
    return 0;
}

void folder_write(struct scenario_folder *folder, const char *name, const char *text)
{
    char *path CLEANUP(alloc_freep) = folder_file(folder, name);
    if (text == NULL) {
        (void)unlink(path); // fine when there is none
        return;
    }
    int r = sim_file_write(path, text, strlen(text), NULL);
    assert(r == 0);
}

char *folder_read(const struct scenario_folder *folder, const char *name)
{
    char *path CLEANUP(alloc_freep) = folder_file(folder, name);
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    char *text = NULL;
    size_t size_bytes = 0;
    return sim_file_read(arena, path, &text, &size_bytes, NULL) == 0 ? alloc_strdup(text) : NULL;
}

static void folder_record(void *userdata, int64_t t_ms, const char *at, const struct event *event)
{
    struct scenario_folder *folder = userdata;
    strbuf_appendf(&folder->events, "%" PRId64 " %s ", t_ms / 1000, at);
    event_format_text(event, &folder->events);
    strbuf_append_char(&folder->events, '\n');
}

int folder_run(struct scenario_folder *folder, enum timing_profile profile)
{
    strbuf_clear(&folder->events);
    error_clear(&folder->err);
    return simulation_run(folder->path, profile, folder_record, folder, &folder->err);
}

bool folder_saw(const struct scenario_folder *folder, const char *text)
{
    return strstr(strbuf_text(&folder->events), text) != NULL;
}
