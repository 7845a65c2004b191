// SPDX-License-Identifier: Apache-2.0
// What a user may: the list of permissions walked from "/" down to the path asked for. The nearest
// path of which something is said replaces all that was said above it, so that a branch can be
// taken from somebody who has the tree. Whatever cannot be read gives nothing.
#include "api/auth/rights.h"

#include <assert.h>
#include <string.h>

#include "api/auth/access_document.h"
#include "api/auth/roles.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/model/store_keys.h"
#include "common/port/store.h"

// ---- Reading.

static void problem_add(struct arena *arena, struct rights *rights, const char *key,
                        const struct error *err)
{
    rights->problems[rights->problems_count++] = arena_printf(arena, "%s: %s", key, err->text);
}

static void acl_add(struct arena *arena, struct rights *rights, const struct access_acl *entry)
{
    struct access_acl_list *list = map_find(&rights->acl, entry->path);
    if (list == NULL) {
        list = arena_new_of(arena, struct access_acl_list);
        map_put(&rights->acl, entry->path, list);
    }
    if (list->count == list->capacity) {
        size_t capacity = list->capacity == 0 ? 4 : 2 * list->capacity;
        struct access_acl *entries = arena_array_of(arena, struct access_acl, capacity);
        for (size_t i = 0; i < list->count; i++) {
            entries[i] = list->entries[i];
        }
        list->entries = entries;
        list->capacity = capacity;
    }
    list->entries[list->count++] = *entry;
}

static int acl_read(struct arena *arena, struct rights *rights, const struct store_entry *entry,
                    struct error *err)
{
    struct access_acl *entries = NULL;
    size_t count = 0;
    int r = access_acl_parse(arena, entry->value, entry->size_bytes, &entries, &count, err);
    for (size_t i = 0; r == 0 && i < count; i++) {
        acl_add(arena, rights, &entries[i]);
    }
    return r;
}

static const char *after(const char *key, const char *prefix)
{
    size_t length = strlen(prefix);
    return strncmp(key, prefix, length) == 0 ? key + length : NULL;
}

static int document_read(struct arena *arena, struct rights *rights,
                         const struct store_entry *entry, struct error *err)
{
    const char *text = entry->value;
    const char *name = after(entry->key, STORE_PREFIX_USER);
    int r = 0;
    if (name != NULL) {
        struct access_user *user = arena_new_of(arena, struct access_user);
        user->userid = name; // one that cannot be read is not enabled
        r = access_user_parse(arena, name, text, entry->size_bytes, user, err);
        map_put(&rights->users, name, user);
    } else if ((name = after(entry->key, STORE_PREFIX_TOKEN)) != NULL) {
        struct access_token *token = arena_new_of(arena, struct access_token);
        token->id = name;
        r = access_token_parse(arena, name, text, entry->size_bytes, token, err);
        map_put(&rights->tokens, name, token);
    } else if ((name = after(entry->key, STORE_PREFIX_USER_GROUP)) != NULL) {
        struct access_group *group = arena_new_of(arena, struct access_group);
        group->groupid = name;
        r = access_group_parse(arena, name, text, entry->size_bytes, group, err);
        map_put(&rights->groups, name, group);
    } else if ((name = after(entry->key, STORE_PREFIX_ROLE)) != NULL) {
        struct access_role *role = arena_new_of(arena, struct access_role);
        role->roleid = name;
        r = access_role_parse(arena, name, text, entry->size_bytes, role, err);
        map_put(&rights->roles, name, role);
    } else if (strcmp(entry->key, STORE_KEY_ACL) == 0) {
        r = acl_read(arena, rights, entry, err);
    }
    return r;
}

