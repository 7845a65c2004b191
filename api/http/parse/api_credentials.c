// SPDX-License-Identifier: Apache-2.0
// Reads ticket, CSRF token and API token from the headers.
#include "api/http/parse/api_credentials.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "api/http/parse/http_head.h"
#include "api/http/parse/url_text.h"
#include "common/base/arena.h"
#include "common/base/strbuf.h"

#define COOKIE_NAME  "PVEAuthCookie"
#define TOKEN_SCHEME "PVEAPIToken"

static const char *blanks_skip(const char *text)
{
    return text + strspn(text, " \t");
}

// The value of the first cookie of our name in one header.
static const char *cookie_find(const char *header, size_t *ret_size_bytes)
{
    const char *p = blanks_skip(header);
    while (*p != '\0') {
        size_t size = strcspn(p, ";");
        const char *equals = memchr(p, '=', size);
        if (equals != NULL && (size_t)(equals - p) == strlen(COOKIE_NAME) &&
            memcmp(p, COOKIE_NAME, strlen(COOKIE_NAME)) == 0) {
            const char *value = equals + 1;
            size_t length = (size_t)(p + size - value);
            while (length > 0 && (value[length - 1] == ' ' || value[length - 1] == '\t')) {
                length--;
            }
            if (length >= 2 && value[0] == '"' && value[length - 1] == '"') {
                value++;
                length -= 2;
            }
            *ret_size_bytes = length;
            return value;
        }
        p += size;
        p = blanks_skip(p + (*p == ';' ? 1 : 0));
    }
    return NULL;
}

static const char *scheme_skip(const char *value, const char *scheme)
{
    size_t length = strlen(scheme);
    if (strncasecmp(value, scheme, length) != 0 || strchr("= \t", value[length]) == NULL ||
        value[length] == '\0') {
        return NULL;
    }
    return blanks_skip(value + length + 1);
}

static const char *token_find(const char *authorization)
{
    const char *bearer = scheme_skip(authorization, "Bearer");
    const char *token = scheme_skip(bearer != NULL ? bearer : authorization, TOKEN_SCHEME);
    return token != NULL ? token : bearer;
}

static int text_read(struct arena *arena, const char *text, size_t size_bytes, const char **ret,
                     struct error *err)
{
    char *decoded;
    int r = url_decode(arena, text, size_bytes, false, &decoded, err);
    if (r == 0 && *decoded != '\0') {
        *ret = decoded;
    }
    return r;
}

int api_credentials_read(struct arena *arena, const struct http_head *head,
                         struct api_credentials *ret, struct error *err)
{
    struct api_credentials found = {0};
    int r = 0;
    for (size_t i = 0; i < head->headers_count && found.ticket == NULL && r == 0; i++) {
        if (strcasecmp(head->headers[i].name, "Cookie") != 0) {
            continue;
        }
        size_t size;
        const char *ticket = cookie_find(head->headers[i].value, &size);
        r = ticket != NULL ? text_read(arena, ticket, size, &found.ticket, err) : 0;
    }
    const char *csrf = http_head_find(head, "CSRFPreventionToken");
    if (r == 0 && csrf != NULL) {
        r = text_read(arena, csrf, strlen(csrf), &found.csrf, err);
    }
    const char *authorization = http_head_find(head, "Authorization");
    const char *token = authorization != NULL ? token_find(authorization) : NULL;
    if (r == 0 && token != NULL) {
        r = text_read(arena, token, strlen(token), &found.token, err);
    }
    if (r == 0) {
        *ret = found;
    }
    return r;
}

char *api_credentials_format(struct arena *arena, const struct api_credentials *credentials)
{
    struct strbuf out CLEANUP(strbuf_done) = {0};
    if (credentials->ticket != NULL) {
        strbuf_appendf(&out, "Cookie: " COOKIE_NAME "=%s\r\n",
                       url_encode(arena, credentials->ticket));
    }
    if (credentials->csrf != NULL) {
        strbuf_appendf(&out, "CSRFPreventionToken: %s\r\n", url_encode(arena, credentials->csrf));
    }
    if (credentials->token != NULL) {
        strbuf_appendf(&out, "Authorization: " TOKEN_SCHEME "=%s\r\n",
                       url_encode(arena, credentials->token));
    }
    return arena_strdup(arena, strbuf_text(&out));
}
