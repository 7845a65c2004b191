// SPDX-License-Identifier: Apache-2.0
// Compares two results of the checks, rule by rule.
#include "cli/rule_conflicts.h"

#include <errno.h>
#include <string.h>

#include "common/base/error.h"
#include "common/base/map.h"
#include "common/model/rules_check.h"

int rule_conflicts_check(const struct map *before, const struct map *after, const char *own,
                         struct error *err)
{
    map_each (e, after) {
        const struct rule_problems *problems = e->value;
        if (strcmp(e->key, own) != 0 && !map_has(before, e->key)) {
            return error_set(err, -EINVAL,
                             "rule '%s' could not be used any more: %s (--force 1 to insist)",
                             e->key, problems->reasons[0]);
        }
    }
    return 0;
}