struct rights *rights_read(struct arena *arena, const struct store_entries *access)
{
    struct rights *rights = arena_new_of(arena, struct rights);
    map_init_arena(&rights->users, arena);
    map_init_arena(&rights->groups, arena);
    map_init_arena(&rights->tokens, arena);
    map_init_arena(&rights->roles, arena);
    map_init_arena(&rights->acl, arena);
    rights->problems = arena_array_of(arena, const char *, access->count);
    for (size_t i = 0; i < access->count; i++) {
        struct store_entry entry = access->entries[i];
        struct error err = {0};
        if (entry.value == NULL) {
            continue;
        }
        entry.key = arena_strdup(arena, entry.key); // documents borrow their names from it
        if (document_read(arena, rights, &entry, &err) < 0) {
            problem_add(arena, rights, entry.key, &err);
        }
    }
    return rights;
}

size_t rights_problems(const struct rights *rights, const char *const **ret)
{
    *ret = rights->problems;
    return rights->problems_count;
}

// ---- Asking.

// "user@realm!id" without allocating: this is asked for every row of long lists.
enum { TOKEN_ID_SIZE = ACCESS_USERID_MAX + ACCESS_NAME_MAX + 2 };

static bool token_id_make(const char *user, const char *token, char id[TOKEN_ID_SIZE])
{
    size_t user_length = strlen(user);
    size_t token_length = strlen(token);
    if (user_length > ACCESS_USERID_MAX || token_length > ACCESS_NAME_MAX) {
        return false; // no such token can be there
    }
    memcpy(id, user, user_length);
    id[user_length] = '!';
    memcpy(id + user_length + 1, token, token_length + 1);
    return true;
}

static const struct access_token *token_find(const struct rights *rights, const char *user,
                                             const char *token)
{
    char id[TOKEN_ID_SIZE];
    return token_id_make(user, token, id) ? map_find(&rights->tokens, id) : NULL;
}

static bool is_root(const char *user)
{
    return strcmp(user, RIGHTS_ROOT) == 0;
}

bool rights_is_active(const struct rights *rights, const char *user, const char *token,
                      int64_t now_s)
{
    const struct access_user *known = user != NULL ? map_find(&rights->users, user) : NULL;
    // root@pam cannot be locked out, whatever its document says.
    if (user == NULL || (!is_root(user) && (known == NULL || !known->enable ||
                                            (known->expire_s > 0 && known->expire_s <= now_s)))) {
        return false;
    }
    if (token == NULL) {
        return true;
    }
    const struct access_token *found = token_find(rights, user, token);
    return found != NULL && found->enable && (found->expire_s == 0 || found->expire_s > now_s);
}

static uint64_t role_privileges(const struct rights *rights, const char *roleid)
{
    const struct role_builtin *builtin = roles_find_builtin(roleid);
    const struct access_role *role = builtin == NULL ? map_find(&rights->roles, roleid) : NULL;
    // A role that is not there gives nothing, but what is said of the place stands: what is above
    // it must not come through.
    return builtin != NULL ? builtin->privileges : role != NULL ? role->privileges : 0;
}

struct subject {
    enum acl_type type;             // user, with its groups, or token
    const char *ugid;               // of it
    const struct access_user *user; // NULL: no groups
};

static bool subject_is(const struct subject *subject, const struct access_acl *entry,
                       enum acl_type type)
{
    if (entry->type != type) {
        return false;
    }
    return type == ACL_TYPE_GROUP
               ? subject->user != NULL && access_user_is_in(subject->user, entry->ugid)
               : strcmp(subject->ugid, entry->ugid) == 0;
}

// What one path's entries of that type give to the subject; false: nothing is said of it.
static bool entries_give(const struct rights *rights, const struct access_acl_list *list,
                         const struct subject *subject, enum acl_type type, bool inherited,
                         uint64_t *privileges)
{
    bool said = false;
    bool none = false;
    uint64_t found = 0;
    for (size_t i = 0; i < list->count; i++) {
        const struct access_acl *entry = &list->entries[i];
        if (subject_is(subject, entry, type) && (!inherited || entry->propagate)) {
            said = true;
            none = none || strcmp(entry->roleid, ROLE_NO_ACCESS) == 0;
            found |= role_privileges(rights, entry->roleid);
        }
    }
    if (said) {
        *privileges = none ? 0 : found;
    }
    return said;
}

