// SPDX-License-Identifier: Apache-2.0
// Gives root's powers away.
#include "api/http/privileges.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/base/error.h"

void privileges_find(struct privileges *ret)
{
    const struct passwd *entry = getpwnam(PRIVILEGES_USER);
    *ret = (struct privileges){.user = (uid_t)-1, .group = (gid_t)-1};
    if (entry != NULL) {
        *ret = (struct privileges){.found = true, .user = entry->pw_uid, .group = entry->pw_gid};
    }
}

int privileges_drop(const struct privileges *privileges, struct error *err)
{
    if (geteuid() == 0 && privileges->found) {
        uid_t user = privileges->user;
        gid_t group = privileges->group;
        if (setgroups(1, &group) < 0 || setresgid(group, group, group) < 0 ||
            setresuid(user, user, user) < 0) {
            return error_set_errno(err, -errno, "cannot become the user '" PRIVILEGES_USER "'");
        }
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
        return error_set_errno(err, -errno, "cannot give up new privileges");
    }
    return 0;
}

size_t privileges_raise_descriptors(void)
{
    struct rlimit limit = {.rlim_cur = 1024, .rlim_max = 1024};
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        struct rlimit raised = {.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};
        if (setrlimit(RLIMIT_NOFILE, &raised) == 0) {
            limit = raised;
        }
    }
    return limit.rlim_cur;
}
