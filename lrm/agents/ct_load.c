// SPDX-License-Identifier: Apache-2.0
// The counters' files have other names and units in cgroup v1 (one hierarchy for each controller)
// and v2. A group's counters include those below it, so that the largest is the container's.
#include "lrm/agents/ct_load.h"

#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/parse.h"
#include "common/host/file.h"
#include "common/model/sid.h"

enum { CT_LOAD_TEXT_MAX = 64 * 1024, CT_LOAD_NS_PER_US = 1000 };

// The number after `key` at the start of a line, or the file's only number when key is "". 0 when
// there is none.
static int64_t ct_load_number(struct arena *arena, const char *folder, const char *file,
                              const char *key)
{
    char *text = NULL;
    size_t size = 0;
    if (file_read(arena, arena_printf(arena, "%s/%s", folder, file), CT_LOAD_TEXT_MAX, &text, &size,
                  NULL) < 0) {
        return 0;
    }
    struct parse_words words = parse_list(arena, text);
    size_t at = 0;
    while (*key != '\0' && at < words.count && strcmp(words.words[at], key) != 0) {
        at++;
    }
    at += *key != '\0' ? 1 : 0;
    int64_t value = 0;
    return at < words.count && parse_int64(words.words[at], 0, INT64_MAX, &value) == 0 ? value : 0;
}

static void ct_load_max(int64_t *value, int64_t candidate)
{
    *value = candidate > *value ? candidate : *value;
}

int ct_load_read(const char *sid, bool *ret_running, int64_t *ret_cpu_us, int64_t *ret_mem_bytes,
                 struct error *err)
{
    return ct_load_read_group(CT_CGROUP_PAYLOAD, sid_name(sid), ret_running, ret_cpu_us,
                              ret_mem_bytes, err);
}

int ct_load_read_group(enum ct_cgroup_kind kind, const char *id, bool *ret_running,
                       int64_t *ret_cpu_us, int64_t *ret_mem_bytes, struct error *err)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct ct_cgroup_places places;
    struct ct_cgroup_scan scan;
    int r = ct_cgroup_find(arena, &places, err);
    if (r == 0) {
        r = ct_cgroup_scan(arena, &places, kind, id, &scan, err);
    }
    if (r < 0) {
        return r;
    }
    int64_t cpu_us = 0;
    int64_t mem_bytes = 0;
    for (size_t i = 0; scan.populated && i < scan.folders_count; i++) {
        const char *folder = scan.folders[i];
        ct_load_max(&cpu_us,
                    ct_load_number(arena, folder, "cpuacct.usage", "") / CT_LOAD_NS_PER_US);
        ct_load_max(&cpu_us, ct_load_number(arena, folder, "cpu.stat", "usage_usec"));
        ct_load_max(&mem_bytes, ct_load_number(arena, folder, "memory.usage_in_bytes", ""));
        ct_load_max(&mem_bytes, ct_load_number(arena, folder, "memory.current", ""));
    }
    *ret_running = scan.populated;
    *ret_cpu_us = cpu_us;
    *ret_mem_bytes = mem_bytes;
    return 0;
}
