// SPDX-License-Identifier: Apache-2.0
// Batches of commands, one after the other. When the next one is due is decided by the run loop.
#include "sim/sim_script.h"

#include <errno.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/parse.h"
#include "sim/scenario.h"
#include "sim/sim_command.h"

enum { SIM_SECOND_MS = 1000, SIM_DELAY_MAX_S = 10000, SIM_SKIPS_MAX = 100000 };

static int sim_script_delay(struct sim_script *script, const struct parse_words *words,
                            struct error *err)
{
    int64_t seconds = 0;
    if (words->count != 2 || parse_int64(words->words[1], 0, SIM_DELAY_MAX_S, &seconds) < 0) {
        return error_set(err, -EINVAL, "expected 'delay <seconds>'");
    }
    script->delayed_until_ms = script->world->now_ms + seconds * SIM_SECOND_MS;
    return 0;
}

static int sim_script_skip(struct sim_script *script, const struct parse_words *words,
                           struct error *err)
{
    int64_t rounds = 1;
    if (words->count < 2 || words->count > 3 ||
        (strcmp(words->words[1], "crm") != 0 && strcmp(words->words[1], "lrm") != 0) ||
        (words->count == 3 && parse_int64(words->words[2], 1, SIM_SKIPS_MAX, &rounds) < 0)) {
        return error_set(err, -EINVAL, "expected 'skip-round crm|lrm [<rounds>]'");
    }
    bool crm = strcmp(words->words[1], "crm") == 0;
    script->skips[crm ? SIM_DAEMON_CRM : SIM_DAEMON_LRM] += rounds;
    return 0;
}

static int sim_script_command(struct sim_script *script, const char *text, struct error *err)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    const struct parse_words words = parse_fields(arena, text);
    bool delay = words.count > 0 && strcmp(words.words[0], "delay") == 0;
    bool skip = words.count > 0 && strcmp(words.words[0], "skip-round") == 0;
    if (!delay && !skip) {
        return sim_command_run(script->world, "cmdlist", text, err);
    }
    sim_world_emit_hardware(script->world, "hardware-command", "text", text, "actor", "cmdlist",
                            (const char *)NULL);
    int r = delay ? sim_script_delay(script, &words, err) : sim_script_skip(script, &words, err);
    return r < 0 ? error_prefix(err, "'%s'", text) : 0;
}

int sim_script_run_batch(struct sim_script *script, struct error *err)
{
    if (script->next_batch == script->scenario->batches_count) {
        script->ended = script->world->now_ms - script->last_command_ms > script->world->quiet_ms;
        return 0;
    }
    const struct scenario_batch *batch = &script->scenario->batches[script->next_batch++];
    for (size_t i = 0; i < batch->count; i++) {
        script->last_command_ms = script->world->now_ms;
        int r = sim_script_command(script, batch->commands[i], err);
        if (r < 0) {
            return error_prefix(err, "cmdlist: batch %zu, command %zu", script->next_batch, i + 1);
        }
    }
    return 0;
}
