// SPDX-License-Identifier: Apache-2.0
// Affinity rules for tools: reading them with what is wrong with each, and changing one. All checks
// come before the one write, which is refused when the rules have changed meanwhile.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/macros.h"
#include "common/base/map.h"
#include "common/model/rules.h"

struct arena;
struct cluster_view;
struct error;
struct json;
struct rule_problems;
struct session;

struct rule_book {
    struct rule_set set;
    uint64_t version;    // STORE_ABSENT: there is no document yet
    struct map problems; // id → struct rule_problems *
};

// What a command line asks for: option → text; only those that were given.
struct rule_request {
    struct map set;     // of comment, disable, strict, nodes, affinity, resources
    const char *type;   // what the rule must be; NULL: as it is
    const char *unset;  // list of options that return to their defaults, or NULL
    const char *digest; // of all rules as the caller saw them, or NULL
    bool insist;        // that other rules could not be used any more is no reason to refuse
    // Set when the change was refused since the rule itself could not be kept: in words.
    const struct rule_problems *problems;
};

void rule_request_init(struct arena *arena, struct rule_request *ret);

// Without quorum, too. What cannot be read is among the set's warnings.
int rule_book_read(struct arena *arena, const struct session *session,
                   const struct cluster_view *view, struct rule_book *ret,
                   struct error *err) WARN_UNUSED;
// {rule, type, resources, order, digest, …}, with "errors" when it cannot be kept.
struct json *rule_book_row(struct arena *arena, const struct rule_book *book,
                           const struct rule *rule) WARN_UNUSED;
// Whether the rule is of the type and names the resource as it was typed; NULL asks for nothing.
// 1, 0, or -errno of a resource that cannot be named so.
int rule_book_wants(struct arena *arena, const struct cluster_view *view, const struct rule *rule,
                    const char *type, const char *resource, struct error *err) WARN_UNUSED;

// -EEXIST; -EBUSY: there are older groups; -ENOENT: no such node, or a resource is not under HA;
// -EINVAL: a bad value, or the rules cannot be kept (then `problems`, when it is this one's fault).
int rule_add(struct arena *arena, const struct session *session, const struct cluster_view *view,
             const char *id, struct rule_request *request, struct error *err) WARN_UNUSED;
// -ENOENT: no such rule; -ESTALE: another digest; and as above.
int rule_change(struct arena *arena, const struct session *session, const struct cluster_view *view,
                const char *id, struct rule_request *request, struct error *err) WARN_UNUSED;
// One that is not there is as removed.
int rule_remove(struct arena *arena, const struct session *session, const struct cluster_view *view,
                const char *id, bool insist, struct error *err) WARN_UNUSED;
