// SPDX-License-Identifier: Apache-2.0
// libcurl and OpenSSL. Neither names nor authorities count: members' certificates are made by
// themselves.
#include "cli/peer_client.h"

#include <curl/curl.h>
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/strbuf.h"

enum {
    CONNECT_TIMEOUT_MS = 10 * 1000,
    // A member waits until all others have written the new configuration.
    CALL_TIMEOUT_MS = 70 * 1000,
    ANSWER_MAX_BYTES = 1024 * 1024,
    FINGERPRINT_BYTES = 32,
    FINGERPRINT_LENGTH = FINGERPRINT_BYTES * 3 - 1,
    HTTP_REFUSED = 400,
    HTTP_UNAUTHORIZED = 401,
    HTTP_FORBIDDEN = 403,
    HTTP_BROKEN_OFF = 595, // and above: the API's front did not get an answer
};

struct peer_client {
    CURL *curl;
    struct arena *arena;
    const char *host;
    const char *fingerprint;
    const char *ticket; // NULL: not logged in
    const char *csrf;
    const char *local_address;
    char shown[FINGERPRINT_LENGTH + 1]; // the fingerprint of the certificate that was refused
    struct strbuf answer;
};

static void fingerprint_format(const unsigned char *bytes, char *ret)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < FINGERPRINT_BYTES; i++) {
        ret[3 * i] = digits[bytes[i] >> 4];
        ret[3 * i + 1] = digits[bytes[i] & 15];
        ret[3 * i + 2] = i + 1 < FINGERPRINT_BYTES ? ':' : '\0';
    }
}

// Replaces all of OpenSSL's checks of the certificate. That the other side has its key is checked
// by TLS itself.
static int certificate_check(X509_STORE_CTX *context, void *userdata)
{
    struct peer_client *peer = userdata;
    X509 *certificate = X509_STORE_CTX_get0_cert(context);
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    if (certificate == NULL || X509_digest(certificate, EVP_sha256(), digest, &size) != 1 ||
        size != FINGERPRINT_BYTES) {
        X509_STORE_CTX_set_error(context, X509_V_ERR_UNSPECIFIED);
        return 0;
    }
    fingerprint_format(digest, peer->shown);
    bool known = strcasecmp(peer->shown, peer->fingerprint) == 0;
    X509_STORE_CTX_set_error(context, known ? X509_V_OK : X509_V_ERR_APPLICATION_VERIFICATION);
    if (known) {
        peer->shown[0] = '\0';
    }
    return known ? 1 : 0;
}

static CURLcode context_set(CURL *curl, void *context, void *userdata)
{
    (void)curl;
    SSL_CTX *ssl = context;
    SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(ssl, certificate_check, userdata);
    return CURLE_OK;
}

static size_t answer_take(char *data, size_t size, size_t count, void *userdata)
{
    struct peer_client *peer = userdata;
    size_t bytes = size * count;
    if (peer->answer.size_bytes + bytes > ANSWER_MAX_BYTES) {
        return 0; // ends the call
    }
    strbuf_append_bytes(&peer->answer, data, bytes);
    return bytes;
}

int peer_client_new(const char *host, const char *fingerprint, struct peer_client **ret,
                    struct error *err)
{
    if (strlen(fingerprint) != FINGERPRINT_LENGTH ||
        strspn(fingerprint, "0123456789ABCDEFabcdef:") != FINGERPRINT_LENGTH) {
        return error_set(err, -EINVAL, "the fingerprint is not one of SHA-256");
    }
    CURL *curl = curl_easy_init();
    if (curl == NULL) {
        return error_set(err, -ENOMEM, "libcurl cannot be used");
    }
    struct peer_client *peer = alloc_zero(sizeof(*peer));
    peer->curl = curl;
    peer->arena = arena_new();
    peer->host = arena_strdup(peer->arena, host);
    peer->fingerprint = arena_strdup(peer->arena, fingerprint);
    *ret = peer;
    return 0;
}

