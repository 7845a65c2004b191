// SPDX-License-Identifier: Apache-2.0
// The companion process, its looks and what it publishes.
#include "lrm/storage_keeper.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/host/cluster_client.h"
#include "common/host/file.h"
#include "common/host/host_clock.h"
#include "common/host/loop.h"
#include "common/host/process.h"
#include "common/host/supervisor.h"
#include "common/model/guest.h"
#include "common/model/storage.h"
#include "common/model/store_keys.h"
#include "common/port/clock.h"
#include "common/port/store.h"
#include "lrm/agents/volume_claim.h"
#include "lrm/storage_look.h"

enum {
    KEEPER_TICK_MS = 500,
    KEEPER_RESTART_MS = 5000,
    KEEPER_OUTPUT_MAX = 4096,
    KEEPER_SIZE_STEP = 64, // a change of room by less than 1/64 is no news
};

static const char *const PREFIXES[] = {STORE_PREFIX_STORAGE, STORE_PREFIX_LIVE_STORAGE,
                                       STORE_PREFIX_GUEST, NULL};

// One storage. A child that hangs in the kernel holds on to it: it lives until that has ended.
struct kept_storage {
    struct keeper *keeper;
    struct arena *arena; // of the definition
    char *text;          // as it is in the store
    const struct storage *storage;
    bool is_wanted, was_wanted; // defined, and for this node; before the last look at the store
    struct process *process;
    struct arena *used_arena; // of the following, for the present look
    struct map used;          // sid → const char *: path of a volume on it that runs here
    int64_t looked_ms;        // when the last look began; 0: never
    struct storage_opinion opinion;
    char *reason; // of the last bad look
    int64_t total_bytes, available_bytes;
};

struct keeper {
    const char *node;
    storage_keeper_init_pid init_pid;
    struct clock clock;
    struct loop *loop;
    struct cluster_client *client;
    struct loop_source *tick;
    struct loop_source *parent;
    struct map storages; // id → struct kept_storage *
    bool is_news;        // something is to be published
};

// In the daemon.
struct storage_keeper {
    const char *node;
    storage_keeper_init_pid init_pid;
    struct supervisor *supervisor;
};

bool storage_opinion_update(struct storage_opinion *opinion, enum storage_condition found,
                            int64_t now_ms)
{
    enum storage_condition told = found;
    if (found == STORAGE_CONDITION_READY) {
        opinion->bad_since_ms = 0;
    } else if (opinion->bad_since_ms == 0) {
        opinion->bad_since_ms = now_ms;
    }
    bool is_short =
        opinion->bad_since_ms != 0 && now_ms - opinion->bad_since_ms < STORAGE_KEEPER_LOST_MS;
    if (opinion->is_known && opinion->told == STORAGE_CONDITION_READY && is_short) {
        told = STORAGE_CONDITION_READY;
    }
    bool is_changed = !opinion->is_known || told != opinion->told;
    opinion->is_known = true;
    opinion->told = told;
    return is_changed;
}

// ---- Looks.

// In the child: what is printed is the state, as a document of one storage.
static int look_main(void *userdata, int output_fd)
{
    const struct kept_storage *kept = userdata;
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct storage_state state;
    struct map states;
    storage_look(arena, kept->storage, &state);
    bool is_ready = state.condition == STORAGE_CONDITION_READY;
    map_each (e, &kept->used) {
        if (is_ready) { // one that fails is answered with the next look
            ignore_result(volume_claim_answer(arena, e->value, kept->keeper->node, NULL));
        }
    }
    map_init_arena(&states, arena);
    map_put(&states, kept->storage->id, &state);
    const char *text = storage_states_format(arena, &states);
    return file_write_all(output_fd, text, strlen(text)) < 0 ? 1 : 0;
}

static bool is_other_size(int64_t before, int64_t now, int64_t total)
{
    int64_t difference = before > now ? before - now : now - before;
    return difference > total / KEEPER_SIZE_STEP;
}

