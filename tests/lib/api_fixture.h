// SPDX-License-Identifier: Apache-2.0
// Calls of the API on a store in memory: routed, checked and carried out as in the daemon, with
// what they caused noted.
#pragma once

#include <stdint.h>

#include "common/base/macros.h"
#include "tests/lib/fake_membership.h"

struct api_fixture;
struct json;
struct usage_book;

struct api_fixture *api_fixture_new(void) WARN_UNUSED; // on node1 of three
void api_fixture_free(struct api_fixture *f);

// Of all calls that follow; "root@pam" at first. NULL: not logged in.
void api_fixture_user(struct api_fixture *f, const char *user);
// Writes into the store; NULL deletes.
void api_fixture_put(struct api_fixture *f, const char *key, const char *value);
struct fake_membership *api_fixture_members(struct api_fixture *f) WARN_UNUSED;

struct usage_book *api_fixture_usage(struct api_fixture *f) WARN_UNUSED; // empty at first

struct api_answer {
    int status;
    const char *message;
    const struct json *data, *errors;
    const char *told;    // the events, one a line, or ""
    const char *task;    // "vzstart 100: ha-guest start ct:100", or ""
    const char *changes; // what is different in the store, one key a line, or ""
};

// `form`: "a=b c=d", parted by single blanks; "+" stands for a blank. Lives until the fixture ends.
struct api_answer api_fixture_call(struct api_fixture *f, const char *verb, const char *path,
                                   const char *form);
// The data as one line.
const char *api_fixture_text(struct api_fixture *f, const struct json *json) WARN_UNUSED;
