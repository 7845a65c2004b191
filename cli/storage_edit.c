// SPDX-License-Identifier: Apache-2.0
// Checks and transactions of changes to storages.
#include "cli/storage_edit.h"

#include <errno.h>
#include <string.h>

#include "cli/cluster_view.h"
#include "cli/session.h"
#include "common/base/arena.h"
#include "common/base/digest.h"
#include "common/base/error.h"
#include "common/base/parse.h"
#include "common/base/strbuf.h"
#include "common/model/guest.h"
#include "common/model/section_config.h"
#include "common/model/storage.h"
#include "common/model/storage_state.h"
#include "common/model/store_keys.h"
#include "common/port/store.h"
#include "lrm/agents/volume.h"

void storage_request_init(struct arena *arena, struct storage_request *ret)
{
    *ret = (struct storage_request){0};
    map_init_arena(&ret->set, arena);
}

const char *storage_nodes_text(struct arena *arena, const struct storage *storage)
{
    struct strbuf out CLEANUP(strbuf_done) = {0};
    for (size_t i = 0; i < storage->nodes_count; i++) {
        strbuf_appendf(&out, "%s%s", i > 0 ? "," : "", storage->nodes[i]);
    }
    return storage->nodes_count > 0 ? arena_strdup(arena, strbuf_text(&out)) : NULL;
}

static const char *storage_key(struct arena *arena, const char *id)
{
    return arena_printf(arena, STORE_PREFIX_STORAGE "%s", id);
}

static const char *storage_words(struct arena *arena, const char *id)
{
    return arena_printf(arena, "storage '%s'", id);
}

// ---- Reading.

static int storage_book_states(struct arena *arena, const struct session *session,
                               struct storage_book *book, struct error *err)
{
    struct store_entries entries;
    int r = store_read(session->store, STORE_PREFIX_LIVE_STORAGE, 0, arena, &entries, err);
    for (size_t i = 0; r == 0 && i < entries.count; i++) {
        const struct store_entry *entry = &entries.entries[i];
        const char *node = entry->key + strlen(STORE_PREFIX_LIVE_STORAGE);
        struct map *states = arena_new_of(arena, struct map);
        struct error problem = {0};
        if (entry->value == NULL) {
            continue;
        }
        if (storage_states_parse(arena, entry->value, entry->size_bytes, states, &problem) < 0) {
            book->problem = arena_printf(arena, "node '%s': %s", node, problem.text);
            continue;
        }
        map_put(&book->states, node, states);
    }
    return r;
}

int storage_book_read(struct arena *arena, const struct session *session, struct storage_book *ret,
                      struct error *err)
{
    struct storage_book book = {0};
    struct store_entries entries;
    struct storage *storage = NULL;
    map_init_arena(&book.storages, arena);
    map_init_arena(&book.texts, arena);
    map_init_arena(&book.states, arena);
    int r = store_read(session->store, STORE_PREFIX_STORAGE, 0, arena, &entries, err);
    if (r < 0) {
        return r;
    }
    for (size_t i = 0; i < entries.count; i++) {
        const struct store_entry *entry = &entries.entries[i];
        const char *id = entry->key + strlen(STORE_PREFIX_STORAGE);
        struct error problem = {0};
        if (entry->value == NULL) {
            continue;
        }
        if (storage_parse(arena, entry->value, &storage, &problem) < 0) {
            book.problem = arena_printf(arena, "storage '%s': %s", id, problem.text);
            continue;
        }
        map_put(&book.storages, id, storage);
        map_put(&book.texts, id, arena_strdup(arena, entry->value));
    }
    if (!map_has(&book.storages, STORAGE_LOCAL) &&
        volume_find_storage(arena, session->store, STORAGE_LOCAL, &storage, NULL) == 0) {
        map_put(&book.storages, STORAGE_LOCAL, storage);
    }
    r = storage_book_states(arena, session, &book, err);
    if (r == 0) {
        *ret = book;
    }
    return r;
}

// ---- Changes.

static int storage_check_nodes(const struct cluster_view *view, const struct storage *storage,
                               struct error *err)
{
    for (size_t i = 0; i < storage->nodes_count; i++) {
        bool known = false;
        for (size_t k = 0; k < view->members.count; k++) {
            known = known || strcmp(view->members.members[k].node, storage->nodes[i]) == 0;
        }
        if (!known) {
            return error_set(err, -ENOENT, "nodes: there is no node '%s'", storage->nodes[i]);
        }
    }
    return 0;
}

static int storage_write(struct arena *arena, const struct session *session,
                         const struct storage *storage, uint64_t expect, struct error *err)
{
    struct strbuf text CLEANUP(strbuf_done) = {0};
    storage_format(storage, &text);
    struct store_op op = {.key = storage_key(arena, storage->id),
                          .value = strbuf_text(&text),
                          .size_bytes = text.size_bytes,
                          .expect = expect};
    return session_write(session, storage_words(arena, storage->id), &op, 1, err);
}

