// SPDX-License-Identifier: Apache-2.0
// The files of a scenario folder and what each one puts into the world. Services are in
// scenario_services.c.
#include "sim/scenario.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/parse.h"
#include "common/base/strbuf.h"
#include "common/model/manager_status.h"
#include "common/model/options.h"
#include "common/model/section_config.h"
#include "common/model/service.h"
#include "common/model/sid.h"
#include "common/model/store_keys.h"
#include "sim/scenario_internal.h"
#include "sim/sim_file.h"
#include "sim/world.h"

const char *const SCENARIO_VERSION_DEFAULT = "9.0.0~2";

// Reads a file of the folder. 0 with NULL text when there is none.
static int scenario_read(struct scenario_reader *reader, const char *name, char **ret_text,
                         size_t *ret_size_bytes, struct error *err)
{
    const char *path = arena_printf(reader->arena, "%s/%s", reader->folder, name);
    int r = sim_file_read(reader->arena, path, ret_text, ret_size_bytes, err);
    if (r == -ENOENT) {
        *ret_text = NULL;
        return 0;
    }
    return r;
}

int scenario_read_json(struct scenario_reader *reader, const char *name, struct json **ret_json,
                       struct error *err)
{
    char *text = NULL;
    size_t size_bytes = 0;
    *ret_json = NULL;
    int r = scenario_read(reader, name, &text, &size_bytes, err);
    if (r < 0 || text == NULL) {
        return r;
    }
    r = json_parse(reader->arena, text, size_bytes, ret_json, err);
    return r < 0 ? error_prefix(err, "%s", name) : 0;
}

int scenario_read_object(struct scenario_reader *reader, const char *name, struct json **ret_json,
                         struct error *err)
{
    int r = scenario_read_json(reader, name, ret_json, err);
    if (r == 0 && *ret_json != NULL && (*ret_json)->type != JSON_TYPE_OBJECT) {
        return error_set(err, -EINVAL, "%s: expected an object", name);
    }
    return r;
}

int scenario_check_keys(const struct json *object, const char *const *allowed, struct error *err)
{
    if (object->type != JSON_TYPE_OBJECT) {
        return error_set(err, -EINVAL, "expected an object");
    }
    json_each (e, object) {
        bool known = false;
        struct strbuf list CLEANUP(strbuf_done) = {0};
        for (size_t i = 0; allowed[i] != NULL; i++) {
            known = known || strcmp(e->key, allowed[i]) == 0;
            strbuf_appendf(&list, "%s%s", i > 0 ? ", " : "", allowed[i]);
        }
        if (!known) {
            return error_set(err, -EINVAL, "unknown key '%s': allowed are %s", e->key,
                             strbuf_text(&list));
        }
    }
    return 0;
}

static int scenario_read_cmdlist(struct scenario_reader *reader, struct scenario *scenario,
                                 struct error *err)
{
    struct json *list = NULL;
    int r = scenario_read_json(reader, "cmdlist", &list, err);
    if (r < 0) {
        return r;
    }
    if (list == NULL) {
        return error_set(err, -ENOENT,
                         "'%s' is no scenario folder: there is no file 'cmdlist' in it",
                         reader->folder);
    }
    if (list->type != JSON_TYPE_ARRAY) {
        return error_set(err, -EINVAL, "cmdlist: expected a list of batches");
    }
    struct scenario_batch *batches =
        arena_array_of(reader->arena, struct scenario_batch, list->count);
    for (size_t i = 0; i < list->count; i++) {
        const struct json *batch = list->items[i];
        if (batch->type != JSON_TYPE_ARRAY) {
            return error_set(err, -EINVAL, "cmdlist: batch %zu: expected a list of commands",
                             i + 1);
        }
        batches[i].commands = arena_array_of(reader->arena, const char *, batch->count);
        batches[i].count = batch->count;
        for (size_t j = 0; j < batch->count; j++) {
            if (batch->items[j]->type != JSON_TYPE_STRING) {
                return error_set(err, -EINVAL, "cmdlist: batch %zu, command %zu: expected text",
                                 i + 1, j + 1);
            }
            batches[i].commands[j] = batch->items[j]->string;
        }
    }
    scenario->batches = batches;
    scenario->batches_count = list->count;
    return 0;
}

static int scenario_get_switch(const struct json *object, const char *key, bool *ret,
                               struct error *err)
{
    const char *text = "off";
    int r = json_get_string_if(object, key, &text, err);
    if (r == 0 && strcmp(text, "on") != 0 && strcmp(text, "off") != 0) {
        r = error_set(err, -EINVAL, "key '%s': expected 'on' or 'off', not '%s'", key, text);
    }
    if (r == 0) {
        *ret = strcmp(text, "on") == 0;
    }
    return r;
}

