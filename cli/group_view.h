// SPDX-License-Identifier: Apache-2.0
// Older groups of nodes as a view of what is stored in their place: each node affinity rule is a
// group whose members are the rule's resources. A rule "ha-group-<name>" is the group <name>, any
// other rule is one of its own name. A rule cannot be without resources; so a group that somebody
// made is kept under "config/group-view", too, until it is removed, and becomes a rule with its
// first member. Where rule and definition differ, the rule is true.
#pragma once

#include <stdint.h>

#include "cli/group_edit.h"
#include "common/base/macros.h"
#include "common/base/map.h"
#include "common/model/groups.h"
#include "common/model/rules.h"
#include "common/port/store.h"

struct arena;
struct cluster_view;
struct error;
struct session;

#define GROUP_VIEW_RULE_PREFIX "ha-group-"

struct group_view {
    struct group_set groups;  // as they are seen; the digest is of all they are made of
    struct group_set defined; // under "config/group-view"
    struct rule_set rules;
    uint64_t defined_version, rules_version;
};

int group_view_read(struct arena *arena, const struct session *session,
                    const struct cluster_view *view, struct group_view *ret,
                    struct error *err) WARN_UNUSED;
// The group's members: the rule, or NULL when it has none.
struct rule *group_view_rule(struct arena *arena, const struct group_view *groups,
                             const char *id) WARN_UNUSED;

// As group_add() and its like (group_edit.h), on the view. A change is one of rule, definition and
// members (nofailback is what they have) in one transaction.
int group_view_add(struct arena *arena, const struct session *session,
                   const struct cluster_view *view, const char *id,
                   const struct group_request *request, struct error *err) WARN_UNUSED;
int group_view_change(struct arena *arena, const struct session *session,
                      const struct cluster_view *view, const char *id,
                      const struct group_request *request, struct error *err) WARN_UNUSED;
// -EBUSY: it has members.
int group_view_remove(struct arena *arena, const struct session *session,
                      const struct cluster_view *view, const char *id,
                      struct error *err) WARN_UNUSED;

enum { GROUP_VIEW_OPS_MAX = 2 };
struct group_view_ops {
    struct store_op ops[GROUP_VIEW_OPS_MAX];
    size_t count;
    bool nofailback; // the resource does not return by itself
};
// What is to be written with a resource so that it is a member of the group, and of no other;
// NULL: of none. -ENOENT: there is no such group.
int group_view_assign(struct arena *arena, const struct session *session,
                      const struct cluster_view *view, const char *sid, const char *id,
                      struct group_view_ops *ret, struct error *err) WARN_UNUSED;

// Before a resource is taken out of all rules: a group that loses its last member with it stays as
// one without members, as its rule says it now is.
int group_view_keep(struct arena *arena, const struct session *session,
                    const struct cluster_view *view, const char *sid,
                    struct error *err) WARN_UNUSED;