void peer_client_free(struct peer_client *peer)
{
    if (peer != NULL) {
        curl_easy_cleanup(peer->curl);
        strbuf_done(&peer->answer);
        arena_free(peer->arena);
        free(peer);
    }
}

void peer_client_freep(struct peer_client **peer)
{
    peer_client_free(*peer);
}

const char *peer_client_local_address(const struct peer_client *peer)
{
    return peer->local_address;
}

struct request {
    const char *path;
    const char *body; // NULL: a GET
    struct curl_slist *headers;
};

static bool header_add(struct request *request, const char *line)
{
    struct curl_slist *list = curl_slist_append(request->headers, line);
    if (list != NULL) {
        request->headers = list;
    }
    return list != NULL;
}

static bool headers_make(struct peer_client *peer, struct arena *arena, struct request *request)
{
    bool good =
        header_add(request, "Content-Type: application/json") && header_add(request, "Expect:");
    if (peer->ticket != NULL) {
        good = good &&
               header_add(request, arena_printf(arena, "Cookie: PVEAuthCookie=%s", peer->ticket)) &&
               header_add(request, arena_printf(arena, "CSRFPreventionToken: %s", peer->csrf));
    }
    return good;
}

// An option that this libcurl does not take must not go unnoticed: it would be less safe.
static CURLcode options_set(struct peer_client *peer, struct arena *arena,
                            const struct request *request)
{
    CURL *curl = peer->curl;
    bool is_ipv6 = strchr(peer->host, ':') != NULL;
    const char *url = arena_printf(arena, "https://%s%s%s:%d/api2/json%s", is_ipv6 ? "[" : "",
                                   peer->host, is_ipv6 ? "]" : "", PEER_PORT, request->path);
    CURLcode r = CURLE_OK;
    curl_easy_reset(curl);
#define SET(option, value) r = r == CURLE_OK ? curl_easy_setopt(curl, option, value) : r
    SET(CURLOPT_URL, url);
    SET(CURLOPT_PROTOCOLS_STR, "https");
    SET(CURLOPT_PROXY, "");
    SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_CAINFO, NULL);
    SET(CURLOPT_CAPATH, NULL);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 0L);
    SET(CURLOPT_SSL_SESSIONID_CACHE, 0L); // the certificate is looked at each time
    SET(CURLOPT_SSL_CTX_FUNCTION, context_set);
    SET(CURLOPT_SSL_CTX_DATA, peer);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
    SET(CURLOPT_TIMEOUT_MS, (long)CALL_TIMEOUT_MS);
    SET(CURLOPT_WRITEFUNCTION, answer_take);
    SET(CURLOPT_WRITEDATA, peer);
    SET(CURLOPT_HTTPHEADER, request->headers);
    if (request->body != NULL) {
        SET(CURLOPT_POSTFIELDSIZE, (long)strlen(request->body));
        SET(CURLOPT_POSTFIELDS, request->body);
    }
#undef SET
    return r;
}

static int request_failed(const struct peer_client *peer, CURLcode code, struct error *err)
{
    if (peer->shown[0] != '\0') {
        return error_set(err, -EACCES,
                         "'%s' has another certificate than the join information says, with the "
                         "fingerprint %s: nothing was sent",
                         peer->host, peer->shown);
    }
    return error_set(err, -EHOSTUNREACH, "no answer from '%s', port %d: %s", peer->host, PEER_PORT,
                     curl_easy_strerror(code));
}

// The words of an answer that refuses.
static const char *refusal_words(struct arena *arena, const struct json *answer)
{
    struct strbuf text CLEANUP(strbuf_done) = {0};
    const char *message = answer != NULL ? json_find_string(answer, "message") : NULL;
    const struct json *errors = answer != NULL ? json_find(answer, "errors") : NULL;
    strbuf_append(&text, message != NULL ? message : "it gave no reason");
    if (errors != NULL && errors->type == JSON_TYPE_OBJECT) {
        json_each (e, errors) {
            const char *words = json_find_string(errors, e->key);
            strbuf_appendf(&text, " %s: %s", e->key, words != NULL ? words : "wrong");
        }
    }
    char *words = arena_strdup(arena, strbuf_text(&text));
    for (char *c = words; *c != '\0'; c++) {
        *c = (unsigned char)*c < ' ' ? ' ' : *c;
    }
    return words;
}

