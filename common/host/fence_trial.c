// SPDX-License-Identifier: Apache-2.0
// Trials of fence devices, and their places in the store.
#include "common/host/fence_trial.h"

#include <errno.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/host/fence_agent.h"
#include "common/host/host_clock.h"
#include "common/model/fence_config.h"
#include "common/model/store_keys.h"
#include "common/port/clock.h"
#include "common/port/membership.h"
#include "common/port/store.h"

enum {
    LEAVE_MS = 6 * 1000, // more than any profile takes to notice
    LEAVE_LOOK_MS = 200,
};

bool fence_node_is_online(struct membership *membership, const char *node)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct member_list members;
    if (membership_get(membership, arena, &members, NULL) < 0 || !members.quorate) {
        return false;
    }
    for (size_t i = 0; i < members.count; i++) {
        if (strcmp(members.members[i].node, node) == 0) {
            return members.members[i].online;
        }
    }
    return false;
}

// It takes a while until the others notice that a node is off.
static bool stays_online(struct membership *membership, const char *node)
{
    struct clock clock;
    host_clock_init(&clock);
    int64_t until_ms = clock_now_ms(&clock) + LEAVE_MS;
    while (fence_node_is_online(membership, node)) { // bounded by LEAVE_MS
        if (clock_now_ms(&clock) >= until_ms) {
            return true;
        }
        host_sleep_ms(LEAVE_LOOK_MS);
    }
    return false;
}

static void row_run(struct arena *arena, const struct fence_device *device,
                    const struct map *secrets, struct membership *membership, const char *node,
                    struct fence_trial_row *row)
{
    struct fence_answer answer;
    struct error err = {0};
    int r = node != NULL ? fence_agent_status(arena, device, secrets, node, &answer, &err)
                         : fence_agent_run(arena, device, secrets, NULL, FENCE_ACTION_MONITOR,
                                           device->timeout_s * 1000, &answer, &err);
    *row = (struct fence_trial_row){
        .node = node,
        .answer = r < 0                  ? "failed"
                  : r == FENCE_POWER_ON  ? "on"
                  : r == FENCE_POWER_OFF ? "off"
                                         : "ok",
        .words = r < 0 && answer.words[0] == '\0' ? arena_strdup(arena, err.text) : answer.words,
        .reason = r < 0 ? arena_strdup(arena, err.text) : "",
        .passed = r >= 0,
        .exit_status = answer.exit_status,
        .took_ms = answer.took_ms,
    };
    if (r == FENCE_POWER_OFF && stays_online(membership, node)) {
        row->passed = false;
        row->reason = arena_printf(arena,
                                   "it says that node '%s' is off, but the node is a member of the "
                                   "cluster: wrong plug, or the device cannot be trusted",
                                   node);
        row->words = row->reason;
    }
}

void fence_trial_run(struct arena *arena, const struct fence_device *device,
                     const struct map *secrets, struct membership *membership,
                     struct fence_trial *ret)
{
    struct fence_trial trial = {
        .rows = arena_array_of(arena, struct fence_trial_row, device->nodes.count + 1),
        .count = device->nodes.count + 1,
        .passed = true,
        .reason = "",
    };
    row_run(arena, device, secrets, membership, NULL, &trial.rows[0]);
    size_t at = 1;
    map_each (e, &device->nodes) {
        row_run(arena, device, secrets, membership, e->key, &trial.rows[at++]);
    }
    for (size_t i = 0; i < trial.count; i++) {
        trial.took_ms += trial.rows[i].took_ms;
        if (!trial.rows[i].passed && trial.passed) {
            trial.passed = false;
            trial.reason = trial.rows[i].reason;
        }
    }
    *ret = trial;
}

// One key. A NULL value: it does not exist.
static int key_read(struct store *store, struct arena *arena, const char *key,
                    struct store_entry *ret, struct error *err)
{
    const struct store_entry *entry = NULL;
    int r = store_read_key(store, key, arena, &entry, err);
    if (r < 0) {
        return r;
    }
    *ret = entry != NULL ? *entry : (struct store_entry){.key = key, .version = STORE_ABSENT};
    return 0;
}

int fence_config_read(struct store *store, struct arena *arena, struct fence_config **ret,
                      uint64_t *ret_version, struct error *err)
{
    struct store_entry entry;
    int r = key_read(store, arena, STORE_KEY_FENCE, &entry, err);
    if (r == 0) {
        r = fence_config_parse(arena, entry.value, ret, err);
        r = r < 0 ? error_prefix(err, "'%s'", STORE_KEY_FENCE) : 0;
    }
    if (r == 0 && ret_version != NULL) {
        *ret_version = entry.version;
    }
    return r;
}

int fence_secrets_read(struct store *store, struct arena *arena, const char *device,
                       struct map *secrets, struct error *err)
{
    struct store_entry entry;
    const char *key = arena_printf(arena, STORE_PREFIX_FENCE_SECRET "%s", device);
    int r = key_read(store, arena, key, &entry, err);
    if (r == 0 && entry.value != NULL) {
        r = fence_secrets_parse(arena, entry.value, secrets, err);
    }
    return r < 0 ? error_prefix(err, "cannot read the secrets of device '%s'", device) : 0;
}

int fence_record_write(struct store *store, struct arena *arena, const char *device,
                       const struct fence_record *record, struct error *err)
{
    struct json *json = json_new_object(arena);
    json_put_string(json, "by", record->by);
    json_put_bool(json, "passed", record->passed);
    json_put_string(json, "reason", record->reason);
    json_put_int(json, "timestamp", record->wall_s);
    json_put_int(json, "took_ms", record->took_ms);
    const char *text = json_to_text(arena, json);
    const struct store_op op = {
        .key = arena_printf(arena, STORE_PREFIX_LIVE_FENCE "%s", device),
        .value = text,
        .size_bytes = strlen(text),
        .expect = STORE_ANY,
    };
    const struct store_txn txn = {.ops = &op, .count = 1};
    return store_commit(store, &txn, NULL, err);
}

int fence_record_read(struct store *store, struct arena *arena, const char *device,
                      struct fence_record *ret, bool *ret_known, struct error *err)
{
    struct store_entry entry;
    const char *key = arena_printf(arena, STORE_PREFIX_LIVE_FENCE "%s", device);
    int r = key_read(store, arena, key, &entry, err);
    if (r < 0) {
        return r;
    }
    struct json *json;
    struct fence_record record = {.by = "", .reason = ""};
    // What cannot be read was written by another version: as if it were not there.
    *ret_known = entry.value != NULL &&
                 json_parse(arena, entry.value, entry.size_bytes, &json, NULL) == 0 &&
                 json_get_string_if(json, "by", &record.by, NULL) == 0 &&
                 json_get_bool_if(json, "passed", &record.passed, NULL) == 0 &&
                 json_get_string_if(json, "reason", &record.reason, NULL) == 0 &&
                 json_get_int_if(json, "timestamp", 0, INT64_MAX, &record.wall_s, NULL) == 0 &&
                 json_get_int_if(json, "took_ms", 0, INT64_MAX, &record.took_ms, NULL) == 0;
    *ret = record;
    return 0;
}
