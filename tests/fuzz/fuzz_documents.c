// SPDX-License-Identifier: Apache-2.0
// Any bytes as each of the JSON documents: reading, writing, reading is a fixed point.
#include <assert.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/model/guest.h"
#include "common/model/lrm_status.h"
#include "common/model/manager_status.h"
#include "common/model/service.h"
#include "tests/fuzz/fuzz.h"

static void fuzz_guest(struct arena *arena, const char *data, size_t size_bytes)
{
    struct guest *guest = NULL;
    if (guest_parse(arena, data, size_bytes, &guest, NULL) == 0) {
        const char *text = guest_format(arena, guest);
        int r = guest_parse(arena, text, strlen(text), &guest, NULL);
        assert(r == 0);
        assert(strcmp(guest_format(arena, guest), text) == 0);
    }
}

static void fuzz_service(struct arena *arena, const char *data, size_t size_bytes)
{
    struct service *service = NULL;
    if (service_parse(arena, "ct:100", data, size_bytes, &service, NULL) == 0) {
        const char *text = service_format(arena, service);
        int r = service_parse(arena, "ct:100", text, strlen(text), &service, NULL);
        assert(r == 0);
        assert(strcmp(service_format(arena, service), text) == 0);
    }
}

static void fuzz_manager_status(struct arena *arena, const char *data, size_t size_bytes)
{
    struct manager_status *status = NULL;
    if (manager_status_parse(arena, data, size_bytes, &status, NULL) == 0) {
        const char *text = manager_status_format(arena, status);
        int r = manager_status_parse(arena, text, strlen(text), &status, NULL);
        assert(r == 0);
        assert(strcmp(manager_status_format(arena, status), text) == 0);
    }
}

static void fuzz_lrm_status(struct arena *arena, const char *data, size_t size_bytes)
{
    struct lrm_status *status = NULL;
    if (lrm_status_parse(arena, data, size_bytes, &status, NULL) == 0) {
        const char *text = lrm_status_format(arena, status);
        int r = lrm_status_parse(arena, text, strlen(text), &status, NULL);
        assert(r == 0);
        assert(strcmp(lrm_status_format(arena, status), text) == 0);
    }
}

static void fuzz_lrm_result(struct arena *arena, const char *data, size_t size_bytes)
{
    struct lrm_result *result = NULL;
    if (lrm_result_parse(arena, data, size_bytes, &result, NULL) == 0) {
        const char *text = lrm_result_format(arena, result);
        int r = lrm_result_parse(arena, text, strlen(text), &result, NULL);
        assert(r == 0);
        assert(strcmp(lrm_result_format(arena, result), text) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    const char *text = (const char *)data;
    fuzz_guest(arena, text, size_bytes);
    fuzz_service(arena, text, size_bytes);
    fuzz_manager_status(arena, text, size_bytes);
    fuzz_lrm_status(arena, text, size_bytes);
    fuzz_lrm_result(arena, text, size_bytes);
    return 0;
}
