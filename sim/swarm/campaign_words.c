// SPDX-License-Identifier: Apache-2.0
// One table of all steps of a campaign and one check for each kind of word.
#include "sim/swarm/campaign_words.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/parse.h"
#include "common/base/strbuf.h"
#include "common/model/resources.h"
#include "common/model/rules.h"
#include "common/model/sid.h"
#include "sim/swarm/campaign.h"

enum {
    WORD_PAUSE_MAX_MS = 24 * 3600 * 1000,
    WORD_SLOW_MAX_MS = 60 * 1000,
    WORD_WALL_MAX_S = 1000 * 1000 * 1000,
    WORD_TRIES_MAX = 1000,
    WORD_VOTES_MAX = CAMPAIGN_NODES_MAX,
};

enum word_kind {
    WORD_NONE,
    WORD_NODE,
    WORD_NODES,    // one or more
    WORD_NEW_NODE, // known from then on
    WORD_SID,
    WORD_NEW_SID,
    WORD_SECONDS,
    WORD_WALL_SECONDS,
    WORD_MILLISECONDS,
    WORD_PERCENT,
    WORD_COUNT,
    WORD_VOTES,
    WORD_DAEMON,
    WORD_DEVICE,
    WORD_SWITCH,
    WORD_OPTION, // key and value of a resource
    WORD_RULE,   // all that follows
    WORD_WAY_IF,
    WORD_FORCE_IF,
};

struct step_form {
    const char *verb;
    enum word_kind kinds[3];
    const char *usage;
};

static const struct step_form step_forms[] = {
    {"add", {WORD_NEW_SID}, "SID"},
    {"arm", {WORD_NONE}, ""},
    {"blind", {WORD_NODE, WORD_SWITCH}, "NODE on|off"},
    {"blind-lrm", {WORD_NODE, WORD_SWITCH}, "NODE on|off"},
    {"cut", {WORD_NODE, WORD_WAY_IF}, "NODE [in|out]"},
    {"disarm", {WORD_NONE}, ""},
    {"disk-full", {WORD_NODE, WORD_SWITCH}, "NODE on|off"},
    {"disk-lost", {WORD_NODE}, "NODE"},
    {"disk-slow", {WORD_NODE, WORD_MILLISECONDS}, "NODE MILLISECONDS"},
    {"expected", {WORD_NODE, WORD_VOTES, WORD_FORCE_IF}, "NODE VOTES [force]"},
    {"fence-device", {WORD_NODE, WORD_DEVICE}, "NODE works|fails|hangs|lies"},
    {"hang-guest", {WORD_SID, WORD_SWITCH}, "SID on|off"},
    {"heal", {WORD_NONE}, ""},
    {"hold", {WORD_NODE, WORD_DAEMON, WORD_SECONDS}, "NODE DAEMON SECONDS"},
    {"kill", {WORD_NODE, WORD_DAEMON}, "NODE DAEMON"},
    {"kill-guest", {WORD_SID}, "SID"},
    {"loss", {WORD_PERCENT}, "PERCENT"},
    {"maintenance", {WORD_NODE, WORD_SWITCH}, "NODE on|off"},
    {"mend", {WORD_NODE}, "NODE"},
    {"migrate", {WORD_SID, WORD_NODE}, "SID NODE"},
    {"node-join", {WORD_NEW_NODE}, "NODE"},
    {"node-leave", {WORD_NODE}, "NODE"},
    {"node-reinstall", {WORD_NODE}, "NODE"},
    {"pause", {WORD_NODE, WORD_SECONDS}, "NODE SECONDS"},
    {"power-off", {WORD_NODE}, "NODE"},
    {"power-on", {WORD_NODE}, "NODE"},
    {"reboot", {WORD_NODE}, "NODE"},
    {"relocate", {WORD_SID, WORD_NODE}, "SID NODE"},
    {"remove", {WORD_SID}, "SID"},
    {"rule", {WORD_RULE}, "add TYPE ID --KEY VALUE…, or: remove ID"},
    {"set", {WORD_SID, WORD_OPTION}, "SID KEY VALUE"},
    {"settle", {WORD_NONE}, ""},
    {"split", {WORD_NODES}, "NODE…"},
    {"start-fails", {WORD_SID, WORD_COUNT}, "SID COUNT"},
    {"start-slow", {WORD_SID, WORD_SECONDS}, "SID SECONDS"},
    {"stop", {WORD_SID}, "SID"},
    {"stop-slow", {WORD_SID, WORD_SECONDS}, "SID SECONDS"},
    {"wall-clock", {WORD_NODE, WORD_WALL_SECONDS}, "NODE SECONDS"},
};

// Where the check of a step stands.
struct word_reader {
    struct arena *arena;
    struct campaign_names *names;
    const struct campaign_step *step;
    size_t next;
};

