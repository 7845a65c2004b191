// SPDX-License-Identifier: Apache-2.0
// There are two counts of disks, and neither has all: a group's lacks what is written later, out of
// the memory, where hierarchies are of version 1, and is not there where its controller is not
// used; the processes' lacks those that nobody of the guest waited for. The larger one is shown.
#include "lrm/agents/guest_traffic.h"

#include <ctype.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/parse.h"
#include "common/host/file.h"
#include "common/model/sid.h"
#include "lrm/agents/ct_cgroup.h"

enum {
    TRAFFIC_TEXT_MAX = 64 * 1024,
    TRAFFIC_LINK_MAX = 64,   // "net:[4026531840]"
    TRAFFIC_DEVICE_MAX = 24, // "259:1"
    NETWORK_IN = 0,          // places among a network's numbers
    NETWORK_OUT = 8,
};

// ---- Texts.

// Ends the line at *at and moves on; NULL: there is none.
static const char *line_next(const char **at, size_t *ret_length)
{
    const char *line = *at;
    if (*line == '\0') {
        return NULL;
    }
    *ret_length = strcspn(line, "\n");
    *at = line + *ret_length + (line[*ret_length] == '\n' ? 1 : 0);
    return line;
}

// The digits at `text`, or 0.
static int64_t number_at(const char *text)
{
    int64_t value = 0;
    while (isdigit((unsigned char)*text) && value <= (INT64_MAX - 9) / 10) {
        value = value * 10 + (*text++ - '0');
    }
    return value;
}

// The number after `key` in the line, or 0; `key` follows a blank or begins the line.
static int64_t number_after(const char *line, size_t length, const char *key)
{
    size_t size = strlen(key);
    for (size_t i = 0; i + size < length; i++) {
        if ((i == 0 || line[i - 1] == ' ') && strncmp(line + i, key, size) == 0) {
            return number_at(line + i + size);
        }
    }
    return 0;
}

void guest_traffic_parse_process(const char *text, struct guest_traffic *traffic)
{
    size_t length;
    for (const char *line = line_next(&text, &length); line != NULL;
         line = line_next(&text, &length)) {
        traffic->read_bytes += number_after(line, length, "read_bytes: ");
        traffic->write_bytes += number_after(line, length, "write_bytes: ");
    }
}

void guest_traffic_parse_group(const char *text, bool (*is_stacked)(const char *device),
                               struct guest_traffic *traffic)
{
    size_t length;
    char device[TRAFFIC_DEVICE_MAX];
    for (const char *line = line_next(&text, &length); line != NULL;
         line = line_next(&text, &length)) {
        size_t size = strcspn(line, " \n");
        if (size >= sizeof(device)) {
            continue;
        }
        memcpy(device, line, size);
        device[size] = '\0';
        if (is_stacked(device)) {
            continue;
        }
        traffic->read_bytes += number_after(line, length, "rbytes=");
        traffic->write_bytes += number_after(line, length, "wbytes=");
        traffic->read_bytes += number_after(line, length, "Read ");
        traffic->write_bytes += number_after(line, length, "Write ");
    }
}

static bool name_counts(const char *name, size_t length, const char *prefix)
{
    if (prefix == NULL) {
        return length != 2 || strncmp(name, "lo", length) != 0;
    }
    size_t size = strlen(prefix);
    bool good = length > size && strncmp(name, prefix, size) == 0;
    for (size_t i = size; good && i < length; i++) {
        good = isdigit((unsigned char)name[i]) != 0;
    }
    return good;
}

void guest_traffic_parse_networks(const char *text, const char *prefix,
                                  struct guest_traffic *traffic)
{
    size_t length;
    for (const char *line = line_next(&text, &length); line != NULL;
         line = line_next(&text, &length)) {
        const char *end = line + length;
        const char *colon = memchr(line, ':', length);
        const char *name = line + strspn(line, " ");
        int64_t numbers[NETWORK_OUT + 1] = {0};
        if (colon == NULL || name > colon || !name_counts(name, (size_t)(colon - name), prefix)) {
            continue;
        }
        const char *at = colon + 1;
        for (size_t i = 0; i <= NETWORK_OUT && at < end; i++) {
            at += strspn(at, " ");
            numbers[i] = number_at(at);
            at += strcspn(at, " \n");
        }
        traffic->in_bytes += numbers[prefix == NULL ? NETWORK_IN : NETWORK_OUT];
        traffic->out_bytes += numbers[prefix == NULL ? NETWORK_OUT : NETWORK_IN];
    }
}