static void kept_take(struct kept_storage *kept, const struct storage_state *state)
{
    struct keeper *keeper = kept->keeper;
    bool is_news =
        storage_opinion_update(&kept->opinion, state->condition, clock_now_ms(&keeper->clock));
    if (state->condition == STORAGE_CONDITION_READY &&
        (state->total_bytes != kept->total_bytes ||
         is_other_size(kept->available_bytes, state->available_bytes, state->total_bytes))) {
        kept->total_bytes = state->total_bytes;
        kept->available_bytes = state->available_bytes;
        is_news = true;
    }
    if (state->reason != NULL &&
        (kept->reason == NULL || strcmp(kept->reason, state->reason) != 0)) {
        free(kept->reason);
        kept->reason = alloc_strdup(state->reason);
        is_news = is_news || kept->opinion.told != STORAGE_CONDITION_READY;
    }
    keeper->is_news = keeper->is_news || is_news;
}

static void look_ended(void *userdata, const struct process_end *end)
{
    struct kept_storage *kept = userdata;
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct map states;
    struct storage_state failed = {.condition = STORAGE_CONDITION_MISSING,
                                   .reason = "the look at it failed"};
    struct storage_state *state = &failed;
    if (end->wait_status == 0 &&
        storage_states_parse(arena, end->output, end->output_bytes, &states, NULL) == 0 &&
        map_has(&states, kept->storage->id)) {
        state = map_find(&states, kept->storage->id);
    }
    process_free(kept->process);
    kept->process = NULL;
    kept_take(kept, state);
}

// The volume of a guest's value if it is on this storage; NULL otherwise.
static char *used_path(struct arena *arena, const struct storage *storage, const char *value)
{
    const char *id = NULL;
    const char *volume = NULL;
    const char *name = arena_memdup(arena, value, strcspn(value, ","));
    bool is_here = storage_volume_split(arena, name, &id, &volume) && strcmp(id, storage->id) == 0;
    return is_here ? arena_printf(arena, "%s/%s", storage->path, volume) : NULL;
}

// Of what runs here, the volumes on this storage: what has its place here, and what ran here at the
// last look although its place may be elsewhere by now.
static void used_find(struct kept_storage *kept, const struct store_entries *guests)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct arena *used_arena = arena_new();
    struct map used;
    map_init_arena(&used, used_arena);
    for (size_t i = 0; i < guests->count; i++) {
        struct guest *guest = NULL;
        const struct store_entry *entry = &guests->entries[i];
        if (entry->value == NULL ||
            guest_parse(arena, entry->value, entry->size_bytes, &guest, NULL) < 0 ||
            (strcmp(guest->node, kept->keeper->node) != 0 && !map_has(&kept->used, guest->sid))) {
            continue;
        }
        const char *rootfs = map_find(&guest->config, "rootfs");
        const char *volume =
            rootfs != NULL ? arena_memdup(used_arena, rootfs, strcspn(rootfs, ",")) : NULL;
        char *path = volume != NULL ? used_path(used_arena, kept->storage, volume) : NULL;
        if (path != NULL && kept->keeper->init_pid(guest->sid) > 0) {
            map_put(&used, guest->sid, path);
        }
    }
    arena_free(kept->used_arena);
    kept->used_arena = used_arena;
    kept->used = used;
}

static void look_start(struct kept_storage *kept, const struct store_entries *guests)
{
    used_find(kept, guests);
    struct error err = {0};
    const struct process_spec spec = {
        .main = look_main,
        .main_userdata = kept,
        .name = "ha-storage",
        .output_max_bytes = KEEPER_OUTPUT_MAX,
        .ended = look_ended,
        .userdata = kept,
    };
    kept->looked_ms = clock_now_ms(&kept->keeper->clock);
    if (process_spawn(kept->keeper->loop, &kept->keeper->clock, &spec, &kept->process, &err) < 0) {
        const struct storage_state state = {.condition = STORAGE_CONDITION_MISSING,
                                            .reason = err.text};
        kept->process = NULL;
        kept_take(kept, &state);
    }
}

