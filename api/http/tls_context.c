// SPDX-License-Identifier: Apache-2.0
// OpenSSL's contexts.
#include "api/http/tls_context.h"

#include <assert.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/base/error.h"

// Forward secrecy and authenticated encryption; those of TLS 1.3 are so anyway.
#define TLS12_CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM"

static int openssl_fail(struct error *err, const char *what, const char *path)
{
    unsigned long code = ERR_peek_error();
    const char *reason = ERR_reason_error_string(code);
    ERR_clear_error();
    return error_set(err, -EINVAL, "cannot use %s '%s': %s", what, path,
                     reason != NULL ? reason : "unknown reason");
}

static void fingerprint_make(const X509 *certificate, char *text)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    int good = X509_digest(certificate, EVP_sha256(), digest, &size);
    assert(good == 1);
    assert(size == 32);
    for (unsigned i = 0; i < size; i++) {
        (void)snprintf(text + (size_t)i * 3, 4, i + 1 < size ? "%02X:" : "%02X", digest[i]);
    }
}

static SSL_CTX *context_new(const SSL_METHOD *method)
{
    SSL_CTX *context = SSL_CTX_new(method);
    assert(context != NULL); // without memory there is no going on
    bool good = SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
                SSL_CTX_set_cipher_list(context, TLS12_CIPHERS) == 1;
    assert(good);
    (void)SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                           SSL_OP_CIPHER_SERVER_PREFERENCE);
    (void)SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    return context;
}

static int pair_load(SSL_CTX *context, const char *certificate, const char *key, struct error *err)
{
    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(context, certificate) != 1) {
        return openssl_fail(err, "the certificate", certificate);
    }
    if (SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(context) != 1) {
        return openssl_fail(err, "the key", key);
    }
    return 0;
}

int tls_server_load(const char *certificate, const char *key, struct tls_server *ret,
                    struct error *err)
{
    SSL_CTX *context = context_new(TLS_server_method());
    int r = pair_load(context, certificate, key, err);
    if (r < 0) {
        SSL_CTX_free(context);
        return r;
    }
    // Sessions are kept by clients, in tickets: no memory for each.
    (void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    ret->context = context;
    fingerprint_make(SSL_CTX_get0_certificate(context), ret->fingerprint);
    return 0;
}

void tls_server_done(struct tls_server *server)
{
    SSL_CTX_free(server->context);
    server->context = NULL;
}

SSL_CTX *tls_client_new(void)
{
    SSL_CTX *context = context_new(TLS_client_method());
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
    return context;
}

void tls_client_free(SSL_CTX *context)
{
    SSL_CTX_free(context);
}

bool tls_peer_is(SSL *ssl, const char *fingerprint)
{
    char found[TLS_FINGERPRINT_BYTES];
    const X509 *certificate = SSL_get0_peer_certificate(ssl);
    if (certificate == NULL) {
        return false;
    }
    fingerprint_make(certificate, found);
    const char *p = fingerprint;
    for (const char *q = found; *q != '\0'; q++) {
        if (*q == ':') {
            p += *p == ':' ? 1 : 0;
            continue;
        }
        if (strncasecmp(p, q, 1) != 0) {
            return false;
        }
        p++;
    }
    return *p == '\0';
}
