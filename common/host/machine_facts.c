// SPDX-License-Identifier: Apache-2.0
// From /proc, uname(2) and statvfs(3).
#include "common/host/machine_facts.h"

#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/map.h"
#include "common/base/parse.h"
#include "common/host/file.h"

enum { FACTS_FILE_MAX = 4 * 1024 * 1024, FACTS_KIB = 1024 };
// Columns of the first line of /proc/stat, its name being the first.
enum { FACTS_STAT_IDLE = 4, FACTS_STAT_IOWAIT = 5, FACTS_STAT_STEAL = 8 };

static const char *facts_file(struct arena *arena, const char *path)
{
    char *text = NULL;
    size_t size = 0;
    return file_read(arena, path, FACTS_FILE_MAX, &text, &size, NULL) == 0 ? text : "";
}

// "Name:   123 kB" of the line that begins with the name: 0, or -EINVAL when there is none.
static int facts_find_kib(struct arena *arena, const char *text, const char *name, int64_t *ret)
{
    size_t length = strlen(name);
    for (const char *line = text; *line != '\0';) {
        size_t size = strcspn(line, "\n");
        if (strncmp(line, name, length) == 0 && line[length] == ':') {
            struct parse_words words =
                parse_list(arena, arena_memdup(arena, line + length + 1, size - length - 1));
            int64_t kib = 0;
            if (words.count == 0 ||
                parse_int64(words.words[0], 0, INT64_MAX / FACTS_KIB, &kib) < 0) {
                return -EINVAL;
            }
            *ret = kib * FACTS_KIB;
            return 0;
        }
        line += size + (line[size] == '\n' ? 1 : 0);
    }
    return -EINVAL;
}

static int64_t facts_kib(struct arena *arena, const char *text, const char *name)
{
    int64_t bytes = 0;
    return facts_find_kib(arena, text, name, &bytes) == 0 ? bytes : 0;
}

void machine_facts_parse_meminfo(struct arena *arena, const char *text, struct machine_facts *ret)
{
    ret->mem_total_bytes = facts_kib(arena, text, "MemTotal");
    ret->mem_free_bytes = facts_kib(arena, text, "MemFree");
    ret->mem_available_bytes = facts_kib(arena, text, "MemAvailable");
    ret->swap_total_bytes = facts_kib(arena, text, "SwapTotal");
    ret->swap_free_bytes = facts_kib(arena, text, "SwapFree");
}

int machine_memory_parse(const char *text, int64_t *ret_total_bytes, int64_t *ret_available_bytes)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    int64_t total = 0;
    int64_t available = 0;
    if (facts_find_kib(arena, text, "MemTotal", &total) < 0 ||
        facts_find_kib(arena, text, "MemAvailable", &available) < 0 || available > total) {
        return -EINVAL;
    }
    *ret_total_bytes = total;
    *ret_available_bytes = available;
    return 0;
}

int machine_memory_read(int64_t *ret_total_bytes, int64_t *ret_available_bytes, struct error *err)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    const char *text = facts_file(arena, "/proc/meminfo");
    return machine_memory_parse(text, ret_total_bytes, ret_available_bytes) < 0
               ? error_set(err, -EIO, "cannot read /proc/meminfo")
               : 0;
}

// The text behind the colon of a line "key : value" whose key is this one, or NULL.
static const char *facts_value(struct arena *arena, const char *line, size_t size, const char *key)
{
    size_t length = strlen(key);
    if (size <= length || strncmp(line, key, length) != 0) {
        return NULL;
    }
    size_t at = length + strspn(line + length, " \t");
    if (at >= size || line[at] != ':') {
        return NULL;
    }
    at++;
    at += at < size ? strspn(line + at, " \t") : 0;
    return at <= size ? arena_memdup(arena, line + at, size - at) : NULL;
}

static bool facts_has_word(struct arena *arena, const char *text, const char *word)
{
    struct parse_words words = parse_fields(arena, text);
    for (size_t i = 0; i < words.count; i++) {
        if (strcmp(words.words[i], word) == 0) {
            return true;
        }
    }
    return false;
}

