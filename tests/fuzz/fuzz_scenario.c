// SPDX-License-Identifier: Apache-2.0
// Any bytes as a scenario folder: a line "=== NAME" begins each of its files. What the reader takes
// it takes again with the same result, and all that it puts into the store can be read from there;
// what it refuses it refuses with the name of a file. The same holds for the commands, which mean
// the same when their words are printed again. The files never touch a disk: sim_file_read() here
// takes the place of the simulator's own.
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/parse.h"
#include "common/base/strbuf.h"
#include "common/model/command.h"
#include "common/model/groups.h"
#include "common/model/guest.h"
#include "common/model/manager_status.h"
#include "common/model/options.h"
#include "common/model/resources.h"
#include "common/model/rules.h"
#include "common/model/service.h"
#include "common/model/store_keys.h"
#include "sim/scenario.h"
#include "sim/sim_file.h"
#include "sim/sim_script.h"
#include "sim/world.h"
#include "tests/fuzz/fuzz.h"

enum { FILES_MAX = 16, NAME_MAX_BYTES = 64 };

struct bundle_file {
    char name[NAME_MAX_BYTES];
    const char *text;
    size_t size_bytes;
};

struct bundle {
    struct bundle_file files[FILES_MAX];
    size_t count;
};

// What sim_file_read() reads from.
static struct bundle bundle;

static const char folder[] = "folder";
static const char separator[] = "=== ";

static const struct bundle_file *bundle_find(const char *name, size_t length)
{
    for (size_t i = 0; i < bundle.count; i++) {
        if (strlen(bundle.files[i].name) == length &&
            memcmp(bundle.files[i].name, name, length) == 0) {
            return &bundle.files[i];
        }
    }
    return NULL;
}

// Cuts the input; bytes before the first file are left out.
static void bundle_cut(const char *data, size_t size_bytes)
{
    struct bundle_file *file = NULL;
    bundle = (struct bundle){0};
    for (size_t at = 0; at < size_bytes;) {
        const char *line = data + at;
        const char *end = memchr(line, '\n', size_bytes - at);
        size_t length = end != NULL ? (size_t)(end - line) : size_bytes - at;
        size_t skip = sizeof(separator) - 1;
        bool begins = length > skip && length - skip < NAME_MAX_BYTES &&
                      memcmp(line, separator, skip) == 0 && bundle.count < FILES_MAX;
        at += length + (end != NULL ? 1 : 0);
        if (begins) {
            file = &bundle.files[bundle.count++];
            memcpy(file->name, line + skip, length - skip);
            file->text = data + at;
        } else if (file != NULL) {
            file->size_bytes = (size_t)(data + at - file->text);
        }
    }
}

int sim_file_read(struct arena *arena, const char *path, char **ret_text, size_t *ret_size_bytes,
                  struct error *err)
{
    assert(strncmp(path, folder, strlen(folder)) == 0);
    const char *name = path + strlen(folder) + 1;
    const struct bundle_file *file = bundle_find(name, strlen(name));
    if (file == NULL) {
        return error_set_errno(err, -ENOENT, "cannot open '%s'", path);
    }
    *ret_text = arena_memdup(arena, file->text, file->size_bytes);
    *ret_size_bytes = file->size_bytes;
    return 0;
}

// --- what is promised ----------------------------------------------------------------------------

// Also of files that are not there, since some are made up then.
static bool is_file_name(const char *name, size_t length)
{
    static const char *const names[] = {"cmdlist",
                                        "hardware_status",
                                        "service_config",
                                        "manager_status",
                                        "rules_config",
                                        "static_service_stats",
                                        "dynamic_service_stats",
                                        "datacenter.cfg",
                                        "groups",
                                        "timing"};
    static const char running[] = "service_status_";
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (strlen(names[i]) == length && memcmp(names[i], name, length) == 0) {
            return true;
        }
    }
    return length > strlen(running) && memcmp(running, name, strlen(running)) == 0;
}

// A mistake is told with the file that has it, and what it is.
static void check_refused(int r, const struct error *err)
{
    if (r == -ENOENT && bundle_find("cmdlist", strlen("cmdlist")) == NULL) {
        assert(strstr(err->text, "cmdlist") != NULL);
        return;
    }
    assert(r == -EINVAL);
    assert(err->code == r);
    const char *colon = strchr(err->text, ':');
    assert(colon != NULL && colon[1] == ' ' && colon[2] != '\0');
    assert(is_file_name(err->text, (size_t)(colon - err->text)));
}

static bool key_begins(const char *key, const char *prefix, const char **ret_rest)
{
    size_t length = strlen(prefix);
    *ret_rest = key + length;
    return strncmp(key, prefix, length) == 0;
}

