// SPDX-License-Identifier: Apache-2.0
// Reading and writing the campaign language: lines, times, the cluster's line. What words a step
// takes is in campaign_words.c.
#include "sim/swarm/campaign.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/map.h"
#include "common/base/parse.h"
#include "common/base/strbuf.h"
#include "sim/swarm/campaign_words.h"

enum {
    CAMPAIGN_AT_MAX_MS = INT32_MAX, // some 24 days between two settles
    CAMPAIGN_DRIFT_PPM_MAX = 1000,  // ρ
};

struct campaign_reader {
    struct arena *arena;
    struct campaign *campaign;
    struct campaign_names names;
    size_t capacity;
    int64_t last_ms;
    bool has_cluster;
};

int campaign_parse_seconds(const char *word, int64_t max_ms, int64_t *ret_ms)
{
    char whole[24];
    int64_t seconds = 0;
    int64_t fraction = 0;
    const char *point = strchr(word, '.');
    size_t length = point != NULL ? (size_t)(point - word) : strlen(word);
    if (length == 0 || length >= sizeof(whole) || word[0] < '0' || word[0] > '9') {
        return -EINVAL;
    }
    memcpy(whole, word, length);
    whole[length] = '\0';
    int r = parse_int64(whole, 0, INT32_MAX, &seconds);
    if (r < 0) {
        return r;
    }
    if (point != NULL) {
        size_t digits = strlen(point + 1);
        if (digits < 1 || digits > 3 || strspn(point + 1, "0123456789") != digits) {
            return -EINVAL;
        }
        for (size_t i = 0; i < 3; i++) {
            fraction = fraction * 10 + (i < digits ? point[1 + i] - '0' : 0);
        }
    }
    if (seconds * 1000 + fraction > max_ms) {
        return -ERANGE;
    }
    *ret_ms = seconds * 1000 + fraction;
    return 0;
}

bool campaign_step_is(const struct campaign_step *step, const char *verb)
{
    return step->count > 0 && strcmp(step->words[0], verb) == 0;
}

// --- the cluster's line --------------------------------------------------------------------------

enum campaign_key {
    CAMPAIGN_KEY_NODES,
    CAMPAIGN_KEY_SERVICES,
    CAMPAIGN_KEY_PROFILE,
    CAMPAIGN_KEY_SEED, // the first four must be there
    CAMPAIGN_KEY_DRIFT,
    CAMPAIGN_KEY_DEVICES,
    CAMPAIGN_KEY_LEASE_LOSS,
    CAMPAIGN_KEY_MAX
};
ENUM_TABLE_DECLARE(campaign_key);
ENUM_TABLE(campaign_key, CAMPAIGN_KEY_MAX, [CAMPAIGN_KEY_NODES] = "nodes",
           [CAMPAIGN_KEY_SERVICES] = "services", [CAMPAIGN_KEY_PROFILE] = "profile",
           [CAMPAIGN_KEY_SEED] = "seed", [CAMPAIGN_KEY_DRIFT] = "drift",
           [CAMPAIGN_KEY_DEVICES] = "fence-devices", [CAMPAIGN_KEY_LEASE_LOSS] = "lease-loss");

static int campaign_set_number(const char *key, const char *value, int64_t min, int64_t max,
                               int64_t *ret, struct error *err)
{
    if (parse_int64(value, min, max, ret) < 0) {
        return error_set(err, -EINVAL,
                         "%s: expected a number from %" PRId64 " to %" PRId64 ", not '%s'", key,
                         min, max, value);
    }
    return 0;
}

static int campaign_set_profile(struct campaign_cluster *cluster, const char *value,
                                struct error *err)
{
    if (timing_profile_from_string(value, &cluster->profile) < 0 ||
        cluster->profile == TIMING_PROFILE_CLASSIC) {
        return error_set(err, -EINVAL, "profile: expected fast, balanced or patient, not '%s'",
                         value);
    }
    return 0;
}

static int campaign_set_choice(const char *key, const char *value, const char *no, const char *yes,
                               bool *ret, struct error *err)
{
    if (strcmp(value, no) != 0 && strcmp(value, yes) != 0) {
        return error_set(err, -EINVAL, "%s: expected %s or %s, not '%s'", key, no, yes, value);
    }
    *ret = strcmp(value, yes) == 0;
    return 0;
}