static int scenario_read_faults(const struct json *json, struct sim_node *node, struct error *err)
{
    static const char *const allowed[] = {"rw", "update", NULL};
    const struct json *cfs = json_find(json, "cfs");
    if (cfs == NULL) {
        return 0;
    }
    bool rw = true;
    bool update = true;
    int r = scenario_check_keys(cfs, allowed, err);
    if (r < 0 || (r = json_get_bool_if(cfs, "rw", &rw, err)) < 0 ||
        (r = json_get_bool_if(cfs, "update", &update, err)) < 0) {
        return error_prefix(err, "key 'cfs'");
    }
    node->store_broken = !rw;
    node->view_broken = !update;
    return 0;
}

static int scenario_read_node(struct sim_world *world, const char *name, const struct json *json,
                              struct error *err)
{
    static const char *const allowed[] = {
        "power", "network", "maxcpu", "maxmem", "pve-manager-version", "shutdown", "cfs", NULL};
    int r = node_name_check(name, err);
    if (r < 0 || (r = scenario_check_keys(json, allowed, err)) < 0) {
        return r;
    }
    struct sim_node *node = sim_world_add_node(world, name);
    const char *version = SCENARIO_VERSION_DEFAULT;
    if ((r = scenario_get_switch(json, "power", &node->power, err)) < 0 ||
        (r = scenario_get_switch(json, "network", &node->network, err)) < 0 ||
        (r = json_get_double_if(json, "maxcpu", &node->maxcpu, err)) < 0 ||
        (r = json_get_double_if(json, "maxmem", &node->maxmem, err)) < 0 ||
        (r = json_get_string_if(json, "pve-manager-version", &version, err)) < 0) {
        return r;
    }
    node->has_sizes = json_find(json, "maxcpu") != NULL && json_find(json, "maxmem") != NULL;
    sim_node_set_version(world, node, version);
    return scenario_read_faults(json, node, err);
}

static int scenario_read_hardware(struct scenario_reader *reader, struct error *err)
{
    static const char *const usual[] = {"node1", "node2", "node3"};
    struct json *hardware = NULL;
    int r = scenario_read_object(reader, "hardware_status", &hardware, err);
    if (r < 0) {
        return r;
    }
    if (hardware == NULL) {
        for (size_t i = 0; i < ARRAY_SIZE(usual); i++) {
            struct sim_node *node = sim_world_add_node(reader->world, usual[i]);
            sim_node_set_version(reader->world, node, SCENARIO_VERSION_DEFAULT);
        }
        return 0;
    }
    json_each (e, hardware) {
        r = scenario_read_node(reader->world, e->key, e->value, err);
        if (r < 0) {
            return error_prefix(err, "hardware_status: node '%s'", e->key);
        }
    }
    if (hardware->members.count == 0) {
        return error_set(err, -EINVAL, "hardware_status: no nodes");
    }
    return 0;
}

// A file whose text is a document of the store as it is.
static int scenario_read_sections(struct scenario_reader *reader, const char *name, const char *key,
                                  struct error *err)
{
    char *text = NULL;
    size_t size_bytes = 0;
    int r = scenario_read(reader, name, &text, &size_bytes, err);
    if (r < 0 || text == NULL) {
        return r;
    }
    struct section_file file;
    r = section_file_parse(reader->arena, text, size_bytes, &file, err);
    if (r < 0) {
        return error_prefix(err, "%s", name);
    }
    sim_store_put(&reader->world->store, key, text);
    return 0;
}

// One scalar of a property string.
static int scenario_format_scalar(const struct json *value, struct strbuf *out, struct error *err)
{
    switch (value->type) {
    case JSON_TYPE_STRING:
        strbuf_append(out, value->string);
        return 0;
    case JSON_TYPE_BOOL:
        strbuf_append(out, value->boolean ? "1" : "0");
        return 0;
    case JSON_TYPE_INT:
    case JSON_TYPE_DOUBLE:
        json_format(value, JSON_STYLE_COMPACT, out);
        return 0;
    case JSON_TYPE_NULL:
    case JSON_TYPE_ARRAY:
    case JSON_TYPE_OBJECT:
    case JSON_TYPE_MAX:
        break;
    }
    return error_set(err, -EINVAL, "expected text or a number");
}