void campaign_names_init(struct campaign_names *names, struct arena *arena,
                         const struct campaign_cluster *cluster)
{
    *names = (struct campaign_names){.nodes = cluster->nodes, .services = cluster->services};
    map_init_arena(&names->added, arena);
}

// The number behind the prefix when the word is one and is among those, else -EINVAL.
static int word_number(const char *word, const char *prefix, int64_t first, int64_t count)
{
    int64_t number = 0;
    size_t length = strlen(prefix);
    bool is_it = strncmp(word, prefix, length) == 0 && word[length] >= '1' && word[length] <= '9' &&
                 parse_int64(word + length, first, first + count - 1, &number) == 0;
    return is_it ? 0 : -EINVAL;
}

static int word_node(struct word_reader *reader, const char *word, struct error *err)
{
    if (map_has(&reader->names->added, word) ||
        word_number(word, "node", 1, reader->names->nodes) == 0) {
        return 0;
    }
    return error_set(err, -EINVAL,
                     "'%s' is no node: there are node1 to node%" PRId64
                     " and those that have joined",
                     word, reader->names->nodes);
}

static int word_new_node(struct word_reader *reader, const char *word, struct error *err)
{
    if (word_number(word, "node", 1, CAMPAIGN_NODES_MAX) < 0) {
        return error_set(err, -EINVAL, "expected a node from node1 to node%d, not '%s'",
                         CAMPAIGN_NODES_MAX, word);
    }
    map_put(&reader->names->added, word, reader);
    return 0;
}

static int word_sid(struct word_reader *reader, const char *word, struct error *err)
{
    if (map_has(&reader->names->added, word) ||
        word_number(word, "ct:", CAMPAIGN_FIRST_ID, reader->names->services) == 0) {
        return 0;
    }
    return error_set(err, -EINVAL,
                     "'%s' is no service: there are %" PRId64
                     " from ct:%d on, and those that were added",
                     word, reader->names->services, CAMPAIGN_FIRST_ID);
}

static int word_new_sid(struct word_reader *reader, const char *word, struct error *err)
{
    if (word_number(word, "ct:", CAMPAIGN_FIRST_ID, CAMPAIGN_SERVICES_MAX) < 0) {
        return error_set(err, -EINVAL, "expected a service such as ct:%d, not '%s'",
                         CAMPAIGN_FIRST_ID, word);
    }
    map_put(&reader->names->added, word, reader);
    return 0;
}

static int word_among(const char *word, const char *const *allowed, size_t count, const char *list,
                      struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(word, allowed[i]) == 0) {
            return 0;
        }
    }
    return error_set(err, -EINVAL, "expected %s, not '%s'", list, word);
}

static int word_seconds(const char *word, struct error *err)
{
    int64_t ms = 0;
    if (campaign_parse_seconds(word, WORD_PAUSE_MAX_MS, &ms) < 0) {
        return error_set(err, -EINVAL, "expected seconds from 0 to %d, not '%s'",
                         WORD_PAUSE_MAX_MS / 1000, word);
    }
    return 0;
}

static int word_integer(const char *word, int64_t min, int64_t max, const char *what,
                        struct error *err)
{
    int64_t value = 0;
    if (parse_int64(word, min, max, &value) < 0) {
        return error_set(err, -EINVAL, "expected %s from %" PRId64 " to %" PRId64 ", not '%s'",
                         what, min, max, word);
    }
    return 0;
}

// A rule as operators give it: its options are those of the section.
static int word_rule_add(struct word_reader *reader, struct error *err)
{
    const struct campaign_step *step = reader->step;
    enum rule_type type = RULE_TYPE_MAX;
    if (step->count < 4 || rule_type_from_string(step->words[2], &type) < 0) {
        return error_set(err, -EINVAL,
                         "expected: rule add node-affinity|resource-affinity ID --KEY VALUE…");
    }
    int r = config_id_check(step->words[3], err);
    if (r < 0) {
        return r;
    }
    struct rule *rule = rule_new(reader->arena, step->words[3], type);
    for (size_t i = 4; i < step->count; i += 2) {
        if (strncmp(step->words[i], "--", 2) != 0 || i + 1 == step->count) {
            return error_set(err, -EINVAL, "expected --KEY VALUE, not '%s'", step->words[i]);
        }
        r = rule_set_option(reader->arena, rule, step->words[i] + 2, step->words[i + 1], err);
        if (r < 0) {
            return r;
        }
    }
    reader->next = step->count;
    return rule_check_complete(rule, err);
}

static int word_rule(struct word_reader *reader, struct error *err)
{
    const struct campaign_step *step = reader->step;
    if (step->count == 3 && strcmp(step->words[1], "remove") == 0) {
        reader->next = step->count;
        return config_id_check(step->words[2], err);
    }
    if (strcmp(step->words[1], "add") != 0) {
        return error_set(err, -EINVAL, "expected 'rule add …' or 'rule remove ID'");
    }
    return word_rule_add(reader, err);
}

