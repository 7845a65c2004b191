// SPDX-License-Identifier: Apache-2.0
// Documents that belong to others (guests, resources) are read anew and edited, so that nothing
// else in them changes.
#include "crm/transaction.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/planted.h"
#include "common/base/strbuf.h"
#include "common/model/guest.h"
#include "common/model/manager_status.h"
#include "common/model/resources.h"
#include "common/model/service.h"
#include "common/model/store_keys.h"
#include "common/port/store.h"
#include "crm/documents.h"

struct transaction {
    struct arena *arena;
    const struct documents *documents;
    struct store *store;
    struct store_op *ops;
    size_t count;
    size_t capacity;
};

static void transaction_add(struct transaction *txn, const char *key, const char *value,
                            uint64_t expect)
{
    assert(txn->count < txn->capacity);
    txn->ops[txn->count++] = (struct store_op){.key = key,
                                               .value = value,
                                               .size_bytes = value != NULL ? strlen(value) : 0,
                                               .expect = expect};
}

static const char *transaction_key(const struct transaction *txn, const char *prefix,
                                   const char *name)
{
    return arena_printf(txn->arena, "%s%s", prefix, name);
}

// The value that is in the store, which must be the one that was decided on.
static int transaction_read(const struct transaction *txn, const char *key, uint64_t version,
                            const struct store_entry **ret_entry, struct error *err)
{
    struct store_entries entries;
    int r = store_read(txn->store, key, 0, txn->arena, &entries, err);
    if (r < 0) {
        return r;
    }
    for (size_t i = 0; i < entries.count; i++) {
        if (strcmp(entries.entries[i].key, key) == 0 && entries.entries[i].version == version) {
            *ret_entry = &entries.entries[i];
            return 0;
        }
    }
    return error_set(err, -EAGAIN, "'%s' has changed", key);
}

static int transaction_add_guest(struct transaction *txn, const struct crm_write_guest *write,
                                 struct error *err)
{
    const char *key = transaction_key(txn, STORE_PREFIX_GUEST, write->sid);
    uint64_t version = documents_guest_version(txn->documents, write->sid);
    const struct store_entry *entry = NULL;
    struct guest *guest = NULL;
    int r = transaction_read(txn, key, version, &entry, err);
    if (r < 0) {
        return r;
    }
    r = guest_parse(txn->arena, entry->value, entry->size_bytes, &guest, err);
    if (r < 0) {
        return error_prefix(err, "'%s'", key);
    }
    // INV-1: a guest is taken only from where the decision saw it.
    if (strcmp(guest->node, write->from) != 0) {
        return error_set(err, -EAGAIN, "'%s' has changed", key);
    }
    if (write->node != NULL) {
        guest->node = write->node;
        guest->arrival = NULL; // what a live move brought elsewhere must not go on there
    }
    guest->lock = write->unlock ? NULL : guest->lock;
    transaction_add(txn, key, guest_format(txn->arena, guest), version);
    return 0;
}

static int transaction_edit_resource(struct transaction *txn,
                                     const struct crm_write_resource *write,
                                     struct resource *resource, struct error *err)
{
    int r = 0;
    if (write->stop) {
        r = resource_set(txn->arena, resource, "state",
                         request_state_to_string(REQUEST_STATE_STOPPED), err);
    }
    if (r == 0 && write->drop_group) {
        r = resource_unset(resource, "group", err);
    }
    if (r == 0 && write->failback_off) {
        r = resource_set(txn->arena, resource, "failback", "0", err);
    }
    return r;
}

static int transaction_add_resource(struct transaction *txn, const struct crm_write_resource *write,
                                    struct error *err)
{
    const char *key = transaction_key(txn, STORE_PREFIX_RESOURCE, write->sid);
    uint64_t version = documents_resource_version(txn->documents, write->sid);
    const struct store_entry *entry = NULL;
    struct resource *resource = NULL;
    int r = transaction_read(txn, key, version, &entry, err);
    if (r < 0) {
        return r;
    }
    if (resource_parse(txn->arena, entry->value, &resource, NULL) < 0) {
        return 0; // told when it was read; it stays as it is, and the others' changes are not held
                  // up
    }
    r = transaction_edit_resource(txn, write, resource, err);
    if (r < 0) {
        return error_prefix(err, "'%s'", key);
    }
    struct strbuf text CLEANUP(strbuf_done) = {0};
    resource_format(resource, &text);
    transaction_add(txn, key, arena_strdup(txn->arena, strbuf_text(&text)), version);
    return 0;
}

static void transaction_add_records(struct transaction *txn, const struct crm_write *write)
{
    for (size_t i = 0; i < write->records.count; i++) {
        const struct crm_write_record *entry = write->records.items[i];
        const char *value =
            entry->record != NULL ? service_format(txn->arena, entry->record) : NULL;
        transaction_add(txn, transaction_key(txn, STORE_PREFIX_SERVICE, entry->sid), value,
                        documents_record_version(txn->documents, entry->sid));
    }
}

static void transaction_add_config(struct transaction *txn, const struct crm_write *write)
{
    if (write->rules != NULL) {
        transaction_add(txn, STORE_KEY_RULES, write->rules,
                        documents_rules_version(txn->documents));
    }
    if (write->groups_remove) {
        transaction_add(txn, STORE_KEY_GROUPS, NULL, documents_groups_version(txn->documents));
    }
}

static void transaction_add_commands(struct transaction *txn, const struct crm_write *write)
{
    for (size_t i = 0; i < write->answers.count && !planted_is(PLANTED_COMMAND_KEPT); i++) {
        // INV-6: the command goes with its effect; a second master, or this one again, finds its
        // version gone.
        const struct crm_write_answer *answer = write->answers.items[i];
        transaction_add(txn, transaction_key(txn, STORE_PREFIX_COMMAND, answer->id), NULL,
                        documents_command_version(txn->documents, answer->id));
    }
}

int transaction_build(struct arena *arena, const char *node, const struct crm_write *write,
                      const struct documents *documents, struct store *store,
                      struct store_txn *ret_txn, struct error *err)
{
    assert(write->wanted);
    struct transaction txn = {.arena = arena, .documents = documents, .store = store};
    txn.capacity = 3 + write->records.count + write->guests.count + write->resources.count +
                   write->answers.count;
    txn.ops = arena_array_of(arena, struct store_op, txn.capacity);
    transaction_add(&txn, STORE_KEY_MANAGER_STATUS, manager_status_format(arena, write->status),
                    documents_status_version(documents));
    transaction_add_records(&txn, write);
    for (size_t i = 0; i < write->guests.count; i++) {
        int r = transaction_add_guest(&txn, write->guests.items[i], err);
        if (r < 0) {
            return r;
        }
    }
    for (size_t i = 0; i < write->resources.count; i++) {
        int r = transaction_add_resource(&txn, write->resources.items[i], err);
        if (r < 0) {
            return r;
        }
    }
    transaction_add_config(&txn, write);
    transaction_add_commands(&txn, write);
    *ret_txn = (struct store_txn){.lease = LEASE_MANAGER,
                                  .owner = node,
                                  .term = write->term,
                                  .ops = txn.ops,
                                  .count = txn.count};
    return 0;
}