void machine_facts_parse_cpuinfo(struct arena *arena, const char *text, struct machine_facts *ret)
{
    struct map sockets;
    struct map cores;
    const char *socket = "0";
    map_init_arena(&sockets, arena);
    map_init_arena(&cores, arena);
    ret->cpus = 0;
    ret->cpu_model = ret->cpu_mhz = ret->cpu_flags = "";
    for (const char *line = text; *line != '\0';) {
        size_t size = strcspn(line, "\n");
        const char *value = NULL;
        if (facts_value(arena, line, size, "processor") != NULL) {
            ret->cpus++;
        } else if ((value = facts_value(arena, line, size, "model name")) != NULL) {
            ret->cpu_model = value;
        } else if ((value = facts_value(arena, line, size, "cpu MHz")) != NULL) {
            ret->cpu_mhz = value;
        } else if ((value = facts_value(arena, line, size, "flags")) != NULL) {
            ret->cpu_flags = value;
        } else if ((value = facts_value(arena, line, size, "physical id")) != NULL) {
            socket = value;
            map_put(&sockets, value, arena);
        } else if ((value = facts_value(arena, line, size, "core id")) != NULL) {
            map_put(&cores, arena_printf(arena, "%s/%s", socket, value), arena);
        }
        line += size + (line[size] == '\n' ? 1 : 0);
    }
    ret->sockets = sockets.count > 0 ? (int64_t)sockets.count : 1;
    ret->cores = cores.count > 0 ? (int64_t)cores.count : ret->cpus;
    ret->hardware_virtual = facts_has_word(arena, ret->cpu_flags, "vmx") ||
                            facts_has_word(arena, ret->cpu_flags, "svm");
}

int machine_folder_size(const char *path, int64_t *ret_total_bytes, int64_t *ret_available_bytes)
{
    struct statvfs disk;
    if (statvfs(path, &disk) < 0) {
        return -errno;
    }
    *ret_total_bytes = (int64_t)disk.f_blocks * (int64_t)disk.f_frsize;
    *ret_available_bytes = (int64_t)disk.f_bavail * (int64_t)disk.f_frsize;
    return 0;
}

static void facts_read_load(struct arena *arena, struct machine_facts *facts)
{
    struct parse_words words = parse_list(arena, facts_file(arena, "/proc/loadavg"));
    for (size_t i = 0; i < ARRAY_SIZE(facts->load); i++) {
        facts->load[i] = i < words.count ? words.words[i] : "0.00";
    }
}

static void facts_read_shared(struct arena *arena, struct machine_facts *facts)
{
    struct parse_words words =
        parse_list(arena, facts_file(arena, "/sys/kernel/mm/ksm/pages_sharing"));
    int64_t pages = 0;
    if (words.count > 0 && parse_int64(words.words[0], 0, INT32_MAX, &pages) == 0) {
        facts->shared_bytes = pages * sysconf(_SC_PAGESIZE);
    }
}

void machine_facts_read(struct arena *arena, struct machine_facts *ret)
{
    struct utsname names;
    struct statvfs disk;
    *ret = (struct machine_facts){.kernel = "", .release = "", .version = "", .architecture = ""};
    machine_facts_parse_meminfo(arena, facts_file(arena, "/proc/meminfo"), ret);
    machine_facts_parse_cpuinfo(arena, facts_file(arena, "/proc/cpuinfo"), ret);
    if (ret->cpus == 0) {
        ret->cpus = ret->cores = sysconf(_SC_NPROCESSORS_ONLN);
    }
    facts_read_load(arena, ret);
    facts_read_shared(arena, ret);
    if (uname(&names) == 0) {
        ret->kernel = arena_strdup(arena, names.sysname);
        ret->release = arena_strdup(arena, names.release);
        ret->version = arena_strdup(arena, names.version);
        ret->architecture = arena_strdup(arena, names.machine);
    }
    if (statvfs("/", &disk) == 0) {
        int64_t unit = (int64_t)disk.f_frsize;
        ret->disk_total_bytes = (int64_t)disk.f_blocks * unit;
        ret->disk_free_bytes = (int64_t)disk.f_bfree * unit;
        ret->disk_available_bytes = (int64_t)disk.f_bavail * unit;
    }
    ret->efi = access("/sys/firmware/efi", F_OK) == 0;
}

int machine_ticks_parse(const char *text, struct machine_ticks *ret)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct machine_ticks ticks = {0};
    struct parse_words words = parse_fields(arena, arena_memdup(arena, text, strcspn(text, "\n")));
    if (words.count <= FACTS_STAT_IOWAIT || strcmp(words.words[0], "cpu") != 0) {
        return -EINVAL;
    }
    for (size_t i = 1; i < words.count && i <= FACTS_STAT_STEAL; i++) {
        int64_t value = 0;
        if (parse_int64(words.words[i], 0, INT64_MAX / FACTS_STAT_STEAL, &value) < 0) {
            return -EINVAL;
        }
        ticks.total += value;
        ticks.wait += i == FACTS_STAT_IOWAIT ? value : 0;
        ticks.busy += i == FACTS_STAT_IDLE || i == FACTS_STAT_IOWAIT ? 0 : value;
    }
    *ret = ticks;
    return 0;
}

int machine_ticks_read(struct machine_ticks *ret, struct error *err)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    return machine_ticks_parse(facts_file(arena, "/proc/stat"), ret) < 0
               ? error_set(err, -EIO, "cannot read /proc/stat")
               : 0;
}
