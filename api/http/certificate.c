// SPDX-License-Identifier: Apache-2.0
// Makes the certificate that a node shows until its operator has a better one.
#include "api/http/certificate.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/strbuf.h"
#include "common/host/file.h"
#include "common/host/network.h"

enum { VALID_DAYS = 3650, SERIAL_BYTES = 16, PEM_MAX = 64 * 1024 };

static void key_freep(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
}

static void certificate_freep(X509 **certificate)
{
    X509_free(*certificate);
}

static void bio_freep(BIO **bio)
{
    (void)BIO_free(*bio);
}

// "DNS:node1,DNS:localhost,IP:10.0.0.1".
static void subjects_format(const struct certificate_spec *spec, struct strbuf *out)
{
    strbuf_appendf(out, "DNS:%s", spec->node);
    for (size_t i = 0; i < spec->names_count; i++) {
        strbuf_appendf(out, ",DNS:%s", spec->names[i]);
    }
    for (size_t i = 0; i < spec->addresses_count; i++) {
        strbuf_appendf(out, ",IP:%s", spec->addresses[i]);
    }
}

static bool extension_add(X509 *certificate, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    bool good = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return good;
}

static bool serial_set(X509 *certificate)
{
    unsigned char bytes[SERIAL_BYTES];
    if (RAND_bytes(bytes, sizeof(bytes)) != 1) {
        return false;
    }
    bytes[0] = (unsigned char)((bytes[0] & 0x7f) | 0x40);
    BIGNUM *number = BN_bin2bn(bytes, sizeof(bytes), NULL);
    bool good =
        number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;
    BN_free(number);
    return good;
}

static bool name_set(X509 *certificate, const char *node)
{
    X509_NAME *name = X509_get_subject_name(certificate);
    const char *entries[][2] = {{"O", "ha-manager"}, {"CN", node}};
    for (size_t i = 0; i < ARRAY_SIZE(entries); i++) {
        if (X509_NAME_add_entry_by_txt(name, entries[i][0], MBSTRING_UTF8,
                                       (const unsigned char *)entries[i][1], -1, -1, 0) != 1) {
            return false;
        }
    }
    return X509_set_issuer_name(certificate, name) == 1;
}

static bool fields_set(X509 *certificate, const struct certificate_spec *spec, EVP_PKEY *key)
{
    struct strbuf subjects CLEANUP(strbuf_done) = {0};
    subjects_format(spec, &subjects);
    // From yesterday, since clocks differ.
    return X509_set_version(certificate, X509_VERSION_3) == 1 && serial_set(certificate) &&
           ASN1_TIME_set(X509_getm_notBefore(certificate), (time_t)spec->now_s - 86400) != NULL &&
           ASN1_TIME_set(X509_getm_notAfter(certificate),
                         (time_t)(spec->now_s + (int64_t)VALID_DAYS * 86400)) != NULL &&
           X509_set_pubkey(certificate, key) == 1 && name_set(certificate, spec->node) &&
           extension_add(certificate, NID_basic_constraints, "critical,CA:FALSE") &&
           extension_add(certificate, NID_key_usage, "critical,digitalSignature") &&
           extension_add(certificate, NID_ext_key_usage, "serverAuth") &&
           extension_add(certificate, NID_subject_alt_name, strbuf_text(&subjects)) &&
           X509_sign(certificate, key, EVP_sha256()) > 0;
}

static char *bio_text(struct arena *arena, BIO *bio)
{
    char *data;
    long size = BIO_get_mem_data(bio, &data);
    return size > 0 ? arena_memdup(arena, data, (size_t)size) : NULL;
}

static EVP_PKEY *key_read(const char *text)
{
    BIO *bio CLEANUP(bio_freep) = BIO_new_mem_buf(text, -1);
    return bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
}

int certificate_make(struct arena *arena, const struct certificate_spec *spec,
                     char **ret_certificate, char **ret_key, struct error *err)
{
    EVP_PKEY *key CLEANUP(key_freep) =
        spec->key != NULL ? key_read(spec->key) : EVP_EC_gen("P-256");
    X509 *certificate CLEANUP(certificate_freep) = X509_new();
    BIO *key_bio CLEANUP(bio_freep) = BIO_new(BIO_s_mem());
    BIO *certificate_bio CLEANUP(bio_freep) = BIO_new(BIO_s_mem());
    if (key == NULL || certificate == NULL || !fields_set(certificate, spec, key) ||
        PEM_write_bio_PrivateKey(key_bio, key, NULL, NULL, 0, NULL, NULL) != 1 ||
        PEM_write_bio_X509(certificate_bio, certificate) != 1) {
        return error_set(err, -EIO, "cannot make a certificate for '%s'", spec->node);
    }
    *ret_certificate = bio_text(arena, certificate_bio);
    *ret_key = bio_text(arena, key_bio);
    return 0;
}

// --- the files -----------------------------------------------------------------------------------

static const char *full_name(struct arena *arena)
{
    char name[256];
    if (gethostname(name, sizeof(name) - 1) < 0) {
        return NULL;
    }
    name[sizeof(name) - 1] = '\0';
    // What could not be a name in a certificate is left out.
    bool good = name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "-.")] == '\0';
    return good ? arena_strdup(arena, name) : NULL;
}

static int file_put(const char *path, const char *text, mode_t mode, uid_t owner, gid_t group,
                    struct error *err)
{
    int r = file_install(path, text, strlen(text), mode, err);
    if (r < 0) {
        return r;
    }
    if (chown(path, owner, group) < 0) {
        return error_set_errno(err, -errno, "cannot give '%s' to its user", path);
    }
    return 0;
}

// The key that is there, or NULL.
static int key_find(struct arena *arena, const char *path, const char **ret, struct error *err)
{
    char *text;
    size_t size;
    int r = file_read(arena, path, PEM_MAX, &text, &size, err);
    if (r == -ENOENT) {
        error_clear(err);
        *ret = NULL;
        return 0;
    }
    if (r == 0) {
        *ret = text;
    }
    return r;
}

int certificate_ensure(struct arena *arena, const char *node, const char *certificate_path,
                       const char *key_path, uid_t owner, gid_t group, int64_t now_s,
                       struct error *err)
{
    if (access(certificate_path, F_OK) == 0) {
        return 0;
    }
    const char *names[2] = {"localhost", full_name(arena)};
    struct certificate_spec spec = {
        .node = node,
        .names = names,
        .names_count = names[1] != NULL && strcmp(names[1], node) != 0 ? 2 : 1,
        .now_s = now_s,
    };
    int r = network_addresses(arena, &spec.addresses, &spec.addresses_count, err);
    if (r == 0) {
        r = key_find(arena, key_path, &spec.key, err);
    }
    char *certificate;
    char *key;
    if (r == 0) {
        r = certificate_make(arena, &spec, &certificate, &key, err);
    }
    // The key first: a certificate without key would look like an operator's mistake.
    if (r == 0 && spec.key == NULL) {
        r = file_put(key_path, key, 0600, owner, group, err);
    }
    if (r == 0) {
        r = file_put(certificate_path, certificate, 0644, (uid_t)-1, (gid_t)-1, err);
    }
    return r < 0 ? r : 1;
}
