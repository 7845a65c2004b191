// SPDX-License-Identifier: Apache-2.0
// Reading definitions of OCF services. Whether the agent knows the parameters is decided by its
// metadata (common/model/ocf_metadata.h), whether their values are good by itself (validate-all).
#include "lrm/agents/ocf_definition.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/parse.h"
#include "common/model/guest.h"
#include "common/model/ocf_metadata.h"
#include "common/model/sid.h"

enum { OCF_PARAM_MAX = 16 * 1024 };

static const char ocf_letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
static const char ocf_name_signs[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";

const char *ocf_verb_word(enum ocf_verb verb)
{
    switch (verb) {
    case OCF_VERB_START:
        return "start";
    case OCF_VERB_STOP:
        return "stop";
    case OCF_VERB_MONITOR:
        return "monitor";
    case OCF_VERB_VALIDATE:
        return "validate-all";
    case OCF_VERB_METADATA:
        return "meta-data";
    case OCF_VERB_MAX:
        break;
    }
    assert(verb != OCF_VERB_MAX);
    return "";
}

const char *ocf_root(void)
{
    const char *root = secure_getenv("OCF_ROOT");
    return root != NULL && root[0] == '/' ? root : "/usr/lib/ocf";
}

// A part of the name is a part of a path.
static bool ocf_is_name_part(const char *part)
{
    return part[0] != '\0' && part[0] != '.' && part[0] != '-' &&
           strspn(part, ocf_name_signs) == strlen(part);
}

int ocf_agent_name(struct arena *arena, const char *text, const char **ret, struct error *err)
{
    const char *rest = strncmp(text, "ocf:", 4) == 0 ? text + 4 : text;
    const char *colon = strchr(rest, ':');
    const char *provider =
        colon != NULL ? arena_memdup(arena, rest, (size_t)(colon - rest)) : "heartbeat";
    const char *type = colon != NULL ? colon + 1 : rest;
    if (!ocf_is_name_part(provider) || !ocf_is_name_part(type)) {
        return error_set(err, -EINVAL,
                         "'%s' is no agent's name: expected <provider>:<type> such as "
                         "heartbeat:pgsql",
                         text);
    }
    *ret = arena_printf(arena, "%s:%s", provider, type);
    return 0;
}

static int ocf_read_agent(struct arena *arena, const char *text, struct ocf_definition *definition,
                          struct error *err)
{
    const char *name = NULL;
    int r = ocf_agent_name(arena, text, &name, err);
    if (r < 0) {
        return r;
    }
    size_t length = strcspn(name, ":");
    definition->provider = arena_memdup(arena, name, length);
    definition->type = name + length + 1;
    return 0;
}

static int ocf_read_timeout(const char *verb, const char *value, struct ocf_definition *definition,
                            struct error *err)
{
    int64_t timeout_s = 0;
    for (enum ocf_verb which = OCF_VERB_START; which <= OCF_VERB_MONITOR; which++) {
        if (strcmp(verb, ocf_verb_word(which)) != 0) {
            continue;
        }
        if (parse_int64(value, 1, OCF_TIMEOUT_MAX_S, &timeout_s) < 0) {
            return error_set(err, -EINVAL, "'%s': expected whole seconds from 1 to %d", value,
                             OCF_TIMEOUT_MAX_S);
        }
        definition->timeouts_ms[which] = timeout_s * 1000;
        return 0;
    }
    return error_set(err, -EINVAL, "unknown verb '%s': allowed are start, stop, monitor", verb);
}

// The name becomes a part of an environment variable's.
static int ocf_read_param(struct arena *arena, const char *name, const char *value,
                          struct ocf_definition *definition, struct error *err)
{
    if (name[0] == '\0' || strspn(name, ocf_name_signs) != strlen(name) ||
        (strchr(ocf_letters, name[0]) == NULL && name[0] != '_')) {
        return error_set(err, -EINVAL, "'%s' cannot be the name of a parameter", name);
    }
    if (strncmp(name, "CRM_meta", 8) == 0) {
        return error_set(err, -EINVAL, "'%s': such names are not for parameters", name);
    }
    if (strlen(value) > OCF_PARAM_MAX) {
        return error_set(err, -EINVAL, "its value is longer than %d bytes", OCF_PARAM_MAX);
    }
    map_put(&definition->params, name, arena_strdup(arena, value));
    return 0;
}

int ocf_definition_read(struct arena *arena, const struct guest *guest, struct ocf_definition *ret,
                        struct error *err)
{
    struct ocf_definition definition = {.name = arena_strdup(arena, sid_name(guest->sid))};
    map_init_arena(&definition.params, arena);
    map_each (e, &guest->config) {
        int r = 0;
        if (strcmp(e->key, OCF_KEY_AGENT) == 0) {
            r = ocf_read_agent(arena, e->value, &definition, err);
        } else if (strncmp(e->key, OCF_PREFIX_PARAM, strlen(OCF_PREFIX_PARAM)) == 0) {
            r = ocf_read_param(arena, e->key + strlen(OCF_PREFIX_PARAM), e->value, &definition,
                               err);
        } else if (strncmp(e->key, OCF_PREFIX_TIMEOUT, strlen(OCF_PREFIX_TIMEOUT)) == 0) {
            r = ocf_read_timeout(e->key + strlen(OCF_PREFIX_TIMEOUT), e->value, &definition, err);
        } else {
            return error_set(err, -EINVAL,
                             "unknown key '%s': allowed are agent, param.<name>, timeout.<verb>",
                             e->key);
        }
        if (r < 0) {
            return error_prefix(err, "%s", e->key);
        }
    }
    if (definition.type == NULL) {
        return error_set(err, -EINVAL, "key 'agent' is missing");
    }
    *ret = definition;
    return 0;
}

int ocf_definition_check(const struct guest *guest, struct error *err)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct ocf_definition definition;
    return ocf_definition_read(arena, guest, &definition, err);
}

