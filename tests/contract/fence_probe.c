// SPDX-License-Identifier: Apache-2.0
// fence_probe ACTION NODE KEY=SECRET: one action of the first fence device of the configuration on
// standard input; prints "on", "off", "ok" or "failed", and what was said. Action "check" compares
// the device with its agent's metadata. For shell tests of real agents.
#include <stdio.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/host/fence_agent.h"
#include "common/model/fence_config.h"
#include "common/model/fence_metadata.h"

enum { INPUT_MAX = 64 * 1024 };

static int probe(struct arena *arena, const struct fence_device *device, const char *action,
                 const char *node, const struct map *secrets, struct fence_answer *ret,
                 struct error *err)
{
    struct fence_metadata metadata;
    int64_t timeout_ms = device->timeout_s * 1000;
    if (strcmp(action, "off") == 0) {
        return fence_agent_off(arena, device, secrets, node, ret, err);
    }
    if (strcmp(action, "on") == 0) {
        return fence_agent_run(arena, device, secrets, node, FENCE_ACTION_ON, timeout_ms, ret, err);
    }
    if (strcmp(action, "status") == 0) {
        return fence_agent_status(arena, device, secrets, node, ret, err);
    }
    if (strcmp(action, "monitor") == 0) {
        return fence_agent_run(arena, device, secrets, NULL, FENCE_ACTION_MONITOR, timeout_ms, ret,
                               err);
    }
    int r = fence_agent_metadata(arena, device->agent, &metadata, err);
    r = r == 0 ? fence_metadata_check(arena, &metadata, device, secrets, err) : r;
    return r == 0 ? FENCE_POWER_DONE : r;
}

int main(int argc, char **argv)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct fence_config *config = NULL;
    struct error err = {0};
    struct fence_answer answer = {.words = ""};
    struct map secrets;
    char *text = arena_alloc(arena, INPUT_MAX + 1);
    map_init_arena(&secrets, arena);
    if (argc != 4 || fread(text, 1, INPUT_MAX, stdin) == 0) {
        return 2;
    }
    if (fence_config_parse(arena, text, &config, &err) < 0 || config->devices.count == 0 ||
        fence_secrets_parse(arena, argv[3], &secrets, &err) < 0) {
        printf("failed %s\n", err.text);
        return 2;
    }
    int r =
        probe(arena, config->devices.entries[0].value, argv[1], argv[2], &secrets, &answer, &err);
    printf("%s %s\n",
           r < 0                  ? "failed"
           : r == FENCE_POWER_ON  ? "on"
           : r == FENCE_POWER_OFF ? "off"
                                  : "ok",
           r < 0 ? err.text : answer.words);
    return r < 0 ? 1 : 0;
}
