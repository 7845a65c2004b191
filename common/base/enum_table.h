// SPDX-License-Identifier: Apache-2.0
// The one place of an enum's spelling: a table from value to name, and reading and writing through
// it.
#pragma once

#include <stddef.h>

#include "common/base/macros.h"

struct enum_table {
    const char *const *names; // indexed by value
    size_t count;
};

// The name; asserts that the value is in the table.
const char *enum_table_name(const struct enum_table *table, int value) WARN_UNUSED;
// The value, or -EINVAL when no name matches.
int enum_table_value(const struct enum_table *table, const char *name) WARN_UNUSED;
// "a, b, c": what an error message says is allowed. In the arena-free static form: written into the
// buffer.
struct strbuf;
void enum_table_list(const struct enum_table *table, struct strbuf *out);

// ENUM_TABLE(svc_state, "stopped", "started", …) defines svc_state_to_string() and
// svc_state_from_string() and the table itself, svc_state_table, for messages and tests.
#define ENUM_TABLE_DECLARE(type)                                                                   \
    extern const struct enum_table type##_table;                                                   \
    const char *type##_to_string(enum type value) WARN_UNUSED;                                     \
    int type##_from_string(const char *name, enum type *ret_value) WARN_UNUSED

#define ENUM_TABLE(type, max, ...)                                                                 \
    static const char *const type##_names[max] = {__VA_ARGS__};                                    \
    const struct enum_table type##_table = {type##_names, max};                                    \
    const char *type##_to_string(enum type value)                                                  \
    {                                                                                              \
        return enum_table_name(&type##_table, (int)value);                                         \
    }                                                                                              \
    int type##_from_string(const char *name, enum type *ret_value)                                 \
    {                                                                                              \
        int value = enum_table_value(&type##_table, name);                                         \
        if (value < 0) {                                                                           \
            return value;                                                                          \
        }                                                                                          \
        *ret_value = (enum type)value;                                                             \
        return 0;                                                                                  \
    }                                                                                              \
    extern const struct enum_table type##_table
