// SPDX-License-Identifier: Apache-2.0
// Who is told of events: the section file under "config/notifications". A section is a target, its
// type the way it is told; its rules say of what. Secrets of targets are under
// "secret/notify/<target>", one line each (docs/notifications.md).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/enum_table.h"
#include "common/base/macros.h"
#include "common/base/map.h"
#include "common/model/event.h"

struct arena;
struct error;
struct json;

enum notify_kind { NOTIFY_KIND_MAIL, NOTIFY_KIND_WEBHOOK, NOTIFY_KIND_EXEC, NOTIFY_KIND_MAX };
ENUM_TABLE_DECLARE(notify_kind);

enum {
    NOTIFY_RULES_MAX = 16,
    NOTIFY_TARGETS_MAX = 32,
    NOTIFY_VALUE_MAX = 1024,
    NOTIFY_RATE_DEFAULT = 30,
    NOTIFY_RATE_MAX = 6000,
    NOTIFY_SECRET_MAX = 1024,
};

// All that is said must fit. Each of the texts is a list of patterns with '*' and '?', parted by
// ','; NULL: any.
struct notify_rule {
    const char *event, *node, *sid;
    bool has_level;
    enum event_level level; // this or worse
};

struct notify_target {
    const char *name;
    enum notify_kind kind;
    const char *to, *from;             // mail: addresses, parted by ','; the sender's, or NULL
    const char *url, *header, *cafile; // webhook; NULL: "Authorization: Bearer"; the system's
    const char *program, *user;        // exec; NULL: without privileges
    int64_t rate;                      // messages a minute at most
    uint64_t since;                    // number of the history that it begins after
    bool disabled;
    struct notify_rule rules[NOTIFY_RULES_MAX]; // one that fits is enough; none: all events
    size_t rules_count;
};

struct notify_config {
    struct map targets; // name → struct notify_target *
};

struct notify_target *notify_target_new(struct arena *arena, const char *name,
                                        enum notify_kind kind) WARN_UNUSED;
// Sets a key as it stands in the file: to, from, url, header, cafile, program, user, rate, since,
// disabled, rule or rule.<N> (adds one). -EINVAL with the allowed form, also for a key of another
// kind.
int notify_target_set(struct arena *arena, struct notify_target *target, const char *key,
                      const char *value, struct error *err) WARN_UNUSED;
// Whether everything is there that its kind needs.
int notify_target_check(const struct notify_target *target, struct error *err) WARN_UNUSED;

// NULL or "": no targets. -EINVAL with the line.
int notify_config_parse(struct arena *arena, const char *text, struct notify_config **ret,
                        struct error *err) WARN_UNUSED;
char *notify_config_format(struct arena *arena, const struct notify_config *config) WARN_UNUSED;

// "event=fence-*,recover level=warning node=node1 sid=ct:*"
int notify_rule_parse(struct arena *arena, const char *text, struct notify_rule *ret,
                      struct error *err) WARN_UNUSED;
char *notify_rule_format(struct arena *arena, const struct notify_rule *rule) WARN_UNUSED;
// Whether the target wants this entry, as history_show() shows it. `node` fits the fields node,
// from, to and target.
bool notify_target_wants(const struct notify_target *target, const struct json *entry) WARN_UNUSED;

// One line of printable ASCII that can stand in a header.
int notify_secret_check(const char *secret, struct error *err) WARN_UNUSED;
// Whether a secret may go there: encrypted, or to this very machine.
bool notify_url_keeps_secrets(const char *url) WARN_UNUSED;