// Where the part of the path after `length` bytes ends: "/vms/100" is "/", then "/vms", then all.
static size_t path_step(const char *path, size_t length)
{
    if (length == 0) {
        return 1;
    }
    size_t start = length == 1 ? 1 : length + 1;
    return start + strcspn(path + start, "/");
}

static const struct access_acl_list *list_find(const struct rights *rights, const char *path,
                                               size_t length)
{
    char part[ACCESS_PATH_MAX + 1];
    memcpy(part, path, length);
    part[length] = '\0';
    return map_find(&rights->acl, part);
}

static uint64_t subject_privileges(const struct rights *rights, const struct subject *subject,
                                   const char *path, bool below)
{
    uint64_t privileges = 0;
    size_t total = strlen(path);
    if (path[0] != '/' || total > ACCESS_PATH_MAX || rights->acl.count == 0) {
        return 0;
    }
    size_t length = 0;
    do {
        length = path_step(path, length);
        const struct access_acl_list *list = list_find(rights, path, length);
        bool inherited = below || length < total;
        // What is said of a user itself counts before what is said of its groups.
        if (list != NULL &&
            !entries_give(rights, list, subject, subject->type, inherited, &privileges) &&
            subject->type == ACL_TYPE_USER) {
            ignore_result(
                entries_give(rights, list, subject, ACL_TYPE_GROUP, inherited, &privileges));
        }
    } while (length < total);
    return privileges;
}

uint64_t rights_potential(const struct rights *rights, const char *user, const char *token,
                          const char *path, bool below)
{
    struct subject subject = {ACL_TYPE_USER, user, map_find(&rights->users, user)};
    uint64_t privileges =
        is_root(user) ? PRIVILEGE_ALL : subject_privileges(rights, &subject, path, below);
    const struct access_token *known = token != NULL ? token_find(rights, user, token) : NULL;
    if (known != NULL && known->privsep) {
        subject = (struct subject){ACL_TYPE_TOKEN, known->id, NULL};
        privileges &= subject_privileges(rights, &subject, path, below);
    }
    return token == NULL || known != NULL ? privileges : 0;
}

uint64_t rights_get(const struct rights *rights, const char *user, const char *token,
                    const char *path, bool below, int64_t now_s)
{
    return rights_is_active(rights, user, token, now_s)
               ? rights_potential(rights, user, token, path, below)
               : 0;
}

bool rights_allow(const struct rights *rights, const char *user, const char *token,
                  enum privilege privilege, const char *path, int64_t now_s)
{
    assert(privilege < PRIVILEGE_MAX);
    uint64_t privileges = rights_get(rights, user, token, path, false, now_s);
    return (privileges & PRIVILEGE_BIT(privilege)) != 0;
}

bool rights_covers(const struct rights *rights, const char *user, const char *token,
                   const char *other, int64_t now_s)
{
    if (is_root(other)) {
        return is_root(user) && token == NULL;
    }
    // Between two paths of which something is said, nothing changes but by what propagates.
    map_each (e, &rights->acl) {
        for (int below = 0; below < 2; below++) {
            uint64_t wanted = rights_potential(rights, other, NULL, e->key, below == 1);
            if ((wanted & ~rights_get(rights, user, token, e->key, below == 1, now_s)) != 0) {
                return false;
            }
        }
    }
    return true;
}

// ---- Showing.

static const char *const shown_paths[] = {
    "/", "/access", "/access/groups", "/mapping", "/nodes", "/pool", "/sdn", "/storage", "/vms"};

static void show_path(struct arena *arena, struct json *object, const struct rights *rights,
                      const char *user, const char *token, const char *path, int64_t now_s)
{
    uint64_t here = rights_get(rights, user, token, path, false, now_s);
    uint64_t below = rights_get(rights, user, token, path, true, now_s);
    struct json *row = json_new_object(arena);
    for (int i = 0; i < PRIVILEGE_MAX; i++) {
        if ((here & PRIVILEGE_BIT(i)) != 0) {
            json_put_int(row, privilege_to_string((enum privilege)i),
                         (below & PRIVILEGE_BIT(i)) != 0 ? 1 : 0);
        }
    }
    json_put(object, path, row);
}

