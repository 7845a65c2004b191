// SPDX-License-Identifier: Apache-2.0
// Checks and transactions of changes to groups.
#include "cli/group_edit.h"

#include <errno.h>
#include <string.h>

#include "cli/session.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/parse.h"
#include "common/base/strbuf.h"
#include "common/model/groups.h"
#include "common/model/resources.h"
#include "common/model/rules.h"
#include "common/model/store_keys.h"
#include "common/port/store.h"

struct group_edit {
    struct group_set set;
    uint64_t version;
};

void group_request_init(struct arena *arena, struct group_request *ret)
{
    *ret = (struct group_request){0};
    map_init_arena(&ret->set, arena);
}

static int group_open(struct arena *arena, const struct session *session, struct group_edit *edit,
                      struct error *err)
{
    struct session_value value;
    int r = session_read(arena, session, STORE_KEY_GROUPS, &value, err);
    if (r < 0) {
        return r;
    }
    if (value.text == NULL || value.size_bytes == 0) {
        return error_set(err, -EOPNOTSUPP,
                         "groups were migrated to rules: use 'ha-manager rules' with rules of "
                         "type node-affinity");
    }
    edit->version = value.version;
    r = group_set_parse(arena, value.text, value.size_bytes, &edit->set, err);
    return r < 0 ? error_prefix(err, "groups") : 0;
}

int group_read(struct arena *arena, const struct session *session, struct group_set *ret,
               struct error *err)
{
    struct group_edit edit;
    int r = group_open(arena, session, &edit, err);
    if (r == 0) {
        *ret = edit.set;
    }
    return r;
}

static int group_find(const struct group_set *set, const char *id, struct group **ret,
                      struct error *err)
{
    struct group *group = map_find(&set->groups, id);
    if (group == NULL) {
        struct strbuf names CLEANUP(strbuf_done) = {0};
        map_each (e, &set->groups) {
            strbuf_appendf(&names, "%s%s", names.size_bytes > 0 ? ", " : "", e->key);
        }
        return error_set(err, -ENOENT, "group '%s' does not exist: there are %s", id,
                         strbuf_text(&names));
    }
    *ret = group;
    return 0;
}

int group_check_exists(struct arena *arena, const struct session *session, const char *id,
                       struct error *err)
{
    struct group_edit edit;
    struct group *group = NULL;
    int r = group_open(arena, session, &edit, err);
    return r < 0 ? r : group_find(&edit.set, id, &group, err);
}

// Opens for a change: with quorum, and only when nothing would be lost by writing.
static int group_open_edit(struct arena *arena, const struct session *session,
                           struct group_edit *edit, struct error *err)
{
    int r = group_open(arena, session, edit, err);
    if (r == 0) {
        r = session_need_quorum(session, err);
    }
    if (r == 0 && edit->set.warnings_count > 0) {
        return error_set(err, -EINVAL,
                         "groups: %s: the rest cannot be changed before this is repaired",
                         edit->set.warnings[0]);
    }
    return r;
}

static int group_write(const struct session *session, const struct group_edit *edit,
                       struct error *err)
{
    struct strbuf text CLEANUP(strbuf_done) = {0};
    group_set_format(&edit->set, &text);
    // The last one that goes takes the document along: from then on there are no groups.
    bool empty = edit->set.groups.count == 0;
    struct store_op op = {.key = STORE_KEY_GROUPS,
                          .value = empty ? NULL : strbuf_text(&text),
                          .size_bytes = empty ? 0 : text.size_bytes,
                          .expect = edit->version};
    return session_write(session, "the groups", &op, 1, err);
}

static int group_set_nodes(struct arena *arena, const struct session *session, struct group *group,
                           const char *text, struct error *err)
{
    struct map nodes;
    map_init_arena(&nodes, arena);
    int r = rule_nodes_parse(arena, text, &nodes, err);
    map_each (e, &nodes) {
        if (r == 0) {
            r = session_check_node(arena, session, e->key, err);
        }
    }
    if (r == 0) {
        group->nodes = nodes;
    }
    return r;
}

static int group_set_one(struct arena *arena, const struct session *session, struct group *group,
                         const char *key, const char *value, struct error *err)
{
    if (strcmp(key, "nodes") == 0) {
        return group_set_nodes(arena, session, group, value, err);
    }
    if (strcmp(key, "comment") == 0) {
        group->comment = value[0] != '\0' ? value : NULL;
        return 0;
    }
    bool *flag = strcmp(key, "restricted") == 0 ? &group->restricted : &group->nofailback;
    if (parse_bool(value, flag) < 0) {
        return error_set(err, -EINVAL, "'%s': expected 0 or 1, not '%s'", key, value);
    }
    return 0;
}

