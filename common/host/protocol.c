// SPDX-License-Identifier: Apache-2.0
// The spelling of error codes on the wire: names, since numbers differ between architectures.
#include "common/host/protocol.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

struct code_name {
    int code;
    const char *name;
};

static const struct code_name code_names[] = {
    {-E2BIG, "E2BIG"},         {-EACCES, "EACCES"},
    {-EAGAIN, "EAGAIN"},       {-EBUSY, "EBUSY"},
    {-EEXIST, "EEXIST"},       {-EHOSTDOWN, "EHOSTDOWN"},
    {-EINVAL, "EINVAL"},       {-EIO, "EIO"},
    {-EMSGSIZE, "EMSGSIZE"},   {-ENOENT, "ENOENT"},
    {-ENOSPC, "ENOSPC"},       {-ENOTCONN, "ENOTCONN"},
    {-ENOTSUP, "ENOTSUP"},     {-EPERM, "EPERM"},
    {-EPROTO, "EPROTO"},       {-ESTALE, "ESTALE"},
    {-ETIMEDOUT, "ETIMEDOUT"},
};

const char *protocol_code_to_string(int code)
{
    for (size_t i = 0; i < ARRAY_SIZE(code_names); i++) {
        if (code_names[i].code == code) {
            return code_names[i].name;
        }
    }
    return "EIO";
}

int protocol_code_from_string(const char *name)
{
    for (size_t i = 0; name != NULL && i < ARRAY_SIZE(code_names); i++) {
        if (strcmp(code_names[i].name, name) == 0) {
            return code_names[i].code;
        }
    }
    return -EIO;
}
