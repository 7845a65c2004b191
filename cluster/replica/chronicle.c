// SPDX-License-Identifier: Apache-2.0
// The chronicle as text: "quorum N expected N epochs EPOCH SESSION LAST …".
#include "cluster/replica/chronicle.h"

#include <inttypes.h>
#include <string.h>

#include "cluster/replica/replica.h"
#include "common/base/arena.h"
#include "common/base/parse.h"
#include "common/base/strbuf.h"

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

static bool chronicle_parse_fields(struct chronicle *chronicle, const struct parse_words *fields)
{
    size_t at = 0;
    uint64_t number = 0;
    if (!fields_take_word(fields, &at, "quorum") || !fields_take(fields, &at, &number)) {
        return false;
    }
    chronicle->quorum = (uint32_t)number;
    if (!fields_take_word(fields, &at, "expected") || !fields_take(fields, &at, &number)) {
        return false;
    }
    chronicle->expected = (uint32_t)number;
    if (!fields_take_word(fields, &at, "epochs")) {
        return false;
    }
    struct chronicle_epoch epoch;
    while (chronicle->epochs_count < CHRONICLE_EPOCHS_MAX &&
           fields_take(fields, &at, &epoch.epoch)) {
        if (!fields_take(fields, &at, &epoch.session) ||
            !fields_take(fields, &at, &epoch.last_version)) {
            return false;
        }
        chronicle->epochs[chronicle->epochs_count++] = epoch;
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
    strbuf_appendf(&text, "quorum %" PRIu32 " expected %" PRIu32 " epochs", chronicle->quorum,
                   chronicle->expected);
    for (size_t i = 0; i < chronicle->epochs_count; i++) {
        const struct chronicle_epoch *epoch = &chronicle->epochs[i];
        strbuf_appendf(&text, " %" PRIu64 " %" PRIu64 " %" PRIu64, epoch->epoch, epoch->session,
                       epoch->last_version);
    }
    char *result = arena_strdup(arena, strbuf_text(&text));
    strbuf_done(&text);
    return result;
}

void chronicle_begin(struct chronicle *chronicle, uint64_t epoch, uint64_t session,
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
    chronicle->epochs[chronicle->epochs_count++] =
        (struct chronicle_epoch){.epoch = epoch, .session = session};
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

bool chronicle_covers(const struct chronicle *theirs, uint64_t their_last_version,
                      const struct chronicle *mine, uint64_t version)
{
    const struct chronicle_epoch *ours = chronicle_find(mine, version >> REPLICA_EPOCH_SHIFT);
    if (ours == NULL) {
        return true;
    }
    const struct chronicle_epoch *same = chronicle_find(theirs, ours->epoch);
    if (same == NULL) {
        // Forgotten there, or never begun.
        return theirs->epochs_count > 0 && ours->epoch < theirs->epochs[0].epoch;
    }
    uint64_t last_version = same->last_version > 0 ? same->last_version : their_last_version;
    return same->session == ours->session && version <= last_version;
}