// ---- This machine.

// "" when it cannot be read.
static const char *text_of(struct arena *arena, const char *path)
{
    char *text = NULL;
    size_t size = 0;
    return file_read(arena, path, TRAFFIC_TEXT_MAX, &text, &size, NULL) == 0 ? text : "";
}

static bool device_is_stacked(const char *device)
{
    static const char *const kinds[] = {"dm", "md", "loop"};
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        if (access(arena_printf(arena, "/sys/dev/block/%s/%s", device, kinds[i]), F_OK) == 0) {
            return true;
        }
    }
    return false;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static void disks_count(struct arena *arena, const struct ct_cgroup_scan *scan,
                        struct guest_traffic *traffic)
{
    static const char *const files[] = {"io.stat", "blkio.throttle.io_service_bytes_recursive"};
    struct guest_traffic processes = {0};
    for (size_t i = 0; i < scan->pids_count; i++) {
        guest_traffic_parse_process(
            text_of(arena, arena_printf(arena, "/proc/%d/io", (int)scan->pids[i])), &processes);
    }
    traffic->read_bytes = processes.read_bytes;
    traffic->write_bytes = processes.write_bytes;
    // A group's counters include those below it.
    for (size_t i = 0; i < scan->folders_count; i++) {
        for (size_t k = 0; k < ARRAY_SIZE(files); k++) {
            struct guest_traffic group = {0};
            guest_traffic_parse_group(
                text_of(arena, arena_printf(arena, "%s/%s", scan->folders[i], files[k])),
                device_is_stacked, &group);
            traffic->read_bytes = larger(traffic->read_bytes, group.read_bytes);
            traffic->write_bytes = larger(traffic->write_bytes, group.write_bytes);
        }
    }
}

static const char *network_of(struct arena *arena, const char *process)
{
    char text[TRAFFIC_LINK_MAX];
    ssize_t size = readlink(arena_printf(arena, "/proc/%s/ns/net", process), text, sizeof(text));
    return size > 0 ? arena_memdup(arena, text, (size_t)size) : "";
}

// A container without a network of its own uses the node's: nobody knows its part.
static void network_count(struct arena *arena, const struct ct_cgroup_scan *scan,
                          struct guest_traffic *traffic)
{
    const char *pid = arena_printf(arena, "%d", (int)ct_cgroup_init_pid(scan));
    const char *network = network_of(arena, pid);
    if (*network != '\0' && strcmp(network, network_of(arena, "self")) != 0) {
        guest_traffic_parse_networks(text_of(arena, arena_printf(arena, "/proc/%s/net/dev", pid)),
                                     NULL, traffic);
    }
}

static int traffic_scan(struct arena *arena, enum ct_cgroup_kind kind, const char *id,
                        struct ct_cgroup_scan *ret, struct error *err)
{
    struct ct_cgroup_places places;
    int r = ct_cgroup_find(arena, &places, err);
    return r == 0 ? ct_cgroup_scan(arena, &places, kind, id, ret, err) : r;
}

int guest_traffic_of_container(const char *sid, struct guest_traffic *ret, struct error *err)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct guest_traffic traffic = {0};
    struct ct_cgroup_scan scan;
    int r = traffic_scan(arena, CT_CGROUP_PAYLOAD, sid_name(sid), &scan, err);
    if (r < 0) {
        return r;
    }
    if (scan.populated) {
        disks_count(arena, &scan, &traffic);
        network_count(arena, &scan, &traffic);
    }
    *ret = traffic;
    return 0;
}

int guest_traffic_of_machine(const char *sid, struct guest_traffic *ret, struct error *err)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct guest_traffic traffic = {0};
    struct ct_cgroup_scan scan;
    int r = traffic_scan(arena, CT_CGROUP_SERVICE, arena_printf(arena, "%s.vm", sid_name(sid)),
                         &scan, err);
    if (r < 0) {
        return r;
    }
    if (scan.populated) {
        disks_count(arena, &scan, &traffic);
        guest_traffic_parse_networks(text_of(arena, "/proc/self/net/dev"),
                                     arena_printf(arena, "tap%si", sid_name(sid)), &traffic);
    }
    *ret = traffic;
    return 0;
}
