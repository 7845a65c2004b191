// SPDX-License-Identifier: Apache-2.0
// The chronicle as text: "epochs EPOCH SESSION LAST QUORUM EXPECTED FLAGS …".
#include "cluster/replica/chronicle.h"

#include <inttypes.h>
#include <string.h>

#include "cluster/replica/replica.h"
#include "common/base/arena.h"
#include "common/base/parse.h"
#include "common/base/strbuf.h"

enum { FLAG_DEVICE = 1, FLAG_UNSURE = 2 };

// The number at the position, which moves on; false at the end or at a word.
static bool fields_take(const struct parse_words *fields, size_t *position, uint64_t *ret_number)
{
    if (*position >= fields->count || parse_uint64(fields->words[*position], ret_number) < 0) {
        return false;
    }
    (*position)++;
    return true;
}

static bool fields_take_word(const struct parse_words *fields, size_t *position, const char *word)
{
    if (*position >= fields->count || strcmp(fields->words[*position], word) != 0) {
        return false;
    }
    (*position)++;
    return true;
}

static bool epoch_take(const struct parse_words *fields, size_t *position,
                       struct chronicle_epoch *ret)
{
    uint64_t quorum = 0;
    uint64_t expected = 0;
    uint64_t flags = 0;
    struct chronicle_epoch epoch = {0};
    if (!fields_take(fields, position, &epoch.epoch) ||
        !fields_take(fields, position, &epoch.session) ||
        !fields_take(fields, position, &epoch.last_version) ||
        !fields_take(fields, position, &quorum) || !fields_take(fields, position, &expected) ||
        !fields_take(fields, position, &flags) || quorum > UINT32_MAX || expected > UINT32_MAX) {
        return false;
    }
    epoch.quorum = (uint32_t)quorum;
    epoch.expected = (uint32_t)expected;
    epoch.device = (flags & FLAG_DEVICE) != 0;
    epoch.unsure = (flags & FLAG_UNSURE) != 0;
    *ret = epoch;
    return true;
}

static bool chronicle_parse_fields(struct chronicle *chronicle, const struct parse_words *fields)
{
    size_t at = 0;
    if (!fields_take_word(fields, &at, "epochs")) {
        return false;
    }
    while (chronicle->epochs_count < CHRONICLE_EPOCHS_MAX && at < fields->count) {
        if (!epoch_take(fields, &at, &chronicle->epochs[chronicle->epochs_count])) {
            return false;
        }
        chronicle->epochs_count++;
    }
    return at == fields->count;
}

void chronicle_parse(struct chronicle *chronicle, struct arena *arena, const char *text)
{
    *chronicle = (struct chronicle){0};
    if (text == NULL) {
        return;
    }
    struct parse_words fields = parse_fields(arena, text);
    if (!chronicle_parse_fields(chronicle, &fields)) {
        *chronicle = (struct chronicle){0};
    }
}

char *chronicle_format(const struct chronicle *chronicle, struct arena *arena)
{
    struct strbuf text;
    strbuf_init(&text);
    strbuf_append(&text, "epochs");
    for (size_t i = 0; i < chronicle->epochs_count; i++) {
        const struct chronicle_epoch *epoch = &chronicle->epochs[i];
        strbuf_appendf(&text, " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu32 " %" PRIu32 " %d",
                       epoch->epoch, epoch->session, epoch->last_version, epoch->quorum,
                       epoch->expected,
                       (epoch->device ? FLAG_DEVICE : 0) | (epoch->unsure ? FLAG_UNSURE : 0));
    }
    char *result = arena_strdup(arena, strbuf_text(&text));
    strbuf_done(&text);
    return result;
}

void chronicle_begin(struct chronicle *chronicle, const struct chronicle_epoch *epoch,
                     uint64_t last_version)
{
    if (chronicle->epochs_count == CHRONICLE_EPOCHS_MAX) {
        memmove(&chronicle->epochs[0], &chronicle->epochs[1],
                (CHRONICLE_EPOCHS_MAX - 1) * sizeof(chronicle->epochs[0]));
        chronicle->epochs_count--;
    }
    if (chronicle->epochs_count > 0) {
        chronicle->epochs[chronicle->epochs_count - 1].last_version = last_version;
    }
    struct chronicle_epoch *added = &chronicle->epochs[chronicle->epochs_count++];
    *added = *epoch;
    added->last_version = 0;
}