int ocf_definition_program(struct arena *arena, const struct ocf_definition *definition,
                           const char **ret, struct error *err)
{
    const char *path = arena_printf(arena, "%s/resource.d/%s/%s", ocf_root(), definition->provider,
                                    definition->type);
    if (access(path, X_OK) < 0) {
        return error_set(err, -ENOENT, "agent '%s:%s' is not installed on this node: no '%s'",
                         definition->provider, definition->type, path);
    }
    *ret = path;
    return 0;
}

static void ocf_provider_list(struct arena *arena, const char *folder, const char *provider,
                              struct map *names)
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (ocf_is_name_part(entry->d_name) &&
            access(arena_printf(arena, "%s/%s", folder, entry->d_name), X_OK) == 0) {
            map_put(names, arena_printf(arena, "%s:%s", provider, entry->d_name), names);
        }
    }
    if (dir != NULL) {
        (void)closedir(dir); // only read
    }
}

void ocf_agents_list(struct arena *arena, struct map *names)
{
    const char *root = arena_printf(arena, "%s/resource.d", ocf_root());
    DIR *dir = opendir(root);
    const struct dirent *entry;
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (ocf_is_name_part(entry->d_name)) {
            ocf_provider_list(arena, arena_printf(arena, "%s/%s", root, entry->d_name),
                              entry->d_name, names);
        }
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
}

void ocf_definition_take_times(struct ocf_definition *definition,
                               const struct ocf_metadata *metadata)
{
    for (enum ocf_verb verb = OCF_VERB_START; verb < OCF_VERB_MAX; verb++) {
        int64_t *timeout_ms = &definition->timeouts_ms[verb];
        if (*timeout_ms == 0 && metadata != NULL) {
            *timeout_ms = ocf_metadata_timeout_ms(metadata, ocf_verb_word(verb));
            *timeout_ms = *timeout_ms < OCF_TIMEOUT_MIN_MS ? OCF_TIMEOUT_MIN_MS : *timeout_ms;
        }
        *timeout_ms = *timeout_ms == 0 ? OCF_TIMEOUT_MIN_MS : *timeout_ms;
    }
    definition->interval_ms = metadata != NULL ? metadata->monitor_interval_ms : 0;
}