static int group_unset_one(struct group *group, const char *key, struct error *err)
{
    if (strcmp(key, "comment") == 0) {
        group->comment = NULL;
    } else if (strcmp(key, "restricted") == 0) {
        group->restricted = false;
    } else if (strcmp(key, "nofailback") == 0) {
        group->nofailback = false;
    } else {
        return error_set(err, -EINVAL,
                         "'%s' cannot be deleted: allowed are comment, nofailback, restricted",
                         key);
    }
    return 0;
}

int group_unset(struct arena *arena, struct group *group, const struct group_request *request,
                struct error *err)
{
    struct parse_words unset = {0};
    if (request->unset != NULL) {
        unset = parse_list(arena, request->unset);
    }
    for (size_t i = 0; i < unset.count; i++) {
        int r =
            map_has(&request->set, unset.words[i])
                ? error_set(err, -EINVAL, "'%s' cannot be set and deleted at once", unset.words[i])
                : group_unset_one(group, unset.words[i], err);
        if (r < 0) {
            return error_prefix(err, "group '%s'", group->id);
        }
    }
    return 0;
}

int group_apply(struct arena *arena, const struct session *session, struct group *group,
                const struct group_request *request, struct error *err)
{
    int r = 0;
    map_each (e, &request->set) {
        if (r == 0) {
            r = group_set_one(arena, session, group, e->key, e->value, err);
        }
    }
    if (r == 0 && group->nodes.count == 0) {
        r = error_set(err, -EINVAL, "'nodes' is missing");
    }
    return r < 0 ? error_prefix(err, "group '%s'", group->id) : 0;
}

int group_add(struct arena *arena, const struct session *session, const char *id,
              const struct group_request *request, struct error *err)
{
    struct group_edit edit;
    int r = group_open_edit(arena, session, &edit, err);
    if (r < 0) {
        return r;
    }
    if (map_has(&edit.set.groups, id)) {
        return error_set(err, -EEXIST, "group '%s' exists already", id);
    }
    struct group *group = arena_new_of(arena, struct group);
    group->id = id;
    map_init_arena(&group->nodes, arena);
    map_each (e, &edit.set.groups) {
        const struct group *other = e->value;
        group->order = other->order > group->order ? other->order : group->order;
    }
    group->order++;
    r = group_apply(arena, session, group, request, err);
    if (r < 0) {
        return r;
    }
    map_put(&edit.set.groups, id, group);
    return group_write(session, &edit, err);
}

int group_change(struct arena *arena, const struct session *session, const char *id,
                 const struct group_request *request, struct error *err)
{
    struct group_edit edit;
    struct group *group = NULL;
    int r = group_open_edit(arena, session, &edit, err);
    if (r == 0) {
        r = group_find(&edit.set, id, &group, err);
    }
    if (r < 0) {
        return r;
    }
    if (request->digest != NULL && strcmp(request->digest, edit.set.digest) != 0) {
        return error_set(err, -ESTALE,
                         "the groups were changed since their digest was read: try again");
    }
    r = group_unset(arena, group, request, err);
    if (r == 0) {
        r = group_apply(arena, session, group, request, err);
    }
    return r < 0 ? r : group_write(session, &edit, err);
}

// -EBUSY when a resource names the group. One that cannot be read may name it.
static int group_check_unused(struct arena *arena, const struct session *session, const char *id,
                              struct error *err)
{
    struct store_entries entries;
    int r = store_read(session->store, STORE_PREFIX_RESOURCE, 0, arena, &entries, err);
    if (r < 0) {
        return r;
    }
    for (size_t i = 0; i < entries.count; i++) {
        struct resource *resource = NULL;
        const char *sid = entries.entries[i].key + strlen(STORE_PREFIX_RESOURCE);
        r = resource_parse(arena, entries.entries[i].value, &resource, err);
        if (r < 0) {
            return error_prefix(err, "resource '%s'", sid);
        }
        if (resource->group != NULL && strcmp(resource->group, id) == 0) {
            return error_set(err, -EBUSY, "group '%s' is used by resource '%s'", id, sid);
        }
    }
    return 0;
}

int group_remove(struct arena *arena, const struct session *session, const char *id,
                 struct error *err)
{
    struct group_edit edit;
    struct group *group = NULL;
    int r = group_open_edit(arena, session, &edit, err);
    if (r == 0) {
        r = group_find(&edit.set, id, &group, err);
    }
    if (r == 0) {
        r = group_check_unused(arena, session, id, err);
    }
    if (r < 0) {
        return r;
    }
    (void)map_remove(&edit.set.groups, id); // it is there
    return group_write(session, &edit, err);
}