// The daemons can read what stands under the key.
static void check_readable(struct arena *arena, const char *key, const char *value)
{
    const char *rest = NULL;
    size_t size_bytes = strlen(value);
    union {
        struct resource *resource;
        struct guest *guest;
        struct service *service;
        struct command *command;
        struct manager_status *status;
    } read;
    struct rule_set rules;
    struct group_set groups;
    struct options options;
    int r = 0;
    if (key_begins(key, STORE_PREFIX_RESOURCE, &rest)) {
        r = resource_parse(arena, value, &read.resource, NULL);
    } else if (key_begins(key, STORE_PREFIX_GUEST, &rest)) {
        r = guest_parse(arena, value, size_bytes, &read.guest, NULL);
    } else if (key_begins(key, STORE_PREFIX_SERVICE, &rest)) {
        r = service_parse(arena, rest, value, size_bytes, &read.service, NULL);
    } else if (key_begins(key, STORE_PREFIX_COMMAND, &rest)) {
        r = command_parse(arena, value, size_bytes, &read.command, NULL);
    } else if (strcmp(key, STORE_KEY_MANAGER_STATUS) == 0) {
        r = manager_status_parse(arena, value, size_bytes, &read.status, NULL);
    } else if (strcmp(key, STORE_KEY_RULES) == 0) {
        r = rule_set_parse(arena, value, size_bytes, &rules, NULL);
    } else if (strcmp(key, STORE_KEY_GROUPS) == 0) {
        r = group_set_parse(arena, value, size_bytes, &groups, NULL);
    } else if (strcmp(key, STORE_KEY_DATACENTER) == 0) {
        r = options_parse(arena, value, &options, NULL);
    }
    assert(r == 0);
}

// Both worlds have the same in the store, and all of it can be read.
static void check_stores(struct arena *arena, const struct sim_world *world,
                         const struct sim_world *other)
{
    struct store_entries entries;
    struct store_entries same;
    sim_store_read(&world->store, "", 0, world->store.version, arena, &entries);
    sim_store_read(&other->store, "", 0, other->store.version, arena, &same);
    assert(entries.count == same.count);
    for (size_t i = 0; i < entries.count; i++) {
        const struct store_entry *entry = &entries.entries[i];
        assert(strcmp(entry->key, same.entries[i].key) == 0);
        assert((entry->value == NULL) == (same.entries[i].value == NULL));
        if (entry->value != NULL) {
            assert(strcmp(entry->value, same.entries[i].value) == 0);
            check_readable(arena, entry->key, entry->value);
        }
    }
}

// --- doing ---------------------------------------------------------------------------------------

static void world_freep(struct sim_world **world)
{
    sim_world_free(*world);
}

static void on_event(void *userdata, int64_t t_ms, const char *at, const struct event *event)
{
    (void)userdata;
    (void)t_ms;
    (void)at;
    (void)event;
}

static struct sim_world *world_new(void)
{
    static struct timing timing;
    timing_get(TIMING_PROFILE_CLASSIC, &timing);
    return sim_world_new(&timing, on_event, NULL);
}

// The same scenario with the words of its commands printed anew.
static const struct scenario *print_again(struct arena *arena, const struct scenario *scenario)
{
    struct scenario *again = arena_new_of(arena, struct scenario);
    struct scenario_batch *batches =
        arena_array_of(arena, struct scenario_batch, scenario->batches_count);
    for (size_t i = 0; i < scenario->batches_count; i++) {
        batches[i].count = scenario->batches[i].count;
        batches[i].commands = arena_array_of(arena, const char *, batches[i].count);
        for (size_t j = 0; j < batches[i].count; j++) {
            struct strbuf text CLEANUP(strbuf_done) = {0};
            const struct parse_words words = parse_fields(arena, scenario->batches[i].commands[j]);
            for (size_t k = 0; k < words.count; k++) {
                strbuf_appendf(&text, "%s%s", k > 0 ? " " : "", words.words[k]);
            }
            batches[i].commands[j] = arena_strdup(arena, strbuf_text(&text));
        }
    }
    *again = (struct scenario){scenario->folder, batches, scenario->batches_count};
    return again;
}

static int run_batches(struct sim_world *world, const struct scenario *scenario, struct error *err)
{
    struct sim_script script = {.world = world, .scenario = scenario};
    for (size_t i = 0; i < scenario->batches_count; i++) {
        int r = sim_script_run_batch(&script, err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct sim_world *world CLEANUP(world_freep) = world_new();
    struct sim_world *other CLEANUP(world_freep) = world_new();
    struct scenario *scenario = NULL;
    struct scenario *same = NULL;
    struct error err = {0};
    struct error other_err = {0};
    enum timing_profile profile;
    bundle_cut((const char *)data, size_bytes);
    int r = scenario_find_timing(arena, folder, &profile, &err);
    if (r < 0) {
        check_refused(r, &err);
    }
    error_clear(&err);
    r = scenario_load(arena, folder, world, &scenario, &err);
    int other_r = scenario_load(arena, folder, other, &same, &other_err);
    assert(r == other_r);
    if (r < 0) {
        check_refused(r, &err);
        assert(strcmp(err.text, other_err.text) == 0);
        return 0;
    }
    check_stores(arena, world, other);
    r = run_batches(world, scenario, &err);
    other_r = run_batches(other, print_again(arena, same), &other_err);
    assert(r == other_r);
    if (r < 0) {
        check_refused(r, &err);
    }
    assert(world->events_count == other->events_count);
    check_stores(arena, world, other);
    return 0;
}