static int campaign_set(struct campaign_cluster *cluster, enum campaign_key key, const char *value,
                        struct error *err)
{
    const char *name = campaign_key_to_string(key);
    switch (key) {
    case CAMPAIGN_KEY_NODES:
        return campaign_set_number(name, value, 1, CAMPAIGN_NODES_MAX, &cluster->nodes, err);
    case CAMPAIGN_KEY_SERVICES:
        return campaign_set_number(name, value, 0, CAMPAIGN_SERVICES_MAX, &cluster->services, err);
    case CAMPAIGN_KEY_PROFILE:
        return campaign_set_profile(cluster, value, err);
    case CAMPAIGN_KEY_SEED:
        return parse_uint64(value, &cluster->seed) < 0
                   ? error_set(err, -EINVAL, "seed: expected a number, not '%s'", value)
                   : 0;
    case CAMPAIGN_KEY_DRIFT:
        return campaign_set_number(name, value, 0, CAMPAIGN_DRIFT_PPM_MAX, &cluster->drift_ppm_max,
                                   err);
    case CAMPAIGN_KEY_DEVICES:
        return campaign_set_choice(name, value, "off", "on", &cluster->has_fence_devices, err);
    case CAMPAIGN_KEY_LEASE_LOSS:
        return campaign_set_choice(name, value, "stop", "reset", &cluster->lease_loss_resets, err);
    case CAMPAIGN_KEY_MAX:
        break;
    }
    return error_set(err, -EINVAL, "no such key");
}

static int campaign_read_cluster(struct campaign_reader *reader, const struct parse_words *words,
                                 struct error *err)
{
    struct campaign_cluster *cluster = &reader->campaign->cluster;
    bool seen[CAMPAIGN_KEY_MAX] = {false};
    if (strcmp(words->words[0], "cluster") != 0) {
        return error_set(err, -EINVAL,
                         "the first line must be 'cluster nodes N services N profile P seed N', "
                         "not '%s …'",
                         words->words[0]);
    }
    for (size_t i = 1; i < words->count; i += 2) {
        enum campaign_key key = CAMPAIGN_KEY_MAX;
        if (campaign_key_from_string(words->words[i], &key) < 0) {
            struct strbuf list CLEANUP(strbuf_done) = {0};
            enum_table_list(&campaign_key_table, &list);
            return error_set(err, -EINVAL, "unknown word '%s'; allowed are %s", words->words[i],
                             strbuf_text(&list));
        }
        if (seen[key] || i + 1 == words->count) {
            return error_set(err, -EINVAL, "%s: %s", words->words[i],
                             seen[key] ? "given twice" : "a value is missing");
        }
        seen[key] = true;
        int r = campaign_set(cluster, key, words->words[i + 1], err);
        if (r < 0) {
            return r;
        }
    }
    for (enum campaign_key key = CAMPAIGN_KEY_NODES; key <= CAMPAIGN_KEY_SEED; key++) {
        if (!seen[key]) {
            return error_set(err, -EINVAL, "'%s' is missing", campaign_key_to_string(key));
        }
    }
    reader->has_cluster = true;
    campaign_names_init(&reader->names, reader->arena, cluster);
    return 0;
}

// --- steps ---------------------------------------------------------------------------------------

static void campaign_append(struct campaign_reader *reader, const struct campaign_step *step)
{
    struct campaign *campaign = reader->campaign;
    if (campaign->count == reader->capacity) {
        size_t capacity = reader->capacity > 0 ? 2 * reader->capacity : 16;
        struct campaign_step *steps = arena_array_of(reader->arena, struct campaign_step, capacity);
        if (campaign->count > 0) {
            memcpy(steps, campaign->steps, campaign->count * sizeof(*steps));
        }
        campaign->steps = steps;
        reader->capacity = capacity;
    }
    campaign->steps[campaign->count++] = *step;
}

