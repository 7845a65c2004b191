// SPDX-License-Identifier: Apache-2.0
// Commands from operators to the master. Each is one value under "command/<id>", a JSON object
// {"id","text","by"}; the text is the reference's one-line form ("migrate ct:100 node2"). The order
// of commands is the order of their keys' versions. The master removes a command in the same
// transaction that carries its effect, so it takes effect at most once, and leaves the answer under
// "live/answer/<id>": {"result":"ok"|"refused","reason":…}.
#pragma once

#include <stdint.h>

#include "common/base/enum_table.h"
#include "common/base/macros.h"
#include "common/model/manager_status.h"

struct arena;
struct error;

enum command_kind {
    COMMAND_KIND_MIGRATE,
    COMMAND_KIND_RELOCATE,
    COMMAND_KIND_STOP,
    COMMAND_KIND_ENABLE_NODE_MAINTENANCE,
    COMMAND_KIND_DISABLE_NODE_MAINTENANCE,
    COMMAND_KIND_DISARM_HA,
    COMMAND_KIND_ARM_HA,
    COMMAND_KIND_MAX
};
ENUM_TABLE_DECLARE(command_kind);

struct command {
    const char *id; // NULL when read from a bare line
    const char *by; // who asked, or NULL
    enum command_kind kind;
    const char *sid;
    const char *node;
    int64_t timeout_s;
    enum disarm_mode disarm;
};

// From the one-line text. -EINVAL says what is wrong and what the form is.
int command_parse_text(struct arena *arena, const char *text, struct command **ret,
                       struct error *err) WARN_UNUSED;
char *command_format_text(struct arena *arena, const struct command *command) WARN_UNUSED;
// From and to the value in the store.
int command_parse(struct arena *arena, const char *text, size_t size_bytes, struct command **ret,
                  struct error *err) WARN_UNUSED;
char *command_format(struct arena *arena, const struct command *command) WARN_UNUSED;
