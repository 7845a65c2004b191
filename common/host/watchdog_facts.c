// SPDX-License-Identifier: Apache-2.0
// The file: one line "process PID START" that names its writer for ever, and one for each fact.
#include "common/host/watchdog_facts.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/parse.h"
#include "common/host/config.h"
#include "common/host/file.h"
#include "common/host/machine.h"
#include "common/host/paths.h"

enum { FILE_MAX = 4096, WORDS = 5 };

static char *facts_path(struct arena *arena)
{
    return arena_printf(arena, "%s/watchdogd.device", paths_run_dir());
}

int watchdog_facts_write(const struct watchdog_facts *facts, struct error *err)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    const char *start;
    int r = machine_process_start(arena, getpid(), &start, err);
    if (r < 0) {
        return r;
    }
    const char *text =
        arena_printf(arena, "%s %" PRId64 " %d %s %s\n", facts->soft ? "soft" : "hardware",
                     facts->timeout_ms, (int)getpid(), start, facts->device);
    return file_replace(facts_path(arena), text, strlen(text), 0644, err);
}

int watchdog_facts_read(struct arena *arena, struct watchdog_facts *ret, struct error *err)
{
    char *text;
    size_t size;
    int r = file_read(arena, facts_path(arena), FILE_MAX, &text, &size, err);
    if (r < 0) {
        return r == -ENOENT ? error_set(err, r, "ha-watchdogd does not run") : r;
    }
    text[strcspn(text, "\n")] = '\0';
    struct parse_words words = parse_fields(arena, text);
    int64_t timeout_ms = 0;
    int64_t pid = 0;
    if (words.count != WORDS || parse_int64(words.words[1], 1, INT32_MAX, &timeout_ms) < 0 ||
        parse_int64(words.words[2], 1, INT32_MAX, &pid) < 0) {
        return error_set(err, -EBADMSG, "'%s' makes no sense", facts_path(arena));
    }
    const char *start;
    if (machine_process_start(arena, (pid_t)pid, &start, NULL) < 0 ||
        strcmp(start, words.words[3]) != 0) {
        return error_set(err, -ENOENT, "ha-watchdogd does not run");
    }
    *ret = (struct watchdog_facts){
        .device = words.words[4],
        .soft = strcmp(words.words[0], CONFIG_WATCHDOG_SOFT) == 0,
        .timeout_ms = timeout_ms,
    };
    return 0;
}
