// SPDX-License-Identifier: Apache-2.0
// Any bytes as fence devices, as secrets and as an agent's metadata: what is read is written, and
// that reads again as the same bytes.
#include <assert.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/model/fence_config.h"
#include "common/model/fence_metadata.h"
#include "tests/fuzz/fuzz.h"

static void fuzz_config(struct arena *arena, const char *text)
{
    struct fence_config *config = NULL;
    if (fence_config_parse(arena, text, &config, NULL) < 0) {
        assert(config == NULL);
        return;
    }
    map_each (e, &config->devices) {
        const struct fence_device *device = e->value;
        assert(device->level >= 1);
        assert(device->level <= FENCE_LEVEL_MAX);
        assert(device->timeout_s >= 1);
        assert(device->nodes.count > 0);
        assert(strchr(device->agent, '/') == NULL);
    }
    const char *written = fence_config_format(arena, config);
    int r = fence_config_parse(arena, written, &config, NULL);
    assert(r == 0);
    assert(strcmp(fence_config_format(arena, config), written) == 0);
}

static void fuzz_secrets(struct arena *arena, const char *text)
{
    struct map secrets;
    struct map again;
    map_init_arena(&secrets, arena);
    map_init_arena(&again, arena);
    if (fence_secrets_parse(arena, text, &secrets, NULL) < 0) {
        return;
    }
    const char *written = fence_secrets_format(arena, &secrets);
    int r = fence_secrets_parse(arena, written, &again, NULL);
    assert(r == 0);
    assert(strcmp(fence_secrets_format(arena, &again), written) == 0);
}

static void fuzz_metadata(struct arena *arena, const char *text)
{
    struct fence_metadata metadata;
    struct fence_device *device = fence_device_new(arena, "d1");
    device->agent = "fence_x";
    map_put(&device->nodes, "n1", NULL);
    map_put(&device->params, "colour", arena_strdup(arena, "red"));
    if (fence_metadata_parse(arena, text, &metadata, NULL) == 0) {
        assert(metadata.parameters.count > 0);
        ignore_result(fence_metadata_check(arena, &metadata, device, NULL, NULL));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    const char *text = arena_memdup(arena, data, size_bytes);
    fuzz_config(arena, text);
    fuzz_secrets(arena, text);
    fuzz_metadata(arena, text);
    return 0;
}