static int word_option(struct word_reader *reader, const char *key, struct error *err)
{
    const struct campaign_step *step = reader->step;
    if (reader->next == step->count) {
        return error_set(err, -EINVAL, "a value for '%s' is missing", key);
    }
    struct resource *resource = resource_new(reader->arena, step->words[1]);
    return resource_set(reader->arena, resource, key, step->words[reader->next++], err);
}

static int word_nodes(struct word_reader *reader, const char *first, struct error *err)
{
    int r = word_node(reader, first, err);
    while (r == 0 && reader->next < reader->step->count) {
        r = word_node(reader, reader->step->words[reader->next++], err);
    }
    return r;
}

static int word_check(struct word_reader *reader, enum word_kind kind, const char *word,
                      struct error *err)
{
    static const char *const daemons[] = {"corosync", "clusterd", "crm", "lrm", "watchdogd"};
    static const char *const devices[] = {"works", "fails", "hangs", "lies"};
    static const char *const switches[] = {"on", "off"};
    static const char *const ways[] = {"in", "out"};
    static const char *const force[] = {"force"};
    switch (kind) {
    case WORD_NODE:
        return word_node(reader, word, err);
    case WORD_NODES:
        return word_nodes(reader, word, err);
    case WORD_NEW_NODE:
        return word_new_node(reader, word, err);
    case WORD_SID:
        return word_sid(reader, word, err);
    case WORD_NEW_SID:
        return word_new_sid(reader, word, err);
    case WORD_SECONDS:
        return word_seconds(word, err);
    case WORD_WALL_SECONDS:
        return word_integer(word, -WORD_WALL_MAX_S, WORD_WALL_MAX_S, "seconds", err);
    case WORD_MILLISECONDS:
        return word_integer(word, 0, WORD_SLOW_MAX_MS, "milliseconds", err);
    case WORD_PERCENT:
        return word_integer(word, 0, 100, "a percentage", err);
    case WORD_COUNT:
        return word_integer(word, 0, WORD_TRIES_MAX, "a number", err);
    case WORD_VOTES:
        return word_integer(word, 1, WORD_VOTES_MAX, "votes", err);
    case WORD_DAEMON:
        return word_among(word, daemons, ARRAY_SIZE(daemons),
                          "corosync, clusterd, crm, lrm or watchdogd", err);
    case WORD_DEVICE:
        return word_among(word, devices, ARRAY_SIZE(devices), "works, fails, hangs or lies", err);
    case WORD_SWITCH:
        return word_among(word, switches, ARRAY_SIZE(switches), "on or off", err);
    case WORD_OPTION:
        return word_option(reader, word, err);
    case WORD_RULE:
        return word_rule(reader, err);
    case WORD_WAY_IF:
        return word_among(word, ways, ARRAY_SIZE(ways), "in or out", err);
    case WORD_FORCE_IF:
        return word_among(word, force, ARRAY_SIZE(force), "force or nothing", err);
    case WORD_NONE:
        break;
    }
    return error_set(err, -EINVAL, "'%s' is too much", word);
}

static const struct step_form *step_form_find(const char *verb)
{
    for (size_t i = 0; i < ARRAY_SIZE(step_forms); i++) {
        if (strcmp(step_forms[i].verb, verb) == 0) {
            return &step_forms[i];
        }
    }
    return NULL;
}

static int step_form_unknown(const char *verb, struct error *err)
{
    struct strbuf list CLEANUP(strbuf_done) = {0};
    for (size_t i = 0; i < ARRAY_SIZE(step_forms); i++) {
        strbuf_appendf(&list, "%s%s", i > 0 ? ", " : "", step_forms[i].verb);
    }
    return error_set(err, -EINVAL, "unknown step '%s'; there are %s", verb, strbuf_text(&list));
}

int campaign_words_check(struct arena *arena, struct campaign_names *names,
                         const struct campaign_step *step, struct error *err)
{
    const struct step_form *form = step_form_find(step->words[0]);
    if (form == NULL) {
        return step_form_unknown(step->words[0], err);
    }
    struct word_reader reader = {.arena = arena, .names = names, .step = step, .next = 1};
    for (size_t i = 0; i < ARRAY_SIZE(form->kinds) && form->kinds[i] != WORD_NONE; i++) {
        bool is_optional = form->kinds[i] == WORD_WAY_IF || form->kinds[i] == WORD_FORCE_IF;
        if (reader.next == step->count) {
            return is_optional
                       ? 0
                       : error_set(err, -EINVAL, "expected: %s %s", form->verb, form->usage);
        }
        int r = word_check(&reader, form->kinds[i], step->words[reader.next++], err);
        if (r < 0) {
            return error_prefix(err, "%s", form->verb);
        }
    }
    if (reader.next < step->count) {
        return error_set(err, -EINVAL, "'%s' is too much; expected: %s %s",
                         step->words[reader.next], form->verb, form->usage);
    }
    return 0;
}
