// SPDX-License-Identifier: Apache-2.0
// /version and what has one answer for all.
#include "api/endpoints/version.h"

#include "api/call/call.h"
#include "api/endpoints/endpoints.h"
#include "api/endpoints/parameter_rows.h"
#include "common/base/arena.h"
#include "common/base/digest.h"
#include "common/base/json.h"
#include "ha_config.h"

enum { VERSION_REPOID_DIGITS = 16 };

const char *version_repoid(struct arena *arena)
{
    const char *hex = digest_sha1_hex(arena, HA_VERSION, sizeof(HA_VERSION) - 1);
    return arena_printf(arena, "%.*s", VERSION_REPOID_DIGITS, hex);
}

struct json *version_document(struct arena *arena)
{
    struct json *version = json_new_object(arena);
    json_put_string(version, "version", VERSION_SPOKEN);
    json_put_string(version, "release", VERSION_RELEASE);
    json_put_string(version, "repoid", version_repoid(arena));
    return version;
}

static void version_get(struct call *call)
{
    struct json *version = version_document(call->arena);
    json_put_string(version, "ha-manager", HA_VERSION);
    call_return(call, version);
}

static void nothing_list(struct call *call)
{
    call_return(call, json_new_array(call->arena));
}

#define NOTHING(path_, description_)                                                               \
    {                                                                                              \
        .verb = METHOD_VERB_GET, .path = (path_), .description = (description_),                   \
        .access = METHOD_ACCESS_USER, .kind = METHOD_KIND_READ, .returns = "array",                \
        .run = nothing_list                                                                        \
    }

static const struct method methods[] = {
    {.verb = METHOD_VERB_GET,
     .path = "/version",
     .description = "which generation of the API this is",
     .access = METHOD_ACCESS_USER,
     .kind = METHOD_KIND_READ,
     .returns = "object",
     .run = version_get},
    NOTHING("/pools", "pools of guests: there are none"),
    NOTHING("/cluster/replication", "copies of volumes: there are none"),
    NOTHING("/cluster/backup-info/not-backed-up", "guests without a backup: not known"),
};

const struct method_table endpoints_version = {methods, ARRAY_SIZE(methods)};