static int storage_apply(struct arena *arena, const struct cluster_view *view,
                         struct storage *storage, const struct storage_request *request,
                         struct error *err)
{
    map_each (e, &request->set) {
        int r = storage_set(arena, storage, e->key, e->value, err);
        if (r < 0) {
            return r;
        }
    }
    int r = storage_complete(arena, storage, err);
    return r < 0 ? r : storage_check_nodes(view, storage, err);
}

// As it is stored now.
static int storage_read_now(struct arena *arena, const struct session *session, const char *id,
                            struct session_value *ret, struct error *err)
{
    int r = session_need_quorum(session, err);
    return r < 0 ? r : session_read(arena, session, storage_key(arena, id), ret, err);
}

int storage_add(struct arena *arena, const struct session *session, const struct cluster_view *view,
                const char *type, const char *id, const struct storage_request *request,
                struct error *err)
{
    struct session_value value;
    enum storage_type kind = STORAGE_TYPE_DIR;
    if (storage_type_from_string(type, &kind) < 0) {
        return error_set(err, -EINVAL, "'type': expected dir or nfs, not '%s'", type);
    }
    struct storage *storage = storage_new(arena, kind, id);
    int r = storage_apply(arena, view, storage, request, err);
    if (r == 0) {
        r = storage_read_now(arena, session, id, &value, err);
    }
    if (r < 0) {
        return r;
    }
    if (value.text != NULL) {
        return error_set(err, -EEXIST, "storage '%s' exists already", id);
    }
    return storage_write(arena, session, storage, STORE_ABSENT, err);
}

// The section's text without the keys: what they were is as if it had never been said.
static int storage_without(struct arena *arena, const char *text, const struct parse_words *unset,
                           const char **ret, struct error *err)
{
    struct section_file file;
    struct strbuf out CLEANUP(strbuf_done) = {0};
    int r = section_file_parse(arena, text, strlen(text), &file, err);
    if (r < 0 || file.count != 1) {
        return r;
    }
    const struct section *section = &file.sections[0];
    strbuf_appendf(&out, "%s: %s\n", section->type, section->id);
    for (size_t i = 0; i < section->count; i++) {
        bool drop = false;
        for (size_t k = 0; k < unset->count; k++) {
            drop = drop || strcmp(section->properties[i].key, unset->words[k]) == 0;
        }
        if (!drop) {
            strbuf_appendf(&out, "\t%s %s\n", section->properties[i].key,
                           section->properties[i].value);
        }
    }
    strbuf_append(&out, "\n");
    *ret = arena_strdup(arena, strbuf_text(&out));
    return 0;
}

int storage_change(struct arena *arena, const struct session *session,
                   const struct cluster_view *view, const char *id,
                   const struct storage_request *request, struct error *err)
{
    struct session_value value;
    struct storage *storage = NULL;
    int r = storage_read_now(arena, session, id, &value, err);
    if (r < 0) {
        return r;
    }
    if (value.text == NULL) {
        return error_set(err, -ENOENT, "storage '%s' is not defined", id);
    }
    const char *text = value.text;
    if (request->digest != NULL &&
        strcmp(request->digest, digest_sha1_hex(arena, text, strlen(text))) != 0) {
        return error_set(err, -ESTALE,
                         "storage '%s' was changed since its digest was read: try again", id);
    }
    if (request->unset != NULL) {
        struct parse_words unset = parse_list(arena, request->unset);
        r = storage_without(arena, text, &unset, &text, err);
    }
    if (r == 0) {
        r = storage_parse(arena, text, &storage, err);
    }
    if (r < 0) {
        return error_prefix(err, "storage '%s'", id);
    }
    r = storage_apply(arena, view, storage, request, err);
    return r == 0 ? storage_write(arena, session, storage, value.version, err) : r;
}

static bool storage_is_used(struct arena *arena, const struct guest *guest, const char *id)
{
    struct storage_names names = storage_names_of_guest(arena, guest);
    for (size_t i = 0; i < names.count; i++) {
        if (strcmp(names.names[i], id) == 0) {
            return true;
        }
    }
    return false;
}

int storage_remove(struct arena *arena, const struct session *session,
                   const struct cluster_view *view, const char *id, struct error *err)
{
    struct session_value value;
    int r = storage_read_now(arena, session, id, &value, err);
    if (r < 0) {
        return r;
    }
    if (value.text == NULL) {
        return error_set(err, -ENOENT, "storage '%s' is not defined", id);
    }
    map_each (e, &view->guests) {
        const struct guest *guest = e->value;
        if (storage_is_used(arena, guest, id)) {
            return error_set(err, -EBUSY, "storage '%s' is in use by guest '%s'", id, guest->sid);
        }
    }
    struct store_op op = {.key = storage_key(arena, id), .expect = value.version};
    return session_write(session, storage_words(arena, id), &op, 1, err);
}