static int answer_read(const struct peer_client *peer, struct arena *arena, long status,
                       struct json **ret_data, struct error *err)
{
    struct json *answer = NULL;
    int r = json_parse(arena, strbuf_text(&peer->answer), peer->answer.size_bytes, &answer, NULL);
    if (status == HTTP_UNAUTHORIZED) {
        return error_set(err, -EACCES, "'%s' refuses user and password", peer->host);
    }
    if (status == HTTP_FORBIDDEN) {
        return error_set(err, -EACCES, "'%s' refuses: %s", peer->host,
                         refusal_words(arena, r == 0 ? answer : NULL));
    }
    if (status >= HTTP_REFUSED) {
        return error_set(err, status >= HTTP_BROKEN_OFF ? -EHOSTUNREACH : -EREMOTEIO,
                         "'%s' says: %s", peer->host, refusal_words(arena, r == 0 ? answer : NULL));
    }
    struct json *data = r == 0 ? json_find(answer, "data") : NULL;
    if (data == NULL) {
        return error_set(err, -EPROTO, "'%s' did not answer as an API of this kind does",
                         peer->host);
    }
    *ret_data = data;
    return 0;
}

int peer_client_call(struct peer_client *peer, struct arena *arena, const char *path,
                     const struct json *parameters, struct json **ret_data, struct error *err)
{
    struct request request = {.path = path};
    long status = 0;
    char *local = NULL;
    request.body = parameters != NULL ? json_to_text(arena, parameters) : NULL;
    peer->shown[0] = '\0';
    strbuf_clear(&peer->answer);
    CURLcode code = headers_make(peer, arena, &request) ? options_set(peer, arena, &request)
                                                        : CURLE_OUT_OF_MEMORY;
    if (code == CURLE_OK) {
        code = curl_easy_perform(peer->curl);
    }
    curl_slist_free_all(request.headers);
    if (code == CURLE_OK) {
        code = curl_easy_getinfo(peer->curl, CURLINFO_RESPONSE_CODE, &status);
    }
    if (code != CURLE_OK) {
        return request_failed(peer, code, err);
    }
    if (curl_easy_getinfo(peer->curl, CURLINFO_LOCAL_IP, &local) == CURLE_OK && local != NULL) {
        peer->local_address = arena_strdup(peer->arena, local);
    }
    return answer_read(peer, arena, status, ret_data, err);
}

int peer_client_login(struct peer_client *peer, const char *user, const char *password,
                      struct error *err)
{
    struct arena *arena CLEANUP(arena_freep) = arena_new();
    struct json *parameters = json_new_object(arena);
    struct json *data = NULL;
    json_put_string(parameters, "username", user);
    json_put_string(parameters, "password", password);
    int r = peer_client_call(peer, arena, "/access/ticket", parameters, &data, err);
    if (r < 0) {
        return r;
    }
    const char *ticket = data->type == JSON_TYPE_OBJECT ? json_find_string(data, "ticket") : NULL;
    const char *csrf =
        data->type == JSON_TYPE_OBJECT ? json_find_string(data, "CSRFPreventionToken") : NULL;
    if (ticket == NULL || csrf == NULL || strpbrk(ticket, "\r\n") != NULL ||
        strpbrk(csrf, "\r\n") != NULL) {
        return error_set(err, -EPROTO, "'%s' gave no ticket", peer->host);
    }
    peer->ticket = arena_strdup(peer->arena, ticket);
    peer->csrf = arena_strdup(peer->arena, csrf);
    return 0;
}