// {"ha":{"shutdown_policy":"migrate"}} becomes the line "ha: shutdown_policy=migrate".
static int scenario_format_option(const char *key, const struct json *value, struct strbuf *out,
                                  struct error *err)
{
    strbuf_appendf(out, "%s: ", key);
    if (value->type != JSON_TYPE_OBJECT) {
        int r = scenario_format_scalar(value, out, err);
        strbuf_append_char(out, '\n');
        return r < 0 ? error_prefix(err, "key '%s'", key) : 0;
    }
    const char *separator = "";
    json_each (e, value) {
        strbuf_appendf(out, "%s%s=", separator, e->key);
        separator = ",";
        int r = scenario_format_scalar(e->value, out, err);
        if (r < 0) {
            (void)error_prefix(err, "key '%s'", e->key); // the code is returned below
            return error_prefix(err, "key '%s'", key);
        }
    }
    strbuf_append_char(out, '\n');
    return 0;
}

static int scenario_read_datacenter(struct scenario_reader *reader, struct error *err)
{
    static const char name[] = "datacenter.cfg";
    struct json *json = NULL;
    struct strbuf text CLEANUP(strbuf_done) = {0};
    int r = scenario_read_object(reader, name, &json, err);
    if (r < 0 || json == NULL) {
        return r;
    }
    json_each (e, json) {
        r = scenario_format_option(e->key, e->value, &text, err);
        if (r < 0) {
            return error_prefix(err, "%s", name);
        }
    }
    struct options options;
    r = options_parse(reader->arena, strbuf_text(&text), &options, err);
    if (r < 0) {
        return error_prefix(err, "%s", name);
    }
    sim_store_put(&reader->world->store, STORE_KEY_DATACENTER, strbuf_text(&text));
    return 0;
}

// The reference keeps all in one document; ours are manager/status and one record a service.
static int scenario_read_manager(struct scenario_reader *reader, struct error *err)
{
    static const char name[] = "manager_status";
    struct json *json = NULL;
    struct manager_status *status = NULL;
    int r = scenario_read_object(reader, name, &json, err);
    if (r < 0 || json == NULL || json->members.count == 0) {
        return r;
    }
    const char *text = json_to_text(reader->arena, json);
    r = manager_status_parse(reader->arena, text, strlen(text), &status, err);
    if (r < 0) {
        return error_prefix(err, "%s", name);
    }
    sim_store_put(&reader->world->store, STORE_KEY_MANAGER_STATUS,
                  manager_status_format(reader->arena, status));
    const struct json *services = json_find(json, "service_status");
    if (services == NULL) {
        return 0;
    }
    if (services->type != JSON_TYPE_OBJECT) {
        return error_set(err, -EINVAL, "%s: key 'service_status': expected an object", name);
    }
    json_each (e, services) {
        struct service *service = NULL;
        r = sid_check(e->key, err);
        if (r < 0 || (r = service_from_json(reader->arena, e->key, e->value, &service, err)) < 0) {
            return error_prefix(err, "%s: service '%s'", name, e->key);
        }
        sim_store_put(&reader->world->store,
                      arena_printf(reader->arena, "%s%s", STORE_PREFIX_SERVICE, e->key),
                      service_format(reader->arena, service));
    }
    return 0;
}

int scenario_find_timing(struct arena *arena, const char *folder, enum timing_profile *ret,
                         struct error *err)
{
    static const char name[] = "timing";
    struct scenario_reader reader = {.arena = arena, .folder = folder};
    char *text = NULL;
    size_t size_bytes = 0;
    int r = scenario_read(&reader, name, &text, &size_bytes, err);
    if (r < 0) {
        return r;
    }
    if (text == NULL) {
        *ret = TIMING_PROFILE_CLASSIC;
        return 0;
    }
    const struct parse_words words =
        parse_fields(arena, arena_memdup(arena, text, strcspn(text, "\n")));
    if (words.count != 1 || timing_profile_from_string(words.words[0], ret) < 0) {
        return error_set(err, -EINVAL, "%s: expected fast, balanced, patient or classic", name);
    }
    return 0;
}

int scenario_load(struct arena *arena, const char *folder, struct sim_world *world,
                  struct scenario **ret, struct error *err)
{
    struct scenario_reader reader = {.arena = arena, .folder = folder, .world = world};
    struct scenario *scenario = arena_new_of(arena, struct scenario);
    scenario->folder = arena_strdup(arena, folder);
    int r = scenario_read_cmdlist(&reader, scenario, err);
    if (r < 0 || (r = scenario_read_hardware(&reader, err)) < 0 ||
        (r = scenario_read_services(&reader, err)) < 0 ||
        (r = scenario_read_manager(&reader, err)) < 0 ||
        (r = scenario_read_datacenter(&reader, err)) < 0 ||
        (r = scenario_read_sections(&reader, "rules_config", STORE_KEY_RULES, err)) < 0 ||
        (r = scenario_read_sections(&reader, "groups", STORE_KEY_GROUPS, err)) < 0 ||
        (r = scenario_read_sections(&reader, "fence_config", STORE_KEY_FENCE, err)) < 0) {
        return r;
    }
    *ret = scenario;
    return 0;
}
