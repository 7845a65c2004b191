// SPDX-License-Identifier: Apache-2.0
// FNV-1a, 64 bits.
#include "cluster/storage/store_sum.h"

#include <string.h>

#include "cluster/replica/replica.h"

uint64_t store_sum_start(void)
{
    return 0xcbf29ce484222325U;
}

uint64_t store_sum_add(uint64_t sum, const void *data, size_t size_bytes)
{
    const unsigned char *bytes = data;
    for (size_t i = 0; i < size_bytes; i++) {
        sum = (sum ^ bytes[i]) * 0x100000001b3U;
    }
    return sum;
}

uint64_t store_sum_add_number(uint64_t sum, uint64_t number)
{
    unsigned char bytes[8];
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (unsigned char)(number >> (8 * i) & 0xff);
    }
    return store_sum_add(sum, bytes, sizeof(bytes));
}

uint64_t store_sum_row(const struct replica_row *row)
{
    uint64_t sum = store_sum_add(store_sum_start(), row->key, strlen(row->key) + 1);
    sum = store_sum_add_number(sum, row->version);
    sum = store_sum_add_number(sum, row->value != NULL ? row->size_bytes : UINT64_MAX);
    return row->value != NULL ? store_sum_add(sum, row->value, row->size_bytes) : sum;
}