static void kept_tick(struct kept_storage *kept, const struct store_entries *guests, int64_t now_ms)
{
    if (kept->process != NULL && now_ms - kept->looked_ms >= STORAGE_KEEPER_STALL_MS) {
        const struct storage_state state = {.condition = STORAGE_CONDITION_STALLED,
                                            .reason = "it does not answer"};
        kept_take(kept, &state); // and again with each tick, until it answers or is gone
    } else if (kept->process == NULL &&
               (kept->looked_ms == 0 || now_ms - kept->looked_ms >= STORAGE_KEEPER_LOOK_MS)) {
        look_start(kept, guests);
    }
}

// ---- Which storages.

static void kept_free(void *item)
{
    struct kept_storage *kept = item;
    process_free(kept->process);
    arena_free(kept->arena);
    arena_free(kept->used_arena);
    free(kept->text);
    free(kept->reason);
    free(kept);
}

// Another definition of the same name is another storage, looked at when the look at the former one
// has ended.
static void kept_define(struct keeper *keeper, const char *id, const char *text)
{
    struct kept_storage *kept = map_find(&keeper->storages, id);
    struct storage *storage = NULL;
    if (kept != NULL && kept->process != NULL) {
        kept->is_wanted = strcmp(kept->text, text) == 0;
        return;
    }
    if (kept != NULL && strcmp(kept->text, text) == 0) {
        kept->is_wanted = true;
        return;
    }
    struct arena *arena = arena_new();
    if (storage_parse(arena, text, &storage, NULL) < 0 || storage->disabled ||
        !storage_has_node(storage, keeper->node)) {
        arena_free(arena); // those who use it say what is wrong with it
        return;
    }
    kept = alloc_zero(sizeof(*kept));
    kept->keeper = keeper;
    kept->arena = arena;
    kept->text = alloc_strdup(text);
    kept->storage = storage;
    kept->is_wanted = true;
    map_put(&keeper->storages, id, kept); // frees the former one
}

static void keeper_define(struct keeper *keeper, const struct store_entries *entries)
{
    map_each (e, &keeper->storages) {
        struct kept_storage *kept = e->value;
        kept->was_wanted = kept->is_wanted;
        kept->is_wanted = false;
    }
    for (size_t i = 0; i < entries->count; i++) {
        if (entries->entries[i].value != NULL) {
            kept_define(keeper, entries->entries[i].key + strlen(STORE_PREFIX_STORAGE),
                        entries->entries[i].value);
        }
    }
    for (size_t i = keeper->storages.count; i > 0; i--) {
        const struct map_entry *entry = &keeper->storages.entries[i - 1];
        const struct kept_storage *kept = entry->value;
        keeper->is_news = keeper->is_news || kept->was_wanted != kept->is_wanted;
        if (!kept->is_wanted && kept->process == NULL) {
            (void)map_remove(&keeper->storages, entry->key); // it is there
        }
    }
}

// ---- Telling.

// The document as it is to be; NULL while there is nothing to tell.
static const char *keeper_document(struct keeper *keeper, struct arena *arena)
{
    struct map states;
    map_init_arena(&states, arena);
    map_each (e, &keeper->storages) {
        const struct kept_storage *kept = e->value;
        if (!kept->is_wanted || !kept->opinion.is_known) {
            continue;
        }
        bool is_ready = kept->opinion.told == STORAGE_CONDITION_READY;
        struct storage_state *state = arena_new_of(arena, struct storage_state);
        *state = (struct storage_state){
            .condition = kept->opinion.told,
            .reason = is_ready ? NULL : kept->reason,
            .total_bytes = is_ready ? kept->total_bytes : 0,
            .available_bytes = is_ready ? kept->available_bytes : 0,
        };
        map_put(&states, e->key, state);
    }
    return states.count > 0 ? storage_states_format(arena, &states) : NULL;
}