// Whether something on the way to the path gives what the path itself does not: then it is shown as
// empty, or who reads the list takes the nearest one that is in it.
static bool is_taken_away(struct arena *arena, const struct rights *rights, const char *user,
                          const char *token, const char *path, int64_t now_s)
{
    char *above = arena_strdup(arena, path);
    for (char *slash = strrchr(above, '/'); slash != NULL; slash = strrchr(above, '/')) {
        bool is_top = slash == above;
        slash[is_top ? 1 : 0] = '\0';
        if (rights_get(rights, user, token, above, true, now_s) != 0) {
            return true;
        }
        if (is_top) {
            break;
        }
    }
    return false;
}

struct json *rights_show(struct arena *arena, const struct rights *rights, const char *user,
                         const char *token, const char *only_path, int64_t now_s)
{
    struct json *object = json_new_object(arena);
    if (only_path != NULL) {
        show_path(arena, object, rights, user, token, only_path, now_s);
        return object;
    }
    for (size_t i = 0; i < ARRAY_SIZE(shown_paths); i++) {
        if (rights_get(rights, user, token, shown_paths[i], false, now_s) != 0) {
            show_path(arena, object, rights, user, token, shown_paths[i], now_s);
        }
    }
    map_each (e, &rights->acl) {
        if (rights_get(rights, user, token, e->key, false, now_s) != 0 ||
            is_taken_away(arena, rights, user, token, e->key, now_s)) {
            show_path(arena, object, rights, user, token, e->key, now_s);
        }
    }
    return object;
}

// ---- What a login tells.

static const struct cap_area {
    const char *name;
    const char *path;     // it, and what is below it
    const char *kinds[5]; // beginnings of privileges' names
} cap_areas[] = {
    {"access", "/access", {"User.", "Group.", "Realm.", "Permissions."}},
    {"dc", "/", {"Sys.", "Pool.", "SDN.", "Permissions."}},
    {"mapping", "/mapping", {"Mapping.", "Permissions."}},
    {"nodes", "/nodes", {"Sys.", "Permissions."}},
    {"sdn", "/sdn", {"SDN.", "Permissions."}},
    {"storage", "/storage", {"Datastore.", "Permissions."}},
    {"vms", "/vms", {"VM.", "Permissions."}},
};

static bool cap_has(const struct cap_area *area, const char *privilege)
{
    for (size_t i = 0; i < ARRAY_SIZE(area->kinds) && area->kinds[i] != NULL; i++) {
        if (strncmp(privilege, area->kinds[i], strlen(area->kinds[i])) == 0) {
            return true;
        }
    }
    return false;
}

static uint64_t cap_privileges(const struct rights *rights, const struct cap_area *area,
                               const char *user, int64_t now_s)
{
    uint64_t privileges = rights_get(rights, user, NULL, area->path, false, now_s);
    size_t length = strlen(area->path);
    map_each (e, &rights->acl) {
        if (length > 1 && strncmp(e->key, area->path, length) == 0 && e->key[length] == '/') {
            privileges |= rights_get(rights, user, NULL, e->key, false, now_s);
        }
    }
    return privileges;
}

struct json *rights_cap(struct arena *arena, const struct rights *rights, const char *user,
                        int64_t now_s)
{
    struct json *cap = json_new_object(arena);
    for (size_t i = 0; i < ARRAY_SIZE(cap_areas); i++) {
        const struct cap_area *area = &cap_areas[i];
        uint64_t privileges = cap_privileges(rights, area, user, now_s);
        struct json *row = json_new_object(arena);
        for (int p = 0; p < PRIVILEGE_MAX; p++) {
            const char *name = privilege_to_string((enum privilege)p);
            if ((privileges & PRIVILEGE_BIT(p)) != 0 && cap_has(area, name)) {
                json_put_int(row, name, 1);
            }
        }
        json_put(cap, area->name, row);
    }
    return cap;
}
