// SPDX-License-Identifier: Apache-2.0
// Rows are split into their parts once. A hundred rows are compared one by one: a few microseconds.
#include "api/call/router.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/json.h"
#include "common/base/map.h"

enum { PARTS_MAX = 16 };

struct parts {
    const char *part[PARTS_MAX];
    size_t count;
    bool too_many;
};

struct row {
    const struct method *method;
    struct parts parts;
};

struct router {
    struct row *rows;
    size_t count;
};

static void parts_split(struct arena *arena, const char *path, struct parts *ret)
{
    char *rest = arena_strdup(arena, path);
    *ret = (struct parts){0};
    while (rest != NULL) {
        char *slash = strchr(rest, '/');
        if (slash != NULL) {
            *slash = '\0';
        }
        if (rest[0] != '\0' && ret->count == PARTS_MAX) {
            ret->too_many = true;
            return;
        }
        if (rest[0] != '\0') {
            ret->part[ret->count++] = rest;
        }
        rest = slash != NULL ? slash + 1 : NULL;
    }
}

static bool part_is_open(const char *part)
{
    return part[0] == '{';
}

static int row_compare(const void *a, const void *b)
{
    const struct method *x = ((const struct row *)a)->method, *y = ((const struct row *)b)->method;
    int order = strcmp(x->path, y->path);
    return order != 0 ? order : (x->verb > y->verb) - (x->verb < y->verb);
}

struct router *router_new(struct arena *arena, const struct method_table *const *tables)
{
    size_t count = 0, at = 0;
    for (size_t t = 0; tables[t] != NULL; t++) {
        count += tables[t]->count;
    }
    struct router *router = arena_new_of(arena, struct router);
    router->rows = arena_array_of(arena, struct row, count);
    router->count = count;
    for (size_t t = 0; tables[t] != NULL; t++) {
        for (size_t i = 0; i < tables[t]->count; i++) {
            struct row *row = &router->rows[at++];
            row->method = &tables[t]->methods[i];
            parts_split(arena, row->method->path, &row->parts);
            assert(!row->parts.too_many);
        }
    }
    qsort(router->rows, count, sizeof(struct row), row_compare);
    for (size_t i = 1; i < count; i++) {
        assert(row_compare(&router->rows[i - 1], &router->rows[i]) != 0);
    }
    return router;
}

// Whether the first parts of the row fit all of the path.
static bool row_begins(const struct row *row, const struct parts *path)
{
    if (row->parts.count < path->count) {
        return false;
    }
    for (size_t i = 0; i < path->count; i++) {
        if (!part_is_open(row->parts.part[i]) && strcmp(row->parts.part[i], path->part[i]) != 0) {
            return false;
        }
    }
    return true;
}

// Which row says the path's parts more literally: > 0: a does.
static int row_weigh(const struct row *a, const struct row *b, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bool open_a = part_is_open(a->parts.part[i]), open_b = part_is_open(b->parts.part[i]);
        if (open_a != open_b) {
            return open_b ? 1 : -1;
        }
    }
    return 0;
}

// Of all rows that begin with the path the most literal one, of those that are the path itself and
// of folders alike.
static const struct row *router_best(const struct router *router, const struct parts *path)
{
    const struct row *best = NULL;
    for (size_t i = 0; i < router->count; i++) {
        const struct row *row = &router->rows[i];
        if (row_begins(row, path) && (best == NULL || row_weigh(row, best, path->count) > 0)) {
            best = row;
        }
    }
    return best;
}

static struct json *path_values(struct arena *arena, const struct row *row,
                                const struct parts *path)
{
    struct json *values = json_new_object(arena);
    for (size_t i = 0; i < path->count; i++) {
        const char *part = row->parts.part[i];
        if (part_is_open(part)) {
            const char *name = arena_printf(arena, "%.*s", (int)strlen(part) - 2, part + 1);
            json_put_string(values, name, path->part[i]);
        }
    }
    return values;
}

// By which name clients know the entries of a folder.
static const char *index_key(const struct row *row, size_t count)
{
    static const struct {
        const char *path;
        const char *key;
        bool below; // this folder and those below it
    } keys[] = {
        {"/access", "subdir", true},
        {"/cluster/ha", "id", false},
        {"/nodes/{node}/lxc", "subdir", true},
        {"/nodes/{node}/qemu", "subdir", true},
    };
    if (count == 0) {
        return "subdir";
    }
    size_t length = 0; // of the first parts of the row
    for (size_t i = 0; i < count; i++) {
        length += 1 + strlen(row->parts.part[i]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        size_t size = strlen(keys[i].path);
        if (size <= length && strncmp(keys[i].path, row->method->path, size) == 0 &&
            (size == length || (keys[i].below && row->method->path[size] == '/'))) {
            return keys[i].key;
        }
    }
    return "name";
}

static struct json *index_make(const struct router *router, struct arena *arena,
                               const struct row *best, const struct parts *path)
{
    struct json *list = json_new_array(arena);
    struct map names;
    map_init_arena(&names, arena);
    const char *key = index_key(best, path->count);
    for (size_t i = 0; i < router->count; i++) {
        const struct row *row = &router->rows[i];
        if (row->parts.count > path->count && row_begins(row, path) &&
            row_weigh(row, best, path->count) == 0 && !part_is_open(row->parts.part[path->count])) {
            map_put(&names, row->parts.part[path->count], NULL);
        }
    }
    map_each (e, &names) {
        struct json *entry = json_new_object(arena);
        json_put_string(entry, key, e->key);
        json_append(list, entry);
    }
    return list;
}

void router_find(const struct router *router, struct arena *arena, enum method_verb verb,
                 const char *path, struct route *ret)
{
    struct parts parts;
    parts_split(arena, path, &parts);
    *ret = (struct route){0};
    const struct row *best = parts.too_many ? NULL : router_best(router, &parts);
    if (best == NULL) {
        return;
    }
    bool is_folder = false;
    for (size_t i = 0; i < router->count; i++) {
        const struct row *row = &router->rows[i];
        if (!row_begins(row, &parts) || row_weigh(row, best, parts.count) != 0) {
            continue;
        }
        is_folder = is_folder || row->parts.count > parts.count;
        if (row->parts.count == parts.count && row->method->verb == verb) {
            ret->method = row->method;
            ret->path = path_values(arena, row, &parts);
            return;
        }
    }
    if (is_folder && verb == METHOD_VERB_GET) {
        ret->path = path_values(arena, best, &parts);
        ret->index = index_make(router, arena, best, &parts);
    }
}

size_t router_count(const struct router *router)
{
    return router->count;
}

const struct method *router_at(const struct router *router, size_t i)
{
    assert(i < router->count);
    return router->rows[i].method;
}
