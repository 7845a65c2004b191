// SPDX-License-Identifier: Apache-2.0
// Reading and writing the two keys of a live move.
#include "lrm/agents/vm_offer.h"

#include <errno.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/strbuf.h"
#include "common/host/random.h"
#include "common/model/guest.h"
#include "common/model/store_keys.h"
#include "common/port/store.h"
#include "lrm/agents/vm_task.h"

enum { OFFER_ID_BYTES = 16, OFFER_SECRET_BYTES = 32, OFFER_PORT_MAX = 65535 };

static int random_hex(struct arena *arena, size_t bytes, const char **ret, struct error *err)
{
    unsigned char buffer[OFFER_SECRET_BYTES];
    struct strbuf text CLEANUP(strbuf_done) = {0};
    int r = random_bytes(buffer, bytes, err);
    if (r < 0) {
        return r;
    }
    for (size_t i = 0; i < bytes; i++) {
        strbuf_appendf(&text, "%02x", buffer[i]);
    }
    *ret = arena_strdup(arena, strbuf_text(&text));
    return 0;
}

int vm_offer_fill(struct vm_task *task, struct vm_offer *offer, struct error *err)
{
    int r = random_hex(task->arena, OFFER_ID_BYTES, &offer->id, err);
    return r < 0 ? r : random_hex(task->arena, OFFER_SECRET_BYTES, &offer->secret, err);
}

// NULL deletes.
static int write_key(struct vm_task *task, const char *prefix, const struct json *json,
                     uint64_t expect, struct error *err)
{
    const struct service_agent *agent = task->agent;
    const char *value = json != NULL ? json_to_text(task->arena, json) : NULL;
    struct store_op op = {.key = arena_printf(task->arena, "%s%s", prefix, task->guest->sid),
                          .value = value,
                          .size_bytes = value != NULL ? strlen(value) : 0,
                          .expect = expect};
    struct store_txn txn = {.lease = arena_printf(task->arena, LEASE_AGENT_FORMAT, agent->node),
                            .owner = agent->node,
                            .term = agent->lease_term,
                            .ops = &op,
                            .count = 1};
    return store_commit(agent->store, &txn, NULL, err);
}

static int read_key(struct vm_task *task, const char *prefix, struct json **ret,
                    uint64_t *ret_version, struct error *err)
{
    struct store *store = task->agent->store;
    const struct store_entry *entry = NULL;
    const char *key = arena_printf(task->arena, "%s%s", prefix, task->guest->sid);
    int r = store_refresh(store, err);
    if (r == 0 || r == -EHOSTDOWN) {
        r = store_read_key(store, key, task->arena, &entry, err);
    }
    *ret = NULL;
    if (r == 0 && entry != NULL) {
        *ret_version = entry->version;
        r = json_parse(task->arena, entry->value, entry->size_bytes, ret, err);
    }
    return r;
}

int vm_offer_write(struct vm_task *task, const struct vm_offer *offer, struct error *err)
{
    struct json *json = json_new_object(task->arena);
    json_put_string(json, "source", offer->source);
    json_put_string(json, "target", offer->target);
    json_put_string(json, "id", offer->id);
    json_put_string(json, "secret", offer->secret);
    json_put_string(json, "definition", offer->definition);
    json_put_bool(json, "kvm", offer->kvm);
    return write_key(task, STORE_PREFIX_LIVE_MOVE, json, STORE_ANY, err);
}

static int offer_read(struct vm_task *task, struct vm_offer **ret, uint64_t *ret_version,
                      struct error *err)
{
    struct vm_offer *offer = arena_new_of(task->arena, struct vm_offer);
    struct json *json = NULL;
    int r = read_key(task, STORE_PREFIX_LIVE_MOVE, &json, ret_version, err);
    *ret = NULL;
    if (r < 0 || json == NULL) {
        return r;
    }
    if ((r = json_get_string(json, "source", &offer->source, err)) < 0 ||
        (r = json_get_string(json, "target", &offer->target, err)) < 0 ||
        (r = json_get_string(json, "id", &offer->id, err)) < 0 ||
        (r = json_get_string(json, "secret", &offer->secret, err)) < 0 ||
        (r = json_get_string(json, "definition", &offer->definition, err)) < 0 ||
        (r = json_get_bool_if(json, "kvm", &offer->kvm, err)) < 0) {
        return r;
    }
    *ret = offer;
    return 0;
}

int vm_offer_read(struct vm_task *task, struct vm_offer **ret, struct error *err)
{
    uint64_t version = 0;
    return offer_read(task, ret, &version, err);
}

void vm_offer_remove(struct vm_task *task, const char *id)
{
    struct vm_offer *offer = NULL;
    uint64_t version = 0;
    if (offer_read(task, &offer, &version, NULL) == 0 && offer != NULL &&
        strcmp(offer->id, id) == 0) {
        ignore_result(write_key(task, STORE_PREFIX_LIVE_MOVE, NULL, version, NULL)); // see header
    }
}

int vm_arrival_write(struct vm_task *task, const struct vm_arrival *arrival, struct error *err)
{
    struct json *json = json_new_object(task->arena);
    json_put_string(json, "id", arrival->id);
    json_put_string(json, "address", arrival->address);
    json_put_int(json, "port", arrival->port);
    json_put_bool(json, "ready", arrival->ready);
    json_put_string(json, "error", arrival->error);
    return write_key(task, STORE_PREFIX_LIVE_ARRIVAL, json, STORE_ANY, err);
}

int vm_arrival_read(struct vm_task *task, struct vm_arrival **ret, struct error *err)
{
    struct vm_arrival *arrival = arena_new_of(task->arena, struct vm_arrival);
    struct json *json = NULL;
    uint64_t version = 0;
    int r = read_key(task, STORE_PREFIX_LIVE_ARRIVAL, &json, &version, err);
    *ret = NULL;
    if (r < 0 || json == NULL) {
        return r;
    }
    if ((r = json_get_string(json, "id", &arrival->id, err)) < 0 ||
        (r = json_get_string_if(json, "address", &arrival->address, err)) < 0 ||
        (r = json_get_int_if(json, "port", 0, OFFER_PORT_MAX, &arrival->port, err)) < 0 ||
        (r = json_get_bool_if(json, "ready", &arrival->ready, err)) < 0 ||
        (r = json_get_string_if(json, "error", &arrival->error, err)) < 0) {
        return r;
    }
    *ret = arrival;
    return 0;
}

void vm_arrival_remove(struct vm_task *task)
{
    ignore_result(write_key(task, STORE_PREFIX_LIVE_ARRIVAL, NULL, STORE_ANY, NULL)); // no harm
}
