// SPDX-License-Identifier: Apache-2.0
// Shared by the scenario reader's files.
#pragma once

#include "common/base/macros.h"

struct arena;
struct error;
struct json;
struct sim_world;

struct scenario_reader {
    struct arena *arena;
    const char *folder;
    struct sim_world *world;
};

// The file's document, or NULL when there is no such file.
int scenario_read_json(struct scenario_reader *reader, const char *name, struct json **ret_json,
                       struct error *err) WARN_UNUSED;
// Likewise, and it must be an object.
int scenario_read_object(struct scenario_reader *reader, const char *name, struct json **ret_json,
                         struct error *err) WARN_UNUSED;
// -EINVAL unless it is an object with no other keys than those (NULL-terminated).
int scenario_check_keys(const struct json *object, const char *const *allowed,
                        struct error *err) WARN_UNUSED;
// service_config, the sizes and what runs at the start.
int scenario_read_services(struct scenario_reader *reader, struct error *err) WARN_UNUSED;
