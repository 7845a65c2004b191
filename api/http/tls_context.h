// SPDX-License-Identifier: Apache-2.0
// TLS 1.2 and later: the server's certificate and key, and connections to other nodes, whose
// certificates are recognised by their fingerprints alone.
#pragma once

#include <stdbool.h>

#include "common/base/macros.h"

struct error;
struct ssl_ctx_st;
struct ssl_st;

enum { TLS_FINGERPRINT_BYTES = 32 * 3 }; // "AA:BB:…" with its NUL

struct tls_server {
    struct ssl_ctx_st *context;
    char fingerprint[TLS_FINGERPRINT_BYTES]; // SHA-256 of the certificate
};

// Reads certificate (with its chain) and key. -EINVAL: they cannot be read, or do not belong
// together; *ret is unchanged.
int tls_server_load(const char *certificate, const char *key, struct tls_server *ret,
                    struct error *err) WARN_UNUSED;
void tls_server_done(struct tls_server *server); // connections go on with what they have

// For connections to other nodes; verifies nothing by itself.
struct ssl_ctx_st *tls_client_new(void) WARN_UNUSED;
void tls_client_free(struct ssl_ctx_st *context);
// Whether the peer of a finished handshake has the certificate of this fingerprint: 32 pairs of hex
// digits, with colons or without.
bool tls_peer_is(struct ssl_st *ssl, const char *fingerprint) WARN_UNUSED;
