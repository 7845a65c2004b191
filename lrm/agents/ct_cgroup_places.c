// SPDX-License-Identifier: Apache-2.0
// Where this machine's control group hierarchies are, and where in them LXC puts containers.
#include <errno.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/map.h"
#include "common/base/parse.h"
#include "common/host/file.h"
#include "lrm/agents/ct_cgroup.h"

enum { CT_PLACES_TEXT_MAX = 16 * 1024 * 1024, CT_PLACES_MAX = 4096 };

// A mounted hierarchy.
struct ct_hierarchy {
    const char *folder;
    const char *options; // ",pids,": the controllers of v1
    bool unified;
};

// Mount points are written with \040 for a blank and the like.
static const char *ct_places_unescape(struct arena *arena, const char *text)
{
    char *out = arena_strdup(arena, text);
    size_t size = 0;
    while (*text != '\0') {
        bool octal = text[0] == '\\' && strspn(text + 1, "01234567") >= 3;
        if (octal) {
            out[size++] = (char)((text[1] - '0') * 64 + (text[2] - '0') * 8 + (text[3] - '0'));
        } else {
            out[size++] = text[0];
        }
        text += octal ? 4 : 1;
    }
    out[size] = '\0';
    return out;
}

// One line of mountinfo: "36 35 0:30 / /sys/fs/cgroup/pids rw … - cgroup cgroup rw,pids". Notes a
// hierarchy by its device; of several mounts the last one lies on top.
static void ct_places_mount(struct arena *arena, const char *line, struct map *hierarchies)
{
    struct parse_words fields = parse_fields(arena, line);
    size_t dash = 6;
    while (dash < fields.count && strcmp(fields.words[dash], "-") != 0) {
        dash++;
    }
    if (dash + 3 >= fields.count) {
        return;
    }
    const char *type = fields.words[dash + 1];
    bool unified = strcmp(type, "cgroup2") == 0;
    // A mount of a part of the tree does not show the whole.
    if ((!unified && strcmp(type, "cgroup") != 0) || strcmp(fields.words[3], "/") != 0) {
        return;
    }
    struct ct_hierarchy *hierarchy = arena_new_of(arena, struct ct_hierarchy);
    hierarchy->folder = ct_places_unescape(arena, fields.words[4]);
    hierarchy->options = arena_printf(arena, ",%s,", fields.words[dash + 3]);
    hierarchy->unified = unified;
    map_put(hierarchies, fields.words[2], hierarchy);
}

static const char *ct_places_line(struct arena *arena, const char **text)
{
    size_t length = strcspn(*text, "\n");
    const char *line = arena_memdup(arena, *text, length);
    *text += length + ((*text)[length] == '\n' ? 1 : 0);
    return line;
}

// The path of the hierarchy's line "8:pids:/a/b" in a process's cgroup file, or NULL.
static const char *ct_places_path(struct arena *arena, const char *cgroup,
                                  const struct ct_hierarchy *hierarchy)
{
    while (*cgroup != '\0') {
        const char *line = ct_places_line(arena, &cgroup);
        const char *controllers = strchr(line, ':');
        const char *path = controllers != NULL ? strchr(controllers + 1, ':') : NULL;
        if (path == NULL) {
            continue;
        }
        const char *names = arena_memdup(arena, controllers + 1, (size_t)(path - controllers - 1));
        bool same = hierarchy->unified
                        ? strncmp(line, "0:", 2) == 0 && *names == '\0'
                        : *names != '\0' && strstr(hierarchy->options,
                                                   arena_printf(arena, ",%s,", names)) != NULL;
        if (same) {
            return path + 1;
        }
    }
    return NULL;
}

// Notes the folder of "/a/b", of "/a" and of "/".
static void ct_places_ancestors(struct arena *arena, const struct ct_hierarchy *hierarchy,
                                const char *path, struct map *folders)
{
    char *rest = arena_strdup(arena, path != NULL ? path : "/");
    // Outside the namespace's root nothing is ours.
    if (rest[0] != '/' || strstr(rest, "/..") != NULL) {
        rest[0] = '\0';
    }
    for (;;) {
        size_t length = strlen(rest);
        while (length > 0 && rest[length - 1] == '/') {
            rest[--length] = '\0';
        }
        struct ct_cgroup_place *place = arena_new_of(arena, struct ct_cgroup_place);
        place->folder = arena_printf(arena, "%s%s", hierarchy->folder, rest);
        place->unified = hierarchy->unified;
        map_put(folders, place->folder, place);
        char *slash = strrchr(rest, '/');
        if (slash == NULL) {
            return;
        }
        *slash = '\0';
    }
}

int ct_cgroup_parse(struct arena *arena, const char *mountinfo, const char *const *cgroups,
                    size_t cgroups_count, struct ct_cgroup_places *ret, struct error *err)
{
    struct map hierarchies;
    struct map folders;
    map_init_arena(&hierarchies, arena);
    map_init_arena(&folders, arena);
    while (*mountinfo != '\0') {
        ct_places_mount(arena, ct_places_line(arena, &mountinfo), &hierarchies);
    }
    if (hierarchies.count == 0) {
        return error_set(err, -ENOTSUP,
                         "no control group hierarchy is mounted here: nothing can be proved about "
                         "containers");
    }
    map_each (e, &hierarchies) {
        ct_places_ancestors(arena, e->value, NULL, &folders);
        for (size_t i = 0; i < cgroups_count; i++) {
            const char *path = ct_places_path(arena, cgroups[i], e->value);
            ct_places_ancestors(arena, e->value, path, &folders);
        }
    }
    if (folders.count > CT_PLACES_MAX) {
        return error_set(err, -E2BIG, "more than %d control groups to look into", CT_PLACES_MAX);
    }
    ret->count = folders.count;
    ret->places = arena_array_of(arena, struct ct_cgroup_place, folders.count);
    for (size_t i = 0; i < folders.count; i++) {
        ret->places[i] = *(const struct ct_cgroup_place *)folders.entries[i].value;
    }
    return 0;
}

int ct_cgroup_find(struct arena *arena, struct ct_cgroup_places *ret, struct error *err)
{
    static const char *const paths[] = {"/proc/self/cgroup", "/proc/1/cgroup"};
    const char *cgroups[ARRAY_SIZE(paths)];
    char *mountinfo = NULL;
    size_t size = 0;
    int r = file_read(arena, "/proc/self/mountinfo", CT_PLACES_TEXT_MAX, &mountinfo, &size, err);
    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(paths); i++) {
        char *text = NULL;
        r = file_read(arena, paths[i], CT_PLACES_TEXT_MAX, &text, &size, err);
        cgroups[i] = text;
    }
    if (r < 0) {
        return r;
    }
    return ct_cgroup_parse(arena, mountinfo, cgroups, ARRAY_SIZE(paths), ret, err);
}
