// SPDX-License-Identifier: Apache-2.0
// What the operator wants: the resources under HA with their options (resources.cfg). In the store
// each resource is one section text under "resource/<sid>", so that no document holds all services.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/enum_table.h"
#include "common/base/macros.h"

struct arena;
struct error;
struct section;
struct strbuf;

enum request_state {
    REQUEST_STATE_STARTED,  // keep running; "enabled" is read as this
    REQUEST_STATE_STOPPED,  // keep stopped, recover to another node after a node failure
    REQUEST_STATE_DISABLED, // keep stopped, no recovery; the way out of error
    REQUEST_STATE_IGNORED,  // not touched at all
    REQUEST_STATE_MAX
};
ENUM_TABLE_DECLARE(request_state);

enum { RESOURCE_TRIES_DEFAULT = 1, RESOURCE_COMMENT_MAX = 4096, RESOURCE_TRIES_MAX = 1000 };
// Probes and the limit of restarts, see struct resource.
enum {
    RESOURCE_PROBE_INTERVAL_S = 10,
    RESOURCE_PROBE_INTERVAL_MAX_S = 3600,
    RESOURCE_PROBE_TIMEOUT_S = 5,
    RESOURCE_PROBE_TIMEOUT_MAX_S = 30,
    RESOURCE_PROBE_FAILURES = 3,
    RESOURCE_PROBE_FAILURES_MAX = 100,
    RESOURCE_RESTART_LIMIT_MAX = 30,
    RESOURCE_RESTART_WINDOW_S = 600,
    RESOURCE_RESTART_WINDOW_MAX_S = 7 * 24 * 3600,
    RESOURCE_RETRY_INTERVAL_MAX_S = 7 * 24 * 3600,
};

struct resource {
    const char *sid;
    enum request_state state;
    const char *group; // NULL: none
    bool failback;
    int64_t max_restart;
    int64_t max_relocate;
    const char *comment; // NULL: none; decoded
    const char *probe;   // how its health is asked (common/model/probe.h); NULL: it is not
    int64_t probe_interval_s, probe_timeout_s;
    int64_t probe_failures; // so many in a row, and it is restarted
    // More restarts than this within the window count as a failure on the node. 0: no limit.
    int64_t restart_limit;
    int64_t restart_window_s;
    int64_t retry_interval_s; // in error it is tried again after so long. 0: never
    // Which keys the text has: "config" prints values as stored, without filling in defaults.
    bool has_state, has_failback, has_max_restart, has_max_relocate;
    bool has_probe_interval, has_probe_timeout, has_probe_failures;
    bool has_restart_limit, has_restart_window, has_retry_interval;
};

// A resource with all defaults, in the arena.
struct resource *resource_new(struct arena *arena, const char *sid) WARN_UNUSED;
// Sets one option from its text: state, group, failback, max_restart, max_relocate, comment,
// probe, probe_interval, probe_timeout, probe_failures, restart_limit, restart_window,
// retry_interval.
// -EINVAL with key and allowed values when the key is unknown or the value is not allowed; then
// nothing changed.
int resource_set(struct arena *arena, struct resource *resource, const char *key, const char *value,
                 struct error *err) WARN_UNUSED;
// Back to the default. -EINVAL for an unknown key.
int resource_unset(struct resource *resource, const char *key, struct error *err) WARN_UNUSED;
// From a section; -EINVAL naming line and key on the first thing that is wrong.
int resource_from_section(struct arena *arena, const struct section *section, struct resource **ret,
                          struct error *err) WARN_UNUSED;
// From the text of exactly one section (a value in the store).
int resource_parse(struct arena *arena, const char *text, struct resource **ret,
                   struct error *err) WARN_UNUSED;
// Keys in the order comment, then alphabetically.
void resource_format(const struct resource *resource, struct strbuf *out);
