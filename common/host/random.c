// SPDX-License-Identifier: Apache-2.0
// Secrets come from getrandom(2) and nowhere else.
#include "common/host/random.h"

#include <errno.h>
#include <sys/random.h>

#include "common/base/error.h"

int random_bytes(void *buffer, size_t size_bytes, struct error *err)
{
    unsigned char *at = buffer;
    size_t left = size_bytes;
    while (left > 0) { // each turn takes bytes or ends
        ssize_t n = getrandom(at, left, 0);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return error_set_errno(err, -errno, "cannot get random bytes");
        }
        at += n;
        left -= (size_t)n;
    }
    return 0;
}
