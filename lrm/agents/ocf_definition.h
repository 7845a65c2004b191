// SPDX-License-Identifier: Apache-2.0
// The definition of an OCF service: the configuration under "guest/ocf:<name>". Keys: "agent"
// (<provider>:<type>), "param.<name>" (a parameter of the agent), "timeout.<verb>" (seconds, for
// start, stop, monitor).
#pragma once

#include <stdint.h>

#include "common/base/macros.h"
#include "common/base/map.h"

struct arena;
struct error;
struct guest;
struct ocf_metadata;

#define OCF_KEY_AGENT      "agent"
#define OCF_PREFIX_PARAM   "param."
#define OCF_PREFIX_TIMEOUT "timeout."

enum { OCF_TIMEOUT_MIN_MS = 20 * 1000, OCF_TIMEOUT_MAX_S = 24 * 3600 };

enum ocf_verb {
    OCF_VERB_START,
    OCF_VERB_STOP,
    OCF_VERB_MONITOR,
    OCF_VERB_VALIDATE,
    OCF_VERB_METADATA,
    OCF_VERB_MAX
};

struct ocf_definition {
    const char *name; // "db1"
    const char *provider;
    const char *type;
    struct map params;                 // name → const char *
    int64_t timeouts_ms[OCF_VERB_MAX]; // 0: the agent's own, from its metadata
    int64_t interval_ms;               // between two monitors as the agent wishes it; 0: not known
};

// "start", "validate-all" and so on.
const char *ocf_verb_word(enum ocf_verb verb) WARN_UNUSED;

// -EINVAL naming the key. An agent's name may come as <type> or ocf:<provider>:<type>, too.
int ocf_definition_read(struct arena *arena, const struct guest *guest, struct ocf_definition *ret,
                        struct error *err) WARN_UNUSED;
// The form alone; for `check_definition`.
int ocf_definition_check(const struct guest *guest, struct error *err) WARN_UNUSED;
// "<provider>:<type>" of whatever form the name has; -EINVAL.
int ocf_agent_name(struct arena *arena, const char *text, const char **ret,
                   struct error *err) WARN_UNUSED;
// Where agents are: OCF_ROOT, or /usr/lib/ocf.
const char *ocf_root(void) WARN_UNUSED;
// The agent's program, in the arena. -ENOENT: it is not installed on this node.
int ocf_definition_program(struct arena *arena, const struct ocf_definition *definition,
                           const char **ret, struct error *err) WARN_UNUSED;
// Adds "<provider>:<type>" → anything for each agent that is installed on this node.
void ocf_agents_list(struct arena *arena, struct map *names);
// Takes times that are not set from the metadata, none shorter than OCF_TIMEOUT_MIN_MS.
void ocf_definition_take_times(struct ocf_definition *definition,
                               const struct ocf_metadata *metadata);
