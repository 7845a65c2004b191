// SPDX-License-Identifier: Apache-2.0
// A folder with a database in it, for tests of the storage.
#pragma once

#include <stdint.h>

#include "common/base/macros.h"

struct arena;
struct error;
struct replica_row;

struct store_place {
    struct arena *arena;
    char *folder;
    char *path; // of the database, which is not there yet
};

// Setup and teardown for cmocka: *state is a struct store_place *.
int store_place_make(void **state);
int store_place_remove(void **state);
#define store_place_test(function)                                                                 \
    cmocka_unit_test_setup_teardown(function, store_place_make, store_place_remove)

// What the file says when it is opened and loaded, as one text in the arena; NULL and the error
// when it is not sound. `ret_version` (its last version) may be NULL.
char *store_place_content(struct arena *arena, const char *path, uint64_t *ret_version,
                          struct error *err) WARN_UNUSED;
struct replica_row store_place_row(const char *key, const char *value,
                                   uint64_t version) WARN_UNUSED;
// Fails the test with the words.
void store_place_must(int r, const struct error *err);
