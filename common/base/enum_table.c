// SPDX-License-Identifier: Apache-2.0
// Lookup in enum tables, both ways.
#include "common/base/enum_table.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "common/base/strbuf.h"

const char *enum_table_name(const struct enum_table *table, int value)
{
    assert(value >= 0);
    assert((size_t)value < table->count);
    const char *name = table->names[value];
    assert(name != NULL);
    return name;
}

int enum_table_value(const struct enum_table *table, const char *name)
{
    for (size_t i = 0; i < table->count; i++) {
        if (table->names[i] != NULL && strcmp(table->names[i], name) == 0) {
            return (int)i;
        }
    }
    return -EINVAL;
}

void enum_table_list(const struct enum_table *table, struct strbuf *out)
{
    const char *separator = "";
    for (size_t i = 0; i < table->count; i++) {
        if (table->names[i] != NULL) {
            strbuf_append(out, separator);
            strbuf_append(out, table->names[i]);
            separator = ", ";
        }
    }
}
