// SPDX-License-Identifier: Apache-2.0
// Tickets, which a login gives, and the CSRF tokens that belong to them. Pure.
//
//   ticket      PVE:<user>:<8 hex digits: time>::<base64 signature>
//   CSRF token  <8 hex digits: time>:<base64 signature of time and user>
//
// secret/ticket-keys: JSON {"keys": [{"created": seconds, "secret": base64 of 32 bytes}, …]}, the
// newest first. A new key is made after a day; the one before is still accepted. A new one signs
// only when all nodes must have heard of it, so that none refuses what another just gave.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/macros.h"

struct arena;
struct error;

enum {
    TICKET_LIFETIME_S = 2 * 60 * 60,
    TICKET_GRACE_S = 5 * 60, // one may be of the future by so much: clocks differ
    TICKET_KEY_BYTES = 32,
    TICKET_KEY_AGE_S = 24 * 60 * 60,
    TICKET_KEY_SETTLE_S = 10, // from then on a new key signs
    TICKET_KEYS_MAX = 2,
    TICKET_SIZE_MAX = 256,
};

struct ticket_key {
    int64_t created_s;
    const char *secret; // TICKET_KEY_BYTES bytes
};

struct ticket_keys {
    struct ticket_key keys[TICKET_KEYS_MAX]; // the newest first
    size_t count;
};

// -EINVAL with words: no document of keys.
int ticket_keys_parse(struct arena *arena, const char *text, size_t size_bytes,
                      struct ticket_keys *ret, struct error *err) WARN_UNUSED;
char *ticket_keys_format(struct arena *arena, const struct ticket_keys *keys) WARN_UNUSED;
// Whether it is time for another key: none is there, the newest is a day old, or of the future.
bool ticket_keys_are_old(const struct ticket_keys *keys, int64_t now_s) WARN_UNUSED;
// Puts the key in front; of those before, one stays.
void ticket_keys_add(struct ticket_keys *keys, const struct ticket_key *key);

// In the arena; there must be a key.
char *ticket_make(struct arena *arena, const struct ticket_keys *keys, const char *user,
                  int64_t now_s) WARN_UNUSED;
// True for one that one of the keys signed and that is neither too old nor of the future.
bool ticket_check(struct arena *arena, const struct ticket_keys *keys, const char *ticket,
                  int64_t now_s, const char **ret_user, int64_t *ret_time_s) WARN_UNUSED;

// From where a call comes that is handed on to another node, in the words of the node that was
// asked:
//
//   <8 hex digits: time>:<base64 signature of all of it>:<address>
//
// It holds for this one call at this one node.
struct ticket_origin {
    const char *node; // that carries the call out
    const char *method, *path;
    const char *address;
};
char *ticket_origin_make(struct arena *arena, const struct ticket_keys *keys,
                         const struct ticket_origin *origin, int64_t now_s) WARN_UNUSED;
// True for one that was made for a call like *origin not long ago; `origin->address` does not
// count, *ret_address is what the text tells, in the arena.
bool ticket_origin_check(struct arena *arena, const struct ticket_keys *keys, const char *text,
                         const struct ticket_origin *origin, int64_t now_s,
                         const char **ret_address) WARN_UNUSED;

char *ticket_csrf_make(struct arena *arena, const struct ticket_keys *keys, const char *user,
                       int64_t now_s) WARN_UNUSED;
bool ticket_csrf_check(struct arena *arena, const struct ticket_keys *keys, const char *csrf,
                       const char *user, int64_t now_s) WARN_UNUSED;
