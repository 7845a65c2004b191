// SPDX-License-Identifier: Apache-2.0
// The one that is on. Compiled with -Dplanted_bugs=true only, for programs that nobody installs:
// the one place with writable static data, since the question is asked everywhere.
#include "common/base/planted.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

static const struct {
    const char *name, *text;
} planted_bugs[] = {
#define PLANTED_ROW(name, word, text) {word, text},
    PLANTED_BUGS(PLANTED_ROW)
#undef PLANTED_ROW
};

static enum planted planted_chosen = PLANTED_MAX;

bool planted_is(enum planted bug)
{
    return bug == planted_chosen;
}

int planted_choose(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(planted_bugs); i++) {
        if (strcmp(planted_bugs[i].name, name) == 0) {
            planted_chosen = (enum planted)i;
            return 0;
        }
    }
    return -EINVAL;
}

const char *planted_name(enum planted bug)
{
    assert(bug < PLANTED_MAX);
    return planted_bugs[bug].name;
}

const char *planted_text(enum planted bug)
{
    assert(bug < PLANTED_MAX);
    return planted_bugs[bug].text;
}
