// SPDX-License-Identifier: Apache-2.0
// Passwords of the realm pam: the machine's own users, asked of PAM in a process of its own with a
// time limit, since a module may wait for a server, and since it is other people's code.
#pragma once

#include <stdint.h>

#include "common/base/macros.h"

struct error;

// The service below /etc/pam.d; without that file PAM takes that of "other".
#define PAM_CHECK_SERVICE "ha-manager"

enum { PAM_CHECK_TIMEOUT_MS = 10000 };

enum pam_answer {
    PAM_ANSWER_RIGHT = 1, // the password is right, and the account may be used
    PAM_ANSWER_WRONG,
};

struct pam_question {
    const char *folder; // of the services, for tests; NULL: the machine's
    const char *user;   // without realm; its form was checked before
    const char *password;
    const char *address; // from where, for PAM's own records; or NULL
    int64_t timeout_ms;
};

// Blocks until there is an answer: not for a daemon's loop. An enum pam_answer; -ETIMEDOUT, or -EIO
// when PAM could not be asked.
int pam_check(const struct pam_question *question, struct error *err) WARN_UNUSED;
