// SPDX-License-Identifier: Apache-2.0
// Asking power switches, one after the other: they are few, and an operator waits.
#include "cli/fence_power.h"

#include <stdbool.h>
#include <string.h>

#include "cli/command_line.h"
#include "cli/session.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/host/fence_agent.h"
#include "common/host/fence_trial.h"
#include "common/model/fence_config.h"
#include "common/port/membership.h"

struct asking {
    struct cli *cli;
    const struct session *session;
    const struct fence_config *config;
};

// Returns an enum fence_power, or an error after a warning.
static int device_ask(const struct asking *asking, const struct fence_device *device,
                      const char *node)
{
    struct arena *arena = asking->cli->arena;
    struct map secrets;
    struct error err = {0};
    map_init_arena(&secrets, arena);
    int r = fence_secrets_read(asking->session->store, arena, device->name, &secrets, &err);
    if (r == 0) {
        r = fence_agent_status(arena, device, &secrets, node, NULL, &err);
    }
    if (r < 0) {
        cli_warn(asking->cli, "fence device '%s' does not say whether node '%s' is off: %s",
                 device->name, node, err.text);
    }
    return r;
}

static bool node_is_on(const struct asking *asking, const char *node)
{
    const struct fence_device **devices;
    size_t count;
    fence_config_devices_of(asking->cli->arena, asking->config, node, &devices, &count);
    for (size_t i = 0; i < count; i++) {
        if (device_ask(asking, devices[i], node) == FENCE_POWER_ON) {
            return true;
        }
    }
    return false;
}

void fence_power_ask(struct cli *cli, const struct session *session, struct json *request)
{
    struct fence_config *config;
    struct member_list members;
    struct error err = {0};
    int r = fence_config_read(session->store, cli->arena, &config, NULL, &err);
    if (r == 0) {
        r = membership_get(session->membership, cli->arena, &members, &err);
    }
    if (r < 0) {
        cli_warn(cli, "the fence devices cannot be asked: %s", err.text);
        return;
    }
    struct asking asking = {.cli = cli, .session = session, .config = config};
    struct json *on = json_new_array(cli->arena);
    for (size_t i = 0; i < members.count; i++) {
        const char *node = members.members[i].node;
        bool asked = !members.members[i].online && strcmp(node, session->node) != 0;
        if (asked && node_is_on(&asking, node)) {
            json_append(on, json_new_string(cli->arena, node));
        }
    }
    json_put(request, "on", on);
}