static int campaign_read_step(struct campaign_reader *reader, const struct parse_words *words,
                              struct error *err)
{
    struct campaign_step step = {0};
    if (campaign_parse_seconds(words->words[0], CAMPAIGN_AT_MAX_MS, &step.at_ms) < 0) {
        return error_set(err, -EINVAL,
                         "expected a time in seconds, such as 12 or 12.500, up to %d, not '%s'",
                         CAMPAIGN_AT_MAX_MS / 1000, words->words[0]);
    }
    if (step.at_ms < reader->last_ms) {
        return error_set(err, -EINVAL, "%s is before the step above", words->words[0]);
    }
    if (words->count < 2 || words->count - 1 > CAMPAIGN_WORDS_MAX) {
        return error_set(err, -EINVAL, "expected a step of 1 to %d words behind the time",
                         CAMPAIGN_WORDS_MAX);
    }
    if (reader->campaign->count == CAMPAIGN_STEPS_MAX) {
        return error_set(err, -EINVAL, "more than %d steps", CAMPAIGN_STEPS_MAX);
    }
    step.count = words->count - 1;
    memcpy(step.words, words->words + 1, step.count * sizeof(step.words[0]));
    int r = campaign_words_check(reader->arena, &reader->names, &step, err);
    if (r < 0) {
        return r;
    }
    reader->last_ms = campaign_step_is(&step, "settle") ? 0 : step.at_ms;
    campaign_append(reader, &step);
    return 0;
}

static int campaign_read_line(struct campaign_reader *reader, char *line, struct error *err)
{
    char *comment = strchr(line, '#');
    if (comment != NULL) {
        *comment = '\0';
    }
    struct parse_words words = parse_fields(reader->arena, line);
    if (words.count == 0) {
        return 0;
    }
    return reader->has_cluster ? campaign_read_step(reader, &words, err)
                               : campaign_read_cluster(reader, &words, err);
}

int campaign_parse(struct arena *arena, const char *text, struct campaign **ret, struct error *err)
{
    struct campaign_reader reader = {.arena = arena,
                                     .campaign = arena_new_of(arena, struct campaign)};
    size_t number = 0;
    for (const char *at = text; *at != '\0';) {
        size_t length = strcspn(at, "\n");
        char *line = arena_memdup(arena, at, length);
        int r = campaign_read_line(&reader, line, err);
        number++;
        if (r < 0) {
            return error_prefix(err, "line %zu", number);
        }
        at += length + (at[length] == '\n' ? 1 : 0);
    }
    const struct campaign *campaign = reader.campaign;
    if (!reader.has_cluster) {
        return error_set(err, -EINVAL, "the line 'cluster …' is missing");
    }
    if (campaign->count == 0 ||
        !campaign_step_is(&campaign->steps[campaign->count - 1], "settle")) {
        return error_set(err, -EINVAL, "the last step must be 'settle'");
    }
    *ret = reader.campaign;
    return 0;
}

// --- writing -------------------------------------------------------------------------------------

void campaign_step_format(const struct campaign_step *step, struct strbuf *out)
{
    for (size_t i = 0; i < step->count; i++) {
        strbuf_appendf(out, "%s%s", i > 0 ? " " : "", step->words[i]);
    }
}

void campaign_format(const struct campaign *campaign, struct strbuf *out)
{
    const struct campaign_cluster *cluster = &campaign->cluster;
    strbuf_appendf(out, "cluster nodes %" PRId64 " services %" PRId64 " profile %s seed %" PRIu64,
                   cluster->nodes, cluster->services, timing_profile_to_string(cluster->profile),
                   cluster->seed);
    if (cluster->drift_ppm_max > 0) {
        strbuf_appendf(out, " drift %" PRId64, cluster->drift_ppm_max);
    }
    strbuf_append(out, cluster->has_fence_devices ? " fence-devices on" : "");
    strbuf_append(out, cluster->lease_loss_resets ? " lease-loss reset" : "");
    strbuf_append_char(out, '\n');
    for (size_t i = 0; i < campaign->count; i++) {
        const struct campaign_step *step = &campaign->steps[i];
        strbuf_appendf(out, "%" PRId64, step->at_ms / 1000);
        if (step->at_ms % 1000 != 0) {
            strbuf_appendf(out, ".%03d", (int)(step->at_ms % 1000));
        }
        strbuf_append_char(out, ' ');
        campaign_step_format(step, out);
        strbuf_append_char(out, '\n');
    }
}
