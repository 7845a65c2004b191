// SPDX-License-Identifier: Apache-2.0
// The one-line form of commands and its envelope in the store.
#include "common/model/command.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/parse.h"
#include "common/base/strbuf.h"
#include "common/model/sid.h"

ENUM_TABLE(command_kind, COMMAND_KIND_MAX, [COMMAND_KIND_MIGRATE] = "migrate",
           [COMMAND_KIND_RELOCATE] = "relocate", [COMMAND_KIND_STOP] = "stop",
           [COMMAND_KIND_ENABLE_NODE_MAINTENANCE] = "enable-node-maintenance",
           [COMMAND_KIND_DISABLE_NODE_MAINTENANCE] = "disable-node-maintenance",
           [COMMAND_KIND_DISARM_HA] = "disarm-ha", [COMMAND_KIND_ARM_HA] = "arm-ha");

static const char *const command_forms[COMMAND_KIND_MAX] = {
    [COMMAND_KIND_MIGRATE] = "migrate <sid> <node>",
    [COMMAND_KIND_RELOCATE] = "relocate <sid> <node>",
    [COMMAND_KIND_STOP] = "stop <sid> <seconds>",
    [COMMAND_KIND_ENABLE_NODE_MAINTENANCE] = "enable-node-maintenance <node>",
    [COMMAND_KIND_DISABLE_NODE_MAINTENANCE] = "disable-node-maintenance <node>",
    [COMMAND_KIND_DISARM_HA] = "disarm-ha freeze|ignore",
    [COMMAND_KIND_ARM_HA] = "arm-ha",
};

static size_t command_arguments_count(enum command_kind kind)
{
    switch (kind) {
    case COMMAND_KIND_MIGRATE:
    case COMMAND_KIND_RELOCATE:
    case COMMAND_KIND_STOP:
        return 2;
    case COMMAND_KIND_ENABLE_NODE_MAINTENANCE:
    case COMMAND_KIND_DISABLE_NODE_MAINTENANCE:
    case COMMAND_KIND_DISARM_HA:
        return 1;
    case COMMAND_KIND_ARM_HA:
        return 0;
    case COMMAND_KIND_MAX:
        break;
    }
    abort();
}

// Fills in the arguments; their number is right.
static int command_read_arguments(struct command *command, const char **arguments,
                                  struct error *err)
{
    int r = 0;
    switch (command->kind) {
    case COMMAND_KIND_MIGRATE:
    case COMMAND_KIND_RELOCATE:
        command->sid = arguments[0];
        command->node = arguments[1];
        r = sid_check(command->sid, err);
        return r < 0 ? r : node_name_check(command->node, err);
    case COMMAND_KIND_STOP:
        command->sid = arguments[0];
        if (parse_int64(arguments[1], 0, INT32_MAX, &command->timeout_s) < 0) {
            return error_set(err, -EINVAL,
                             "invalid timeout '%s': expected a whole number of seconds",
                             arguments[1]);
        }
        return sid_check(command->sid, err);
    case COMMAND_KIND_ENABLE_NODE_MAINTENANCE:
    case COMMAND_KIND_DISABLE_NODE_MAINTENANCE:
        command->node = arguments[0];
        return node_name_check(command->node, err);
    case COMMAND_KIND_DISARM_HA:
        if (disarm_mode_from_string(arguments[0], &command->disarm) < 0 ||
            command->disarm == DISARM_MODE_NONE) {
            return error_set(err, -EINVAL, "invalid mode '%s': expected freeze or ignore",
                             arguments[0]);
        }
        return 0;
    case COMMAND_KIND_ARM_HA:
        return 0;
    case COMMAND_KIND_MAX:
        break;
    }
    abort();
}

int command_parse_text(struct arena *arena, const char *text, struct command **ret,
                       struct error *err)
{
    struct parse_words words = parse_fields(arena, text);
    struct command *command = arena_new_of(arena, struct command);
    if (words.count == 0 || command_kind_from_string(words.words[0], &command->kind) < 0) {
        struct strbuf allowed CLEANUP(strbuf_done) = {0};
        enum_table_list(&command_kind_table, &allowed);
        return error_set(err, -EINVAL, "unknown command '%s': allowed are %s",
                         words.count > 0 ? words.words[0] : "", strbuf_text(&allowed));
    }
    if (words.count - 1 != command_arguments_count(command->kind)) {
        return error_set(err, -EINVAL, "invalid command '%s': expected '%s'", text,
                         command_forms[command->kind]);
    }
    int r = command_read_arguments(command, words.words + 1, err);
    if (r < 0) {
        return r;
    }
    *ret = command;
    return 0;
}

char *command_format_text(struct arena *arena, const struct command *command)
{
    const char *kind = command_kind_to_string(command->kind);
    switch (command->kind) {
    case COMMAND_KIND_MIGRATE:
    case COMMAND_KIND_RELOCATE:
        return arena_printf(arena, "%s %s %s", kind, command->sid, command->node);
    case COMMAND_KIND_STOP:
        return arena_printf(arena, "%s %s %" PRId64, kind, command->sid, command->timeout_s);
    case COMMAND_KIND_ENABLE_NODE_MAINTENANCE:
    case COMMAND_KIND_DISABLE_NODE_MAINTENANCE:
        return arena_printf(arena, "%s %s", kind, command->node);
    case COMMAND_KIND_DISARM_HA:
        return arena_printf(arena, "%s %s", kind, disarm_mode_to_string(command->disarm));
    case COMMAND_KIND_ARM_HA:
        return arena_strdup(arena, kind);
    case COMMAND_KIND_MAX:
        break;
    }
    abort();
}

int command_parse(struct arena *arena, const char *text, size_t size_bytes, struct command **ret,
                  struct error *err)
{
    struct json *json = NULL;
    const char *id = NULL;
    const char *by = NULL;
    const char *line = NULL;
    struct command *command = NULL;
    int r = json_parse(arena, text, size_bytes, &json, err);
    if (r < 0 || (r = json_get_string(json, "id", &id, err)) < 0 ||
        (r = json_get_string_if(json, "by", &by, err)) < 0 ||
        (r = json_get_string(json, "text", &line, err)) < 0 ||
        (r = command_parse_text(arena, line, &command, err)) < 0) {
        return r;
    }
    command->id = id;
    command->by = by;
    *ret = command;
    return 0;
}

char *command_format(struct arena *arena, const struct command *command)
{
    struct json *json = json_new_object(arena);
    json_put_string(json, "id", command->id);
    json_put_string(json, "by", command->by);
    json_put_string(json, "text", command_format_text(arena, command));
    return json_to_text(arena, json);
}