static void keeper_publish(struct keeper *keeper, struct arena *arena, struct store *store)
{
    const struct store_entry *told = NULL;
    const char *key = arena_printf(arena, "%s%s", STORE_PREFIX_LIVE_STORAGE, keeper->node);
    if (store_read_key(store, key, arena, &told, NULL) < 0) {
        return;
    }
    const char *text = keeper_document(keeper, arena);
    bool is_told = told != NULL; // it is volatile: it may have been lost
    if (!keeper->is_news && is_told == (text != NULL)) {
        return;
    }
    struct store_op op = {.key = key,
                          .value = text,
                          .size_bytes = text != NULL ? strlen(text) : 0,
                          .expect = STORE_ANY};
    struct store_txn txn = {.ops = &op, .count = 1};
    if (text == NULL && !is_told) {
        keeper->is_news = false;
    } else if (store_commit(store, &txn, NULL, NULL) == 0) { // or with the next tick
        keeper->is_news = false;
    }
}

static void keeper_tick(void *userdata)
{
    struct keeper *keeper = userdata;
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct store *store = cluster_client_store(keeper->client);
    struct store_entries entries;
    struct store_entries guests = {0};
    int64_t now_ms = clock_now_ms(&keeper->clock);
    loop_timer_set(keeper->tick, now_ms + KEEPER_TICK_MS);
    // Without quorum the old view will do: what is mounted stays so.
    ignore_result(store_refresh(store, NULL));
    if (store_read(store, STORE_PREFIX_STORAGE, 0, arena, &entries, NULL) == 0) {
        keeper_define(keeper, &entries);
    }
    if (keeper->storages.count > 0) {
        ignore_result(store_read(store, STORE_PREFIX_GUEST, 0, arena, &guests, NULL)); // or none
    }
    map_each (e, &keeper->storages) {
        kept_tick(e->value, &guests, now_ms);
    }
    keeper_publish(keeper, arena, store);
}

static void store_changed(void *userdata)
{
    struct keeper *keeper = userdata;
    loop_timer_set(keeper->tick, clock_now_ms(&keeper->clock));
}

static void parent_gone(void *userdata, uint32_t events)
{
    struct keeper *keeper = userdata;
    (void)events; // it writes nothing: this is its end
    loop_quit(keeper->loop, 0);
}

static int keeper_main(int fd, void *userdata)
{
    const struct storage_keeper *owner = userdata;
    struct keeper keeper = {.node = owner->node, .init_pid = owner->init_pid};
    struct error err = {0};
    host_clock_init(&keeper.clock);
    map_init(&keeper.storages, kept_free);
    if (loop_new(&keeper.loop, &err) < 0) {
        return 1;
    }
    keeper.tick = loop_add_timer(keeper.loop, keeper_tick, &keeper);
    keeper.parent = loop_add_io(keeper.loop, fd, EPOLLIN, parent_gone, &keeper);
    keeper.client = cluster_client_new(keeper.loop, keeper.node, PREFIXES, store_changed, &keeper);
    loop_timer_set(keeper.tick, clock_now_ms(&keeper.clock));
    return loop_run(keeper.loop, &err) == 0 ? 0 : 1; // the process ends with all it has
}

// ---- In the daemon.

struct storage_keeper *storage_keeper_new(struct loop *loop, const char *node,
                                          storage_keeper_init_pid init_pid)
{
    struct storage_keeper *keeper = alloc_zero(sizeof(*keeper));
    keeper->node = node;
    keeper->init_pid = init_pid;
    keeper->supervisor = supervisor_new(&(struct supervisor_spec){
        .loop = loop,
        .name = "ha-lrm-storage",
        .main = keeper_main,
        .main_userdata = keeper,
        .restart_ms = KEEPER_RESTART_MS,
    });
    supervisor_start(keeper->supervisor);
    return keeper;
}

void storage_keeper_free(struct storage_keeper *keeper)
{
    if (keeper == NULL) {
        return;
    }
    supervisor_free(keeper->supervisor);
    free(keeper);
}
