// SPDX-License-Identifier: Apache-2.0
// The API of a member as a node sees it that is in no cluster yet: HTTPS, where the only proof of
// who answers is the SHA-256 fingerprint of its certificate. Nothing is sent before that is proved.
#pragma once

#include <stdint.h>

#include "common/base/macros.h"

struct arena;
struct error;
struct json;
struct peer_client;

enum { PEER_PORT = 8006 };

// `fingerprint`: 32 pairs of hex digits and colons.
int peer_client_new(const char *host, const char *fingerprint, struct peer_client **ret,
                    struct error *err) WARN_UNUSED;
void peer_client_free(struct peer_client *peer);
void peer_client_freep(struct peer_client **peer);
// Later calls are this user's. -EACCES: refused.
int peer_client_login(struct peer_client *peer, const char *user, const char *password,
                      struct error *err) WARN_UNUSED;
// `parameters` (an object) make it a POST; NULL: a GET. The data is in the arena. -EHOSTUNREACH:
// no whole answer, and whether it was done is not known; -EACCES: another certificate, or not
// allowed; -EREMOTEIO with the member's words.
int peer_client_call(struct peer_client *peer, struct arena *arena, const char *path,
                     const struct json *parameters, struct json **ret_data,
                     struct error *err) WARN_UNUSED;
// This machine's address on the connection of the last call.
const char *peer_client_local_address(const struct peer_client *peer) WARN_UNUSED;