struct chronicle_epoch chronicle_last(const struct chronicle *chronicle)
{
    return chronicle->epochs_count > 0 ? chronicle->epochs[chronicle->epochs_count - 1]
                                       : (struct chronicle_epoch){0};
}

static const struct chronicle_epoch *chronicle_find(const struct chronicle *chronicle,
                                                    uint64_t epoch)
{
    for (size_t i = 0; i < chronicle->epochs_count; i++) {
        if (chronicle->epochs[i].epoch == epoch) {
            return &chronicle->epochs[i];
        }
    }
    return NULL;
}

// Whether the history has had that epoch, or one of its time, and does not tell of it any more.
static bool chronicle_has_forgotten(const struct chronicle *chronicle, uint64_t epoch)
{
    return chronicle->epochs_count == CHRONICLE_EPOCHS_MAX && epoch < chronicle->epochs[0].epoch;
}

bool chronicle_covers(const struct chronicle *theirs, uint64_t their_last_version,
                      const struct chronicle *mine, uint64_t version)
{
    const struct chronicle_epoch *ours = chronicle_find(mine, version >> REPLICA_EPOCH_SHIFT);
    if (ours == NULL) {
        return true;
    }
    const struct chronicle_epoch *same = chronicle_find(theirs, ours->epoch);
    if (same == NULL) {
        return chronicle_has_forgotten(theirs, ours->epoch);
    }
    uint64_t last_version = same->last_version > 0 ? same->last_version : their_last_version;
    return same->session == ours->session && version <= last_version;
}

// Where the epoch ends in a history that ends with `last_version`.
static uint64_t epoch_end(const struct chronicle_epoch *epoch, uint64_t last_version)
{
    return epoch->last_version > 0 ? epoch->last_version : last_version;
}

// Whether those who went on with `theirs` after the common epoch must have known all that was
// confirmed in it: one of them was among any who could have confirmed something.
static bool successors_knew(const struct chronicle *theirs, const struct chronicle_epoch *common)
{
    for (size_t i = 0; i < theirs->epochs_count; i++) {
        const struct chronicle_epoch *next = &theirs->epochs[i];
        if (next->epoch > common->epoch) {
            uint32_t expected =
                common->expected > next->expected ? common->expected : next->expected;
            return !next->unsure && (uint64_t)next->quorum + common->quorum > expected;
        }
    }
    return true;
}

enum chronicle_loss chronicle_compare(const struct chronicle *mine, uint64_t my_last_version,
                                      const struct chronicle *theirs, uint64_t their_last_version)
{
    for (size_t i = mine->epochs_count; i > 0; i--) {
        const struct chronicle_epoch *ours = &mine->epochs[i - 1];
        const struct chronicle_epoch *same = chronicle_find(theirs, ours->epoch);
        uint64_t our_end = epoch_end(ours, my_last_version);
        if (same != NULL && same->session == ours->session) {
            bool is_longer = our_end > epoch_end(same, their_last_version);
            if (successors_knew(theirs, ours)) {
                return is_longer ? CHRONICLE_LOSS_TAIL : CHRONICLE_LOSS_NONE;
            }
            return is_longer ? CHRONICLE_LOSS_CONFIRMED : CHRONICLE_LOSS_UNKNOWN;
        }
        if (chronicle_has_forgotten(theirs, ours->epoch)) {
            return CHRONICLE_LOSS_NONE; // too long ago to tell
        }
        // An epoch of its own. Its first change is that it began, which alone is nothing.
        if (our_end > ours->epoch << REPLICA_EPOCH_SHIFT) {
            return CHRONICLE_LOSS_CONFIRMED;
        }
    }
    return CHRONICLE_LOSS_NONE;
}
