// SPDX-License-Identifier: Apache-2.0
// What a change of the rules does to the rules it is not about.
#pragma once

#include "common/base/macros.h"

struct error;
struct map;

// `before` and `after` are results of rules_check(). -EINVAL, naming the rule and the reason, when
// a rule other than `own` is in conflict after the change and was not before. Conflicts that were
// there before are nobody's fault now.
int rule_conflicts_check(const struct map *before, const struct map *after, const char *own,
                         struct error *err) WARN_UNUSED;
